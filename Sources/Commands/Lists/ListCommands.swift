// Lists at their ends: pushing, popping, and how long they are.

internal import Keyspace
internal import Protocol

public enum ListCommands {
    public static let all = [
        lpush, rpush, lpushx, rpushx, lpop, rpop, lmpop, llen,
        lrange, lindex, lset, linsert, lrem, ltrim, lpos, lmove, rpoplpush,
        blpop, brpop, blmpop, blmove, brpoplpush,
    ]

    // MARK: Pushing

    static let lpush = Command(
        "lpush",
        "Puts elements before the first of a list, one after the other.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .list,
        since: "1.0.0",
        history: ["2.4.0": "Takes several elements."],
        complexity: "O(1) for each element, so O(N) for N of them",
        categories: ["list"],
        syntax: "<key:key> <element>..."
    ) { call throws(CommandError) in
        try push(call, at: .head)
    }

    static let rpush = Command(
        "rpush",
        "Puts elements behind the last of a list, one after the other.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .list,
        since: "1.0.0",
        history: ["2.4.0": "Takes several elements."],
        complexity: "O(1) for each element, so O(N) for N of them",
        categories: ["list"],
        syntax: "<key:key> <element>..."
    ) { call throws(CommandError) in
        try push(call, at: .tail)
    }

    @inline(__always)
    private static func push(_ call: Call, at end: ListEnd) throws(CommandError) {
        let key = call.key(1)
        push(call, to: try call.findOrMake(key, as: ListValue.self), at: end, key)
    }

    private static func push(_ call: Call, to list: ListValue, at end: ListEnd, _ key: Key) {
        for index in 2..<call.arguments.count { list.push(call.arguments[index], at: end) }
        call.didChange(key)
        call.reply.integer(list.count)
    }

    static let lpushx = Command(
        "lpushx",
        "Puts elements before the first of a list that is there already.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .list,
        since: "2.2.0",
        history: ["4.0.0": "Takes several elements."],
        complexity: "O(1) for each element, so O(N) for N of them",
        categories: ["list"],
        syntax: "<key:key> <element>..."
    ) { call throws(CommandError) in
        try pushToPresent(call, at: .head)
    }

    static let rpushx = Command(
        "rpushx",
        "Puts elements behind the last of a list that is there already.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .list,
        since: "2.2.0",
        history: ["4.0.0": "Takes several elements."],
        complexity: "O(1) for each element, so O(N) for N of them",
        categories: ["list"],
        syntax: "<key:key> <element>..."
    ) { call throws(CommandError) in
        try pushToPresent(call, at: .tail)
    }

    private static func pushToPresent(_ call: Call, at end: ListEnd) throws(CommandError) {
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { return call.reply.integer(0) }
        push(call, to: list, at: end, key)
    }

    // MARK: Popping

    static let lpop = Command(
        "lpop",
        "Takes the first element of a list, or the first ones.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .list,
        since: "1.0.0",
        history: ["6.2.0": "Takes `count`."],
        complexity: "O(N) where N is how many elements are taken",
        categories: ["list"],
        syntax: "<key:key> [<count:integer@6.2.0>]"
    ) { call throws(CommandError) in
        try pop(call, at: .head)
    }

    static let rpop = Command(
        "rpop",
        "Takes the last element of a list, or the last ones.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .list,
        since: "1.0.0",
        history: ["6.2.0": "Takes `count`."],
        complexity: "O(N) where N is how many elements are taken",
        categories: ["list"],
        syntax: "<key:key> [<count:integer@6.2.0>]"
    ) { call throws(CommandError) in
        try pop(call, at: .tail)
    }

    @inline(__always)
    private static func pop(_ call: Call, at end: ListEnd) throws(CommandError) {
        guard call.arguments.count == 2 else { return try popSeveral(call, at: end) }
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { return call.reply.null() }
        popOne(call, from: list, at: end, key)
    }

    private static func popSeveral(_ call: Call, at end: ListEnd) throws(CommandError) {
        guard call.arguments.count == 3 else { throw .wrongArity }
        let most = try call.integer(2, in: 0...(.max), orThrow: .valueMustBePositive, otherwise: .valueMustBePositive)
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { return call.reply.nullArray() }
        guard most > 0 else { return call.reply.array(0) }
        pop(call, from: list, atMost: most, at: end, key)
    }

    /// Replies with the element at an end, and takes it out.
    static func popOne(_ call: Call, from list: ListValue, at end: ListEnd, _ key: Key) {
        list.pop(at: end) { call.reply.bulk($0) }
        call.removeIfEmpty(list, key)
        call.didChange(key)
    }

    /// Replies with up to `most` elements from an end on, as an array, and takes them out.
    static func pop(_ call: Call, from list: ListValue, atMost most: Int, at end: ListEnd, _ key: Key) {
        let count = min(most, list.count)
        var left = count
        call.reply.array(count)
        list.visit(from: end == .head ? 0 : list.count - 1, backwards: end == .tail) { element in
            call.reply.bulk(element)
            left -= 1
            return left > 0
        }
        list.remove(count, at: end)
        call.removeIfEmpty(list, key)
        call.didChange(key)
    }

    // MARK: Of the first list that has any

    static let lmpop = Command(
        "lmpop",
        "Takes elements of the first of several lists that has any.",
        arity: .atLeast(4),
        keys: .counted(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .movableKeys],
        group: .list,
        since: "7.0.0",
        complexity: "O(N+M) where N is the number of keys and M how many elements are taken",
        categories: ["list"],
        syntax: "<numkeys:integer> <key:key>... where(LEFT | RIGHT) [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        let request = try PopRequest(call, keyCountAt: 1, ends: listEnds)
        if try !popFirstPresent(call, request) { call.reply.nullArray() }
    }

    /// The words for the head and the tail.
    static let listEnds: (first: StaticString, last: StaticString) = ("LEFT", "RIGHT")

    /// Replies with a key and elements of it, and takes them out; false where none of the keys is there.
    static func popFirstPresent(_ call: Call, _ request: PopRequest) throws(CommandError) -> Bool {
        for index in request.keys {
            let key = call.key(index)
            guard let list = try call.find(key, as: ListValue.self) else { continue }
            call.reply.array(2)
            call.reply.bulk(key.bytes)
            pop(call, from: list, atMost: request.count, at: request.isFromLast ? .tail : .head, key)
            return true
        }
        return false
    }

    // MARK: Asking

    static let llen = Command(
        "llen",
        "Tells how many elements a list has.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .list,
        since: "1.0.0",
        categories: ["list"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try call.read(call.key(1), as: ListValue.self)?.count ?? 0)
    }
}

extension Call {
    /// The end of a list that the argument at `index` names.
    func listEnd(_ index: Int) throws(CommandError) -> ListEnd {
        if arguments[index].isWord("LEFT") { return .head }
        guard arguments[index].isWord("RIGHT") else { throw .syntax }
        return .tail
    }
}
