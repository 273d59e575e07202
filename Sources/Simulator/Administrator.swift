// People and tools that work on the cluster while it is in trouble: MEET, FORGET, RESET and resharding, at random.

import Cluster

/// Works as redis-cli does: it leaves things half done when a node is gone.
///
/// A slot changes hands only while both ends agree on their epochs (what `redis-cli --cluster check` asks for): an epoch that
/// is taken without a vote can be taken by two nodes that do not hear of each other. Redis has no answer to that either.
struct Administrator {
    /// A slot on its way, step by step: time passes in between, in which anything can fail.
    private struct Move {
        let slot: Int
        let source: Int
        let target: Int
        var step = 0
    }

    private var random: SeededGenerator
    private var move: Move?

    init(random: SeededGenerator) { self.random = random }

    mutating func act(on cluster: inout Simulation) {
        if move != nil { return advance(&cluster) }
        let running = cluster.running.filter { !cluster.isPaused($0) }
        guard let one = running.randomElement(using: &random), let other = running.randomElement(using: &random) else {
            return
        }
        switch Int.random(in: 0..<11, using: &random) {
        case 0: try? cluster.meet(one, Int.random(in: 0..<cluster.nodeCount, using: &random))
        case 1: forget(one, on: other, in: &cluster)
        case 2:
            // A slot opened by mistake, and closed again.
            if let slot = cluster[one].myself.slots.map(\.self).randomElement(using: &random) {
                setSlot(slot, .migrating(to: cluster[other].myself.id.description), on: one, of: &cluster)
                // What the first brings about may be the moment at which the power fails.
                if cluster.running.contains(one) { setSlot(slot, .stable, on: one, of: &cluster) }
            }
        case 8, 9: follow(other, with: one, in: &cluster)
        case 10:
            let mode: FailoverMode = [.agreed, .force, .force][Int.random(in: 0..<3, using: &random)]
            cluster.note("FAILOVER (\(mode)) on node \(one)")
            cluster.administer(one) { state, now in try? state.failover(mode, at: now) }
        case 3: cluster.administer(one) { state, now in _ = state.bumpEpoch(at: now) }
        default:
            guard one != other, let slot = cluster[one].myself.slots.map(\.self).randomElement(using: &random) else {
                return
            }
            move = Move(slot: slot, source: one, target: other)
        }
    }

    /// Takes a node without slots out of the cluster, as redis-cli's del-node does: forgotten by one, and reset.
    private mutating func forget(_ number: Int, on other: Int, in cluster: inout Simulation) {
        guard number != other, cluster[number].myself.slots.isEmpty else { return }
        let id = cluster[number].myself.id.description
        let isHard = Bool.random(using: &random)
        cluster.note("node \(number) is taken out of the cluster")
        cluster.administer(other) { state, now in try? state.forget(id, at: now) }
        cluster.administer(number) { state, now in try? state.reset(hard: isHard, hasKeys: false, at: now) }
    }

    /// Makes a node without slots a replica, whose copy of the data is as good as its offset says.
    private mutating func follow(_ primary: Int, with number: Int, in cluster: inout Simulation) {
        guard number != primary, cluster[number].myself.slots.isEmpty else { return }
        let id = cluster[primary].myself.id.description
        cluster.note("node \(number) is to follow node \(primary)")
        cluster.administer(number) { state, now in try? state.replicate(id, hasKeys: false, at: now) }
        cluster.handle(.replicationOffset(UInt64.random(in: 1...1000, using: &random)), on: number)
    }

    private mutating func advance(_ cluster: inout Simulation) {
        guard var move else { return }
        defer { self.move = move.step < 4 ? move : nil }
        let place = [move.target, move.source, move.target, move.source][move.step]
        guard cluster.running.contains(move.source), cluster.running.contains(move.target),
            !cluster.isPaused(move.source), !cluster.isPaused(move.target)
        else { return move.step = 4 }
        guard move.step != 2 || isAgreed(cluster, move.source, move.target) else { return move.step = 4 }
        let (source, target) = (cluster[move.source].myself.id, cluster[move.target].myself.id)
        let action: SlotAction =
            switch move.step {
            case 0: .importing(from: source.description)
            case 1: .migrating(to: target.description)
            default: .node(target.description, holdsKeys: false)
            }
        let isDone = setSlot(move.slot, action, on: place, of: &cluster)
        move.step = isDone ? move.step + 1 : 4
    }

    private func isAgreed(_ cluster: Simulation, _ one: Int, _ other: Int) -> Bool {
        func epoch(of subject: Int, at observer: Int) -> UInt64? {
            let nodes = cluster[observer].nodes
            return nodes.index(of: cluster[subject].myself.id).map { nodes[$0].configEpoch }
        }
        return epoch(of: one, at: one) == epoch(of: one, at: other)
            && epoch(of: other, at: other) == epoch(of: other, at: one)
    }

    @discardableResult private func setSlot(
        _ slot: Int,
        _ action: SlotAction,
        on number: Int,
        of cluster: inout Simulation
    ) -> Bool {
        cluster.note("SETSLOT \(slot) \(action) on node \(number)")
        return cluster.administer(number) { state, now in
            do throws(ClusterError) {
                try state.setSlot(slot, action, at: now)
                return true
            } catch {
                return false
            }
        }
    }

    /// Closes what was left open, as redis-cli's fix does.
    mutating func finish(on cluster: inout Simulation) {
        move = nil
        for number in cluster.running {
            for slot in cluster[number].openSlots { setSlot(slot, .stable, on: number, of: &cluster) }
        }
    }

    /// What a careful human does with a cluster that does not get well by itself: members are introduced to each other,
    /// names that are no node's any more are forgotten by all, and slots that nobody claims are given to somebody.
    func reunite(_ cluster: inout Simulation) {
        guard let first = cluster.running.first(where: { !cluster[$0].myself.slots.isEmpty }) else { return }
        let names = cluster.running.map { cluster[$0].myself.id }
        var claimed = SlotSet()
        for number in cluster.running {
            claimed.formUnion(cluster[number].myself.slots)
            let members = cluster[number].nodes.indices.map { cluster[number].nodes[$0] }.filter { !$0.isInHandshake }
            // Whoever follows a node that was reset has a primary that is nowhere, and that it may not forget.
            if let primary = cluster[number].myself.replicaOf, !names.contains(cluster[number].nodes[primary].id) {
                cluster.administer(number) { state, now in state.replicateNoOne(at: now) }
            }
            for id in members.map(\.id) where !names.contains(id) {
                cluster.administer(number) { state, now in try? state.forget(id.description, at: now) }
            }
            guard number != first else { continue }
            let isKnown = cluster[first].nodes.index(of: cluster[number].myself.id) != nil
            let knows = cluster[number].nodes.index(of: cluster[first].myself.id) != nil
            if !isKnown || !knows { try? cluster.meet(first, number) }
        }
        let orphans = Array(SlotSet(0..<Slot.count).subtracting(claimed))
        guard !orphans.isEmpty else { return }
        cluster.note("slots \(SlotSet(orphans)) are nobody's: node \(first) gets them")
        cluster.administer(first) { state, now in
            for slot in orphans { try? state.deleteSlots([slot], at: now) }
            try? state.addSlots(orphans, at: now)
            _ = state.bumpEpoch(at: now)
        }
    }
}
