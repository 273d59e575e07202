// What CLUSTER commands change about slots: given out, taken back, and moved from node to node.

/// The forms of CLUSTER SETSLOT; nodes are named by their 40 digits.
public enum SlotAction: Equatable, Sendable {
    case migrating(to: String)
    case importing(from: String)
    case stable
    /// `holdsKeys`: whether this node still has keys in the slot.
    case node(String, holdsKeys: Bool)
}

extension ClusterState {
    /// CLUSTER ADDSLOTS and ADDSLOTSRANGE: all of them or none.
    public mutating func addSlots(_ added: [Int], at now: Instant) throws(ClusterError) {
        self.now = now
        var seen = SlotSet()
        for slot in added {
            guard slots.owner(of: slot) == nil else { throw .slotBusy(slot) }
            guard !seen.contains(slot) else { throw .slotGivenTwice(slot) }
            seen.insert(slot)
        }
        for slot in added {
            slots.importing[slot] = nil
            setOwner(of: slot, to: .myself)
        }
        // Not durably: no epoch stands behind it, and redis-cli gives out thousands one by one.
        deferred.save = true
    }

    /// CLUSTER DELSLOTS and DELSLOTSRANGE: whoever owns them, this node forgets it.
    public mutating func deleteSlots(_ deleted: [Int], at now: Instant) throws(ClusterError) {
        self.now = now
        var seen = SlotSet()
        for slot in deleted {
            guard slots.owner(of: slot) != nil else { throw .slotUnassigned(slot) }
            guard !seen.contains(slot) else { throw .slotGivenTwice(slot) }
            seen.insert(slot)
        }
        for slot in deleted { setOwner(of: slot, to: nil) }
        deferred.save = true
    }

    /// CLUSTER FLUSHSLOTS.
    public mutating func flushSlots(databaseIsEmpty: Bool, at now: Instant) throws(ClusterError) {
        self.now = now
        guard databaseIsEmpty else { throw .databaseNotEmpty }
        for slot in myself.slots { setOwner(of: slot, to: nil) }
        deferred.save = true
    }

    /// CLUSTER SETSLOT.
    public mutating func setSlot(_ slot: Int, _ action: SlotAction, at now: Instant) throws(ClusterError) {
        self.now = now
        guard myself.isPrimary else { throw .setSlotOnReplica }
        switch action {
        case .migrating(let target):
            guard slots.owner(of: slot) == .myself else { throw .notSlotOwner(slot) }
            slots.migrating[slot] = try openSlotPeer(named: target)
        case .importing(let source):
            guard slots.owner(of: slot) != .myself else { throw .alreadySlotOwner(slot) }
            slots.importing[slot] = try openSlotPeer(named: source)
        case .stable:
            slots.migrating[slot] = nil
            slots.importing[slot] = nil
        case .node(let text, let holdsKeys):
            let owner = try node(named: text)
            guard nodes[owner].isPrimary else { throw .targetNotPrimary }
            assign(slot, to: owner, holdsKeys: holdsKeys)
            guard slots.owner(of: slot) == owner else { throw .slotHoldsKeys(slot) }
            // Others learn from this node that a slot is its own, and must not learn it from a node that will forget it.
            if owner == .myself { deferred.durableSave = true }
        }
        // The rest is worth no wait for the disk, of which a slot that moves would cost half a dozen: who comes back without
        // it is told the owners by the others, and what was left open is for the administrator to see.
        deferred.save = true
        deferred.slotMap = true
    }

    private func openSlotPeer(named text: String) throws(ClusterError) -> NodeIndex {
        guard let id = NodeID(text), let index = nodes.index(of: id) else { throw .unknownSlotPeer(text) }
        guard index != .myself else { throw .targetIsMyself }
        guard nodes[index].isPrimary else { throw .targetNotPrimary }
        return index
    }

    /// Leaves everything as it is when keys would be lost.
    private mutating func assign(_ slot: Int, to owner: NodeIndex, holdsKeys: Bool) {
        let isGivenAway = slots.owner(of: slot) == .myself && owner != .myself
        guard !(isGivenAway && holdsKeys) else { return }
        if !holdsKeys { slots.migrating[slot] = nil }
        if owner == .myself, slots.importing[slot] != nil {
            // The new owner needs an epoch above the former's for the others to believe it, and tells them at once.
            if bumpEpochWithoutConsensus() { log(.notice, "Epoch \(currentEpoch) for the import of slot \(slot)") }
            slots.importing[slot] = nil
            deferred.pongBroadcast = true
        }
        setOwner(of: slot, to: owner)
    }
}
