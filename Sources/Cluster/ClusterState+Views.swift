// What CLUSTER NODES, INFO, SLOTS, SHARDS and LINKS show. How it is put into RESP is the commands' affair.

/// A run of slots with one owner, and who serves it.
public struct SlotRangeView: Equatable, Sendable {
    public let slots: Range<Int>
    /// The primary, then its replicas.
    public let nodes: [NodeEndpoint]
}

public struct ShardView: Equatable, Sendable {
    public let id: ShardID
    public let slots: [Range<Int>]
    public let nodes: [NodeView]
}

/// One node of CLUSTER SHARDS.
public struct NodeView: Equatable, Sendable {
    public enum Health: String, Sendable { case online, fail, loading }

    public let endpoint: NodeEndpoint
    public let isPrimary: Bool
    public let replicationOffset: UInt64
    public let health: Health
}

/// One link of CLUSTER LINKS; whoever holds its socket knows what waits to be sent.
public struct LinkView: Equatable, Sendable {
    public let id: LinkID
    public let direction: ClusterLink.Direction
    public let node: NodeID
    public let createdAt: Instant
    public let isConnected: Bool
}

extension ClusterState {
    /// CLUSTER NODES: one line per node, each closed by LF.
    public func nodesText(for client: ClientView) -> String {
        nodes.indices.map { nodeText($0, for: client) + "\n" }.joined()
    }

    /// The line of one node, as CLUSTER REPLICAS shows it too.
    public func nodeText(_ index: NodeIndex, for client: ClientView) -> String {
        entry(for: index).line(address: address(of: index, for: client))
    }

    func address(of index: NodeIndex, for client: ClientView) -> String {
        let endpoint = nodes[index].endpoint
        let address = "\(endpoint.ip(for: client)):\(endpoint.port(for: client))@\(nodes[index].busPort)"
        let hostname = endpoint.announcement.hostname
        return hostname.isEmpty ? address : "\(address),\(hostname)"
    }

    /// CLUSTER SLOTS: ascending runs of slots with equal owner.
    public var slotRanges: [SlotRangeView] {
        var views: [SlotRangeView] = []
        // A replica that has nothing yet, or is dead, is of no use to a client.
        let useful = nodes.indices.filter { nodes[$0].isReplica && !nodes[$0].isFailed && offset(of: $0) != 0 }
        let replicas = Dictionary(grouping: useful) { nodes[$0].replicaOf }
        var start = 0
        while start < Slot.count {
            let owner = slots.owner(of: start)
            var end = start + 1
            while end < Slot.count, slots.owner(of: end) == owner { end += 1 }
            if let owner {
                let members = [owner] + replicas[owner, default: []]
                views.append(SlotRangeView(slots: start..<end, nodes: members.map { nodes[$0].endpoint }))
            }
            start = end
        }
        return views
    }

    /// CLUSTER SHARDS: one shard per shard id, also where its primary is gone; in the order in which they became known.
    public var shards: [ShardView] {
        var order: [ShardID] = []
        var members: [ShardID: [NodeIndex]] = [:]
        for index in nodes.indices where !nodes[index].isInHandshake {
            let shard = nodes[index].shard
            if members[shard] == nil { order.append(shard) }
            members[shard, default: []].append(index)
        }
        return order.map { shard in
            let members = members[shard] ?? []
            let slots = members.reduce(into: SlotSet()) { $0.formUnion(nodes[$1].slots) }
            return ShardView(id: shard, slots: slots.ranges, nodes: members.map(nodeView))
        }
    }

    private func nodeView(_ index: NodeIndex) -> NodeView {
        let node = nodes[index]
        let isLoading = node.isReplica && offset(of: index) == 0
        return NodeView(
            endpoint: node.endpoint,
            isPrimary: node.isPrimary,
            replicationOffset: offset(of: index),
            health: node.isFailed ? .fail : isLoading ? .loading : .online
        )
    }

    private func offset(of index: NodeIndex) -> UInt64 {
        index == .myself ? replicationOffset : nodes[index].replicationOffset
    }

    /// CLUSTER LINKS: those whose node is known.
    public var linkViews: [LinkView] {
        links.links.compactMap { link in
            guard let node = link.node else { return nil }
            return LinkView(
                id: link.id,
                direction: link.direction,
                node: nodes[node].id,
                createdAt: link.createdAt,
                isConnected: link.isConnected
            )
        }
    }

    /// CLUSTER INFO, with CRLF after every line.
    public var infoText: String {
        var text = ""
        func add(_ name: String, _ value: some CustomStringConvertible) { text += "\(name):\(value)\r\n" }
        func slotCount(_ flag: NodeFlags) -> Int {
            nodes.indices.reduce(0) { $0 + (nodes[$1].flags.contains(flag) ? nodes[$1].slots.count : 0) }
        }
        func nodeCount(_ flag: NodeFlags, voting: Bool) -> Int {
            nodes.indices.count { nodes[$0].flags.contains(flag) && (!voting || nodes[$0].isVotingPrimary) }
        }
        let (suspected, failed) = (slotCount(.suspected), slotCount(.failed))
        add("cluster_state", health == .ok ? "ok" : "fail")
        add("cluster_slots_assigned", slots.assignedCount)
        add("cluster_slots_ok", slots.assignedCount - suspected - failed)
        add("cluster_slots_pfail", suspected)
        add("cluster_slots_fail", failed)
        add("cluster_nodes_pfail", nodeCount(.suspected, voting: false))
        add("cluster_nodes_fail", nodeCount(.failed, voting: false))
        add("cluster_voting_nodes_pfail", nodeCount(.suspected, voting: true))
        add("cluster_voting_nodes_fail", nodeCount(.failed, voting: true))
        add("cluster_known_nodes", nodes.count)
        add("cluster_size", electorate)
        add("cluster_current_epoch", currentEpoch)
        add("cluster_my_epoch", (myself.replicaOf.map { nodes[$0] } ?? myself).configEpoch)
        for (direction, counts) in [("sent", statistics.sent), ("received", statistics.received)] {
            for type in BusMessageType.allCases where counts[Int(type.rawValue)] > 0 {
                add("cluster_stats_messages_\(type.name)_\(direction)", counts[Int(type.rawValue)])
            }
            add("cluster_stats_messages_\(direction)", counts.reduce(0, +))
        }
        add("cluster_stats_bytes_sent", statistics.bytesSent)
        add("cluster_stats_bytes_received", statistics.bytesReceived)
        add("cluster_stats_pubsub_bytes_sent", statistics.pubsubBytesSent)
        add("cluster_stats_pubsub_bytes_received", statistics.pubsubBytesReceived)
        add("cluster_stats_module_bytes_sent", statistics.moduleBytesSent)
        add("cluster_stats_module_bytes_received", statistics.moduleBytesReceived)
        add("total_cluster_links_buffer_limit_exceeded", statistics.overflowedLinks)
        add("cluster_topology_hash", topologyText)
        add("cluster_forget_pending", pendingDismissalCount)
        for (name, value) in trafficFields { add(name, value) }
        return text
    }
}
