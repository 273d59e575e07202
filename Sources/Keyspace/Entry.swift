// One key and its value in one allocation: the layout, and reading it.
//
//     offset        bytes
//     0             8     header: bits 0–3 type, 4–7 encoding, 8–15 flags, 16–39 access clock,
//                         40–47 key length (255: a long key), 48–63 bytes of the value part
//     8             8     expiry in Unix milliseconds, with the flag `hasExpiry`
//     8 or 16       8     key length, with the flag `hasLongKey`
//     …             n     key
//     …             m     value part: the bytes of a short string, a 64-bit integer, or a pointer to the value
//
// A key of 16 bytes with a value of 8 takes exactly 32. Nothing is padded: unaligned loads are as good as aligned ones.

public import Protocol

/// A key with its value, lent by the keyspace until its next change: never kept across one.
///
/// Memory: owned by the table that points here. Invariant: the header describes the allocation, so that its byte count
/// and with it its size class follow from the header and the key length alone.
@safe
public struct Entry {
    @usableFromInline let base: UnsafeMutableRawPointer

    @usableFromInline
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    // A case numbered in order is its number: nothing is looked up. What was written here was a case.
    @inlinable @inline(__always)
    public var type: ValueType { unsafe unsafeBitCast(UInt8(truncatingIfNeeded: header & 0xF), to: ValueType.self) }
    @inlinable @inline(__always)
    public var encoding: Encoding {
        unsafe unsafeBitCast(UInt8(truncatingIfNeeded: header >> 4 & 0xF), to: Encoding.self)
    }
    /// Whether `type` is `.string`: what nearly every command asks, and the number of strings is zero.
    @inlinable @inline(__always) public var isString: Bool { header & 0xF == 0 }
    /// Whether `encoding` is `.integer`.
    @inlinable public var isInteger: Bool { header & Header.encodingMask == Header.integer }
    @inlinable public var hasExpiry: Bool { header & Header.hasExpiry != 0 }

    /// When the key dies, in Unix milliseconds.
    @inlinable public var expiry: Int64? { hasExpiry ? expiryTime : nil }

    @inlinable public var key: Bytes {
        let header = header
        return unsafe Bytes(base: base + Header.keyOffset(header), count: keyCount(header))
    }

    /// The value of a string.
    @inlinable @inline(__always)
    public var string: StringValue {
        let header = header
        assert(type == .string)
        if header & Header.encodingMask == Header.integer { return .integer(integer) }
        // Nearly always neither: then the key begins behind the header, and the text behind the key.
        let unusual = Header.isOutside | Header.hasExpiry | Header.hasLongKey
        guard header & unusual == 0 else { return unusualText(header) }
        let offset = 8 &+ Header.shortKeyCount(header)
        return unsafe .bytes(Bytes(base: base + offset, count: Header.valueCount(header)))
    }
}

/// What a string holds: Redis's integer encoding is visible in OBJECT ENCODING, and INCR needs no text.
@frozen
public enum StringValue {
    case bytes(Bytes)
    case integer(Int64)

    /// How many bytes the string has as text.
    public var byteCount: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .integer(let number): integerTextByteCount(number)
        }
    }

    /// Lends the string's bytes for the length of `body`.
    @inlinable
    public func withBytes<Result>(_ body: (Bytes) -> Result) -> Result {
        switch self {
        case .bytes(let bytes): body(bytes)
        case .integer(let number): withIntegerText(number, body)
        }
    }
}

/// The fields of an entry's header word.
@usableFromInline
enum Header {
    // Computed, not stored: a stored one would be an address to ask for in every module but this.
    @inlinable static var encodingMask: UInt64 { 0xF0 }
    @inlinable static var integer: UInt64 { UInt64(Encoding.integer.rawValue) << 4 }
    @inlinable static var hasExpiry: UInt64 { 1 << 8 }
    @inlinable static var hasLongKey: UInt64 { 1 << 9 }
    /// The value part is a pointer.
    @inlinable static var isOutside: UInt64 { 1 << 10 }
    /// What says where the key begins and how long it is.
    static var beforeKeyMask: UInt64 { 0xFF << 40 | hasLongKey | hasExpiry }
    static var accessShift: UInt64 { 16 }
    static var accessMask: UInt64 { 0xFF_FFFF << accessShift }
    @inlinable static var longKeyMark: Int { 255 }
    /// The bits that a value decides.
    static var payloadMask: UInt64 { 0xFFFF << 48 | isOutside | 0xFF }

    /// Each of the two optional fields before the key has eight bytes: no branch is needed.
    @inlinable @inline(__always)
    static func keyOffset(_ header: UInt64) -> Int { 8 + Int((header & hasExpiry) >> 5 + (header & hasLongKey) >> 6) }

    @inlinable @inline(__always)
    static func shortKeyCount(_ header: UInt64) -> Int { Int(header >> 40 & 0xFF) }

    @inlinable @inline(__always)
    static func valueCount(_ header: UInt64) -> Int { Int(header >> 48) }
}

extension Entry {
    @usableFromInline @inline(never)
    func unusualText(_ header: UInt64) -> StringValue {
        if header & Header.isOutside != 0 { return .bytes(block.bytes) }
        return unsafe .bytes(Bytes(base: base + valueOffset(header), count: Header.valueCount(header)))
    }

    @usableFromInline var header: UInt64 {
        @inlinable get { unsafe base.load(as: UInt64.self) }
        nonmutating set { unsafe base.storeBytes(of: newValue, as: UInt64.self) }
    }

    /// When the key dies; there must be an expiry.
    @usableFromInline var expiryTime: Int64 {
        @inlinable get {
            assert(hasExpiry)
            return unsafe base.load(fromByteOffset: 8, as: Int64.self)
        }
        nonmutating set {
            assert(hasExpiry)
            unsafe base.storeBytes(of: newValue, toByteOffset: 8, as: Int64.self)
        }
    }

    @inlinable @inline(__always)
    func keyCount(_ header: UInt64) -> Int {
        let count = Header.shortKeyCount(header)
        guard count == Header.longKeyMark else { return count }
        return unsafe base.load(fromByteOffset: Header.keyOffset(header) - 8, as: Int.self)
    }

    @inlinable @inline(__always)
    func valueOffset(_ header: UInt64) -> Int { Header.keyOffset(header) + keyCount(header) }

    /// The number in the value part of a string that is encoded as an integer.
    @usableFromInline var integer: Int64 {
        @inlinable @inline(__always) get {
            unsafe base.loadUnaligned(fromByteOffset: valueOffset(header), as: Int64.self)
        }
        @inline(__always) nonmutating set {
            unsafe base.storeBytes(of: newValue, toByteOffset: valueOffset(header), as: Int64.self)
        }
    }

    @usableFromInline var isOutside: Bool { @inlinable get { header & Header.isOutside != 0 } }

    /// The block that a string outside the entry lies in.
    @usableFromInline var block: StringBlock {
        @inlinable get {
            let address = unsafe base.loadUnaligned(fromByteOffset: valueOffset(header), as: UInt.self)
            return unsafe StringBlock(base: UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped)
        }
        nonmutating set {
            unsafe base.storeBytes(
                of: UInt(bitPattern: newValue.base),
                toByteOffset: valueOffset(header),
                as: UInt.self
            )
        }
    }

    /// The clock or frequency of the last access, 24 bits.
    var access: UInt64 {
        get { (header & Header.accessMask) >> Header.accessShift }
        nonmutating set { header = header & ~Header.accessMask | newValue << Header.accessShift }
    }

    /// The clock or frequency as it stands, for DEBUG OBJECT.
    public var accessField: Int { Int(access) }

    /// How many bytes of the allocation are used: what was asked for, and what `Memory.free` must be told.
    var byteCount: Int {
        let header = header
        return valueOffset(header) + Header.valueCount(header)
    }

    @inline(__always)
    func hasKey(_ key: Bytes) -> Bool {
        key.count < Header.longKeyMark ? hasShortKey(key) : hasLongKey(key)
    }

    /// Whether its key is `key` and nothing stands before it, neither an expiry nor the length of a long key.
    @inline(__always)
    func isPlain(withKey key: Bytes) -> Bool {
        // One comparison tells the length, too: that of a long key reaches into bits that are not left.
        guard header & Header.beforeKeyMask == UInt64(truncatingIfNeeded: key.count) << 40 else { return false }
        return unsafe Bytes(base: base + 8, count: key.count).isEqual(to: key)
    }

    @inline(__always)
    func hasShortKey(_ key: Bytes) -> Bool {
        assert(key.count < Header.longKeyMark)
        let header = header
        guard Header.shortKeyCount(header) == key.count else { return false }
        return unsafe Bytes(base: base + Header.keyOffset(header), count: key.count).isEqual(to: key)
    }

    @inline(never)
    private func hasLongKey(_ key: Bytes) -> Bool { self.key.isEqual(to: key) }
}
