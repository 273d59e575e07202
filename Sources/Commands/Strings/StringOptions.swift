// The words behind a string: NX, XX, IFEQ, GET, and those that say when the key dies.

internal import Keyspace
internal import Protocol

/// What these words ask for, all together.
struct StringOptions {
    /// On what the write depends.
    enum Condition: Equatable {
        case none, isMissing, isPresent
        /// The string is the argument at this position.
        case isEqual(toArgument: Int)
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
                try lifetime.choose(.until(clause))
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
                try lifetime.choose(.kept)
            } else if vocabulary.contains(.persist), word.isWord("PERSIST") {
                try lifetime.choose(.endless)
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
}
