// Where a command goes: every rule of redirection, in the order of Valkey 9.1, with the exact texts.

import Testing

@testable import Cluster

@Suite struct `A command` {
    /// This node with slots 0…4095 of which 1 is migrating, importing 4096; slot 16383 has no owner.
    private static func map(
        health: ClusterHealth = .ok,
        replica: Bool = false,
        configure: (inout ClusterConfiguration) -> Void = { _ in }
    ) throws -> SlotMap {
        let (myself, other) = (Peer("a").id, Peer("b").id)
        let own = replica ? "myself,slave \(other) 0 0 1 connected" : "myself,master - 0 0 1 connected"
        let slots = replica ? "" : " 0-4095 [1->-\(other)] [4096-<-\(other)]"
        let rest = replica ? "0-16382" : "4096-16382"
        let text = """
            \(myself) 10.0.0.1:7000@17000,,tls-port=0 \(own)\(slots)
            \(other) 10.0.0.2:7002@17002,h2.example.com,client-ipv6=fd00::2,tls-port=7003 master - 0 0 2 connected \(rest)
            vars currentEpoch 2 lastVoteEpoch 0

            """
        var configuration = ClusterConfiguration(port: 7000)
        configure(&configuration)
        var state = ClusterState(
            restoring: try NodesConfiguration(parsing: Array(text.utf8), busUsesTLS: false),
            configuration: configuration,
            random: SeededGenerator(seed: 1),
            at: Instant(milliseconds: 0)
        )
        state.health = health
        return state.slotMap
    }

    private static let peer = NodeIndex(rawValue: 1)
    private static let all = KeyPresence(distinctCount: 2, missingCount: 0)
    private static let some = KeyPresence(distinctCount: 2, missingCount: 1)
    private static let none = KeyPresence(distinctCount: 2, missingCount: 2)
    private static let oneMissing = KeyPresence(distinctCount: 1, missingCount: 1)

    @Test(
        arguments: [
            (0, [], all, .here),
            (5000, [], all, .moved(peer)),
            (5000, .readOnlyClient, all, .moved(peer)),
            (16383, [], all, .unassigned),
            (1, [], all, .here),
            (1, [], some, .tryAgain),
            (1, [], none, .ask(peer)),
            (1, .write, oneMissing, .ask(peer)),
            (1, [.migrate, .write], none, .here),
            (1, .shardPubSub, none, .here),
            (4096, [], all, .moved(peer)),
            (4096, .asking, all, .here),
            (4096, .asking, some, .tryAgain),
            (4096, .asking, none, .tryAgain),
            (4096, .asking, oneMissing, .here),
            (4096, .migrate, none, .here),
            (4096, .shardPubSub, all, .moved(peer)),
        ] as [(Int, RequestTraits, KeyPresence, Route)]
    )
    func `to a primary`(slot: Int, traits: RequestTraits, keys: KeyPresence, route: Route) throws {
        let map = try Self.map()

        #expect(map.route(slot, traits) { keys } == route)
        if map.servesHere(slot) { #expect(route == .here) }
    }

    @Test func `is served after reading one byte where nothing is open, and nowhere else`() throws {
        let map = try Self.map()
        #expect((0..<Slot.count).filter(map.servesHere) == [0] + Array(2..<4096))
        #expect((0..<Slot.count).filter(try Self.map(health: .fail).servesHere).isEmpty)
    }

    @Test(
        arguments: [
            ([], .moved(peer)), (.readOnlyClient, .here), ([.readOnlyClient, .write], .moved(peer)),
            (.shardPubSub, .here),
        ] as [(RequestTraits, Route)]
    )
    func `to a replica of the slot's owner`(traits: RequestTraits, route: Route) throws {
        #expect(try Self.map(replica: true).route(5000, traits) { Self.all } == route)
    }

    @Test(
        arguments: [
            (0, [], false, .down), (0, .write, false, .down), (0, .shardPubSub, false, .here), (5000, [], false, .down),
            (16383, [], false, .unassigned), (0, [], true, .here), (0, .write, true, .downForWrites),
            (5000, [], true, .moved(peer)),
        ] as [(Int, RequestTraits, Bool, Route)]
    )
    func `to a node of a failing cluster`(slot: Int, traits: RequestTraits, readsAllowed: Bool, route: Route) throws {
        let map = try Self.map(health: .fail) { $0.allowsReadsWhenDown = readsAllowed }

        #expect(map.route(slot, traits) { Self.all } == route)
    }

    @Test func `on a shard channel of a failing cluster is refused where that is configured`() throws {
        let map = try Self.map(health: .fail) { $0.allowsShardPubSubWhenDown = false }

        #expect(map.route(0, .shardPubSub) { Self.all } == .down)
    }

    @Test(
        arguments: [
            (.moved(peer), "MOVED 3000 10.0.0.2:7002"), (.ask(peer), "ASK 3000 10.0.0.2:7002"),
            (.tryAgain, "TRYAGAIN Multiple keys request during rehashing of slot"),
            (.unassigned, "CLUSTERDOWN Hash slot not served"), (.down, "CLUSTERDOWN The cluster is down"),
            (.downForWrites, "CLUSTERDOWN The cluster is down and only accepts read commands"), (.here, nil),
        ] as [(Route, String?)]
    )
    func `that cannot be served is answered in the words of the real servers`(route: Route, text: String?) throws {
        #expect(try Self.map().errorText(route, slot: 3000, for: ClientView()) == text)
    }

    @Test(arguments: [
        (EndpointType.ip, false, false, "10.0.0.2:7002"), (.ip, true, false, "10.0.0.2:7003"),
        (.ip, false, true, "fd00::2:7002"), (.hostname, false, false, "h2.example.com:7002"),
        (.unknown, false, false, ":7002"),
    ])
    func `is sent where its client can go`(type: EndpointType, tls: Bool, ipv6: Bool, place: String) throws {
        let map = try Self.map { $0.preferredEndpoint = type }
        let client = ClientView(usesTLS: tls, isIPv6: ipv6)

        #expect(map.errorText(.moved(Self.peer), slot: 1, for: client) == "MOVED 1 \(place)")
    }

    @Test func `for a host without a known name is sent to a question mark`() throws {
        let map = try Self.map { $0.preferredEndpoint = .hostname }

        #expect(map.errorText(.moved(.myself), slot: 1, for: ClientView()) == "MOVED 1 ?:7000")
    }
}
