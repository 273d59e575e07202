// All commands of the server: the families that know only keys, and those that know the node.

internal import Commands

enum CommandFamilies {
    static let all: [[Command]] = [
        StringCommands.all, BitmapCommands.all, KeyCommands.all, ConnectionCommands.all, ClientCommands.all,
        TransactionCommands.all, ConfigCommands.all,
        InfoCommand.all, ObservationCommands.all, ServerCommands.all, CommandCommand.all, ClusterCommands.all,
        DebugCommands.all,
    ]
}

extension Call {
    /// The thread that runs the call.
    var executor: Executor { unsafe unsafeDowncast(host, to: Executor.self) }
    var node: Node { executor.node }
    var client: Client { unsafe executor.client.unsafelyUnwrapped }
}
