// Who is suspected, who is dead, and who is alive again; and that a node whose shards hang keeps silent.

import Testing

@testable import Cluster

/// This node and three others, each with a quarter of the slots.
struct Quartet {
    var subject: Subject
    var peers: [Peer]
    var inbound: [LinkID] = []

    init(nodeTimeout: Duration = .seconds(2)) throws {
        subject = Subject(nodeTimeout: nodeTimeout)
        peers = ["b", "c", "d"].map { Peer($0, ip: "10.0.0.1\($0)") }
        try subject.state.addSlots(Array(0..<4096), at: subject.now)
        for index in peers.indices {
            peers[index].ip = "10.0.0.\(index + 2)"
            peers[index].header.slots = SlotSet(4096 * (index + 1)..<4096 * (index + 2))
            peers[index].header.configEpoch = UInt64(index + 10)
            peers[index].header.currentEpoch = 12
            inbound.append(try subject.join(peers[index]))
        }
    }

    /// Peer `reporter` says that `peer` is failing, or is not.
    mutating func report(by reporter: Int, that peer: Int, isFailing: Bool = true) {
        let entry = peers[peer].gossipEntry(isFailing ? [.primary, .suspected] : .primary)
        subject.receive(.ping(Heartbeat(gossip: [entry])), from: peers[reporter], on: inbound[reporter])
    }

    func flags(of peer: Int) -> NodeFlags { subject.node(peers[peer])?.flags ?? [] }
}

@Suite struct `A silent node` {
    @Test func `is suspected after the node timeout, and not before`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        #expect(!quartet.flags(of: 0).contains(.suspected))

        let alive = Array(quartet.peers.dropFirst())
        // It may have answered just now: half the timeout until it is asked, the whole until it is suspected.
        quartet.subject.live(.milliseconds(1900), with: alive)
        #expect(!quartet.flags(of: 0).contains(.suspected))
        quartet.subject.live(.milliseconds(1500), with: alive)

        #expect(quartet.flags(of: 0).contains(.suspected))
        #expect(!quartet.flags(of: 1).contains(.suspected))
        #expect(quartet.subject.state.infoText.contains("cluster_slots_pfail:4096\r\n"))
    }

    @Test func `that still sends anything is not suspected, though it answers no PING`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)

        for _ in 0..<10 {
            quartet.subject.live(.milliseconds(500), with: Array(quartet.peers.dropFirst()))
            quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        }

        #expect(!quartet.flags(of: 0).contains(.suspected))
    }

    @Test func `that refuses connections is suspected`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        let link = try #require(quartet.subject.node(quartet.peers[0])?.outbound)
        quartet.subject.handle(.linkClosed(link))

        for _ in 0..<25 {
            quartet.subject.live(.milliseconds(100), with: Array(quartet.peers.dropFirst()))
            if let link = quartet.subject.node(quartet.peers[0])?.outbound { quartet.subject.handle(.linkFailed(link)) }
        }

        #expect(quartet.flags(of: 0).contains(.suspected))
    }

    @Test func `gets a second link before it is suspected`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        let former = try #require(quartet.subject.node(quartet.peers[0])?.outbound)

        quartet.subject.live(.milliseconds(1900), with: Array(quartet.peers.dropFirst()))

        #expect(!quartet.flags(of: 0).contains(.suspected))
        #expect(quartet.subject.node(quartet.peers[0])?.outbound != former)
    }

    @Test func `is dead when a majority of the primaries with slots cannot reach it, and all are told`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        quartet.subject.live(.milliseconds(3500), with: Array(quartet.peers.dropFirst()))
        #expect(quartet.flags(of: 0).isSuperset(of: .suspected))

        quartet.report(by: 1, that: 0)
        #expect(!quartet.flags(of: 0).contains(.failed), "two of four are no majority")
        quartet.report(by: 2, that: 0)

        #expect(quartet.flags(of: 0).contains(.failed))
        #expect(!quartet.flags(of: 0).contains(.suspected))
        #expect(quartet.subject.sent(.fail).count == 2)
        #expect(quartet.subject.effects.first == .saveNodesConfiguration(durably: false))
        #expect(quartet.subject.sent.contains { $0.body == .fail(quartet.peers[0].id) })
    }

    @Test func `is dead at once when it is suspected after the others reported it`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        quartet.subject.live(.milliseconds(1900), with: Array(quartet.peers.dropFirst()))
        quartet.report(by: 1, that: 0)
        quartet.report(by: 2, that: 0)
        #expect(quartet.flags(of: 0).isDisjoint(with: [.suspected, .failed]), "we could reach it so far")

        quartet.subject.live(.milliseconds(1500), with: Array(quartet.peers.dropFirst()))

        #expect(quartet.flags(of: 0).contains(.failed))
    }

    /// Found by the simulator with seed 99: whoever was pinged by a dead node never asked it, and held it for dead for ever.
    @Test func `that is held for dead and speaks again is asked whether it hears us`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        quartet.subject.live(.milliseconds(3500), with: Array(quartet.peers.dropFirst()))
        quartet.report(by: 1, that: 0)
        quartet.report(by: 2, that: 0)
        #expect(quartet.flags(of: 0).contains(.failed))

        for _ in 0..<100 {
            quartet.subject.live(.milliseconds(100), with: quartet.peers)
            quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        }

        #expect(!quartet.flags(of: 0).contains(.failed))
    }

    @Test func `is reported for twice the timeout, or until the reporter takes it back`() throws {
        var quartet = try Quartet()
        let id = quartet.peers[0].id.description
        func count(_ quartet: inout Quartet) throws -> Int {
            try quartet.subject.state.countFailureReports(of: id, at: quartet.subject.now)
        }
        quartet.report(by: 1, that: 0)
        quartet.report(by: 2, that: 0)
        #expect(try count(&quartet) == 2)

        quartet.report(by: 2, that: 0, isFailing: false)
        #expect(try count(&quartet) == 1)

        quartet.subject.now = quartet.subject.now + .milliseconds(4000)
        #expect(try count(&quartet) == 1)
        quartet.subject.now = quartet.subject.now + .milliseconds(1)
        #expect(try count(&quartet) == 0)
    }

    @Test func `is not reported by those who have no vote`() throws {
        var quartet = try Quartet()
        let slotless = Peer("e", ip: "10.0.0.9")
        let inbound = try quartet.subject.join(slotless)
        let entry = quartet.peers[0].gossipEntry([.primary, .failed])

        quartet.subject.receive(.ping(Heartbeat(gossip: [entry])), from: slotless, on: inbound)

        let id = quartet.peers[0].id.description
        #expect(try quartet.subject.state.countFailureReports(of: id, at: quartet.subject.now) == 0)
    }

    @Test func `is dead when a member says that a majority found it so`() throws {
        var quartet = try Quartet()

        quartet.subject.receive(.fail(quartet.peers[0].id), from: quartet.peers[1], on: quartet.inbound[1])
        #expect(quartet.flags(of: 0).contains(.failed))

        let stranger = quartet.subject.accept()
        quartet.subject.receive(.fail(quartet.peers[2].id), from: Peer("9"), on: stranger)
        #expect(!quartet.flags(of: 2).contains(.failed), "a stranger's word counts nothing")
        quartet.subject.receive(.fail(quartet.subject.state.myself.id), from: quartet.peers[1], on: quartet.inbound[1])
        #expect(!quartet.subject.state.myself.isFailed, "one knows better about oneself")
    }

    @Test func `that owns slots lives again when it answers twice the timeout after its death`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        quartet.subject.receive(.fail(quartet.peers[0].id), from: quartet.peers[1], on: quartet.inbound[1])

        quartet.subject.live(.seconds(4), with: quartet.peers)
        #expect(quartet.flags(of: 0).contains(.failed))
        quartet.subject.live(.seconds(2), with: quartet.peers)

        #expect(!quartet.flags(of: 0).contains(.failed))
    }

    @Test func `that owns nothing lives again as soon as it answers`() throws {
        var quartet = try Quartet()
        let slotless = Peer("e", ip: "10.0.0.9")
        _ = try quartet.subject.join(slotless)
        quartet.subject.receive(.fail(slotless.id), from: quartet.peers[1], on: quartet.inbound[1])
        #expect(quartet.subject.node(slotless)?.isFailed == true)

        quartet.subject.live(.seconds(2), with: quartet.peers + [slotless])

        #expect(quartet.subject.node(slotless)?.isFailed == false)
    }
}

@Suite struct `The state of the cluster` {
    @Test func `is fail in a new node, ok with all slots served, and fail again with a dead owner`() throws {
        var quartet = try Quartet(nodeTimeout: .seconds(1))
        #expect(quartet.subject.state.health == .fail)
        quartet.subject.live(.seconds(4), with: quartet.peers)
        #expect(quartet.subject.state.health == .ok)

        quartet.subject.receive(.fail(quartet.peers[0].id), from: quartet.peers[1], on: quartet.inbound[1])

        #expect(quartet.subject.state.health == .fail)
        #expect(quartet.subject.effects.contains(.publishSlotMap))
        #expect(quartet.subject.effects.contains(.log(.warning, "Cluster state changed: fail")))
    }

    @Test func `is ok in spite of unserved slots, if coverage is not required`() throws {
        var subject = Subject(nodeTimeout: .seconds(1)) { $0.requiresFullCoverage = false }
        try subject.state.addSlots([1], at: subject.now)

        subject.wait(.seconds(4))

        #expect(subject.state.health == .ok)
    }

    @Test func `is fail without a majority of the primaries with slots`() throws {
        var quartet = try Quartet(nodeTimeout: .seconds(1))
        quartet.subject.live(.seconds(4), with: quartet.peers)

        quartet.subject.live(.seconds(3), with: Array(quartet.peers.dropFirst(2)))

        #expect(quartet.subject.state.health == .fail)
        #expect(quartet.flags(of: 0).contains(.suspected))
        #expect(!quartet.flags(of: 0).contains(.failed))
    }
}

@Suite struct `A node whose shards hang` {
    @Test func `sends nothing at all, so that others see it as dead, and speaks again afterwards`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)

        quartet.subject.handle(.vouching(false))
        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        #expect(quartet.subject.sent.isEmpty)
        quartet.subject.wait(.seconds(5))
        #expect(quartet.subject.sent.isEmpty)
        quartet.subject.handle(.vouching(true))
        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])

        #expect(quartet.subject.sent(.pong) == [quartet.inbound[0]])
    }
}
