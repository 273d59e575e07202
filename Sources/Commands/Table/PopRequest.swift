// What commands ask that take elements from an end of the first of several keys that has any: LMPOP, ZMPOP and their
// waiting forms.

internal import Protocol

/// `numkeys key [key ...] end [COUNT count]`
struct PopRequest {
    let keys: Range<Int>
    /// Whether the second of the two ends is meant: the tail, or the highest score.
    let isFromLast: Bool
    private(set) var count = 1

    /// - Parameters:
    ///   - index: where the number of keys stands.
    ///   - ends: the words for the two ends.
    init(
        _ call: Call,
        keyCountAt index: Int,
        ends: (first: StaticString, last: StaticString)
    ) throws(CommandError) {
        guard let keyCount = parseInteger(call.arguments[index]), keyCount > 0 else {
            throw .text("ERR numkeys should be greater than 0")
        }
        guard keyCount < Int64(call.arguments.count - index - 1) else { throw .syntax }
        keys = index + 1..<index + 1 + Int(keyCount)
        isFromLast = call.arguments[keys.upperBound].isWord(ends.last)
        guard isFromLast || call.arguments[keys.upperBound].isWord(ends.first) else { throw .syntax }

        var (next, hasCount) = (keys.upperBound + 1, false)
        while next < call.arguments.count {
            guard !hasCount, call.arguments[next].isWord("COUNT"), next + 1 < call.arguments.count else {
                throw .syntax
            }
            guard let number = parseInteger(call.arguments[next + 1]), number > 0 else {
                throw .text("ERR count should be greater than 0")
            }
            (count, hasCount) = (Int(number), true)
            next += 2
        }
    }
}
