// When a reply about the cluster may be given again: as long as nothing has changed that it shows.

/// What a view of the cluster was made from. Equal versions of one node give equal views.
public struct ViewVersion: Equatable, Sendable {
    /// Counts what changed about roles, slots, addresses, failures, epochs and the configuration.
    let structure: UInt64
    /// Counts nodes that came and went, strangers in handshake included.
    let membership: UInt64
    /// Counts news of replication offsets; 0 for views that do not show them.
    let offsets: UInt64
}

extension ClusterState {
    /// The version of what CLUSTER SLOTS shows, and with `offsets` of what CLUSTER SHARDS shows; nil while changes are not
    /// settled, so that a view is of no use for a second time.
    public func viewVersion(offsets: Bool) -> ViewVersion? {
        guard !deferred.changesViews else { return nil }
        return ViewVersion(
            structure: structureCount,
            membership: nodes.membershipCount,
            offsets: offsets ? offsetCount : 0
        )
    }

    /// Takes down an offset. Whether there is one at all is more than a number: a replica without is of no use to clients.
    mutating func noteOffset(_ offset: UInt64, of index: NodeIndex) {
        let former = nodes[index].replicationOffset
        guard offset != former else { return }
        nodes[index].replicationOffset = offset
        offsetCount += 1
        if offset == 0 || former == 0 { deferred.view = true }
    }
}

/// The lines of CLUSTER NODES, of which only the times and the epoch are written anew each time.
///
/// With a thousand nodes, heartbeats change some times every few milliseconds; slots, addresses and flags they do not.
public struct NodesTextCache: Sendable {
    private struct Line {
        let index: NodeIndex
        let head: String
        let tail: String
    }

    private var version: ViewVersion?
    private var client: ClientView?
    private var lines: [Line] = []

    public init() {}

    /// CLUSTER NODES, as `ClusterState.nodesText(for:)` has it.
    public mutating func text(of state: ClusterState, for client: ClientView) -> String {
        guard let version = state.viewVersion(offsets: false) else { return state.nodesText(for: client) }
        if version != self.version || client != self.client {
            (self.version, self.client) = (version, client)
            lines = state.nodes.indices.map { index in
                let entry = state.entry(for: index)
                return Line(
                    index: index,
                    head: entry.head(address: state.address(of: index, for: client)),
                    tail: entry.tail
                )
            }
        }
        var text = ""
        text.reserveCapacity(lines.count * 160)
        for line in lines {
            text += line.head
            text += state.times(of: line.index).text
            text += line.tail
            text += "\n"
        }
        return text
    }
}
