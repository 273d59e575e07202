// Sorted sets: members with scores, one by one.

internal import Keyspace
internal import Protocol

public enum SortedSetCommands {
    public static let all = [
        zadd, zincrby, zrem, zcard, zscore, zmscore, zrank, zrevrank,
        zrange, zrangestore, zrangebyscore, zrevrangebyscore, zrangebylex, zrevrangebylex, zrevrange,
        zcount, zlexcount, zremrangebyrank, zremrangebyscore, zremrangebylex,
        zpopmin, zpopmax, zmpop, bzpopmin, bzpopmax, bzmpop, zrandmember, zscan,
        zunion, zinter, zdiff, zunionstore, zinterstore, zdiffstore, zintercard,
    ]

    // MARK: Changing

    static let zadd = Command(
        "zadd",
        "Adds members to a sorted set, or changes their scores.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readWrite, .update]),
        element: 3,
        flags: [.write, .denyoom, .fast],
        group: .sortedSet,
        since: "1.2.0",
        history: [
            "2.4.0": "Takes several members with their scores.",
            "3.0.2": "Takes `XX`, `NX`, `CH` and `INCR`.",
            "6.2.0": "Takes `GT` and `LT`.",
        ],
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: """
            <key:key> [condition@3.0.2(NX | XX)] [comparison@6.2.0(GT | LT)] [change="CH"@3.0.2]
            [increment="INCR"@3.0.2] data{<score:double> <member>}...
            """
    ) { call throws(CommandError) in
        let (update, first) = ScoreUpdate.parse(call)
        let wordCount = call.arguments.count - first
        guard wordCount > 0, wordCount % 2 == 0 else { throw .syntax }
        try update.check(pairCount: wordCount / 2)
        try set(call, update, pairsFrom: first)
    }

    static let zincrby = Command(
        "zincrby",
        "Adds to the score of a member.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        element: 3,
        flags: [.write, .denyoom, .fast],
        group: .sortedSet,
        since: "1.2.0",
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <increment:integer> <member>"
    ) { call throws(CommandError) in
        try set(call, .increments, pairsFrom: 2)
    }

    /// Gives scores to members, which alternate from `first` on, and replies.
    private static func set(_ call: Call, _ update: ScoreUpdate, pairsFrom first: Int) throws(CommandError) {
        let end = call.arguments.count
        let firstScore = try call.score(first)
        var longestMember = call.arguments[first + 1].count
        for index in stride(from: first + 2, to: end, by: 2) {
            _ = try call.score(index)
            longestMember = max(longestMember, call.arguments[index + 1].count)
        }

        let key = call.key(1)
        let value: SortedSetValue
        if let present = try call.find(key, as: SortedSetValue.self) {
            value = present
        } else if update.contains(.onlyPresent) {
            return update.contains(.increments) ? call.reply.null() : call.reply.integer(0)
        } else {
            value = try call.findOrMake(key, as: SortedSetValue.self)
        }
        value.prepare(for: (end - first) / 2, ofBytes: longestMember)

        var (added, changed) = (0, 0)
        var outcome = ScoreUpdate.Outcome.refused
        for index in stride(from: first, to: end, by: 2) {
            let score = index == first ? firstScore : try call.score(index)
            outcome = update.apply(score, to: call.arguments[index + 1], in: value)
            switch outcome {
            case .added: added += 1
            case .changed: changed += 1
            case .kept, .refused: break
            case .notANumber:
                // What was done so far stays, and is told.
                if added + changed > 0 { call.didChange(key) }
                throw .text("ERR resulting score is not a number (NaN)")
            }
        }
        if added + changed > 0 { call.didChange(key) }
        guard update.contains(.increments) else {
            return call.reply.integer(update.contains(.countsChanges) ? added + changed : added)
        }
        if let score = outcome.score { call.reply.double(score) } else { call.reply.null() }
    }

    static let zrem = Command(
        "zrem",
        "Removes members.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .delete]),
        element: 2,
        flags: [.write, .fast],
        group: .sortedSet,
        since: "1.2.0",
        history: ["2.4.0": "Takes several members."],
        complexity: "O(M*log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <member>..."
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let value = try call.find(key, as: SortedSetValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.arguments.count {
            guard let found = value.find(call.arguments[index]) else { continue }
            value.remove(found)
            removed += 1
            if call.removeIfEmpty(value, key) { break }
        }
        if removed > 0 { call.didChange(key) }
        call.reply.integer(removed)
    }

    // MARK: Asking

    static let zcard = Command(
        "zcard",
        "Counts the members of a sorted set.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "1.2.0",
        categories: ["sortedset"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try call.read(call.key(1), as: SortedSetValue.self)?.count ?? 0)
    }

    static let zscore = Command(
        "zscore",
        "Tells the score of a member.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly, .access]),
        element: 2,
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "1.2.0",
        categories: ["sortedset"],
        syntax: "<key:key> <member>"
    ) { call throws(CommandError) in
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        guard let found = value?.find(call.arguments[2]) else { return call.reply.null() }
        call.reply.double(found.score)
    }

    static let zmscore = Command(
        "zmscore",
        "Tells the scores of several members.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(N)",
        categories: ["sortedset"],
        syntax: "<key:key> <member>..."
    ) { call throws(CommandError) in
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        call.reply.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count {
            if let found = value?.find(call.arguments[index]) {
                call.reply.double(found.score)
            } else {
                call.reply.null()
            }
        }
    }

    static let zrank = Command(
        "zrank",
        "Tells how many members come before one.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        element: 2,
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "2.0.0",
        history: ["7.2.0": "Takes `WITHSCORE`."],
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <member> [WITHSCORE]"
    ) { call throws(CommandError) in
        try rank(call, reversed: false)
    }

    static let zrevrank = Command(
        "zrevrank",
        "Tells how many members come behind one.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        element: 2,
        flags: [.readonly, .fast],
        group: .sortedSet,
        since: "2.0.0",
        history: ["7.2.0": "Takes `WITHSCORE`."],
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key> <member> [WITHSCORE]"
    ) { call throws(CommandError) in
        try rank(call, reversed: true)
    }

    private static func rank(_ call: Call, reversed: Bool) throws(CommandError) {
        guard call.arguments.count <= 4 else { throw .wrongArity }
        let withScore = call.arguments.count == 4
        guard !withScore || call.arguments[3].isWord("WITHSCORE") else { throw .syntax }
        guard let value = try call.read(call.key(1), as: SortedSetValue.self),
            let found = value.find(call.arguments[2])
        else { return withScore ? call.reply.nullArray() : call.reply.null() }
        let rank = value.rank(of: found)
        if withScore { call.reply.array(2) }
        call.reply.integer(reversed ? value.count - 1 - rank : rank)
        if withScore { call.reply.double(found.score) }
    }
}

extension Call {
    /// The argument at `index` as a score.
    @inline(__always)
    func score(_ index: Int) throws(CommandError) -> Double {
        guard let score = parseDouble(arguments[index]) else { throw .notAFloat }
        return score
    }
}
