// A cluster of nodes in one process: real ClusterStates that exchange real packets over a network made of a heap of events.
//
// Time is a number that jumps to the next event, and chance comes from one seed: a run is repeated by its seed alone.
// The network is in +Network, what can go wrong in +Faults, what must hold all the same in +Invariants.

public import Cluster

/// Nodes 0 ..< n at 10.0.0.1 ..., client port 7000 everywhere, joined by a network that delays and, when told, divides.
public struct Simulation {
    /// One process, or what its crash has left of it.
    struct Node {
        var state: ClusterState?
        /// Counts the starts: an event for an earlier life of the node is void.
        var incarnation = 0
        var disk = Disk()
        var clock = NodeClock()
        /// Stopped (SIGSTOP): the kernel keeps what arrives for it.
        var isPaused = false
        var waiting: [Event] = []
        /// What the other nodes' partition is, if it is another than this.
        var side = 0
        /// When all that it has sent has left its network card.
        var uplinkIsFreeAt = Moment.start
        /// The power fails when so many more effects are carried out.
        var effectsBeforePowerLoss: Int?
        /// Every effect since the start of this life that was not about links, for tests to look at.
        var effects: [ClusterEffect] = []
        var connections: [LinkID: Int] = [:]
    }

    /// nodes.conf: a process that is killed leaves what it wrote, a power failure perhaps only what it had synced.
    struct Disk {
        var written: String?
        var synced: String?
    }

    enum Event {
        case tick(node: Int, incarnation: Int)
        /// The way of a connection: asked for, established for the client, taken in by the server, or refused.
        case connect(Int)
        case connected(Int)
        case accepted(Int, by: Int, incarnation: Int)
        case refused(Int)
        case bytes([UInt8], connection: Int, toServer: Bool)
        case closed(Int, toServer: Bool)
    }

    public internal(set) var now = Moment.start
    var nodes: [Node] = []
    var configurations: [ClusterConfiguration]
    var network = Network()
    var queue = EventQueue<Event>()
    var random: SeededGenerator
    var trace = Trace()
    var watch: SafetyWatch
    private var settled: [ClusterEffect] = []
    /// Off for measurements of large clusters: no disks, effects, trace and fingerprint, and no safety watch.
    public var keepsHistory = true
    /// How many events were carried out.
    public private(set) var eventCount: UInt64 = 0

    /// How long a packet is on its way, in milliseconds.
    public var delayMilliseconds: ClosedRange<Int64> = 1...20
    /// What a node can send per second; nil: no limit.
    public var uplinkBytesPerSecond: Int64?

    /// - Parameter formed: how many of the nodes, from the first, start as members of one cluster, with equal shares of the
    ///   slots; the others know nobody.
    public init(
        seed: UInt64,
        nodeCount: Int,
        nodeTimeout: Duration = .seconds(2),
        keepsHistory: Bool = true,
        formed: Int = 0,
        configure: (Int, inout ClusterConfiguration) -> Void = { _, _ in }
    ) {
        self.keepsHistory = keepsHistory
        random = SeededGenerator(seed: seed)
        watch = SafetyWatch(nodeCount: nodeCount)
        configurations = (0..<nodeCount).map { number in
            var configuration = ClusterConfiguration(port: 7000)
            configuration.nodeTimeout = nodeTimeout
            configure(number, &configuration)
            return configuration
        }
        nodes = Array(repeating: Node(), count: nodeCount)
        let former = FormedCluster(nodeCount: formed, using: &random)
        for number in 0..<formed { nodes[number].disk.written = former.nodesConfiguration(of: number) }
        for number in nodes.indices { start(number) }
    }

    public var nodeCount: Int { nodes.count }
    /// The numbers of the nodes that run, also of those that are paused.
    public var running: [Int] { nodes.indices.filter { nodes[$0].state != nil } }

    public static func ip(of number: Int) -> String { "10.0.\(number / 250).\(number % 250 + 1)" }

    /// Which node has this address.
    static func number(at ip: String) -> Int? {
        let fields = ip.split(separator: ".").compactMap { Int($0) }
        guard fields.count == 4, fields[0] == 10, fields[1] == 0, (1...250).contains(fields[3]) else { return nil }
        return fields[2] * 250 + fields[3] - 1
    }

    /// What the node thinks. It must be running.
    public subscript(number: Int) -> ClusterState {
        guard let state = nodes[number].state else { preconditionFailure("node \(number) does not run") }
        return state
    }

    public func effects(of number: Int) -> [ClusterEffect] { nodes[number].effects }
    public func savedConfiguration(of number: Int) -> String? { nodes[number].disk.written }
    /// What the node's clock shows.
    public func time(of number: Int) -> Instant { nodes[number].clock.time(at: now) }
    /// The same in every run of the same seed, in whatever process; else it differs.
    public var fingerprint: UInt64 { trace.fingerprint }
    /// The last events, oldest first.
    public func recentEvents(_ count: Int) -> [String] { trace.lines(last: count) }
    /// The first breach of safety; the run has stopped there.
    public var violation: SafetyWatch.Violation? { watch.violation }

    // MARK: What is done to the cluster

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
        let now = time(of: number)
        if let saved = nodes[number].disk.written {
            guard let parsed = try? NodesConfiguration(parsing: Array(saved.utf8), busUsesTLS: false) else {
                preconditionFailure("node \(number) cannot read what it wrote:\n\(saved)")
            }
            nodes[number].state = ClusterState(
                restoring: parsed,
                configuration: configurations[number],
                random: seed,
                at: now
            )
        } else {
            nodes[number].state = ClusterState(configuration: configurations[number], random: seed, at: now)
        }
        if !keepsHistory { nodes[number].disk.written = nil }
        nodes[number].incarnation += 1
        nodes[number].effects = []
        settle(number)
        let firstTick = self.now + .microseconds(Int64.random(in: 1...100_000, using: &random))
        queue.insert(.tick(node: number, incarnation: nodes[number].incarnation), at: firstTick)
    }

    // MARK: Time

    /// Runs until that time, or until safety is breached.
    public mutating func run(for duration: Duration) {
        let end = now + duration
        while watch.violation == nil, let (due, event) = queue.removeFirst(notAfter: end) {
            now = due
            eventCount += 1
            carryOut(event)
        }
        if watch.violation == nil { now = end }
    }

    /// Runs until `condition` holds, asked every 100 ms. False if it does not in time.
    public mutating func run(within limit: Duration, until condition: (Simulation) -> Bool) -> Bool {
        let end = now + limit
        while !condition(self) {
            guard now < end, watch.violation == nil else { return false }
            run(for: .milliseconds(100))
        }
        return true
    }

    mutating func carryOut(_ event: Event) {
        guard case .tick(let number, let incarnation) = event else { return deliver(event) }
        guard nodes[number].state != nil, nodes[number].incarnation == incarnation else { return }
        guard !nodes[number].isPaused else { return nodes[number].waiting.insert(event, at: 0) }
        if keepsHistory { trace.mix(UInt64(truncatingIfNeeded: now.microseconds) ^ UInt64(number) << 48) }
        handle(.tick, on: number)
        if keepsHistory { checkAtTick(of: number) }
        queue.insert(event, at: now + nodes[number].clock.trueTime(of: .milliseconds(100)))
    }

    private mutating func checkAtTick(of number: Int) {
        guard let state = nodes[number].state else { return }
        watch.checkFootprint(of: state, number, at: now)
        guard !watch.contests.isEmpty else { return }
        var watch = watch
        // A PING is due after half the timeout, on a link that is given up after as long again.
        let patience = Int((configurations[number].nodeTimeout * 2 + .seconds(5)) / .milliseconds(100))
        watch.checkContests(of: number, patience: patience, at: now) { canTalk($0, $1) }
        self.watch = watch
    }

    /// Whether nothing keeps two nodes from hearing of each other.
    private func canTalk(_ one: Int, _ other: Int) -> Bool {
        guard nodes[one].state != nil, nodes[other].state != nil, !nodes[one].isPaused, !nodes[other].isPaused else {
            return false
        }
        return isOpen(Way(from: one, to: other)) && isOpen(Way(from: other, to: one)) && network.lag.isEmpty
    }

    // MARK: Effects

    /// Does what the node wants done, in its order.
    mutating func settle(_ number: Int) {
        var effects = settled
        settled = []
        let time = time(of: number)
        nodes[number].state?.settle(at: time, into: &effects)
        if keepsHistory, let state = nodes[number].state { watch.check(state, number, at: now) }
        for effect in effects {
            if nodes[number].effectsBeforePowerLoss == 0 {
                losePower(number)
                break
            }
            nodes[number].effectsBeforePowerLoss? -= 1
            carryOut(effect, of: number)
        }
        effects.removeAll(keepingCapacity: true)
        settled = effects
    }

    private mutating func carryOut(_ effect: ClusterEffect, of number: Int) {
        switch effect {
        case .saveNodesConfiguration(let durably):
            guard keepsHistory else { return }
            nodes[number].disk.written = nodes[number].state?.nodesConfiguration
            if durably { nodes[number].disk.synced = nodes[number].disk.written }
        case .openLink(let link, let ip, let port): open(link, of: number, to: ip, port: port)
        case .closeLink(let link): close(link, of: number)
        case .send(let bytes, let link):
            if keepsHistory {
                let claimsSlots = nodes[number].state?.myself.isVotingPrimary ?? false
                watch.checkDeparture(bytes, of: number, claimingSlots: claimsSlots, at: now)
            }
            send(bytes, on: link, of: number)
        case .resolve: return  // There are no names in this network: seeds have literal addresses.
        default:
            guard keepsHistory else { return }
            nodes[number].effects.append(effect)
            if case .log(let level, let text) = effect { trace.note(.log(level, text, of: number), at: now) }
        }
    }
}
