// Sorted sets that are waited for: BZPOPMIN and its kin take members as soon as there are any.

internal import Keyspace
internal import Protocol

extension SortedSetCommands {
    static let bzpopmin = Command(
        "bzpopmin",
        "Takes the member with the lowest score of the first sorted set that has any; waits for one where none has.",
        arity: .atLeast(3),
        keys: .allButLast(from: 1, [.readWrite, .access, .delete]),
        flags: [.write, .noscript, .blocking, .fast],
        group: .sortedSet,
        since: "5.0.0",
        history: ["6.0.0": "`timeout` may have a fraction."],
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key>... <timeout:double>"
    ) { call throws(CommandError) in
        try popOrWait(call, fromTop: false)
    }

    static let bzpopmax = Command(
        "bzpopmax",
        "Takes the member with the highest score of the first sorted set that has any; waits for one where none has.",
        arity: .atLeast(3),
        keys: .allButLast(from: 1, [.readWrite, .access, .delete]),
        flags: [.write, .noscript, .blocking, .fast],
        group: .sortedSet,
        since: "5.0.0",
        history: ["6.0.0": "`timeout` may have a fraction."],
        complexity: "O(log(N))",
        categories: ["sortedset"],
        syntax: "<key:key>... <timeout:double>"
    ) { call throws(CommandError) in
        try popOrWait(call, fromTop: true)
    }

    private static func popOrWait(_ call: Call, fromTop: Bool) throws(CommandError) {
        let last = call.arguments.count - 1
        let deadline = try call.deadline(seconds: last)
        for index in 1..<last {
            let key = call.key(index)
            guard let value = try call.find(key, as: SortedSetValue.self) else { continue }
            let ranks = value.endRanks(1, fromTop: fromTop)
            call.reply.array(3)
            call.reply.bulk(key.bytes)
            value.forEach(in: ranks) { member, score in
                call.reply.bulk(member)
                call.reply.double(score)
            }
            return call.remove(ranks, from: value, key)
        }
        if !call.waits(for: 1..<last, of: .sortedSet, until: deadline) { call.reply.nullArray() }
    }

    static let bzmpop = Command(
        "bzmpop",
        "Takes members of the first sorted set that has any; waits for some where none has.",
        arity: .atLeast(5),
        keys: .counted(at: 2, [.readWrite, .access, .delete]),
        flags: [.write, .blocking, .movableKeys],
        group: .sortedSet,
        since: "7.0.0",
        complexity: "O(K), O(M*log(N))",
        categories: ["sortedset"],
        syntax: "<timeout:double> <numkeys:integer> <key:key>... where(MIN | MAX) [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        let request = try PopRequest(call, keyCountAt: 2, ends: scoreEnds)
        let deadline = try call.deadline(seconds: 1)
        if try pop(call, request) { return }
        if !call.waits(for: request.keys, of: .sortedSet, until: deadline) { call.reply.nullArray() }
    }
}
