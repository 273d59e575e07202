// Consumer groups of streams: made, moved to another id, and removed; and so their consumers.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xgroup = Command(
        "xgroup",
        "A container for commands about consumer groups.",
        group: .stream,
        since: "5.0.0",
        helpCategories: ["stream"],
        subcommands: [create, setid, destroy, createconsumer, delconsumer]
    )

    private static let create = Command(
        "xgroup|create",
        "Makes a group that begins to read behind an id.",
        arity: .atLeast(5),
        keys: .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom],
        group: .stream,
        since: "5.0.0",
        history: ["7.0.0": "Takes `ENTRIESREAD`."],
        categories: ["stream"],
        syntax: """
            <key:key> <group> id-selector(<id> | new-id="$") [MKSTREAM] [ENTRIESREAD <entriesread=entries-read:integer>]
            """
    ) { call throws(CommandError) in
        let options = try GroupOptions(call, mayMakeStream: true)
        let key = call.key(2)
        let present = try call.find(key, as: StreamValue.self)
        guard present != nil || options.makesStream else { throw keyIsRequired }
        guard call.arguments.count <= 8 else { throw .subcommandSyntax }
        let start = call.arguments[4].isOnly("$") ? present?.state.lastID ?? .zero : try call.streamID(4)
        if present?.group(named: call.arguments[3]) != nil {
            throw .text("BUSYGROUP Consumer Group name already exists")
        }

        let value = present ?? call.make(key, as: StreamValue.self)
        value.addGroup(call.arguments[3], lastID: start, entriesRead: options.entriesRead)
        if present == nil { call.didChange(key) } else { call.noteChange(ofKeyAt: 2) }
        call.reply.ok()
    }

    private static let setid = Command(
        "xgroup|setid",
        "Has a group go on behind an id.",
        arity: .atLeast(5),
        keys: .one(at: 2, [.readWrite, .update]),
        flags: [.write],
        group: .stream,
        since: "5.0.0",
        history: ["7.0.0": "Takes `ENTRIESREAD`."],
        categories: ["stream"],
        syntax: """
            <key:key> <group> id-selector(<id> | new-id="$") [ENTRIESREAD <entriesread=entries-read:integer>]
            """
    ) { call throws(CommandError) in
        let options = try GroupOptions(call, mayMakeStream: false)
        let (value, group) = try presentGroup(call)
        guard call.arguments.count <= 7 else { throw .subcommandSyntax }
        let start = call.arguments[4].isOnly("$") ? value.state.lastID : try call.streamIDOrEnd(4)
        (group.lastID, group.entriesRead) = (start, options.entriesRead)
        call.noteChange(ofKeyAt: 2)
        call.reply.ok()
    }

    private static let destroy = Command(
        "xgroup|destroy",
        "Removes a group.",
        arity: .exactly(4),
        keys: .one(at: 2, [.readWrite, .delete]),
        flags: [.write],
        group: .stream,
        since: "5.0.0",
        complexity: "O(N) for N pending entries",
        categories: ["stream"],
        syntax: "<key:key> <group>"
    ) { call throws(CommandError) in
        let key = call.key(2)
        guard let value = try call.find(key, as: StreamValue.self) else { throw keyIsRequired }
        guard let group = value.group(named: call.arguments[3]) else { return call.reply.integer(0) }
        value.remove(group)
        call.noteChange(waking: key)
        call.reply.integer(1)
    }

    // MARK: Consumers

    private static let createconsumer = Command(
        "xgroup|createconsumer",
        "Makes a consumer of a group.",
        arity: .exactly(5),
        keys: .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom],
        group: .stream,
        since: "6.2.0",
        categories: ["stream"],
        syntax: "<key:key> <group> <consumer>"
    ) { call throws(CommandError) in
        let (value, group) = try presentGroup(call)
        guard group.consumer(named: call.arguments[4]) == nil else { return call.reply.integer(0) }
        _ = call.consumer(4, of: group, in: value, under: 2)
        call.reply.integer(1)
    }

    private static let delconsumer = Command(
        "xgroup|delconsumer",
        "Removes a consumer with what is pending with it, and counts that.",
        arity: .exactly(5),
        keys: .one(at: 2, [.readWrite, .delete]),
        flags: [.write],
        group: .stream,
        since: "5.0.0",
        categories: ["stream"],
        syntax: "<key:key> <group> <consumer>"
    ) { call throws(CommandError) in
        let (value, group) = try presentGroup(call)
        guard let consumer = group.consumer(named: call.arguments[4]) else { return call.reply.integer(0) }
        call.reply.integer(consumer.pendingCount)
        value.remove(consumer, from: group)
        call.noteChange(ofKeyAt: 2)
    }

    private static let keyIsRequired = CommandError.text(
        """
        ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
        option to create an empty stream automatically.
        """
    )

    /// The stream under the key at 2, and its group named at 3.
    private static func presentGroup(_ call: Call) throws(CommandError) -> (StreamValue, StreamGroup) {
        guard let value = try call.find(call.key(2), as: StreamValue.self) else { throw keyIsRequired }
        guard let group = value.group(named: call.arguments[3]) else { throw .noSuchGroup(at: 3, ofKeyAt: 2) }
        return (value, group)
    }
}

/// `[MKSTREAM] [ENTRIESREAD count]`
private struct GroupOptions {
    private(set) var makesStream = false
    /// nil: nobody knows.
    private(set) var entriesRead: Int64?

    init(_ call: Call, mayMakeStream: Bool) throws(CommandError) {
        var index = 5
        while index < call.arguments.count {
            if mayMakeStream, call.arguments[index].isWord("MKSTREAM") {
                makesStream = true
                index += 1
            } else if call.arguments[index].isWord("ENTRIESREAD"), index + 1 < call.arguments.count {
                let count = try call.integer(index + 1)
                guard count >= -1 else { throw .text("ERR value for ENTRIESREAD must be positive or -1") }
                entriesRead = count < 0 ? nil : count
                index += 2
            } else {
                throw .subcommandSyntax
            }
        }
    }
}
