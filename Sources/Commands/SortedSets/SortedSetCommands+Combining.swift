// Sorted sets put together: union, intersection and difference, replied, stored or counted.

internal import Keyspace
internal import Protocol

extension SortedSetCommands {
    static let zunion = Command(
        "zunion",
        "Replies the union of sorted sets.",
        arity: .atLeast(3),
        keys: .counted(at: 1, [.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(N), O(M*log(M))",
        categories: ["sortedset"],
        syntax: """
            <numkeys:integer> <key:key>... [WEIGHTS <weight:integer>...] [AGGREGATE aggregate(SUM | MIN | MAX)]
            [WITHSCORES]
            """
    ) { call throws(CommandError) in
        try reply(call, .union)
    }

    static let zinter = Command(
        "zinter",
        "Replies the intersection of sorted sets.",
        arity: .atLeast(3),
        keys: .counted(at: 1, [.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(N*K), O(M*log(M))",
        categories: ["sortedset"],
        syntax: """
            <numkeys:integer> <key:key>... [WEIGHTS <weight:integer>...] [AGGREGATE aggregate(SUM | MIN | MAX)]
            [WITHSCORES]
            """
    ) { call throws(CommandError) in
        try reply(call, .intersection)
    }

    static let zdiff = Command(
        "zdiff",
        "Replies what the first of several sorted sets has and the others have not.",
        arity: .atLeast(3),
        keys: .counted(at: 1, [.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(L + (N-K)log(N))",
        categories: ["sortedset"],
        syntax: "<numkeys:integer> <key:key>... [WITHSCORES]"
    ) { call throws(CommandError) in
        try reply(call, .difference)
    }

    static let zunionstore = Command(
        "zunionstore",
        "Stores the union of sorted sets.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.overwrite, .update]),
        .counted(at: 2, [.readOnly, .access]),
        flags: [.write, .denyoom, .movableKeys],
        group: .sortedSet,
        since: "2.0.0",
        complexity: "O(N), O(M log(M))",
        categories: ["sortedset"],
        syntax: """
            <destination:key> <numkeys:integer> <key:key>... [WEIGHTS <weight:integer>...] [AGGREGATE aggregate(SUM |
            MIN | MAX)]
            """
    ) { call throws(CommandError) in
        try store(call, .union)
    }

    static let zinterstore = Command(
        "zinterstore",
        "Stores the intersection of sorted sets.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.overwrite, .update]),
        .counted(at: 2, [.readOnly, .access]),
        flags: [.write, .denyoom, .movableKeys],
        group: .sortedSet,
        since: "2.0.0",
        complexity: "O(N*K), O(M*log(M))",
        categories: ["sortedset"],
        syntax: """
            <destination:key> <numkeys:integer> <key:key>... [WEIGHTS <weight:integer>...] [AGGREGATE aggregate(SUM |
            MIN | MAX)]
            """
    ) { call throws(CommandError) in
        try store(call, .intersection)
    }

    static let zdiffstore = Command(
        "zdiffstore",
        "Stores what the first of several sorted sets has and the others have not.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.overwrite, .update]),
        .counted(at: 2, [.readOnly, .access]),
        flags: [.write, .denyoom, .movableKeys],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(L + (N-K)log(N))",
        categories: ["sortedset"],
        syntax: "<destination:key> <numkeys:integer> <key:key>..."
    ) { call throws(CommandError) in
        try store(call, .difference)
    }

    static let zintercard = Command(
        "zintercard",
        "Counts the members that all of several sorted sets have.",
        arity: .atLeast(3),
        keys: .counted(at: 1, [.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .sortedSet,
        since: "7.0.0",
        complexity: "O(N*K)",
        categories: ["sortedset"],
        syntax: "<numkeys:integer> <key:key>... [LIMIT <limit:integer>]"
    ) { call throws(CommandError) in
        let combination = try SortedSetCombination(call, .intersection, keyCountAt: 1, purpose: .count)
        call.reply.integer(combination.countCommon())
    }

    private static func reply(_ call: Call, _ operation: SortedSetCombination.Operation) throws(CommandError) {
        let combination = try SortedSetCombination(call, operation, keyCountAt: 1, purpose: .reply)
        let keyspace = call.keyspace
        let result = keyspace.makeDetached(SortedSetValue.self, key: call.arguments[0]) { combination.fill($0) }
        result.withEntry { entry in
            let value = SortedSetValue(entry: entry, keyspace: keyspace)
            guard combination.wantsScores else {
                call.reply.array(value.count)
                return value.forEach { member, _ in call.reply.bulk(member) }
            }
            call.reply.openPairs(value.count)
            value.forEach { member, score in call.reply.pair(member, score) }
        }
    }

    private static func store(_ call: Call, _ operation: SortedSetCombination.Operation) throws(CommandError) {
        let combination = try SortedSetCombination(call, operation, keyCountAt: 2, purpose: .store)
        call.store(SortedSetValue.self, under: call.key(1)) { value in
            combination.fill(value)
            value.compact()
        }
    }
}
