// Who follows whom: after failovers, after the last slot is gone, and to primaries that have no replica left.

import Testing

@testable import Cluster

extension Peer {
    /// The same node as the primary of what `former` owned.
    func promoted(over former: Peer, epoch: UInt64) -> Peer {
        var peer = self
        peer.header.flags = [.myself, .primary]
        peer.header.replicaOf = nil
        peer.header.slots = former.header.slots
        (peer.header.configEpoch, peer.header.currentEpoch) = (epoch, epoch)
        return peer
    }

    /// The same node as a replica of `primary`.
    func demoted(under primary: Peer) -> Peer {
        var peer = self
        peer.header.flags = [.myself, .replica]
        peer.header.replicaOf = primary.id
        peer.header.slots = primary.header.slots
        peer.header.configEpoch = primary.header.configEpoch
        return peer
    }
}

@Suite struct `A primary that loses its last slot` {
    private func lost(_ count: Int, configure: (inout ClusterConfiguration) -> Void = { _ in }) throws -> Quartet {
        var quartet = try Quartet()
        var configuration = quartet.subject.state.configuration
        configure(&configuration)
        quartet.subject.handle(.configured(configuration))
        quartet.peers[0].header.slots.formUnion(SlotSet(0..<count))
        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        return quartet
    }

    @Test func `follows who took it`() throws {
        let quartet = try lost(4096)

        #expect(quartet.subject.state.myself.replicaOf == quartet.subject.state.nodes.index(of: quartet.peers[0].id))
        let id = quartet.peers[0].id
        let source = ReplicationSource(id: id, ip: quartet.peers[0].ip, port: 7000, tlsPort: 0)
        #expect(quartet.subject.effects.contains(.becomeReplica(of: source)))
        #expect(!quartet.subject.effects.contains(.dropKeys(of: SlotSet(0..<4096))), "its data is replaced as a whole")
    }

    @Test func `stays a primary as long as one is left`() throws {
        let quartet = try lost(4095)

        #expect(quartet.subject.state.myself.isPrimary)
        #expect(quartet.subject.effects.contains(.dropKeys(of: SlotSet(0..<4095))))
    }

    @Test func `stays a primary without slots where replicas stay where they are put, or cannot be had`() throws {
        for configure: (inout ClusterConfiguration) -> Void in [
            { $0.allowsReplicaMigration = false }, { $0.replicatesData = false },
        ] {
            let quartet = try lost(4096, configure: configure)

            #expect(quartet.subject.state.myself.isPrimary)
            #expect(quartet.subject.effects.contains(.dropKeys(of: SlotSet(0..<4096))))
        }
    }

    @Test func `follows its own replica that took over, wherever replicas may go`() throws {
        var quartet = try Quartet()
        var configuration = quartet.subject.state.configuration
        configuration.allowsReplicaMigration = false
        quartet.subject.handle(.configured(configuration))
        var myself = Peer("9")
        myself.header.sender = quartet.subject.state.myself.id
        myself.header.slots = quartet.subject.state.myself.slots
        let replica = Peer("e", ip: "10.0.0.9").demoted(under: myself)
        let link = try quartet.subject.join(replica)

        quartet.subject.receive(.pong(Heartbeat()), from: replica.promoted(over: myself, epoch: 40), on: link)

        #expect(quartet.subject.state.myself.replicaOf == quartet.subject.state.nodes.index(of: replica.id))
    }

    @Test func `takes its replicas along`() throws {
        var shard = try Shard()
        var taker = shard.primaries[1]
        taker.header.slots.formUnion(shard.primaries[0].header.slots)

        shard.receive(.ping(Heartbeat()), from: taker)

        #expect(shard.myself.replicaOf == shard.subject.state.nodes.index(of: taker.id))
        #expect(shard.subject.state.replication.heardAt == nil, "what it has is another shard's")
    }

    @Test func `or had none, follows its replica all the same when that took over`() throws {
        var quartet = try Quartet()
        try quartet.subject.state.flushSlots(databaseIsEmpty: true, at: quartet.subject.now)
        var myself = Peer("9")
        myself.header.sender = quartet.subject.state.myself.id
        let replica = Peer("e", ip: "10.0.0.9").demoted(under: myself)
        let link = try quartet.subject.join(replica)

        quartet.subject.receive(.pong(Heartbeat()), from: replica.promoted(over: myself, epoch: 40), on: link)

        #expect(quartet.subject.state.myself.replicaOf == quartet.subject.state.nodes.index(of: replica.id))
    }
}

@Suite struct `A replica's primary` {
    @Test func `that becomes a replica is left for the one that it follows`() throws {
        var shard = try Shard(siblings: ["e"])
        let winner = shard.siblings[0].promoted(over: shard.primaries[0], epoch: 14)

        // The loser tells of it before the winner does.
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0].demoted(under: winner))

        #expect(shard.myself.replicaOf == shard.subject.state.nodes.index(of: winner.id))
        #expect(shard.subject.node(winner)?.slots == shard.primaries[0].header.slots)
        #expect(shard.subject.state.replication.heardAt != nil, "the shard, and so the data, is the same")
    }

    @Test func `cannot make this node one by a packet from before it was replaced`() throws {
        // This node was the primary, "e" took over and this node follows it; then a packet of the time before arrives.
        var quartet = try Quartet()
        var myself = Peer("9")
        myself.header.sender = quartet.subject.state.myself.id
        myself.header.slots = quartet.subject.state.myself.slots
        let replica = Peer("e", ip: "10.0.0.9").demoted(under: myself)
        let link = try quartet.subject.join(replica)
        let winner = replica.promoted(over: myself, epoch: 40)
        quartet.subject.receive(.pong(Heartbeat()), from: winner, on: link)
        let before = quartet.subject.state.nodesConfiguration

        quartet.subject.receive(.ping(Heartbeat()), from: replica, on: link)

        #expect(quartet.subject.state.nodesConfiguration == before)
        #expect(quartet.subject.node(winner)?.slots == winner.header.slots)
    }
}

@Suite struct `A packet from before a failover` {
    @Test func `changes nothing`() throws {
        var shard = try Shard(siblings: ["e", "f"])
        let stale: [Peer] = [shard.primaries[0], shard.siblings[0], shard.siblings[1]]
        let winner = shard.siblings[0].promoted(over: shard.primaries[0], epoch: 14)
        shard.receive(.pong(Heartbeat()), from: winner)
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0].demoted(under: winner))
        let slots = shard.subject.state.slotRanges

        for peer in stale where peer.id != winner.id { shard.receive(.ping(Heartbeat()), from: peer) }

        #expect(shard.subject.state.slotRanges.map(\.slots) == slots.map(\.slots))
        #expect(shard.subject.node(winner)?.slots == winner.header.slots)
        #expect(shard.subject.node(winner)?.configEpoch == 14)
        #expect(shard.myself.replicaOf == shard.subject.state.nodes.index(of: winner.id))
        let told = shard.subject.sent.contains { sent in
            guard case .update(let claim) = sent.body else { return false }
            return claim.owner == winner.id && claim.configEpoch == 14
        }
        #expect(told, "and its sender is told what is new")
    }
}

@Suite struct `A replica that is one too many` {
    /// This node and "e" are replicas of the first primary; the second had one, "f", which dies, and the third has none.
    private func orphaned(
        sibling: Character = "e",
        configure: (inout ClusterConfiguration) -> Void = { _ in }
    ) throws -> Shard {
        var shard = try Shard(siblings: [sibling], configure: configure)
        let lost = Peer("f", ip: "10.0.3.2").demoted(under: shard.primaries[1])
        shard.inbound[lost.id] = try shard.subject.join(lost)
        shard.primaries[1].header.flags.insert(.attractsReplicas)
        shard.live(.seconds(4))
        shard.receive(.fail(lost.id), from: shard.primaries[2])
        return shard
    }

    private func target(of shard: Shard) -> NodeID? {
        shard.myself.replicaOf.map { shard.subject.state.nodes[$0].id }
    }

    @Test func `goes to the primary that has lost its last, after five seconds`() throws {
        // The name of this node is 07c3…: the smaller one of the two goes.
        var shard = try orphaned()

        shard.live(.milliseconds(4900))
        #expect(target(of: shard) == shard.primaries[0].id)
        shard.live(.milliseconds(400))

        #expect(target(of: shard) == shard.primaries[1].id)
        #expect(shard.subject.node(shard.primaries[1])?.flags.contains(.attractsReplicas) == true)
    }

    @Test func `stays if the other has the smaller name`() throws {
        var shard = try orphaned(sibling: "0")
        shard.live(.seconds(8))

        #expect(target(of: shard) == shard.primaries[0].id)
    }

    @Test func `stays if replicas may not move, or its primary is to keep more`() throws {
        for configure: (inout ClusterConfiguration) -> Void in [
            { $0.allowsReplicaMigration = false }, { $0.migrationBarrier = 2 }, { $0.hasNoFailover = true },
        ] {
            var shard = try orphaned(configure: configure)
            shard.live(.seconds(8))

            #expect(target(of: shard) == shard.primaries[0].id)
        }
    }

    @Test func `stays while the primary's own replica is only away for a moment`() throws {
        var shard = try orphaned()
        shard.live(.seconds(3))
        let back = Peer("f", ip: "10.0.3.2").demoted(under: shard.primaries[1])
        let link = try #require(shard.subject.node(back)?.outbound)
        shard.subject.receive(.pong(Heartbeat()), from: back, on: link)
        #expect(shard.subject.node(back)?.isFailed == false)
        shard.live(.milliseconds(2500))

        #expect(target(of: shard) == shard.primaries[0].id)
    }

    @Test func `stays while its sibling is gone`() throws {
        var shard = try orphaned()
        shard.receive(.fail(shard.siblings[0].id), from: shard.primaries[2])
        shard.siblings = []
        shard.live(.seconds(8))

        #expect(target(of: shard) == shard.primaries[0].id)
    }
}
