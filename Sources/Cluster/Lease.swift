// How long a primary may take it for certain that nobody has been promoted in its place. docs/cluster-lease.md has the proof.

/// A majority of the primaries have heard from this one at known times; until the lease ends, none of them can have missed it
/// for the node timeout, and so no majority can have declared it dead.
struct Lease: Sendable {
    /// When it ends; nil: it needs none, because it owns nothing, or because nobody could be promoted without it.
    var end: Instant?
    /// Whether it was held since it was last not needed: to have lost it is worse than not to have it yet.
    var wasHeld = false
    /// Whether it was found to have ended, however short the gap, since the cluster's health was last looked at.
    var hasLapsed = false
    /// How many contacts it needed when they were last counted, and when they are to be counted again.
    var contactsNeeded = 0
    var countDue = Instant(milliseconds: .min)

    /// Every clock may run this much too fast or too slow against true time, in percent. The crystals of computers are wrong
    /// by 0.01 %, and a clock that is being corrected by 0.05 %.
    static let allowedDriftPercent = 1

    /// A lease is renewed by ticks of 100 ms: with a shorter node timeout it would end between two of them, and clients would be
    /// refused by a node that is well.
    static let leastNodeTimeout = Duration.milliseconds(500)

    /// How long after a contact it ends, on our clock, which may be slow, so that it has ended before the other side's, which
    /// may be fast, has counted the node timeout.
    static func duration(nodeTimeout: Duration) -> Duration {
        nodeTimeout * (100 - allowedDriftPercent) / (100 + allowedDriftPercent)
    }
}
