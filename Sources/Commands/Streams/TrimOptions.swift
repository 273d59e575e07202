// What XADD and XTRIM are told of trimming.

internal import Keyspace
internal import Protocol

/// `MAXLEN | MINID [= | ~] threshold`, `LIMIT count`, and a rule for references, in any order.
struct TrimOptions {
    private(set) var goal: StreamValue.TrimGoal?
    private var isApproximate = false
    private var limit: Int?
    private var rule = ReferenceRule.keep

    /// Takes the option at `index` in; returns where the next word stands, or nil where that is no option of these.
    mutating func read(_ call: Call, at index: Int) throws(CommandError) -> Int? {
        let word = call.arguments[index]
        if let rule = ReferenceRule(word) {
            self.rule = rule
            return index + 1
        }
        guard index + 1 < call.arguments.count else { return nil }
        if word.isWord("MAXLEN") {
            let place = try threshold(call, behind: index)
            let most = try call.integer(place)
            guard most >= 0 else { throw .text("ERR The MAXLEN argument must be >= 0.") }
            goal = .greatestCount(Int(most))
            return place + 1
        }
        if word.isWord("MINID") {
            let place = try threshold(call, behind: index)
            goal = .leastID(try call.streamID(place))
            return place + 1
        }
        guard word.isWord("LIMIT") else { return nil }
        let count = try call.integer(index + 1)
        guard count >= 0 else { throw .text("ERR The LIMIT argument must be >= 0.") }
        limit = Int(count)
        return index + 2
    }

    /// Where the threshold stands, which may have a sign before it.
    private mutating func threshold(_ call: Call, behind index: Int) throws(CommandError) -> Int {
        guard goal == nil else {
            throw .text("ERR syntax error, MAXLEN and MINID options at the same time are not compatible")
        }
        let next = call.arguments[index + 1]
        isApproximate = next.isOnly("~")
        let hasSign = isApproximate || next.isOnly("=")
        guard hasSign, index + 2 < call.arguments.count else {
            isApproximate = false
            return index + 1
        }
        return index + 2
    }

    /// Makes sure that the options belong together.
    func check(isRequired: Bool) throws(CommandError) {
        if goal == nil, limit ?? 0 > 0 {
            throw .text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
        }
        if goal == nil, isRequired {
            throw .text("ERR syntax error, XTRIM must be called with a trimming strategy")
        }
        if limit != nil, !isApproximate {
            throw .text("ERR syntax error, LIMIT cannot be used without the special ~ option")
        }
    }

    /// Removes what is too much; says how many entries that was.
    func trim(_ value: StreamValue, _ limits: ValueLimits) -> Int {
        guard let goal else { return 0 }
        // So many blocks are removed at the most, so that a single command stays short.
        let usual = limits.streamNodeCount == 0 ? 10_000 : 100 * min(limits.streamNodeCount, 10_000)
        return value.trim(
            to: goal,
            isApproximate: isApproximate,
            limit: limit ?? (isApproximate ? usual : 0),
            rule
        )
    }
}

extension ReferenceRule {
    init?(_ word: Bytes) {
        if word.isWord("KEEPREF") {
            self = .keep
        } else if word.isWord("DELREF") {
            self = .remove
        } else if word.isWord("ACKED") {
            self = .needNone
        } else {
            return nil
        }
    }
}
