// Whole clusters in the simulator: the book's three nodes, long chains, partitions and crashes, by seeds.

import Cluster
import Simulator
import Testing

/// A cluster whose nodes own equal shares of the slots and have met, all from the first.
func formedCluster(seed: UInt64, nodeCount: Int, nodeTimeout: Duration = .seconds(2)) throws -> Simulation {
    var cluster = Simulation(seed: seed, nodeCount: nodeCount, nodeTimeout: nodeTimeout)
    for number in 0..<nodeCount {
        let share = Array(Slot.count * number / nodeCount..<Slot.count * (number + 1) / nodeCount)
        try cluster.administer(number) { (state, now) throws(ClusterError) in try state.addSlots(share, at: now) }
    }
    for number in 1..<nodeCount { try cluster.meet(0, number) }
    let isFormed = cluster.run(within: .seconds(30)) { cluster in
        cluster.allKnow(nodeCount) && cluster.allNodesAgree && cluster.running.allSatisfy { cluster[$0].health == .ok }
    }
    try #require(isFormed, "the cluster of seed \(seed) did not form")
    return cluster
}

@Suite struct `A cluster` {
    @Test(arguments: 0..<50)
    func `of three nodes forms by two MEETs on the first`(seed: UInt64) throws {
        var cluster = Simulation(seed: seed, nodeCount: 3, nodeTimeout: .seconds(15))
        cluster.run(for: .seconds(1))
        for number in 0..<3 { #expect(cluster[number].nodes.count == 1) }

        try cluster.meet(0, 1)
        try cluster.meet(0, 2)

        // Three nodes: each gossips about the third from its first packets on, so that seconds do.
        let isKnown = cluster.run(within: .seconds(10)) { cluster in
            (0..<3).allSatisfy { number in
                let lines = cluster[number].nodesText(for: ClientView()).split(separator: "\n")
                return lines.count == 3 && lines.allSatisfy { $0.hasSuffix(" connected") && !$0.contains("handshake") }
            }
        }
        #expect(isKnown, "seed \(seed): \(cluster[0].nodesText(for: ClientView()))")
        let isAgreed = cluster.run(within: .seconds(20)) { cluster in
            cluster.allNodesAgree && Set((0..<3).map { cluster[$0].myself.configEpoch }).count == 3
        }
        #expect(isAgreed, "colliding epochs or different views, seed \(seed)")
        cluster.checkInvariants()
    }

    @Test(arguments: 0..<3)
    func `of twenty nodes forms by a chain of MEETs`(seed: UInt64) throws {
        var cluster = Simulation(seed: seed, nodeCount: 20)

        for number in 1..<20 { try cluster.meet(number - 1, number) }

        let isFormed = cluster.run(within: .seconds(60)) { $0.allKnow(20) && $0.allNodesAgree }
        #expect(isFormed, "seed \(seed)")
        cluster.checkInvariants()
    }

    @Test(arguments: 0..<10)
    func `is divided, fails where the minority is, and heals`(seed: UInt64) throws {
        var cluster = try formedCluster(seed: seed, nodeCount: 5)

        cluster.partition([0, 1])
        cluster.run(for: .seconds(10))

        for number in 0..<5 { #expect(cluster[number].health == .fail, "node \(number), seed \(seed)") }
        let lost = (0..<2).map { cluster[$0].myself.id }
        for number in 2..<5 {
            let nodes = cluster[number].nodes
            for id in lost { #expect(nodes.index(of: id).map { nodes[$0].isFailed } == true, "seed \(seed)") }
        }
        for number in 0..<2 {
            let nodes = cluster[number].nodes
            #expect(!nodes.indices.contains { nodes[$0].isFailed }, "a minority cannot declare anyone dead")
        }
        #expect(cluster.contestedSlots.isEmpty, "seed \(seed)")

        cluster.heal()

        let isHealed = cluster.run(within: .seconds(40)) { cluster in
            cluster.allKnow(5) && cluster.allNodesAgree && (0..<5).allSatisfy { cluster[$0].health == .ok }
        }
        #expect(isHealed, "seed \(seed)")
        cluster.checkInvariants()
    }

    @Test(arguments: 0..<10)
    func `survives the crash and restart of every node in turn`(seed: UInt64) throws {
        var cluster = try formedCluster(seed: seed, nodeCount: 3)
        let slots = (0..<3).map { cluster[$0].myself.slots }

        for number in 0..<3 {
            cluster.crash(number, silently: seed % 2 == 0)
            cluster.run(for: .seconds(Int64(seed % 7)))
            cluster.start(number)
            let isBack = cluster.run(within: .seconds(40)) { cluster in
                cluster.allKnow(3) && cluster.allNodesAgree && (0..<3).allSatisfy { cluster[$0].health == .ok }
            }
            #expect(isBack, "node \(number), seed \(seed)")
        }

        #expect((0..<3).map { cluster[$0].myself.slots } == slots)
        cluster.checkInvariants()
    }

    @Test(arguments: 0..<10)
    func `keeps its invariants while its network falls apart again and again`(seed: UInt64) throws {
        var cluster = try formedCluster(seed: seed, nodeCount: 4, nodeTimeout: .seconds(1))
        var random = SeededGenerator(seed: seed)

        for _ in 0..<10 {
            let alone = Int.random(in: 0..<4, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: cluster.partition([alone])
            case 1: cluster.partition([alone], [(alone + 1) % 4])
            default: if cluster.running.count == 4 { cluster.crash(alone, silently: Bool.random(using: &random)) }
            }
            cluster.run(for: .milliseconds(Int64.random(in: 100...3000, using: &random)))
            cluster.checkInvariants()
            #expect(cluster.contestedSlots.isEmpty, "seed \(seed)")
            cluster.heal()
            for number in 0..<4 where !cluster.running.contains(number) { cluster.start(number) }
            cluster.run(for: .milliseconds(Int64.random(in: 0...1000, using: &random)))
        }

        let isHealed = cluster.run(within: .seconds(30)) { cluster in
            cluster.allKnow(4) && cluster.allNodesAgree && (0..<4).allSatisfy { cluster[$0].health == .ok }
        }
        #expect(isHealed, "seed \(seed)")
    }

    @Test func `repeats a run by its seed`() throws {
        func history(_ seed: UInt64) throws -> [String] {
            var cluster = try formedCluster(seed: seed, nodeCount: 3)
            cluster.partition([2])
            cluster.run(for: .seconds(5))
            return (0..<3).map { cluster[$0].nodesConfiguration + cluster[$0].infoText }
        }
        #expect(try history(7) == history(7))
        #expect(try history(7) != history(8))
    }
}
