// What ZRANGE and its many kin are asked for: from where to where, by what, in which order, how many.

internal import Keyspace
internal import Protocol

struct RangeRequest {
    enum Measure { case rank, score, name }

    private enum Bounds {
        case ranks(Int64, Int64)
        case scores(ScoreRange)
        case names(MemberRange)
    }

    private let bounds: Bounds
    private(set) var isReversed = false
    private(set) var wantsScores = false
    private var offset: Int64 = 0
    /// Negative for all.
    private var limit: Int64 = -1

    /// Reads the arguments from `first` on: two bounds, then words.
    ///
    /// - Parameters:
    ///   - measure: what the bounds are; nil where a word may say it.
    ///   - reversed: whether the order is the opposite; nil where a word may say it.
    ///   - stores: whether the result is stored; then nobody wants to see scores.
    init(
        _ call: Call,
        from first: Int,
        by measure: Measure? = nil,
        reversed: Bool? = nil,
        stores: Bool = false
    ) throws(CommandError) {
        var (measure, reversed) = (measure, reversed)
        var index = first + 2
        while index < call.arguments.count {
            let word = call.arguments[index]
            if !stores, word.isWord("WITHSCORES") {
                wantsScores = true
            } else if word.isWord("LIMIT"), index + 2 < call.arguments.count {
                offset = try call.integer(index + 1)
                limit = try call.integer(index + 2)
                index += 2
            } else if reversed == nil, word.isWord("REV") {
                reversed = true
            } else if measure == nil, word.isWord("BYLEX") {
                measure = .name
            } else if measure == nil, word.isWord("BYSCORE") {
                measure = .score
            } else {
                throw .syntax
            }
            index += 1
        }
        let chosen = measure ?? .rank
        isReversed = reversed ?? false
        guard limit == -1 || chosen != .rank else {
            throw .text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
            )
        }
        guard !wantsScores || chosen != .name else {
            throw .text("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
        }
        // Backwards the greater bound comes first, but not among ranks, which are counted backwards themselves.
        let (low, high) = isReversed ? (first + 1, first) : (first, first + 1)
        switch chosen {
        case .rank: bounds = .ranks(try call.integer(first), try call.integer(first + 1))
        case .score: bounds = .scores(try call.scoreRange(low, high))
        case .name: bounds = .names(try call.memberRange(low, high))
        }
    }

    /// Whether it was known from the start how many members there would be.
    var isByRank: Bool { if case .ranks = bounds { true } else { false } }

    /// The ranks, counted from the lowest score, of the members that are asked for.
    func ranks(of value: SortedSetValue) -> Range<Int> {
        switch bounds {
        case .ranks(let first, let last):
            let ranks = Range(ranksFrom: Int(first), through: Int(last), of: value.count)
            return isReversed ? value.count - ranks.upperBound..<value.count - ranks.lowerBound : ranks
        case .scores(let range): return limited(value.ranks(in: range))
        case .names(let range): return limited(value.ranks(in: range))
        }
    }

    private func limited(_ ranks: Range<Int>) -> Range<Int> {
        guard offset >= 0, offset < Int64(ranks.count) else { return ranks.lowerBound..<ranks.lowerBound }
        let left = ranks.count - Int(offset)
        let count = limit < 0 ? left : min(left, Int(limit))
        let start = isReversed ? ranks.upperBound - Int(offset) - count : ranks.lowerBound + Int(offset)
        return start..<start + count
    }
}

extension Range<Int> {
    /// Those of `count` elements that lie from `first` through `last`, negative numbers being counted from the end.
    init(ranksFrom first: Int, through last: Int, of count: Int) {
        let lower = Swift.max(0, first < 0 ? count + first : first)
        let upper = Swift.min(count - 1, last < 0 ? count + last : last)
        self = lower <= upper ? lower..<(upper + 1) : 0..<0
    }
}

extension Call {
    /// The arguments at `low` and `high` as scores, each excluded where it stands behind a bracket.
    func scoreRange(_ low: Int, _ high: Int) throws(CommandError) -> ScoreRange {
        let (minimum, includesMinimum) = try scoreBound(low)
        let (maximum, includesMaximum) = try scoreBound(high)
        return ScoreRange(from: minimum, includingIt: includesMinimum, to: maximum, includingThat: includesMaximum)
    }

    private func scoreBound(_ index: Int) throws(CommandError) -> (Double, isIncluded: Bool) {
        let argument = arguments[index]
        let isExcluded = !argument.isEmpty && argument[0] == UInt8(ascii: "(")
        // As C reads it, and so Valkey: up to a zero byte, nothing being zero, and what is too large infinite.
        let start = isExcluded ? 1 : 0
        let text = argument[start..<max(start, argument.firstIndex(of: 0) ?? argument.count)]
        guard !text.isEmpty else { return (0, !isExcluded) }
        guard let score = parseDouble(text, isSaturating: true) else { throw .minimumOrMaximumNotAFloat }
        return (score, !isExcluded)
    }

    /// The arguments at `low` and `high` as names behind a bracket, or as `-` and `+`.
    func memberRange(_ low: Int, _ high: Int) throws(CommandError) -> MemberRange {
        MemberRange(from: try memberLimit(low), to: try memberLimit(high))
    }

    private func memberLimit(_ index: Int) throws(CommandError) -> MemberLimit {
        let text = arguments[index]
        switch text.isEmpty ? 0 : text[0] {
        case UInt8(ascii: "-") where text.count == 1: return .least
        case UInt8(ascii: "+") where text.count == 1: return .greatest
        case UInt8(ascii: "["): return .including(text[1..<text.count])
        case UInt8(ascii: "("): return .excluding(text[1..<text.count])
        default: throw .text("ERR min or max not valid string range item")
        }
    }
}
