// All commands of the server: the families that know only keys, and those that know the node.

internal import Commands
internal import Keyspace

enum CommandFamilies {
    static let all: [[Command]] = [
        StringCommands.all,
        BitmapCommands.all,
        ListCommands.all,
        SetCommands.all,
        SortedSetCommands.all,
        HashCommands.all,
        HashImportCommands.all,
        GeoCommands.all,
        HyperLogLogCommands.all,
        StreamCommands.all,
        KeyCommands.all,
        SortCommands.all,
        ConnectionCommands.all,
        ClientCommands.all,
        TransactionCommands.all,
        ConfigCommands.all,
        MigrateCommand.all,
        BackupCommands.all,
        InfoCommand.all,
        ObservationCommands.all,
        ServerCommands.all,
        CommandCommand.all,
        ClusterCommands.all,
        DebugCommands.all,
    ]
}

extension Call {
    /// The thread that runs the call.
    var executor: Executor { unsafe unsafeDowncast(host, to: Executor.self) }
    var node: Node { executor.node }
    /// The executor of the shard that holds `key`, which must be within reach.
    func executor(at key: Key) -> Executor {
        executor.holdsEverything ? node.executor(ofSlot: key.slot) : executor
    }
    var client: Client { unsafe executor.client.unsafelyUnwrapped }
}
