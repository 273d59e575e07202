// The topology's hash, and what has changed between two slot maps.

import Simulator
import Testing

@testable import Cluster

@Suite struct `The hash of the topology` {
    @Test(arguments: 0..<5)
    func `is the same on all nodes that agree`(seed: UInt64) throws {
        let cluster = try formedCluster(seed: seed, nodeCount: 5)

        #expect(Set(cluster.running.map { cluster[$0].topologyHash }).count == 1)
    }

    @Test func `changes with the owner of a slot, and does not with epochs and health`() throws {
        var cluster = try formedCluster(seed: 1, nodeCount: 3)
        let first = cluster[0].topologyHash

        _ = cluster.administer(1) { state, now in state.bumpEpoch(at: now) }
        cluster.crash(2)
        cluster.run(for: .seconds(20))
        #expect(cluster[0].topologyHash == first)
        try cluster.administer(0) { (state, now) throws(ClusterError) in try state.deleteSlots([5], at: now) }

        #expect(cluster[0].topologyHash != first)
    }

    @Test func `is written as sixteen digits`() {
        #expect(SlotMap.text(ofTopology: 0) == "0000000000000000")
        #expect(SlotMap.text(ofTopology: .max) == "ffffffffffffffff")
        #expect(SlotMap.text(ofTopology: 0xab) == "00000000000000ab")
    }
}

@Suite struct `What changed between two slot maps` {
    @Test func `is told by runs of slots with their new owners`() throws {
        var quartet = try Quartet()
        let before = quartet.subject.state.slotMap
        let owner = try #require(quartet.subject.state.nodes.index(of: quartet.peers[0].id))
        #expect(before.changes(since: before).isEmpty)

        for slot in [0, 1, 2, 9] { quartet.subject.state.setOwner(of: slot, to: owner) }
        quartet.subject.state.setOwner(of: 3, to: nil)
        let changes = quartet.subject.state.slotMap.changes(since: before)

        #expect(changes.map(\.slots) == [0..<3, 3..<4, 9..<10])
        #expect(changes.map { $0.owner?.id } == [quartet.peers[0].id, nil, quartet.peers[0].id])
    }

    @Test func `is told also where only the owner's address has changed`() throws {
        var quartet = try Quartet()
        let before = quartet.subject.state.slotMap
        let owner = try #require(quartet.subject.state.nodes.index(of: quartet.peers[0].id))

        quartet.subject.state.nodes[owner].ip = "10.9.9.9"
        let changes = quartet.subject.state.slotMap.changes(since: before)

        #expect(changes.map { $0.owner?.ip } == ["10.9.9.9"])
        #expect(changes.first?.slots == quartet.subject.state.nodes[owner].slots.ranges.first)
    }
}
