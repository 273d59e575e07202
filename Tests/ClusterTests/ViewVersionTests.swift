// Views that are given again: as long as their version stands, they are what would be written anew.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A view of the cluster` {
    /// What CLUSTER SLOTS and SHARDS show, as values.
    private struct Shown: Equatable {
        let slots: [SlotRangeView]
        let shards: [ShardView]
    }

    @Test(arguments: 0..<4)
    func `is the same as long as its version is, whatever happens`(seed: UInt64) throws {
        var cluster = try formedCluster(seed: seed, nodeCount: 4, nodeTimeout: .seconds(1))
        var random = SeededGenerator(seed: seed)
        var caches = [NodesTextCache](repeating: NodesTextCache(), count: 4)
        var shown: [(version: ViewVersion, view: Shown)?] = [nil, nil, nil, nil]
        var repeats = 0

        for step in 0..<150 {
            disturb(&cluster, step, &random)
            cluster.run(for: .milliseconds(Int64.random(in: 10...200, using: &random)))
            for number in cluster.running {
                let state = cluster[number]
                let text = caches[number].text(of: state, for: ClientView())
                #expect(text == state.nodesText(for: ClientView()), "node \(number), seed \(seed), step \(step)")
                let version = try #require(state.viewVersion(offsets: true), "a settled state has a version")
                let now = Shown(slots: state.slotRanges, shards: state.shards)
                if let known = shown[number], known.version == version {
                    repeats += 1
                    #expect(known.view == now, "node \(number), seed \(seed), step \(step)")
                }
                shown[number] = (version, now)
            }
        }

        #expect(repeats > 100, "what never repeats is not worth keeping")
    }

    private func disturb(_ cluster: inout Simulation, _ step: Int, _ random: inout SeededGenerator) {
        let number = Int.random(in: 0..<4, using: &random)
        guard step % 5 == 0, cluster.running.contains(number) else { return cluster.heal() }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: cluster.partition([number])
        case 1: cluster.handle(.replicationOffset(UInt64.random(in: 0...2, using: &random)), on: number)
        case 2: _ = cluster.administer(number) { state, now in state.bumpEpoch(at: now) }
        case 3:
            let slot = Int.random(in: 0..<Slot.count, using: &random)
            cluster.administer(number) { state, now in
                do throws(ClusterError) { try state.deleteSlots([slot], at: now) } catch {}
                do throws(ClusterError) { try state.addSlots([slot], at: now) } catch {}
            }
        default: do throws(ClusterError) { try cluster.meet(number, (number + 1) % 4) } catch {}
        }
    }

    @Test func `is another as soon as a node is suspected, which is not saved`() throws {
        var quartet = try Quartet()
        quartet.subject.live(.seconds(3), with: quartet.peers)
        let alive = Array(quartet.peers.dropFirst())
        var cache = NodesTextCache()

        for _ in 0..<40 {
            quartet.subject.live(.milliseconds(100), with: alive)
            let state = quartet.subject.state
            #expect(cache.text(of: state, for: ClientView()) == state.nodesText(for: ClientView()))
        }

        #expect(quartet.flags(of: 0).contains(.suspected))
    }

    @Test func `has no version while a change is not settled`() throws {
        var subject = Subject()
        #expect(subject.state.viewVersion(offsets: false) != nil)

        try subject.state.addSlots([1], at: subject.now)
        #expect(subject.state.viewVersion(offsets: false) == nil)
        subject.settle()

        #expect(subject.state.viewVersion(offsets: false) != nil)
    }
}
