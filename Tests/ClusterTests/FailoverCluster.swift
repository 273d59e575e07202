// Simulated clusters with replicas: what replication would do is played by the test, and every step is watched.

import Simulator
import Testing

@testable import Cluster

/// Primaries 0 ..< p with equal shares of the slots; primary i has the replicas p + i, 2p + i, …
///
/// Replication stands in for itself in one rule: every tenth of a second a primary that serves has written something, and a
/// replica that reaches its primary has what that had a tenth of a second before.
struct FailoverCluster {
    var cluster: Simulation
    let primaryCount: Int
    let seed: UInt64
    /// How many bytes of its shard's history each node has.
    private(set) var offsets: [UInt64]
    /// Those that are cut off from all others.
    private(set) var isolated: Set<Int> = []
    private var heldBack: Set<Int> = []
    private var effectCounts: [Int]

    /// What must never happen, as it happened.
    private(set) var violations: [String] = []
    private var epochs: [(current: UInt64, vote: UInt64)]
    /// How often it is looked: more often than any packet takes.
    var step = Duration.milliseconds(5)
    private var sinceReplication = Duration.zero

    init(
        seed: UInt64,
        primaries: Int,
        replicasEach: Int,
        nodeTimeout: Duration = .seconds(2),
        configure: (Int, inout ClusterConfiguration) -> Void = { _, _ in }
    ) throws {
        let count = primaries * (1 + replicasEach)
        (self.seed, primaryCount) = (seed, primaries)
        cluster = Simulation(seed: seed, nodeCount: count, nodeTimeout: nodeTimeout, configure: configure)
        offsets = Array(repeating: 1, count: count)
        effectCounts = Array(repeating: 0, count: count)
        epochs = Array(repeating: (0, 0), count: count)
        for number in 0..<primaries {
            let share = Array(Slot.count * number / primaries..<Slot.count * (number + 1) / primaries)
            try cluster.administer(number) { (state, now) throws(ClusterError) in try state.addSlots(share, at: now) }
        }
        for number in 1..<count { try cluster.meet(0, number) }
        let isFormed = cluster.run(within: .seconds(60)) { $0.allKnow(count) && $0.allNodesAgree }
        try #require(isFormed, "the nodes of seed \(seed) did not meet")
        for number in primaries..<count {
            let id = cluster[number % primaries].myself.id.description
            try cluster.administer(number) { (state, now) throws(ClusterError) in
                try state.replicate(id, hasKeys: false, at: now)
            }
        }
        try settle("did not form")
    }

    var living: [Int] { cluster.running.filter { !isolated.contains($0) } }

    /// The node that owns the slots which primary `number` was given at the start, as the nodes that are not cut off see it.
    func owner(ofShare number: Int) -> Int? {
        let slot = Slot.count * number / primaryCount
        guard let witness = living.first, let owner = cluster[witness].slots.owner(of: slot) else { return nil }
        let id = cluster[witness].nodes[owner].id
        return cluster.running.first { cluster[$0].myself.id == id }
    }

    func replicas(of number: Int) -> [Int] {
        cluster.running.filter { cluster[$0].primaryID == cluster[number].myself.id }
    }

    // MARK: What a test does

    mutating func isolate(_ numbers: Int...) {
        isolated = Set(numbers)
        cluster.partition(numbers)
    }

    mutating func heal() {
        isolated = []
        cluster.heal()
    }

    mutating func run(for duration: Duration) {
        var left = duration
        while left > .zero {
            cluster.run(for: min(step, left))
            left -= step
            sinceReplication += step
            if sinceReplication >= .milliseconds(100) {
                sinceReplication = .zero
                replicate()
            }
            watch()
        }
    }

    mutating func run(
        within limit: Duration,
        every interval: Duration = .milliseconds(50),
        until condition: (FailoverCluster) -> Bool
    ) -> Bool {
        var left = limit
        while !condition(self) {
            guard left > .zero else { return false }
            run(for: interval)
            left -= interval
        }
        return true
    }

    /// Waits until all nodes see the same cluster, all of it is served, and every replica is in touch with its primary.
    mutating func settle(_ complaint: String) throws {
        let isSettled = run(within: .seconds(90), every: .milliseconds(500)) { $0.isSettled }
        try #require(isSettled, "\(complaint), seed \(seed)\n\(cluster[0].nodesText(for: ClientView()))")
        run(for: .seconds(1))
        cluster.checkInvariants()
    }

    private var isSettled: Bool {
        cluster.allKnow(cluster.nodeCount) && cluster.allNodesAgree
            && cluster.running.allSatisfy { cluster[$0].health == .ok }
    }

    // MARK: Replication

    private mutating func replicate() {
        takeEffects()
        let before = offsets
        for number in cluster.running {
            let time = cluster.time(of: number)
            if cluster[number].myself.isPrimary {
                if serves(number) { offsets[number] += 1 }
            } else if let primary = numberOfPrimary(of: number), reaches(number, primary) {
                offsets[number] = before[primary]
                cluster.handle(.heardFromPrimary(time), on: number)
            }
            cluster.handle(.replicationOffset(offsets[number]), on: number)
        }
    }

    private mutating func takeEffects() {
        for number in cluster.running {
            let effects = cluster.effects(of: number)
            let new = effects[min(effectCounts[number], effects.count)...]
            effectCounts[number] = effects.count
            for effect in new {
                switch effect {
                case .pauseWrites:
                    heldBack.insert(number)
                    cluster.handle(.writesPaused(at: offsets[number]), on: number)
                case .resumeWrites: heldBack.remove(number)
                default: break
                }
            }
        }
    }

    private func numberOfPrimary(of number: Int) -> Int? {
        cluster.running.first { cluster[$0].myself.id == cluster[number].primaryID }
    }

    private func reaches(_ one: Int, _ other: Int) -> Bool { isolated.contains(one) == isolated.contains(other) }

    // MARK: What must hold

    /// Whether a client's write to one of its slots would be done.
    func serves(_ number: Int) -> Bool {
        let state = cluster[number]
        guard state.myself.isVotingPrimary, state.health == .ok, !heldBack.contains(number) else { return false }
        return state.lease.end.map { cluster.time(of: number) < $0 } ?? true
    }

    private mutating func watch() {
        let serving = cluster.running.filter { serves($0) }
        for (position, one) in serving.enumerated() {
            for other in serving[..<position] {
                let shared = cluster[one].myself.slots.intersection(cluster[other].myself.slots)
                if !shared.isEmpty { violations.append("nodes \(one) and \(other) both serve \(shared.count) slots") }
            }
        }
        if !cluster.contestedSlots.isEmpty { violations.append("slots have two owners by one epoch") }
        for number in cluster.running {
            let state = cluster[number]
            if state.currentEpoch < epochs[number].current || state.lastVoteEpoch < epochs[number].vote {
                violations.append("an epoch of node \(number) went back")
            }
            epochs[number] = (state.currentEpoch, state.lastVoteEpoch)
        }
    }
}

extension ClusterState {
    var primaryID: NodeID? { myself.replicaOf.map { nodes[$0].id } }
}
