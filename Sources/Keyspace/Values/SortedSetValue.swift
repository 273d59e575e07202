// Sorted sets: members with scores, ordered by score and, where that is the same, by the bytes of the member.
//
// A small one is a bare listpack: member, score, member, score, …, in order; a score that is integral is kept as that
// integer, any other as its shortest text. A large one is a `SortedMembers`.

public import Protocol

/// A sorted set, seen through the entry that holds it.
@safe
public struct SortedSetValue: AggregateValue {
    public static var type: ValueType { .sortedSet }

    let entry: Entry
    @safe unowned(unsafe) let keyspace: Keyspace

    public init(entry: Entry, keyspace: Keyspace) {
        self.entry = entry
        self.keyspace = keyspace
    }

    public static func makeEmpty(in keyspace: Keyspace) -> Aggregate {
        let pack = Listpack(.bare, memory: keyspace.memory)
        return unsafe Aggregate(.sortedSet, .listpack, base: pack.base)
    }

    /// Whether it is a listpack.
    public var isSmall: Bool { @inline(__always) get { entry.encoding == .listpack } }

    var pack: Listpack {
        get { unsafe Listpack(base: entry.aggregate.base) }
        nonmutating set { entry.aggregate = unsafe Aggregate(.sortedSet, .listpack, base: newValue.base) }
    }

    var members: SortedMembers { unsafe SortedMembers(base: entry.aggregate.base) }

    public var count: Int { isSmall ? pack.count / 2 : members.count }

    // MARK: Members

    /// A member that is there, with its score; good until the next change of the set.
    public struct Found {
        public let score: Double
        fileprivate let place: Place
    }

    fileprivate enum Place {
        /// Of the member, in the listpack.
        case offset(Int)
        case element(ScoredMember)
    }

    public func find(_ member: Bytes) -> Found? {
        guard isSmall else {
            guard let element = members.find(member, in: keyspace.environment) else { return nil }
            return Found(score: element.score, place: .element(element))
        }
        let pack = pack
        guard let offset = pack.find(member, from: pack.first, stride: 2) else { return nil }
        return Found(score: pack.score(behind: offset), place: .offset(offset))
    }

    /// Takes in `member`, which is not there and does not lie in this set.
    public func insert(_ member: Bytes, score: Double) {
        if isSmall, !hasRoom(for: member) { convert() }
        if isSmall {
            insertSmall(.init(member), compared: member, score)
        } else {
            members.insert(member, score: score, in: keyspace.environment)
        }
    }

    public func setScore(_ score: Double, of found: Found) {
        switch found.place {
        case .element(let element): members.setScore(score, of: element, memory: keyspace.memory)
        case .offset(let offset):
            // The member is lent by the listpack that is about to change.
            let member = pack[offset].withBytes { $0.array }
            remove(found)
            member.withBytes { insertSmall(.init($0), compared: $0, score) }
        }
    }

    public func remove(_ found: Found) {
        switch found.place {
        case .element(let element): members.remove(element, in: keyspace.environment)
        case .offset(let offset):
            var changed = pack
            changed.remove(at: offset, count: 2, memory: keyspace.memory)
            pack = changed
        }
    }

    /// How many members come before it.
    public func rank(of found: Found) -> Int {
        switch found.place {
        case .element(let element): return members.rank(of: element)
        case .offset(let offset):
            let pack = pack
            var (rank, here) = (0, Listpack.headerByteCount)
            while here < offset {
                here = pack.offset(2, elementsAfter: here)
                rank += 1
            }
            return rank
        }
    }

    // MARK: Ranks

    /// The ranks of the members whose scores are in `range`.
    public func ranks(in range: ScoreRange) -> Range<Int> {
        ranks(
            from: ScoreBound(score: range.minimum, isBehindEqual: !range.includesMinimum),
            to: ScoreBound(score: range.maximum, isBehindEqual: range.includesMaximum)
        )
    }

    /// The ranks of the members that are in `range`; makes sense where all scores are the same.
    public func ranks(in range: MemberRange) -> Range<Int> {
        ranks(from: NameBound(beginning: range.minimum), to: NameBound(ending: range.maximum))
    }

    @inline(__always)
    private func ranks(from lower: some SortedSetBound, to upper: some SortedSetBound) -> Range<Int> {
        if isSmall {
            let first = pack.rank(of: lower)
            return first..<max(first, pack.rank(of: upper))
        }
        let first = members.tree.rank(of: lower)
        return first..<max(first, members.tree.rank(of: upper))
    }

    /// Visits the members whose ranks are in `ranks`, the last first where `reversed`; `body` does not change the set, and
    /// what it is lent is good for its length.
    @inline(__always)
    public func forEach(in ranks: Range<Int>, reversed: Bool = false, _ body: (StringValue, Double) -> Void) {
        visit(in: ranks, reversed: reversed) { member, score in
            body(member, score)
            return true
        }
    }

    /// The same while `body` answers true.
    @inline(__always)
    public func visit(in ranks: Range<Int>, reversed: Bool = false, _ body: (StringValue, Double) -> Bool) {
        guard !ranks.isEmpty else { return }
        guard isSmall else {
            return members.tree.visit(in: ranks, reversed: reversed) { body(.bytes($0.member), $0.score) }
        }
        let pack = pack
        guard var offset = pack.offset(ofIndex: 2 * ranks.lowerBound) else { return }
        if reversed {
            _ = pack.visitBackwards(ranks.count, from: offset, stride: 2) { body(pack[$0], pack.score(behind: $0)) }
            return
        }
        for _ in ranks {
            guard body(pack[offset], pack.score(behind: offset)) else { return }
            offset = pack.offset(2, elementsAfter: offset)
        }
    }

    public func forEach(_ body: (StringValue, Double) -> Void) { forEach(in: 0..<count, body) }

    public func remove(_ ranks: Range<Int>) {
        guard !ranks.isEmpty else { return }
        guard isSmall else { return members.remove(ranks, in: keyspace.environment) }
        var changed = pack
        guard let offset = changed.offset(ofIndex: 2 * ranks.lowerBound) else { return }
        changed.remove(at: offset, count: 2 * ranks.count, memory: keyspace.memory)
        pack = changed
    }

    /// The rank of a member, each as likely as any other.
    public func randomRank() -> Int { randomRank(below: count) }

    /// A number from 0 up to `limit`, each as likely as any other.
    public func randomRank(below limit: Int) -> Int { keyspace.randomIndex(below: limit) }

    /// Visits the next members after `cursor`, 0 being the start and, when returned, the end: all at once of a small set;
    /// else about `count`, and each that is there all the time at least once.
    public func scan(from cursor: UInt64, count: Int, _ body: (StringValue, Double) -> Void) -> UInt64 {
        if isSmall {
            forEach(body)
            return 0
        }
        var (cursor, left) = (cursor, count)
        var chainsLeft = count.multipliedReportingOverflow(by: 10).overflow ? Int.max : count * 10
        repeat {
            cursor = members.scan(from: cursor) { element in
                body(.bytes(element.member), element.score)
                left -= 1
            }
            chainsLeft -= 1
        } while cursor != 0 && left > 0 && chainsLeft > 0
        return cursor
    }

    // MARK: Small and large

    /// Makes a set that is to get `count` members, one of which has `byteCount` bytes, a large one at once if it would
    /// become one anyway, unless some of them should prove to be the same.
    public func prepare(for count: Int, ofBytes byteCount: Int = 0) {
        let limits = keyspace.limits
        guard isSmall, count > limits.sortedSetListpackCount || byteCount > limits.sortedSetListpackByteCount else {
            return
        }
        convert()
    }

    /// Makes a set without members a large one, until `compact`: a listpack cannot tell a negative zero.
    public func expand() {
        if isSmall { convert() }
    }

    /// Makes the set a small one if it may be.
    public func compact() {
        let limits = keyspace.limits
        guard !isSmall, count <= limits.sortedSetListpackCount else { return }
        var isTooLong = false
        forEach { member, _ in if member.byteCount > limits.sortedSetListpackByteCount { isTooLong = true } }
        guard !isTooLong else { return }
        let large = members
        pack = Listpack(.bare, memory: keyspace.memory)
        large.tree.forEach(in: 0..<large.count) { insertSmall(.init($0.member), compared: $0.member, $0.score) }
        large.free(to: keyspace.memory)
    }

    private func hasRoom(for member: Bytes) -> Bool {
        let (pack, limits) = (pack, keyspace.limits)
        return pack.count / 2 < limits.sortedSetListpackCount && member.count <= limits.sortedSetListpackByteCount
            && pack.hasRoom(for: member.count + 64)
    }

    /// - Parameter member: the bytes of `element`.
    private func insertSmall(_ element: ListpackElement, compared member: Bytes, _ score: Double) {
        let memory = keyspace.memory
        var changed = pack
        let offset = changed.offset(for: member, score)
        if let integer = integralValue(score) {
            changed.insert(element, ListpackElement(integer), at: offset, memory: memory)
        } else {
            withDoubleText(score) { changed.insert(element, ListpackElement($0), at: offset, memory: memory) }
        }
        pack = changed
    }

    func convert() {
        let (small, large) = (pack, SortedMembers(memory: keyspace.memory))
        forEach { member, score in member.withBytes { large.append($0, score: score, in: keyspace.environment) } }
        entry.aggregate = unsafe Aggregate(.sortedSet, .skiplist, base: large.base)
        small.free(to: keyspace.memory)
    }

    /// Stops the process when the set contradicts itself.
    public func checkInvariants() {
        guard isSmall else { return members.checkInvariants(in: keyspace.environment) }
        precondition(pack.isIntact && pack.form == .bare, "a listpack is broken")
        precondition(pack.isOrderedByScore, "a listpack's members are out of order")
    }
}

// MARK: - Reading listpacks

extension Listpack {
    /// The score of the member at `offset`.
    @inline(__always)
    func score(behind offset: Int) -> Double { score(at: end(of: offset)) }

    @inline(__always)
    private func score(at offset: Int) -> Double {
        switch self[offset] {
        case .integer(let number): Double(number)
        case .bytes(let text): parseDouble(text) ?? 0
        }
    }

    /// Where `member` belongs.
    fileprivate func offset(for member: Bytes, _ score: Double) -> Int {
        // Most come with rising scores: the last one is looked at first.
        if let last = last, self.score(at: last) < score { return endOffset }
        var offset = first
        while let here = offset {
            let other = self.score(behind: here)
            if other > score || (other == score && !self[here].withBytes { $0.precedes(member) }) { return here }
            offset = next(after: end(of: here))
        }
        return endOffset
    }

    @inline(__always)
    fileprivate func rank(of bound: some SortedSetBound) -> Int {
        var (rank, offset) = (0, first)
        while let here = offset, bound.isBehind(self, memberAt: here) {
            rank += 1
            offset = next(after: end(of: here))
        }
        return rank
    }
}
