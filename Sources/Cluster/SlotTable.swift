// Who owns each slot, and which slots are on their way from one node to another.

/// Owners by slot, next to the bitmap that each node keeps; `ClusterState.setOwner` changes both.
///
/// Invariant: the owner of a slot is the one node in whose bitmap it is.
struct SlotTable: Sendable {
    private static let nobody = UInt16.max

    private var owners = [UInt16](repeating: nobody, count: Slot.count)
    private(set) var assignedCount = 0
    /// Slots of mine on their way to another node, and slots of others on their way to me.
    var migrating: [Int: NodeIndex] = [:]
    var importing: [Int: NodeIndex] = [:]
    /// Slots that their owner no longer claims: the next claimer takes them, whatever its epoch.
    var unclaimed = SlotSet()

    func owner(of slot: Int) -> NodeIndex? {
        owners[slot] == SlotTable.nobody ? nil : NodeIndex(rawValue: owners[slot])
    }

    mutating func setOwner(of slot: Int, to owner: NodeIndex?) {
        assignedCount += (owner == nil ? 0 : 1) - (owners[slot] == SlotTable.nobody ? 0 : 1)
        owners[slot] = owner?.rawValue ?? SlotTable.nobody
        unclaimed.remove(slot)
    }

    func checkInvariants(_ nodes: NodeTable) {
        var owned = 0
        for index in nodes.indices {
            for run in nodes[index].slots.ranges {
                owned += run.count
                let isOwner = owners[run].allSatisfy { $0 == index.rawValue }
                precondition(isOwner, "a slot of \(run) has two owners")
            }
        }
        precondition(owned == assignedCount, "an owner does not know of its slot")
        for peer in [migrating.values, importing.values].joined() {
            precondition(nodes.contains(peer), "an open slot has an unknown peer")
        }
        for slot in unclaimed { precondition(owner(of: slot) != nil, "slot \(slot) is nobody's to give up") }
    }
}
