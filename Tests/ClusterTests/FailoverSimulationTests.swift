// Failovers of whole clusters in the simulator, by seeds: elections, orders, migrations of replicas, and the lease.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A simulated failover` {
    @Test(arguments: 0..<5)
    func `replaces a dead primary by one replica, which the others follow, and it when it comes back`(
        seed: UInt64
    ) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 2)
        let replicas = failover.replicas(of: 0)

        failover.cluster.crash(0, silently: seed % 2 == 0)
        // One and a half node timeouts until it is suspected, and a second for gossip and votes.
        let isReplaced = failover.run(within: .seconds(5)) { failover in
            failover.owner(ofShare: 0).map { replicas.contains($0) && failover.serves($0) } ?? false
        }
        #expect(isReplaced, "seed \(seed)")
        let winner = try #require(failover.owner(ofShare: 0))
        let loser = try #require(replicas.first { $0 != winner })
        let follows = failover.run(within: .seconds(2)) { $0.replicas(of: winner).contains(loser) }
        #expect(follows, "seed \(seed)")

        failover.cluster.start(0)
        try failover.settle("node 0 was not taken back")
        #expect(Set(failover.replicas(of: winner)) == [0, loser], "seed \(seed)")
        #expect(failover.violations.isEmpty, "seed \(seed): \(failover.violations[0])")
    }

    @Test(arguments: 0..<3)
    func `loses nothing of what the best replica had`(seed: UInt64) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 3)
        let replicas = failover.replicas(of: 0)
        failover.isolate(replicas[0])
        failover.run(for: .seconds(1))
        failover.heal()
        // The one that was away has not caught up when the primary dies.
        failover.cluster.crash(0)

        let isReplaced = failover.run(within: .seconds(8)) { $0.owner(ofShare: 0).map { $0 != 0 } ?? false }

        #expect(isReplaced, "seed \(seed)")
        let winner = try #require(failover.owner(ofShare: 0))
        #expect(winner != replicas[0], "seed \(seed)")
        #expect(failover.violations.isEmpty, "seed \(seed)")
    }

    @Test(arguments: 0..<3)
    func `comes about for two primaries that die together`(seed: UInt64) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 5, replicasEach: 1)

        for number in 0..<2 { failover.cluster.crash(number) }
        let areReplaced = failover.run(within: .seconds(15)) { failover in
            (0..<2).allSatisfy { failover.owner(ofShare: $0) == 5 + $0 && failover.serves(5 + $0) }
        }

        #expect(areReplaced, "seed \(seed)")
        #expect(failover.violations.isEmpty, "seed \(seed)")
    }

    @Test(arguments: 0..<3)
    func `by agreement moves the slots with all their data, there and back`(seed: UInt64) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 1)
        for (old, new) in [(0, 3), (3, 0)] {
            try failover.cluster.administer(new) { (state, now) throws(ClusterError) in
                try state.failover(.agreed, at: now)
            }
            let isDone = failover.run(within: .seconds(4)) { $0.owner(ofShare: 0) == new }
            #expect(isDone, "seed \(seed)")
            #expect(failover.offsets[new] >= failover.offsets[old], "nothing was written that did not arrive")
            try failover.settle("the failover was not settled")
            #expect(failover.replicas(of: new) == [old], "seed \(seed)")
        }
        #expect(failover.violations.isEmpty, "seed \(seed)")
    }

    @Test(arguments: 0..<3)
    func `sends a spare replica where the last one was used up`(seed: UInt64) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 2)
        let orphan = failover.replicas(of: 0)

        for number in orphan { failover.cluster.crash(number) }
        let isCovered = failover.run(within: .seconds(20)) { $0.replicas(of: 0).count == 1 }

        #expect(isCovered, "seed \(seed)")
        failover.run(for: .seconds(10))
        let counts = (0..<3).map { failover.replicas(of: $0).count }
        #expect(counts[0] == 1 && counts.reduce(0, +) == 4, "one went, and only one; seed \(seed)")
        #expect(failover.violations.isEmpty, "seed \(seed)")
    }

    @Test(arguments: [0, 1, 2, 35])
    func `keeps its promises while nodes die, are cut off, and come back`(seed: UInt64) throws {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 2, nodeTimeout: .seconds(1))
        failover.step = .milliseconds(50)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<12 {
            let number = Int.random(in: 0..<9, using: &random)
            if failover.cluster.running.contains(number) {
                if Bool.random(using: &random) {
                    failover.cluster.crash(number, silently: Bool.random(using: &random))
                } else {
                    failover.isolate(number)
                }
            }
            failover.run(for: .milliseconds(Int64.random(in: 100...6000, using: &random)))
            failover.cluster.checkInvariants()
            failover.heal()
            for number in 0..<9 where !failover.cluster.running.contains(number) { failover.cluster.start(number) }
            failover.run(for: .milliseconds(Int64.random(in: 0...3000, using: &random)))
        }

        try failover.settle("the faults were not overcome")
        let owners = (0..<3).compactMap { failover.owner(ofShare: $0) }
        #expect(Set(owners).count == 3, "seed \(seed)")
        #expect(failover.violations.isEmpty, "seed \(seed): \(failover.violations.first ?? "")")
    }
}

@Suite struct `A simulated lease` {
    /// Cuts a primary off, at a moment and with clocks that the seed chooses; gives how long it served after that, if a replica
    /// was promoted, and what went wrong.
    private func cut(
        seed: UInt64,
        drift: (victim: Int64, others: Int64),
        needsLease: Bool = true
    ) throws -> (served: Duration, isReplaced: Bool, violations: [String]) {
        var failover = try FailoverCluster(seed: seed, primaries: 3, replicasEach: 2) { $1.needsLease = needsLease }
        for number in 0..<9 {
            failover.cluster.driftClock(of: number, perMillion: number == 0 ? drift.victim : drift.others)
        }
        var random = SeededGenerator(seed: seed)
        failover.run(for: .milliseconds(Int64.random(in: 5000...8000, using: &random)))
        failover.step = .milliseconds(1)

        failover.isolate(0)
        var served = Duration.zero
        while failover.serves(0), served < .seconds(10) {
            failover.run(for: failover.step)
            served += failover.step
        }
        failover.step = .milliseconds(5)
        let isReplaced = failover.run(within: .seconds(8)) { $0.owner(ofShare: 0).map { $0 != 0 } ?? false }
        failover.heal()
        try failover.settle("the cut was not healed")
        return (served, isReplaced, failover.violations)
    }

    @Test(arguments: 0..<4)
    func `ends before anyone is promoted, with clocks at the ends of what is allowed`(seed: UInt64) throws {
        for drift in [(-10_000, 10_000), (10_000, -10_000), (0, 0)] as [(Int64, Int64)] {
            let outcome = try cut(seed: seed, drift: (victim: drift.0, others: drift.1))

            // 2 s × 99 ÷ 101, on a clock that may take 1 % longer; and never before half the node timeout is left.
            #expect(outcome.served <= .milliseconds(1981), "seed \(seed), drift \(drift)")
            #expect(outcome.served >= .milliseconds(700), "seed \(seed), drift \(drift)")
            #expect(outcome.isReplaced, "seed \(seed), drift \(drift)")
            #expect(outcome.violations.isEmpty, "seed \(seed), drift \(drift): \(outcome.violations.first ?? "")")
        }
    }

    @Test func `is what keeps two nodes from serving one slot`() throws {
        let outcomes = try (0..<6).map { seed in
            try cut(seed: seed, drift: (victim: -10_000, others: 10_000), needsLease: false)
        }

        #expect(
            outcomes.contains { $0.violations.contains { $0.contains("both serve") } },
            "else the test proves nothing"
        )
    }
}
