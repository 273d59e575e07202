// An element of an `ElementTable`, as it lies in its bucket: the layout, reading and writing it.
//
//     inside     1   tag: eight bits of the hash
//                1   bits 0–6: bytes of the field; bit 7: has an expiry
//                1   bytes of the value, in a table with values
//                8   expiry in Unix milliseconds, where it has one
//                …   field, value
//
//     outside    1   tag
//                1   bits 0–6: 127; bit 7: has an expiry
//                8   address of a block: bytes of the field (8), bytes of the value (8), expiry or zero (8), field, value
//
// Long elements lie outside, so that going from one element to the next stays within a few cache lines.

public import Protocol

/// An element of a set or a hash: a member of a set is a field without a value. Lent until the next change.
public struct Element {
    public let field: Bytes
    public let value: Bytes
    /// When it dies, in Unix milliseconds.
    public let expiry: Int64?

    /// Field and value with at most this many bytes lie in the bucket.
    static let longestInside = 124

    init(field: Bytes, value: Bytes, expiry: Int64? = nil) {
        (self.field, self.value, self.expiry) = (field, value, expiry)
    }

    var isLong: Bool { field.count + value.count > Self.longestInside }
}

/// Where an element lies in its bucket.
///
/// Memory: a view of the bucket, good until its next change. Invariant: see the layout above.
@safe
struct StoredElement {
    let base: UnsafeMutableRawPointer
    /// Whether its table is one with values.
    let holdsValue: Bool

    private static let outside: UInt8 = 0x7F
    private static let expires: UInt8 = 0x80
    private static let outsideByteCount = 10
    private static let outsideHeadByteCount = 24

    @inline(__always)
    init(base: UnsafeMutableRawPointer, holdsValue: Bool) {
        unsafe self.base = base
        self.holdsValue = holdsValue
    }

    var tag: UInt8 { @inline(__always) get { unsafe base.load(as: UInt8.self) } }
    private var head: UInt8 { @inline(__always) get { unsafe base.load(fromByteOffset: 1, as: UInt8.self) } }
    var isOutside: Bool { @inline(__always) get { head & Self.outside == Self.outside } }
    var hasExpiry: Bool { @inline(__always) get { head & Self.expires != 0 } }

    /// Bytes of the heads of an element inside, its expiry not counted.
    private var headByteCount: Int { @inline(__always) get { holdsValue ? 3 : 2 } }

    /// What it takes of the bucket.
    var byteCount: Int {
        @inline(__always) get {
            let head = Int(head)
            let fieldCount = head & 0x7F
            guard fieldCount != 0x7F else { return Self.outsideByteCount }
            let expiryCount = (head & 0x80) >> 4
            guard holdsValue else { return 2 + expiryCount + fieldCount }
            return 3 + expiryCount + fieldCount + Int(unsafe base.load(fromByteOffset: 2, as: UInt8.self))
        }
    }

    @inline(__always)
    func hasField(_ field: Bytes) -> Bool {
        let head = head
        let fieldCount = Int(head & Self.outside)
        guard fieldCount != Self.outside else { return element.field.isEqual(to: field) }
        guard fieldCount == field.count else { return false }
        let offset = headByteCount + Int(head & Self.expires) >> 4
        return unsafe Bytes(base: base + offset, count: fieldCount).isEqual(to: field)
    }

    /// What it holds.
    var element: Element {
        let head = head
        let hasExpiry = head & Self.expires != 0
        if head & Self.outside == Self.outside { return outsideElement(hasExpiry: hasExpiry) }
        var offset = headByteCount
        let expiry = hasExpiry ? unsafe base.loadUnaligned(fromByteOffset: offset, as: Int64.self) : nil
        if hasExpiry { offset += 8 }
        let fieldCount = Int(head) & 0x7F
        let valueCount = holdsValue ? Int(unsafe base.load(fromByteOffset: 2, as: UInt8.self)) : 0
        return unsafe Element(
            field: Bytes(base: base + offset, count: fieldCount),
            value: Bytes(base: base + offset + fieldCount, count: valueCount),
            expiry: expiry
        )
    }

    @inline(never)
    private func outsideElement(hasExpiry: Bool) -> Element {
        let block = unsafe block
        let (fieldCount, valueCount) = unsafe (block.load(as: Int.self), block.load(fromByteOffset: 8, as: Int.self))
        let content = unsafe block + Self.outsideHeadByteCount
        return unsafe Element(
            field: Bytes(base: content, count: fieldCount),
            value: Bytes(base: content + fieldCount, count: valueCount),
            expiry: hasExpiry ? block.load(fromByteOffset: 16, as: Int64.self) : nil
        )
    }

    /// The block of an element that lies outside.
    @unsafe
    private var block: UnsafeMutableRawPointer {
        assert(isOutside)
        let address = unsafe base.loadUnaligned(fromByteOffset: 2, as: UInt.self)
        return unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Bytes of the block of an element that lies outside: what it was asked for.
    var blockByteCount: Int {
        let element = element
        return Self.outsideHeadByteCount + element.field.count + element.value.count
    }

    /// Gives back what an element has outside its bucket.
    ///
    /// - Returns: what that was of the shard's memory.
    func freeBlock(to memory: Memory) -> Int {
        guard isOutside else { return 0 }
        let byteCount = blockByteCount
        unsafe memory.free(block, byteCount: byteCount)
        return SizeClass.byteCount(byteCount)
    }

    /// Gives an element that was copied byte by byte a block of its own.
    func copyBlock(to memory: Memory) {
        guard isOutside else { return }
        let byteCount = blockByteCount
        let copy = unsafe memory.allocate(byteCount)
        unsafe copy.copyMemory(from: block, byteCount: byteCount)
        unsafe base.storeBytes(of: UInt(bitPattern: copy), toByteOffset: 2, as: UInt.self)
    }

    /// Moves the block of an element that lies outside, if it is to be moved.
    func evacuateBlock(in memory: Memory) {
        guard isOutside else { return }
        unsafe memory.evacuate(block, byteCount: blockByteCount) {
            unsafe base.storeBytes(of: UInt(bitPattern: $0), toByteOffset: 2, as: UInt.self)
        }
    }

    // MARK: Writing

    /// What `element` will take of a bucket.
    @inline(__always)
    static func byteCount(of element: Element, holdsValue: Bool) -> Int {
        guard !element.isLong else { return outsideByteCount }
        let heads = holdsValue ? 3 : 2
        return heads + (element.expiry != nil ? 8 : 0) + element.field.count + element.value.count
    }

    /// Writes `element`, which does not lie in this bucket; there is room for it.
    ///
    /// - Returns: what it takes of the shard's memory besides its bucket.
    @inline(__always)
    func write(_ element: Element, tag: UInt8, memory: Memory) -> Int {
        unsafe base.storeBytes(of: tag, as: UInt8.self)
        let expires = element.expiry != nil ? Self.expires : 0
        guard !element.isLong else { return writeOutside(element, expires: expires, memory: memory) }
        unsafe base.storeBytes(of: UInt8(element.field.count) | expires, toByteOffset: 1, as: UInt8.self)
        var offset = 2
        if holdsValue {
            unsafe base.storeBytes(of: UInt8(element.value.count), toByteOffset: 2, as: UInt8.self)
            offset = 3
        }
        if let expiry = element.expiry {
            unsafe base.storeBytes(of: expiry, toByteOffset: offset, as: Int64.self)
            offset += 8
        }
        unsafe element.field.copy(to: base + offset)
        if holdsValue { unsafe element.value.copy(to: base + offset + element.field.count) }
        return 0
    }

    @inline(never)
    private func writeOutside(_ element: Element, expires: UInt8, memory: Memory) -> Int {
        let byteCount = Self.outsideHeadByteCount + element.field.count + element.value.count
        let block = unsafe memory.allocate(byteCount)
        unsafe block.storeBytes(of: element.field.count, as: Int.self)
        unsafe block.storeBytes(of: element.value.count, toByteOffset: 8, as: Int.self)
        unsafe block.storeBytes(of: element.expiry ?? 0, toByteOffset: 16, as: Int64.self)
        unsafe element.field.copy(to: block + Self.outsideHeadByteCount)
        unsafe element.value.copy(to: block + Self.outsideHeadByteCount + element.field.count)
        unsafe base.storeBytes(of: Self.outside | expires, toByteOffset: 1, as: UInt8.self)
        unsafe base.storeBytes(of: UInt(bitPattern: block), toByteOffset: 2, as: UInt.self)
        return SizeClass.byteCount(byteCount)
    }

    /// Where an element inside has its expiry, or would have it.
    var expiryOffset: Int { headByteCount }

    /// Writes the expiry where there is room for one: always outside, and inside behind a head that says so.
    func store(expiry: Int64?) {
        let expires: UInt8 = expiry != nil ? Self.expires : 0
        unsafe base.storeBytes(of: head & Self.outside | expires, toByteOffset: 1, as: UInt8.self)
        guard let expiry else { return }
        if isOutside {
            unsafe block.storeBytes(of: expiry, toByteOffset: 16, as: Int64.self)
        } else {
            unsafe base.storeBytes(of: expiry, toByteOffset: headByteCount, as: Int64.self)
        }
    }
}
