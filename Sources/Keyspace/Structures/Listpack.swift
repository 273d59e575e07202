// Elements one behind the other in one block: what small collections are, in memory as in RDB files.
//
//     offset   bytes
//     0        4       bytes of the whole, lowest byte first
//     4        2       how many elements; 65535: more than fit here, so they have to be counted
//     6        …       the elements
//     end − 1  1       0xFF
//
// An element is a head that tells its kind, its content, and its length so far once more, to be read from behind:
//
//     0xxxxxxx                    a number 0 … 127
//     10xxxxxx …                  up to 63 bytes
//     110xxxxx xxxxxxxx           a number of 13 bits
//     1110xxxx xxxxxxxx …         up to 4095 bytes
//     0xF0, 4 bytes, …            up to 2³² − 1 bytes, the length lowest byte first
//     0xF1, 0xF2, 0xF3, 0xF4      a number of 2, 3, 4 or 8 bytes, lowest byte first
//
// The length behind has seven bits to a byte, the lowest in the last; a bit 0x80 says that more stand before.
//
// Source: the listpack specification; bytes in `ListpackTests` were taken from redis-server 7.0.

public import Protocol

/// A listpack, whoever holds it: a view of one block, which a change may move.
///
/// Elements are told by the offset of their first byte, good until the next change. A text that is the canonical text of a
/// 64-bit integer is kept as the number.
///
/// Memory: the block belongs to the value that points to it; it was given by `Memory` for `byteCount` bytes, so that its
/// size class follows from its first word. Invariant: see `isValid`.
@safe
public struct Listpack {
    private(set) var base: UnsafeMutableRawPointer

    static let headerByteCount = 6
    private static let end: UInt8 = 0xFF
    private static let manyElements = 65535
    /// No listpack becomes larger: Redis's own limit.
    static let greatestByteCount = 1 << 30

    /// A block that is a listpack already.
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// An empty one, in a block of its own.
    init(memory: Memory) {
        unsafe base = memory.allocate(Self.headerByteCount + 1)
        byteCount = Self.headerByteCount + 1
        storedCount = 0
        unsafe base.storeBytes(of: Self.end, toByteOffset: Self.headerByteCount, as: UInt8.self)
    }

    /// A block of its own with `bytes`, which are a valid listpack.
    init(copying bytes: Bytes, memory: Memory) {
        unsafe base = memory.allocate(bytes.count)
        unsafe base.copyMemory(from: bytes.base, byteCount: bytes.count)
        assert(byteCount == bytes.count)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    func copy(to memory: Memory) -> Listpack { Listpack(copying: bytes, memory: memory) }

    /// What it takes of the shard's memory.
    var usedBytes: Int { Memory.sizeClass(byteCount) }

    /// All of it, as RDB has it.
    public var bytes: Bytes { unsafe Bytes(base: base, count: byteCount) }

    public private(set) var byteCount: Int {
        get { Int(UInt32(littleEndian: unsafe base.load(as: UInt32.self))) }
        nonmutating set { unsafe base.storeBytes(of: UInt32(newValue).littleEndian, as: UInt32.self) }
    }

    private var storedCount: Int {
        get { Int(UInt16(littleEndian: unsafe base.load(fromByteOffset: 4, as: UInt16.self))) }
        nonmutating set {
            let number = UInt16(min(newValue, Self.manyElements)).littleEndian
            unsafe base.storeBytes(of: number, toByteOffset: 4, as: UInt16.self)
        }
    }

    /// How many elements there are; with 65535 and more they are counted, O(*n*).
    public var count: Int {
        let stored = storedCount
        guard stored == Self.manyElements else { return stored }
        var (count, offset) = (0, first)
        while let here = offset {
            count += 1
            offset = next(after: here)
        }
        return count
    }

    var isEmpty: Bool { byteCount == Self.headerByteCount + 1 }

    // MARK: Walking

    /// Where the end mark is: what is put there becomes the last element.
    public var endOffset: Int { byteCount - 1 }

    public var first: Int? { isEmpty ? nil : Self.headerByteCount }

    public var last: Int? { isEmpty ? nil : offset(before: endOffset) }

    @inline(__always)
    public func next(after offset: Int) -> Int? {
        let next = end(of: offset)
        return byte(next) == Self.end ? nil : next
    }

    public func previous(before offset: Int) -> Int? {
        offset == Self.headerByteCount ? nil : self.offset(before: offset)
    }

    /// The element at `index`; a negative one counts from the end, -1 being the last.
    public func offset(ofIndex index: Int) -> Int? {
        let count = storedCount
        var steps = index
        if count < Self.manyElements {
            guard index < count, index >= -count else { return nil }
            // From the nearer end.
            if index >= 0, index > count / 2 {
                steps = index - count
            } else if index < -count / 2 {
                steps = index + count
            }
        }
        if steps >= 0 {
            var offset = first
            while let here = offset, steps > 0 {
                offset = next(after: here)
                steps -= 1
            }
            return offset
        }
        var offset = last
        while let here = offset, steps < -1 {
            offset = previous(before: here)
            steps += 1
        }
        return offset
    }

    /// The offset `count` elements behind `offset`, at most the end.
    @inline(__always)
    func offset(_ count: Int, elementsAfter offset: Int) -> Int {
        var (here, left) = (offset, count)
        while left > 0, byte(here) != Self.end {
            here = end(of: here)
            left -= 1
        }
        return here
    }

    /// Where the element at `offset` ends: the next one, or the end mark.
    @inline(__always)
    func end(of offset: Int) -> Int {
        let byteCount = contentEnd(of: offset) - offset
        return offset + byteCount + Self.backLengthByteCount(byteCount)
    }

    private func offset(before offset: Int) -> Int {
        var (position, shift, byteCount) = (offset - 1, 0, 0)
        while true {
            let byte = byte(position)
            byteCount |= Int(byte & 0x7F) << shift
            guard byte & 0x80 != 0, shift < 28 else { break }
            shift += 7
            position -= 1
        }
        return position - byteCount
    }

    // MARK: Reading

    /// The element at `offset`; bytes are lent until the next change.
    public subscript(offset: Int) -> StringValue {
        @inline(__always) get {
            let head = byte(offset)
            if head < 0x80 { return .integer(Int64(head)) }
            if head < 0xC0 { return .bytes(content(at: offset + 1, count: Int(head & 0x3F))) }
            return longElement(at: offset, head: head)
        }
    }

    private func longElement(at offset: Int, head: UInt8) -> StringValue {
        switch head {
        case 0xC0..<0xE0:
            let raw = Int64(head & 0x1F) << 8 | Int64(byte(offset + 1))
            return .integer(raw < 1 << 12 ? raw : raw - 1 << 13)
        case 0xE0..<0xF0:
            let count = Int(head & 0x0F) << 8 | Int(byte(offset + 1))
            return .bytes(content(at: offset + 2, count: count))
        case 0xF0: return .bytes(content(at: offset + 5, count: Int(load(UInt32.self, at: offset + 1))))
        case 0xF1: return .integer(Int64(load(Int16.self, at: offset + 1)))
        case 0xF2:
            let low = Int32(load(UInt16.self, at: offset + 1)) | Int32(byte(offset + 3)) << 16
            return .integer(Int64((low << 8) >> 8))
        case 0xF3: return .integer(Int64(load(Int32.self, at: offset + 1)))
        default:
            precondition(head == 0xF4, "a listpack is read where no element begins")
            return .integer(load(Int64.self, at: offset + 1))
        }
    }

    /// The first element from `offset` on that is `text`, of those that stand `stride` elements apart.
    public func find(_ text: Bytes, from offset: Int?, stride: Int = 1) -> Int? {
        guard var here = offset else { return nil }
        let number = parseInteger(text)
        while byte(here) != Self.end {
            if holds(text, number, at: here) { return here }
            here = self.offset(stride, elementsAfter: here)
        }
        return nil
    }

    /// Whether the element at `offset` is `text`, of which `number` is what it spells.
    @inline(__always)
    private func holds(_ text: Bytes, _ number: Int64?, at offset: Int) -> Bool {
        let head = byte(offset)
        if number == nil, head < 0xE0 {
            // A text is told from most others, and from all short numbers, by its length in the first byte.
            guard text.count < 64, head == 0x80 | UInt8(truncatingIfNeeded: text.count) else { return false }
            return content(at: offset + 1, count: text.count).isEqual(to: text)
        }
        switch self[offset] {
        case .integer(let element): return element == number
        case .bytes(let element): return number == nil && element.isEqual(to: text)
        }
    }

    // MARK: Raw reading

    @inline(__always)
    private func byte(_ offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < byteCount)
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    private func load<Number: FixedWidthInteger>(_: Number.Type, at offset: Int) -> Number {
        assert(offset + Number.bitWidth / 8 < byteCount)
        return Number(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    @inline(__always)
    private func content(at offset: Int, count: Int) -> Bytes {
        assert(offset + count < byteCount)
        return unsafe Bytes(base: base + offset, count: count)
    }

    /// Where the content of the element at `offset` ends, and its length from behind begins.
    @inline(__always)
    private func contentEnd(of offset: Int) -> Int {
        let head = byte(offset)
        if head < 0x80 { return offset + 1 }
        if head < 0xC0 { return offset + 1 + Int(head & 0x3F) }
        return contentEndOfLong(offset, head: head)
    }

    private func contentEndOfLong(_ offset: Int, head: UInt8) -> Int {
        switch head {
        case 0xC0..<0xE0: offset + 2
        case 0xE0..<0xF0: offset + 2 + (Int(head & 0x0F) << 8 | Int(byte(offset + 1)))
        case 0xF0: offset + 5 + Int(load(UInt32.self, at: offset + 1))
        case 0xF1: offset + 3
        case 0xF2: offset + 4
        case 0xF3: offset + 5
        case 0xF4: offset + 9
        default: preconditionFailure("a listpack is read where no element begins")
        }
    }
}

// MARK: - Changing

/// An element on its way into a listpack: how it is written, and how much room that takes.
struct ListpackElement {
    private let value: StringValue
    /// Head and content.
    private let contentByteCount: Int

    init(_ text: Bytes) { self.init(parseInteger(text).map(StringValue.integer) ?? .bytes(text)) }

    init(_ number: Int64) { self.init(.integer(number)) }

    /// - Parameter value: bytes that are the text of an integer must come as the integer.
    init(_ value: StringValue) {
        self.value = value
        contentByteCount =
            switch value {
            case .integer(0...127): 1
            case .integer(-4096...4095): 2
            case .integer(-1 << 15..<1 << 15): 3
            case .integer(-1 << 23..<1 << 23): 4
            case .integer(-1 << 31..<1 << 31): 5
            case .integer: 9
            case .bytes(let bytes): bytes.count + (bytes.count < 64 ? 1 : bytes.count < 4096 ? 2 : 5)
            }
    }

    var byteCount: Int { contentByteCount + Listpack.backLengthByteCount(contentByteCount) }

    @unsafe
    func write(to destination: UnsafeMutableRawPointer) {
        switch value {
        case .integer(let number): unsafe write(number, to: destination)
        case .bytes(let bytes): unsafe write(bytes, to: destination)
        }
        unsafe writeBackLength(to: destination + contentByteCount)
    }

    @unsafe
    private func write(_ number: Int64, to destination: UnsafeMutableRawPointer) {
        let bits = UInt64(bitPattern: number)
        switch contentByteCount {
        case 1: unsafe destination.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
        case 2:
            let word = UInt16(truncatingIfNeeded: bits) & 0x1FFF | 0xC000
            unsafe destination.storeBytes(of: word.bigEndian, as: UInt16.self)
        default:
            // 2, 3, 4 or 8 bytes are told by the heads from 0xF1 on.
            let width = contentByteCount - 1
            let head: UInt8 = width == 8 ? 0xF4 : 0xEF + UInt8(width)
            unsafe destination.storeBytes(of: head, as: UInt8.self)
            unsafe withUnsafeBytes(of: bits.littleEndian) {
                unsafe (destination + 1).copyMemory(from: $0.baseAddress!, byteCount: width)
            }
        }
    }

    @unsafe
    private func write(_ bytes: Bytes, to destination: UnsafeMutableRawPointer) {
        let count = bytes.count
        if count < 64 {
            unsafe destination.storeBytes(of: 0x80 | UInt8(count), as: UInt8.self)
        } else if count < 4096 {
            unsafe destination.storeBytes(of: (0xE000 | UInt16(count)).bigEndian, as: UInt16.self)
        } else {
            unsafe destination.storeBytes(of: 0xF0, as: UInt8.self)
            unsafe destination.storeBytes(of: UInt32(count).littleEndian, toByteOffset: 1, as: UInt32.self)
        }
        unsafe (destination + contentByteCount - count).copyMemory(from: bytes.base, byteCount: count)
    }

    @unsafe
    private func writeBackLength(to destination: UnsafeMutableRawPointer) {
        let byteCount = Listpack.backLengthByteCount(contentByteCount)
        var rest = contentByteCount
        for position in stride(from: byteCount - 1, through: 0, by: -1) {
            let byte = UInt8(rest & 0x7F) | (position == 0 ? 0 : 0x80)
            unsafe destination.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            rest >>= 7
        }
    }
}

extension Listpack {
    /// The borders are Redis's: 16383 and its like, which would fit, take one byte more.
    @inline(__always)
    static func backLengthByteCount(_ byteCount: Int) -> Int {
        if byteCount <= 127 { return 1 }
        if byteCount < 16383 { return 2 }
        if byteCount < 2_097_151 { return 3 }
        return byteCount < 268_435_455 ? 4 : 5
    }

    /// Whether the listpack stays within its bounds when `byteCount` bytes come to it.
    func hasRoom(for byteCount: Int) -> Bool { self.byteCount + byteCount <= Self.greatestByteCount }

    /// Puts `element` before the one at `offset`, or at the end.
    ///
    /// - Parameter element: must not lie in this very listpack.
    mutating func insert(_ element: ListpackElement, at offset: Int, memory: Memory) {
        open(element.byteCount, at: offset, memory: memory)
        unsafe element.write(to: base + offset)
        noteCount(1)
    }

    mutating func append(_ element: ListpackElement, memory: Memory) {
        insert(element, at: endOffset, memory: memory)
    }

    /// Puts `element` where the one at `offset` is.
    mutating func replace(at offset: Int, with element: ListpackElement, memory: Memory) {
        let previous = end(of: offset) - offset
        let difference = element.byteCount - previous
        if difference > 0 { open(difference, at: offset, memory: memory) }
        if difference < 0 { close(-difference, at: offset, memory: memory) }
        unsafe element.write(to: base + offset)
    }

    /// Takes out `count` elements from `offset` on, fewer where there are no more; then the next one is at `offset`.
    mutating func remove(at offset: Int, count: Int = 1, memory: Memory) {
        var (end, removed) = (offset, 0)
        while removed < count, end < endOffset {
            end = self.end(of: end)
            removed += 1
        }
        close(end - offset, at: offset, memory: memory)
        noteCount(-removed)
    }

    /// Takes out everything before `offset`, or from it on: `count` elements.
    mutating func remove(_ range: Range<Int>, elements count: Int, memory: Memory) {
        close(range.count, at: range.lowerBound, memory: memory)
        noteCount(-count)
    }

    /// Puts the `count` elements in `range` of `other` at the end.
    mutating func append(_ range: Range<Int>, of other: Listpack, elements count: Int, memory: Memory) {
        let offset = endOffset
        open(range.count, at: offset, memory: memory)
        unsafe (base + offset).copyMemory(from: other.base + range.lowerBound, byteCount: range.count)
        noteCount(count)
    }

    private func noteCount(_ change: Int) {
        let stored = storedCount
        if stored < Self.manyElements { storedCount = stored + change }
    }

    /// Makes room for `count` bytes at `offset`.
    private mutating func open(_ count: Int, at offset: Int, memory: Memory) {
        let previous = byteCount
        precondition(previous + count <= Self.greatestByteCount, "a listpack larger than any may be")
        unsafe base = memory.resize(base, from: previous, to: previous + count)
        unsafe (base + offset + count).copyMemory(from: base + offset, byteCount: previous - offset)
        byteCount = previous + count
    }

    /// Takes `count` bytes at `offset` away.
    private mutating func close(_ count: Int, at offset: Int, memory: Memory) {
        guard count > 0 else { return }
        let previous = byteCount
        unsafe (base + offset).copyMemory(from: base + offset + count, byteCount: previous - offset - count)
        byteCount = previous - count
        unsafe base = memory.resize(base, from: previous, to: previous - count)
    }
}

// MARK: - Bytes that nobody vouches for

extension Listpack {
    /// Whether `bytes` are a listpack through and through: every length within, every length from behind the same, the
    /// number of elements right.
    public static func isValid(_ bytes: Bytes) -> Bool {
        guard bytes.count > headerByteCount, bytes.count <= greatestByteCount,
            Int(bytes.word32(at: 0)) == bytes.count, bytes[bytes.count - 1] == end
        else { return false }
        var (offset, count) = (headerByteCount, 0)
        while offset < bytes.count - 1 {
            guard let contentByteCount = contentByteCount(at: offset, of: bytes) else { return false }
            let backLength = backLengthByteCount(contentByteCount)
            guard offset + contentByteCount + backLength < bytes.count,
                hasBackLength(contentByteCount, at: offset + contentByteCount, of: bytes)
            else { return false }
            offset += contentByteCount + backLength
            count += 1
        }
        let stored = Int(bytes[4]) | Int(bytes[5]) << 8
        return offset == bytes.count - 1 && (stored == manyElements || stored == count)
    }

    /// Bytes of head and content at `offset`, if the head is one and its length does not lie beyond all measure.
    private static func contentByteCount(at offset: Int, of bytes: Bytes) -> Int? {
        let head = bytes[offset]
        switch head {
        case 0..<0x80: return 1
        case 0x80..<0xC0: return 1 + Int(head & 0x3F)
        case 0xC0..<0xE0: return 2
        case 0xE0..<0xF0:
            guard offset + 1 < bytes.count else { return nil }
            return 2 + (Int(head & 0x0F) << 8 | Int(bytes[offset + 1]))
        case 0xF0:
            guard offset + 4 < bytes.count else { return nil }
            return 5 + Int(bytes.word32(at: offset + 1))
        case 0xF1: return 3
        case 0xF2: return 4
        case 0xF3: return 5
        case 0xF4: return 9
        default: return nil
        }
    }

    private static func hasBackLength(_ byteCount: Int, at offset: Int, of bytes: Bytes) -> Bool {
        var rest = byteCount
        let width = backLengthByteCount(byteCount)
        for position in stride(from: width - 1, through: 0, by: -1) {
            guard bytes[offset + position] == UInt8(rest & 0x7F) | (position == 0 ? 0 : 0x80) else { return false }
            rest >>= 7
        }
        return true
    }
}
