// HSETEX, HGETEX and HGETDEL: fields written with an expiry, or read and given one, or read for the last time.

internal import Keyspace
internal import Protocol

extension HashCommands {
    static let hsetex = Command(
        "hsetex",
        "Gives values to fields, and perhaps an expiry.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .hash,
        since: "9.0.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: """
            <key:key> [key-condition(NX | XX)] [fields-condition(FNX | FXX)]
            [expiration(EX <seconds:integer> | PX <milliseconds:integer> | EXAT <unix-time-seconds:unix-time> |
            PXAT <unix-time-milliseconds:unix-time> | KEEPTTL)]
            FIELDS fields{<numfields:integer#0> data{<field> <value>}...}
            """
    ) { call throws(CommandError) in
        let wordIndex = try FieldList.wordIndex(in: call, from: 2)
        let options = try FieldOptions(call.arguments, in: 2..<wordIndex, of: .writing)
        let fields = try FieldList(call, wordAt: wordIndex, step: 2)
        let key = call.key(1)
        let present = try call.find(key, as: HashValue.self)
        guard options.keyCondition.isMet(present != nil) else { return call.reply.integer(0) }
        let rule = try options.lifetime.expiryRule(call, least: 0)
        for index in fields.positions {
            let isPresent = present?.find(call.arguments[index]) != nil
            guard options.fieldCondition.isMet(isPresent) else { return call.reply.integer(0) }
        }

        if case .at(let time) = rule, call.isPast(time) {
            if let present { remove(fields, from: present, key, call) }
        } else {
            let hash = try call.findOrMake(key, as: HashValue.self)
            for index in fields.positions {
                hash.set(call.arguments[index], to: call.arguments[index + 1], expiry: rule)
            }
            call.didChange(hash, key)
        }
        call.reply.integer(1)
    }

    /// Removes fields that are to die at a time which is past, those among them that are stale already too.
    private static func remove(_ fields: FieldList, from hash: HashValue, _ key: Key, _ call: Call) {
        var hasChanged = false
        for index in fields.positions {
            guard let found = hash.findCounted(call.arguments[index]) else { continue }
            hash.remove(found)
            hasChanged = true
        }
        if hasChanged { call.didRemove(from: hash, key) }
    }

    static let hgetex = Command(
        "hgetex",
        "Hands out the values of fields, and perhaps gives these another expiry.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .fast],
        group: .hash,
        since: "9.0.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: """
            <key:key> [expiration(EX <seconds:integer> | PX <milliseconds:integer> |
            EXAT <unix-time-seconds:unix-time> | PXAT <unix-time-milliseconds:unix-time> | PERSIST)]
            FIELDS fields{<numfields:integer#0> <field>...}
            """
    ) { call throws(CommandError) in
        let wordIndex = try FieldList.wordIndex(in: call, from: 2)
        let options = try FieldOptions(call.arguments, in: 2..<wordIndex, of: .reading)
        let fields = try FieldList(call, wordAt: wordIndex)
        let key = call.key(1)
        let hash = try call.read(key, as: HashValue.self)
        let rule = try options.lifetime.expiryRule(call, least: 0)

        call.reply.array(fields.count)
        var hasChanged = false
        for index in fields.positions {
            let field = call.arguments[index]
            let found = hash?.find(field)
            call.replyValue(of: found)
            guard let hash, let found else { continue }
            switch (options.lifetime, rule) {
            case (_, .at(let time)):
                _ = call.expire(field, found, of: hash, at: time)
                hasChanged = true
            case (.endless, _) where found.expiry != nil:
                hash.setExpiry(nil, of: field, found)
                hasChanged = true
            default: break
            }
        }
        if let hash, hasChanged { call.didRemove(from: hash, key) }
    }

    static let hgetdel = Command(
        "hgetdel",
        "Takes fields out, and hands out their values.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .hash,
        since: "9.1.0",
        complexity: "O(N) where N is the number of fields given",
        categories: ["hash"],
        syntax: "<key:key> FIELDS fields{<numfields:integer#0> <field>...}"
    ) { call throws(CommandError) in
        let fields = try FieldList(call, wordAt: 2)
        let key = call.key(1)
        let hash = try call.find(key, as: HashValue.self)
        call.reply.array(fields.count)
        var hasChanged = false
        for index in fields.positions {
            let found = hash?.find(call.arguments[index])
            call.replyValue(of: found)
            guard let hash, let found else { continue }
            hash.remove(found)
            hasChanged = true
        }
        if let hash, hasChanged { call.didRemove(from: hash, key) }
    }
}

/// The words before FIELDS.
private struct FieldOptions {
    enum Purpose { case reading, writing }

    /// On whether the key, or a field, is there depends whether anything is written.
    enum Condition: Equatable {
        case none, isMissing, isPresent

        func isMet(_ isPresent: Bool) -> Bool {
            switch self {
            case .none: true
            case .isMissing: !isPresent
            case .isPresent: isPresent
            }
        }

        mutating func choose(_ new: Condition) throws(CommandError) {
            guard self == .none || self == new else { throw .syntax }
            self = new
        }
    }

    private(set) var keyCondition = Condition.none
    private(set) var fieldCondition = Condition.none
    private(set) var lifetime = Lifetime.unsaid

    init(_ arguments: Arguments, in positions: Range<Int>, of purpose: Purpose) throws(CommandError) {
        var index = positions.lowerBound
        while index < positions.upperBound {
            let word = arguments[index]
            if index + 1 < positions.upperBound, let clause = ExpiryClause(arguments, wordAt: index) {
                try lifetime.choose(.until(clause))
                index += 1
            } else if purpose == .reading, word.isWord("PERSIST") {
                try lifetime.choose(.endless)
            } else if purpose == .writing, word.isWord("KEEPTTL") {
                try lifetime.choose(.kept)
            } else if purpose == .writing, word.isWord("NX") {
                try keyCondition.choose(.isMissing)
            } else if purpose == .writing, word.isWord("XX") {
                try keyCondition.choose(.isPresent)
            } else if purpose == .writing, word.isWord("FNX") {
                try fieldCondition.choose(.isMissing)
            } else if purpose == .writing, word.isWord("FXX") {
                try fieldCondition.choose(.isPresent)
            } else {
                throw .syntax
            }
            index += 1
        }
    }
}
