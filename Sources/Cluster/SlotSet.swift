// A set of hash slots: the 2048-byte bitmap that every packet carries, compared and combined 64 slots at a time.

/// What there is to know about hash slots as such; a slot itself is an `Int` in `0 ..< Slot.count`.
public enum Slot {
    public static let count = 16384
}

/// Some of the hash slots.
///
/// A value; copies share their words until one of them changes. Only the words from the first to the last slot are kept: a
/// node of a large cluster owns a small run, and every node keeps the set of every other.
public struct SlotSet: Sendable {
    /// The length of the bitmap on the wire.
    public static let byteCount = Slot.count / 8
    private static let wordCount = Slot.count / 64

    /// Slot s is bit s % 64 of word s / 64: on the wire, where slot s is bit s % 8 of byte s / 8, the little-endian words.
    /// Invariant: neither the first nor the last is 0.
    private var words: [UInt64] = []
    /// Which of all the words `words` begins with, 0 for the empty set.
    private var start = 0
    /// How many slots are in the set.
    public private(set) var count = 0

    /// The empty set.
    public init() {}

    public init(_ slots: some Sequence<Int>) {
        self.init()
        for slot in slots { insert(slot) }
    }

    /// The set whose bitmap is `bitmap`, which has 2048 bytes.
    public init(bitmap: ArraySlice<UInt8>) {
        precondition(bitmap.count == SlotSet.byteCount, "a slot bitmap has 2048 bytes")
        unsafe bitmap.withUnsafeBytes { bytes in
            func word(_ index: Int) -> UInt64 {
                UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            }
            var (first, end) = (0, SlotSet.wordCount)
            while first < end, word(first) == 0 { first += 1 }
            while end > first, word(end - 1) == 0 { end -= 1 }
            guard first < end else { return }
            start = first
            words.reserveCapacity(end - first)
            for index in first..<end {
                words.append(word(index))
                count += word(index).nonzeroBitCount
            }
        }
    }

    public var isEmpty: Bool { count == 0 }

    public func contains(_ slot: Int) -> Bool { word(slot / 64) & SlotSet.bit(of: slot) != 0 }

    public mutating func insert(_ slot: Int) {
        precondition((0..<Slot.count).contains(slot), "there is no such slot")
        guard !contains(slot) else { return }
        let index = slot / 64
        if words.isEmpty {
            (words, start) = ([0], index)
        } else if index < start {
            words.insert(contentsOf: repeatElement(0, count: start - index), at: 0)
            start = index
        } else if index >= start + words.count {
            words.append(contentsOf: repeatElement(0, count: index + 1 - start - words.count))
        }
        words[index - start] |= SlotSet.bit(of: slot)
        count += 1
    }

    public mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        words[slot / 64 - start] &= ~SlotSet.bit(of: slot)
        count -= 1
        trim()
    }

    public mutating func formUnion(_ other: SlotSet) {
        guard !other.isEmpty else { return }
        combine(
            other,
            from: isEmpty ? other.start : Swift.min(start, other.start),
            to: Swift.max(end, other.end),
            by: |
        )
    }

    public mutating func subtract(_ other: SlotSet) { combine(other, from: start, to: end) { $0 & ~$1 } }

    public mutating func formIntersection(_ other: SlotSet) {
        combine(other, from: Swift.max(start, other.start), to: Swift.min(end, other.end), by: &)
    }

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
        bytes.append(contentsOf: repeatElement(0, count: start * 8))
        for word in words {
            unsafe withUnsafeBytes(of: word.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        bytes.append(contentsOf: repeatElement(0, count: (SlotSet.wordCount - end) * 8))
    }

    /// One past the last word that is kept.
    private var end: Int { start + words.count }

    private static func bit(of slot: Int) -> UInt64 { 1 << UInt64(slot % 64) }

    private func word(_ index: Int) -> UInt64 { index >= start && index < end ? words[index - start] : 0 }

    private mutating func combine(
        _ other: SlotSet,
        from first: Int,
        to end: Int,
        by operation: (UInt64, UInt64) -> UInt64
    ) {
        var result: [UInt64] = []
        var resultCount = 0
        for index in first..<Swift.max(first, end) {
            let word = operation(word(index), other.word(index))
            result.append(word)
            resultCount += word.nonzeroBitCount
        }
        (words, start, count) = (result, first, resultCount)
        trim()
    }

    private mutating func trim() {
        guard count > 0 else { return self = SlotSet() }
        while words.last == 0 { words.removeLast() }
        guard words.first == 0 else { return }
        let zeros = words.prefix { $0 == 0 }.count
        words.removeFirst(zeros)
        start += zeros
    }

    /// The first slot at or after `position` that is in the set, or, `inverted`, that is not.
    fileprivate func next(from position: Int, inverted: Bool) -> Int? {
        guard position < Slot.count else { return nil }
        let flip: UInt64 = inverted ? .max : 0
        var index = position / 64
        var bits = (word(index) ^ flip) & (.max << UInt64(position % 64))
        while bits == 0 {
            index += 1
            guard index < (inverted ? SlotSet.wordCount : end) else { return nil }
            bits = word(index) ^ flip
        }
        return index * 64 + bits.trailingZeroBitCount
    }
}

extension SlotSet: Equatable {
    public static func == (left: SlotSet, right: SlotSet) -> Bool {
        left.count == right.count && left.start == right.start && left.words == right.words
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
