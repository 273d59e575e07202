// Who owns which slot: the claims in headers and UPDATE messages, of which the one with the greatest epoch wins.

extension ClusterState {
    /// Gives a slot to a node or to nobody, in the table and in the bitmaps of both.
    mutating func setOwner(of slot: Int, to owner: NodeIndex?) {
        if let former = slots.owner(of: slot) { nodes[former].slots.remove(slot) }
        slots.setOwner(of: slot, to: owner)
        if let owner {
            if nodes[owner].slots.isEmpty, nodes.indices.contains(where: { nodes[$0].isReplica }) {
                nodes[owner].flags.insert(.attractsReplicas)
            }
            nodes[owner].slots.insert(slot)
        }
        deferred.slotMap = true
        deferred.healthCheck = true
    }

    /// Weighs what a member's header claims, and tells it what we know better.
    mutating func adoptSlots(of sender: NodeIndex, from header: BusHeader) {
        if nodes[sender].isPrimary {
            apply(header.slots, claimedBy: sender, epoch: header.configEpoch)
            followIfReplacedWithoutSlots(by: sender, from: header)
        }
        let spokesman = nodes[sender].replicaOf ?? sender
        guard header.slots != nodes[spokesman].slots else { return }
        for slot in header.slots.subtracting(nodes[spokesman].slots) {
            guard let owner = slots.owner(of: slot), owner != sender, nodes[owner].configEpoch > header.configEpoch
            else { continue }
            log(.verbose, "Node \(nodes[sender].id) claims slot \(slot) by an old epoch: telling it the owner")
            return sendUpdate(about: owner, to: sender)
        }
    }

    /// “This node owns these slots since that epoch”, from a member that need not be the owner.
    mutating func receive(_ claim: SlotClaim) {
        guard let owner = nodes.index(of: claim.owner), owner != .myself, !nodes[owner].isInHandshake,
            nodes[owner].configEpoch < claim.configEpoch
        else { return }
        becomePrimary(owner)
        nodes[owner].configEpoch = claim.configEpoch
        deferred.durableSave = true
        apply(claim.slots, claimedBy: owner, epoch: claim.configEpoch)
    }

    mutating func sendUpdate(about owner: NodeIndex, to recipient: NodeIndex) {
        guard let link = nodes[recipient].outbound else { return }
        let claim = SlotClaim(
            owner: nodes[owner].id,
            configEpoch: nodes[owner].configEpoch,
            slots: nodes[owner].slots.subtracting(slots.unclaimed)
        )
        send(.update(claim), on: link)
    }

    /// Nearly always claim and record are equal: then 256 words are compared, and nothing else is done.
    ///
    /// A primary that has lost its last slot follows the one that took it, and so do its replicas: whoever took over within
    /// the shard has all its data, and elsewhere a replica is of more use than a primary without slots.
    private mutating func apply(_ claim: SlotSet, claimedBy claimant: NodeIndex, epoch: UInt64) {
        let record = nodes[claimant].slots
        let primary = myself.replicaOf ?? .myself
        var isMyShardsLoss = false
        guard claim != record || !slots.unclaimed.isEmpty else { return }
        slots.unclaimed.subtract(claim.intersection(record))
        slots.unclaimed.formUnion(record.subtracting(claim))
        var lost = SlotSet()
        for slot in claim.subtracting(record) {
            let owner = slots.owner(of: slot)
            if let owner {
                guard slots.unclaimed.contains(slot) || nodes[owner].configEpoch < epoch else { continue }
                if owner == .myself { lost.insert(slot) }
                if owner == primary { isMyShardsLoss = true }
            }
            settleOpenSlot(slot, takenBy: claimant)
            setOwner(of: slot, to: claimant)
            deferred.durableSave = true
        }
        if !lost.isEmpty { log(.notice, "Slots \(lost) went to node \(nodes[claimant].id) by epoch \(epoch)") }
        let mayFollow = configuration.allowsReplicaMigration || nodes[claimant].shard == myself.shard
        if isMyShardsLoss, nodes[primary].slots.isEmpty, mayFollow, configuration.replicatesData {
            // The new primary's data replaces what is here as a whole.
            return follow(claimant)
        }
        guard !lost.isEmpty else { return }
        add(.dropKeys(of: lost))
        if myself.slots.isEmpty { log(.notice, "This node owns no slot any more") }
    }

    /// A failover of a shard without slots shows in nothing but the epoch.
    private mutating func followIfReplacedWithoutSlots(by sender: NodeIndex, from header: BusHeader) {
        guard header.slots.isEmpty, myself.isPrimary, myself.slots.isEmpty, nodes[sender].shard == myself.shard,
            myself.configEpoch < header.configEpoch
        else { return }
        follow(sender)
    }

    /// An open slot that changes hands is closed, unless it only went from one node of a shard to another.
    private mutating func settleOpenSlot(_ slot: Int, takenBy claimant: NodeIndex) {
        if slots.migrating[slot] != nil, nodes[claimant].shard != myself.shard { slots.migrating[slot] = nil }
        guard let source = slots.importing[slot], source != claimant else { return }
        slots.importing[slot] = nodes[claimant].shard == nodes[source].shard ? claimant : nil
    }

    /// After a failover elsewhere, what was open towards the loser is open towards the winner.
    mutating func repointOpenSlots(from loser: NodeIndex, to winner: NodeIndex) {
        slots.migrating = slots.migrating.mapValues { $0 == loser ? winner : $0 }
        slots.importing = slots.importing.mapValues { $0 == loser ? winner : $0 }
    }
}
