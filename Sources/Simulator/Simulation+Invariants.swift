// What must hold of the whole cluster: always (safety), and once its faults have healed (liveness).

public import Cluster

extension Simulation {
    /// What one node knows of another, as far as all must agree on it.
    private struct Fact: Equatable {
        let id: NodeID
        let slots: SlotSet
        let configEpoch: UInt64
        let primary: NodeID?
        let place: String
    }

    private func facts(of number: Int) -> [Fact] {
        let state = self[number]
        return state.nodes.indices.map { index in
            let node = state.nodes[index]
            return Fact(
                id: node.id,
                slots: node.slots,
                // A replica's own is that of a time when it was a primary, and is nobody's concern.
                configEpoch: (node.replicaOf.map { state.nodes[$0] } ?? node).configEpoch,
                primary: node.replicaOf.map { state.nodes[$0].id },
                place: "\(node.ip):\(node.port)@\(node.busPort)"
            )
        }.sorted { $0.id < $1.id }
    }

    /// Whether all running nodes know the same nodes, at the same places, with the same slots and epochs.
    public var allNodesAgree: Bool {
        guard let first = running.first else { return true }
        let expected = facts(of: first)
        return running.dropFirst().allSatisfy { facts(of: $0) == expected }
    }

    /// Whether every running node has this many members, no stranger among them, and thinks well of them all.
    public func allKnow(_ count: Int) -> Bool {
        running.allSatisfy { number in
            let nodes = self[number].nodes
            return nodes.count == count
                && nodes.indices.allSatisfy {
                    nodes[$0].flags.isDisjoint(with: [.handshake, .withoutAddress, .suspected, .failed])
                }
        }
    }

    /// Slots that two running primaries both claim as their own by one epoch: always none.
    public var contestedSlots: SlotSet {
        var contested = SlotSet()
        let primaries = running.map { self[$0].myself }.filter { $0.isVotingPrimary }
        for (position, one) in primaries.enumerated() {
            for other in primaries[..<position] where other.configEpoch == one.configEpoch {
                contested.formUnion(one.slots.intersection(other.slots))
            }
        }
        return contested
    }

    /// Stops the run if a node's tables contradict each other.
    public func checkInvariants() {
        for number in running { self[number].checkInvariants() }
    }
}
