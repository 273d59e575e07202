// What heartbeats say, what is learnt from them, and what is not.

import Simulator
import Testing

@testable import Cluster

@Suite struct `Gossip` {
    @Test func `of a member makes its acquaintances known, whom no handshake is needed for`() throws {
        var subject = Subject()
        let (peer, friend) = (Peer("b"), Peer("c", ip: "10.0.0.3"))
        let inbound = try subject.join(peer)

        subject.receive(.ping(Heartbeat(gossip: [friend.gossipEntry([.primary, .failed])])), from: peer, on: inbound)
        subject.wait(.milliseconds(100))

        #expect(subject.node(friend)?.flags == [.primary, .failed])
        #expect(subject.opened.map(\.ip) == ["10.0.0.3"])
        let link = try #require(subject.opened.first).link
        subject.handle(.linkConnected(link, localIP: "10.0.0.1"))
        #expect(subject.sent(.ping) == [link])
    }

    @Test func `takes over that a node is to be met, as the real servers do`() throws {
        var subject = Subject()
        let friend = Peer("c", ip: "10.0.0.3")
        let peer = Peer("b")
        let inbound = try subject.join(peer)

        subject.receive(.ping(Heartbeat(gossip: [friend.gossipEntry([.primary, .meet])])), from: peer, on: inbound)
        subject.wait(.milliseconds(100))
        let link = try #require(subject.opened.first).link
        subject.handle(.linkConnected(link, localIP: "10.0.0.1"))

        #expect(subject.sent(.meet) == [link])
    }

    @Test func `about nodes without address, without port, or forgotten brings nobody`() throws {
        var subject = Subject()
        let peer = Peer("b")
        let (lost, mute, forgotten) = (Peer("c"), Peer("d"), Peer("e"))
        let inbound = try subject.join(peer)
        _ = try subject.join(forgotten)
        try subject.state.forget(forgotten.id.description, at: subject.now)
        var portless = mute.gossipEntry()
        portless.busPort = 0
        let gossip = [lost.gossipEntry([.primary, .withoutAddress]), portless, forgotten.gossipEntry()]

        subject.receive(.ping(Heartbeat(gossip: gossip)), from: peer, on: inbound)
        #expect(subject.state.nodes.count == 2)

        subject.now = subject.now + .seconds(61)
        subject.receive(.ping(Heartbeat(gossip: gossip)), from: peer, on: inbound)
        #expect(subject.node(forgotten) != nil, "after the blacklist's time")
    }

    @Test func `names others than the addressee, each once, and everyone who is suspected`() throws {
        var subject = Subject(nodeTimeout: .seconds(1))
        let peers = (0..<12).map { Peer(Character(String($0, radix: 16)), ip: "10.0.1.\($0)") }
        for peer in peers { _ = try subject.join(peer) }
        subject.live(.seconds(4), with: Array(peers.dropFirst(2)))
        #expect(subject.node(peers[0])?.isSuspected == true)
        #expect(subject.node(peers[1])?.isSuspected == true)

        subject.wait(.milliseconds(100))
        subject.wait(.milliseconds(700))

        let heartbeats = subject.sent.compactMap { message -> (NodeIndex?, Heartbeat)? in
            guard case .ping(let heartbeat) = message.body, subject.state.links.contains(message.link) else {
                return nil
            }
            return (subject.state.links[message.link].node, heartbeat)
        }
        #expect(!heartbeats.isEmpty)
        for (addressee, heartbeat) in heartbeats {
            let names = heartbeat.gossip.map(\.id)
            #expect(Set(names).count == names.count)
            #expect(!names.contains(subject.state.myself.id))
            if let addressee { #expect(!names.contains(subject.state.nodes[addressee].id)) }
            #expect(Set(names).isSuperset(of: [peers[0].id, peers[1].id]))
            #expect(names.count <= 3 + 2)
        }
    }

    @Test func `is empty between two nodes that know no third`() throws {
        var subject = Subject()
        let peer = Peer("b")
        let inbound = try subject.join(peer)

        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        guard case .pong(let heartbeat) = try #require(subject.sent.first).body else { throw WrongBody(nil) }
        #expect(heartbeat.gossip.isEmpty)
    }
}

@Suite struct `Extensions` {
    @Test func `go to those who understand them, in the order of Valkey, and to nobody else`() throws {
        var subject = Subject {
            $0.announcement.hostname = "h1.example.com"
            $0.announcement.nodename = "node-a"
            $0.announcement.clientIPv4 = "10.0.0.9"
            $0.announcement.clientPort = 9999
            $0.announcement.availabilityZone = "az-1"
        }
        var peer = Peer("b")
        let inbound = try subject.join(peer)
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)
        guard case .pong(let plain) = try #require(subject.sent.first).body else { throw WrongBody(nil) }
        #expect(plain.extensions.isEmpty)
        #expect(subject.sent.first?.header.traits == .extensions)

        peer.header.traits = .extensions
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        guard case .pong(let rich) = try #require(subject.sent.first).body else { throw WrongBody(nil) }
        #expect(
            rich.extensions == [
                .hostname("h1.example.com"), .nodename("node-a"), .clientIPv4("10.0.0.9"), .clientPort(9999),
                .availabilityZone("az-1"), .shard(subject.state.myself.shard),
            ]
        )
    }

    @Test func `are what a node is known by, and their absence is its end`() throws {
        var subject = Subject()
        var peer = Peer("b")
        peer.header.traits = .extensions
        let inbound = try subject.join(peer)
        let shard = ShardID(Peer("5").id)

        let all: [PingExtension] = [
            .hostname("h"), .nodename("n"), .clientIPv4("1.2.3.4"), .clientIPv6("::2"), .clientPort(1),
            .clientTLSPort(2), .availabilityZone("z"), .shard(shard),
            .unknown(type: 77, content: [0, 0, 0, 0, 0, 0, 0, 0]),
        ]
        subject.receive(.ping(Heartbeat(extensions: all)), from: peer, on: inbound)
        let known = try #require(subject.node(peer))
        #expect(known.shard == shard)
        #expect(known.announcement.hostname == "h" && known.announcement.clientTLSPort == 2)
        #expect(subject.effects.contains(.publishSlotMap))
        #expect(subject.state.nodesText(for: ClientView()).contains(" 1.2.3.4:1@17000,h "))

        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)
        #expect(subject.node(peer)?.announcement == NodeAnnouncement())
        #expect(subject.node(peer)?.shard == shard, "a shard's name is not taken back")
    }

    @Test func `about forgotten nodes forget them here too`() throws {
        var subject = Subject()
        var peer = Peer("b")
        peer.header.traits = .extensions
        let gone = Peer("c", ip: "10.0.0.3")
        let inbound = try subject.join(peer)
        _ = try subject.join(gone)

        let forgotten: [PingExtension] = [
            .forgotten(gone.id, secondsLeft: .max), .forgotten(subject.state.myself.id, secondsLeft: 60),
        ]
        subject.receive(.ping(Heartbeat(extensions: forgotten)), from: peer, on: inbound)

        #expect(subject.node(gone) == nil)
        #expect(subject.state.nodes.count == 2)
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)
        guard case .pong(let answer) = try #require(subject.sent.first).body else { throw WrongBody(nil) }
        #expect(answer.extensions.first == .forgotten(gone.id, secondsLeft: UInt64(UInt32.max)), "and it is told on")
    }

    @Test(arguments: 0..<5)
    func `let one FORGET suffice for all nodes`(seed: UInt64) throws {
        var cluster = Simulation(seed: seed, nodeCount: 4)
        for number in 1..<4 { try cluster.meet(0, number) }
        let isFormed = cluster.run(within: .seconds(20)) { $0.allKnow(4) }
        try #require(isFormed)
        let gone = cluster[3].myself.id.description
        cluster.crash(3)

        try cluster.administer(0) { (state, now) throws(ClusterError) in try state.forget(gone, at: now) }

        let isForgotten = cluster.run(within: .seconds(10)) { $0.allKnow(3) && $0.allNodesAgree }
        #expect(isForgotten, "seed \(seed)")
    }
}
