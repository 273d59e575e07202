// A replica's attempt to take its primary's place: what it remembers of it, and the times that it keeps to.

/// One election, from the moment it is due until it is won, lost or void.
struct Election: Sendable {
    /// When votes are asked for, or were. It stays when nobody voted in time, so that the next attempt waits for its turn.
    var due: Instant?
    /// How many other replicas of the primary should be let go first: each costs a delay.
    var rank = 0
    /// How many other shards with a dead primary should be let go first: two requests in one epoch split the vote.
    var shardRank = 0
    /// Whether voters are asked not to look at whether the primary is dead.
    var isForced = false
    /// The epoch in which votes were asked for; nil as long as they were not.
    var epoch: UInt64?
    var requestedAt: Instant?
    /// Who has voted, each counted once.
    var voters: [NodeID] = []
    /// Why this node does not stand, as last logged.
    var obstacle: Obstacle?

    enum Obstacle: Sendable {
        case noFailover, noData, staleData
    }
}

extension ClusterConfiguration {
    /// How long votes are waited for.
    var electionTimeout: Duration { max(nodeTimeout * 2, .seconds(2)) }
    /// How long after an election was due the next may be.
    var electionRetryTime: Duration { electionTimeout * 2 }
    /// The unit of all delays before an election, Valkey 9.1's: a thirtieth of the node timeout, half a second at most.
    ///
    /// It gives FAIL the time to reach the voters, and one candidate the time to win before the next one asks.
    var electionStep: Duration { min(max(nodeTimeout / 30, .milliseconds(1)), .milliseconds(500)) }
}
