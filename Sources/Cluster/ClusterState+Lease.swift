// A primary that has lost the majority refuses its clients before the other side can have promoted anyone in its place.
//
// A contact is an answer to our own PING, and counts from when the PING was sent: at that time or later the other has heard
// from us, and suspects us no earlier than a node timeout after. So clocks need not agree, only run about equally fast.

extension ClusterState {
    /// Whether this node may serve clients as a primary, as far as the lease goes.
    var holdsLease: Bool { lease.end.map { now < $0 } ?? true }

    /// Counts the contacts, and makes new ones while there is time. Every tick.
    mutating func renewLease() {
        let former = lease.end
        let hadLease = holdsLease
        if !hadLease, lease.wasHeld { lease.hasLapsed = true }
        defer {
            lease.wasHeld = lease.end != nil && (lease.wasHeld || holdsLease)
            if lease.end != former { add(.renewLease(until: lease.end)) }
            if holdsLease != hadLease || !holdsLease { deferred.healthCheck = true }
        }
        // A primary without slots needs no lease, but with its first slot as many contacts as a voter more would: it keeps
        // them ready, or clients would be refused until they are made.
        let isVoter = myself.isVotingPrimary
        let needed = (electorate + (isVoter ? 0 : 1)) / 2
        guard myself.isPrimary, needed > 0, configuration.needsLease,
            configuration.nodeTimeout >= Lease.leastNodeTimeout
        else { return lease.end = nil }
        if !isVoter { lease.end = nil }
        let isUrgent = isVoter && (lease.end == nil || !holdsLease)
        // Among hundreds of voters that is too much for every tick, and a contact lasts for half a node timeout and more.
        guard now >= lease.countDue || needed != lease.contactsNeeded || isUrgent else { return }
        lease.countDue = now + configuration.nodeTimeout / 25
        lease.contactsNeeded = needed
        let voters = nodes.indices.filter { $0 != .myself && nodes[$0].isVotingPrimary }
        defer { seekContacts(among: voters, needed: needed) }
        guard isVoter else { return }
        let contacts = voters.compactMap { nodes[$0].contactedAt }.sorted(by: >)
        // Without enough contacts it ended before it began.
        let decisive = needed <= contacts.count ? contacts[needed - 1] : nil
        lease.end = decisive.map { $0 + Lease.duration(nodeTimeout: configuration.nodeTimeout) } ?? now
    }
}
