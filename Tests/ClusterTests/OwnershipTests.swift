// Epochs and slots: whose claim counts, who is told, and what an outsider cannot do.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A claim to a slot` {
    @Test func `with the greater epoch takes it, and the loser drops its keys after the shards know`() throws {
        var quartet = try Quartet()
        var taker = quartet.peers[0]
        taker.header.slots.insert(7)

        quartet.subject.receive(.ping(Heartbeat()), from: taker, on: quartet.inbound[0])

        #expect(quartet.subject.state.myself.slots.ranges == [0..<7, 8..<4096])
        let effects = quartet.subject.effects
        let save = try #require(effects.firstIndex(of: .saveNodesConfiguration(durably: true)))
        let publish = try #require(effects.firstIndex(of: .publishSlotMap))
        let drop = try #require(effects.firstIndex(of: .dropKeys(of: SlotSet([7]))))
        #expect(save < publish && publish < drop)
    }

    @Test func `with a smaller epoch takes nothing, and its maker is told who owns the slot`() throws {
        var quartet = try Quartet()
        var claimant = quartet.peers[0]
        claimant.header.slots.formUnion(quartet.peers[2].header.slots)

        quartet.subject.receive(.ping(Heartbeat()), from: claimant, on: quartet.inbound[0])

        #expect(quartet.subject.node(quartet.peers[0])?.slots == quartet.peers[0].header.slots)
        let owner = quartet.peers[2]
        let claim = SlotClaim(owner: owner.id, configEpoch: 12, slots: owner.header.slots)
        let outbound = try #require(quartet.subject.node(claimant)?.outbound)
        #expect(quartet.subject.sent.contains { $0.body == .update(claim) && $0.link == outbound })
    }

    @Test func `that is given up leaves the slot to whoever claims it next`() throws {
        var quartet = try Quartet()
        let slot = 4096
        quartet.peers[0].header.slots.remove(slot)
        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        #expect(quartet.subject.node(quartet.peers[0])?.slots.contains(slot) == true, "assigned until then")

        var next = Peer("e", ip: "10.0.0.9")
        next.header.slots = SlotSet([slot])
        next.header.configEpoch = 1
        _ = try quartet.subject.join(next)

        #expect(quartet.subject.node(next)?.slots.contains(slot) == true)
    }

    @Test func `that was given up and is made again stands`() throws {
        var quartet = try Quartet()
        let whole = quartet.peers[0]
        quartet.peers[0].header.slots.remove(4096)
        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])
        quartet.subject.receive(.ping(Heartbeat()), from: whole, on: quartet.inbound[0])

        var next = Peer("e", ip: "10.0.0.9")
        next.header.slots = SlotSet([4096])
        next.header.configEpoch = 1
        _ = try quartet.subject.join(next)

        #expect(quartet.subject.node(whole)?.slots.contains(4096) == true)
    }

    @Test func `of a third node is believed to a member, if its epoch is newer than what is known`() throws {
        var quartet = try Quartet()
        let owner = quartet.peers[1].id
        let old = SlotClaim(owner: owner, configEpoch: 11, slots: SlotSet(0..<10))
        quartet.subject.receive(.update(old), from: quartet.peers[0], on: quartet.inbound[0])
        #expect(quartet.subject.state.myself.slots.count == 4096)

        let new = SlotClaim(owner: owner, configEpoch: 20, slots: SlotSet(0..<10))
        quartet.subject.receive(.update(new), from: quartet.peers[0], on: quartet.inbound[0])

        #expect(quartet.subject.state.myself.slots.ranges == [10..<4096])
        #expect(quartet.subject.node(quartet.peers[1])?.configEpoch == 20)
    }

    @Test func `about this node itself, or about strangers, is nobody's to make`() throws {
        var quartet = try Quartet()
        let before = quartet.subject.state.nodesConfiguration
        for owner in [quartet.subject.state.myself.id, Peer("9").id] {
            let claim = SlotClaim(owner: owner, configEpoch: 99, slots: SlotSet(5000..<6000))
            quartet.subject.receive(.update(claim), from: quartet.peers[0], on: quartet.inbound[0])
        }

        #expect(quartet.subject.state.nodesConfiguration == before)
    }

    @Test func `ends the migration that it completes`() throws {
        var quartet = try Quartet()
        try quartet.subject.state.setSlot(7, .migrating(to: quartet.peers[0].id.description), at: quartet.subject.now)
        quartet.peers[0].header.slots.insert(7)

        quartet.subject.receive(.ping(Heartbeat()), from: quartet.peers[0], on: quartet.inbound[0])

        #expect(!quartet.subject.state.nodesConfiguration.contains("[7"))
    }
}

@Suite struct `An epoch` {
    @Test func `that two primaries share is given up by the one with the smaller name`() throws {
        for (name, gives) in [("f" as Character, true), ("0", false)] {
            var subject = Subject()
            let peer = Peer(name)
            let inbound = try subject.join(peer)
            // Joining brought the collision about: both began with epoch 0.
            #expect(subject.state.myself.configEpoch == (gives ? 1 : 0))
            #expect(subject.state.currentEpoch == (gives ? 1 : 0))

            subject.receive(.ping(Heartbeat()), from: peer, on: inbound)
            #expect(subject.state.myself.configEpoch == (gives ? 1 : 0), "and only once")
        }
    }

    @Test func `that changes is on disk before anyone hears of it`() throws {
        var subject = Subject()
        let peer = Peer("f")
        try subject.state.meet(ip: peer.ip, port: "7000", busPort: nil, at: subject.now)
        subject.wait(.milliseconds(100))
        let link = try #require(subject.opened.first).link
        subject.handle(.linkConnected(link, localIP: "10.0.0.1"))

        subject.receive(.pong(Heartbeat()), from: peer, on: link)

        #expect(subject.effects.first == .saveNodesConfiguration(durably: true))
        #expect(subject.sent.first?.header.configEpoch == 1)
    }

    @Test func `is adopted from members when it is greater, and never lowered`() throws {
        var subject = Subject()
        var peer = Peer("0")
        peer.header.currentEpoch = 40
        peer.header.configEpoch = 39
        let inbound = try subject.join(peer)
        #expect(subject.state.currentEpoch == 40)
        #expect(subject.node(peer)?.configEpoch == 39)

        peer.header.currentEpoch = 3
        peer.header.configEpoch = 2
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        #expect(subject.state.currentEpoch == 40)
        #expect(subject.node(peer)?.configEpoch == 39)
    }

    @Test func `at the end of its range stops no node`() throws {
        var subject = Subject()
        var peer = Peer("f")
        peer.header.currentEpoch = .max
        peer.header.configEpoch = .max
        let inbound = try subject.join(peer)

        #expect(subject.state.bumpEpoch(at: subject.now) == .bumped(.max))
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        #expect(subject.state.currentEpoch == .max)
    }
}

@Suite struct `A replica` {
    @Test func `owns nothing, shares its primary's shard, and shows its primary's epoch`() throws {
        var quartet = try Quartet()
        var replica = Peer("e", ip: "10.0.0.9")
        replica.header.replicaOf = quartet.peers[0].id
        replica.header.flags = [.myself, .replica]
        replica.header.slots = quartet.peers[0].header.slots
        replica.header.configEpoch = quartet.peers[0].header.configEpoch
        replica.header.replicationOffset = 5

        _ = try quartet.subject.join(replica)

        let node = try #require(quartet.subject.node(replica))
        let primary = try #require(quartet.subject.node(quartet.peers[0]))
        #expect(node.isReplica && node.slots.isEmpty && node.shard == primary.shard)
        #expect(primary.slots == quartet.peers[0].header.slots)
        #expect(quartet.subject.sent(.update).isEmpty)
        let text = quartet.subject.state.nodesText(for: ClientView())
        #expect(text.contains("slave \(quartet.peers[0].id) "))
        let range = try #require(quartet.subject.state.slotRanges.first { $0.slots.contains(4096) })
        #expect(range.nodes.map(\.id) == [quartet.peers[0].id, replica.id])
        let shard = try #require(quartet.subject.state.shards.first { $0.id == node.shard })
        #expect(shard.nodes.map(\.isPrimary) == [true, false])
    }

    @Test func `that has taken over owns its primary's slots, also if the loser tells of it first`() throws {
        var quartet = try Quartet()
        var (loser, winner) = (quartet.peers[0], Peer("e", ip: "10.0.0.9"))
        winner.header.replicaOf = loser.id
        winner.header.flags = [.myself, .replica]
        winner.header.slots = loser.header.slots
        winner.header.configEpoch = loser.header.configEpoch
        _ = try quartet.subject.join(winner)

        loser.header.replicaOf = winner.id
        loser.header.flags = [.myself, .replica]
        loser.header.configEpoch = 30
        quartet.subject.receive(.ping(Heartbeat()), from: loser, on: quartet.inbound[0])

        #expect(quartet.subject.node(winner)?.isPrimary == true)
        #expect(quartet.subject.node(winner)?.slots == loser.header.slots)
        #expect(quartet.subject.node(winner)?.configEpoch == 30)
        #expect(quartet.subject.node(loser)?.replicaOf == quartet.subject.state.nodes.index(of: winner.id))
    }
}

@Suite struct `A stranger` {
    @Test(arguments: 0..<4)
    func `changes neither slots nor epochs, whatever it sends`(seed: UInt64) throws {
        var quartet = try Quartet()
        let before = quartet.subject.state.nodesConfiguration
        var random = SeededGenerator(seed: seed)
        let packets = CapturedPacket.all.map(\.bytes)
        for _ in 0..<250 {
            guard var bytes = packets.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let link = quartet.subject.accept()
            quartet.subject.handle(.received(bytes, on: link))
            quartet.subject.handle(.linkClosed(link))
        }

        // It may ask to be met, and so teach the node its address: that is all.
        func withoutAddress(_ text: String) -> [Substring] {
            text.split(separator: "\n").map { $0.contains("myself") ? $0.drop { $0 != ":" } : $0 }
        }
        #expect(withoutAddress(quartet.subject.state.nodesConfiguration) == withoutAddress(before), "seed \(seed)")
    }

    @Test(arguments: 0..<4)
    func `under a member's name, and with mutated packets, stops no node`(seed: UInt64) throws {
        var quartet = try Quartet()
        var random = SeededGenerator(seed: seed)
        let owner = quartet.peers[1].id
        let bodies: [BusBody] = [
            .ping(Heartbeat(gossip: quartet.peers.map { $0.gossipEntry() })), .pong(Heartbeat()), .meet(Heartbeat()),
            .fail(owner), .update(SlotClaim(owner: owner, configEpoch: 50, slots: SlotSet(0..<99))), .authRequest,
            .ping(Heartbeat(gossip: [], extensions: [.forgotten(owner, secondsLeft: 9), .hostname("h")])),
        ]
        for round in 0..<250 {
            guard let body = bodies.randomElement(using: &random) else { return }
            var bytes = BusMessage.full(quartet.peers[round % 3].header, body).encoded()
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let offset = Int.random(in: 8..<bytes.count, using: &random)
                bytes[offset] = UInt8.random(in: 0...255, using: &random)
            }
            let outbound = quartet.subject.node(quartet.peers[round % 3])?.outbound
            let link = round % 2 == 0 ? quartet.subject.accept() : outbound ?? quartet.subject.accept()
            quartet.subject.handle(.received(bytes, on: link))
            if round % 10 == 0 { quartet.subject.wait(.milliseconds(100)) }
        }
        #expect(quartet.subject.state.nodes.count >= 1)
    }

    @Test func `that speaks another protocol, or a light message first, is cut off`() {
        var subject = Subject()
        let web = subject.accept()
        subject.handle(.received(Array("GET / HTTP/1.1\r\n\r\n".utf8), on: web))
        #expect(subject.closed == [web])

        let light = subject.accept()
        subject.handle(.received(CapturedPacket.lightPublish.bytes, on: light))
        #expect(subject.closed == [light])
    }

    @Test func `that is a member may send light messages after a full one`() throws {
        var subject = Subject()
        let inbound = try subject.join(Peer("b"))

        subject.handle(.received(CapturedPacket.lightPublish.bytes, on: inbound))

        #expect(subject.closed.isEmpty)
        #expect(subject.state.statistics.received[Int(BusMessageType.publish.rawValue)] == 1)
    }

    @Test func `of a later version is passed over, and its link kept`() {
        var subject = Subject()
        let link = subject.accept()
        var bytes = CapturedPacket.meetOfRedis.bytes
        bytes[9] = 2

        subject.handle(.received(bytes, on: link))

        #expect(subject.closed.isEmpty && subject.sent.isEmpty)
    }
}
