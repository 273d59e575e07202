// How nodes meet: the whole handshake of CLUSTER MEET, and how addresses are learnt.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A handshake` {
    @Test func `begins with MEET to a node of an invented name, and ends when its PONG tells the true one`() throws {
        var subject = Subject()
        let peer = Peer("b")

        try subject.state.meet(ip: "10.0.0.2", port: "7000", busPort: nil, at: subject.now)
        subject.settle()
        let stranger = try #require(subject.state.nodes.indices.last.map { subject.state.nodes[$0] })
        #expect(stranger.flags == [.handshake, .meet])
        #expect(
            subject.state.nodesText(for: ClientView()).contains(" 10.0.0.2:7000@17000 handshake - 0 0 0 disconnected")
        )
        #expect(!subject.state.nodesConfiguration.contains("10.0.0.2"))

        subject.wait(.milliseconds(100))
        let link = try #require(subject.opened.first)
        #expect((link.ip, link.port) == ("10.0.0.2", 17000))

        subject.handle(.linkConnected(link.link, localIP: "10.0.0.1"))
        #expect(subject.sent(.meet) == [link.link])

        subject.receive(.pong(Heartbeat()), from: peer, on: link.link)
        let node = try #require(subject.node(peer))
        #expect(node.flags.isDisjoint(with: [.handshake, .meet]))
        #expect(node.isPrimary)
        #expect(subject.state.nodes.count == 2)
        #expect(subject.effects.first == .saveNodesConfiguration(durably: true))
    }

    @Test func `goes to the bus port that was named`() throws {
        var subject = Subject()

        try subject.state.meet(ip: "10.0.0.2", port: "7000", busPort: "9000", at: subject.now)
        subject.wait(.milliseconds(100))

        #expect(subject.opened.map(\.port) == [9000])
    }

    @Test func `is begun once, however often it is asked for`() throws {
        var subject = Subject()

        for _ in 0..<3 { try subject.state.meet(ip: "10.0.0.2", port: "7000", busPort: nil, at: subject.now) }

        #expect(subject.state.nodes.count == 2)
    }

    @Test(arguments: [(200, 1000), (3000, 3000)])
    func `is given up after the node timeout, at least a second`(timeout: Int64, expected: Int64) throws {
        var subject = Subject(nodeTimeout: .milliseconds(timeout))
        try subject.state.meet(ip: "10.0.0.2", port: "7000", busPort: nil, at: subject.now)

        subject.wait(.milliseconds(expected))
        #expect(subject.state.nodes.count == 2)

        subject.wait(.milliseconds(100))
        #expect(subject.state.nodes.count == 1)
        #expect(subject.closed.count == 1)
    }

    @Test func `is answered on the same link, and begun in the other direction`() throws {
        var subject = Subject()
        let peer = Peer("b")
        let inbound = subject.accept(from: "10.0.0.2")

        subject.receive(.meet(Heartbeat()), from: peer, on: inbound)
        #expect(subject.sent(.pong) == [inbound])
        #expect(subject.node(peer) == nil, "the name counts when it is told on our own link")

        subject.wait(.milliseconds(100))
        let link = try #require(subject.opened.first)
        #expect((link.ip, link.port) == ("10.0.0.2", 17000))
        subject.handle(.linkConnected(link.link, localIP: "10.0.0.1"))
        #expect(subject.sent(.ping) == [link.link])
        subject.receive(.pong(Heartbeat()), from: peer, on: link.link)

        #expect(subject.node(peer)?.inbound == inbound)
        #expect(subject.node(peer)?.outbound == link.link)
    }

    @Test func `uses the address that the stranger announces`() throws {
        var subject = Subject()
        var peer = Peer("b")
        peer.header.ip = "192.168.7.7"
        let inbound = subject.accept(from: "10.0.0.2")

        subject.receive(.meet(Heartbeat()), from: peer, on: inbound)
        subject.wait(.milliseconds(100))

        #expect(subject.opened.map(\.ip) == ["192.168.7.7"])
    }

    @Test func `is not begun by a PING: a stranger gets its answer, and no more`() {
        var subject = Subject()
        let inbound = subject.accept()

        subject.receive(.ping(Heartbeat(gossip: [Peer("c").gossipEntry()])), from: Peer("b"), on: inbound)

        #expect(subject.sent(.pong) == [inbound])
        #expect(subject.state.nodes.count == 1)
    }

    @Test func `cannot be forced upon a node without limit`() {
        var subject = Subject()
        let inbound = subject.accept()
        for port in 1...1100 {
            let stranger = Peer("b", port: UInt16(port))
            let packet = BusMessage.full(stranger.header, .meet(Heartbeat())).encoded()
            subject.state.handle(.received(packet, on: inbound), at: subject.now)
        }

        #expect(subject.state.nodes.count == 1025)
    }

    @Test func `with itself comes to nothing`() throws {
        var cluster = Simulation(seed: 1, nodeCount: 1)

        try cluster.meet(0, 0)
        cluster.run(for: .seconds(5))

        #expect(cluster[0].nodes.count == 1)
        #expect(cluster[0].myself.ip == "10.0.0.1", "but the node learns where it is")
        #expect(cluster[0].linkViews.isEmpty)
    }

    @Test func `with a member adds nobody`() throws {
        var cluster = Simulation(seed: 1, nodeCount: 2)
        try cluster.meet(0, 1)
        cluster.run(for: .seconds(3))

        try cluster.meet(0, 1)
        try cluster.meet(1, 0)
        cluster.run(for: .seconds(3))

        #expect(cluster.allKnow(2) && cluster.allNodesAgree)
    }

    @Test(arguments: 0..<20)
    func `from both sides at once makes one pair`(seed: UInt64) throws {
        var cluster = Simulation(seed: seed, nodeCount: 2)

        try cluster.meet(0, 1)
        try cluster.meet(1, 0)

        let isFormed = cluster.run(within: .seconds(10)) { $0.allKnow(2) && $0.allNodesAgree }
        #expect(isFormed, "seed \(seed)")
    }

    @Test func `with nobody leaves nothing behind`() throws {
        var cluster = Simulation(seed: 1, nodeCount: 1)

        try cluster.meet(0, 5)
        cluster.run(for: .seconds(1))
        #expect(cluster[0].nodes.count == 2)
        cluster.run(for: .seconds(2))

        #expect(cluster[0].nodes.count == 1)
    }

    @Test(
        arguments: [
            ("localhost", "7000", nil, .invalidNodeAddress("localhost:7000")),
            ("127.0.0.1", "b", nil, .invalidBasePort("b")),
            ("127.0.0.1", "+7000", nil, .invalidBasePort("+7000")),
            ("127.0.0.1", "7000", "x", .invalidBusPort("x")),
            ("localhost", "70000", "x", .invalidBusPort("x")),
            ("127.0.0.1", "0", nil, .invalidNodeAddress("127.0.0.1:0")),
            ("127.0.0.1", "65536", nil, .invalidNodeAddress("127.0.0.1:65536")),
            ("127.0.0.1", "60000", nil, .invalidNodeAddress("127.0.0.1:60000")),
            ("127.0.0.1", "7000", "70000", .invalidNodeAddress("127.0.0.1:7000")),
        ] as [(String, String, String?, ClusterError)]
    )
    func `needs a literal address and ports`(ip: String, port: String, busPort: String?, error: ClusterError) {
        var subject = Subject()

        #expect(throws: error) { try subject.state.meet(ip: ip, port: port, busPort: busPort, at: subject.now) }
    }
}

@Suite struct `An address` {
    @Test func `of one's own is learnt from the socket of a MEET, unless one is announced`() {
        for announced in ["", "192.0.2.1"] {
            var subject = Subject { $0.announcedIP = announced }
            let link = subject.accept(at: "10.0.0.1")

            subject.receive(.meet(Heartbeat()), from: Peer("b"), on: link)

            #expect(subject.state.myself.ip == (announced.isEmpty ? "10.0.0.1" : announced))
            #expect(subject.sent.first?.header.ip == announced)
        }
    }

    @Test func `of a member follows its PINGs, and the link moves with it`() throws {
        var subject = Subject()
        var peer = Peer("b")
        _ = try subject.join(peer)
        let former = try #require(subject.node(peer)?.outbound)

        peer.header.port = 7005
        peer.header.busPort = 17005
        let inbound = subject.accept(from: "10.0.0.9")
        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        #expect(subject.closed.contains(former))
        let node = try #require(subject.node(peer))
        #expect((node.ip, node.port, node.busPort) == ("10.0.0.9", 7005, 17005))
        subject.wait(.milliseconds(100))
        #expect(subject.opened.map(\.port) == [17005])
    }

    @Test func `where another node answers is lost, and its node held for dead`() throws {
        var subject = Subject()
        let peer = Peer("b")
        _ = try subject.join(peer)
        let link = try #require(subject.node(peer)?.outbound)

        subject.receive(.pong(Heartbeat()), from: Peer("c"), on: link)

        let node = try #require(subject.node(peer))
        #expect(node.flags.isSuperset(of: [.withoutAddress, .failed]))
        #expect(node.ip == "")
        #expect(subject.closed == [link])
        #expect(subject.node(Peer("c")) == nil)
    }

    @Test func `of a lost node is learnt again from its PING`() throws {
        var subject = Subject()
        let peer = Peer("b")
        let inbound = try subject.join(peer)
        let link = try #require(subject.node(peer)?.outbound)
        subject.receive(.pong(Heartbeat()), from: Peer("c"), on: link)

        subject.receive(.ping(Heartbeat()), from: peer, on: inbound)

        #expect(subject.node(peer)?.flags.contains(.withoutAddress) == false)
        #expect(subject.node(peer)?.ip == "10.0.0.2")
    }
}
