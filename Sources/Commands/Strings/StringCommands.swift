// GET and SET with all their variants: whole strings under one key.

internal import Keyspace
internal import Protocol

public enum StringCommands {
    public static let all = [
        get, set, setnx, setex, psetex, getset, getdel, getex, delifeq,
        append, strlen, setrange, getrange, substr,
        incr, decr, incrby, decrby, incrbyfloat,
        mget, mset, msetnx, msetex, lcs,
    ]

    static let get = Command(
        "get",
        "Hands out the string under a key.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let entry = call.read(key) else { return call.reply.null() }
        guard entry.isString else { throw .wrongType }
        call.reply.bulk(entry.string)
    }

    static let set = Command(
        "set",
        "Makes a string the value of a key.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .access, .update, .variableFlags], ofCall: accessOfSet),
        flags: [.write, .denyoom],
        group: .string,
        since: "1.0.0",
        history: [
            "2.6.12": "Takes `EX`, `PX`, `NX` and `XX`.",
            "6.0.0": "Takes `KEEPTTL`.",
            "6.2.0": "Takes `GET`, `EXAT` and `PXAT`.",
            "7.0.0": "`NX` and `GET` go together.",
            "8.1.0": "Takes `IFEQ`.",
        ],
        categories: ["string"],
        syntax: """
            <key:key> <value> [condition(NX@2.6.12 | XX@2.6.12 | IFEQ <comparison-value@8.1.0>)] [GET@6.2.0]
            [expiration(EX <seconds:integer@2.6.12> | PX <milliseconds:integer@2.6.12> |
            EXAT <unix-time-seconds:unix-time@6.2.0> | PXAT <unix-time-milliseconds:unix-time@6.2.0> | KEEPTTL@6.0.0)]
            """,
        isQuick: true
    ) { call throws(CommandError) in
        guard call.arguments.count == 3 else { return try setWithOptions(call) }
        let key = call.key(1)
        call.set(key, to: call.arguments[2])
        call.reply.ok()
    }

    /// Only with the option GET is the old value looked at.
    private static func accessOfSet(_ arguments: Arguments) -> KeySpecification.Access {
        for index in stride(from: 3, to: arguments.count, by: 1) where arguments[index].isWord("GET") {
            return [.readWrite, .access, .update]
        }
        return [.overwrite, .update]
    }

    @inline(never)
    private static func setWithOptions(_ call: Call) throws(CommandError) {
        let options = try StringOptions(call.arguments, from: 3, knowing: .set)
        let expiry = try options.lifetime.expiryRule(call)
        let key = call.key(1)

        if options.looksAtPrevious {
            let entry = options.returnsPrevious ? call.read(key) : call.lookup(key)
            if let entry, options.needsString, !entry.isString { throw .wrongType }
            let isMet = options.isMet(by: entry, call.arguments)
            if options.returnsPrevious {
                if let entry { call.reply.bulk(entry.string) } else { call.reply.null() }
            }
            guard isMet else {
                if !options.returnsPrevious { call.reply.null() }
                return
            }
        }
        call.set(key, to: call.arguments[2], expiry: expiry)
        if !options.returnsPrevious { call.reply.ok() }
    }

    static let setnx = Command(
        "setnx",
        "Makes a string the value of a key that is not there.",
        arity: .exactly(3),
        keys: .one(at: 1, [.overwrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key> <value>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard call.lookup(key) == nil else { return call.reply.integer(0) }
        call.set(key, to: call.arguments[2])
        call.reply.integer(1)
    }

    static let setex = Command(
        "setex",
        "Makes a string the value of a key, for some seconds.",
        arity: .exactly(4),
        keys: .one(at: 1, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .string,
        since: "2.0.0",
        categories: ["string"],
        syntax: "<key:key> <seconds:integer> <value>",
        isQuick: true
    ) { call throws(CommandError) in
        try setExpiring(call, .seconds)
    }

    static let psetex = Command(
        "psetex",
        "Makes a string the value of a key, for some milliseconds.",
        arity: .exactly(4),
        keys: .one(at: 1, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .string,
        since: "2.6.0",
        categories: ["string"],
        syntax: "<key:key> <milliseconds:integer> <value>",
        isQuick: true
    ) { call throws(CommandError) in
        try setExpiring(call, .milliseconds)
    }

    private static func setExpiring(_ call: Call, _ kind: ExpiryClause.Kind) throws(CommandError) {
        let expiry = try ExpiryClause(kind, at: 2).time(call)
        let key = call.key(1)
        call.set(key, to: call.arguments[3], expiry: .at(expiry))
        call.reply.ok()
    }

    static let getset = Command(
        "getset",
        "Exchanges the string under a key.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom, .fast],
        group: .string,
        since: "1.0.0",
        categories: ["string"],
        syntax: "<key:key> <value>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        if let entry = call.read(key) {
            guard entry.isString else { throw .wrongType }
            call.reply.bulk(entry.string)
        } else {
            call.reply.null()
        }
        call.set(key, to: call.arguments[2])
    }

    static let getdel = Command(
        "getdel",
        "Hands out a string and removes its key.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .string,
        since: "6.2.0",
        categories: ["string"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let entry = call.read(key) else { return call.reply.null() }
        guard entry.isString else { throw .wrongType }
        call.reply.bulk(entry.string)
        call.keyspace(of: key).remove(key, in: call.database)
        call.didChange(key)
    }

    static let getex = Command(
        "getex",
        "Hands out a string and sets or takes away its expiry.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .fast],
        group: .string,
        since: "6.2.0",
        categories: ["string"],
        syntax: """
            <key:key> [expiration(EX <seconds:integer> | PX <milliseconds:integer> |
            EXAT <unix-time-seconds:unix-time> | PXAT <unix-time-milliseconds:unix-time> | PERSIST)]
            """
    ) { call throws(CommandError) in
        let options = try StringOptions(call.arguments, from: 2, knowing: .getex)
        let rule = try options.lifetime.expiryRule(call)
        let key = call.key(1)
        guard let entry = call.read(key) else { return call.reply.null() }
        guard entry.isString else { throw .wrongType }
        call.reply.bulk(entry.string)
        if case .at(let expiry) = rule {
            call.expire(key, at: expiry)
        } else if case .endless = options.lifetime, entry.hasExpiry {
            call.keyspace(of: key).setExpiry(nil, of: key, in: call.database)
            call.didChange(key)
        }
    }

    static let delifeq = Command(
        "delifeq",
        "Removes a key whose string is the one given.",
        arity: .exactly(3),
        keys: .one(at: 1, [.remove, .delete]),
        flags: [.write, .fast],
        group: .string,
        since: "9.0.0",
        categories: ["string"],
        syntax: "<key:key> <value>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let entry = call.lookup(key) else { return call.reply.integer(0) }
        guard entry.isString else { throw .wrongType }
        guard entry.string.isEqual(to: call.arguments[2]) else { return call.reply.integer(0) }
        call.keyspace(of: key).remove(key, in: call.database)
        call.didChange(key)
        call.reply.integer(1)
    }
}

extension ReplyBuffer {
    @inline(__always)
    func bulk(_ string: StringValue) {
        switch string {
        case .bytes(let bytes): bulk(bytes)
        case .integer(let number): bulk(number)
        }
    }
}

extension StringValue {
    func isEqual(to other: Bytes) -> Bool { withBytes { $0.isEqual(to: other) } }
}
