// CLUSTER FAILOVER and REPLICATE, as operations of the machine. Texts of errors are those of Redis 7.0.

import Testing

@testable import Cluster

@Suite struct `An agreed failover` {
    @Test func `stops the primary's writers, waits for all data, and is elected at once by forced votes`() throws {
        var shard = try Shard(offset: 100)

        try shard.subject.state.failover(.agreed, at: shard.subject.now)
        shard.subject.settle()
        #expect(shard.subject.sent(.manualFailoverStart) == [shard.subject.node(shard.primaries[0])?.outbound])

        shard.primaries[0].header.traits = .paused
        shard.primaries[0].header.replicationOffset = 150
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0])
        shard.live(.seconds(1))
        #expect(shard.subject.state.currentEpoch == 12, "it has not all data yet")

        shard.subject.handle(.replicationOffset(150))
        let requests = shard.subject.sent.filter { $0.body == .authRequest }
        #expect(requests.count == 3)
        #expect(requests.allSatisfy { $0.header.traits.contains(.forceAck) && $0.header.currentEpoch == 13 })

        shard.vote(1)
        shard.vote(0)
        #expect(shard.myself.isPrimary && shard.myself.configEpoch == 13)
        #expect(shard.subject.state.manualFailover == nil)
    }

    @Test func `takes the first offset that its primary says, and only its primary's`() throws {
        var shard = try Shard(offset: 100)
        try shard.subject.state.failover(.agreed, at: shard.subject.now)
        shard.primaries[1].header.traits = .paused
        shard.receive(.ping(Heartbeat()), from: shard.primaries[1])
        #expect(shard.subject.state.manualFailover?.step == .awaitingOffset)

        shard.primaries[0].header.traits = .paused
        for offset: UInt64 in [200, 100] {
            shard.primaries[0].header.replicationOffset = offset
            shard.receive(.ping(Heartbeat()), from: shard.primaries[0])
        }

        #expect(shard.subject.state.manualFailover?.step == .awaitingData(upTo: 200))
    }

    @Test func `is given up in time, and then can be asked for again`() throws {
        var shard = try Shard { $0.manualFailoverTimeout = .seconds(2) }
        try shard.subject.state.failover(.agreed, at: shard.subject.now)

        shard.live(.milliseconds(2200))
        #expect(shard.subject.state.manualFailover == nil)
        shard.primaries[0].header.traits = .paused
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0])
        #expect(shard.subject.sent(.authRequest).isEmpty)

        try shard.subject.state.failover(.agreed, at: shard.subject.now)
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0])
        #expect(shard.subject.sent(.authRequest).count == 3)
    }

    @Test func `that nobody votes for leaves no election behind`() throws {
        var shard = try Shard { $0.manualFailoverTimeout = .seconds(2) }
        try shard.subject.state.failover(.force, at: shard.subject.now)
        shard.subject.settle()
        #expect(shard.subject.sent(.authRequest).count == 3)

        shard.live(.milliseconds(2200))
        shard.vote(1, epoch: 13)
        shard.vote(2, epoch: 13)

        #expect(shard.myself.isReplica)
    }
}

@Suite struct `A primary that is asked for a failover` {
    /// A quartet whose subject has a replica.
    private struct Pair {
        var quartet: Quartet
        var replica: Peer
        let link: LinkID

        init() throws {
            quartet = try Quartet()
            replica = Peer("e", ip: "10.0.0.9")
            replica.header.flags = [.myself, .replica]
            replica.header.replicaOf = quartet.subject.state.myself.id
            replica.header.slots = quartet.subject.state.myself.slots
            replica.header.configEpoch = quartet.subject.state.myself.configEpoch
            link = try quartet.subject.join(replica)
            quartet.subject.handle(.replicationOffset(70))
            quartet.subject.live(.seconds(3), with: quartet.peers + [replica])
        }
    }

    @Test func `stops its writers for twice the time, and says so once they have stopped`() throws {
        var pair = try Pair()

        pair.quartet.subject.receive(.manualFailoverStart, from: pair.replica, on: pair.link)
        let now = pair.quartet.subject.now
        #expect(pair.quartet.subject.effects.contains(.pauseWrites(until: now + .seconds(10))))
        #expect(pair.quartet.subject.sent.isEmpty)
        pair.quartet.subject.handle(.writesPaused(at: 77))

        let ping = try #require(pair.quartet.subject.sent.first)
        #expect(ping.body.type == .ping && ping.link == pair.quartet.subject.node(pair.replica)?.outbound)
        #expect(ping.header.traits == [.paused, .extensions] && ping.header.replicationOffset == 77)
        pair.quartet.subject.handle(.replicationOffset(80))
        pair.quartet.subject.wait(.milliseconds(100))
        #expect(pair.quartet.subject.sent.last?.header.replicationOffset == 77, "the offset stays frozen")
        #expect(pair.quartet.subject.sent(.ping).contains(ping.link), "and the replica is told at every tick")
    }

    @Test func `lets them go on when nothing comes of it`() throws {
        var pair = try Pair()
        pair.quartet.subject.receive(.manualFailoverStart, from: pair.replica, on: pair.link)
        pair.quartet.subject.handle(.writesPaused(at: 77))

        pair.quartet.subject.live(.milliseconds(4900), with: pair.quartet.peers + [pair.replica])
        #expect(pair.quartet.subject.state.manualFailover != nil)
        pair.quartet.subject.wait(.milliseconds(200))

        #expect(pair.quartet.subject.effects.contains(.resumeWrites))
        pair.quartet.subject.receive(.ping(Heartbeat()), from: pair.replica, on: pair.link)
        #expect(pair.quartet.subject.sent.first?.header.traits == .extensions)
    }

    @Test func `follows the replica that was elected, and then sends its writers there`() throws {
        var pair = try Pair()
        pair.quartet.subject.receive(.manualFailoverStart, from: pair.replica, on: pair.link)
        pair.quartet.subject.handle(.writesPaused(at: 77))
        var winner = pair.replica
        winner.header.flags = [.myself, .primary]
        winner.header.replicaOf = nil
        winner.header.configEpoch = 40
        winner.header.currentEpoch = 40

        pair.quartet.subject.receive(.pong(Heartbeat()), from: winner, on: pair.link)

        let subject = pair.quartet.subject
        #expect(subject.state.myself.replicaOf == subject.state.nodes.index(of: winner.id))
        let map = try #require(subject.effects.firstIndex(of: .publishSlotMap))
        let resume = try #require(subject.effects.firstIndex(of: .resumeWrites))
        #expect(map < resume, "the writers must be told where the slots are now")
        let isFlushed = subject.effects.contains { if case .dropKeys = $0 { true } else { false } }
        #expect(!isFlushed, "what is here is replaced by what the new primary has")
    }

    @Test func `listens to its own replicas only`() throws {
        var pair = try Pair()
        pair.quartet.subject.receive(.manualFailoverStart, from: pair.quartet.peers[0], on: pair.quartet.inbound[0])

        #expect(pair.quartet.subject.state.manualFailover == nil)
    }

    @Test func `does not hand its slots to a replica that can copy nothing from it`() throws {
        var pair = try Pair()
        var configuration = pair.quartet.subject.state.configuration
        configuration.replicatesData = false
        pair.quartet.subject.handle(.configured(configuration))

        pair.quartet.subject.receive(.manualFailoverStart, from: pair.replica, on: pair.link)

        #expect(pair.quartet.subject.state.manualFailover == nil)
    }
}

@Suite struct `CLUSTER FAILOVER` {
    @Test func `is refused where there is nothing to take over`() throws {
        var subject = Subject()
        #expect(throws: ClusterError.failoverOnPrimary) { try subject.state.failover(.force, at: subject.now) }

        var shard = try Shard()
        shard.losePrimary()
        #expect(throws: ClusterError.primaryDown) { try shard.subject.state.failover(.agreed, at: shard.subject.now) }
        let link = try #require(shard.subject.node(shard.primaries[0])?.outbound)
        shard.subject.handle(.linkClosed(link))
        #expect(throws: ClusterError.primaryDown) { try shard.subject.state.failover(.agreed, at: shard.subject.now) }
    }

    @Test func `is refused to a replica whose primary is not known`() throws {
        let saved = """
            07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:7000@17000 myself,slave - 0 0 1 connected
            vars currentEpoch 6 lastVoteEpoch 0

            """
        let parsed = try NodesConfiguration(parsing: Array(saved.utf8), busUsesTLS: false)
        var subject = Subject()
        subject.state = ClusterState(
            restoring: parsed,
            configuration: subject.state.configuration,
            random: SeededGenerator(seed: 1),
            at: subject.now
        )

        #expect(throws: ClusterError.primaryUnknown) { try subject.state.failover(.takeOver, at: subject.now) }
    }

    @Test func `FORCE does without the primary, though it lives`() throws {
        var shard = try Shard()

        try shard.subject.state.failover(.force, at: shard.subject.now)
        shard.subject.settle()

        #expect(shard.subject.sent(.manualFailoverStart).isEmpty)
        let requests = shard.subject.sent.filter { $0.body == .authRequest }
        #expect(requests.count == 3 && requests.allSatisfy { $0.header.traits.contains(.forceAck) })
    }

    @Test func `TAKEOVER asks nobody, and takes an epoch above all others`() throws {
        var shard = try Shard()

        try shard.subject.state.failover(.takeOver, at: shard.subject.now)
        shard.subject.settle()

        #expect(shard.subject.sent(.authRequest).isEmpty)
        #expect(shard.myself.isPrimary && shard.myself.slots == shard.primaries[0].header.slots)
        #expect(shard.myself.configEpoch == 13)
        #expect(shard.subject.effects.first == .saveNodesConfiguration(durably: true))
        #expect(shard.subject.sent(.pong).count == 3)
    }
}

@Suite struct `CLUSTER REPLICATE` {
    @Test func `makes an empty primary a replica, which is saved, told and done`() throws {
        let shard = try Shard()

        #expect(shard.myself.isReplica && shard.subject.node(shard.primaries[0])?.shard == shard.myself.shard)
        let primary = shard.primaries[0]
        #expect(shard.subject.state.nodesConfiguration.contains("myself,slave \(primary.id) "))
        let role = Replication.Role.replica(of: .init(id: primary.id, ip: primary.ip, port: 7000, tlsPort: 0))
        #expect(shard.subject.state.replication.role == role)
    }

    @Test func `has its conditions`() throws {
        var shard = try Shard(siblings: ["e"])
        var subject = shard.subject
        let unknown = String(repeating: "9", count: 40)
        func refusal(_ text: String, of subject: inout Subject, hasKeys: Bool = false) -> ClusterError? {
            do throws(ClusterError) {
                try subject.state.replicate(text, hasKeys: hasKeys, at: subject.now)
                return nil
            } catch { return error }
        }
        #expect(refusal(unknown, of: &subject) == .unknownNode(unknown))
        #expect(refusal(subject.state.myself.id.description, of: &subject) == .cannotReplicateMyself)
        #expect(refusal(shard.siblings[0].id.description, of: &subject) == .cannotReplicateReplica)

        var quartet = try Quartet()
        let primary = quartet.peers[0].id.description
        #expect(refusal(primary, of: &quartet.subject) == .notEmptyEnoughToReplicate)
        try quartet.subject.state.flushSlots(databaseIsEmpty: true, at: quartet.subject.now)
        #expect(refusal(primary, of: &quartet.subject, hasKeys: true) == .notEmptyEnoughToReplicate)
        var configuration = quartet.subject.state.configuration
        configuration.replicatesData = false
        quartet.subject.handle(.configured(configuration))
        #expect(refusal(primary, of: &quartet.subject) == .replicationUnavailable)

        #expect(refusal(shard.primaries[1].id.description, of: &shard.subject, hasKeys: true) == nil)
        shard.subject.settle()
        #expect(shard.subject.state.replication.heardAt == nil, "the data of another shard is no claim to this one")
    }

    @Test func `NO ONE makes a replica an empty primary of a shard of its own, and nothing of a primary`() throws {
        var shard = try Shard()
        let former = shard.myself.shard

        shard.subject.state.replicateNoOne(at: shard.subject.now)
        shard.subject.settle()

        #expect(shard.myself.isPrimary && shard.myself.slots.isEmpty && shard.myself.shard != former)
        let promotion = try #require(shard.subject.effects.firstIndex(of: .startPromotion))
        let drop = try #require(shard.subject.effects.firstIndex(of: .dropAllKeys))
        #expect(promotion < drop)
        let before = shard.subject.state.nodesConfiguration
        shard.subject.state.replicateNoOne(at: shard.subject.now)
        #expect(shard.subject.state.nodesConfiguration == before)
    }

    @Test func `is done again after a restart, and when the primary's address changes`() throws {
        var shard = try Shard()
        let primary = shard.primaries[0]
        let text = shard.subject.state.nodesConfiguration
        let saved = try NodesConfiguration(parsing: Array(text.utf8), busUsesTLS: false)
        shard.subject.state = ClusterState(
            restoring: saved,
            configuration: shard.subject.state.configuration,
            random: SeededGenerator(seed: 2),
            at: shard.subject.now
        )
        shard.subject.settle()
        let source = ReplicationSource(id: primary.id, ip: primary.ip, port: 7000, tlsPort: 0)
        #expect(shard.subject.effects.contains(.becomeReplica(of: source)))

        let link = shard.subject.accept(from: "10.0.9.9")
        shard.subject.receive(.ping(Heartbeat()), from: primary, on: link)

        let moved = ReplicationSource(id: primary.id, ip: "10.0.9.9", port: 7000, tlsPort: 0)
        #expect(shard.subject.effects.contains(.becomeReplica(of: moved)))
    }
}
