// How a majority's reports about a dead node come together: those who suspect it tell a few auditors at once.
//
// By gossip alone, somebody has to hear from a majority by chance, which takes the longer the more nodes there are, and longer
// than reports are valid when many die at a time. The auditors are the voting primaries with the smallest names that seem
// alive, so that all choose the same; they need not know that they are: what they get is a PONG with gossip, which any peer
// counts, and the first that has a majority tells everyone, as ever.

/// Who is to be told of which suspicions.
struct Audit: Sendable {
    static let auditorCount = 3
    /// So many entries are 10 kB: as long as a heartbeat of Redis in a cluster of a thousand.
    static let entryLimit = 100

    /// Suspected nodes that the auditors do not know of yet.
    var untold: [NodeIndex] = []
    var auditors: [NodeIndex] = []
    var lastRepetition: Instant?
}

extension ClusterState {
    /// At every tick.
    mutating func tellAuditors() {
        guard configuration.gossipRules == .frugal, suspectedCount > 0 || !gossip.audit.untold.isEmpty,
            nodes[.myself].isVotingPrimary, isVouched
        else { return }
        let auditors = chooseAuditors()
        let isStale = gossip.audit.lastRepetition.map { now - $0 > configuration.nodeTimeout } ?? true
        if auditors != gossip.audit.auditors || isStale {
            // Reports are valid for twice the timeout; and who becomes an auditor knows nothing yet.
            gossip.audit.auditors = auditors
            gossip.audit.lastRepetition = now
            gossip.audit.untold = nodes.indices.filter { nodes[$0].isSuspected }
        }
        gossip.audit.untold.removeAll { !nodes.contains($0) || !nodes[$0].isSuspected }
        guard !gossip.audit.untold.isEmpty, !gossip.allowance.isExhausted else { return }
        let told = gossip.audit.untold.prefix(Audit.entryLimit)
        let entries = told.map(gossipEntry(about:))
        gossip.audit.untold.removeFirst(told.count)
        for auditor in auditors {
            if let link = nodes[auditor].outbound { send(.pong, with: entries, on: link, to: auditor) }
        }
    }

    private func chooseAuditors() -> [NodeIndex] {
        var chosen: [NodeIndex] = []
        for index in nodes.indices where index != .myself && nodes[index].isVotingPrimary {
            guard nodes[index].flags.isDisjoint(with: [.suspected, .failed]), nodes[index].outbound != nil else {
                continue
            }
            let place = chosen.firstIndex { nodes[index].id < nodes[$0].id } ?? chosen.count
            guard place < Audit.auditorCount else { continue }
            chosen.insert(index, at: place)
            if chosen.count > Audit.auditorCount { chosen.removeLast() }
        }
        return chosen
    }
}
