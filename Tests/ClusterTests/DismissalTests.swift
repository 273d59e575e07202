// CLUSTER FORGET EVERYWHERE: a node that is forgotten by all, also by those who were away.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A dead node` {
    /// Five nodes; the last one is dead, and the one before it is down for longer than anybody is remembered as forgotten.
    private func clusterThatForgot(everywhere: Bool, seed: UInt64) throws -> (cluster: Simulation, gone: NodeID) {
        var cluster = try formedCluster(seed: seed, nodeCount: 5)
        let gone = cluster[4].myself.id
        cluster.crash(4)
        cluster.run(for: .seconds(10))
        cluster.crash(3)
        try cluster.administer(0) { (state, now) throws(ClusterError) in
            try state.forget(gone.description, everywhere: everywhere, at: now)
        }
        cluster.run(for: .seconds(300))
        cluster.start(3)
        cluster.run(for: .seconds(60))
        return (cluster, gone)
    }

    @Test(arguments: 0..<5)
    func `that is to be forgotten everywhere does not come back with a member that was away`(seed: UInt64) throws {
        let (cluster, gone) = try clusterThatForgot(everywhere: true, seed: seed)

        for number in 0..<4 { #expect(cluster[number].nodes.index(of: gone) == nil, "node \(number), seed \(seed)") }
        #expect(cluster[0].infoText.contains("cluster_forget_pending:0\r\n"))
        cluster.checkInvariants()
    }

    @Test func `that is only to be forgotten comes back`() throws {
        let (cluster, gone) = try clusterThatForgot(everywhere: false, seed: 1)

        #expect((0..<4).allSatisfy { cluster[$0].nodes.index(of: gone) != nil })
    }

    @Test func `is still being forgotten as long as a member has not been told`() throws {
        var quartet = try Quartet()
        let gone = quartet.peers[0].id.description

        try quartet.subject.state.forget(gone, everywhere: true, at: quartet.subject.now)
        quartet.subject.settle()

        #expect(quartet.subject.state.infoText.contains("cluster_forget_pending:2\r\n"))
    }

    /// However short the time for which a forgotten node is remembered, it is named: who answers counts as told.
    @Test func `is named in every packet as long as a member has not been told`() throws {
        var subject = Subject { $0.blacklistTime = .seconds(1) }
        var member = Peer("c", ip: "10.0.0.3")
        member.header.flags.insert(.understandsExtensions)
        let gone = Peer("b", ip: "10.0.0.2")
        _ = try subject.join(gone)
        _ = try subject.join(member)

        try subject.state.forget(gone.id.description, everywhere: true, at: subject.now)
        subject.wait(.milliseconds(300))

        let heartbeats = subject.sent.compactMap { sent in
            if case .ping(let heartbeat) = sent.body { heartbeat } else { nil }
        }
        #expect(!heartbeats.isEmpty)
        #expect(heartbeats.allSatisfy { $0.extensions.contains(.forgotten(gone.id, secondsLeft: 1)) })
    }

    @Test func `cannot be forgotten by a member that knows no such message, and the log says so`() throws {
        var subject = Subject()
        let (gone, deaf) = (Peer("b", ip: "10.0.0.2"), Peer("c", ip: "10.0.0.3"))  // Redis 7.0: no extensions
        _ = try subject.join(gone)
        _ = try subject.join(deaf)

        try subject.state.forget(gone.id.description, everywhere: true, at: subject.now)
        subject.wait(.milliseconds(100))

        let isSaid = subject.effects.contains { effect in
            guard case .log(.warning, let text) = effect else { return false }
            return text.contains(deaf.id.description) && text.contains("CLUSTER FORGET")
        }
        #expect(isSaid)
        #expect(subject.state.pendingDismissalCount == 0)
    }
}
