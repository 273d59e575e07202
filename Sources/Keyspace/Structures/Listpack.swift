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
    var base: UnsafeMutableRawPointer

    static let headerByteCount = 6
    static let end: UInt8 = 0xFF
    static let manyElements = 65535
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

    public internal(set) var byteCount: Int {
        get { Int(UInt32(littleEndian: unsafe base.load(as: UInt32.self))) }
        nonmutating set { unsafe base.storeBytes(of: UInt32(newValue).littleEndian, as: UInt32.self) }
    }

    var storedCount: Int {
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
