// The simulator itself: it repeats a run to the last byte, and notices when a rule is broken.

import Simulator
import Testing

@testable import Cluster

@Suite struct `An ordeal` {
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `ends with one view on all nodes, and breaks no rule on the way`(seed: UInt64) {
        var ordeal = Ordeal(seed: seed, duration: .seconds(300))

        let failure = ordeal.run()

        let replay = "./test simulate --first \(seed) --seeds 1 --minutes 5"
        #expect(failure == nil, "\(failure?.description ?? "")\nreplay: \(replay)")
    }

    @Test func `repeats itself event for event by its seed`() {
        func fingerprint(_ seed: UInt64) -> UInt64 {
            var ordeal = Ordeal(seed: seed, nodeCount: 5, duration: .seconds(240))
            _ = ordeal.run()
            return ordeal.cluster.fingerprint
        }
        #expect(fingerprint(3) == fingerprint(3))
        #expect(fingerprint(3) != fingerprint(4))
    }
}

@Suite struct `The safety watch` {
    /// Three members that share the slots.
    private func trio() throws -> Simulation { try formedCluster(seed: 1, nodeCount: 3) }

    @Test func `sees two owners of a slot by one epoch, once they could have told each other`() throws {
        var cluster = try formedCluster(seed: 1, nodeCount: 2)
        let names = (0..<2).map { cluster[$0].myself.id.description }
        for number in 0..<2 {
            // They refuse to know each other, so the rule that settles collisions has no chance.
            try cluster.administer(number) { (state, now) throws(ClusterError) in
                try state.forget(names[1 - number], at: now)
                state.currentEpoch = 50
                state.nodes[.myself].configEpoch = 50
            }
        }

        cluster.run(for: .seconds(20))
        #expect(cluster.violation == nil, "different slots")
        cluster.administer(1) { state, _ in state.setOwner(of: 1, to: .myself) }
        cluster.partition([1])
        cluster.run(for: .seconds(20))
        #expect(cluster.violation == nil, "divided nodes cannot tell each other")
        cluster.heal()
        cluster.run(for: .seconds(20))
        #expect(cluster.violation?.rule == .oneOwner)
    }

    @Test func `sees an epoch go back`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, _ in state.currentEpoch -= 1 }
        #expect(cluster.violation?.rule == .epochsAscend)
        #expect(cluster.violation?.node == 0)
    }

    @Test func `sees a vote go back over a restart, if the machine had saved it`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, _ in
            state.currentEpoch = 9
            state.lastVoteEpoch = 9
            state.deferred.durableSave = true
        }
        cluster.losePower(0)
        cluster.start(0)
        #expect(cluster.violation == nil)
        #expect(cluster[0].lastVoteEpoch == 9)
        cluster.run(for: .seconds(5))  // until its links stand again

        let other = cluster[1].myself.id
        cluster.administer(0) { state, _ in
            guard let index = state.nodes.index(of: other), let link = state.nodes[index].outbound else { return }
            state.currentEpoch = 10
            state.lastVoteEpoch = 10
            state.send(.authAck, on: link)  // and nothing saved
        }
        cluster.losePower(0)
        cluster.start(0)
        #expect(cluster.violation?.rule == .epochsAscend)
    }

    @Test func `sees a claim go back of which somebody was told, and not one of which nobody was`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, _ in
            state.currentEpoch = 9
            state.nodes[.myself].configEpoch = 9  // and nothing saved, or sent
        }
        cluster.losePower(0)
        cluster.start(0)
        cluster.run(for: .seconds(5))
        #expect(cluster.violation == nil)

        cluster.administer(0) { state, _ in
            state.currentEpoch = 9
            state.nodes[.myself].configEpoch = 9
            state.deferred.pongBroadcast = true
        }
        cluster.losePower(0)
        cluster.start(0)
        #expect(cluster.violation?.rule == .epochsAscend)
    }

    @Test func `sees a second vote in one epoch`() throws {
        var cluster = try trio()
        func vote(_ cluster: inout Simulation, to other: Int) {
            let name = cluster[other].myself.id
            cluster.administer(0) { state, _ in
                guard let index = state.nodes.index(of: name), let link = state.nodes[index].outbound else { return }
                state.send(.authAck, on: link)
            }
        }
        vote(&cluster, to: 1)
        #expect(cluster.violation == nil)
        vote(&cluster, to: 2)
        #expect(cluster.violation?.rule == .oneVote)
    }

    @Test func `sees a name that no node ever had`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, now in
            let ghost = ClusterNode(
                id: Peer("e").id,
                shard: ShardID(Peer("e").id),
                flags: .primary,
                ip: "10.0.0.9",
                busPort: 17000,
                createdAt: now
            )
            _ = state.nodes.insert(ghost)
        }
        #expect(cluster.violation?.rule == .knownNames)
    }

    @Test func `sees links that nobody closes`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, now in
            for _ in 0..<100 { _ = state.acceptLink(peerIP: "10.0.0.2", localIP: "10.0.0.1", at: now) }
        }
        cluster.run(for: .seconds(1))
        #expect(cluster.violation?.rule == .boundedMemory)
    }

    @Test func `stops the run where a rule is broken, and has the last events in words`() throws {
        var cluster = try trio()
        cluster.administer(0) { state, _ in state.currentEpoch -= 1 }
        let moment = cluster.now

        cluster.run(for: .seconds(10))

        #expect(cluster.now == moment)
        #expect(cluster.recentEvents(50).contains { $0.contains("ping of epochs") })
    }
}

@Suite struct `A simulated fault` {
    @Test func `of power loses what was not synced, now and then`() throws {
        let outcomes = try (0..<20 as Range<UInt64>).map { seed in
            var cluster = Simulation(seed: seed, nodeCount: 2)
            let synced = try #require(cluster.savedConfiguration(of: 0))
            try cluster.meet(0, 1)
            cluster.run(for: .seconds(2))
            cluster.administer(0) { state, _ in
                state.currentEpoch += 5
                state.deferred.save = true
            }
            let written = try #require(cluster.savedConfiguration(of: 0))
            #expect(written != synced)
            cluster.losePower(0)
            return cluster.savedConfiguration(of: 0) == written
        }
        #expect(outcomes.contains(true) && outcomes.contains(false))
    }

    @Test func `of one way only is noticed by the side that gets no answer`() throws {
        var cluster = try formedCluster(seed: 1, nodeCount: 3)
        let name = cluster[1].myself.id
        cluster.cut(from: 1, to: 0)

        cluster.run(for: .seconds(8))

        let seen = try #require(cluster[0].nodes.index(of: name).map { cluster[0].nodes[$0] })
        #expect(seen.isSuspected, "what node 1 says to node 0 does not arrive")
        #expect(!cluster[2].nodes.indices.contains { cluster[2].nodes[$0].isFailed }, "one of three is no majority")
    }

    @Test func `of a paused process ends with all that has arrived meanwhile`() throws {
        var cluster = try formedCluster(seed: 1, nodeCount: 3)
        let name = cluster[1].myself.id
        cluster.pause(1)
        cluster.run(for: .seconds(8))
        let seen = try #require(cluster[0].nodes.index(of: name).map { cluster[0].nodes[$0] })
        #expect(seen.isFailed)

        cluster.resume(1)

        let isWell = cluster.run(within: .seconds(20)) { $0.allKnow(3) && $0.allNodesAgree && $0.isServing }
        #expect(isWell)
    }
}
