// Whom heartbeats tell of, who is told of suspicions, and what a ceiling holds back.

import Simulator
import Testing

@testable import Cluster

/// This node and many more, each with slots, that were all heard of just now.
private func crowd(_ count: Int, configure: (inout ClusterConfiguration) -> Void = { _ in }) -> Subject {
    var subject = Subject(nodeTimeout: .seconds(15), configure: configure)
    for number in 0..<count {
        var node = ClusterNode(
            id: .random(using: &subject.state.random),
            shard: .random(using: &subject.state.random),
            flags: .primary,
            ip: "10.0.\(number / 250).\(number % 250 + 2)",
            port: 7000,
            busPort: 17000,
            createdAt: subject.now - .seconds(3600)
        )
        node.pongReceived = subject.now
        guard let index = subject.state.nodes.insert(node) else { continue }
        subject.state.setOwner(of: number, to: index)
        let link = subject.state.links.open(.outbound, node: index, peerIP: node.ip, localIP: "", at: subject.now)
        subject.state.nodes[index].outbound = link
        subject.state.linkConnected(link, localIP: "10.0.0.1")
        subject.state.nodes[index].pingSent = nil
    }
    subject.settle()
    return subject
}

@Suite struct `A frugal heartbeat` {
    @Test func `is shorter than a tenth of the nodes, and the round reaches everyone`() {
        var subject = crowd(500)
        let addressee = subject.state.nodes.indices[1]
        var mentioned: Set<NodeID> = []
        for _ in 0..<25 {
            let entries = subject.state.frugalGossip(for: addressee)
            #expect(entries.count == 20, "a twenty-fifth of 501")
            mentioned.formUnion(entries.map(\.id))
        }
        #expect(mentioned.count == 499, "all but the two that talk")
    }

    @Test func `leaves out whom the addressee has told us of, and whom nobody has heard of lately`() {
        var subject = crowd(100)
        let indices = subject.state.nodes.indices
        for index in indices[2..<50] { subject.state.nodes[index].heardThrough = indices[1] }
        for index in indices[50..<90] { subject.state.nodes[index].pongReceived = subject.now - .seconds(5) }

        var mentioned: Set<NodeID> = []
        for _ in 0..<20 { mentioned.formUnion(subject.state.frugalGossip(for: indices[1]).map(\.id)) }

        #expect(mentioned == Set(indices[90...].map { subject.state.nodes[$0].id }))
    }

    @Test func `mentions a new node every time for a while`() {
        var subject = crowd(100)
        let (old, new) = (subject.state.nodes.indices[1], subject.state.nodes.indices[40])
        subject.state.spreadNews(of: new)
        let name = subject.state.nodes[new].id

        let mentions = (0..<14).map { _ in subject.state.frugalGossip(for: old).contains { $0.id == name } }

        #expect(mentions.allSatisfy { $0 }, "twice the seven doublings that a hundred nodes take")
        #expect(subject.state.gossip.news.isEmpty)
    }

    @Test func `takes turns with suspected nodes when there are many`() {
        var subject = crowd(200)
        let indices = subject.state.nodes.indices
        for index in indices[100...] { subject.state.nodes[index].flags.insert(.suspected) }
        subject.state.suspectedCount = 101

        var mentioned: Set<NodeID> = []
        for _ in 0..<11 {
            let suspects = subject.state.frugalGossip(for: indices[1]).filter { $0.flags.contains(.suspected) }
            #expect(suspects.count <= 10)
            mentioned.formUnion(suspects.map(\.id))
        }
        #expect(mentioned.count == 101)
    }
}

@Suite struct `A suspicion` {
    @Test func `is told to the three living voters with the smallest names, and to nobody else`() {
        var subject = crowd(50)
        subject.state.setOwner(of: 16383, to: .myself)
        subject.settle()
        let indices = Array(subject.state.nodes.indices.dropFirst())
        let byName = indices.sorted { subject.state.nodes[$0].id < subject.state.nodes[$1].id }
        subject.state.nodes[byName[1]].flags.insert(.failed)
        let victim = byName[20]
        let name = subject.state.nodes[victim].id
        subject.state.suspect(victim)

        subject.wait(.milliseconds(100))

        let told = subject.sent.filter { message in
            guard case .pong(let heartbeat) = message.body else { return false }
            return heartbeat.gossip.contains { $0.id == name && $0.flags.contains(.suspected) }
        }.compactMap { subject.state.links[$0.link].node }
        #expect(told == [byName[0], byName[2], byName[3]])

        subject.wait(.milliseconds(100))
        #expect(!subject.sent.contains { $0.body.type == .pong }, "once is enough")
    }
}

@Suite struct `A ceiling` {
    @Test func `holds back PINGs that have time, and no answers`() {
        var subject = crowd(300) { $0.heartbeatBytesPerSecond = 50_000 }
        let due = subject.now + .seconds(6)
        subject.now = due
        for index in subject.state.nodes.indices where index != .myself {
            subject.state.nodes[index].bytesReceived = nil
        }

        subject.wait(.seconds(1))
        let pings = subject.sent(.ping).count
        #expect(pings > 0)
        #expect(pings * 2256 <= 80_000, "what was saved up, and a second's worth")

        let peer = subject.state.nodes.indices[1]
        var stranger = Peer("b")
        stranger.header.flags = .primary
        let inbound = subject.accept()
        subject.receive(.ping(Heartbeat()), from: stranger, on: inbound)
        #expect(subject.sent(.pong) == [inbound])
        #expect(subject.state.nodes.contains(peer))
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `is kept by a cluster in trouble, which notices all the same`(seed: UInt64) throws {
        // Each node has 59 others to hear of within 2.5 seconds: bare headers of that take 60 kB/s and more.
        let ceiling = 150_000
        var measurement = Measurement(nodeCount: 60, seed: seed, nodeTimeout: .seconds(5)) { _, configuration in
            configuration.heartbeatBytesPerSecond = ceiling
        }
        measurement.run(for: .seconds(10))
        var copy = measurement
        let victims = Array(32..<60)

        let detection = copy.timeToFail(victims, silently: true, limit: .seconds(20))
        let duration = try #require(detection)
        #expect(duration <= .seconds(9), "1.5 node timeouts, and a little for the news")

        for victim in victims { measurement.kill(victim) }
        measurement.run(for: .seconds(2))
        let traffic = measurement.traffic(over: 10)
        #expect(traffic.greatestHeartbeatBytes <= Double(ceiling), "seed \(seed)")
    }
}
