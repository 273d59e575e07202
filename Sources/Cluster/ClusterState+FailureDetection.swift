// Who is dead: a node suspects (PFAIL) whom it cannot reach, and holds for dead (FAIL) whom a majority suspects.

extension ClusterState {
    /// How many primaries with slots there are, dead ones too: the electorate.
    var electorate: Int { nodes.indices.count { nodes[$0].isVotingPrimary } }

    var quorum: Int { electorate / 2 + 1 }

    /// An answer to our PING: the node lives.
    mutating func receivePong(from index: NodeIndex, on link: LinkID) {
        if !links[link].unansweredSince.isEmpty {
            noteContact(with: index, at: links[link].unansweredSince.removeFirst())
        }
        nodes[index].pongReceived = now
        nodes[index].heardThrough = nil
        nodes[index].pingSent = nil
        if nodes[index].isSuspected {
            nodes[index].flags.remove(.suspected)
            deferred.save = true
            deferred.healthCheck = true
        } else if nodes[index].isFailed {
            clearFailure(of: index)
        }
    }

    /// A primary whose slots a replica may be about to take over stays dead for twice the node timeout, so that all who
    /// voted to replace it see the same; whoever owns nothing is alive again as soon as it answers.
    private mutating func clearFailure(of index: NodeIndex) {
        let node = nodes[index]
        let isSettled = node.failedAt.map { now - $0 > configuration.nodeTimeout * 2 } ?? true
        guard !node.isVotingPrimary || isSettled else { return }
        nodes[index].flags.remove(.failed)
        log(.notice, "Node \(node.id) is reachable again: it is not held for dead any more")
        deferred.save = true
        deferred.healthCheck = true
    }

    mutating func suspect(_ index: NodeIndex) {
        nodes[index].flags.insert(.suspected)
        log(.verbose, "Node \(nodes[index].id) has not answered in time: suspecting it (PFAIL)")
        gossip.audit.untold.append(index)
        deferred.healthCheck = true
        deferred.view = true
        // A majority may have reported it already, while we still could reach it.
        if myself.isVotingPrimary { failIfQuorum(index) }
    }

    /// What a voting primary says about another node.
    mutating func note(isFailing: Bool, _ index: NodeIndex, reportedBy reporter: NodeIndex) {
        let known = nodes[index].failureReports.firstIndex { $0.reporter == reporter }
        guard isFailing else {
            if let known { nodes[index].failureReports.remove(at: known) }
            return
        }
        if let known {
            nodes[index].failureReports[known].time = now
        } else {
            nodes[index].failureReports.append(FailureReport(reporter: reporter, time: now))
            log(.verbose, "Node \(nodes[reporter].id) reports node \(nodes[index].id) as not reachable")
        }
        failIfQuorum(index)
    }

    /// How many others say so, not counting what they have not repeated for twice the node timeout.
    mutating func failureReportCount(of index: NodeIndex) -> Int {
        let validity = configuration.nodeTimeout * 2
        nodes[index].failureReports.removeAll { now - $0.time > validity }
        return nodes[index].failureReports.count
    }

    private mutating func failIfQuorum(_ index: NodeIndex) {
        guard nodes[index].isSuspected, !nodes[index].isFailed else { return }
        let votes = failureReportCount(of: index) + (myself.isVotingPrimary ? 1 : 0)
        guard votes >= quorum else { return }
        log(.notice, "Node \(nodes[index].id) is dead (FAIL): \(votes) of \(electorate) primaries say so")
        fail(index)
    }

    /// Holds the node for dead, and tells everyone.
    mutating func fail(_ index: NodeIndex) {
        markFailed(index)
        broadcast(.fail(nodes[index].id))
    }

    /// Another member has counted a majority.
    mutating func receiveFailure(of id: NodeID, from sender: NodeID) {
        guard let index = nodes.index(of: id), index != .myself, !nodes[index].isInHandshake, !nodes[index].isFailed
        else { return }
        log(.notice, "Node \(id) is dead (FAIL), says node \(sender)")
        markFailed(index)
    }

    private mutating func markFailed(_ index: NodeIndex) {
        nodes[index].flags.remove(.suspected)
        nodes[index].flags.insert(.failed)
        nodes[index].failedAt = now
        deferred.save = true
        deferred.healthCheck = true
        if index == myself.replicaOf { deferred.election = true }
    }
}
