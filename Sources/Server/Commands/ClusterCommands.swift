// CLUSTER and the commands of cluster clients: the state machine asked, told, and shown in RESP.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

enum ClusterCommands {
    static let all = [cluster, readonly, readwrite, asking]

    static let cluster = Command(
        "cluster",
        "Shows and steers the cluster.",
        group: .cluster,
        since: "3.0.0",
        helpSince: "5.0.0",
        subcommands: ClusterViewCommands.all + ClusterAdministrationCommands.all + ClusterSlotCommands.all
            + ClusterTopologyCommands.all
            + SlotStatsCommand.all + AtomicMigrationCommands.all
    )

    static let readonly = Command(
        "readonly",
        "Lets this connection read from replicas.",
        arity: .exactly(1),
        flags: [.loading, .stale, .fast],
        group: .cluster,
        since: "3.0.0",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        try call.requireCluster()
        call.client.isReadOnly = true
        call.reply.ok()
    }

    static let readwrite = Command(
        "readwrite",
        "Takes READONLY back.",
        arity: .exactly(1),
        flags: [.loading, .stale, .fast],
        group: .cluster,
        since: "3.0.0",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        try call.requireCluster()
        call.client.isReadOnly = false
        call.reply.ok()
    }

    static let asking = Command(
        "asking",
        "Lets the next command touch a slot that is being imported.",
        arity: .exactly(1),
        flags: .fast,
        group: .cluster,
        since: "3.0.0",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        try call.requireCluster()
        call.client.obstacles.insert(.asking)
        call.reply.ok()
    }
}

extension Call {
    func requireCluster() throws(CommandError) {
        guard node.isClusterEnabled else { throw .text("ERR This instance has cluster support disabled") }
    }

    /// The cluster's thread, which runs this call.
    func clusterThread() throws(CommandError) -> ClusterThread {
        guard let thread = node.clusterThread else {
            throw .text("ERR This instance has cluster support disabled")
        }
        return thread
    }

    /// How the client wants addresses shown.
    var clientView: ClientView { client.view }

    /// Does what the administrator says, and answers OK or with what is wrong about it.
    func administer(_ body: (ClusterThread) throws(ClusterError) -> Void) throws(CommandError) {
        let thread = try clusterThread()
        do throws(ClusterError) {
            try body(thread)
            reply.ok()
        } catch {
            reply.error("ERR \(error.text)")
        }
    }

    /// The slot that argument `index` names.
    func slot(_ index: Int) throws(ClusterError) -> Int {
        guard let slot = parseInteger(arguments[index]), slot >= 0, slot < Int64(slotCount) else {
            throw .invalidSlot
        }
        return Int(slot)
    }
}
