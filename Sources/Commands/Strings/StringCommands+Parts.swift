// APPEND, STRLEN, SETRANGE, GETRANGE: parts of a string, and its length.

internal import Keyspace
internal import Protocol

extension StringCommands {
    static let append = Command(
        "append",
        "Puts bytes behind the string under a key.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "2.0.0",
        complexity: "O(1), spread over the appends to a string: its room doubles when it is full",
        categories: ["string"],
        syntax: "<key:key> <value>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        if let entry = call.lookup(key) {
            guard entry.isString else { throw .wrongType }
            try call.checkStringLength(entry.string.byteCount, plus: call.arguments[2].count)
        }
        let length = call.keyspace(of: key).append(call.arguments[2], to: key, in: call.database)
        call.didChange(key)
        call.reply.integer(length)
    }

    static let strlen = Command(
        "strlen",
        "Tells how many bytes the string under a key has.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .string,
        since: "2.2.0",
        categories: ["string"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let entry = call.read(call.key(1)) else { return call.reply.integer(0) }
        guard entry.isString else { throw .wrongType }
        call.reply.integer(entry.string.byteCount)
    }

    static let setrange = Command(
        "setrange",
        "Overwrites a part of the string under a key.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom],
        group: .string,
        since: "2.2.0",
        complexity: "O(1) but for the copying: O(M) where M is the number of bytes written",
        categories: ["string"],
        syntax: "<key:key> <offset:integer> <value>"
    ) { call throws(CommandError) in
        let offset = Int(try call.integer(2))
        guard offset >= 0 else { throw .offsetOutOfRange }
        let key = call.key(1)
        let value = call.arguments[3]
        let entry = call.lookup(key)
        if let entry, !entry.isString { throw .wrongType }
        guard !value.isEmpty else { return call.reply.integer(entry?.string.byteCount ?? 0) }
        try call.checkStringLength(offset, plus: value.count)

        let string = call.keyspace(of: key).edit(key, in: call.database, growingTo: offset + value.count)
        string.write(value, at: offset)
        call.didChange(key)
        call.reply.integer(string.count)
    }

    static let getrange = Command(
        "getrange",
        "Hands out a part of the string under a key.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .string,
        since: "2.4.0",
        complexity: "O(N) where N is the number of bytes handed out; O(1) while they are few",
        categories: ["string"],
        syntax: "<key:key> <start:integer> <end:integer>"
    ) { call throws(CommandError) in
        try replyRange(call)
    }

    static let substr = Command(
        "substr",
        "Hands out a part of the string under a key: GETRANGE's first name.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .string,
        since: "1.0.0",
        complexity: "O(N) where N is the number of bytes handed out; O(1) while they are few",
        categories: ["string"],
        syntax: "<key:key> <start:integer> <end:integer>"
    ) { call throws(CommandError) in
        try replyRange(call)
    }

    private static func replyRange(_ call: Call) throws(CommandError) {
        let (first, last) = (Int(try call.integer(2)), Int(try call.integer(3)))
        guard let entry = call.read(call.key(1)) else { return call.reply.bulk("") }
        guard entry.isString else { throw .wrongType }
        guard !endsBeforeItBegins(first, last) else { return call.reply.bulk("") }
        entry.string.withBytes { string in
            call.reply.bulk(string[Range(from: first, through: last, of: string.count)])
        }
    }
}

/// Whether a part that is counted from the end is backwards. Redis asks this before it cuts off what lies outside: from -1
/// to -100 is nothing, and not the first position.
func endsBeforeItBegins(_ first: Int, _ last: Int) -> Bool { first < 0 && last < 0 && first > last }

extension Range<Int> {
    /// The positions from `first` to `last`, both included, of something that has `count`; negative ones count from its
    /// end, and what lies outside is cut off.
    init(from first: Int, through last: Int, of count: Int) {
        let lower = Swift.max(0, first < 0 ? count + first : first)
        let upper = Swift.min(count - 1, Swift.max(0, last < 0 ? count + last : last))
        self = lower <= upper ? lower..<(upper + 1) : 0..<0
    }
}

extension Call {
    /// Refuses a string that would be longer than `proto-max-bulk-len`.
    func checkStringLength(_ count: Int, plus more: Int) throws(CommandError) {
        let (sum, isTooLarge) = count.addingReportingOverflow(more)
        guard !isTooLarge, sum <= longestString else { throw .stringTooLong }
    }
}
