// When keys die: EXPIRE and its kin, TTL and its kin, PERSIST.

internal import Keyspace
internal import Protocol

extension KeyCommands {
    static let expire = expiring(
        "expire",
        "Lets a key die in some seconds.",
        since: "1.0.0",
        time: "<seconds:integer>"
    ) { call throws(CommandError) in
        try expire(call, inSeconds: true, from: call.keyspace.now)
    }

    static let pexpire = expiring(
        "pexpire",
        "Lets a key die in some milliseconds.",
        since: "2.6.0",
        time: "<milliseconds:integer>"
    ) { call throws(CommandError) in
        try expire(call, inSeconds: false, from: call.keyspace.now)
    }

    static let expireat = expiring(
        "expireat",
        "Lets a key die at a time in Unix seconds.",
        since: "1.2.0",
        time: "<unix-time-seconds:unix-time>"
    ) { call throws(CommandError) in
        try expire(call, inSeconds: true, from: 0)
    }

    static let pexpireat = expiring(
        "pexpireat",
        "Lets a key die at a time in Unix milliseconds.",
        since: "2.6.0",
        time: "<unix-time-milliseconds:unix-time>"
    ) { call throws(CommandError) in
        try expire(call, inSeconds: false, from: 0)
    }

    /// One of EXPIRE's kin, which differ in what the `time` means.
    private static func expiring(
        _ name: String,
        _ summary: String,
        since: String,
        time: String,
        _ body: @escaping Command.Body
    ) -> Command {
        Command(
            name,
            summary,
            arity: .atLeast(3),
            keys: .one(at: 1, [.readWrite, .update]),
            flags: [.write, .fast],
            group: .generic,
            since: since,
            history: ["7.0.0": "Takes `NX`, `XX`, `GT` and `LT`."],
            categories: ["keyspace"],
            syntax: "<key:key> \(time) [condition@7.0.0(NX | XX | GT | LT)]",
            body
        )
    }

    /// - Parameter origin: what the number counts from, in Unix milliseconds.
    private static func expire(_ call: Call, inSeconds: Bool, from origin: Int64) throws(CommandError) {
        let condition = try ExpiryCondition(call.arguments, in: 3..<call.arguments.count)
        let time = try expiryTime(call.integer(2), inSeconds: inSeconds, from: origin)

        let key = call.key(1)
        guard let entry = call.lookup(key), condition.isMet(by: time, instead: entry.expiry) else {
            return call.reply.integer(0)
        }
        call.expire(key, at: time)
        call.reply.integer(1)
    }

    static let persist = Command(
        "persist",
        "Takes a key's expiry away.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .generic,
        since: "2.2.0",
        categories: ["keyspace"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let entry = call.lookup(key), entry.hasExpiry else { return call.reply.integer(0) }
        call.keyspace(of: key).setExpiry(nil, of: key, in: call.database)
        call.didChange(key)
        call.reply.integer(1)
    }

    // MARK: Asking

    static let ttl = telling(
        "ttl",
        "Tells how many seconds a key has to live.",
        since: "1.0.0",
        history: historyOfTTL,
        tips: ["nondeterministic_output"]
    ) { call throws(CommandError) in
        replyExpiry(call, inSeconds: true, from: call.keyspace.now)
    }

    static let pttl = telling(
        "pttl",
        "Tells how many milliseconds a key has to live.",
        since: "2.6.0",
        history: historyOfTTL,
        tips: ["nondeterministic_output"]
    ) { call throws(CommandError) in
        replyExpiry(call, inSeconds: false, from: call.keyspace.now)
    }

    private static let historyOfTTL: Command.History = ["2.8.0": "-2 for a key that is not there."]

    static let expiretime = telling(
        "expiretime",
        "Tells when a key dies, in Unix seconds.",
        since: "7.0.0"
    ) { call throws(CommandError) in
        replyExpiry(call, inSeconds: true, from: 0)
    }

    static let pexpiretime = telling(
        "pexpiretime",
        "Tells when a key dies, in Unix milliseconds.",
        since: "7.0.0"
    ) { call throws(CommandError) in
        replyExpiry(call, inSeconds: false, from: 0)
    }

    /// One of TTL's kin.
    private static func telling(
        _ name: String,
        _ summary: String,
        since: String,
        history: Command.History = [:],
        tips: [StaticString] = [],
        _ body: @escaping Command.Body
    ) -> Command {
        Command(
            name,
            summary,
            arity: .exactly(2),
            keys: .one(at: 1, [.readOnly, .access]),
            flags: [.readonly, .fast],
            group: .generic,
            since: since,
            history: history,
            categories: ["keyspace"],
            tips: tips,
            syntax: "<key:key>",
            body
        )
    }

    /// -2 is no key, -1 a key that does not die.
    private static func replyExpiry(_ call: Call, inSeconds: Bool, from origin: Int64) {
        guard let entry = call.peek(call.key(1)) else { return call.reply.integer(-2) }
        guard let expiry = entry.expiry else { return call.reply.integer(-1) }
        call.reply.time(expiry, inSeconds: inSeconds, from: origin)
    }
}

/// The words behind the time of EXPIRE and its kin: on what the change of the expiry depends.
struct ExpiryCondition: OptionSet {
    let rawValue: Int
    /// There is none now.
    static let isMissing = ExpiryCondition(rawValue: 1)
    /// There is one now.
    static let isPresent = ExpiryCondition(rawValue: 2)
    /// The new one is later; none is later than all.
    static let isLater = ExpiryCondition(rawValue: 4)
    /// The new one is earlier.
    static let isEarlier = ExpiryCondition(rawValue: 8)

    init(rawValue: Int) { self.rawValue = rawValue }

    /// Reads the arguments at `positions`.
    init(_ arguments: Arguments, in positions: Range<Int>) throws(CommandError) {
        self = []
        for index in positions {
            let word = arguments[index]
            if word.isWord("NX") {
                insert(.isMissing)
            } else if word.isWord("XX") {
                insert(.isPresent)
            } else if word.isWord("GT") {
                insert(.isLater)
            } else if word.isWord("LT") {
                insert(.isEarlier)
            } else {
                throw .unsupportedOption(at: index)
            }
        }
        guard !contains(.isMissing) || self == .isMissing else {
            throw .text("ERR NX and XX, GT or LT options at the same time are not compatible")
        }
        guard !isSuperset(of: [.isLater, .isEarlier]) else {
            throw .text("ERR GT and LT options at the same time are not compatible")
        }
    }

    func isMet(by time: Int64, instead present: Int64?) -> Bool {
        if contains(.isMissing), present != nil { return false }
        if contains(.isPresent), present == nil { return false }
        if contains(.isLater), time <= present ?? .max { return false }
        if contains(.isEarlier), let present, time >= present { return false }
        return true
    }
}

extension ReplyBuffer {
    /// The time from `origin`, which is now or 1970, to `expiry`, both in Unix milliseconds.
    func time(_ expiry: Int64, inSeconds: Bool, from origin: Int64) {
        let milliseconds = max(0, expiry - origin)
        guard inSeconds else { return integer(milliseconds) }
        // To the nearest second; half a second added first could run over.
        integer(milliseconds / 1000 + (milliseconds % 1000 >= 500 ? 1 : 0))
    }
}

extension Call {
    /// Lets `key`, which is there, die at `time` in Unix milliseconds: at once, if that has come. Its entry is gone then.
    func expire(_ key: Key, at time: Int64) {
        let keyspace = keyspace(of: key)
        // A replica waits for its primary's word, and so does what is replayed from a log.
        if time <= keyspace.now, keyspace.lazyExpiry == .remove {
            keyspace.remove(key, in: database)
        } else {
            keyspace.setExpiry(time, of: key, in: database)
        }
        didChange(key)
    }
}
