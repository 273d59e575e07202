// Whether the cluster as a whole serves clients, as far as this node can see.

/// What the answer hangs on besides the nodes: when it was last asked and bad.
struct HealthClock: Sendable {
    var firstCheck: Instant?
    /// When this node last saw itself with less than a majority.
    var lastMinority: Instant?
}

extension ClusterState {
    /// A node that starts lets others tell it what has changed before it accepts writes, or votes.
    private static let startDelay = Duration.seconds(2)

    /// Whether the others have had the time to tell this node what has changed while it was away.
    var hasListenedSinceStart: Bool { healthClock.firstCheck.map { now - $0 >= ClusterState.startDelay } ?? false }

    mutating func updateHealth() {
        deferred.healthCheck = false
        if healthClock.firstCheck == nil { healthClock.firstCheck = now }
        if myself.isPrimary, health == .fail, !hasListenedSinceStart { return }

        var isOK = true
        if configuration.requiresFullCoverage {
            let isServed = nodes.indices.allSatisfy { !nodes[$0].isFailed || nodes[$0].slots.isEmpty }
            isOK = slots.assignedCount == Slot.count && isServed
        }
        let reachable = nodes.indices.count {
            nodes[$0].isVotingPrimary && nodes[$0].flags.isDisjoint(with: [.failed, .suspected])
        }
        let isOutOfTouch = reachable < quorum || lease.hasLapsed
        lease.hasLapsed = false
        if isOutOfTouch { healthClock.lastMinority = now }
        // One that has just become a primary has no contacts yet, but has not been out of touch either.
        if isOutOfTouch || !holdsLease { isOK = false }
        guard isOK != (health == .ok) else { return }
        if isOK, myself.isPrimary, let lastMinority = healthClock.lastMinority {
            // Back from a minority, others may have taken over its slots: it listens for a while before it serves them.
            let rejoinDelay = min(max(configuration.nodeTimeout, .milliseconds(500)), .seconds(5))
            guard now - lastMinority >= rejoinDelay else { return }
        }
        health = isOK ? .ok : .fail
        log(.warning, "Cluster state changed: \(isOK ? "ok" : "fail")")
        deferred.slotMap = true
    }
}
