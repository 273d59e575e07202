// Valkey 9's atomic slot migration: known by name, so that administrators are told in clear words that it is not there.

internal import Commands
internal import Protocol

enum AtomicMigrationCommands {
    static let all = [
        command(
            "migrateslots",
            "Moves slots to another node as a whole.",
            arity: .atLeast(4),
            complexity: "O(N) where N is the number of slots named",
            syntax: """
                migration-group{slotsrange-token="SLOTSRANGE" range{<start-slot:integer> <end-slot:integer>}...
                node-token="NODE" <node-id>}...
                """
        ),
        command("cancelslotmigrations", "Stops all moves of slots as a whole.", arity: .exactly(2), complexity: moves),
        command("getslotmigrations", "Shows the moves of slots as a whole.", arity: .exactly(2), complexity: moves),
        command(
            "syncslots",
            "What nodes say to one another while slots move as a whole.",
            arity: .atLeast(3),
            standing: .system,
            complexity: "Depends on subcommand."
        ),
    ]

    private static let moves = "O(N) where N is the number of moves"

    private static func command(
        _ name: String,
        _ summary: String,
        arity: Command.Arity,
        standing: Command.Standing = .current,
        complexity: String,
        syntax: String = ""
    ) -> Command {
        Command(
            "cluster|\(name)",
            summary,
            arity: arity,
            flags: [.admin, .stale, .noAsyncLoading],
            group: .cluster,
            since: "9.0.0",
            standing: standing,
            complexity: complexity,
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
