// CLUSTER's changes of membership and epochs.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

enum ClusterAdministrationCommands {
    static let all = [
        meet, forget, reset, replicate, failover, replicas, slaves, failureReports, saveConfig, setConfigEpoch,
        bumpEpoch,
    ]

    private static let flags: CommandFlags = [.admin, .stale, .noAsyncLoading]

    static let meet = Command(
        "cluster|meet",
        "Shakes hands with a node, so that both clusters become one.",
        arity: .atLeast(4),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        history: ["4.0.0": "Takes `cluster-bus-port`."],
        place: .cluster,
        syntax: "<ip> <port:integer> [<cluster-bus-port:integer@4.0.0>]"
    ) { call throws(CommandError) in
        let arguments = call.arguments
        guard arguments.count <= 5 else { return call.replySubcommandSyntax() }
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.meet(
                ip: arguments[2].text,
                port: arguments[3].text,
                busPort: arguments.count == 5 ? arguments[4].text : nil,
                at: thread.now
            )
        }
    }

    static let forget = Command(
        "cluster|forget",
        "Removes a node from this node's view; EVERYWHERE stays at it until all members have been told.",
        arity: .atLeast(3),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        place: .cluster,
        syntax: "<node-id> [EVERYWHERE]"
    ) { call throws(CommandError) in
        let everywhere = call.arguments.count == 4
        guard call.arguments.count <= 4 else { throw .wrongArity }
        guard !everywhere || call.arguments[3].isWord("EVERYWHERE") else { throw .syntax }
        let name = call.arguments[2].text
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.forget(name, everywhere: everywhere, at: thread.now)
        }
    }

    static let reset = Command(
        "cluster|reset",
        "Leaves the cluster.",
        arity: .atLeast(2),
        flags: [.admin, .noscript, .stale],
        group: .cluster,
        since: "3.0.0",
        complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
        place: .cluster,
        syntax: "[reset-type(HARD | SOFT)]"
    ) { call throws(CommandError) in
        var isHard = false
        switch call.arguments.count {
        case 2: break
        case 3 where call.arguments[2].isWord("SOFT"): break
        case 3 where call.arguments[2].isWord("HARD"): isHard = true
        case 3: throw .syntax
        default: return call.replySubcommandSyntax()
        }
        let hasKeys = call.node.hasKeys
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.reset(hard: isHard, hasKeys: hasKeys, at: thread.now)
        }
    }

    static let replicate = Command(
        "cluster|replicate",
        "Makes this node the replica of a primary, or of none.",
        arity: .atLeast(3),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        history: ["9.0.0": "Takes `NO ONE`: the replica becomes a primary without slots."],
        place: .cluster,
        syntax: "args(<node-id> | no-one@9.0.0{NO ONE})"
    ) { call throws(CommandError) in
        let arguments = call.arguments
        let isNoOne = arguments.count == 4 && arguments[2].isWord("NO") && arguments[3].isWord("ONE")
        guard arguments.count == 3 || isNoOne else { return call.replySubcommandSyntax() }
        let hasKeys = call.node.hasKeys
        try call.administer { (thread) throws(ClusterError) in
            guard !isNoOne else { return thread.state.replicateNoOne(at: thread.now) }
            try thread.state.replicate(arguments[2].text, hasKeys: hasKeys, at: thread.now)
        }
    }

    static let failover = Command(
        "cluster|failover",
        "Makes this replica the primary in its primary's place.",
        arity: .atLeast(2),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        place: .cluster,
        syntax: "[options(FORCE | TAKEOVER)]"
    ) { call throws(CommandError) in
        var mode = FailoverMode.agreed
        switch call.arguments.count {
        case 2: break
        case 3 where call.arguments[2].isWord("FORCE"): mode = .force
        case 3 where call.arguments[2].isWord("TAKEOVER"): mode = .takeOver
        case 3: throw .syntax
        default: return call.replySubcommandSyntax()
        }
        try call.administer { (thread) throws(ClusterError) in try thread.state.failover(mode, at: thread.now) }
    }

    private static func replyReplicas(_ call: Call) throws(CommandError) {
        let (thread, view) = (try call.clusterThread(), call.clientView)
        do throws(ClusterError) {
            let replicas = try thread.state.replicas(of: call.arguments[2].text)
            call.reply.array(replicas.count)
            for replica in replicas { call.reply.bulk(thread.state.nodeText(replica, for: view)) }
        } catch {
            call.reply.error("ERR \(error.text)")
        }
    }

    static let replicas = Command(
        "cluster|replicas",
        "Shows the replicas of a primary.",
        arity: .exactly(3),
        flags: [.admin, .stale],
        group: .cluster,
        since: "5.0.0",
        tips: ["nondeterministic_output"],
        place: .cluster,
        syntax: "<node-id>"
    ) { call throws(CommandError) in try replyReplicas(call) }

    static let slaves = Command(
        "cluster|slaves",
        "Shows the replicas of a primary; the old name of REPLICAS.",
        arity: .exactly(3),
        flags: [.admin, .stale],
        group: .cluster,
        since: "3.0.0",
        standing: .deprecated(since: "5.0.0", replacedBy: "`CLUSTER REPLICAS`"),
        tips: ["nondeterministic_output"],
        place: .cluster,
        syntax: "<node-id>"
    ) { call throws(CommandError) in try replyReplicas(call) }

    static let failureReports = Command(
        "cluster|count-failure-reports",
        "Tells how many nodes report a node as failing.",
        arity: .exactly(3),
        flags: [.admin, .stale],
        group: .cluster,
        since: "3.0.0",
        complexity: "O(N) where N is the number of failure reports",
        tips: ["nondeterministic_output"],
        place: .cluster,
        syntax: "<node-id>"
    ) { call throws(CommandError) in
        let thread = try call.clusterThread()
        do throws(ClusterError) {
            call.reply.integer(try thread.state.countFailureReports(of: call.arguments[2].text, at: thread.now))
        } catch {
            call.reply.error("ERR \(error.text)")
        }
    }

    static let saveConfig = Command(
        "cluster|saveconfig",
        "Writes nodes.conf, and waits until it is on disk.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        place: .cluster
    ) { call throws(CommandError) in
        try call.administer { (thread) throws(ClusterError) in thread.state.saveConfiguration() }
    }

    static let setConfigEpoch = Command(
        "cluster|set-config-epoch",
        "Gives a new node its epoch.",
        arity: .exactly(3),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        place: .cluster,
        syntax: "<config-epoch:integer>"
    ) { call throws(CommandError) in
        let epoch = try call.integer(2)
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.setConfigEpoch(epoch, at: thread.now)
        }
    }

    static let bumpEpoch = Command(
        "cluster|bumpepoch",
        "Raises the node's epoch above all others.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        tips: ["nondeterministic_output"],
        place: .cluster
    ) { call throws(CommandError) in
        let thread = try call.clusterThread()
        switch thread.state.bumpEpoch(at: thread.now) {
        case .bumped(let epoch): call.reply.simple("BUMPED \(epoch)")
        case .still(let epoch): call.reply.simple("STILL \(epoch)")
        }
    }
}
