// Integers in ascending order in one block: what small sets of integers are, in memory as in RDB files.
//
//     offset   bytes
//     0        4       bytes of an element: 2, 4 or 8; lowest byte first, as all numbers here
//     4        4       how many elements
//     8        …       the elements, signed
//
// All elements have the width that the widest one needs, or once needed.
//
// Source: Redis's intset; bytes in `IntegerSetTests` were taken from redis-server 7.0.

public import Protocol

/// A sorted set of integers, whoever holds it: a view of one block, which a change may move.
///
/// Memory: the block belongs to the value that points to it; it was given by `Memory` for `byteCount` bytes, so that its
/// size class follows from its first two words. Invariant: see `isValid`.
@safe
public struct IntegerSet {
    private(set) var base: UnsafeMutableRawPointer

    private static let headerByteCount = 8

    /// A block that is a set of integers already.
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// An empty one, in a block of its own.
    init(memory: Memory) {
        unsafe base = memory.allocate(Self.headerByteCount)
        write(width: 2, count: 0)
    }

    /// A block of its own with `bytes`, which are a valid set of integers.
    init(copying bytes: Bytes, memory: Memory) {
        unsafe base = memory.allocate(bytes.count)
        unsafe base.copyMemory(from: bytes.base, byteCount: bytes.count)
        assert(byteCount == bytes.count)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    func copy(to memory: Memory) -> IntegerSet { IntegerSet(copying: bytes, memory: memory) }

    /// What it takes of the shard's memory.
    var usedBytes: Int { Memory.sizeClass(byteCount) }

    /// All of it, as RDB has it.
    public var bytes: Bytes { unsafe Bytes(base: base, count: byteCount) }

    public var byteCount: Int { Self.headerByteCount + width * count }

    /// Bytes of an element.
    private var width: Int { Int(UInt32(littleEndian: unsafe base.load(as: UInt32.self))) }

    public var count: Int { Int(UInt32(littleEndian: unsafe base.load(fromByteOffset: 4, as: UInt32.self))) }

    private func write(width: Int, count: Int) {
        unsafe base.storeBytes(of: UInt32(width).littleEndian, as: UInt32.self)
        unsafe base.storeBytes(of: UInt32(count).littleEndian, toByteOffset: 4, as: UInt32.self)
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
        let place = unsafe base + (Self.headerByteCount + index * width)
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

// MARK: - Bytes that nobody vouches for

extension IntegerSet {
    /// Whether `bytes` are a set of integers through and through: a width that there is, as many elements as are said, in
    /// ascending order, none twice.
    public static func isValid(_ bytes: Bytes) -> Bool {
        guard bytes.count >= headerByteCount else { return false }
        let (width, count) = (Int(bytes.word32(at: 0)), Int(bytes.word32(at: 4)))
        guard width == 2 || width == 4 || width == 8, bytes.count - headerByteCount == width * count else {
            return false
        }
        let set = unsafe IntegerSet(base: UnsafeMutableRawPointer(mutating: bytes.base))  // only read
        for index in stride(from: 1, to: count, by: 1) {
            guard set.element(index - 1, width: width) < set.element(index, width: width) else { return false }
        }
        return true
    }
}
