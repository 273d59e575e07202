// Primaries and replicas: what others say they are, and what this node is.

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
        followWhomMyPrimaryFollows()
        return true
    }

    /// A primary says that it is the replica of `claimed` now: its slots are its successor's, or nobody's.
    private mutating func demote(_ sender: NodeIndex, under claimed: NodeIndex?, from header: BusHeader) -> Bool {
        guard let claimed, nodes[claimed].shard == nodes[sender].shard else {
            for slot in nodes[sender].slots { setOwner(of: slot, to: nil) }
            return true
        }
        // Said before a failover of which we have heard by another way already.
        guard nodes[claimed].configEpoch <= header.configEpoch else { return false }
        // Nobody but this node itself makes it a primary: then this was said when it was one.
        guard claimed != .myself || myself.isPrimary else { return false }
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

    // MARK: This node

    /// Becomes the replica of another primary; its slots must have gone before.
    mutating func follow(_ primary: NodeIndex) {
        precondition(primary != .myself && myself.slots.isEmpty, "a primary with slots follows nobody")
        guard configuration.replicatesData, myself.replicaOf != primary else { return }
        endManualFailover()
        election = Election()
        let former = myself.replicaOf
        nodes[.myself].flags.subtract([.primary, .attractsReplicas])
        nodes[.myself].flags.insert(.replica)
        nodes[.myself].replicaOf = primary
        nodes[primary].flags.insert(.attractsReplicas)
        if let former { replicaLeft(former, except: .myself) }
        slots.migrating = [:]
        slots.importing = [:]
        if nodes[primary].shard != myself.shard {
            // What is here is the data of another shard: until the new one's has come, it is not fit for any election.
            replication.heardAt = nil
            setShard(nodes[primary].shard, of: .myself)
        }
        log(.notice, "This node is a replica of node \(nodes[primary].id) from now on")
        deferred.durableSave = true
        deferred.healthCheck = true
        deferred.pongBroadcast = true
        deferred.slotMap = true
    }

    /// Nobody replicates from a replica: when the primary has become one, its replicas go where it went.
    mutating func followWhomMyPrimaryFollows() {
        guard let primary = myself.replicaOf, let successor = nodes[primary].replicaOf, successor != .myself,
            nodes[successor].isPrimary
        else { return }
        follow(successor)
    }

    /// Becomes the primary in its primary's place, with all slots that were its.
    mutating func takeOver(from primary: NodeIndex) {
        endManualFailover()
        election = Election()
        let inheritance = nodes[primary].slots
        becomePrimary(.myself)
        for slot in inheritance { setOwner(of: slot, to: .myself) }
        renewLease()
        deferred.durableSave = true
        deferred.pongBroadcast = true
    }

    /// Becomes a primary without slots and without data, in a shard of its own.
    mutating func standAlone() {
        endManualFailover()
        election = Election()
        becomePrimary(.myself)
        nodes[.myself].shard = .random(using: &random)
        add(.dropAllKeys)
    }

    /// A primary that has lost its last replica does not ask for those of others.
    mutating func replicaLeft(_ primary: NodeIndex, except gone: NodeIndex) {
        guard !replicas(of: primary).contains(where: { $0 != gone }) else { return }
        nodes[primary].flags.remove(.attractsReplicas)
    }
}
