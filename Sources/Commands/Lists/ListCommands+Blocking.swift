// Lists that are waited for: BLPOP and its kin take an element as soon as there is one.

internal import Keyspace
internal import Protocol

extension ListCommands {
    static let blpop = Command(
        "blpop",
        "Takes the first element of the first list that has any; waits for one where none has.",
        arity: .atLeast(3),
        keys: .allButLast(from: 1, [.readWrite, .access, .delete]),
        flags: [.write, .noscript, .blocking],
        group: .list,
        since: "2.0.0",
        history: ["6.0.0": "`timeout` may have a fraction."],
        complexity: "O(N) where N is the number of keys",
        categories: ["list"],
        syntax: "<key:key>... <timeout:double>"
    ) { call throws(CommandError) in
        try popOrWait(call, at: .head)
    }

    static let brpop = Command(
        "brpop",
        "Takes the last element of the first list that has any; waits for one where none has.",
        arity: .atLeast(3),
        keys: .allButLast(from: 1, [.readWrite, .access, .delete]),
        flags: [.write, .noscript, .blocking],
        group: .list,
        since: "2.0.0",
        history: ["6.0.0": "`timeout` may have a fraction."],
        complexity: "O(N) where N is the number of keys",
        categories: ["list"],
        syntax: "<key:key>... <timeout:double>"
    ) { call throws(CommandError) in
        try popOrWait(call, at: .tail)
    }

    private static func popOrWait(_ call: Call, at end: ListEnd) throws(CommandError) {
        let last = call.arguments.count - 1
        let deadline = try call.deadline(seconds: last)
        for index in 1..<last {
            let key = call.key(index)
            guard let list = try call.find(key, as: ListValue.self) else { continue }
            call.reply.array(2)
            call.reply.bulk(key.bytes)
            return popOne(call, from: list, at: end, key)
        }
        if !call.waits(for: 1..<last, of: .list, until: deadline) { call.reply.nullArray() }
    }

    static let blmpop = Command(
        "blmpop",
        "Takes elements of the first list that has any; waits for some where none has.",
        arity: .atLeast(5),
        keys: .counted(at: 2, [.readWrite, .access, .delete]),
        flags: [.write, .blocking, .movableKeys],
        group: .list,
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of keys and M how many elements are taken",
        categories: ["list"],
        syntax: "<timeout:double> <numkeys:integer> <key:key>... where(LEFT | RIGHT) [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        let request = try PopRequest(call, keyCountAt: 2, ends: listEnds)
        let deadline = try call.deadline(seconds: 1)
        if try popFirstPresent(call, request) { return }
        if !call.waits(for: request.keys, of: .list, until: deadline) { call.reply.nullArray() }
    }

    static let blmove = Command(
        "blmove",
        "Takes an element from an end of a list to an end of another; waits for one where there is none.",
        arity: .exactly(6),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom, .noscript, .blocking],
        group: .list,
        since: "6.2.0",
        categories: ["list"],
        syntax: "<source:key> <destination:key> wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT) <timeout:double>"
    ) { call throws(CommandError) in
        let (source, target) = (try call.listEnd(3), try call.listEnd(4))
        try moveOrWait(call, from: source, to: target, timeoutAt: 5)
    }

    static let brpoplpush = Command(
        "brpoplpush",
        "Takes the last element of a list to the head of another; waits for one where there is none.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom, .noscript, .blocking],
        group: .list,
        since: "2.2.0",
        history: ["6.0.0": "`timeout` may have a fraction."],
        categories: ["list"],
        syntax: "<source:key> <destination:key> <timeout:double>"
    ) { call throws(CommandError) in
        try moveOrWait(call, from: .tail, to: .head, timeoutAt: 3)
    }

    private static func moveOrWait(
        _ call: Call,
        from source: ListEnd,
        to target: ListEnd,
        timeoutAt index: Int
    ) throws(CommandError) {
        let deadline = try call.deadline(seconds: index)
        if try move(call, from: source, to: target) { return }
        if !call.waits(for: 1..<2, of: .list, until: deadline) { call.reply.null() }
    }
}
