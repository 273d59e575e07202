// CLUSTER FAILOVER: a replica takes over from a primary that lives, so that nothing is lost.
//
// The replica says MFSTART. The primary stops its writers, and says in its headers that it has, and at which offset. When
// the replica has come as far, it holds an election at once, in which voters do not ask whether the primary is dead. Either
// side gives up after `cluster-manual-failover-timeout`; the primary's writers are stopped for twice as long, so that they do
// not start again while the election is still being counted.

/// How CLUSTER FAILOVER is to be done.
public enum FailoverMode: Sendable {
    /// With the primary, and without loss.
    case agreed
    /// Without the primary, but with a majority of the voters.
    case force
    /// Without asking anybody.
    case takeOver
}

/// A failover that an administrator asked for, as the replica or its primary sees it.
struct ManualFailover: Sendable {
    enum Step: Equatable, Sendable {
        /// A replica: MFSTART is sent, the primary has not said yet at which offset it stopped.
        case awaitingOffset
        /// A replica: not all that the primary has written has arrived.
        case awaitingData(upTo: UInt64)
        /// A replica: has all, and may be elected.
        case standing
        /// A primary: its writers are being stopped for this replica.
        case stopping(for: NodeIndex)
        /// A primary: nothing has been written since `offset`.
        case stopped(for: NodeIndex, at: UInt64)
    }

    var step: Step
    let end: Instant

    /// The replica for which a primary stops.
    var replica: NodeIndex? {
        switch step {
        case .stopping(let replica), .stopped(let replica, _): replica
        case .awaitingOffset, .awaitingData, .standing: nil
        }
    }
}

extension ClusterState {
    /// CLUSTER FAILOVER, on the replica that is to take over.
    public mutating func failover(_ mode: FailoverMode, at now: Instant) throws(ClusterError) {
        self.now = now
        guard myself.isReplica else { throw .failoverOnPrimary }
        guard let primary = myself.replicaOf else { throw .primaryUnknown }
        let isReachable = !nodes[primary].isFailed && nodes[primary].outbound.map { links[$0].isConnected } ?? false
        guard isReachable || mode != .agreed else { throw .primaryDown }
        guard configuration.replicatesData else { throw .replicationUnavailable }

        endManualFailover()
        election = Election()
        switch mode {
        case .takeOver:
            log(.notice, "Taking over from node \(nodes[primary].id) without asking anybody, as an administrator says")
            _ = bumpEpochWithoutConsensus()
            takeOver(from: primary)
        case .force:
            log(.notice, "Standing for election against node \(nodes[primary].id), as an administrator says")
            beginManualFailover(.standing)
            deferred.election = true
        case .agreed:
            log(.notice, "Asking node \(nodes[primary].id) to stop its writers, as an administrator says")
            beginManualFailover(.awaitingOffset)
            if let link = nodes[primary].outbound { send(.manualFailoverStart, on: link) }
        }
    }

    /// Whether an election needs neither a dead primary nor a delay.
    var isElectionManual: Bool { manualFailover?.step == .standing }

    /// The offset at which this primary has stopped its writers.
    var frozenOffset: UInt64? {
        guard case .stopped(_, let offset) = manualFailover?.step else { return nil }
        return offset
    }

    private mutating func beginManualFailover(_ step: ManualFailover.Step) {
        manualFailover = ManualFailover(step: step, end: now + configuration.manualFailoverTimeout)
    }

    // MARK: The primary's side

    /// MFSTART, which only a replica of this node may say.
    mutating func receiveManualFailoverStart(from replica: NodeIndex) {
        // A replica that could not copy anything must not be handed the slots.
        guard configuration.replicatesData, myself.isPrimary, nodes[replica].replicaOf == .myself else { return }
        log(.notice, "Stopping the writers: replica \(nodes[replica].id) asks for a failover")
        endManualFailover()
        beginManualFailover(.stopping(for: replica))
        add(.pauseWrites(until: now + configuration.manualFailoverTimeout * 2))
    }

    /// The writers have stopped: only now may the headers say so, or the replica would miss what was still being written.
    mutating func writesPaused(at offset: UInt64) {
        guard case .stopping(let replica) = manualFailover?.step else { return }
        replicationOffset = offset
        manualFailover?.step = .stopped(for: replica, at: offset)
        pingWaitingReplica()
    }

    private mutating func pingWaitingReplica() {
        guard case .stopped(let replica, _) = manualFailover?.step, let link = nodes[replica].outbound else { return }
        sendHeartbeat(.ping, on: link)
    }

    // MARK: The replica's side

    /// The primary's header says that its writers have stopped.
    mutating func primaryPaused(_ header: BusHeader) {
        guard case .awaitingOffset = manualFailover?.step else { return }
        log(.notice, "The primary has stopped its writers at offset \(header.replicationOffset)")
        manualFailover?.step = .awaitingData(upTo: header.replicationOffset)
        standIfCaughtUp()
    }

    mutating func standIfCaughtUp() {
        guard case .awaitingData(let offset) = manualFailover?.step, replicationOffset >= offset else { return }
        log(.notice, "All of the primary's data is here: standing for election")
        manualFailover?.step = .standing
        election = Election()
        deferred.election = true
    }

    // MARK: Both sides

    /// Every tick.
    mutating func advanceManualFailover() {
        guard let failover = manualFailover else { return }
        if let replica = failover.replica, !nodes.contains(replica) || nodes[replica].replicaOf != .myself {
            return endManualFailover()
        }
        guard now <= failover.end else {
            log(.warning, "The manual failover has not come about in time")
            return endManualFailover()
        }
        pingWaitingReplica()
    }

    /// Nothing of it is left; a primary's writers go on, here or where they are sent.
    mutating func endManualFailover() {
        guard let failover = manualFailover else { return }
        manualFailover = nil
        if failover.replica != nil { add(.resumeWrites) }
        // The votes that were asked for by its leave are no longer asked for.
        if failover.step == .standing { election = Election() }
    }
}
