// A replica whose primary is dead asks for votes, and takes the primary's place when a majority has given them.
//
// Nothing is answered but a vote; a candidate without a majority gives up after two node timeouts and tries again after four.
// The delays before it asks are there to let the replica with the most data go first. They are not needed for safety.

extension ClusterState {
    /// Takes the next step of an election, if there is cause for one. To be asked at every tick, and when something changed.
    mutating func advanceElection() {
        deferred.election = false
        guard let primary = myself.replicaOf, mayStand(against: primary) else { return }
        let isOver = election.due.map { now - $0 > configuration.electionRetryTime } ?? true
        if isOver { scheduleElection(against: primary) }
        if election.epoch == nil, !election.isForced { adjustDelay(against: primary) }
        guard let due = election.due, now >= due, now - due <= configuration.electionTimeout else { return }
        guard let epoch = election.epoch else { return requestVotes() }
        guard election.voters.count >= quorum else { return }

        log(.notice, "Election won: this node is the primary from epoch \(epoch) on")
        nodes[.myself].configEpoch = max(myself.configEpoch, epoch)
        takeOver(from: primary)
    }

    // MARK: Whether

    private mutating func mayStand(against primary: NodeIndex) -> Bool {
        guard isVouched else { return false }
        if isElectionManual { return true }
        guard nodes[primary].isFailed, !nodes[primary].slots.isEmpty else {
            election.obstacle = nil
            return false
        }
        let obstacle = obstacle()
        if let obstacle, obstacle != election.obstacle { log(.warning, text(of: obstacle)) }
        election.obstacle = obstacle
        return obstacle == nil
    }

    private func obstacle() -> Election.Obstacle? {
        guard !configuration.hasNoFailover else { return .noFailover }
        // An empty node must not take the place of a full one, however long the others let it wait.
        guard let heard = replication.heardAt else { return .noData }
        guard configuration.replicaValidityFactor > 0 else { return nil }
        // That the primary was silent for the node timeout is what made it dead: it says nothing about the link before.
        let silence = now - heard
        let age = silence > configuration.nodeTimeout ? silence - configuration.nodeTimeout : silence
        let limit = configuration.replicaPingPeriod + configuration.nodeTimeout * configuration.replicaValidityFactor
        return age > limit ? .staleData : nil
    }

    private func text(of obstacle: Election.Obstacle) -> String {
        switch obstacle {
        case .noFailover: "The primary is dead, and this node must not replace it (cluster-replica-no-failover)"
        case .noData: "The primary is dead, and this node has no copy of its data: it does not stand for election"
        case .staleData:
            "The primary is dead, and was not heard for too long before: this node does not stand for election "
                + "(cluster-replica-validity-factor)"
        }
    }

    // MARK: When

    private mutating func scheduleElection(against primary: NodeIndex) {
        election = Election()
        if isElectionManual {
            election.due = now
            election.isForced = true
        } else {
            election.rank = rank(among: replicas(of: primary))
            election.shardRank = rankAmongFailedShards()
            let isUndisputed = election.rank == 0 && election.shardRank == 0 && replicationOffset != 0
            if isUndisputed, allReplicasSeeFailure(of: primary) {
                // All who could compete know that it is this node's turn; and as they all know of the failure, FAIL is on
                // its way to the voters, if it has not arrived.
                election.due = now
                election.isForced = true
            } else {
                let step = configuration.electionStep
                let jitter = Duration.milliseconds(Int64.random(in: 0..<step.wholeMilliseconds, using: &random))
                let handicap = replicationOffset == 0 ? Duration.milliseconds(500) : .zero
                election.due = now + step + jitter + handicap + delay(election.rank, election.shardRank)
            }
        }
        let delay = election.due.map { ($0 - now).wholeMilliseconds } ?? 0
        log(.notice, "Standing for election in \(delay) ms (rank \(election.rank), offset \(replicationOffset))")
        // The others of this shard rank themselves by what they know of our offset.
        for replica in replicas(of: primary) where replica != .myself {
            if let link = nodes[replica].outbound { sendHeartbeat(.pong, on: link) }
        }
    }

    /// Rank and so delay follow the news of the others' offsets as long as no votes were asked for.
    private mutating func adjustDelay(against primary: NodeIndex) {
        guard let due = election.due else { return }
        let (rank, shardRank) = (rank(among: replicas(of: primary)), rankAmongFailedShards())
        guard (rank, shardRank) != (election.rank, election.shardRank) else { return }
        election.due = due + (delay(rank, shardRank) - delay(election.rank, election.shardRank))
        (election.rank, election.shardRank) = (rank, shardRank)
        log(.notice, "Rank in the election is now \(rank)")
    }

    private func delay(_ rank: Int, _ shardRank: Int) -> Duration {
        configuration.electionStep * (2 * rank + shardRank)
    }

    /// How many of the living replicas that may stand have more data than this node, or as much and a smaller name.
    private func rank(among replicas: [NodeIndex]) -> Int {
        replicas.count { index in
            let rival = nodes[index]
            guard index != .myself, rival.flags.isDisjoint(with: [.noFailover, .failed]) else { return false }
            return rival.replicationOffset > replicationOffset
                || (rival.replicationOffset == replicationOffset && rival.id < myself.id)
        }
    }

    /// How many other shards lost their primary too, have replicas to replace it, and come before this one by name.
    private func rankAmongFailedShards() -> Int {
        let recency = configuration.nodeTimeout * configuration.replicaValidityFactor
        return nodes.indices.count { index in
            let node = nodes[index]
            guard node.isVotingPrimary, node.isFailed, node.shard < myself.shard else { return false }
            let isRecent = recency == .zero || (node.failedAt.map { now - $0 < recency } ?? false)
            return isRecent && nodes.indices.contains { nodes[$0].replicaOf == index }
        }
    }

    private func allReplicasSeeFailure(of primary: NodeIndex) -> Bool {
        replicas(of: primary).allSatisfy { $0 == .myself || nodes[$0].flags.contains(.primaryFailed) }
    }

    // MARK: Votes

    private mutating func requestVotes() {
        guard currentEpoch < .max else { return }
        currentEpoch += 1
        election.epoch = currentEpoch
        election.requestedAt = now
        // Once asked for, an epoch must not be asked for again after a crash: the votes given in it are used up.
        deferred.durableSave = true
        log(.notice, "Asking for votes in epoch \(currentEpoch): \(quorum) of \(electorate) are needed")
        broadcast(.authRequest, election.isForced ? .forceAck : [])
    }

    /// AUTH_ACK.
    mutating func receiveVote(from voter: NodeIndex, _ header: BusHeader) {
        guard myself.isReplica, let epoch = election.epoch, header.currentEpoch >= epoch, nodes[voter].isVotingPrimary,
            !election.voters.contains(nodes[voter].id)
        else { return }
        election.voters.append(nodes[voter].id)
        // The first contacts of the primary that this node becomes.
        if let requestedAt = election.requestedAt { noteContact(with: voter, at: requestedAt) }
        deferred.election = true
    }

    /// Somebody else's claims have reached the epoch of our election: it cannot be won any more, but another can.
    mutating func abandonElection(overtakenBy epoch: UInt64) {
        guard let own = election.epoch, own <= epoch else { return }
        log(.notice, "The election in epoch \(own) was overtaken by epoch \(epoch)")
        election = Election()
        deferred.election = true
    }
}
