// Ranges of a sorted set, by rank, score or name: listing, storing, counting and removing them.

internal import Keyspace
internal import Protocol

extension SortedSetCommands {
    // MARK: Listing

    static let zrange = Command(
        "zrange",
        "Lists the members from one rank, score or name to another.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "1.2.0",
        history: ["6.2.0": "Takes `REV`, `BYSCORE`, `BYLEX` and `LIMIT`."],
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: """
            <key:key> <start> <stop> [sortby@6.2.0(BYSCORE | BYLEX)] [REV@6.2.0] [LIMIT limit@6.2.0{<offset:integer>
            <count:integer>}] [WITHSCORES]
            """
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2))
    }

    static let zrevrange = Command(
        "zrevrange",
        "Lists the members from one rank to another, counted from the highest score.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "1.2.0",
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: "<key:key> <start:integer> <stop:integer> [WITHSCORES]"
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2, by: .rank, reversed: true))
    }

    static let zrangebyscore = Command(
        "zrangebyscore",
        "Lists the members from one score to another.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "1.0.5",
        history: ["2.0.0": "Takes `WITHSCORES`."],
        complexity: "O(log(N)+M), O(log(N))",
        categories: ["sortedset"],
        syntax: """
            <key:key> <min:double> <max:double> [WITHSCORES@2.0.0] [LIMIT limit{<offset:integer> <count:integer>}]
            """
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2, by: .score, reversed: false))
    }

    static let zrevrangebyscore = Command(
        "zrevrangebyscore",
        "Lists the members from one score down to another.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "2.2.0",
        history: ["2.1.6": "Ranges may leave out their ends."],
        complexity: "O(log(N)+M), O(log(N))",
        categories: ["sortedset"],
        syntax: """
            <key:key> <max:double> <min:double> [WITHSCORES] [LIMIT limit{<offset:integer> <count:integer>}]
            """
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2, by: .score, reversed: true))
    }

    static let zrangebylex = Command(
        "zrangebylex",
        "Lists the members from one name to another, where all scores are the same.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "2.8.9",
        complexity: "O(log(N)+M), O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <min> <max> [LIMIT limit{<offset:integer> <count:integer>}]"
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2, by: .name, reversed: false))
    }

    static let zrevrangebylex = Command(
        "zrevrangebylex",
        "Lists the members from one name down to another, where all scores are the same.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "2.8.9",
        complexity: "O(log(N)+M), O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <max> <min> [LIMIT limit{<offset:integer> <count:integer>}]"
    ) { call throws(CommandError) in
        try list(call, RangeRequest(call, from: 2, by: .name, reversed: true))
    }

    private static func list(_ call: Call, _ request: RangeRequest) throws(CommandError) {
        guard let value = try call.read(call.key(1), as: SortedSetValue.self) else { return call.reply.array(0) }
        let ranks = request.ranks(of: value)
        guard request.wantsScores else {
            call.reply.array(ranks.count)
            return value.forEach(in: ranks, reversed: request.isReversed) { member, _ in call.reply.bulk(member) }
        }
        call.reply.openPairs(ranks.count)
        value.forEach(in: ranks, reversed: request.isReversed) { member, score in call.reply.pair(member, score) }
    }

    static let zrangestore = Command(
        "zrangestore",
        "Stores a range of a sorted set under another key.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.overwrite, .update]),
        .one(at: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: """
            <dst:key> <src:key> <min> <max> [sortby(BYSCORE | BYLEX)] [REV] [LIMIT limit{<offset:integer>
            <count:integer>}]
            """
    ) { call throws(CommandError) in
        let request = try RangeRequest(call, from: 3, stores: true)
        let value = try call.read(call.key(2), as: SortedSetValue.self)
        let ranks = value.map { request.ranks(of: $0) } ?? 0..<0
        call.store(SortedSetValue.self, under: call.key(1)) { result in
            if request.isByRank { result.prepare(for: ranks.count) }
            // In the order that is asked for: while the result is a listpack, a negative zero becomes zero, and which ones
            // come so early can be seen.
            value?.forEach(in: ranks, reversed: request.isReversed) { member, score in
                member.withBytes { result.insert($0, score: score) }
            }
        }
    }

    // MARK: Counting

    static let zcount = Command(
        "zcount",
        "Counts the members from one score to another.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "2.0.0",
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <min:double> <max:double>"
    ) { call throws(CommandError) in
        let range = try call.scoreRange(2, 3)
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        call.reply.integer(value?.ranks(in: range).count ?? 0)
    }

    static let zlexcount = Command(
        "zlexcount",
        "Counts the members from one name to another, where all scores are the same.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "2.8.9",
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <min> <max>"
    ) { call throws(CommandError) in
        let range = try call.memberRange(2, 3)
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        call.reply.integer(value?.ranks(in: range).count ?? 0)
    }

    // MARK: Removing

    static let zremrangebyrank = Command(
        "zremrangebyrank",
        "Removes the members from one rank to another.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: .write,
        group: .sortedSet,
        since: "2.0.0",
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: "<key:key> <start:integer> <stop:integer>"
    ) { call throws(CommandError) in
        try remove(call, RangeRequest(call, from: 2, by: .rank, reversed: false))
    }

    static let zremrangebyscore = Command(
        "zremrangebyscore",
        "Removes the members from one score to another.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: .write,
        group: .sortedSet,
        since: "1.2.0",
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: "<key:key> <min:double> <max:double>"
    ) { call throws(CommandError) in
        try remove(call, RangeRequest(call, from: 2, by: .score, reversed: false))
    }

    static let zremrangebylex = Command(
        "zremrangebylex",
        "Removes the members from one name to another, where all scores are the same.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: .write,
        group: .sortedSet,
        since: "2.8.9",
        complexity: "O(log(N)+M)",
        categories: ["sortedset"],
        syntax: "<key:key> <min> <max>"
    ) { call throws(CommandError) in
        try remove(call, RangeRequest(call, from: 2, by: .name, reversed: false))
    }

    private static func remove(_ call: Call, _ request: RangeRequest) throws(CommandError) {
        let key = call.key(1)
        guard let value = try call.find(key, as: SortedSetValue.self) else { return call.reply.integer(0) }
        let ranks = request.ranks(of: value)
        call.remove(ranks, from: value, key)
        call.reply.integer(ranks.count)
    }
}

extension ReplyBuffer {
    /// Begins `count` members with scores: pairs in RESP3, one row in RESP2.
    func openPairs(_ count: Int) { array(version == 3 ? count : count * 2) }

    func pair(_ member: StringValue, _ score: Double) {
        if version == 3 { array(2) }
        bulk(member)
        double(score)
    }
}
