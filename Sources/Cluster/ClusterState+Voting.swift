// The vote of a primary: given to one replica per epoch, remembered on disk before the replica hears of it.
//
// That each primary votes once per epoch, and that a majority must vote, is all that makes a failover safe: no epoch has two
// winners. The other rules only keep votes from being wasted on replicas that should not win.
//
// Redis 7.0 has one more rule: no second vote for a replica of the same primary within twice the node timeout. Valkey 9.1
// dropped it, and so does this node. It adds nothing to the once-per-epoch rule, and as soon as a winner has spoken, its epoch
// on the slots refuses those who ask later. But it costs dearly where the first to ask dies or is cut off after asking: the
// next replica is refused, gives up, and may only ask again after four node timeouts.

extension ClusterState {
    /// AUTH_REQUEST: a replica asks to take over from its primary. A refusal is silence.
    ///
    /// The epoch of the request is the candidate's; ours was raised to it when the header was taken in.
    mutating func receiveVoteRequest(from candidate: NodeIndex, _ header: BusHeader) {
        guard mayVote, let link = nodes[candidate].outbound, links[link].isConnected else { return }
        if let reason = refusal(of: candidate, header) {
            let epoch = header.currentEpoch
            return log(.notice, "No vote for node \(nodes[candidate].id) in epoch \(epoch): \(reason)")
        }
        if let owner = newerOwner(ofSlotsIn: header) {
            log(
                .notice,
                "No vote for node \(nodes[candidate].id) in epoch \(currentEpoch): it has not heard that node "
                    + "\(nodes[owner].id) owns slots of its primary since epoch \(nodes[owner].configEpoch)"
            )
            return sendUpdate(about: owner, to: candidate)
        }
        lastVoteEpoch = currentEpoch
        deferred.durableSave = true
        send(.authAck, on: link)
        log(.notice, "Voting for node \(nodes[candidate].id) in epoch \(currentEpoch)")
    }

    /// Only primaries with slots vote. One that has just started listens first: it may have been replaced meanwhile. One
    /// whose shards hang is itself about to be replaced.
    private var mayVote: Bool { myself.isVotingPrimary && isVouched && hasListenedSinceStart }

    private func refusal(of candidate: NodeIndex, _ request: BusHeader) -> String? {
        guard request.currentEpoch >= currentEpoch else { return "this node is in epoch \(currentEpoch) already" }
        guard lastVoteEpoch < currentEpoch else { return "this node has voted in epoch \(lastVoteEpoch)" }
        guard nodes[candidate].isReplica else { return "it is a primary" }
        guard let primary = nodes[candidate].replicaOf else { return "its primary is not known here" }
        guard nodes[primary].isFailed || request.traits.contains(.forceAck) else { return "its primary is well" }
        return nil
    }

    /// An owner of one of the slots that the candidate wants whose claim is newer than that of the candidate's primary.
    private func newerOwner(ofSlotsIn request: BusHeader) -> NodeIndex? {
        for index in nodes.indices where nodes[index].configEpoch > request.configEpoch {
            let contested = nodes[index].slots.intersection(request.slots)
            if !contested.isEmpty, !contested.subtracting(slots.unclaimed).isEmpty { return index }
        }
        return nil
    }
}
