// Keys as such, whatever lies under them: removing, asking, renaming, copying, moving.

internal import Keyspace
internal import Protocol

public enum KeyCommands {
    public static let all = [
        del, unlink, exists, type, touch, rename, renamenx, copy, move,
        expire, pexpire, expireat, pexpireat, ttl, pttl, expiretime, pexpiretime, persist,
        keys, scan, randomkey, dbsize, flushdb, flushall, swapdb,
        object, dump, restore, restoreAsking,
    ]

    // MARK: Removing

    static let del = Command(
        "del",
        "Removes keys.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.remove, .delete]),
        flags: .write,
        group: .generic,
        since: "1.0.0",
        complexity:
            "O(N) where N is the number of keys, and O(M) for one whose value has M elements; O(1) for a string",
        categories: ["keyspace"],
        tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        remove(call, lazily: call.keyspace.lazyFreeing.contains(.deletion))
    }

    static let unlink = Command(
        "unlink",
        "Removes keys; what is large is freed later, a bit at a time.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.remove, .delete]),
        flags: [.write, .fast],
        group: .generic,
        since: "4.0.0",
        complexity: "O(1) for each key; then O(N) in the background, where N is what the values are made of",
        categories: ["keyspace"],
        tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        remove(call, lazily: true)
    }

    private static func remove(_ call: Call, lazily: Bool) {
        var count = 0
        for index in 1..<call.arguments.count {
            let key = call.key(index)
            guard call.keyspace(of: key).remove(key, in: call.database, lazily: lazily) else { continue }
            call.didChange(key)
            count += 1
        }
        call.reply.integer(count)
    }

    // MARK: Asking

    static let exists = Command(
        "exists",
        "Tells how many of the keys are there.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .generic,
        since: "1.0.0",
        history: ["3.0.3": "Takes several keys."],
        complexity: "O(N) where N is the number of keys",
        categories: ["keyspace"],
        tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        var count = 0
        for index in 1..<call.arguments.count where call.peek(call.key(index)) != nil { count += 1 }
        call.reply.integer(count)
    }

    static let type = Command(
        "type",
        "Tells the type of the value under a key.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .generic,
        since: "1.0.0",
        categories: ["keyspace"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.simple(call.peek(call.key(1))?.type.name ?? "none")
    }

    static let touch = Command(
        "touch",
        "Counts as an access to the keys, and tells how many are there.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .generic,
        since: "3.2.1",
        complexity: "O(N) where N is the number of keys",
        categories: ["keyspace"],
        tips: ["request_policy:multi_shard", "response_policy:agg_sum"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        var count = 0
        for index in 1..<call.arguments.count where call.read(call.key(index)) != nil { count += 1 }
        call.reply.integer(count)
    }

    // MARK: Under another name, or elsewhere

    static let rename = Command(
        "rename",
        "Gives a key another name; a key that has it is replaced.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.overwrite, .update]),
        flags: .write,
        group: .generic,
        since: "1.0.0",
        categories: ["keyspace"],
        syntax: "<key:key> <newkey:key>"
    ) { call throws(CommandError) in
        _ = try rename(call, replacing: true)
        call.reply.ok()
    }

    static let renamenx = Command(
        "renamenx",
        "Gives a key another name, if no key has it.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.overwrite, .insert]),
        flags: [.write, .fast],
        group: .generic,
        since: "1.0.0",
        history: ["3.2.0": "Both names may be the same."],
        categories: ["keyspace"],
        syntax: "<key:key> <newkey:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try rename(call, replacing: false) ? 1 : 0)
    }

    /// - Returns: whether the key has got another name.
    private static func rename(_ call: Call, replacing: Bool) throws(CommandError) -> Bool {
        let (source, target) = (call.key(1), call.key(2))
        guard call.lookup(source) != nil else { throw .noSuchKey }
        guard !source.bytes.isEqual(to: target.bytes) else { return false }
        guard replacing || call.lookup(target) == nil else { return false }
        guard let entry = call.keyspace(of: source).take(source, in: call.database) else { throw .noSuchKey }
        call.keyspace(of: target).attach(entry, as: target, in: call.database)
        call.didChange(source)
        call.didChange(target)
        return true
    }

    static let copy = Command(
        "copy",
        "Copies a key with its value and expiry.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        .one(at: 2, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .generic,
        since: "6.2.0",
        complexity: "O(N) where N is the number of elements of a collection; O(1) for a string",
        categories: ["keyspace"],
        syntax: "<source:key> <destination:key> [DB <destination-db:integer>] [REPLACE]"
    ) { call throws(CommandError) in
        var (database, replaces) = (call.database, false)
        var index = 3
        while index < call.arguments.count {
            if call.arguments[index].isWord("REPLACE") {
                replaces = true
            } else if call.arguments[index].isWord("DB"), index + 1 < call.arguments.count {
                index += 1
                database = try call.databaseNumber(index)
            } else {
                throw .syntax
            }
            index += 1
        }
        guard !call.isClusterEnabled || database == 0 else {
            throw .text("ERR Copying to another database is not allowed in cluster mode")
        }
        let (source, target) = (call.key(1), call.key(2))
        guard database != call.database || !source.bytes.isEqual(to: target.bytes) else { throw .sameObject }

        guard call.read(source) != nil else { return call.reply.integer(0) }
        let keyspace = call.keyspace(of: target)
        guard replaces || !keyspace.contains(target, in: database) else { return call.reply.integer(0) }
        guard let entry = call.keyspace(of: source).duplicate(source, in: call.database) else {
            return call.reply.integer(0)
        }
        keyspace.attach(entry, as: target, in: database)
        call.didChange(target, database: database)
        call.reply.integer(1)
    }

    static let move = Command(
        "move",
        "Takes a key to another database.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .fast],
        group: .generic,
        since: "1.0.0",
        categories: ["keyspace"],
        syntax: "<key:key> <db:integer>"
    ) { call throws(CommandError) in
        guard !call.isClusterEnabled else { throw .text("ERR MOVE is not allowed in cluster mode") }
        let database = try call.databaseNumber(2)
        guard database != call.database else { throw .sameObject }
        let key = call.key(1)
        let keyspace = call.keyspace(of: key)
        guard call.lookup(key) != nil, !keyspace.contains(key, in: database),
            let entry = keyspace.take(key, in: call.database)
        else { return call.reply.integer(0) }
        keyspace.attach(entry, as: key, in: database)
        call.didChange(key)
        call.didChange(key, database: database)
        call.reply.integer(1)
    }
}

extension Call {
    /// The argument at `index` as the number of a database; in a cluster, whose nodes have only one, of any that others may
    /// have.
    func databaseNumber(_ index: Int) throws(CommandError) -> Int {
        let number = try integer32(index)
        guard number >= 0, isClusterEnabled || number < keyspace.databaseCount else { throw .databaseOutOfRange }
        return number
    }
}
