// How a replica takes its primary's place: when it asks for votes, whose count, and what follows. Valkey 9.1's delays.

import Testing

@testable import Cluster

/// This node as a replica of the first of three primaries with slots, and further replicas of that primary.
struct Shard {
    var subject: Subject
    var primaries: [Peer]
    var siblings: [Peer] = []
    var inbound: [NodeID: LinkID] = [:]

    static let nodeTimeout = Duration.seconds(3)

    init(
        siblings names: [Character] = [],
        offset: UInt64 = 100,
        configure: (inout ClusterConfiguration) -> Void = { _ in }
    ) throws {
        subject = Subject(nodeTimeout: Shard.nodeTimeout, configure: configure)
        primaries = ["b", "c", "d"].map { Peer($0) }
        for index in primaries.indices {
            primaries[index].ip = "10.0.0.\(index + 2)"
            primaries[index].header.slots = SlotSet(Slot.count * index / 3..<Slot.count * (index + 1) / 3)
            primaries[index].header.configEpoch = UInt64(index + 10)
            primaries[index].header.currentEpoch = 12
            inbound[primaries[index].id] = try subject.join(primaries[index])
        }
        for (index, name) in names.enumerated() {
            var sibling = Peer(name, ip: "10.0.1.\(index + 2)")
            sibling.header.flags = [.myself, .replica]
            sibling.header.replicaOf = primaries[0].id
            sibling.header.slots = primaries[0].header.slots
            sibling.header.configEpoch = 10
            sibling.header.replicationOffset = offset
            inbound[sibling.id] = try subject.join(sibling)
            siblings.append(sibling)
        }
        try subject.state.replicate(primaries[0].id.description, hasKeys: false, at: subject.now)
        subject.settle()
        subject.handle(.replicationOffset(offset))
        live(.seconds(4))
    }

    var myself: ClusterNode { subject.state.myself }
    var living: [Peer] { primaries.dropFirst() + siblings }

    /// Lets time pass while all live and the primary's data comes.
    mutating func live(_ duration: Duration) {
        subject.live(duration, with: primaries + siblings)
        subject.handle(.heardFromPrimary(subject.now))
    }

    /// The primary dies, and a majority knows.
    mutating func losePrimary() {
        receive(.fail(primaries[0].id), from: primaries[1])
    }

    mutating func receive(_ body: BusBody, from peer: Peer) {
        guard let link = inbound[peer.id] else { preconditionFailure("no member") }
        subject.receive(body, from: peer, on: link)
    }

    /// A primary's vote for the election under way.
    mutating func vote(_ voter: Int, epoch: UInt64? = nil) {
        primaries[voter].header.currentEpoch = epoch ?? subject.state.currentEpoch
        receive(.authAck, from: primaries[voter])
    }

    /// What the loop does between ticks when something else wakes it: here, so that delays show to the millisecond.
    mutating func step() {
        subject.state.deferred.election = true
        subject.settle()
    }
}

/// The milliseconds until votes are asked for; nil: not within `limit`.
func timeUntilRequest(_ shard: inout Shard, within limit: Duration = .seconds(1)) -> Int64? {
    let start = shard.subject.now
    while shard.subject.sent(.authRequest).isEmpty {
        guard shard.subject.now - start < limit else { return nil }
        shard.subject.now = shard.subject.now + .milliseconds(1)
        if (shard.subject.now - start).wholeMilliseconds % 100 == 0 {
            shard.subject.handle(.tick)
        } else {
            shard.step()
        }
    }
    return (shard.subject.now - start).wholeMilliseconds
}

@Suite struct `A replica whose primary has died` {
    @Test func `asks all members for votes in a new epoch, which is on disk before`() throws {
        var shard = try Shard()
        shard.losePrimary()

        #expect(timeUntilRequest(&shard) != nil)

        #expect(shard.subject.effects.first == .saveNodesConfiguration(durably: true))
        #expect(shard.subject.state.currentEpoch == 13)
        let requests = shard.subject.sent.filter { $0.body == .authRequest }
        #expect(requests.count == 3)
        let header = try #require(requests.first).header
        #expect(header.currentEpoch == 13 && header.configEpoch == 10)
        #expect(header.slots == shard.primaries[0].header.slots && header.replicaOf == shard.primaries[0].id)
        #expect(header.flags.contains([.replica, .primaryFailed]))
    }

    @Test func `takes its place when a majority has voted, and tells everyone`() throws {
        var shard = try Shard()
        shard.losePrimary()
        _ = timeUntilRequest(&shard)

        shard.vote(1)
        #expect(shard.myself.isReplica, "one of three is no majority")
        shard.vote(2)

        #expect(shard.myself.isPrimary && shard.myself.slots == shard.primaries[0].header.slots)
        #expect(shard.myself.configEpoch == 13)
        #expect(shard.subject.node(shard.primaries[0])?.slots.isEmpty == true)
        let effects = shard.subject.effects
        #expect(effects.first == .saveNodesConfiguration(durably: true))
        let promotion = try #require(effects.firstIndex(of: .startPromotion))
        let map = try #require(effects.firstIndex(of: .publishSlotMap))
        #expect(promotion < map, "nobody may write here what the old primary could overwrite")
        let pongs = shard.subject.sent.filter { $0.body.type == .pong }
        #expect(pongs.count == 3)
        #expect(pongs.allSatisfy { $0.header.slots == shard.primaries[0].header.slots && $0.header.configEpoch == 13 })
    }

    @Test func `counts a vote once, from primaries with slots, and for this election`() throws {
        var shard = try Shard(siblings: ["e"])
        shard.losePrimary()
        _ = timeUntilRequest(&shard)

        shard.vote(1)
        shard.vote(1)
        shard.vote(2, epoch: 12)
        shard.siblings[0].header.currentEpoch = 13
        shard.receive(.authAck, from: shard.siblings[0])

        #expect(shard.myself.isReplica)
        shard.vote(2)
        #expect(shard.myself.isPrimary)
    }

    @Test func `gives up after two node timeouts, and tries again after four, in another epoch`() throws {
        var shard = try Shard()
        shard.losePrimary()
        _ = timeUntilRequest(&shard)
        shard.vote(1)

        shard.subject.live(Shard.nodeTimeout * 2 + .milliseconds(200), with: shard.living)
        shard.vote(2, epoch: 13)
        #expect(shard.myself.isReplica, "too late")
        shard.subject.handle(.heardFromPrimary(shard.subject.now))
        shard.subject.live(Shard.nodeTimeout * 2 - .milliseconds(500), with: shard.living)
        #expect(shard.subject.state.currentEpoch == 13)
        shard.subject.live(.seconds(1), with: shard.living)

        #expect(shard.subject.state.currentEpoch == 14)
        shard.vote(1)
        shard.vote(2)
        #expect(shard.myself.configEpoch == 14)
    }

    @Test func `starts over when the epoch of its election was won by somebody else`() throws {
        var shard = try Shard()
        shard.losePrimary()
        _ = timeUntilRequest(&shard)
        shard.vote(1)

        shard.primaries[2].header.currentEpoch = 13
        shard.primaries[2].header.configEpoch = 13
        shard.receive(.ping(Heartbeat()), from: shard.primaries[2])
        #expect(shard.subject.sent.first { $0.body == .authRequest }?.header.currentEpoch == 14)
        shard.vote(2, epoch: 13)

        #expect(shard.myself.isReplica)
    }

    @Test func `follows the sibling that was faster`() throws {
        var shard = try Shard(siblings: ["e"])
        shard.losePrimary()
        _ = timeUntilRequest(&shard)
        var winner = shard.siblings[0]
        winner.header.flags = [.myself, .primary]
        winner.header.replicaOf = nil
        winner.header.configEpoch = 14
        winner.header.currentEpoch = 14

        shard.receive(.pong(Heartbeat()), from: winner)

        #expect(shard.myself.replicaOf == shard.subject.state.nodes.index(of: winner.id))
        let source = ReplicationSource(id: winner.id, ip: winner.ip, port: 7000, tlsPort: 0)
        let follow = try #require(shard.subject.effects.firstIndex(of: .becomeReplica(of: source)))
        let map = try #require(shard.subject.effects.firstIndex(of: .publishSlotMap))
        #expect(map < follow)
        shard.vote(1, epoch: 14)
        shard.vote(2, epoch: 14)
        #expect(shard.myself.isReplica, "its election is over")
    }

    @Test func `does not stand while the primary is only suspected, or once it lives again`() throws {
        var shard = try Shard()
        #expect(timeUntilRequest(&shard) == nil)

        shard.losePrimary()
        shard.live(Shard.nodeTimeout * 2 + .seconds(2))

        #expect(!(shard.subject.node(shard.primaries[0])?.isFailed ?? true))
        #expect(timeUntilRequest(&shard) == nil)
    }

    @Test func `does not stand for a primary without slots`() throws {
        var shard = try Shard()
        shard.primaries[1].header.slots.formUnion(shard.primaries[0].header.slots)
        shard.primaries[0].header.slots = SlotSet()
        shard.receive(.ping(Heartbeat()), from: shard.primaries[0])
        shard.receive(.ping(Heartbeat()), from: shard.primaries[1])
        #expect(shard.subject.node(shard.primaries[0])?.slots.isEmpty == true)
        try shard.subject.state.replicate(shard.primaries[0].id.description, hasKeys: true, at: shard.subject.now)
        shard.subject.handle(.heardFromPrimary(shard.subject.now))

        shard.losePrimary()

        #expect(timeUntilRequest(&shard) == nil)
    }

    @Test func `does not stand if it must not`() throws {
        var shard = try Shard { $0.hasNoFailover = true }
        shard.losePrimary()

        #expect(timeUntilRequest(&shard) == nil)
    }

    @Test func `does not stand without a copy of its primary's data, however it is configured`() throws {
        for factor in [10, 0] {
            var shard = try Shard { $0.replicaValidityFactor = factor }
            shard.subject.state.replication.heardAt = nil
            shard.losePrimary()

            #expect(timeUntilRequest(&shard) == nil)
        }
    }

    @Test(arguments: [
        // 1 s + 2 × 3 s is the limit, and the node timeout that made the primary dead is not counted.
        (2, 9_800, true), (2, 11_000, false), (0, 1_000_000, true),
    ])
    func `does not stand with data that is too old`(factor: Int, ageMilliseconds: Int, stands: Bool) throws {
        var shard = try Shard {
            $0.replicaValidityFactor = factor
            $0.replicaPingPeriod = .seconds(1)
        }
        let heard = Instant(milliseconds: shard.subject.now.milliseconds - Int64(ageMilliseconds))
        shard.subject.handle(.heardFromPrimary(heard))
        shard.losePrimary()

        #expect((timeUntilRequest(&shard, within: .milliseconds(190)) != nil) == stands)
    }
}

@Suite struct `The delay before an election` {
    /// A thirtieth of the node timeout: 100 ms.
    private static let step: Int64 = 100

    @Test func `is none for the first of replicas that all know of the death, and its request says so`() throws {
        var shard = try Shard(siblings: ["f"], offset: 100)
        shard.siblings[0].header.flags.insert(.primaryFailed)
        shard.siblings[0].header.replicationOffset = 99
        shard.receive(.ping(Heartbeat()), from: shard.siblings[0])

        shard.losePrimary()

        #expect(shard.subject.sent(.authRequest).count == 4, "at once")
        #expect(shard.subject.sent.first { $0.body == .authRequest }?.header.traits.contains(.forceAck) == true)
    }

    @Test func `is one to two steps where not all replicas are known to know of it`() throws {
        var shard = try Shard(siblings: ["f"])
        shard.siblings[0].header.replicationOffset = 99
        shard.receive(.ping(Heartbeat()), from: shard.siblings[0])

        shard.losePrimary()

        let time = try #require(timeUntilRequest(&shard))
        #expect((Self.step..<2 * Self.step).contains(time))
        #expect(shard.subject.sent.first { $0.body == .authRequest }?.header.traits.contains(.forceAck) == false)
    }

    @Test(
        arguments: [
            (["0"], 100, 1),  // as much data, and a smaller name
            (["f"], 101, 1), (["0", "1"], 100, 2), (["f", "1"], 101, 2),
        ] as [([Character], UInt64, Int64)]
    )
    func `is two steps longer for each replica that goes first`(names: [Character], offset: UInt64, rank: Int64) throws
    {
        var shard = try Shard(siblings: names)
        for index in shard.siblings.indices {
            shard.siblings[index].header.replicationOffset = offset
            shard.receive(.ping(Heartbeat()), from: shard.siblings[index])
        }

        shard.losePrimary()
        #expect(shard.subject.sent(.pong).count == names.count, "the others are told of our offset")

        let time = try #require(timeUntilRequest(&shard))
        #expect((Self.step * (1 + 2 * rank)..<Self.step * (2 + 2 * rank)).contains(time))
    }

    @Test func `counts neither dead replicas nor those that must not stand`() throws {
        var shard = try Shard(siblings: ["0", "1"])
        shard.receive(.fail(shard.siblings[0].id), from: shard.primaries[1])
        shard.siblings[1].header.flags.insert(.noFailover)
        shard.receive(.ping(Heartbeat()), from: shard.siblings[1])

        shard.losePrimary()

        let time = try #require(timeUntilRequest(&shard))
        #expect(time < 2 * Self.step)
    }

    @Test func `changes with the rank while it lasts`() throws {
        var shard = try Shard(siblings: ["0"])
        shard.losePrimary()
        shard.siblings[0].header.replicationOffset = 10
        shard.receive(.ping(Heartbeat()), from: shard.siblings[0])

        let time = try #require(timeUntilRequest(&shard))
        #expect(time < 2 * Self.step, "the sibling has less than it seemed")
    }

    @Test func `is half a second longer without any data`() throws {
        var shard = try Shard(offset: 0)
        shard.losePrimary()

        let time = try #require(timeUntilRequest(&shard))
        #expect((500 + Self.step..<500 + 2 * Self.step).contains(time))
    }

    @Test func `is a step longer for each other shard that lost its primary and comes first`() throws {
        var shard = try Shard()
        var others: [ShardID] = []
        for (index, name) in (["8", "9"] as [Character]).enumerated() {
            var replica = Peer(name, ip: "10.0.2.\(index + 2)")
            replica.header.flags = [.myself, .replica]
            replica.header.replicaOf = shard.primaries[index + 1].id
            replica.header.slots = shard.primaries[index + 1].header.slots
            replica.header.configEpoch = shard.primaries[index + 1].header.configEpoch
            shard.inbound[replica.id] = try shard.subject.join(replica)
            others.append(try #require(shard.subject.node(replica)).shard)
        }
        for index in 1...2 { shard.receive(.fail(shard.primaries[index].id), from: shard.primaries[3 - index]) }
        let before = Int64(others.count { $0 < shard.myself.shard })

        shard.losePrimary()

        let time = try #require(timeUntilRequest(&shard))
        let expected = before == 0 ? 0..<1 : Self.step * (1 + before)..<Self.step * (2 + before)
        #expect(expected.contains(time), "\(before) other shards come first")
    }
}
