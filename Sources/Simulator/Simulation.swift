// A cluster of nodes in one process: real ClusterStates that exchange real packets over a network made of a heap of events.
//
// Time is a number that jumps to the next event, and chance comes from one seed: a run is repeated by its seed alone.

public import Cluster

/// Nodes 0 ..< n at 10.0.0.1 ..., client port 7000 everywhere, joined by a network that delays and, when told, divides.
///
/// Connections behave as TCP's: bytes arrive in order or not at all; across a partition they wait, as retransmissions would,
/// until it heals or the link is closed. A crashed node keeps what it has saved, and nothing else.
public struct Simulation {
    /// One process, or what its crash has left of it.
    struct Node {
        var clock: NodeClock
        var state: ClusterState?
        /// Counts the starts: an event for an earlier life of the node is void.
        var incarnation = 0
        var disk: String?
        /// What the other nodes' partition is, if it is another than this.
        var side = 0
        /// Every effect since the start of this life that was not about links, for tests to look at.
        var effects: [ClusterEffect] = []
        var connections: [LinkID: Int] = [:]
    }

    /// A node's end of a connection.
    struct End {
        let node: Int
        let incarnation: Int
        var link: LinkID?
    }

    struct Connection {
        var client: End
        var server: End?
        var isClosed = false
        /// When the last event in each direction is due: none may overtake it.
        var lastToServer: Instant
        var lastToClient: Instant
    }

    enum Event {
        case tick(node: Int, incarnation: Int)
        case connect(Int, to: Int?)
        case connected(Int)
        case refused(Int)
        case bytes([UInt8], connection: Int, toServer: Bool)
        case closed(Int, toServer: Bool)
    }

    public private(set) var now = Instant(milliseconds: 1_800_000_000_000)
    var nodes: [Node] = []
    var configurations: [ClusterConfiguration]
    private var connections: [Connection] = []
    private var queue = EventQueue<Event>()
    private var held: [Event] = []
    var random: SeededGenerator
    /// How long a packet is on its way, in milliseconds.
    public var delayMilliseconds: ClosedRange<Int64> = 1...20

    public init(
        seed: UInt64,
        nodeCount: Int,
        nodeTimeout: Duration = .seconds(2),
        configure: (Int, inout ClusterConfiguration) -> Void = { _, _ in }
    ) {
        random = SeededGenerator(seed: seed)
        configurations = (0..<nodeCount).map { number in
            var configuration = ClusterConfiguration(port: 7000)
            configuration.nodeTimeout = nodeTimeout
            configure(number, &configuration)
            return configuration
        }
        nodes = Array(repeating: Node(clock: NodeClock(at: now)), count: nodeCount)
        for number in nodes.indices { start(number) }
    }

    public var nodeCount: Int { nodes.count }
    /// The numbers of the nodes that run.
    public var running: [Int] { nodes.indices.filter { nodes[$0].state != nil } }

    public static func ip(of number: Int) -> String { "10.0.\(number / 250).\(number % 250 + 1)" }

    /// What the node thinks. It must be running.
    public subscript(number: Int) -> ClusterState {
        guard let state = nodes[number].state else { preconditionFailure("node \(number) does not run") }
        return state
    }

    public func effects(of number: Int) -> [ClusterEffect] { nodes[number].effects }
    public func savedConfiguration(of number: Int) -> String? { nodes[number].disk }

    // MARK: What a test does to the cluster

    /// Runs an administrator's command on a node.
    public mutating func administer<Result, Failure: Error>(
        _ number: Int,
        _ command: (inout ClusterState, Instant) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard var state = nodes[number].state else { preconditionFailure("node \(number) does not run") }
        nodes[number].state = nil
        defer {
            nodes[number].state = state
            settle(number)
        }
        return try command(&state, time(of: number))
    }

    /// CLUSTER MEET on `number` of the node `other`.
    public mutating func meet(_ number: Int, _ other: Int) throws(ClusterError) {
        try administer(number) { (state, now) throws(ClusterError) in
            try state.meet(ip: Simulation.ip(of: other), port: "7000", busPort: nil, at: now)
        }
    }

    public mutating func handle(_ event: ClusterEvent, on number: Int) {
        guard nodes[number].state != nil else { return }
        let time = time(of: number)
        nodes[number].state?.handle(event, at: time)
        settle(number)
    }

    /// Starts a node from what it has saved.
    public mutating func start(_ number: Int) {
        precondition(nodes[number].state == nil, "node \(number) runs already")
        let seed = SeededGenerator(seed: random.next())
        if let saved = nodes[number].disk {
            guard let parsed = try? NodesConfiguration(parsing: Array(saved.utf8), busUsesTLS: false) else {
                preconditionFailure("node \(number) cannot read what it wrote:\n\(saved)")
            }
            nodes[number].state = ClusterState(
                restoring: parsed,
                configuration: configurations[number],
                random: seed,
                at: time(of: number)
            )
        } else {
            nodes[number].state = ClusterState(
                configuration: configurations[number],
                random: seed,
                at: time(of: number)
            )
        }
        nodes[number].incarnation += 1
        nodes[number].effects = []
        settle(number)
        let firstTick = now + .milliseconds(Int64.random(in: 1...100, using: &random))
        queue.insert(.tick(node: number, incarnation: nodes[number].incarnation), at: firstTick)
    }

    /// Ends a node's process; its connections break, unless its whole machine fell `silently`.
    public mutating func crash(_ number: Int, silently: Bool = false) {
        nodes[number].state = nil
        for (_, connection) in nodes[number].connections.sorted(by: { $0.key < $1.key }) {
            let isServer = connections[connection].client.node != number
            if !silently { post(.closed(connection, toServer: !isServer), on: connection, toServer: !isServer) }
        }
        nodes[number].connections = [:]
    }

    /// Divides the network: nodes reach only those of their own group; those that are not named form one.
    public mutating func partition(_ groups: [Int]...) {
        for number in nodes.indices { nodes[number].side = 0 }
        for (side, group) in groups.enumerated() {
            for number in group { nodes[number].side = side + 1 }
        }
    }

    /// Joins the network again: what was on its way arrives.
    public mutating func heal() {
        for number in nodes.indices { nodes[number].side = 0 }
        let events = held
        held = []
        for event in events {
            switch event {
            case .bytes(_, let connection, let toServer), .closed(let connection, let toServer):
                post(event, on: connection, toServer: toServer)
            case .connect(let connection, _): post(event, on: connection, toServer: true)
            case .connected(let connection), .refused(let connection): post(event, on: connection, toServer: false)
            case .tick: preconditionFailure("no partition holds a clock")
            }
        }
    }

    // MARK: Time

    public mutating func run(for duration: Duration) {
        let end = now + duration
        while let (due, event) = queue.removeFirst(notAfter: end) {
            now = due
            carryOut(event)
        }
        now = end
    }

    /// Runs until `condition` holds, asked every 100 ms. False if it does not in time.
    public mutating func run(within limit: Duration, until condition: (Simulation) -> Bool) -> Bool {
        let end = now + limit
        while !condition(self) {
            guard now < end else { return false }
            run(for: .milliseconds(100))
        }
        return true
    }

    private mutating func carryOut(_ event: Event) {
        if let (one, other) = places(of: event), nodes[one].side != nodes[other].side {
            held.append(event)
            return
        }
        switch event {
        case .tick(let number, let incarnation):
            guard nodes[number].state != nil, nodes[number].incarnation == incarnation else { return }
            handle(.tick, on: number)
            queue.insert(event, at: now + nodes[number].clock.trueTime(of: .milliseconds(100)))
        case .connect(let connection, let target): connect(connection, to: target)
        case .connected(let connection):
            guard let (number, link) = living(connections[connection].client) else { return }
            handle(.linkConnected(link, localIP: Simulation.ip(of: number)), on: number)
        case .refused(let connection):
            guard let (number, link) = living(connections[connection].client) else { return }
            nodes[number].connections[link] = nil
            handle(.linkFailed(link), on: number)
        case .bytes(let bytes, let connection, let toServer):
            guard let (number, link) = living(end(of: connection, atServer: toServer)) else { return }
            handle(.received(bytes, on: link), on: number)
        case .closed(let connection, let toServer):
            guard let (number, link) = living(end(of: connection, atServer: toServer)) else { return }
            nodes[number].connections[link] = nil
            handle(.linkClosed(link), on: number)
        }
    }

    private mutating func connect(_ connection: Int, to target: Int?) {
        guard living(connections[connection].client) != nil else { return }
        guard let target, nodes[target].state != nil else {
            return post(.refused(connection), on: connection, toServer: false)
        }
        let client = connections[connection].client.node
        let time = time(of: target)
        let link = nodes[target].state?.acceptLink(
            peerIP: Simulation.ip(of: client),
            localIP: Simulation.ip(of: target),
            at: time
        )
        guard let link else { return }
        nodes[target].connections[link] = connection
        connections[connection].server = End(node: target, incarnation: nodes[target].incarnation, link: link)
        post(.connected(connection), on: connection, toServer: false)
    }

    /// The node and its link at an end that still exists.
    private func living(_ end: End?) -> (node: Int, link: LinkID)? {
        guard let end, let link = end.link, nodes[end.node].incarnation == end.incarnation,
            nodes[end.node].connections[link] != nil, nodes[end.node].state != nil
        else { return nil }
        return (end.node, link)
    }

    private func end(of connection: Int, atServer: Bool) -> End? {
        atServer ? connections[connection].server : connections[connection].client
    }

    private func places(of event: Event) -> (Int, Int)? {
        switch event {
        case .tick: return nil
        case .connect(let connection, let target): return target.map { (connections[connection].client.node, $0) }
        case .connected(let connection), .refused(let connection), .bytes(_, let connection, _),
            .closed(let connection, _):
            guard let server = connections[connection].server else { return nil }
            return (connections[connection].client.node, server.node)
        }
    }

    /// Puts an event on its way along a connection, behind what is on its way already.
    private mutating func post(_ event: Event, on connection: Int, toServer: Bool) {
        let delay = Duration.milliseconds(Int64.random(in: delayMilliseconds, using: &random))
        var due = now + delay
        if toServer {
            due = max(due, connections[connection].lastToServer)
            connections[connection].lastToServer = due
        } else {
            due = max(due, connections[connection].lastToClient)
            connections[connection].lastToClient = due
        }
        queue.insert(event, at: due)
    }

    // MARK: Effects

    /// Does what the node wants done, in its order.
    private mutating func settle(_ number: Int) {
        var effects: [ClusterEffect] = []
        let time = time(of: number)
        nodes[number].state?.settle(at: time, into: &effects)
        for effect in effects {
            switch effect {
            case .saveNodesConfiguration: nodes[number].disk = nodes[number].state?.nodesConfiguration
            case .openLink(let link, let ip, let port): open(link, of: number, to: ip, port: port)
            case .closeLink(let link):
                guard let connection = nodes[number].connections.removeValue(forKey: link) else { continue }
                let isClient =
                    connections[connection].client.node == number && connections[connection].client.link == link
                post(.closed(connection, toServer: isClient), on: connection, toServer: isClient)
            case .send(let bytes, let link):
                guard let connection = nodes[number].connections[link] else { continue }
                let isClient =
                    connections[connection].client.node == number && connections[connection].client.link == link
                post(.bytes(bytes, connection: connection, toServer: isClient), on: connection, toServer: isClient)
            case .resolve: break  // There are no names in this network: seeds have literal addresses.
            case .publishSlotMap, .dropKeys, .dropAllKeys, .deliver, .log, .becomeReplica, .startPromotion,
                .pauseWrites, .resumeWrites, .renewLease:
                nodes[number].effects.append(effect)
            }
        }
    }

    private mutating func open(_ link: LinkID, of number: Int, to ip: String, port: UInt16) {
        let connection = connections.count
        connections.append(
            Connection(
                client: End(node: number, incarnation: nodes[number].incarnation, link: link),
                lastToServer: now,
                lastToClient: now
            )
        )
        nodes[number].connections[link] = connection
        let target = nodes.indices.first { candidate in
            Simulation.ip(of: candidate) == ip && configurations[candidate].listeningBusPort == port
        }
        post(.connect(connection, to: target), on: connection, toServer: true)
    }
}
