// The words that say when what a command writes or reads dies: EX, PX, EXAT, PXAT, KEEPTTL and PERSIST.

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

    /// The time that is meant, in Unix milliseconds; it may be past.
    ///
    /// - Parameter least: the least number that is taken: the life of a key is positive, that of a field may be 0.
    func time(_ call: Call, least: Int64 = 1) throws(CommandError) -> Int64 {
        let number = try call.integer(index)
        let inSeconds = kind == .seconds || kind == .unixSeconds
        let isRelative = kind == .seconds || kind == .milliseconds
        guard number >= least else { throw .invalidExpireTime }
        return try expiryTime(number, inSeconds: inSeconds, from: isRelative ? call.keyspace.now : 0)
    }
}

/// The time that `number` means, in Unix milliseconds; it may be past.
///
/// - Parameter origin: what the number counts from, in Unix milliseconds.
func expiryTime(_ number: Int64, inSeconds: Bool, from origin: Int64) throws(CommandError) -> Int64 {
    let (milliseconds, isTooLarge) = number.multipliedReportingOverflow(by: inSeconds ? 1000 : 1)
    let (time, isTooFar) = milliseconds.addingReportingOverflow(origin)
    guard !isTooLarge, !isTooFar else { throw .invalidExpireTime }
    return time
}

/// What becomes of an expiry.
enum Lifetime {
    case unsaid, kept, endless
    case until(ExpiryClause)

    /// Takes in what one more word says: the same word twice is no mistake, two different ones are.
    mutating func choose(_ new: Lifetime) throws(CommandError) {
        switch (self, new) {
        case (.unsaid, _), (.kept, .kept), (.endless, .endless): self = new
        case (.until(let first), .until(let second)) where first.kind == second.kind: self = new
        default: throw .syntax
        }
    }

    /// What a write does.
    func expiryRule(_ call: Call, least: Int64 = 1) throws(CommandError) -> ExpiryRule {
        switch self {
        case .unsaid, .endless: .discard
        case .kept: .keep
        case .until(let clause): .at(try clause.time(call, least: least))
        }
    }
}
