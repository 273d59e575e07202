// What a large cluster costs, and how fast news travels in it.

public import Cluster

/// A cluster of one size and one set of rules that is formed already, measured step by step.
public struct Measurement {
    /// What each node sends, on average, per second.
    public struct Traffic: Sendable {
        public var packets = 0.0
        public var bytes = 0.0
        /// The most that one node sent.
        public var greatestBytes = 0.0
        public var heartbeatBytes = 0.0
        public var greatestHeartbeatBytes = 0.0
    }

    public private(set) var cluster: Simulation
    private let nodeCount: Int

    /// `nodeCount` primaries with equal shares of the slots that know each other, and one more that knows nobody.
    public init(
        nodeCount: Int,
        seed: UInt64,
        nodeTimeout: Duration = .seconds(15),
        configure: (Int, inout ClusterConfiguration) -> Void
    ) {
        self.nodeCount = nodeCount
        cluster = Simulation(
            seed: seed,
            nodeCount: nodeCount + 1,
            nodeTimeout: nodeTimeout,
            keepsHistory: false,
            formed: nodeCount,
            configure: configure
        )
        cluster.delayMilliseconds = 1...3
    }

    /// The machine of a node falls; nobody is told.
    public mutating func kill(_ number: Int) { cluster.crash(number, silently: true) }

    public mutating func run(for duration: Duration) { cluster.run(for: duration) }

    /// The traffic of all that live over the next seconds.
    public mutating func traffic(over seconds: Int64) -> Traffic {
        let living = cluster.running.filter { $0 < nodeCount }
        let before = living.map { cluster[$0].statistics }
        cluster.run(for: .seconds(seconds))
        var traffic = Traffic()
        for (number, former) in zip(living, before) {
            let statistics = cluster[number].statistics
            let bytes = Double(statistics.bytesSent - former.bytesSent) / Double(seconds)
            let heartbeats = Double(statistics.heartbeatBytesSent - former.heartbeatBytesSent) / Double(seconds)
            let packets = zip(statistics.sent, former.sent).reduce(0) { $0 + $1.0 - $1.1 }
            traffic.bytes += bytes / Double(living.count)
            traffic.heartbeatBytes += heartbeats / Double(living.count)
            traffic.packets += Double(packets) / Double(seconds) / Double(living.count)
            traffic.greatestBytes = max(traffic.greatestBytes, bytes)
            traffic.greatestHeartbeatBytes = max(traffic.greatestHeartbeatBytes, heartbeats)
        }
        return traffic
    }

    /// How long it takes from the MEET of a newcomer until every node knows it, and until it knows every node.
    public mutating func timeOfNewcomer(limit: Duration = .seconds(120)) -> (known: Duration?, knowing: Duration?) {
        let start = cluster.now
        let name = cluster[nodeCount].myself.id
        try? cluster.meet(0, nodeCount)
        var (known, knowing): (Duration?, Duration?) = (nil, nil)
        while cluster.now - start < limit, known == nil || knowing == nil {
            cluster.run(for: .milliseconds(100))
            if known == nil, cluster.running.allSatisfy({ cluster[$0].nodes.index(of: name) != nil }) {
                known = cluster.now - start
            }
            if knowing == nil, cluster[nodeCount].nodes.count == nodeCount + 1 { knowing = cluster.now - start }
        }
        return (known, knowing)
    }

    /// How long it takes from the death of these nodes until all others hold all of them for dead.
    public mutating func timeToFail(_ victims: [Int], silently: Bool, limit: Duration = .seconds(120)) -> Duration? {
        let names = victims.map { cluster[$0].myself.id }
        for victim in victims { cluster.crash(victim, silently: silently) }
        let start = cluster.now
        let observers = cluster.running.filter { $0 < nodeCount }
        while cluster.now - start < limit {
            cluster.run(for: .milliseconds(100))
            let isKnown = observers.allSatisfy { number in
                let nodes = cluster[number].nodes
                return names.allSatisfy { name in nodes.index(of: name).map { nodes[$0].isFailed } ?? false }
            }
            if isKnown { return cluster.now - start }
        }
        return nil
    }
}
