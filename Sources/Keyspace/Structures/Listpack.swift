// Elements one behind the other in one block: small collections, nodes of lists and blocks of streams.
//
//     offset   bytes
//     0        4       bytes of the whole, lowest byte first; the two highest bits tell the form
//     4        2       how many elements; 65535: more than fit here, so they have to be counted
//     6        …       the elements
//     end      …       0xFF where it is full, nothing where it is bare, marks where it is marked
//
// An element is a head that tells its kind, its content, and, only where the listpack is full, its length so far once more,
// to be read from behind:
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
// A full listpack is RDB's, to the byte. What it has behind each element serves only those who come from the end, and is a
// tenth of elements of eight bytes: so what is read from the front, or seldom from behind, is kept bare, and what both ends
// and the middle are asked of is marked (`Listpack+Marks`). `Listpack+Forms` makes one form of the other.
//
// Source: the listpack specification; bytes in `ListpackTests` were taken from redis-server 7.0.

internal import Protocol

/// A listpack, whoever holds it: a view of one block, which a change may move.
///
/// Elements are told by the offset of their first byte, good until the next change. A text that is the canonical text of a
/// 64-bit integer is kept as the number.
///
/// Memory: the block belongs to the value that points to it; it was given by `Memory` for `byteCount` bytes, so that its
/// size class follows from its first word. Invariant: see `isValid`.
@safe
public struct Listpack {
    /// The numbers are those of a block's two highest bits.
    enum Form: UInt8 {
        case full, bare, marked
    }

    var base: UnsafeMutableRawPointer
    /// What the block says.
    var form: Form

    static let headerByteCount = 6
    static let end: UInt8 = 0xFF
    static let manyElements = 65535
    /// No listpack becomes larger, nor what would be one if it were full: Redis's own limit, less one for the form's bits.
    static let greatestByteCount = 1 << formShift - 1
    private static let formShift: UInt32 = 30
    private static let byteCountMask: UInt32 = 1 << formShift - 1

    /// A block that is a listpack already.
    @inline(__always)
    init(base: UnsafeMutableRawPointer) {
        unsafe self.base = base
        let word = UInt32(littleEndian: unsafe base.loadUnaligned(as: UInt32.self))
        // A case numbered in order is its number: nothing is looked up. What was written here was a case.
        form = unsafe unsafeBitCast(UInt8(truncatingIfNeeded: word >> Self.formShift), to: Form.self)
    }

    /// Bytes that are a listpack already, for reading alone.
    init(reading bytes: Bytes) {
        unsafe self.init(base: UnsafeMutableRawPointer(mutating: bytes.base))
        assert(byteCount == bytes.count)
    }

    /// A block that begins and ends as a listpack of `byteCount` bytes does; the `count` elements are still to be written.
    @unsafe
    init(_ form: Form, in block: UnsafeMutableRawPointer, byteCount: Int, count: Int) {
        unsafe base = block
        self.form = form
        self.byteCount = byteCount
        storedCount = count
        if form == .full { unsafe base.storeBytes(of: Self.end, toByteOffset: byteCount - 1, as: UInt8.self) }
    }

    /// An empty one, in a block of its own.
    init(_ form: Form, memory: Memory) {
        let byteCount = Self.headerByteCount + Self.endByteCount(form)
        unsafe self.init(form, in: memory.allocate(byteCount), byteCount: byteCount, count: 0)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    func copy(to memory: Memory) -> Listpack {
        let copy = unsafe memory.allocate(byteCount)
        unsafe copy.copyMemory(from: base, byteCount: byteCount)
        return unsafe Listpack(base: copy)
    }

    /// What it takes of the shard's memory.
    var usedBytes: Int { SizeClass.byteCount(byteCount) }

    /// All of it, in its form.
    var block: Bytes { unsafe Bytes(base: base, count: byteCount) }

    var byteCount: Int {
        @inline(__always) get {
            Int(UInt32(littleEndian: unsafe base.loadUnaligned(as: UInt32.self)) & Self.byteCountMask)
        }
        nonmutating set {
            let word = UInt32(newValue) | UInt32(form.rawValue) << Self.formShift
            unsafe base.storeBytes(of: word.littleEndian, as: UInt32.self)
        }
    }

    var storedCount: Int {
        get { Int(UInt16(littleEndian: unsafe base.loadUnaligned(fromByteOffset: 4, as: UInt16.self))) }
        nonmutating set {
            let number = UInt16(min(newValue, Self.manyElements)).littleEndian
            unsafe base.storeBytes(of: number, toByteOffset: 4, as: UInt16.self)
        }
    }

    /// How many elements there are; with 65535 and more they are counted, O(*n*).
    public var count: Int {
        @inline(__always) get {
            let stored = storedCount
            return stored == Self.manyElements ? countElements() : stored
        }
    }

    private func countElements() -> Int {
        var (count, offset) = (0, first)
        while let here = offset {
            count += 1
            offset = next(after: here)
        }
        return count
    }

    var isEmpty: Bool { endOffset == firstOffset }

    /// Bytes behind the last element, where there are no marks.
    @inline(__always)
    static func endByteCount(_ form: Form) -> Int { form == .full ? 1 : 0 }

    // MARK: Walking

    /// Where the last element ends: what is put there becomes the last.
    var endOffset: Int {
        @inline(__always) get { form == .marked ? markedEnd : byteCount &- Self.endByteCount(form) }
    }

    /// Where the first element begins, if there is one.
    var firstOffset: Int { @inline(__always) get { form == .marked ? markedFirst : Self.headerByteCount } }

    var first: Int? { isEmpty ? nil : firstOffset }

    /// In a bare one it is walked to.
    var last: Int? {
        if isEmpty { return nil }
        switch form {
        case .full: return offset(before: endOffset)
        case .bare: return offset(ofIndex: -1)
        case .marked: return lastOffset
        }
    }

    @inline(__always)
    func next(after offset: Int) -> Int? {
        let next = end(of: offset)
        return next == endOffset ? nil : next
    }

    /// Of a full listpack.
    func previous(before offset: Int) -> Int? {
        offset == Self.headerByteCount ? nil : self.offset(before: offset)
    }

    /// The element at `index`; a negative one counts from the end, -1 being the last.
    func offset(ofIndex index: Int) -> Int? {
        let count = count
        guard index < count, index >= -count else { return nil }
        let index = index < 0 ? count + index : index
        if form == .full, index > count / 2 {
            var offset = endOffset
            for _ in index..<count { offset = self.offset(before: offset) }
            return offset
        }
        if form == .marked { return offset(ofMarkedIndex: index) }
        return offset(index, elementsAfter: Self.headerByteCount)
    }

    /// The offset `count` elements behind `offset`, at most the end.
    @inline(__always)
    func offset(_ count: Int, elementsAfter offset: Int) -> Int {
        self.offset(count, elementsAfter: offset, upTo: endOffset)
    }

    /// - Parameter endOffset: of this listpack, for who walks often; or what is larger, for who knows that they are there.
    @inline(__always)
    func offset(_ count: Int, elementsAfter offset: Int, upTo endOffset: Int) -> Int {
        var (here, left) = (offset, count)
        // A loop for each form: it is what finding an element by its index costs.
        if form != .full {
            while left > 0, here < endOffset {
                here = contentEnd(of: here)
                left &-= 1
            }
            return here
        }
        while left > 0, here < endOffset {
            here = end(of: here)
            left &-= 1
        }
        return here
    }

    /// Where the element at `offset` ends, and the next one begins.
    @inline(__always)
    func end(of offset: Int) -> Int {
        end(of: offset, contentEnd: contentEnd(of: offset))
    }

    @inline(__always)
    func end(of offset: Int, contentEnd: Int) -> Int {
        form == .full ? contentEnd &+ Self.backLengthByteCount(contentEnd &- offset) : contentEnd
    }

    private func offset(before offset: Int) -> Int {
        precondition(form == .full, "a listpack that is not full is walked from behind")
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
    subscript(offset: Int) -> StringValue {
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
    func find(_ text: Bytes, from offset: Int?, stride: Int = 1) -> Int? {
        guard var here = offset else { return nil }
        let number = parseInteger(text)
        let endOffset = endOffset
        while here < endOffset {
            if holds(text, number, at: here) { return here }
            here = self.offset(stride, elementsAfter: here, upTo: endOffset)
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
        assert(offset + Number.bitWidth / 8 <= endOffset)
        return Number(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    @inline(__always)
    private func content(at offset: Int, count: Int) -> Bytes {
        assert(offset + count <= endOffset)
        return unsafe Bytes(base: base + offset, count: count)
    }

    /// Where the content of the element at `offset` ends, and its length from behind begins if it has one.
    ///
    /// Every walk is made of these; the additions need no check, as the block is far smaller than the numbers.
    @inline(__always)
    func contentEnd(of offset: Int) -> Int {
        let head = byte(offset)
        if head < 0x80 { return offset &+ 1 }
        if head < 0xC0 { return offset &+ 1 &+ Int(head & 0x3F) }
        if head < 0xE0 { return offset &+ 2 }
        return contentEndOfLong(offset, head: head)
    }

    private func contentEndOfLong(_ offset: Int, head: UInt8) -> Int {
        switch head {
        case 0xE0..<0xF0: return offset &+ 2 &+ (Int(head & 0x0F) << 8 | Int(byte(offset &+ 1)))
        case 0xF1...0xF3: return offset &+ Int(head & 0x0F) &+ 2
        case 0xF4: return offset &+ 9
        default:
            precondition(head == 0xF0, "a listpack is read where no element begins")
            return offset &+ 5 &+ Int(load(UInt32.self, at: offset &+ 1))
        }
    }
}
