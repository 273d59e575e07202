// Integers in ascending order in one block: what small sets of integers are.
//
//     offset   bytes
//     0        4       bits 0 and 1: 1, 2 or 3 where an element has 2, 4 or 8 bytes; bits 2 to 31: how many there are
//     4        …       the elements, signed, lowest byte first
//
// All elements have the width that the widest one needs, or once needed. RDB has the same elements behind eight bytes: their
// width and their number, 32 bits each, lowest byte first.
//
// Source of RDB's form: Redis's intset; bytes in `IntegerSetTests` were taken from redis-server 7.0.

public import Protocol

/// A sorted set of integers, whoever holds it: a view of one block, which a change may move.
///
/// Memory: the block belongs to the value that points to it; it was given by `Memory` for `byteCount` bytes, so that its
/// size class follows from its first word. Invariant: the elements ascend, none is there twice.
@safe
public struct IntegerSet {
    private(set) var base: UnsafeMutableRawPointer

    private static let headerByteCount = 4

    /// The greatest number that the header has room for.
    static let greatestCount = (1 << 30) - 1

    /// A block that is a set of integers already.
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// An empty one, in a block of its own.
    init(memory: Memory) {
        unsafe base = memory.allocate(Self.headerByteCount)
        write(width: 2, count: 0)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    func copy(to memory: Memory) -> IntegerSet {
        let copy = unsafe IntegerSet(base: memory.allocate(byteCount))
        unsafe copy.base.copyMemory(from: base, byteCount: byteCount)
        return copy
    }

    /// What it takes of the shard's memory.
    var usedBytes: Int { SizeClass.byteCount(byteCount) }

    var byteCount: Int { Self.headerByteCount + width * count }

    /// Bytes of an element.
    private var width: Int { 1 << Int(header & 3) }

    public var count: Int { Int(header >> 2) }

    private var header: UInt32 {
        @inline(__always) get { unsafe base.load(as: UInt32.self) }
    }

    private func write(width: Int, count: Int) {
        precondition(count <= Self.greatestCount, "more integers than a set of them has room for")
        unsafe base.storeBytes(of: UInt32(count) << 2 | UInt32(width.trailingZeroBitCount), as: UInt32.self)
    }

    // MARK: Reading

    /// The element at `index`, in ascending order.
    public subscript(index: Int) -> Int64 {
        @inline(__always) get {
            precondition(index >= 0 && index < count, "there is no such element")
            return element(index, width: width)
        }
    }

    @inline(__always)
    private func element(_ index: Int, width: Int) -> Int64 {
        unsafe Self.element(index, of: base + Self.headerByteCount, width: width)
    }

    @unsafe @inline(__always)
    private static func element(_ index: Int, of elements: UnsafeRawPointer, width: Int) -> Int64 {
        let place = unsafe elements + index * width
        switch width {
        case 2: return Int64(Int16(littleEndian: unsafe place.loadUnaligned(as: Int16.self)))
        case 4: return Int64(Int32(littleEndian: unsafe place.loadUnaligned(as: Int32.self)))
        default: return Int64(littleEndian: unsafe place.loadUnaligned(as: Int64.self))
        }
    }

    public func contains(_ number: Int64) -> Bool { find(number).isThere }

    /// Where `number` is, or would have to be.
    private func find(_ number: Int64) -> (index: Int, isThere: Bool) {
        let (count, width) = (count, width)
        var (low, high) = (0, count)
        // Numbers often come in ascending order.
        if count > 0, element(count - 1, width: width) < number { return (count, false) }
        while low < high {
            let middle = (low + high) / 2
            if element(middle, width: width) < number { low = middle + 1 } else { high = middle }
        }
        return (low, low < count && element(low, width: width) == number)
    }

    // MARK: Changing

    /// - Returns: whether `number` was not there.
    mutating func insert(_ number: Int64, memory: Memory) -> Bool {
        let (index, isThere) = find(number)
        guard !isThere else { return false }
        widen(for: number, memory: memory)
        let (count, width, previous) = (count, width, byteCount)
        unsafe base = memory.resize(base, from: previous, to: previous + width)
        let place = unsafe base + (Self.headerByteCount + index * width)
        unsafe (place + width).copyMemory(from: place, byteCount: (count - index) * width)
        store(number, at: index, width: width)
        write(width: width, count: count + 1)
        return true
    }

    /// - Returns: whether `number` was there.
    mutating func remove(_ number: Int64, memory: Memory) -> Bool {
        let (index, isThere) = find(number)
        guard isThere else { return false }
        let (count, width, previous) = (count, width, byteCount)
        let place = unsafe base + (Self.headerByteCount + index * width)
        unsafe place.copyMemory(from: place + width, byteCount: (count - 1 - index) * width)
        write(width: width, count: count - 1)
        unsafe base = memory.resize(base, from: previous, to: previous - width)
        return true
    }

    /// Gives all elements the width that `number` needs, if that is more than they have.
    private mutating func widen(for number: Int64, memory: Memory) {
        let (count, width, wanted) = (count, width, Self.width(of: number))
        guard wanted > width else { return }
        unsafe base = memory.resize(base, from: byteCount, to: Self.headerByteCount + count * wanted)
        // From the last one on, so that none is written over before it is read.
        for index in stride(from: count - 1, through: 0, by: -1) {
            store(element(index, width: width), at: index, width: wanted)
        }
        write(width: wanted, count: count)
    }

    private static func width(of number: Int64) -> Int {
        if Int16(exactly: number) != nil { return 2 }
        return Int32(exactly: number) != nil ? 4 : 8
    }

    private func store(_ number: Int64, at index: Int, width: Int) {
        let place = unsafe base + (Self.headerByteCount + index * width)
        switch width {
        case 2: unsafe place.storeBytes(of: Int16(truncatingIfNeeded: number).littleEndian, as: Int16.self)
        case 4: unsafe place.storeBytes(of: Int32(truncatingIfNeeded: number).littleEndian, as: Int32.self)
        default: unsafe place.storeBytes(of: number.littleEndian, as: Int64.self)
        }
    }
}

// MARK: - As RDB has it

extension IntegerSet {
    private static let serializedHeaderByteCount = 8

    /// A copy of all of it, in RDB's form.
    public var serialized: [UInt8] {
        let (width, count) = (width, count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.serializedHeaderByteCount + width * count)
        for number in [UInt32(width), UInt32(count)] {
            unsafe withUnsafeBytes(of: number.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        bytes.append(unsafe Bytes(base: base + Self.headerByteCount, count: width * count))
        return bytes
    }

    /// A block of its own with what is in `serialized`, which is valid.
    init(serialized: Bytes, memory: Memory) {
        let (width, count) = (Int(serialized.word32(at: 0)), Int(serialized.word32(at: 4)))
        let elements = serialized[Self.serializedHeaderByteCount..<serialized.count]
        unsafe base = memory.allocate(Self.headerByteCount + elements.count)
        write(width: width, count: count)
        assert(byteCount == Self.headerByteCount + elements.count)
        unsafe elements.copy(to: base + Self.headerByteCount)
    }

    /// Whether `serialized` is a set of integers through and through: a width that there is, as many elements as are said, in
    /// ascending order, none twice; and no more of them than fit.
    public static func isValid(serialized: Bytes) -> Bool {
        guard serialized.count >= serializedHeaderByteCount else { return false }
        let (width, count) = (Int(serialized.word32(at: 0)), Int(serialized.word32(at: 4)))
        guard width == 2 || width == 4 || width == 8, count <= greatestCount,
            serialized.count - serializedHeaderByteCount == width * count
        else { return false }
        let elements = unsafe serialized.base + serializedHeaderByteCount
        for index in stride(from: 1, to: count, by: 1) {
            guard unsafe element(index - 1, of: elements, width: width) < element(index, of: elements, width: width)
            else { return false }
        }
        return true
    }
}
