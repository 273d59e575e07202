// CLUSTER's answers to “what is”: nodes, slots, shards, links, put into RESP.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

enum ClusterViewCommands {
    static let all = [myID, myShardID, info, nodes, slots, shards, links]

    private static let flags: CommandFlags = [.loading, .stale]

    static let myID = Command(
        "cluster|myid",
        "Tells the node's name.",
        arity: .exactly(2),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        place: .cluster
    ) { call throws(CommandError) in
        call.reply.bulk(try call.clusterThread().state.myself.id.description)
    }

    static let myShardID = Command(
        "cluster|myshardid",
        "Tells the name of the node's shard: a primary and its replicas.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "7.2.0",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        call.reply.bulk(try call.clusterThread().state.myself.shard.description)
    }

    static let info = Command(
        "cluster|info",
        "Tells how the cluster is.",
        arity: .exactly(2),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        call.reply.verbatim(try call.clusterThread().state.infoText)
    }

    static let nodes = Command(
        "cluster|nodes",
        "Shows all nodes, one per line.",
        arity: .exactly(2),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        call.reply.verbatim(try call.clusterThread().nodesText(for: call.clientView))
    }

    static let slots = Command(
        "cluster|slots",
        "Shows which nodes serve which slots.",
        arity: .exactly(2),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        history: [
            "4.0.0": "Shows node identifiers.",
            "7.0.0": "Shows more about networking.",
            "9.1.0": "Shows `availability-zone` there.",
        ],
        complexity: "O(N) where N is the total number of Cluster nodes",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        let thread = try call.clusterThread()
        thread.replies.answer(call, at: thread.state.viewVersion(offsets: false)) { replySlots(call, thread.state) }
    }

    private static func replySlots(_ call: Call, _ state: ClusterState) {
        let ranges = state.slotRanges
        call.reply.array(ranges.count)
        for range in ranges {
            call.reply.array(2 + range.nodes.count)
            call.reply.integer(range.slots.lowerBound)
            call.reply.integer(range.slots.upperBound - 1)
            for node in range.nodes { replyNode(call, node, state.configuration.preferredEndpoint) }
        }
    }

    /// Where clients shall connect, and in the metadata what else the node is known by.
    private static func replyNode(_ call: Call, _ node: NodeEndpoint, _ preferred: EndpointType) {
        let (reply, view) = (call.reply, call.clientView)
        reply.array(4)
        if preferred == .unknown { reply.null() } else { reply.bulk(node.host(preferred, for: view)) }
        reply.integer(Int(node.port(for: view)))
        reply.bulk(node.id.description)
        var metadata: [(String, String)] = []
        if preferred != .ip { metadata.append(("ip", node.ip(for: view))) }
        let hostname = node.announcement.hostname
        if preferred != .hostname, !hostname.isEmpty { metadata.append(("hostname", hostname)) }
        let zone = node.announcement.availabilityZone
        if !zone.isEmpty { metadata.append(("availability-zone", zone)) }
        reply.map(metadata.count)
        for (name, value) in metadata {
            reply.bulk(name)
            reply.bulk(value)
        }
    }

    static let shards = Command(
        "cluster|shards",
        "Shows every primary with its replicas.",
        arity: .exactly(2),
        flags: .stale,
        group: .cluster,
        since: "7.0.0",
        history: ["9.1.0": "Shows the `id` of a shard and the `availability-zone` of a node."],
        complexity: "O(N) where N is the total number of cluster nodes",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        let thread = try call.clusterThread()
        thread.replies.answer(call, at: thread.state.viewVersion(offsets: true)) { replyShards(call, thread.state) }
    }

    private static func replyShards(_ call: Call, _ state: ClusterState) {
        let shards = state.shards
        call.reply.array(shards.count)
        for shard in shards {
            call.reply.map(3)
            call.reply.bulk("slots")
            call.reply.array(shard.slots.count * 2)
            for range in shard.slots {
                call.reply.integer(range.lowerBound)
                call.reply.integer(range.upperBound - 1)
            }
            call.reply.bulk("nodes")
            call.reply.array(shard.nodes.count)
            for node in shard.nodes { replyMember(call, node, state.configuration.preferredEndpoint) }
            call.reply.bulk("id")
            call.reply.bulk(shard.id.description)
        }
    }

    private static func replyMember(_ call: Call, _ node: NodeView, _ preferred: EndpointType) {
        let (reply, view, endpoint) = (call.reply, call.clientView, node.endpoint)
        let opening = reply.openArray()
        var pairs = 0
        func text(_ name: String, _ value: String) {
            reply.bulk(name)
            reply.bulk(value)
            pairs += 1
        }
        func number(_ name: String, _ value: Int) {
            reply.bulk(name)
            reply.integer(value)
            pairs += 1
        }
        text("id", endpoint.id.description)
        if endpoint.port != 0 { number("port", Int(endpoint.port(for: view))) }
        if endpoint.tlsPort != 0 { number("tls-port", Int(endpoint.tlsPort)) }
        text("ip", endpoint.ip(for: view))
        text("endpoint", endpoint.host(preferred, for: view))
        if !endpoint.announcement.hostname.isEmpty { text("hostname", endpoint.announcement.hostname) }
        text("role", node.isPrimary ? "master" : "replica")
        number("replication-offset", Int(clamping: node.replicationOffset))
        text("health", node.health.rawValue)
        let zone = endpoint.announcement.availabilityZone
        if !zone.isEmpty { text("availability-zone", zone) }
        reply.closeMap(opening, pairs: pairs)
    }

    static let links = Command(
        "cluster|links",
        "Shows the connections to other nodes.",
        arity: .exactly(2),
        flags: [.stale],
        group: .cluster,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        let thread = try call.clusterThread()
        let links = thread.state.linkViews
        call.reply.array(links.count)
        for link in links {
            let buffer = thread.sendBuffer(of: link.id)
            call.reply.map(6)
            call.reply.bulk("direction")
            call.reply.bulk(link.direction == .outbound ? "to" : "from")
            call.reply.bulk("node")
            call.reply.bulk(link.node.description)
            call.reply.bulk("create-time")
            call.reply.integer(link.createdAt.milliseconds)
            call.reply.bulk("events")
            call.reply.bulk(buffer.used > 0 ? "rw" : "r")
            call.reply.bulk("send-buffer-allocated")
            call.reply.integer(buffer.allocated)
            call.reply.bulk("send-buffer-used")
            call.reply.integer(buffer.used)
        }
    }
}
