// Taking members from an end of a sorted set, drawing them, and going through them.

internal import Keyspace
internal import Protocol

extension SortedSetCommands {
    // MARK: Taking

    static let zpopmin = Command(
        "zpopmin",
        "Takes out the members with the lowest scores.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .sortedSet,
        since: "5.0.0",
        complexity: "O(log(N)*M)",
        categories: ["sortedset"],
        syntax: "<key:key> [<count:integer>]"
    ) { call throws(CommandError) in
        try pop(call, fromTop: false)
    }

    static let zpopmax = Command(
        "zpopmax",
        "Takes out the members with the highest scores.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .sortedSet,
        since: "5.0.0",
        complexity: "O(log(N)*M)",
        categories: ["sortedset"],
        syntax: "<key:key> [<count:integer>]"
    ) { call throws(CommandError) in
        try pop(call, fromTop: true)
    }

    private static func pop(_ call: Call, fromTop: Bool) throws(CommandError) {
        guard call.arguments.count <= 3 else { throw .syntax }
        let hasCount = call.arguments.count == 3
        let count = hasCount ? try call.count(2) : 1
        let key = call.key(1)
        guard let value = try call.find(key, as: SortedSetValue.self) else { return call.reply.array(0) }
        let ranks = value.endRanks(min(count, value.count), fromTop: fromTop)
        if hasCount {
            call.reply.openPairs(ranks.count)
            value.forEach(in: ranks, reversed: fromTop) { member, score in call.reply.pair(member, score) }
        } else {
            call.reply.array(2)
            value.forEach(in: ranks) { member, score in
                call.reply.bulk(member)
                call.reply.double(score)
            }
        }
        call.remove(ranks, from: value, key)
    }

    static let zmpop = Command(
        "zmpop",
        "Takes members from the first of several sorted sets that has any.",
        arity: .atLeast(4),
        keys: .counted(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .movableKeys],
        group: .sortedSet,
        since: "7.0.0",
        complexity: "O(K), O(M*log(N))",
        categories: ["sortedset"],
        syntax: "<numkeys:integer> <key:key>... where(MIN | MAX) [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        let request = try PopRequest(call, keyCountAt: 1, ends: scoreEnds)
        guard try pop(call, request) else { return call.reply.nullArray() }
    }

    /// The words for the lowest and the highest score.
    static let scoreEnds: (first: StaticString, last: StaticString) = ("MIN", "MAX")

    /// Replies what is taken from the first sorted set that has any member; returns whether one has.
    static func pop(_ call: Call, _ request: PopRequest) throws(CommandError) -> Bool {
        for index in request.keys {
            let key = call.key(index)
            guard let value = try call.find(key, as: SortedSetValue.self) else { continue }
            let ranks = value.endRanks(min(request.count, value.count), fromTop: request.isFromLast)
            call.reply.array(2)
            call.reply.bulk(key.bytes)
            call.reply.array(ranks.count)
            value.forEach(in: ranks, reversed: request.isFromLast) { member, score in
                call.reply.array(2)
                call.reply.bulk(member)
                call.reply.double(score)
            }
            call.remove(ranks, from: value, key)
            return true
        }
        return false
    }

    // MARK: Drawing

    static let zrandmember = Command(
        "zrandmember",
        "Draws members by lot.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "6.2.0",
        complexity: "O(N)",
        categories: ["sortedset"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> [options{<count:integer> [WITHSCORES]}]"
    ) { call throws(CommandError) in
        guard call.arguments.count > 2 else {
            guard let value = try call.read(call.key(1), as: SortedSetValue.self) else { return call.reply.null() }
            let rank = value.randomRank()
            return value.forEach(in: rank..<rank + 1) { member, _ in call.reply.bulk(member) }
        }
        let draw = try RandomDraw(call, at: 2)
        let withScores = call.arguments.count == 4 && call.arguments[3].isWord("WITHSCORES")
        guard withScores || call.arguments.count == 3 else { throw .syntax }
        guard !withScores || draw.count <= Int.max / 2 else { throw .valueOutOfRange }
        guard let value = try call.read(call.key(1), as: SortedSetValue.self), draw.count > 0 else {
            return call.reply.array(0)
        }
        let count = draw.mayRepeat ? draw.count : min(draw.count, value.count)
        if withScores { call.reply.openPairs(count) } else { call.reply.array(count) }
        func reply(_ ranks: Range<Int>) {
            value.forEach(in: ranks, reversed: true) { member, score in
                if withScores { call.reply.pair(member, score) } else { call.reply.bulk(member) }
            }
        }
        if draw.mayRepeat {
            for _ in 0..<count {
                let rank = value.randomRank()
                reply(rank..<rank + 1)
            }
        } else if count == value.count {
            reply(0..<count)
        } else {
            for rank in value.differentRanks(count) { reply(rank..<rank + 1) }
        }
    }

    // MARK: Going through

    static let zscan = Command(
        "zscan",
        "Goes through the members, some at a time.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .sortedSet,
        since: "2.8.0",
        history: ["8.0.0": "Takes `NOSCORES`."],
        complexity: "O(1), O(N)",
        categories: ["sortedset"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> <cursor:integer> [MATCH <pattern:pattern>] [COUNT <count:integer>] [NOSCORES]"
    ) { call throws(CommandError) in
        try call.scanElements(of: SortedSetValue.self, .members) { value, cursor, options in
            var found = 0
            let next = value.scan(from: cursor, count: options.count) { member, score in
                guard member.withBytes({ options.fits($0) }) else { return }
                call.reply.bulk(member)
                found += 1
                guard !options.omitsValues else { return }
                // A plain string in either version, and of a large set with all its digits: Redis and Valkey have it so.
                if value.isSmall {
                    withDoubleText(score) { call.reply.bulk($0) }
                } else {
                    withLongText(score) { call.reply.bulk($0) }
                }
                found += 1
            }
            return (next, found)
        }
    }
}

extension SortedSetValue {
    /// The ranks of the `count` members at one end; there are as many.
    func endRanks(_ count: Int, fromTop: Bool) -> Range<Int> {
        fromTop ? self.count - count..<self.count : 0..<count
    }

    /// As many different ranks, by lot; there are more members.
    ///
    /// - Source: Robert Floyd's sampling: one draw for each, whatever the share.
    func differentRanks(_ count: Int) -> [Int] {
        var (chosen, seen): ([Int], Set<Int>) = ([], [])
        for highest in self.count - count..<self.count {
            let drawn = randomRank(below: highest + 1)
            let rank = seen.insert(drawn).inserted ? drawn : highest
            if rank == highest { seen.insert(highest) }
            chosen.append(rank)
        }
        return chosen
    }
}

extension Call {
    /// Takes the members with these ranks out of `value`, and the key with the last one.
    func remove(_ ranks: Range<Int>, from value: SortedSetValue, _ key: Key) {
        guard !ranks.isEmpty else { return }
        value.remove(ranks)
        removeIfEmpty(value, key)
        didChange(key)
    }
}
