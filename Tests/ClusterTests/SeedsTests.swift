// A cluster from configuration: nodes that look for one another by `cluster-seeds`.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A seed` {
    @Test(arguments: [
        ("10.0.0.9:7000", "10.0.0.9", 7000, 17000), ("node-1.example:7000", "node-1.example", 7000, 17000),
        ("a:7000@7001", "a", 7000, 7001), ("[::1]:7000", "::1", 7000, 17000), ("[fd00::9]:1@2", "fd00::9", 1, 2),
        ("a:60000@1", "a", 60000, 1),
    ])
    func `is a host, a port and perhaps a bus port`(text: String, host: String, port: Int, busPort: Int) throws {
        let seed = try #require(Seed(text))

        #expect(seed.host == host)
        #expect(seed.port == UInt16(port))
        #expect(seed.busPort == UInt16(busPort))
        #expect(Seed(seed.description) == seed)
    }

    @Test(arguments: [
        "", "a", "a:", ":7000", "a:0", "a:65536", "a:7000@", "a:7000@0", "a:7000@x", "a:60000", "::1:7000", "[::1:7000",
        "[x]:7000", "a b:7000", "a\u{7f}:1", "é:7000",
    ])
    func `is nothing else`(text: String) {
        #expect(Seed(text) == nil)
    }
}

@Suite struct `A node that reaches nobody` {
    private func subject(_ seeds: String...) -> Subject {
        Subject { $0.seeds = seeds.compactMap { Seed($0) } }
    }

    private func resolved(_ effects: [ClusterEffect]) -> [Seed] {
        effects.compactMap { effect in
            guard case .resolve(let seed) = effect else { return nil }
            return seed
        }
    }

    @Test func `meets its seeds`() throws {
        var subject = subject("10.0.0.2:7000", "10.0.0.3:7001@7002")

        subject.wait(.milliseconds(200))
        #expect(subject.opened.map(\.ip) == ["10.0.0.2", "10.0.0.3"])
        #expect(subject.opened.map(\.port) == [17000, 7002])
        let link = try #require(subject.opened.first).link
        subject.handle(.linkConnected(link, localIP: "10.0.0.1"))

        #expect(subject.sent(.meet) == [link])
    }

    @Test func `asks for the addresses of a seed's name, and meets whoever is there`() throws {
        let seed = try #require(Seed("seed.example:7000"))
        var subject = subject("seed.example:7000")

        subject.wait(.milliseconds(100))
        #expect(resolved(subject.effects) == [seed])
        subject.handle(.resolved(seed, ["10.0.0.7", "fd00::7", "nonsense"]))
        subject.wait(.milliseconds(100))

        #expect(subject.opened.map(\.ip) == ["10.0.0.7", "fd00::7"])
    }

    @Test func `asks again and again, at growing intervals`() {
        var subject = subject("seed.example:7000")
        var times: [Instant] = []

        for _ in 0..<3000 {
            subject.wait(.milliseconds(100))
            if !resolved(subject.effects).isEmpty { times.append(subject.now) }
        }

        let intervals = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(intervals.prefix(3).allSatisfy { $0 < .seconds(6) })
        #expect(intervals.first.map { $0 >= .seconds(1) && $0 < .seconds(2) } == true)
        #expect(intervals.allSatisfy { $0 <= .milliseconds(30_000 * 5 / 4 + 100) })
        #expect(intervals.suffix(5).allSatisfy { $0 >= .seconds(30) })
    }

    @Test func `does not meet itself`() {
        var subject = subject("10.0.0.1:7000", "10.0.0.1:7001")
        _ = subject.accept()
        subject.state.nodes[.myself].ip = "10.0.0.1"

        subject.wait(.milliseconds(200))

        #expect(subject.opened.map(\.port) == [17001])
    }

    @Test func `stops asking as soon as it reaches somebody`() throws {
        var subject = subject("seed.example:7000")
        let peer = Peer("b")
        _ = try subject.join(peer)

        var asked = 0
        for _ in 0..<300 {
            subject.live(.milliseconds(100), with: [peer])
            asked += resolved(subject.effects).count
        }

        #expect(asked == 0)
    }

    @Test func `finds a known node at its new address`() throws {
        var before = Subject()
        var peer = Peer("b", ip: "10.0.0.2")
        _ = try before.join(peer)
        let saved = try NodesConfiguration(parsing: Array(before.state.nodesConfiguration.utf8), busUsesTLS: false)

        var subject = subject("10.0.0.99:7000")
        subject.state = ClusterState(
            restoring: saved,
            configuration: subject.state.configuration,
            random: SeededGenerator(seed: 3),
            at: subject.now
        )
        subject.settle()
        peer.ip = "10.0.0.99"
        var met: LinkID?
        for _ in 0..<100 where met == nil {
            subject.wait(.milliseconds(100))
            met = subject.opened.first { $0.ip == "10.0.0.99" }?.link
            for opened in subject.opened where opened.ip == "10.0.0.2" { subject.handle(.linkFailed(opened.link)) }
        }
        let link = try #require(met, "the stored address is dead, and the seed was not asked")
        subject.handle(.linkConnected(link, localIP: "10.0.0.1"))
        subject.receive(.pong(Heartbeat()), from: peer, on: link)

        #expect(subject.node(peer)?.ip == "10.0.0.99")
        #expect(subject.state.nodes.count == 2)
    }

    @Test(arguments: 0..<10)
    func `needs no administrator to form a cluster`(seed: UInt64) {
        let seeds = [0, 1].compactMap { Seed("\(Simulation.ip(of: $0)):7000") }
        var cluster = Simulation(seed: seed, nodeCount: 6) { _, configuration in configuration.seeds = seeds }

        let isFormed = cluster.run(within: .seconds(60)) { $0.allKnow(6) && $0.allNodesAgree }

        #expect(isFormed, "seed \(seed): \(cluster[5].nodesText(for: ClientView()))")
    }
}
