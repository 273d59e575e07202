// Whom a heartbeat tells of: what the addressee has use for, and no more.
//
// Entries have four uses: they introduce nodes, they report who is suspected, they spare PINGs to nodes that somebody else has
// just heard of, and, over time, they mend whatever got lost. Redis and Valkey serve all four with a tenth of the nodes by
// chance and all suspected ones. Here, each has its own choice, and what serves none is left out (docs/cluster-scale.md).

/// What a node remembers of its gossip.
struct GossipMemory: Sendable {
    /// Where the round through all nodes has come to.
    var position = 0
    var suspectPosition = 0
    /// Nodes learnt of lately, and in how many heartbeats each is still to be mentioned.
    var news: [(index: NodeIndex, mentions: Int)] = []
    var audit = Audit()
    var allowance = HeartbeatAllowance()
}

extension ClusterState {
    /// How many entries a heartbeat has room for besides those of suspected nodes.
    private func room(for addressee: NodeIndex?) -> Int {
        let count = nodes.count
        // Someone who is new here has everything to learn.
        let isNew = addressee.map { now - nodes[$0].createdAt < configuration.nodeTimeout } ?? true
        return min(max(3, count / (isNew ? 10 : 25)), max(0, count - 2))
    }

    mutating func frugalGossip(for addressee: NodeIndex?) -> [GossipEntry] {
        heartbeatCount += 1
        var room = room(for: addressee)
        var suspectRoom = max(10, nodes.count / 25)
        // The others stay: an entry spares somebody a PING, which is as long as twenty.
        if gossip.allowance.isExhausted { suspectRoom = 10 }
        var entries: [GossipEntry] = []
        entries.reserveCapacity(room + min(suspectRoom, suspectedCount))
        if suspectedCount > 0 { addSuspects(atMost: suspectRoom, for: addressee, to: &entries) }
        room += entries.count
        addNews(upTo: room, for: addressee, to: &entries)
        addRound(upTo: room, for: addressee, to: &entries)
        return entries
    }

    /// Suspected nodes in turn: a majority's reports are gathered by the audit, what comes this way repeats them.
    private mutating func addSuspects(atMost limit: Int, for addressee: NodeIndex?, to entries: inout [GossipEntry]) {
        let candidates = nodes.indices
        for step in candidates.indices where entries.count < limit {
            let index = candidates[(gossip.suspectPosition + step) % candidates.count]
            guard nodes[index].isSuspected, index != addressee else { continue }
            mention(index, in: &entries)
            if entries.count == limit {
                gossip.suspectPosition = (gossip.suspectPosition + step + 1) % candidates.count
            }
        }
    }

    /// A node that is new is in every heartbeat for a while, so that their number doubles with each.
    private mutating func addNews(upTo limit: Int, for addressee: NodeIndex?, to entries: inout [GossipEntry]) {
        guard !gossip.news.isEmpty else { return }
        for place in gossip.news.indices where entries.count < limit && gossip.news[place].index != addressee {
            gossip.news[place].mentions -= 1
            mention(gossip.news[place].index, in: &entries)
        }
        gossip.news.removeAll { $0.mentions <= 0 }
    }

    /// The others in turn, as far as what we know of them is fresh enough to spare somebody a PING.
    private mutating func addRound(upTo limit: Int, for addressee: NodeIndex?, to entries: inout [GossipEntry]) {
        let candidates = nodes.indices
        let fresh = now - configuration.nodeTimeout / 4
        for _ in candidates.indices where entries.count < limit {
            gossip.position = (gossip.position + 1) % candidates.count
            let index = candidates[gossip.position]
            guard index != .myself, index != addressee, !nodes[index].isSuspected,
                nodes[index].lastGossip != heartbeatCount
            else { continue }
            let isUseful =
                nodes[index].isFailed || candidates.count < 30 || nodes[index].lastHeard.map { $0 > fresh } ?? false
            // What the addressee has told us itself it need not hear again.
            guard isUseful, addressee == nil || nodes[index].heardThrough != addressee else { continue }
            mention(index, in: &entries)
        }
    }

    private mutating func mention(_ index: NodeIndex, in entries: inout [GossipEntry]) {
        guard nodes[index].flags.isDisjoint(with: [.handshake, .withoutAddress]),
            nodes[index].lastGossip != heartbeatCount,
            nodes[index].outbound != nil || !nodes[index].slots.isEmpty
        else { return }
        nodes[index].lastGossip = heartbeatCount
        entries.append(gossipEntry(about: index))
    }

    /// A node that we did not know: the others may not know it either.
    mutating func spreadNews(of index: NodeIndex) {
        guard configuration.gossipRules == .frugal else { return }
        // The number of heartbeats in which news doubles until all of so many have it, twice over.
        let doublings = Int.bitWidth - nodes.count.leadingZeroBitCount
        gossip.news.append((index, 2 * doublings))
    }
}
