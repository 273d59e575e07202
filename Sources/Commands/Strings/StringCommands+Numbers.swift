// INCR and its kin: strings that are numbers.

internal import Keyspace
internal import Protocol

extension StringCommands {
    static let incr = Command(
        "incr",
        "Adds one to the integer under a key.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        try add(1, call)
    }

    static let decr = Command(
        "decr",
        "Takes one from the integer under a key.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        try add(-1, call)
    }

    static let incrby = Command(
        "incrby",
        "Adds to the integer under a key.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key> <increment:integer>"
    ) { call throws(CommandError) in
        try add(try call.integer(2), call)
    }

    static let decrby = Command(
        "decrby",
        "Takes from the integer under a key.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key> <decrement:integer>"
    ) { call throws(CommandError) in
        let decrement = try call.integer(2)
        guard decrement != .min else { throw .decrementOverflows }  // it has no opposite
        try add(-decrement, call)
    }

    @inline(__always)
    private static func add(_ increment: Int64, _ call: Call) throws(CommandError) {
        let key = call.key(1)
        guard let entry = call.lookup(key) else {
            call.set(key, to: increment)
            return call.reply.integer(increment)
        }
        guard entry.isString else { throw .wrongType }
        let (sum, overflows) = try entry.string.asInteger().addingReportingOverflow(increment)
        guard !overflows else { throw .incrementOverflows }
        if entry.isInteger {
            call.withKeyspace(of: key) { $0.store(sum, in: entry) }
            call.didChange(key)
        } else {
            call.set(key, to: sum, expiry: .keep)
        }
        call.reply.integer(sum)
    }

    static let incrbyfloat = Command(
        "incrbyfloat",
        "Adds to the floating-point number under a key.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "2.6.0",
        categories: ["string"],
        syntax: "<key:key> <increment:double>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        let keyspace = call.keyspace(of: key)
        var number: LongDouble = 0
        if let entry = call.lookup(key) {
            guard entry.isString else { throw .wrongType }
            guard let present = entry.string.withBytes({ parseLongDouble($0) }) else { throw .notAFloat }
            number = present
        }
        guard let increment = parseLongDouble(call.arguments[2]) else { throw .notAFloat }
        number += increment
        guard number.isFinite else { throw .incrementIsNotFinite }

        withLongDoubleText(number) { text in
            keyspace.setText(key, in: call.database, to: text, expiry: .keep)
            call.reply.bulk(text)
        }
        call.didChange(key)
    }
}

extension StringValue {
    /// The integer that the string is or spells.
    @inline(__always)
    func asInteger() throws(CommandError) -> Int64 {
        guard let integer else { throw .notAnInteger }
        return integer
    }

    /// The same, or nil where it is none.
    @inline(__always)
    var integer: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes(let text): parseInteger(text)
        }
    }
}
