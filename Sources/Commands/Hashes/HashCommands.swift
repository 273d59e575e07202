// Hashes: fields with values, written, read and taken out.

internal import Keyspace
internal import Protocol

public enum HashCommands {
    public static let all = [
        hset, hsetnx, hmset, hdel, hget, hmget, hgetall, hkeys, hvals, hlen, hexists, hstrlen,
        hincrby, hincrbyfloat, hscan, hrandfield,
        hsetex, hgetex, hgetdel, hexpire, hpexpire, hexpireat, hpexpireat, hpersist,
        httl, hpttl, hexpiretime, hpexpiretime,
    ]

    // MARK: Changing

    static let hset = Command(
        "hset",
        "Gives values to fields.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readWrite, .update]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "2.0.0",
        history: ["4.0.0": "Takes several fields with their values."],
        complexity: "O(1) for each field, so O(N) for N of them",
        categories: ["hash"],
        syntax: "<key:key> data{<field> <value>}..."
    ) { call throws(CommandError) in
        call.reply.integer(try set(call))
    }

    static let hmset = Command(
        "hmset",
        "Gives values to fields, as HSET does.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readWrite, .update]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: "<key:key> data{<field> <value>}..."
    ) { call throws(CommandError) in
        _ = try set(call)
        call.reply.ok()
    }

    /// Sets the fields and values that alternate behind the key; returns how many fields are new.
    @inline(__always)
    private static func set(_ call: Call) throws(CommandError) -> Int {
        let count = call.arguments.count
        guard count % 2 == 0 else { throw .wrongArity }
        let key = call.key(1)
        let hash = try call.findOrMake(key, as: HashValue.self)
        if count > 4 { hash.prepare(for: (count - 2) / 2) }
        var added = 0
        for index in stride(from: 2, to: count, by: 2)
        where hash.set(call.arguments[index], to: call.arguments[index + 1]) { added += 1 }
        call.didChange(hash, key)
        return added
    }

    static let hsetnx = Command(
        "hsetnx",
        "Gives a value to a field that is not there.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .insert]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "2.0.0",
        categories: ["hash"],
        syntax: "<key:key> <field> <value>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        let hash = try call.findOrMake(key, as: HashValue.self)
        guard hash.find(call.arguments[2]) == nil else { return call.reply.integer(0) }
        hash.set(call.arguments[2], to: call.arguments[3])
        call.didChange(hash, key)
        call.reply.integer(1)
    }

    static let hdel = Command(
        "hdel",
        "Takes fields out.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .delete]),
        element: 2,
        flags: [.write, .fast],
        group: .hash,
        since: "2.0.0",
        history: ["2.4.0": "Takes several fields."],
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: "<key:key> <field>..."
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let hash = try call.find(key, as: HashValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.arguments.count {
            guard let found = hash.find(call.arguments[index]) else { continue }
            hash.remove(found)
            removed += 1
        }
        if removed > 0 { call.didRemove(from: hash, key) }
        call.reply.integer(removed)
    }

    // MARK: Asking for fields

    static let hget = Command(
        "hget",
        "Hands out the value of a field.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly, .access]),
        element: 2,
        flags: [.readonly, .fast],
        group: .hash,
        since: "2.0.0",
        categories: ["hash"],
        syntax: "<key:key> <field>"
    ) { call throws(CommandError) in
        let hash = try call.read(call.key(1), as: HashValue.self)
        guard let found = hash?.find(call.arguments[2]) else { return call.reply.null() }
        call.reply.bulk(found.value)
    }

    static let hmget = Command(
        "hmget",
        "Hands out the values of several fields.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .hash,
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: "<key:key> <field>..."
    ) { call throws(CommandError) in
        let hash = try call.read(call.key(1), as: HashValue.self)
        call.reply.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count { call.replyValue(of: hash?.find(call.arguments[index])) }
    }

    static let hexists = Command(
        "hexists",
        "Tells whether a field is there.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly]),
        element: 2,
        flags: [.readonly, .fast],
        group: .hash,
        since: "2.0.0",
        categories: ["hash"],
        syntax: "<key:key> <field>"
    ) { call throws(CommandError) in
        let hash = try call.read(call.key(1), as: HashValue.self)
        call.reply.integer(hash?.find(call.arguments[2]) == nil ? 0 : 1)
    }

    static let hstrlen = Command(
        "hstrlen",
        "Tells how many bytes the value of a field has.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly]),
        element: 2,
        flags: [.readonly, .fast],
        group: .hash,
        since: "3.2.0",
        categories: ["hash"],
        syntax: "<key:key> <field>"
    ) { call throws(CommandError) in
        let hash = try call.read(call.key(1), as: HashValue.self)
        call.reply.integer(hash?.find(call.arguments[2])?.value.byteCount ?? 0)
    }

    // MARK: Asking for all

    static let hlen = Command(
        "hlen",
        "Counts the fields of a hash.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .hash,
        since: "2.0.0",
        categories: ["hash"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try call.read(call.key(1), as: HashValue.self)?.count ?? 0)
    }

    static let hgetall = Command(
        "hgetall",
        "Hands out all fields with their values.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .hash,
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields",
        categories: ["hash"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let hash = try call.read(call.key(1), as: HashValue.self) else { return call.reply.map(0) }
        call.reply.map(hash.livingCount)
        hash.forEach { field, value in
            call.reply.bulk(field)
            call.reply.bulk(value)
            return true
        }
    }

    static let hkeys = Command(
        "hkeys",
        "Hands out all fields without their values.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .hash,
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields",
        categories: ["hash"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        try replyAll(call) { field, _ in field }
    }

    static let hvals = Command(
        "hvals",
        "Hands out the values of all fields.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .hash,
        since: "2.0.0",
        complexity: "O(N) where N is the number of fields",
        categories: ["hash"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        try replyAll(call) { _, value in value }
    }

    /// Replies one `part` of every field with its value.
    @inline(__always)
    private static func replyAll(
        _ call: Call,
        _ part: (_ field: StringValue, _ value: StringValue) -> StringValue
    ) throws(CommandError) {
        guard let hash = try call.read(call.key(1), as: HashValue.self) else { return call.reply.array(0) }
        call.reply.array(hash.livingCount)
        hash.forEach { field, value in
            call.reply.bulk(part(field, value))
            return true
        }
    }
}

extension Call {
    /// Says that fields of `hash`, which lies under `key`, were made or changed.
    @inline(__always)
    func didChange(_ hash: HashValue, _ key: Key) {
        withKeyspace(of: key) { $0.noteFields(of: hash, under: key, in: database) }
        didChange(key)
    }

    /// Says that fields of `hash` were removed, or also changed; with the last one the key goes.
    func didRemove(from hash: HashValue, _ key: Key) {
        withKeyspace(of: key) { $0.noteFields(of: hash, under: key, in: database) }
        removeIfEmpty(hash, key)
        didChange(key)
    }

    /// Replies the value of a field that may not be there.
    func replyValue(of found: HashValue.Found?) {
        if let found { reply.bulk(found.value) } else { reply.null() }
    }
}
