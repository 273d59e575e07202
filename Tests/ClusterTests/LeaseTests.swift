// When a primary stops by itself, and what counts as having heard from a majority. docs/cluster-lease.md has the reasons.

import Testing

@testable import Cluster

@Suite struct `The lease of a primary` {
    /// A quartet with a node timeout of two seconds in which the cluster is well. Two of the three others make a majority.
    private func serving(configure: (inout ClusterConfiguration) -> Void = { _ in }) throws -> Quartet {
        var quartet = try Quartet()
        var configuration = quartet.subject.state.configuration
        configure(&configuration)
        quartet.subject.handle(.configured(configuration))
        quartet.subject.live(.seconds(5), with: quartet.peers)
        // Those that were sent while the peers joined were not answered.
        for peer in quartet.peers {
            guard let link = quartet.subject.node(peer)?.outbound else { continue }
            while !quartet.subject.state.links[link].unansweredSince.isEmpty {
                quartet.subject.receive(.pong(Heartbeat()), from: peer, on: link)
            }
        }
        #expect(quartet.subject.state.health == .ok)
        return quartet
    }

    /// Sends a PING to each of these peers now, and gives the links.
    private func ping(_ peers: [Peer], in quartet: inout Quartet) throws -> [LinkID] {
        quartet.subject.state.now = quartet.subject.now
        return try peers.map { peer in
            let link = try #require(quartet.subject.node(peer)?.outbound)
            quartet.subject.state.sendHeartbeat(.ping, on: link)
            return link
        }
    }

    @Test func `is a fiftieth shorter than the node timeout, and counts from when an answered PING was sent`() throws {
        var quartet = try serving()
        let links = try ping(Array(quartet.peers[..<2]), in: &quartet)
        let sent = quartet.subject.now

        quartet.subject.now = sent + .milliseconds(90)
        for (peer, link) in zip(quartet.peers, links) {
            quartet.subject.receive(.pong(Heartbeat()), from: peer, on: link)
        }
        quartet.subject.handle(.tick)

        // 2 s × 99 ÷ 101
        #expect(quartet.subject.state.lease.end == sent + .milliseconds(1960))
        #expect(quartet.subject.effects.contains(.renewLease(until: sent + .milliseconds(1960))))
    }

    @Test func `hangs on the oldest contact of the newest that make a majority`() throws {
        var quartet = try serving()
        let start = quartet.subject.now
        for (index, peer) in quartet.peers.enumerated() {
            quartet.subject.now = start + .milliseconds(10 * (index + 1))
            let links = try ping([peer], in: &quartet)
            quartet.subject.receive(.pong(Heartbeat()), from: peer, on: links[0])
        }

        quartet.subject.now = start + .milliseconds(100)
        quartet.subject.handle(.tick)

        #expect(quartet.subject.state.lease.end == start + .milliseconds(20 + 1960))
    }

    @Test func `counts an answer for the PING that it answers, not for a later one`() throws {
        var quartet = try serving()
        let first = quartet.subject.now
        let links = try ping(quartet.peers, in: &quartet)
        quartet.subject.now = first + .milliseconds(500)
        _ = try ping(quartet.peers, in: &quartet)

        for (peer, link) in zip(quartet.peers, links) {
            quartet.subject.receive(.pong(Heartbeat()), from: peer, on: link)
        }
        quartet.subject.handle(.tick)

        #expect(quartet.subject.state.lease.end == first + .milliseconds(1960))
    }

    @Test func `is not renewed by what others send of themselves, or say about others`() throws {
        var quartet = try serving()
        let before = try #require(quartet.subject.state.lease.end)

        for _ in 0..<15 {
            quartet.subject.wait(.milliseconds(100))
            for (peer, link) in zip(quartet.peers, quartet.inbound) {
                var news = quartet.peers.filter { $0.id != peer.id }.map { $0.gossipEntry() }
                for index in news.indices { news[index].pongReceivedSeconds = quartet.subject.now.gossipSeconds }
                quartet.subject.receive(.ping(Heartbeat(gossip: news)), from: peer, on: link)
                quartet.subject.receive(.pong(Heartbeat()), from: peer, on: link)
            }
        }

        #expect(quartet.subject.state.lease.end == before, "they may hear nothing from us")
    }

    @Test func `that ends makes the cluster fail, on the dot for those who watch the clock themselves`() throws {
        var quartet = try serving()
        let end = try #require(quartet.subject.state.lease.end)

        quartet.subject.now = end + .milliseconds(-1)
        quartet.subject.handle(.tick)
        #expect(quartet.subject.state.health == .ok)
        quartet.subject.now = end
        quartet.subject.handle(.tick)

        #expect(quartet.subject.state.health == .fail)
        let map = quartet.subject.state.slotMap
        #expect(map.route(0, .write) { .init(distinctCount: 1, missingCount: 0) } == .down)
    }

    @Test func `that ended comes back with contacts, and clients are served after the delay of those who rejoin`()
        throws
    {
        var quartet = try serving()
        quartet.subject.wait(.seconds(3))
        #expect(quartet.subject.state.health == .fail)

        quartet.subject.live(.seconds(1), with: quartet.peers)
        #expect(quartet.subject.state.holdsLease && quartet.subject.state.health == .fail)
        quartet.subject.live(.seconds(3), with: quartet.peers)

        #expect(quartet.subject.state.health == .ok)
    }

    @Test func `that ended between two ticks has ended, though the next tick finds new contacts`() throws {
        var quartet = try serving()
        quartet.subject.now = try #require(quartet.subject.state.lease.end) + .milliseconds(10)
        let links = try ping(quartet.peers, in: &quartet)
        for (peer, link) in zip(quartet.peers, links) {
            quartet.subject.receive(.pong(Heartbeat()), from: peer, on: link)
        }

        quartet.subject.handle(.tick)

        #expect(quartet.subject.state.holdsLease)
        #expect(quartet.subject.state.health == .fail, "it may have been replaced, and must listen first")
        quartet.subject.live(.seconds(3), with: quartet.peers)
        #expect(quartet.subject.state.health == .ok)
    }

    @Test func `does not end while all answer, though gossip spares most heartbeats`() throws {
        var quartet = try serving()
        for _ in 0..<300 {
            quartet.subject.live(.milliseconds(100), with: quartet.peers)
            for (peer, link) in zip(quartet.peers, quartet.inbound) {
                var news = quartet.peers.filter { $0.id != peer.id }.map { $0.gossipEntry() }
                for index in news.indices { news[index].pongReceivedSeconds = quartet.subject.now.gossipSeconds }
                quartet.subject.receive(.ping(Heartbeat(gossip: news)), from: peer, on: link)
            }
            let end = try #require(quartet.subject.state.lease.end)
            #expect(end - quartet.subject.now > .milliseconds(700), "asked for half a node timeout before it is needed")
        }
    }

    @Test(arguments: 20..<60)
    func `is held from the first slot on, though gossip has spared most heartbeats before`(slotsAt: Int) throws {
        var quartet = try serving()
        try quartet.subject.state.flushSlots(databaseIsEmpty: true, at: quartet.subject.now)
        for number in 0..<slotsAt + 5 {
            quartet.subject.live(.milliseconds(100), with: quartet.peers)
            for (peer, link) in zip(quartet.peers, quartet.inbound) {
                var news = quartet.peers.filter { $0.id != peer.id }.map { $0.gossipEntry() }
                for index in news.indices { news[index].pongReceivedSeconds = quartet.subject.now.gossipSeconds }
                quartet.subject.receive(.ping(Heartbeat(gossip: news)), from: peer, on: link)
            }
            if number == slotsAt { try quartet.subject.state.addSlots(Array(0..<4096), at: quartet.subject.now) }
            #expect(quartet.subject.state.holdsLease, "tick \(number)")
        }
        #expect(quartet.subject.state.lease.end != nil)
    }

    @Test func `outlives the death of a minority, whoever it is`() throws {
        for dead in 0..<3 {
            var quartet = try serving()
            let living = quartet.peers.enumerated().filter { $0.offset != dead }.map(\.element)
            for _ in 0..<80 {
                quartet.subject.live(.milliseconds(100), with: living)
                #expect(quartet.subject.state.holdsLease)
            }
        }
    }

    @Test func `is nothing that a node alone, or one without slots, or one that is told so, needs`() throws {
        var alone = Subject()
        try alone.state.addSlots(Array(0..<Slot.count), at: alone.now)
        alone.wait(.seconds(3))
        #expect(alone.state.lease.end == nil && alone.state.health == .ok)

        var quartet = try serving { $0.needsLease = false }
        quartet.subject.wait(.milliseconds(2100))
        #expect(quartet.subject.state.lease.end == nil)

        // Ticks of 100 ms cannot renew what is shorter than a few of them.
        quartet = try serving { $0.nodeTimeout = .milliseconds(499) }
        #expect(quartet.subject.state.lease.end == nil)

        quartet = try serving()
        try quartet.subject.state.flushSlots(databaseIsEmpty: true, at: quartet.subject.now)
        quartet.subject.wait(.milliseconds(100))
        #expect(quartet.subject.state.lease.end == nil)
    }

    @Test func `of a primary that was just elected counts from its request for votes`() throws {
        var shard = try Shard()
        shard.losePrimary()
        #expect(timeUntilRequest(&shard) != nil)
        let asked = shard.subject.now
        shard.subject.now = asked + .milliseconds(40)

        shard.vote(1)
        shard.vote(2)

        let end = try #require(shard.subject.state.lease.end)
        #expect(end == asked + Lease.duration(nodeTimeout: Shard.nodeTimeout))
        #expect(shard.subject.state.holdsLease)
    }

    @Test func `is had by one that took over without asking as soon as others answer, without further delay`() throws {
        var shard = try Shard()
        try shard.subject.state.failover(.takeOver, at: shard.subject.now)
        shard.subject.settle()

        shard.subject.live(.seconds(1), with: shard.primaries)

        #expect(shard.subject.state.holdsLease && shard.subject.state.health == .ok)
    }
}
