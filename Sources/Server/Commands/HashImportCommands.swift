// HIMPORT: many hashes with the same fields, whose names a client sends once. From Redis 8.10.
//
// The commands know the client, who keeps the lists of fields; the hashes they make are like any others.

internal import Commands
internal import Keyspace
internal import Protocol

enum HashImportCommands {
    static let all = [himport]

    static let himport = Command(
        "himport",
        "Makes hashes of fields that were named before.",
        group: .hash,
        since: "8.10.0",
        categories: ["hash"],
        subcommands: [prepare, set, discard, discardAll]
    )

    private static let prepare = Command(
        "himport|prepare",
        "Names the fields of hashes to come, for this connection.",
        arity: .atLeast(4),
        flags: .denyoom,
        group: .hash,
        since: "8.10.0",
        complexity: "O(N*log(N)) where N is the number of fields",
        categories: ["hash"],
        tips: ["request_policy:all_shards"],
        place: .anywhere,
        syntax: "<fieldset-name> <field>..."
    ) { call throws(CommandError) in
        let fields = call.arguments.from(3).arrays
        guard Set(fields).count == fields.count else { throw .text("ERR duplicate field name") }
        call.client.fieldsets.insert(fields, under: call.arguments[2])
        call.reply.ok()
    }

    private static let set = Command(
        "himport|set",
        "Makes a hash of prepared fields and these values.",
        arity: .atLeast(5),
        keys: .one(at: 2, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .hash,
        since: "8.10.0",
        complexity: "O(N) where N is the number of fields",
        categories: ["hash"],
        syntax: "<key:key> <fieldset-name> <value>..."
    ) { call throws(CommandError) in
        guard let fields = call.client.fieldsets[call.arguments[3]] else { throw .text("ERR no such fieldset") }
        guard fields.count == call.arguments.count - 4 else {
            throw .text("ERR value count does not match fieldset field count")
        }
        let key = call.key(2)
        if let entry = call.lookup(key), entry.type != .hash { throw .wrongType }
        let keyspace = call.keyspace(of: key)
        let made = keyspace.makeDetached(HashValue.self, key: key.bytes) { hash in
            hash.prepare(for: fields.count)
            for (index, field) in fields.enumerated() {
                field.withBytes { _ = hash.set($0, to: call.arguments[4 + index]) }
            }
        }
        keyspace.attach(made, as: key, in: call.database)
        call.didChange(key)
        call.reply.ok()
    }

    private static let discard = Command(
        "himport|discard",
        "Forgets prepared fields.",
        arity: .exactly(3),
        flags: [],
        group: .hash,
        since: "8.10.0",
        complexity: "O(N) where N is the number of fields",
        categories: ["hash"],
        tips: ["request_policy:all_shards"],
        place: .anywhere,
        syntax: "<fieldset-name>"
    ) { call throws(CommandError) in
        call.reply.integer(call.client.fieldsets.remove(call.arguments[2]) ? 1 : 0)
    }

    private static let discardAll = Command(
        "himport|discardall",
        "Forgets all prepared fields of this connection.",
        arity: .exactly(2),
        flags: [],
        group: .hash,
        since: "8.10.0",
        complexity: "O(N) where N is the number of lists of fields",
        categories: ["hash"],
        tips: ["request_policy:all_shards"],
        place: .anywhere
    ) { call throws(CommandError) in
        call.reply.integer(call.client.fieldsets.count)
        call.client.fieldsets = Fieldsets()
    }
}
