// One run by one seed: a cluster forms, everything that can go wrong does, all is healed, and it must find back to one view.

public import Cluster

/// A cluster under faults and administrators, all drawn from a seed.
public struct Ordeal {
    /// How a run ended that did not end well.
    public struct Failure: CustomStringConvertible, Sendable {
        public let finding: String
        /// The last events, and for liveness where the nodes disagree.
        public let trace: [String]

        public var description: String { (trace + [finding]).joined(separator: "\n") }
    }

    public private(set) var cluster: Simulation
    let seed: UInt64
    private var random: SeededGenerator
    private var administrator: Administrator
    private let duration: Duration
    private let nodeTimeout: Duration

    /// Sizes and timeouts as clusters have them, small ones more often.
    public static func nodeCount(ofSeed seed: UInt64) -> Int {
        [3, 4, 5, 6, 7, 8, 10, 12, 16, 24][Int(seed % 10)]
    }

    /// - Parameters:
    ///   - duration: the whole run, of which the last part is for healing.
    public init(
        seed: UInt64,
        nodeCount: Int? = nil,
        duration: Duration = .seconds(600),
        configure: (Int, inout ClusterConfiguration) -> Void = { _, _ in }
    ) {
        self.seed = seed
        self.duration = duration
        let nodeCount = nodeCount ?? Ordeal.nodeCount(ofSeed: seed)
        random = SeededGenerator(seed: ~seed)
        let nodeTimeout = Duration.seconds([1, 2, 5, 10, 15][Int.random(in: 0..<5, using: &random)])
        self.nodeTimeout = nodeTimeout
        cluster = Simulation(seed: seed, nodeCount: nodeCount, nodeTimeout: nodeTimeout) { number, configuration in
            configuration.blacklistTime = .seconds(20)
            configure(number, &configuration)
        }
        administrator = Administrator(random: SeededGenerator(seed: seed &+ 1 << 40))
    }

    /// Nil if all went well.
    public mutating func run() -> Failure? {
        guard form() else { return failure("the cluster did not form") }
        let healing = Duration.seconds(90) + nodeTimeout * 8
        let end = Moment.start + (duration - min(healing, duration / 2))
        while cluster.now < end, cluster.violation == nil {
            cluster.run(for: .milliseconds(Int64.random(in: 100...4000, using: &random)))
            replicate()
            if Int.random(in: 0..<3, using: &random) == 0 {
                administrator.act(on: &cluster)
            } else {
                harm()
            }
            if cluster.violation == nil { cluster.checkInvariants() }
        }
        if let violation = cluster.violation { return failure(violation.description) }
        return heal(within: healing)
    }

    private mutating func form() -> Bool {
        let count = cluster.nodeCount
        // Some nodes own nothing: those that administrators take away and bring back.
        let owners = max(min(3, count), count - count / 4)
        for number in 0..<owners {
            let share = Array(Slot.count * number / owners..<Slot.count * (number + 1) / owners)
            cluster.administer(number) { state, now in try? state.addSlots(share, at: now) }
        }
        for number in 1..<count { try? cluster.meet(Int.random(in: 0..<number, using: &random), number) }
        return cluster.run(within: .seconds(60) + nodeTimeout * 4) {
            $0.allKnow(count) && $0.allNodesAgree && $0.isServing
        }
    }

    /// What the replication links would tell: replicas hear from primaries that run, and are more or less behind.
    private mutating func replicate() {
        for number in cluster.running where !cluster.isPaused(number) && cluster[number].myself.isReplica {
            guard let primary = cluster[number].myself.replicaOf.map({ cluster[number].nodes[$0].id }),
                cluster.running.contains(where: { cluster[$0].myself.id == primary })
            else { continue }
            cluster.handle(.replicationOffset(UInt64.random(in: 1...1000, using: &random)), on: number)
            cluster.handle(.heardFromPrimary(cluster.time(of: number)), on: number)
        }
    }

    private mutating func harm() {
        let number = Int.random(in: 0..<cluster.nodeCount, using: &random)
        let isRunning = cluster.running.contains(number)
        switch Int.random(in: 0..<16, using: &random) {
        case 0: cluster.partition([(0..<cluster.nodeCount).filter { _ in Bool.random(using: &random) }])
        case 1:
            let groups = (0..<cluster.nodeCount).map { _ in Int.random(in: 0..<3, using: &random) }
            cluster.partition((0..<3).map { group in groups.indices.filter { groups[$0] == group } })
        case 2:
            for other in 0..<cluster.nodeCount where other != number && Bool.random(using: &random) {
                if Bool.random(using: &random) {
                    cluster.cut(from: number, to: other)
                } else {
                    cluster.cut(from: other, to: number)
                }
            }
        case 3: cluster.slow(number, byMilliseconds: Int64.random(in: 10...3000, using: &random))
        case 4, 5: cluster.heal()
        case 6: if isRunning { cluster.crash(number, silently: Bool.random(using: &random)) }
        case 7: if isRunning { cluster.losePower(number) }
        case 8:
            // Somewhere among what it does next: between a save and what relies on it, if chance will have it so.
            if isRunning { cluster.losePower(number, afterEffects: Int.random(in: 0...20, using: &random)) }
        case 9: cluster.pause(number)
        case 10: cluster.resume(number)
        case 11: if isRunning { cluster.resetConnection(of: number) }
        case 12:
            // Twenty times as wrong as a bad quartz, and sometimes as wrong as a broken one.
            let limit: Int64 = Bool.random(using: &random) ? 2000 : 50_000
            cluster.driftClock(of: number, perMillion: Int64.random(in: -limit...limit, using: &random))
        case 13:
            let seconds = Int64.random(in: (isRunning ? 0 : -3600)...3600, using: &random)
            cluster.jumpClock(of: number, by: .milliseconds(seconds * seconds * (seconds < 0 ? -1 : 1) / 10))
        default: if !isRunning { cluster.start(number) }
        }
    }

    /// Ends all faults and what administrators left half done, and asks for one view that all share.
    private mutating func heal(within limit: Duration) -> Failure? {
        cluster.heal()
        for number in 0..<cluster.nodeCount {
            cluster.resume(number)
            cluster.driftClock(of: number, perMillion: 0)
            cluster.cancelPowerLoss(of: number)
            if !cluster.running.contains(number) { cluster.start(number) }
        }
        administrator.finish(on: &cluster)
        let count = cluster.nodeCount
        var waited = Duration.zero
        while waited < limit, cluster.violation == nil {
            // One round is what a human does who looks again after a while.
            administrator.reunite(&cluster)
            let isWell = cluster.run(within: .seconds(30)) {
                $0.allKnow(count) && $0.allNodesAgree && $0.isServing
            }
            if isWell { return nil }
            waited += .seconds(30)
        }
        if let violation = cluster.violation { return failure(violation.description) }
        return failure("the nodes did not find back to one view\n" + cluster.disagreements.joined(separator: "\n"))
    }

    private func failure(_ finding: String) -> Failure {
        Failure(finding: finding, trace: cluster.recentEvents(400))
    }
}
