// The words behind a string: NX, XX, IFEQ, GET, KEEPTTL, PERSIST, and those that say when the key dies.

internal import Keyspace
internal import Protocol

/// `EX`, `PX`, `EXAT` or `PXAT`, and the place of its number among the arguments.
struct ExpiryClause {
    enum Kind {
        case seconds, milliseconds
        /// Since 1970.
        case unixSeconds, unixMilliseconds
    }

    let kind: Kind
    let index: Int

    /// - Parameter index: where the number stands.
    init(_ kind: Kind, at index: Int) {
        self.kind = kind
        self.index = index
    }

    /// The clause whose word stands at `index`, if there is one and a number may follow.
    init?(_ arguments: Arguments, wordAt index: Int) {
        guard index + 1 < arguments.count else { return nil }
        let word = arguments[index]
        if word.isWord("EX") {
            self.init(.seconds, at: index + 1)
        } else if word.isWord("PX") {
            self.init(.milliseconds, at: index + 1)
        } else if word.isWord("EXAT") {
            self.init(.unixSeconds, at: index + 1)
        } else if word.isWord("PXAT") {
            self.init(.unixMilliseconds, at: index + 1)
        } else {
            return nil
        }
    }

    /// The time that is meant, in Unix milliseconds: positive, but perhaps past.
    func time(_ call: Call) throws(CommandError) -> Int64 {
        let number = try call.integer(index)
        let inSeconds = kind == .seconds || kind == .unixSeconds
        let isRelative = kind == .seconds || kind == .milliseconds

        let (milliseconds, isTooLarge) = number.multipliedReportingOverflow(by: inSeconds ? 1000 : 1)
        guard number > 0, !isTooLarge else { throw .invalidExpireTime }
        let (time, isTooFar) = milliseconds.addingReportingOverflow(isRelative ? call.keyspace.now : 0)
        guard !isTooFar else { throw .invalidExpireTime }
        return time
    }
}

/// What those words ask for, all together.
struct StringOptions {
    /// On what the write depends.
    enum Condition: Equatable {
        case none, isMissing, isPresent
        /// The string is the argument at this position.
        case isEqual(toArgument: Int)
    }

    /// What becomes of the key's expiry.
    enum Lifetime {
        case unsaid, kept, endless
        case until(ExpiryClause)
    }

    /// Which words a command knows besides the four of `ExpiryClause`.
    struct Vocabulary: OptionSet {
        let rawValue: Int
        static let presence = Vocabulary(rawValue: 1)
        static let equality = Vocabulary(rawValue: 2)
        static let get = Vocabulary(rawValue: 4)
        static let keepTTL = Vocabulary(rawValue: 8)
        static let persist = Vocabulary(rawValue: 16)

        static let set: Self = [.presence, .equality, .get, .keepTTL]
        static let msetex: Self = [.presence, .keepTTL]
        static let getex: Self = .persist
    }

    private(set) var condition = Condition.none
    private(set) var lifetime = Lifetime.unsaid
    private(set) var returnsPrevious = false

    /// Reads the arguments from `first` on; any order, and the same word twice is no mistake.
    init(_ arguments: Arguments, from first: Int, knowing vocabulary: Vocabulary) throws(CommandError) {
        var index = first
        while index < arguments.count {
            let word = arguments[index]
            if let clause = ExpiryClause(arguments, wordAt: index) {
                try choose(.until(clause))
                index += 1
            } else if vocabulary.contains(.presence), word.isWord("NX") {
                try choose(.isMissing)
            } else if vocabulary.contains(.presence), word.isWord("XX") {
                try choose(.isPresent)
            } else if vocabulary.contains(.equality), word.isWord("IFEQ"), index + 1 < arguments.count {
                try choose(.isEqual(toArgument: index + 1))
                index += 1
            } else if vocabulary.contains(.get), word.isWord("GET") {
                returnsPrevious = true
            } else if vocabulary.contains(.keepTTL), word.isWord("KEEPTTL") {
                try choose(.kept)
            } else if vocabulary.contains(.persist), word.isWord("PERSIST") {
                try choose(.endless)
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    private mutating func choose(_ new: Condition) throws(CommandError) {
        guard condition == .none || condition == new else { throw .syntax }
        condition = new
    }

    private mutating func choose(_ new: Lifetime) throws(CommandError) {
        switch (lifetime, new) {
        case (.unsaid, _), (.kept, .kept), (.endless, .endless): lifetime = new
        case (.until(let first), .until(let second)) where first.kind == second.kind: lifetime = new
        default: throw .syntax
        }
    }

    /// Whether the old value matters.
    var looksAtPrevious: Bool { returnsPrevious || condition != .none }

    /// Whether the old value must be a string.
    var needsString: Bool {
        if case .isEqual = condition { return true }
        return returnsPrevious
    }

    /// Whether the write may happen where `previous` is what is there.
    func isMet(by previous: Entry?, _ arguments: Arguments) -> Bool {
        switch condition {
        case .none: true
        case .isMissing: previous == nil
        case .isPresent: previous != nil
        case .isEqual(let index): previous?.string.isEqual(to: arguments[index]) ?? false
        }
    }

    /// When the key is to die, where that was said.
    func expiryTime(_ call: Call) throws(CommandError) -> Int64? {
        guard case .until(let clause) = lifetime else { return nil }
        return try clause.time(call)
    }

    func expiryRule(_ call: Call) throws(CommandError) -> ExpiryRule {
        switch lifetime {
        case .unsaid, .endless: .discard
        case .kept: .keep
        case .until(let clause): .at(try clause.time(call))
        }
    }
}
