// Valkey 9's atomic slot migration: known by name, so that administrators are told in clear words that it is not there.

internal import Commands
internal import Protocol

enum AtomicMigrationCommands {
    static let all = [
        command(
            "migrateslots",
            "Moves slots to another node as a whole.",
            arity: .atLeast(4),
            syntax: "SLOTSRANGE <start> <end> [<start> <end> ...] NODE <node-id> [SLOTSRANGE ... NODE ...]"
        ),
        command("cancelslotmigrations", "Stops all moves of slots as a whole.", arity: .exactly(2)),
        command("getslotmigrations", "Shows the moves of slots as a whole.", arity: .exactly(2)),
        command("syncslots", "What nodes say to one another while slots move as a whole.", arity: .atLeast(3)),
    ]

    private static func command(
        _ name: String,
        _ summary: String,
        arity: Command.Arity,
        syntax: String = ""
    ) -> Command {
        Command(
            "cluster|\(name)",
            summary,
            arity: arity,
            flags: [.admin, .stale, .noAsyncLoading],
            group: .cluster,
            since: "9.0.0",
            place: .anywhere,
            syntax: syntax
        ) { call throws(CommandError) in
            try call.requireCluster()
            throw .text(
                "ERR This node does not move slots atomically. Use CLUSTER SETSLOT with MIGRATE, as redis-cli --cluster does."
            )
        }
    }
}
