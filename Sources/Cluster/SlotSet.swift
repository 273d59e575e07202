// A set of hash slots: the 2048-byte bitmap that every packet carries, compared and combined 64 slots at a time.

/// What there is to know about hash slots as such; a slot itself is an `Int` in `0 ..< Slot.count`.
public enum Slot {
    public static let count = 16384
}

/// Some of the hash slots.
///
/// A value; copies share their words until one of them changes. Every empty set that was never filled shares one block, so
/// that the thousand replicas of a large cluster cost nothing.
public struct SlotSet: Sendable {
    /// The length of the bitmap on the wire.
    public static let byteCount = Slot.count / 8
    private static let wordCount = Slot.count / 64
    private static let noWords = [UInt64](repeating: 0, count: wordCount)

    /// Slot s is bit s % 64 of word s / 64: on the wire, where slot s is bit s % 8 of byte s / 8, the little-endian words.
    private var words: [UInt64]
    /// How many slots are in the set.
    public private(set) var count: Int

    /// The empty set.
    public init() {
        words = SlotSet.noWords
        count = 0
    }

    public init(_ slots: some Sequence<Int>) {
        self.init()
        for slot in slots { insert(slot) }
    }

    /// The set whose bitmap is `bitmap`, which has 2048 bytes.
    public init(bitmap: ArraySlice<UInt8>) {
        precondition(bitmap.count == SlotSet.byteCount, "a slot bitmap has 2048 bytes")
        words = SlotSet.noWords
        unsafe words.withUnsafeMutableBytes { unsafe $0.copyBytes(from: bitmap) }
        count = 0
        for index in words.indices {
            words[index] = UInt64(littleEndian: words[index])
            count += words[index].nonzeroBitCount
        }
        if count == 0 { words = SlotSet.noWords }
    }

    public var isEmpty: Bool { count == 0 }

    public func contains(_ slot: Int) -> Bool { words[slot / 64] & SlotSet.bit(of: slot) != 0 }

    public mutating func insert(_ slot: Int) {
        guard !contains(slot) else { return }
        words[slot / 64] |= SlotSet.bit(of: slot)
        count += 1
    }

    public mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        words[slot / 64] &= ~SlotSet.bit(of: slot)
        count -= 1
    }

    public mutating func formUnion(_ other: SlotSet) { combine(other, by: |) }
    public mutating func subtract(_ other: SlotSet) { combine(other) { $0 & ~$1 } }
    public mutating func formIntersection(_ other: SlotSet) { combine(other, by: &) }

    public func subtracting(_ other: SlotSet) -> SlotSet {
        var result = self
        result.subtract(other)
        return result
    }

    public func intersection(_ other: SlotSet) -> SlotSet {
        var result = self
        result.formIntersection(other)
        return result
    }

    /// The slots as ascending half-open runs, as many as it takes.
    public var ranges: [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = 0
        while let start = next(from: position, inverted: false) {
            let end = next(from: start, inverted: true) ?? Slot.count
            ranges.append(start..<end)
            position = end
        }
        return ranges
    }

    /// Appends the 2048 bytes of the bitmap to `bytes`.
    public func appendBitmap(to bytes: inout [UInt8]) {
        for word in words {
            unsafe withUnsafeBytes(of: word.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
    }

    private static func bit(of slot: Int) -> UInt64 { 1 << UInt64(slot % 64) }

    private mutating func combine(_ other: SlotSet, by operation: (UInt64, UInt64) -> UInt64) {
        guard !(isEmpty && other.isEmpty) else { return }
        count = 0
        for index in 0..<SlotSet.wordCount {
            words[index] = operation(words[index], other.words[index])
            count += words[index].nonzeroBitCount
        }
    }

    /// The first slot at or after `position` that is in the set, or, `inverted`, that is not.
    fileprivate func next(from position: Int, inverted: Bool) -> Int? {
        guard position < Slot.count else { return nil }
        let flip: UInt64 = inverted ? .max : 0
        var index = position / 64
        var word = (words[index] ^ flip) & (.max << UInt64(position % 64))
        while word == 0 {
            index += 1
            guard index < SlotSet.wordCount else { return nil }
            word = words[index] ^ flip
        }
        return index * 64 + word.trailingZeroBitCount
    }
}

extension SlotSet: Equatable {
    public static func == (left: SlotSet, right: SlotSet) -> Bool {
        left.count == right.count && left.words == right.words
    }
}

extension SlotSet: Sequence {
    /// Walks the slots in ascending order.
    public struct Iterator: IteratorProtocol {
        fileprivate let set: SlotSet
        fileprivate var position = 0

        public mutating func next() -> Int? {
            guard let slot = set.next(from: position, inverted: false) else { return nil }
            position = slot + 1
            return slot
        }
    }

    public func makeIterator() -> Iterator { Iterator(set: self) }
    public var underestimatedCount: Int { count }
}

extension SlotSet: CustomStringConvertible {
    /// The runs as nodes.conf writes them: `0-5460 16383`.
    public var description: String { ranges.map(SlotSet.text(of:)).joined(separator: " ") }

    static func text(of run: Range<Int>) -> String {
        run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)-\(run.upperBound - 1)"
    }
}
