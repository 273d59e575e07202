// Primaries and replicas: what others say they are.

extension ClusterState {
    /// The replicas of a primary, in the order in which they became known.
    func replicas(of primary: NodeIndex) -> [NodeIndex] { nodes.indices.filter { nodes[$0].replicaOf == primary } }

    /// Takes over the role that a member's header claims. False if the packet is older than what we know.
    mutating func adoptRole(of sender: NodeIndex, from header: BusHeader) -> Bool {
        guard let primaryID = header.replicaOf else {
            becomePrimary(sender)
            return true
        }
        let claimed = nodes.index(of: primaryID).flatMap { nodes[$0].isInHandshake || $0 == sender ? nil : $0 }
        if nodes[sender].isPrimary {
            guard demote(sender, under: claimed, from: header) else { return false }
        }
        guard nodes[sender].replicaOf != claimed || !nodes[sender].isReplica else { return true }
        let former = nodes[sender].replicaOf
        nodes[sender].flags.remove([.primary, .attractsReplicas])
        nodes[sender].flags.insert(.replica)
        nodes[sender].replicaOf = claimed
        if let former, former != claimed { replicaLeft(former, except: sender) }
        if let claimed {
            nodes[claimed].flags.insert(.attractsReplicas)
            setShard(nodes[claimed].shard, of: sender)
        }
        deferred.save = true
        deferred.healthCheck = true
        deferred.slotMap = true
        return true
    }

    /// A primary says that it is the replica of `claimed` now: its slots are its successor's, or nobody's.
    private mutating func demote(_ sender: NodeIndex, under claimed: NodeIndex?, from header: BusHeader) -> Bool {
        guard let claimed, claimed != .myself, nodes[claimed].shard == nodes[sender].shard else {
            for slot in nodes[sender].slots { setOwner(of: slot, to: nil) }
            return true
        }
        // Said before a failover of which we have heard by another way already.
        guard nodes[claimed].configEpoch <= header.configEpoch else { return false }
        guard nodes[claimed].isReplica else {
            for slot in nodes[sender].slots { setOwner(of: slot, to: nil) }
            return true
        }
        // The loser of a failover tells of it before the winner does.
        log(.notice, "Node \(nodes[claimed].id) has taken over from node \(nodes[sender].id)")
        becomePrimary(claimed)
        nodes[claimed].configEpoch = header.configEpoch
        for slot in nodes[sender].slots { setOwner(of: slot, to: claimed) }
        repointOpenSlots(from: sender, to: claimed)
        deferred.durableSave = true
        return true
    }

    mutating func becomePrimary(_ index: NodeIndex) {
        guard !nodes[index].isPrimary else { return }
        let former = nodes[index].replicaOf
        nodes[index].replicaOf = nil
        nodes[index].flags.remove(.replica)
        nodes[index].flags.insert(.primary)
        if let former {
            replicaLeft(former, except: index)
            nodes[index].flags.insert(.attractsReplicas)
        }
        deferred.save = true
        deferred.healthCheck = true
        deferred.slotMap = true
    }

    /// A primary that has lost its last replica does not ask for those of others.
    mutating func replicaLeft(_ primary: NodeIndex, except gone: NodeIndex) {
        guard !replicas(of: primary).contains(where: { $0 != gone }) else { return }
        nodes[primary].flags.remove(.attractsReplicas)
    }
}
