// Cheap news of the topology for cluster clients: an extension of Apus, which the real servers do not have.

internal import Cluster
internal import Commands
internal import Protocol

enum ClusterTopologyCommands {
    static let all = [subscribe, unsubscribe]

    private static let flags: CommandFlags = [.noscript, .loading, .stale]

    static let subscribe = Command(
        "cluster|subscribe-topology",
        "Answers the topology's hash, and pushes a notice whenever it changes.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "9.1.0",
        place: .anywhere
    ) { call throws(CommandError) in
        try call.requireCluster()
        guard call.client.version == 3 else {
            throw .text("ERR CLUSTER SUBSCRIBE-TOPOLOGY pushes its notices, which needs RESP3: HELLO 3 comes first")
        }
        guard let map = call.node.slotMaps.map else { return call.reply.bulk("") }
        call.node.subscribeToTopology(call.client, knowing: map.topologyHash)
        call.reply.bulk(map.topologyText)
    }

    static let unsubscribe = Command(
        "cluster|unsubscribe-topology",
        "Ends the notices of CLUSTER SUBSCRIBE-TOPOLOGY.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "9.1.0",
        place: .anywhere
    ) { call throws(CommandError) in
        try call.requireCluster()
        call.node.unsubscribeFromTopology(call.client)
        call.reply.ok()
    }
}
