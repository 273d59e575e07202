// When fields die: HEXPIRE and its kin, HTTL and its kin, HPERSIST.

internal import Keyspace
internal import Protocol

extension HashCommands {
    static let hexpire = expiring(
        "hexpire",
        "Lets fields die in some seconds.",
        syntax: """
            <key:key> <seconds:integer> [condition(NX | XX | GT | LT)]
            FIELDS fields{<numfields:integer> <field>...}
            """
    ) { call throws(CommandError) in
        try expire(call, inSeconds: true, from: call.keyspace.now)
    }

    static let hpexpire = expiring(
        "hpexpire",
        "Lets fields die in some milliseconds.",
        syntax: """
            <key:key> <milliseconds:integer> [condition@9.0.0(NX | XX | GT | LT)]
            FIELDS fields{<numfields:integer#0> <field>...}
            """
    ) { call throws(CommandError) in
        try expire(call, inSeconds: false, from: call.keyspace.now)
    }

    static let hexpireat = expiring(
        "hexpireat",
        "Lets fields die at a time in Unix seconds.",
        syntax: """
            <key:key> <unix-time-seconds:integer> [condition@9.0.0(NX | XX | GT | LT)]
            FIELDS fields{<numfields:integer#0> <field>...}
            """
    ) { call throws(CommandError) in
        try expire(call, inSeconds: true, from: 0)
    }

    static let hpexpireat = expiring(
        "hpexpireat",
        "Lets fields die at a time in Unix milliseconds.",
        syntax: """
            <key:key> <unix-time-milliseconds:integer> [condition@9.0.0(NX | XX | GT | LT)]
            FIELDS fields{<numfields:integer#0> <field>...}
            """
    ) { call throws(CommandError) in
        try expire(call, inSeconds: false, from: 0)
    }

    /// One of HEXPIRE's kin.
    private static func expiring(
        _ name: String,
        _ summary: String,
        syntax: String,
        _ body: @escaping Command.Body
    ) -> Command {
        Command(
            name,
            summary,
            arity: .atLeast(6),
            keys: .one(at: 1, [.readWrite, .update]),
            flags: [.write, .fast],
            group: .hash,
            since: "9.0.0",
            complexity: "O(N) where N is the number of fields given",
            categories: ["hash"],
            syntax: syntax,
            body
        )
    }

    /// - Parameter origin: what the number counts from, in Unix milliseconds.
    private static func expire(_ call: Call, inSeconds: Bool, from origin: Int64) throws(CommandError) {
        let wordIndex = try FieldList.wordIndex(in: call, from: 3)
        let condition = try ExpiryCondition(call.arguments, in: 3..<wordIndex)
        let fields = try FieldList(call, wordAt: wordIndex)
        let number = try call.integer(2)
        guard number >= 0 else { throw .invalidExpireTime }
        let time = try expiryTime(number, inSeconds: inSeconds, from: origin)

        let key = call.key(1)
        guard let hash = try call.find(key, as: HashValue.self) else {
            return call.replyOutcome(.noSuchField, times: fields.count)
        }
        call.reply.array(fields.count)
        var hasChanged = false
        for index in fields.positions {
            let outcome = expire(call.arguments[index], of: hash, at: time, if: condition, call)
            if outcome == .set || outcome == .removed { hasChanged = true }
            call.reply.integer(outcome.rawValue)
        }
        if hasChanged { call.didRemove(from: hash, key) }
    }

    private static func expire(
        _ field: Bytes,
        of hash: HashValue,
        at time: Int64,
        if condition: ExpiryCondition,
        _ call: Call
    ) -> FieldOutcome {
        guard let found = hash.find(field) else { return .noSuchField }
        guard condition.isMet(by: time, instead: found.expiry) else { return .refused }
        return call.expire(field, found, of: hash, at: time) ? .removed : .set
    }

    static let hpersist = Command(
        "hpersist",
        "Takes the expiry of fields away.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .hash,
        since: "9.0.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: "<key:key> FIELDS fields{<numfields:integer#0> <field>...}"
    ) { call throws(CommandError) in
        let fields = try FieldList(call, wordAt: 2)
        let key = call.key(1)
        guard let hash = try call.find(key, as: HashValue.self) else {
            return call.replyOutcome(.noSuchField, times: fields.count)
        }
        call.reply.array(fields.count)
        var hasChanged = false
        for index in fields.positions {
            let field = call.arguments[index]
            guard let found = hash.find(field) else {
                call.reply.integer(FieldOutcome.noSuchField.rawValue)
                continue
            }
            guard found.expiry != nil else {
                call.reply.integer(FieldOutcome.noExpiry.rawValue)
                continue
            }
            hash.setExpiry(nil, of: field, found)
            hasChanged = true
            call.reply.integer(FieldOutcome.set.rawValue)
        }
        if hasChanged { call.didChange(hash, key) }
    }

    // MARK: Asking

    static let httl = telling(
        "httl",
        "Tells how many seconds fields have to live."
    ) { call throws(CommandError) in
        try replyExpiry(call, inSeconds: true, from: call.keyspace.now)
    }

    static let hpttl = telling(
        "hpttl",
        "Tells how many milliseconds fields have to live."
    ) { call throws(CommandError) in
        try replyExpiry(call, inSeconds: false, from: call.keyspace.now)
    }

    static let hexpiretime = telling(
        "hexpiretime",
        "Tells when fields die, in Unix seconds."
    ) { call throws(CommandError) in
        try replyExpiry(call, inSeconds: true, from: 0)
    }

    static let hpexpiretime = telling(
        "hpexpiretime",
        "Tells when fields die, in Unix milliseconds."
    ) { call throws(CommandError) in
        try replyExpiry(call, inSeconds: false, from: 0)
    }

    /// One of HTTL's kin.
    private static func telling(_ name: String, _ summary: String, _ body: @escaping Command.Body) -> Command {
        Command(
            name,
            summary,
            arity: .atLeast(5),
            keys: .one(at: 1, [.readOnly, .access]),
            flags: [.readonly, .fast],
            group: .hash,
            since: "9.0.0",
            complexity: "O(N) where N is the number of fields given",
            categories: ["hash"],
            syntax: "<key:key> FIELDS fields{<numfields:integer#0> <field>...}",
            body
        )
    }

    private static func replyExpiry(_ call: Call, inSeconds: Bool, from origin: Int64) throws(CommandError) {
        let fields = try FieldList(call, wordAt: 2, orThrow: .syntax)
        let hash = try call.read(call.key(1), as: HashValue.self)
        call.reply.array(fields.count)
        for index in fields.positions {
            guard let found = hash?.find(call.arguments[index]) else {
                call.reply.integer(FieldOutcome.noSuchField.rawValue)
                continue
            }
            guard let expiry = found.expiry else {
                call.reply.integer(FieldOutcome.noExpiry.rawValue)
                continue
            }
            call.reply.time(expiry, inSeconds: inSeconds, from: origin)
        }
    }
}

/// What these commands answer for a field.
private enum FieldOutcome: Int {
    case noSuchField = -2
    case noExpiry = -1
    /// The condition is not met.
    case refused = 0
    case set = 1
    /// The time has come already.
    case removed = 2
}

extension Call {
    fileprivate func replyOutcome(_ outcome: FieldOutcome, times count: Int) {
        reply.array(count)
        for _ in 0..<count { reply.integer(outcome.rawValue) }
    }

    /// Lets `field`, which was just `found`, die at `time` in Unix milliseconds: at once, if that has come.
    ///
    /// - Returns: whether it is gone.
    func expire(_ field: Bytes, _ found: HashValue.Found, of hash: HashValue, at time: Int64) -> Bool {
        guard isPast(time) else {
            hash.setExpiry(time, of: field, found)
            return false
        }
        hash.remove(found)
        return true
    }

    /// Whether what is to die at `time` goes at once. A replica waits for its primary's word, and so does what is replayed
    /// from a log.
    func isPast(_ time: Int64) -> Bool { time <= keyspace.now && keyspace.lazyExpiry == .remove }
}
