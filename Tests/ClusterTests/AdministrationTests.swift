// What administrators do, and what they are told when they may not.

import Testing

@testable import Cluster

@Suite struct `An administrator` {
    @Test func `gives out slots, all of them or none`() throws {
        var subject = Subject()
        try subject.state.addSlots([0, 1, 2], at: subject.now)
        subject.settle()
        #expect(subject.effects.prefix(2) == [.saveNodesConfiguration(durably: false), .publishSlotMap])

        #expect(throws: ClusterError.slotBusy(1)) { try subject.state.addSlots([5, 1], at: subject.now) }
        #expect(throws: ClusterError.slotGivenTwice(6)) { try subject.state.addSlots([6, 7, 6], at: subject.now) }
        #expect(throws: ClusterError.slotUnassigned(9)) { try subject.state.deleteSlots([0, 9], at: subject.now) }

        #expect(subject.state.myself.slots.ranges == [0..<3])
        #expect(subject.state.infoText.contains("cluster_slots_assigned:3\r\n"))
    }

    @Test func `takes slots back`() throws {
        var subject = Subject()
        try subject.state.addSlots(Array(0..<10), at: subject.now)

        try subject.state.deleteSlots([0], at: subject.now)
        #expect(subject.state.myself.slots.ranges == [1..<10])
        #expect(throws: ClusterError.databaseNotEmpty) {
            try subject.state.flushSlots(databaseIsEmpty: false, at: subject.now)
        }
        try subject.state.flushSlots(databaseIsEmpty: true, at: subject.now)

        #expect(subject.state.myself.slots.isEmpty)
    }

    @Test func `sets the first epoch of a node that is alone, and bumps it`() throws {
        var subject = Subject()
        #expect(throws: ClusterError.invalidConfigEpoch(-1)) { try subject.state.setConfigEpoch(-1, at: subject.now) }
        try subject.state.setConfigEpoch(5, at: subject.now)
        #expect(throws: ClusterError.configEpochSet) { try subject.state.setConfigEpoch(6, at: subject.now) }
        #expect(subject.state.bumpEpoch(at: subject.now) == .still(5))

        var peer = Peer("b")
        peer.header.configEpoch = 8
        peer.header.currentEpoch = 8
        _ = try subject.join(peer)

        #expect(throws: ClusterError.otherNodesKnown) { try subject.state.setConfigEpoch(9, at: subject.now) }
        #expect(subject.state.bumpEpoch(at: subject.now) == .bumped(9))
    }

    @Test func `makes a node forget another, but not itself`() throws {
        var quartet = try Quartet()
        let gone = quartet.peers[0].id.description
        let myself = quartet.subject.state.myself.id.description

        #expect(throws: ClusterError.cannotForgetMyself) {
            try quartet.subject.state.forget(myself, at: quartet.subject.now)
        }
        #expect(throws: ClusterError.unknownNode("zz")) {
            try quartet.subject.state.forget("zz", at: quartet.subject.now)
        }
        try quartet.subject.state.forget(gone, at: quartet.subject.now)
        quartet.subject.settle()
        #expect(quartet.subject.closed.count == 2)
        #expect(quartet.subject.node(quartet.peers[0]) == nil)
        #expect(quartet.subject.state.slotMap.owner(of: 4096) == nil)

        // As soon as it is only remembered as forgotten, forgetting it again is no error.
        try quartet.subject.state.forget(gone, at: quartet.subject.now)
        quartet.subject.now = quartet.subject.now + .seconds(60)
        #expect(throws: ClusterError.unknownNode(gone)) {
            try quartet.subject.state.forget(gone, at: quartet.subject.now)
        }
    }

    @Test(arguments: [false, true])
    func `resets a node`(hard: Bool) throws {
        var quartet = try Quartet()
        let state = quartet.subject.state
        #expect(throws: ClusterError.resetWithKeys) {
            try quartet.subject.state.reset(hard: hard, hasKeys: true, at: quartet.subject.now)
        }
        try quartet.subject.state.reset(hard: hard, hasKeys: false, at: quartet.subject.now)
        quartet.subject.settle()

        let reset = quartet.subject.state
        #expect(reset.nodes.count == 1)
        #expect(reset.myself.slots.isEmpty)
        #expect(reset.linkViews.isEmpty)
        #expect((reset.myself.id == state.myself.id) == !hard)
        #expect((reset.myself.shard == state.myself.shard) == !hard)
        #expect(reset.currentEpoch == (hard ? 0 : state.currentEpoch))
        #expect(reset.myself.configEpoch == (hard ? 0 : state.myself.configEpoch))
        #expect(!quartet.subject.effects.contains(.dropAllKeys))
    }

    @Test func `resets a replica with its data`() throws {
        let text = """
            51740c3d2099a3857f6c648896c5f1653bdcd349 :7000@17000 myself,slave 82a6a4500cd45b140c02e6a759d1401045f677cb 0 0 3 connected
            82a6a4500cd45b140c02e6a759d1401045f677cb 10.0.0.2:7000@17000 master - 0 0 3 connected 0-16383
            vars currentEpoch 3 lastVoteEpoch 2

            """
        var subject = Subject()
        subject.state = ClusterState(
            restoring: try NodesConfiguration(parsing: Array(text.utf8), busUsesTLS: false),
            configuration: ClusterConfiguration(port: 7000),
            random: SeededGenerator(seed: 1),
            at: subject.now
        )
        #expect(subject.state.header().replicaOf == NodeID("82a6a4500cd45b140c02e6a759d1401045f677cb"))
        #expect(subject.state.header().slots.count == Slot.count)
        #expect(subject.state.header().configEpoch == 3)
        #expect(throws: ClusterError.cannotForgetPrimary) {
            try subject.state.forget("82a6a4500cd45b140c02e6a759d1401045f677cb", at: subject.now)
        }

        try subject.state.reset(hard: false, hasKeys: true, at: subject.now)
        subject.settle()

        #expect(subject.state.myself.isPrimary)
        #expect(subject.effects.contains(.dropAllKeys))
    }

    @Test func `opens slots, and closes them`() throws {
        var quartet = try Quartet()
        let now = quartet.subject.now
        let (own, other) = (7, 4096)
        let (first, second) = (quartet.peers[0].id.description, quartet.peers[1].id.description)

        #expect(throws: ClusterError.notSlotOwner(other)) {
            try quartet.subject.state.setSlot(other, .migrating(to: first), at: now)
        }
        #expect(throws: ClusterError.alreadySlotOwner(own)) {
            try quartet.subject.state.setSlot(own, .importing(from: "zz"), at: now)
        }
        #expect(throws: ClusterError.unknownSlotPeer("zz")) {
            try quartet.subject.state.setSlot(own, .migrating(to: "zz"), at: now)
        }
        let myself = quartet.subject.state.myself.id.description
        #expect(throws: ClusterError.targetIsMyself) {
            try quartet.subject.state.setSlot(own, .migrating(to: myself), at: now)
        }
        try quartet.subject.state.setSlot(own, .migrating(to: first), at: now)
        try quartet.subject.state.setSlot(other, .importing(from: first), at: now)
        #expect(
            quartet.subject.state.nodesText(for: ClientView()).contains(" 0-4095 [7->-\(first)] [4096-<-\(first)]\n")
        )

        try quartet.subject.state.setSlot(own, .stable, at: now)
        #expect(throws: ClusterError.slotHoldsKeys(own)) {
            try quartet.subject.state.setSlot(own, .node(second, holdsKeys: true), at: now)
        }
        #expect(throws: ClusterError.unknownNode("zz")) {
            try quartet.subject.state.setSlot(own, .node("zz", holdsKeys: false), at: now)
        }
        try quartet.subject.state.setSlot(own, .node(second, holdsKeys: false), at: now)
        #expect(quartet.subject.node(quartet.peers[1])?.slots.contains(own) == true)
    }

    @Test func `waits for the disk where a slot becomes its own, and nowhere else`() throws {
        var quartet = try Quartet()
        let now = quartet.subject.now
        let (other, source) = (quartet.peers[1].id.description, quartet.peers[0].id.description)
        let myself = quartet.subject.state.myself.id.description
        let steps: [(SlotAction, durably: Bool)] = [
            (.migrating(to: other), false), (.stable, false), (.node(other, holdsKeys: false), false),
            (.importing(from: source), false), (.node(myself, holdsKeys: false), true),
        ]

        for (action, durably) in steps {
            try quartet.subject.state.setSlot(7, action, at: now)
            quartet.subject.settle()

            #expect(quartet.subject.effects.first == .saveNodesConfiguration(durably: durably), "after \(action)")
        }
    }

    @Test func `ends an import by a new epoch, on disk before the others are told`() throws {
        var quartet = try Quartet()
        let now = quartet.subject.now
        let source = quartet.peers[0].id.description
        let myself = quartet.subject.state.myself.id.description
        try quartet.subject.state.setSlot(4096, .importing(from: source), at: now)

        try quartet.subject.state.setSlot(4096, .node(myself, holdsKeys: true), at: now)
        quartet.subject.settle()

        #expect(quartet.subject.state.myself.configEpoch == 13)
        #expect(quartet.subject.effects.prefix(2) == [.saveNodesConfiguration(durably: true), .publishSlotMap])
        #expect(quartet.subject.sent(.pong).count == 3)
        #expect(quartet.subject.sent.allSatisfy { $0.header.slots.contains(4096) && $0.header.configEpoch == 13 })
    }

    @Test func `lists the replicas of a primary only`() throws {
        var quartet = try Quartet()
        var replica = Peer("e", ip: "10.0.0.9")
        replica.header.replicaOf = quartet.peers[0].id
        _ = try quartet.subject.join(replica)
        let state = quartet.subject.state

        #expect(try state.replicas(of: quartet.peers[0].id.description).map { state.nodes[$0].id } == [replica.id])
        #expect(throws: ClusterError.notPrimary) { try state.replicas(of: replica.id.description) }
        #expect(throws: ClusterError.unknownNode("zz")) { try state.replicas(of: "zz") }
    }

    @Test func `reads the state in INFO's order`() throws {
        let info = try Quartet().subject.state.infoText
        let names = info.split(separator: "\r\n").map { $0.prefix { $0 != ":" } }

        #expect(
            names == [
                "cluster_state", "cluster_slots_assigned", "cluster_slots_ok", "cluster_slots_pfail",
                "cluster_slots_fail", "cluster_nodes_pfail", "cluster_nodes_fail", "cluster_voting_nodes_pfail",
                "cluster_voting_nodes_fail", "cluster_known_nodes", "cluster_size", "cluster_current_epoch",
                "cluster_my_epoch", "cluster_stats_messages_pong_sent",
                "cluster_stats_messages_meet_sent", "cluster_stats_messages_sent",
                "cluster_stats_messages_ping_received", "cluster_stats_messages_pong_received",
                "cluster_stats_messages_received", "cluster_stats_bytes_sent", "cluster_stats_bytes_received",
                "cluster_stats_pubsub_bytes_sent", "cluster_stats_pubsub_bytes_received",
                "cluster_stats_module_bytes_sent", "cluster_stats_module_bytes_received",
                "total_cluster_links_buffer_limit_exceeded",
                // Apus's own:
                "cluster_topology_hash", "cluster_forget_pending", "cluster_stats_bytes_pong_sent",
                "cluster_stats_bytes_meet_sent", "cluster_stats_bytes_ping_received",
                "cluster_stats_bytes_pong_received", "cluster_heartbeat_bandwidth", "cluster_news_age_ms_median",
                "cluster_news_age_ms_max", "cluster_news_oldest_node",
            ]
        )
    }
}
