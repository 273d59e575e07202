// The words of ZADD: on what it depends that a member gets a score, and which.

internal import Keyspace
internal import Protocol

struct ScoreUpdate: OptionSet {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// NX
    static let onlyMissing = ScoreUpdate(rawValue: 1)
    /// XX
    static let onlyPresent = ScoreUpdate(rawValue: 2)
    /// GT; a member that is not there is taken in all the same, as with LT.
    static let onlyGreater = ScoreUpdate(rawValue: 4)
    /// LT
    static let onlyLess = ScoreUpdate(rawValue: 8)
    /// INCR
    static let increments = ScoreUpdate(rawValue: 16)
    /// CH
    static let countsChanges = ScoreUpdate(rawValue: 32)

    /// Reads the words behind the key of `call`; also where the first score stands.
    static func parse(_ call: Call) -> (ScoreUpdate, first: Int) {
        var (update, index) = (ScoreUpdate(), 2)
        while index < call.arguments.count, let word = ScoreUpdate(word: call.arguments[index]) {
            update.formUnion(word)
            index += 1
        }
        return (update, index)
    }

    init?(word: Bytes) {
        if word.isWord("NX") {
            self = .onlyMissing
        } else if word.isWord("XX") {
            self = .onlyPresent
        } else if word.isWord("GT") {
            self = .onlyGreater
        } else if word.isWord("LT") {
            self = .onlyLess
        } else if word.isWord("INCR") {
            self = .increments
        } else if word.isWord("CH") {
            self = .countsChanges
        } else {
            return nil
        }
    }

    func check(pairCount: Int) throws(CommandError) {
        if isSuperset(of: [.onlyMissing, .onlyPresent]) {
            throw .text("ERR XX and NX options at the same time are not compatible")
        }
        let exclusive = intersection([.onlyGreater, .onlyLess, .onlyMissing])
        guard exclusive.rawValue.nonzeroBitCount <= 1 else {
            throw .text("ERR GT, LT, and/or NX options at the same time are not compatible")
        }
        guard !contains(.increments) || pairCount == 1 else {
            throw .text("ERR INCR option supports a single increment-element pair")
        }
    }

    /// What became of one member.
    enum Outcome {
        case added(Double)
        case changed(Double)
        /// It has the score already.
        case kept(Double)
        /// A condition does not hold.
        case refused
        case notANumber

        var score: Double? {
            switch self {
            case .added(let score), .changed(let score), .kept(let score): score
            case .refused, .notANumber: nil
            }
        }
    }

    func apply(_ given: Double, to member: Bytes, in value: SortedSetValue) -> Outcome {
        guard let found = value.find(member) else {
            guard !contains(.onlyPresent) else { return .refused }
            value.insert(member, score: given)
            return .added(given)
        }
        guard !contains(.onlyMissing) else { return .refused }
        let score = contains(.increments) ? found.score + given : given
        if score.isNaN { return .notANumber }
        if contains(.onlyGreater), score <= found.score { return .refused }
        if contains(.onlyLess), score >= found.score { return .refused }
        if score == found.score { return .kept(score) }
        value.setScore(score, of: found)
        return .changed(score)
    }
}
