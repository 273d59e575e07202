// What must hold of the whole cluster once its faults have healed. What must hold always is in SafetyWatch.

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
                // The version of a claim: where nothing is claimed, it says nothing.
                configEpoch: node.slots.isEmpty ? 0 : node.configEpoch,
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

    /// Whether every running node sees a cluster that serves all slots.
    public var isServing: Bool {
        running.allSatisfy { self[$0].health == .ok && self[$0].assignedSlotCount == Slot.count }
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

    /// Where the nodes disagree or what is missing, in words, for whoever reads a failure.
    public var disagreements: [String] {
        guard let first = running.first else { return ["no node runs"] }
        var lines: [String] = []
        let expected = facts(of: first)
        for number in running {
            let state = self[number]
            let found = facts(of: number)
            let missing = expected.filter { fact in !found.contains { $0.id == fact.id } }
            let odd = found.filter { !expected.contains($0) }
            let bad = state.nodes.indices.filter {
                !state.nodes[$0].flags.isDisjoint(with: [.handshake, .withoutAddress, .suspected, .failed])
            }
            var line = "node \(number) (\(state.myself.id)): \(state.nodes.count) nodes, "
            line += "\(state.assignedSlotCount) slots, \(state.health)"
            line += missing.map { "\n    does not know \($0.id)" }.joined()
            line += (number == first ? expected : odd).map {
                let role =
                    $0.primary.map { "replica of \($0)" } ?? "primary, epoch \($0.configEpoch), slots \($0.slots)"
                return "\n    has \($0.id) at \($0.place), \(role)"
            }.joined()
            line += bad.map { "\n    \(state.nodes[$0].id) is \(state.nodes[$0].flags.text)" }.joined()
            lines.append(line)
        }
        return lines
    }
}
