// Epochs: the logical clock of the cluster, and the version number of each primary's claim to its slots.

extension ClusterState {
    /// What is greatest is newest, whoever says it.
    mutating func adoptEpochs(_ header: BusHeader, from index: NodeIndex) {
        if header.currentEpoch > currentEpoch {
            currentEpoch = header.currentEpoch
            deferred.save = true
        }
        // A replica's header carries its primary's epoch.
        if header.replicaOf == nil, header.configEpoch > nodes[index].configEpoch {
            nodes[index].configEpoch = header.configEpoch
            deferred.durableSave = true
            abandonElection(overtakenBy: header.configEpoch)
        }
    }

    /// Two primaries with one epoch could both claim a slot for ever: the one with the smaller name takes a new epoch.
    mutating func resolveEpochCollision(with index: NodeIndex) {
        guard nodes[index].isPrimary, myself.isPrimary, nodes[index].configEpoch == myself.configEpoch,
            myself.id < nodes[index].id
        else { return }
        takeNewEpoch()
        log(.notice, "Epoch collision with node \(nodes[index].id): this node's epoch is now \(myself.configEpoch)")
        deferred.pongBroadcast = true
    }

    /// Makes this node's claims the newest without asking anyone. False if they are that already, and nobody else's too:
    /// a slot taken over from a node of the same epoch would have two owners.
    mutating func bumpEpochWithoutConsensus() -> Bool {
        let newest = nodes.indices.reduce(currentEpoch) { max($0, nodes[$1].configEpoch) }
        let isShared = nodes.indices.contains {
            $0 != .myself && nodes[$0].isPrimary && nodes[$0].configEpoch == newest
        }
        guard myself.configEpoch == 0 || myself.configEpoch != newest || isShared else { return false }
        currentEpoch = newest
        takeNewEpoch()
        return true
    }

    private mutating func takeNewEpoch() {
        // Only a peer that lies can bring the clock to its end: then it stands, and does not stop the server.
        if currentEpoch < .max { currentEpoch += 1 }
        nodes[.myself].configEpoch = currentEpoch
        deferred.durableSave = true
    }
}
