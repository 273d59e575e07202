// COMMAND: the command table, told to clients.

internal import Commands
internal import Protocol

enum CommandCommand {
    static let all = [command]

    static let flags: CommandFlags = [.loading, .stale]

    static let command = Command(
        replying: { call throws(CommandError) in
            let commands = call.node.table.named.values.sorted { $0.name < $1.name }
            call.reply.array(commands.count)
            for command in commands { replyInfo(call, command) }
        },
        "command",
        "Tells about all commands.",
        group: .server,
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands",
        categories: ["connection"],
        tips: ["nondeterministic_output_order"],
        helpSince: "5.0.0",
        helpCategories: ["connection"],
        subcommands: [count, info, docs, list, getKeys, getKeysAndFlags]
    )

    static let count = Command(
        "command|count",
        "Tells how many commands there are.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "2.8.13",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        call.reply.integer(call.node.table.named.count)
    }

    static let info = Command(
        "command|info",
        "Tells about some commands, or all.",
        arity: .atLeast(2),
        flags: flags,
        group: .server,
        since: "2.8.13",
        history: ["7.0.0": "Names may be left out: all commands."],
        complexity: "O(N) where N is the number of commands to look up",
        categories: ["connection"],
        tips: ["nondeterministic_output_order"],
        place: .anywhere,
        syntax: "[<command-name>...]"
    ) { call throws(CommandError) in
        let names = call.arguments.from(2).arrays.map { $0.text.lowercased() }
        let all = call.node.table.named.values.sorted { $0.name < $1.name }
        let chosen: [Command?] = names.isEmpty ? all : names.map { call.node.table.command(spelled: $0) }
        call.reply.array(chosen.count)
        for command in chosen {
            if let command { replyInfo(call, command) } else { call.reply.null() }
        }
    }

    static let docs = Command(
        "command|docs",
        "Tells what some commands are for, or all.",
        arity: .atLeast(2),
        flags: flags,
        group: .server,
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands to look up",
        categories: ["connection"],
        tips: ["nondeterministic_output_order"],
        place: .anywhere,
        syntax: "[<command-name>...]"
    ) { call throws(CommandError) in
        let names = call.arguments.from(2).arrays.map { $0.text.lowercased() }
        let all = call.node.table.named.values.sorted { $0.name < $1.name }
        let chosen = names.isEmpty ? all : names.compactMap { call.node.table.command(spelled: $0) }
        replyDocs(call.reply, chosen)
    }

    static let list = Command(
        "command|list",
        "Lists the names of commands.",
        arity: .atLeast(2),
        flags: flags,
        group: .server,
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        categories: ["connection"],
        tips: ["nondeterministic_output_order"],
        place: .anywhere,
        syntax: "[FILTERBY filterby(MODULE <module-name> | ACLCAT <category> | PATTERN <pattern:pattern>)]"
    ) { call throws(CommandError) in
        var chosen = call.node.table.named.flatMap { name, command in
            [(name: name, command: command)] + command.shownSubcommands.map { (name: $0.name, command: $0) }
        }
        if call.arguments.count == 5, call.arguments[2].isWord("FILTERBY") {
            let (kind, value) = (call.arguments[3], call.arguments[4])
            if kind.isWord("MODULE") {
                chosen = []
            } else if kind.isWord("ACLCAT") {
                let category = value.text.lowercased()
                chosen = chosen.filter { $0.command.categories.contains(category) }
            } else if kind.isWord("PATTERN") {
                chosen = chosen.filter { entry in
                    Array(entry.name.utf8).withBytes { globMatches(value, $0, ignoringCase: true) }
                }
            } else {
                throw .syntax
            }
        } else if call.arguments.count != 2 {
            throw .syntax
        }
        call.reply.array(chosen.count)
        for name in chosen.map(\.name).sorted() { call.reply.bulk(name) }
    }

    // MARK: Keys

    static let getKeys = Command(
        "command|getkeys",
        "Picks the keys out of a command line.",
        arity: .atLeast(4),
        flags: flags,
        group: .server,
        since: "2.8.13",
        complexity: "O(N) where N is the number of arguments to the command",
        categories: ["connection"],
        place: .anywhere,
        syntax: "<command> [<arg>...]"
    ) { call throws(CommandError) in
        let (command, line) = try lookedUp(call)
        let positions = command.allKeyPositions(in: line)
        guard !positions.isEmpty else { throw .text("ERR Invalid arguments specified for command") }
        call.reply.array(positions.count)
        for position in positions { call.reply.bulk(line[position]) }
    }

    static let getKeysAndFlags = Command(
        "command|getkeysandflags",
        "Picks the keys out of a command line, and what it does with them.",
        arity: .atLeast(4),
        flags: flags,
        group: .server,
        since: "7.0.0",
        complexity: "O(N) where N is the number of arguments to the command",
        categories: ["connection"],
        place: .anywhere,
        syntax: "<command> [<arg>...]"
    ) { call throws(CommandError) in
        let (command, line) = try lookedUp(call)
        let found = command.keys.filter { !$0.access.contains(.notKey) }
            .flatMap { keys in keys.positions(in: line).map { ($0, keys.access(in: line)) } }
        guard !found.isEmpty else { throw .text("ERR Invalid arguments specified for command") }
        call.reply.array(found.count)
        for (position, access) in found {
            call.reply.array(2)
            call.reply.bulk(line[position])
            call.reply.set(access.names.count)
            for name in access.names { call.reply.simple(name) }
        }
    }

    private static func lookedUp(_ call: Call) throws(CommandError) -> (Command, Arguments) {
        let line = call.arguments.from(2)
        guard let command = call.node.table.command(for: line) else {
            throw .text("ERR Invalid command specified")
        }
        guard !command.keys.isEmpty else { throw .text("ERR The command has no key arguments") }
        guard command.arity.allows(line.count) else {
            throw .text("ERR Invalid number of arguments specified for command")
        }
        return (command, line)
    }

    // MARK: Replies

    private static let categoryOrder = [
        "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
        "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
    ]

    private static func replyInfo(_ call: Call, _ command: Command) {
        let reply = call.reply
        reply.array(10)
        reply.bulk(command.name)
        reply.integer(command.arity.number)
        replySet(reply, command.flags.names)
        reply.integer(command.keyRange.first)
        reply.integer(command.keyRange.last)
        reply.integer(command.keyRange.step)
        replySet(reply, categoryOrder.filter { command.categories.contains($0) }.map { "@" + $0 })
        reply.set(command.tips.count)
        for tip in command.tips { reply.bulk(tip) }
        reply.set(command.keys.count)
        for specification in command.keys { replySpecification(reply, specification) }
        let subcommands = command.shownSubcommands
        if subcommands.isEmpty { reply.set(0) } else { reply.array(subcommands.count) }
        for subcommand in subcommands { replyInfo(call, subcommand) }
    }

    private static func replySet(_ reply: ReplyBuffer, _ names: [String]) {
        reply.set(names.count)
        for name in names { reply.simple(name) }
    }

    private static func replySpecification(_ reply: ReplyBuffer, _ specification: KeySpecification) {
        reply.map(3)
        reply.bulk("flags")
        replySet(reply, specification.access.names)
        reply.bulk("begin_search")
        switch specification.begin {
        case .index(let index): replyStep(reply, "index", [("index", index)])
        case .keyword(let word, let from):
            reply.map(2)
            reply.bulk("type")
            reply.bulk("keyword")
            reply.bulk("spec")
            reply.map(2)
            reply.bulk("keyword")
            reply.bulk(word)
            reply.bulk("startfrom")
            reply.integer(from)
        case .unknown: replyStep(reply, "unknown", [])
        }
        reply.bulk("find_keys")
        switch specification.find {
        case .range(let last, let step, let limit):
            replyStep(reply, "range", [("lastkey", last), ("keystep", step), ("limit", limit)])
        case .count(let index, let first, let step):
            replyStep(reply, "keynum", [("keynumidx", index), ("firstkey", first), ("keystep", step)])
        case .unknown: replyStep(reply, "unknown", [])
        }
    }

    private static func replyStep(_ reply: ReplyBuffer, _ type: StaticString, _ fields: [(StaticString, Int)]) {
        reply.map(2)
        reply.bulk("type")
        reply.bulk(type)
        reply.bulk("spec")
        reply.map(fields.count)
        for (name, value) in fields {
            reply.bulk(name)
            reply.integer(value)
        }
    }

    private static func replyDocs(_ reply: ReplyBuffer, _ commands: [Command]) {
        reply.map(commands.count)
        for command in commands {
            reply.bulk(command.name)
            replyDocs(reply, command)
        }
    }

    private static func replyDocs(_ reply: ReplyBuffer, _ command: Command) {
        var fields = Fields()
        fields.add("summary") { reply.bulk(command.summary) }
        fields.add("since") { reply.bulk(command.since) }
        fields.add("group") { reply.bulk(command.group.rawValue) }
        fields.add("complexity", nonEmpty: command.complexity) { reply.bulk($0) }
        switch command.standing {
        case .current: break
        case .system: fields.add("doc_flags") { replySet(reply, ["syscmd"]) }
        case .deprecated(let since, let successor):
            fields.add("doc_flags") { replySet(reply, ["deprecated"]) }
            fields.add("deprecated_since") { reply.bulk(since) }
            fields.add("replaced_by") { reply.bulk(successor) }
        }
        fields.add("history", nonEmpty: command.history) { replyHistory(reply, $0) }
        fields.add("arguments", nonEmpty: command.documentedArguments) { replyArguments(reply, $0) }
        fields.add("subcommands", nonEmpty: command.shownSubcommands) { replyDocs(reply, $0) }
        fields.write(to: reply)
    }

    private static func replyHistory(_ reply: ReplyBuffer, _ history: Command.History) {
        reply.set(history.count)
        for (version, change) in history {
            reply.array(2)
            reply.bulk(version)
            reply.bulk(change)
        }
    }

    private static func replyArguments(_ reply: ReplyBuffer, _ arguments: [CommandArgument]) {
        reply.array(arguments.count)
        for argument in arguments { replyArgument(reply, argument) }
    }

    private static func replyArgument(_ reply: ReplyBuffer, _ argument: CommandArgument) {
        var flags: [String] = []
        if argument.isOptional { flags.append("optional") }
        if argument.isMultiple { flags.append("multiple") }
        if argument.repeatsToken { flags.append("multiple_token") }
        var fields = Fields()
        fields.add("name") { reply.bulk(argument.name) }
        fields.add("type") { reply.bulk(argument.kind.rawValue) }
        fields.add("display_text", argument.display) { reply.bulk($0) }
        fields.add("key_spec_index", argument.keySpecification) { reply.integer($0) }
        fields.add("token", argument.token) { reply.bulk($0) }
        fields.add("since", argument.since) { reply.bulk($0) }
        fields.add("deprecated_since", argument.deprecatedSince) { reply.bulk($0) }
        fields.add("flags", nonEmpty: flags) { replySet(reply, $0) }
        fields.add("arguments", nonEmpty: argument.arguments) { replyArguments(reply, $0) }
        fields.write(to: reply)
    }
}

/// A map whose fields may be missing: how many there are is known before the first is written.
private struct Fields {
    private var all: [(name: StaticString, write: () -> Void)] = []

    mutating func add(_ name: StaticString, _ write: @escaping () -> Void) { all.append((name, write)) }

    mutating func add<Value>(_ name: StaticString, _ value: Value?, _ write: @escaping (Value) -> Void) {
        if let value { add(name) { write(value) } }
    }

    mutating func add<Values: Collection>(
        _ name: StaticString,
        nonEmpty values: Values,
        _ write: @escaping (Values) -> Void
    ) {
        if !values.isEmpty { add(name) { write(values) } }
    }

    func write(to reply: ReplyBuffer) {
        reply.map(all.count)
        for field in all {
            reply.bulk(field.name)
            field.write()
        }
    }
}
