// Where the keys of a command stand among its arguments, and what the command does with them.

public import Protocol

/// One group of keys of a command, as COMMAND INFO describes it.
public struct KeySpecification: Sendable {
    public enum Begin: Sendable {
        case index(Int)
        /// Behind a word, looked for from a position on (from the end where that is negative).
        case keyword(String, from: Int)
        /// Where the other arguments say.
        case unknown
    }

    public enum Find: Sendable {
        /// Up to `last` (counted from the first key, or from the end of the arguments where it is negative), every
        /// `step`th; with `limit` > 1 only the first part of what is left.
        case range(last: Int, step: Int, limit: Int)
        /// As many as the number at `index` behind the beginning says, from `first` on.
        case count(at: Int, first: Int, step: Int)
        case unknown
    }

    public struct Access: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        public static let readOnly = Access(rawValue: 1 << 0)
        public static let readWrite = Access(rawValue: 1 << 1)
        public static let overwrite = Access(rawValue: 1 << 2)
        public static let remove = Access(rawValue: 1 << 3)
        public static let access = Access(rawValue: 1 << 4)
        public static let update = Access(rawValue: 1 << 5)
        public static let insert = Access(rawValue: 1 << 6)
        public static let delete = Access(rawValue: 1 << 7)
        public static let notKey = Access(rawValue: 1 << 8)
        public static let incomplete = Access(rawValue: 1 << 9)
        public static let variableFlags = Access(rawValue: 1 << 10)

        static let names: [(Access, String)] = [
            (.readOnly, "RO"), (.readWrite, "RW"), (.overwrite, "OW"), (.remove, "RM"), (.access, "access"),
            (.update, "update"), (.insert, "insert"), (.delete, "delete"), (.notKey, "not_key"),
            (.incomplete, "incomplete"), (.variableFlags, "variable_flags"),
        ]
        public var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
    }

    public let begin: Begin
    public let find: Find
    /// All that the command may do with the keys.
    public let access: Access
    /// What one call does with them, where `access` has `variableFlags`.
    private let accessOfCall: (@Sendable (Arguments) -> Access)?
    /// Where the keys of one call stand, where `begin` and `find` cannot tell all of it.
    private let positionsOfCall: (@Sendable (Arguments) -> [Int])?

    public init(
        begin: Begin,
        find: Find,
        access: Access,
        ofCall: (@Sendable (Arguments) -> Access)? = nil,
        positions: (@Sendable (Arguments) -> [Int])? = nil
    ) {
        self.begin = begin
        self.find = find
        self.access = access
        accessOfCall = ofCall
        positionsOfCall = positions
    }

    /// - Parameters:
    ///   - ofCall: what a call with these arguments does with the key, where that is less than `access`.
    ///   - positions: where the key of such a call stands, where that is not always at `index`.
    public static func one(
        at index: Int,
        _ access: Access,
        ofCall: (@Sendable (Arguments) -> Access)? = nil,
        positions: (@Sendable (Arguments) -> [Int])? = nil
    ) -> Self {
        let find = Find.range(last: 0, step: 1, limit: 0)
        return Self(begin: .index(index), find: find, access: access, ofCall: ofCall, positions: positions)
    }
    public static func range(from first: Int, through last: Int, _ access: Access) -> Self {
        Self(begin: .index(first), find: .range(last: last - first, step: 1, limit: 0), access: access)
    }
    /// From `index` to the last argument, every `step`th.
    public static func all(from index: Int, step: Int = 1, _ access: Access) -> Self {
        Self(begin: .index(index), find: .range(last: -1, step: step, limit: 0), access: access)
    }
    /// From `index` to the last argument but one, which is a time-out.
    public static func allButLast(from index: Int, _ access: Access) -> Self {
        Self(begin: .index(index), find: .range(last: -2, step: 1, limit: 0), access: access)
    }
    /// The one behind `word`, which is looked for from argument `index` on.
    public static func behind(_ word: String, from index: Int, _ access: Access) -> Self {
        Self(begin: .keyword(word, from: index), find: .range(last: 0, step: 1, limit: 0), access: access)
    }
    /// As many as the number at `index` says, right behind it.
    public static func counted(at index: Int, step: Int = 1, _ access: Access) -> Self {
        Self(begin: .index(index), find: .count(at: 0, first: 1, step: step), access: access)
    }

    /// Where only a closer look at the call tells, or where the keys are not among the arguments at all.
    public static func unknown(_ access: Access, positions: @escaping @Sendable (Arguments) -> [Int] = { _ in [] })
        -> Self
    {
        Self(begin: .unknown, find: .unknown, access: access, positions: positions)
    }

    /// What a call with `arguments` does with the keys.
    public func access(in arguments: Arguments) -> Access { accessOfCall?(arguments) ?? access }

    /// The positions of the keys in `arguments`; none where the arguments make no sense.
    public func positions(in arguments: Arguments) -> [Int] {
        if let positionsOfCall { return positionsOfCall(arguments) }
        guard let start = start(in: arguments) else { return [] }
        switch find {
        case .range(let last, let step, let limit):
            var end = last >= 0 ? start + last : arguments.count + last
            if last == -1, limit > 1 { end = start + (arguments.count - start) / limit - 1 }
            guard start < arguments.count, end < arguments.count else { return [] }
            return Array(stride(from: start, through: end, by: step))
        case .count(let index, let first, let step):
            let place = start + index
            guard place < arguments.count, let count = parseInteger(arguments[place]), count > 0,
                count <= Int64(arguments.count),
                start + first + (Int(count) - 1) * step < arguments.count
            else { return [] }
            return (0..<Int(count)).map { start + first + $0 * step }
        case .unknown: return []
        }
    }

    private func start(in arguments: Arguments) -> Int? {
        switch begin {
        case .index(let index): return index < arguments.count ? index : nil
        case .keyword(let word, let from):
            let indices =
                from >= 0
                ? Array(stride(from: from, to: arguments.count, by: 1))
                : Array(stride(from: arguments.count + from, to: 0, by: -1))
            return indices.first { $0 < arguments.count && arguments[$0].isWord(word) }.map { $0 + 1 }
        case .unknown: return nil
        }
    }
}

/// Keys that stand in one evenly spaced row: all that most commands have.
public struct KeyRange: Sendable, Equatable {
    /// 0: there are none.
    public let first: Int
    /// Negative: counted from the end of the arguments.
    public let last: Int
    public let step: Int
    /// Whether the row is all there is to say; if not, ask the specifications.
    public let isComplete: Bool

    /// One key at a fixed place.
    public let isSingle: Bool

    public static let none = KeyRange(first: 0, last: 0, step: 0, isComplete: true)

    init(first: Int, last: Int, step: Int, isComplete: Bool) {
        self.first = first
        self.last = last
        self.step = step
        self.isComplete = isComplete
        isSingle = isComplete && first > 0 && first == last
    }

    /// Joins rows that begin at fixed places, as Redis does for the old three numbers of COMMAND INFO.
    init(of specifications: [KeySpecification]) {
        var rows: [(first: Int, last: Int, step: Int)] = []
        var isComplete = true
        for specification in specifications {
            guard case .index(let first) = specification.begin,
                case .range(let last, let step, let limit) = specification.find, limit <= 1
            else {
                isComplete = false
                continue
            }
            rows.append((first, last >= 0 ? first + last : last, step))
        }
        guard let head = rows.first else {
            self = KeyRange(first: 0, last: 0, step: 0, isComplete: isComplete)
            return
        }
        var joined = head
        for row in rows.dropFirst() {
            if row.first == joined.last + 1, row.step == joined.step {
                joined.last = row.last
            } else {
                isComplete = false
            }
        }
        self = KeyRange(first: joined.first, last: joined.last, step: joined.step, isComplete: isComplete)
    }
}

extension Command {
    /// Calls `visit` with the position of every key of a call.
    @inlinable
    public func forEachKey(in arguments: Arguments, _ visit: (Int) -> Void) {
        guard keyRange.isComplete else { return allKeyPositions(in: arguments).forEach(visit) }
        guard keyRange.first > 0 else { return }
        let last = keyRange.last >= 0 ? keyRange.last : arguments.count + keyRange.last
        var index = keyRange.first
        while index <= last, index < arguments.count {
            visit(index)
            index += keyRange.step
        }
    }

    /// The positions of all keys, each specification asked.
    public func allKeyPositions(in arguments: Arguments) -> [Int] {
        keys.filter { !$0.access.contains(.notKey) }.flatMap { $0.positions(in: arguments) }
    }
}
