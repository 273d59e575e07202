// All keys at once: finding them, counting them, and emptying or exchanging databases.

internal import Keyspace
internal import Protocol

extension KeyCommands {
    // MARK: Finding

    static let keys = Command(
        "keys",
        "Lists the keys that fit a pattern.",
        arity: .exactly(2),
        flags: .readonly,
        group: .generic,
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys in the database",
        categories: ["keyspace", "dangerous"],
        tips: ["request_policy:all_shards", "nondeterministic_output_order"],
        place: .everywhere,
        syntax: "<pattern:pattern>"
    ) { call throws(CommandError) in
        let pattern = KeyPattern(call.arguments[1])
        let opening = call.reply.openArray()
        var count = 0
        for keyspace in call.keyspaces {
            keyspace.forEachKey(in: call.database) { entry in
                guard pattern.fits(entry.key) else { return }
                call.reply.bulk(entry.key)
                count += 1
            }
        }
        call.reply.closeArray(opening, count: count)
    }

    static let scan = Command(
        "scan",
        "Goes through the keys, some at a time.",
        arity: .atLeast(2),
        flags: .readonly,
        group: .generic,
        since: "2.8.0",
        history: ["6.0.0": "Takes `TYPE`."],
        complexity: "O(1) for a step; O(N) for all, where N is the number of keys in the database",
        categories: ["keyspace"],
        tips: ["nondeterministic_output", "request_policy:special"],
        place: .cursor(at: 1),
        syntax: "<cursor:integer> [MATCH <pattern:pattern>] [COUNT <count:integer>] [TYPE <type@6.0.0>]"
    ) { call throws(CommandError) in
        guard let cursor = ScanCursor(call.arguments[1]) else { throw .text("ERR invalid cursor") }
        let options = try ScanOptions(call, from: 2, of: .keys)
        let shardCount = call.allKeyspaces.count
        let shard = cursor.shard(of: shardCount)

        let opening = call.reply.openArray()
        var found = 0
        let place = call.allKeyspaces[shard].scan(
            in: call.database,
            from: cursor.place(of: shardCount),
            count: options.count
        ) { entry in
            guard options.fits(entry) else { return }
            call.reply.bulk(entry.key)
            found += 1
        }
        call.reply.closeArray(opening, count: found)

        // The cursor comes before the keys, but is known only after them.
        let mark = call.reply.mark
        call.reply.array(2)
        withUnsignedText(ScanCursor(after: place, in: shard, of: shardCount).number) { call.reply.bulk($0) }
        call.reply.bringForward(since: mark, to: opening)
    }

    static let randomkey = Command(
        "randomkey",
        "Hands out any key.",
        arity: .exactly(1),
        flags: .readonly,
        group: .generic,
        since: "1.0.0",
        categories: ["keyspace"],
        tips: ["request_policy:all_shards", "nondeterministic_output"],
        place: .everywhere
    ) { call throws(CommandError) in
        // A shard's turn comes as often as it has keys; one whose keys prove to be stale has none left when asked again.
        var total = count(call)
        while total > 0 {
            var rank = Int.random(in: 0..<total)
            let chosen = call.keyspaces.first { keyspace in
                rank -= keyspace.count(in: call.database)
                return rank < 0
            }
            if let entry = chosen?.randomKey(in: call.database) { return call.reply.bulk(entry.key) }
            total = count(call)
        }
        call.reply.null()
    }

    // MARK: Counting

    static let dbsize = Command(
        "dbsize",
        "Tells how many keys the database has.",
        arity: .exactly(1),
        flags: [.readonly, .fast],
        group: .server,
        since: "1.0.0",
        categories: ["keyspace"],
        tips: ["request_policy:all_shards", "response_policy:agg_sum"],
        place: .everywhere
    ) { call throws(CommandError) in
        call.reply.integer(count(call))
    }

    private static func count(_ call: Call) -> Int {
        call.keyspaces.reduce(0) { $0 + $1.count(in: call.database) }
    }

    // MARK: Whole databases

    static let flushdb = Command(
        "flushdb",
        "Removes all keys of the database.",
        arity: .atLeast(1),
        flags: .write,
        group: .server,
        since: "1.0.0",
        history: ["4.0.0": "Takes `ASYNC`.", "6.2.0": "Takes `SYNC`."],
        complexity: "O(N) where N is the number of keys in the database",
        categories: ["keyspace", "dangerous"],
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
        place: .everywhere,
        syntax: "[flush-type(ASYNC@4.0.0 | SYNC@6.2.0)]"
    ) { call throws(CommandError) in
        let isLazy = try isFlushLazy(call)
        // Said while the keys are there: who watches a key that is not is not concerned.
        call.didChangeDatabase(call.database, count: count(call))
        for keyspace in call.keyspaces { keyspace.flush(call.database, lazily: isLazy) }
        call.reply.ok()
    }

    static let flushall = Command(
        "flushall",
        "Removes all keys of all databases.",
        arity: .atLeast(1),
        flags: .write,
        group: .server,
        since: "1.0.0",
        history: ["4.0.0": "Takes `ASYNC`.", "6.2.0": "Takes `SYNC`."],
        complexity: "O(N) where N is the number of keys in all databases",
        categories: ["keyspace", "dangerous"],
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
        place: .everywhere,
        syntax: "[flush-type(ASYNC@4.0.0 | SYNC@6.2.0)]"
    ) { call throws(CommandError) in
        let isLazy = try isFlushLazy(call)
        call.didChangeDatabase(nil, count: call.keyspaces.reduce(0) { $0 + $1.totalCount })
        for keyspace in call.keyspaces { keyspace.flushAll(lazily: isLazy) }
        call.reply.ok()
    }

    private static func isFlushLazy(_ call: Call) throws(CommandError) -> Bool {
        switch call.arguments.count {
        case 1: return call.keyspace.lazyFreeing.contains(.flush)
        case 2 where call.arguments[1].isWord("SYNC"): return false
        case 2 where call.arguments[1].isWord("ASYNC"): return true
        default: throw .syntax
        }
    }

    static let swapdb = Command(
        "swapdb",
        "Exchanges two databases.",
        arity: .exactly(3),
        flags: [.write, .fast],
        group: .server,
        since: "4.0.0",
        complexity: "O(N) where N is the number of watched keys in both databases",
        categories: ["keyspace", "dangerous"],
        place: .everywhere,
        syntax: "<index1:integer> <index2:integer>"
    ) { call throws(CommandError) in
        guard !call.isClusterEnabled else { throw .text("ERR SWAPDB is not allowed in cluster mode") }
        guard let first = parseInteger(call.arguments[1]), Int32(exactly: first) != nil else {
            throw .text("ERR invalid first DB index")
        }
        guard let second = parseInteger(call.arguments[2]), Int32(exactly: second) != nil else {
            throw .text("ERR invalid second DB index")
        }
        let databases = 0..<Int64(call.keyspace.databaseCount)
        guard databases.contains(first), databases.contains(second) else { throw .databaseOutOfRange }

        // A watched key is concerned if it is there before or after.
        for database in [Int(first), Int(second)] { call.didChangeDatabase(database, count: 0) }
        for keyspace in call.keyspaces { keyspace.swap(Int(first), Int(second)) }
        for database in [Int(first), Int(second)] { call.didChangeDatabase(database, count: 0) }
        call.noteChange()
        call.reply.ok()
    }
}

/// A pattern for keys; `*`, which fits all, is known without looking at them.
struct KeyPattern {
    private let pattern: Bytes
    private let fitsAll: Bool

    init(_ pattern: Bytes) {
        self.pattern = pattern
        fitsAll = pattern.count == 1 && pattern[0] == UInt8(ascii: "*")
    }

    func fits(_ key: Bytes) -> Bool { fitsAll || globMatches(pattern, key) }
}

/// The words behind the cursor of SCAN and its kin.
struct ScanOptions {
    private(set) var count = 10
    private var pattern: KeyPattern?
    private var type: Bytes?
    /// HSCAN is asked for fields alone, or ZSCAN for members.
    private(set) var omitsValues = false

    /// What is gone through.
    enum Subject { case keys, elements, fields, members }

    init(_ call: Call, from first: Int, of subject: Subject) throws(CommandError) {
        var index = first
        while index < call.arguments.count {
            if call.arguments[index].isWord("NOVALUES") {
                guard subject == .fields else { throw .text("ERR NOVALUES option can only be used in HSCAN") }
                omitsValues = true
                index += 1
                continue
            }
            if call.arguments[index].isWord("NOSCORES") {
                guard subject == .members else { throw .text("ERR NOSCORES option can only be used in ZSCAN") }
                omitsValues = true
                index += 1
                continue
            }
            guard index + 1 < call.arguments.count else { throw .syntax }
            let (word, value) = (call.arguments[index], call.arguments[index + 1])
            if word.isWord("COUNT") {
                count = Int(try call.integer(index + 1))
                guard count >= 1 else { throw .syntax }
            } else if word.isWord("MATCH") {
                pattern = KeyPattern(value)
            } else if subject == .keys, word.isWord("TYPE") {
                type = value
            } else {
                throw .syntax
            }
            index += 2
        }
    }

    func fits(_ entry: Entry) -> Bool {
        if let type, !type.isWord(entry.type.name) { return false }
        return fits(entry.key)
    }

    /// Whether the pattern, if there is one, fits a key, a member or a field.
    func fits(_ name: Bytes) -> Bool { pattern?.fits(name) ?? true }
}
