// The vote of a primary: given to one replica per epoch, remembered on disk before the replica hears of it.
//
// That each primary votes once per epoch, and that a majority must vote, is what makes a failover safe: no epoch has two winners.
//
// Two replicas of one primary could still win one after the other, in two epochs, before the first has told of it, and what
// the first then accepted would be lost. Redis 7.0 gives no second vote for a replica of the same primary within twice the
// node timeout, which is as long as a candidate counts votes. Valkey 9.1 dropped that rule; without it the simulator showed two
// primaries of one shard that served at once. So this node keeps it, but only as far as it protects: the same replica may ask
// again, because it counts no votes of its former attempt, and so may another when the first has died, whose lease has then
// ended. As in Redis, a voter that is restarted has forgotten for whom it voted, though not in which epoch.

/// For whom a primary has voted, of the replicas of another.
struct Vote: Sendable {
    let candidate: NodeID
    let time: Instant
}

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
        if let primary = nodes[candidate].replicaOf {
            nodes[primary].vote = Vote(candidate: nodes[candidate].id, time: now)
        }
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
        if let vote = nodes[primary].vote, vote.candidate != nodes[candidate].id, mayStillWin(vote, over: primary) {
            return "node \(vote.candidate) has the vote of this node, and may still win"
        }
        return nil
    }

    private func mayStillWin(_ vote: Vote, over primary: NodeIndex) -> Bool {
        guard now - vote.time <= configuration.electionTimeout, let candidate = nodes.index(of: vote.candidate) else {
            return false
        }
        return nodes[candidate].replicaOf == primary && !nodes[candidate].isFailed
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
