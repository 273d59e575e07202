// Parts of a sorted set: from score to score, from member to member.

public import Protocol

public struct ScoreRange {
    public let minimum: Double
    public let maximum: Double
    public let includesMinimum: Bool
    public let includesMaximum: Bool

    public init(from minimum: Double, includingIt: Bool, to maximum: Double, includingThat: Bool) {
        (self.minimum, includesMinimum) = (minimum, includingIt)
        (self.maximum, includesMaximum) = (maximum, includingThat)
    }
}

/// One end of a `MemberRange`.
public enum MemberLimit {
    case least, greatest
    case including(Bytes)
    case excluding(Bytes)
}

public struct MemberRange {
    public let minimum: MemberLimit
    public let maximum: MemberLimit

    public init(from minimum: MemberLimit, to maximum: MemberLimit) {
        (self.minimum, self.maximum) = (minimum, maximum)
    }
}

/// A bound that can be sought in either encoding.
protocol SortedSetBound: TreeBound where Content == ScoreOrder {
    func isBehind(_ pack: Listpack, memberAt offset: Int) -> Bool
}

/// Before, or behind, all members with a score.
struct ScoreBound: SortedSetBound {
    let score: Double
    let isBehindEqual: Bool

    @inline(__always)
    func isBehind(_ other: Double) -> Bool { isBehindEqual ? other <= score : other < score }

    @inline(__always)
    func isBehind(_ element: ScoredMember) -> Bool { isBehind(element.score) }

    @inline(__always)
    func isBehind(_ separator: ScoreOrder.Separator) -> Bool { isBehind(separator.score) }

    @inline(__always)
    func isBehind(_ pack: Listpack, memberAt offset: Int) -> Bool { isBehind(pack.score(behind: offset)) }
}

/// Before or behind a name, or at an end, whatever the scores are.
enum NameBound: SortedSetBound {
    case start, end
    case before(Bytes)
    case behind(Bytes)

    init(beginning limit: MemberLimit) {
        switch limit {
        case .least: self = .start
        case .greatest: self = .end
        case .including(let name): self = .before(name)
        case .excluding(let name): self = .behind(name)
        }
    }

    init(ending limit: MemberLimit) {
        switch limit {
        case .least: self = .start
        case .greatest: self = .end
        case .including(let name): self = .behind(name)
        case .excluding(let name): self = .before(name)
        }
    }

    private func isBehind(_ member: Bytes) -> Bool {
        switch self {
        case .start: false
        case .end: true
        case .before(let name): member.precedes(name)
        case .behind(let name): !name.precedes(member)
        }
    }

    func isBehind(_ element: ScoredMember) -> Bool { isBehind(element.member) }

    func isBehind(_ separator: ScoreOrder.Separator) -> Bool { isBehind(separator.element.member) }

    func isBehind(_ pack: Listpack, memberAt offset: Int) -> Bool { pack[offset].withBytes { isBehind($0) } }
}
