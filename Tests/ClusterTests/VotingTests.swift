// Whom a primary gives its vote, and that it remembers it. The rules are those of Redis 7.0 and Valkey 9.1.

import Testing

@testable import Cluster

/// A quartet whose first peer has died and has a replica that asks this node for its vote.
struct Ballot {
    var quartet: Quartet
    var candidate: Peer
    let inbound: LinkID

    init() throws {
        quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        let primary = quartet.peers[0]
        candidate = Peer("e", ip: "10.0.0.9")
        candidate.header.flags = [.myself, .replica]
        candidate.header.replicaOf = primary.id
        candidate.header.slots = primary.header.slots
        candidate.header.configEpoch = primary.header.configEpoch
        candidate.header.currentEpoch = 12
        inbound = try quartet.subject.join(candidate)
        quartet.subject.receive(.fail(primary.id), from: quartet.peers[1], on: quartet.inbound[1])
    }
}

/// Whether the candidate gets the vote for its next request, in a new epoch unless one is named.
private func isGranted(_ ballot: inout Ballot, epoch: UInt64? = nil) -> Bool {
    ballot.candidate.header.currentEpoch = epoch ?? ballot.candidate.header.currentEpoch + 1
    ballot.quartet.subject.receive(.authRequest, from: ballot.candidate, on: ballot.inbound)
    return ballot.quartet.subject.sent(.authAck) == [ballot.quartet.subject.node(ballot.candidate)?.outbound]
}

@Suite struct `A vote` {
    @Test func `is on disk before it leaves, and names the epoch in which it was asked for`() throws {
        var ballot = try Ballot()

        #expect(isGranted(&ballot, epoch: 20))

        #expect(ballot.quartet.subject.effects.first == .saveNodesConfiguration(durably: true))
        #expect(ballot.quartet.subject.state.nodesConfiguration.hasSuffix("vars currentEpoch 20 lastVoteEpoch 20\n"))
        let ack = try #require(ballot.quartet.subject.sent.first { $0.body == .authAck })
        #expect(ack.header.currentEpoch == 20)
        #expect(ack.header.slots == ballot.quartet.subject.state.myself.slots, "only primaries with slots are counted")
    }

    @Test func `is given once in an epoch`() throws {
        var ballot = try Ballot()

        #expect(isGranted(&ballot, epoch: 20))
        #expect(!isGranted(&ballot, epoch: 20))
        #expect(isGranted(&ballot, epoch: 21), "its next attempt")
    }

    @Test func `is not given to a rival while the first may still win, which is for twice the node timeout`() throws {
        var ballot = try Ballot()
        let first = ballot.candidate
        var rival = first
        rival.header.sender = Peer("f").id
        rival.ip = "10.0.0.10"
        let link = try ballot.quartet.subject.join(rival)
        func isGrantedToRival(_ ballot: inout Ballot, epoch: UInt64) -> Bool {
            rival.header.currentEpoch = epoch
            ballot.quartet.subject.receive(.authRequest, from: rival, on: link)
            return !ballot.quartet.subject.sent(.authAck).isEmpty
        }

        #expect(isGranted(&ballot, epoch: 20))
        #expect(!isGrantedToRival(&ballot, epoch: 21))
        ballot.quartet.subject.live(.milliseconds(3900), with: ballot.quartet.peers.dropFirst() + [first, rival])
        #expect(!isGrantedToRival(&ballot, epoch: 22))
        ballot.quartet.subject.live(.milliseconds(200), with: ballot.quartet.peers.dropFirst() + [first, rival])
        #expect(isGrantedToRival(&ballot, epoch: 23))

        #expect(!isGranted(&ballot, epoch: 24), "now it is the other who may win")
        ballot.quartet.subject.receive(.fail(rival.id), from: ballot.quartet.peers[1], on: ballot.quartet.inbound[1])
        #expect(isGranted(&ballot, epoch: 25), "the dead do not")
    }

    @Test func `is given once in an epoch by a node that was restarted in between`() throws {
        var ballot = try Ballot()
        #expect(isGranted(&ballot, epoch: 20))
        let subject = ballot.quartet.subject
        let saved = try NodesConfiguration(parsing: Array(subject.state.nodesConfiguration.utf8), busUsesTLS: false)

        ballot.quartet.subject.state = ClusterState(
            restoring: saved,
            configuration: subject.state.configuration,
            random: SeededGenerator(seed: 2),
            at: subject.now
        )
        ballot.quartet.subject.settle()
        ballot.quartet.subject.live(.seconds(3), with: ballot.quartet.peers.dropFirst() + [ballot.candidate])
        let link = ballot.quartet.subject.accept(from: ballot.candidate.ip)

        for (epoch, isGranted) in [(20, false), (21, true)] as [(UInt64, Bool)] {
            ballot.candidate.header.currentEpoch = epoch
            ballot.quartet.subject.receive(.authRequest, from: ballot.candidate, on: link)
            #expect(ballot.quartet.subject.sent(.authAck).count == (isGranted ? 1 : 0))
        }
    }

    @Test func `is not given in an epoch that is over`() throws {
        var ballot = try Ballot()
        ballot.quartet.peers[1].header.currentEpoch = 30
        ballot.quartet.subject.receive(.ping(Heartbeat()), from: ballot.quartet.peers[1], on: ballot.quartet.inbound[1])

        #expect(!isGranted(&ballot, epoch: 29))
        #expect(isGranted(&ballot, epoch: 30))
    }

    @Test func `is not given while the primary is well, unless the request says that it is forced`() throws {
        var ballot = try Ballot()
        ballot.quartet.subject.live(.seconds(6), with: ballot.quartet.peers + [ballot.candidate])
        #expect(!ballot.quartet.flags(of: 0).contains(.failed))

        #expect(!isGranted(&ballot))
        ballot.candidate.header.traits = .forceAck
        #expect(isGranted(&ballot))
    }

    @Test func `is not given to a primary, or to a replica of nobody that is known`() throws {
        var ballot = try Ballot()
        ballot.candidate.header.replicaOf = Peer("9").id
        ballot.quartet.subject.receive(.ping(Heartbeat()), from: ballot.candidate, on: ballot.inbound)
        #expect(!isGranted(&ballot))

        ballot.candidate.header.replicaOf = nil
        ballot.candidate.header.slots = SlotSet()
        ballot.quartet.subject.receive(.ping(Heartbeat()), from: ballot.candidate, on: ballot.inbound)
        #expect(!isGranted(&ballot))
    }

    @Test func `is not given for slots that have a newer owner, and the candidate is told of it`() throws {
        var ballot = try Ballot()
        var owner = ballot.quartet.peers[2]
        owner.header.configEpoch = 19
        owner.header.slots.insert(4096)
        ballot.quartet.subject.receive(.ping(Heartbeat()), from: owner, on: ballot.quartet.inbound[2])

        #expect(!isGranted(&ballot, epoch: 20))
        let claim = SlotClaim(owner: owner.id, configEpoch: 19, slots: owner.header.slots)
        let outbound = ballot.quartet.subject.node(ballot.candidate)?.outbound
        #expect(ballot.quartet.subject.sent.contains { $0.body == .update(claim) && $0.link == outbound })

        ballot.candidate.header.slots.remove(4096)
        #expect(isGranted(&ballot, epoch: 20), "the refused request has not used the vote up")
    }

    @Test func `is nobody's who owns no slots`() throws {
        var ballot = try Ballot()
        try ballot.quartet.subject.state.deleteSlots(Array(0..<4096), at: ballot.quartet.subject.now)

        #expect(!isGranted(&ballot))
    }

    @Test func `is not given in the first two seconds after a start`() throws {
        var quartet = try Quartet()
        quartet.subject.receive(.fail(quartet.peers[0].id), from: quartet.peers[1], on: quartet.inbound[1])
        var replica = Peer("e", ip: "10.0.0.9")
        replica.header.flags = [.myself, .replica]
        replica.header.replicaOf = quartet.peers[0].id
        replica.header.configEpoch = quartet.peers[0].header.configEpoch
        replica.header.currentEpoch = 20
        let inbound = try quartet.subject.join(replica)

        quartet.subject.receive(.authRequest, from: replica, on: inbound)
        #expect(quartet.subject.sent(.authAck).isEmpty)

        quartet.subject.live(.seconds(2), with: Array(quartet.peers.dropFirst()) + [replica])
        quartet.subject.receive(.authRequest, from: replica, on: inbound)
        #expect(quartet.subject.sent(.authAck).count == 1)
    }

    @Test func `is not given, nor used up, by a node that must keep silent`() throws {
        var ballot = try Ballot()

        ballot.quartet.subject.handle(.vouching(false))
        #expect(!isGranted(&ballot, epoch: 20))
        ballot.quartet.subject.handle(.vouching(true))
        #expect(isGranted(&ballot, epoch: 20))
    }
}
