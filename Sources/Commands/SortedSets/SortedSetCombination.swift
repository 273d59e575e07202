// How sorted sets are put together: which members come through, and with which scores.

internal import Keyspace
internal import Protocol

/// The sources of ZUNION and its kin, sets among them, and what is asked of them.
struct SortedSetCombination {
    enum Operation { case union, intersection, difference }
    enum Purpose { case reply, store, count }

    /// How scores of the same member become one.
    private enum Aggregate {
        case sum, minimum, maximum

        init?(_ word: Bytes) {
            if word.isWord("SUM") {
                self = .sum
            } else if word.isWord("MIN") {
                self = .minimum
            } else if word.isWord("MAX") {
                self = .maximum
            } else {
                return nil
            }
        }

        func callAsFunction(_ one: Double, _ other: Double) -> Double {
            switch self {
            case .sum: (one + other).zeroIfNaN  // opposite infinities
            case .minimum: other < one ? other : one
            case .maximum: other > one ? other : one
            }
        }
    }

    /// What one key holds: a sorted set, a set whose members all score 1, or nothing where it is not there.
    private struct Source {
        private enum Members {
            case none
            case scored(SortedSetValue)
            case unscored(SetValue)
        }

        private let members: Members
        /// Where a set is asked for members.
        private var probe: SetProbe?
        var weight = 1.0

        init(_ call: Call, at index: Int, isRead: Bool) throws(CommandError) {
            let key = call.key(index)
            guard let entry = isRead ? call.read(key) : call.lookup(key) else {
                members = .none
                return
            }
            let keyspace = call.keyspace(of: key)
            switch entry.type {
            case .sortedSet: members = .scored(SortedSetValue(entry: entry, keyspace: keyspace))
            case .set: members = .unscored(SetValue(entry: entry, keyspace: keyspace))
            default: throw .wrongType
            }
        }

        var count: Int {
            switch members {
            case .none: 0
            case .scored(let value): value.count
            case .unscored(let value): value.count
            }
        }

        /// Prepares for being asked for the scores of about `count` members.
        mutating func prepare(askedFor count: Int) {
            if case .unscored(let value) = members { probe = SetProbe(value, askedFor: count) }
        }

        func score(of member: Bytes) -> Double? {
            switch members {
            case .none: nil
            case .scored(let value): value.find(member).map { $0.score * weight }
            case .unscored(let value): probe?.contains(.bytes(member)) ?? value.contains(member) ? weight : nil
            }
        }

        func forEach(_ body: (Bytes, Double) -> Void) {
            visit { member, score in
                body(member, score)
                return true
            }
        }

        /// The same while `body` answers true.
        func visit(_ body: (Bytes, Double) -> Bool) {
            switch members {
            case .none: break
            case .scored(let value):
                value.visit(in: 0..<value.count) { member, score in
                    member.withBytes { body($0, (score * weight).zeroIfNaN) }
                }
            case .unscored(let value):
                value.forEach { member in member.withBytes { body($0, weight) } }
            }
        }
    }

    private let operation: Operation
    private var sources: [Source] = []
    private var aggregate = Aggregate.sum
    private(set) var wantsScores = false
    /// Of the count; 0 for none.
    private var limit = 0

    init(
        _ call: Call,
        _ operation: Operation,
        keyCountAt index: Int,
        purpose: Purpose
    ) throws(CommandError) {
        self.operation = operation
        let keyCount = try call.integer(index)
        guard keyCount >= 1 else { throw .noInputKey }
        guard keyCount <= Int64(call.arguments.count - index - 1) else { throw .syntax }
        for position in index + 1...index + Int(keyCount) {
            sources.append(try Source(call, at: position, isRead: purpose != .store))
        }
        try readWords(call, from: index + 1 + Int(keyCount), purpose)
        // The smallest first: few members have to be looked for in many. Equal ones stay as they came, because sums of
        // floating-point numbers hang on the order.
        if operation != .difference {
            let ordered = sources.enumerated().sorted { ($0.element.count, $0.offset) < ($1.element.count, $1.offset) }
            sources = ordered.map(\.element)
        }
        guard operation != .union else { return }
        for index in sources.indices.dropFirst() { sources[index].prepare(askedFor: sources[0].count) }
    }

    private mutating func readWords(_ call: Call, from first: Int, _ purpose: Purpose) throws(CommandError) {
        var index = first
        while index < call.arguments.count {
            let word = call.arguments[index]
            let left = call.arguments.count - index - 1
            let weighs = operation != .difference && purpose != .count
            if weighs, word.isWord("WEIGHTS"), left >= sources.count {
                for source in sources.indices {
                    guard let weight = parseDouble(call.arguments[index + 1 + source]) else {
                        throw .text("ERR weight value is not a float")
                    }
                    sources[source].weight = weight
                }
                index += sources.count
            } else if weighs, left >= 1, word.isWord("AGGREGATE") {
                guard let chosen = Aggregate(call.arguments[index + 1]) else { throw .syntax }
                aggregate = chosen
                index += 1
            } else if purpose == .reply, word.isWord("WITHSCORES") {
                wantsScores = true
            } else if purpose == .count, left >= 1, word.isWord("LIMIT") {
                guard let number = parseInteger(call.arguments[index + 1]), number >= 0 else {
                    throw .text("ERR LIMIT can't be negative")
                }
                limit = Int(number)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    /// Puts the result into `result`, which is empty.
    func fill(_ result: SortedSetValue) {
        result.expand()
        switch operation {
        case .union: fillWithUnion(result)
        case .intersection:
            visitCommon { member, score in
                result.insert(member, score: score)
                return true
            }
        case .difference: fillWithDifference(result)
        }
    }

    private func fillWithUnion(_ result: SortedSetValue) {
        for source in sources {
            source.forEach { member, score in
                if let found = result.find(member) {
                    let sum = aggregate(found.score, score)
                    if sum.bitPattern != found.score.bitPattern { result.setScore(sum, of: found) }
                } else {
                    result.insert(member, score: score)
                }
            }
        }
    }

    private func fillWithDifference(_ result: SortedSetValue) {
        sources[0].forEach { member, score in
            for other in sources.dropFirst() where other.score(of: member) != nil { return }
            result.insert(member, score: score)
        }
    }

    /// Visits the members that all sources have, while `body` answers true.
    private func visitCommon(_ body: (Bytes, Double) -> Bool) {
        sources[0].visit { member, score in
            var score = score
            for other in sources.dropFirst() {
                guard let another = other.score(of: member) else { return true }
                score = aggregate(score, another)
            }
            return body(member, score)
        }
    }

    /// How many members all sources have, at most `limit`.
    func countCommon() -> Int {
        var count = 0
        visitCommon { _, _ in
            count += 1
            return count != limit
        }
        return count
    }
}

extension Double {
    /// What infinity times zero, and infinity less infinity, count as.
    fileprivate var zeroIfNaN: Double { isNaN ? 0 : self }
}
