import Protocol
import Testing

@testable import Keyspace

/// A member of the model; ordered as a sorted set is.
private struct Scored: Comparable {
    let member: [UInt8]
    let score: Double

    static func < (one: Scored, other: Scored) -> Bool {
        one.score == other.score ? one.member.lexicographicallyPrecedes(other.member) : one.score < other.score
    }
}

private struct Run {
    let keyspace = Keyspace.standalone()
    var random: SplitMix
    var model: [[UInt8]: Double] = [:]
    /// With few scores many members have the same.
    let scores: Int
    let members: Int

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        scores = [3, 50, 1 << 40][Int(seed % 3)]
        members = [60, 400, 4000][Int(seed / 3 % 3)]
        keyspace.limits.sortedSetListpackCount = [0, 16, 128][Int(seed / 9 % 3)]
        _ = keyspace.with("key") { keyspace.make(SortedSetValue.self, under: $0, in: 0) }
    }

    var value: SortedSetValue {
        keyspace.with("key") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { preconditionFailure("the key is gone") }
            return SortedSetValue(entry: entry, keyspace: keyspace)
        }
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func member() -> [UInt8] {
        let number = below(members)
        switch number % 20 {
        case 0: return Array(String(number).utf8)
        case 1: return Array("member".utf8) + [UInt8](repeating: 0xFF, count: number % 70)
        default: return Array("member:\(number)".utf8)
        }
    }

    mutating func score() -> Double {
        let number = Double(below(scores) - scores / 2)
        return [number, number / 8, number * 1e30, -.infinity, .infinity][[0, 0, 0, 1, 1, 2, 3, 4][below(8)]]
    }

    var ordered: [Scored] { model.map { Scored(member: $0.key, score: $0.value) }.sorted() }

    mutating func step() {
        let member = member()
        switch below(20) {
        case 0..<11: put(member)
        case 11..<16: remove(member)
        case 16: removeRanks()
        case 17: compareRanks()
        case 18: copy()
        default: _ = keyspace.rehashSlice(budget: 10)
        }
        let found = member.withBytes { value.find($0) }
        #expect(found?.score == model[member])
        #expect(value.count == model.count)
    }

    private mutating func put(_ member: [UInt8]) {
        let score = score()
        member.withBytes { bytes in
            if let found = value.find(bytes) {
                value.setScore(score, of: found)
            } else {
                value.insert(bytes, score: score)
            }
        }
        model[member] = score
    }

    private mutating func remove(_ member: [UInt8]) {
        if let found = member.withBytes({ value.find($0) }) {
            let rank = value.rank(of: found)
            #expect(ordered[rank].member == member)
            value.remove(found)
        }
        model[member] = nil
    }

    private mutating func removeRanks() {
        guard !model.isEmpty, below(4) == 0 else { return }
        let start = below(model.count)
        let ranks = start..<min(model.count, start + below(100))
        for removed in ordered[ranks] { model[removed.member] = nil }
        value.remove(ranks)
    }

    private mutating func compareRanks() {
        let ordered = ordered
        let (one, other) = (score(), score())
        let (minimum, maximum) = (min(one, other), max(one, other))
        let (includesMinimum, includesMaximum) = (below(2) == 0, below(2) == 0)
        let range = ScoreRange(
            from: minimum,
            includingIt: includesMinimum,
            to: maximum,
            includingThat: includesMaximum
        )
        let expected = ordered.filter { element in
            (includesMinimum ? element.score >= minimum : element.score > minimum)
                && (includesMaximum ? element.score <= maximum : element.score < maximum)
        }
        #expect(elements(value.ranks(in: range)) == expected)
        #expect(elements(value.ranks(in: range), reversed: true) == expected.reversed())
    }

    private func elements(_ ranks: Range<Int>, reversed: Bool = false) -> [Scored] {
        var found: [Scored] = []
        value.forEach(in: ranks, reversed: reversed) { member, score in
            found.append(Scored(member: member.withBytes { $0.array }, score: score))
        }
        return found
    }

    /// Goes on with a copy in place of the original.
    private mutating func copy() {
        keyspace.with("key") { key in
            guard let copy = keyspace.duplicate(key, in: 0) else { preconditionFailure("the key is gone") }
            keyspace.attach(copy, as: key, in: 0)
        }
    }

    func check() {
        value.checkInvariants()
        #expect(elements(0..<model.count) == ordered)
        let counted = keyspace.with("key") { keyspace.lookup($0, in: 0).map { $0.usedBytes } ?? 0 }
        let empty = Keyspace.standalone()
        let names = empty.with("key") { _ in empty.usedBytes }
        #expect(keyspace.usedBytes == names + Bucket.byteCount + counted)
    }
}

@Suite struct `A sorted set` {
    @Test(arguments: 0..<27)
    func `holds what a dictionary of scores holds, in order`(seed: UInt64) {
        var run = Run(seed: seed)
        for step in 0..<3000 {
            run.step()
            if step % 100 == 0 { run.check() }
        }
        run.check()
    }

    @Test func `finds its members between names where all scores are the same`() {
        for limit in [0, 128] {
            let keyspace = Keyspace.standalone()
            keyspace.limits.sortedSetListpackCount = limit
            let value = keyspace.with("key") { keyspace.make(SortedSetValue.self, under: $0, in: 0) }
            for name in ["c", "a", "10", "b", "9", "abc"] { Array(name.utf8).withBytes { value.insert($0, score: 1) } }

            func ranks(_ minimum: MemberLimit, _ maximum: MemberLimit) -> Range<Int> {
                value.ranks(in: MemberRange(from: minimum, to: maximum))
            }
            // 10, 9, a, abc, b, c
            #expect(ranks(.least, .greatest) == 0..<6)
            #expect(ranks(.greatest, .least).isEmpty)
            [UInt8(ascii: "a")].withBytes { a in
                [UInt8(ascii: "b")].withBytes { b in
                    #expect(ranks(.including(a), .including(b)) == 2..<5)
                    #expect(ranks(.excluding(a), .excluding(b)) == 3..<4)
                    #expect(ranks(.least, .excluding(a)) == 0..<2)
                    #expect(ranks(.excluding(b), .greatest) == 5..<6)
                    #expect(ranks(.including(b), .including(a)).isEmpty)
                }
            }
        }
    }

    @Test func `is scanned without missing a member that is there all the time`() {
        let keyspace = Keyspace.standalone()
        let value = keyspace.with("key") { keyspace.make(SortedSetValue.self, under: $0, in: 0) }
        for number in 0..<5000 { Array("m\(number)".utf8).withBytes { value.insert($0, score: Double(number)) } }

        var (seen, cursor): (Set<String>, UInt64) = ([], 0)
        var removed = 5000
        repeat {
            cursor = value.scan(from: cursor, count: 20) { member, _ in seen.insert(member.withBytes { $0.text }) }
            // Meanwhile the second half goes, and the table shrinks under the scan.
            if removed > 2500 {
                removed -= 100
                value.remove(removed..<removed + 100)
            }
        } while cursor != 0

        #expect((0..<2500).allSatisfy { seen.contains("m\($0)") })
        value.checkInvariants()
    }
}
