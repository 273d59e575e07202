// What an entry can hold. A new type of value is a new case here; the compiler then shows every question it must answer.

public import Protocol

/// The type of a value, as TYPE tells it; at most 16, numbered in order from 0 (`Entry` relies on it).
@frozen
public enum ValueType: UInt8, CaseIterable {
    case string = 0
    case list = 1
    case set = 2
    case sortedSet = 3
    case hash = 4
    case stream = 5

    /// Redis's word for it.
    public var name: StaticString {
        switch self {
        case .string: "string"
        case .list: "list"
        case .set: "set"
        case .sortedSet: "zset"
        case .hash: "hash"
        case .stream: "stream"
        }
    }
}

/// How a value is kept, as OBJECT ENCODING tells it; at most 16, numbered in order from 0 (`Entry` relies on it).
@frozen
public enum Encoding: UInt8, CaseIterable {
    /// A string that was changed in place, or is longer than `longestEmbedded`.
    case raw = 0
    /// A string that is the canonical text of a 64-bit integer.
    case integer = 1
    /// A string of at most `longestEmbedded` bytes, never changed in place.
    case embedded = 2
    /// All elements one behind the other.
    case listpack = 3
    /// A set of integers, sorted.
    case integerSet = 4
    /// A list of listpacks.
    case quicklist = 5
    case hashTable = 6
    /// Sorted, and found by rank; Redis keeps a skip list where this server has a B+tree.
    case skiplist = 7
    case stream = 8

    /// Redis's word for it.
    public var name: StaticString {
        switch self {
        case .raw: "raw"
        case .integer: "int"
        case .embedded: "embstr"
        case .listpack: "listpack"
        case .integerSet: "intset"
        case .quicklist: "quicklist"
        case .hashTable: "hashtable"
        case .skiplist: "skiplist"
        case .stream: "stream"
        }
    }

    /// The most bytes of a string that Redis calls embstr.
    static let longestEmbedded = 44
}

extension Entry {
    /// The encoding as OBJECT ENCODING tells it: Redis 7.0 calls every list a quicklist, however short.
    public var encodingName: StaticString { type == .list ? Encoding.quicklist.name : encoding.name }
}

/// A value on its way into an entry.
enum Payload {
    case integer(Int64)
    case short(Bytes, Encoding)
    /// A string too long for the entry; the entry takes the block over.
    case outside(StringBlock)
    /// What is no string; the entry takes it over.
    case aggregate(Aggregate)

    /// How many bytes it takes in the entry.
    @inline(__always)
    var byteCount: Int {
        switch self {
        case .integer, .outside, .aggregate: 8
        case .short(let bytes, _): bytes.count
        }
    }

    /// What `Header.payloadMask` covers: type, encoding, flag and length.
    @inline(__always)
    var headerBits: UInt64 {
        let (type, encoding, flags): (ValueType, Encoding, UInt64) =
            switch self {
            case .integer: (.string, .integer, 0)
            case .short(_, let encoding): (.string, encoding, 0)
            case .outside: (.string, .raw, Header.isOutside)
            case .aggregate(let aggregate): (aggregate.type, aggregate.encoding, Header.isOutside)
            }
        return UInt64(type.rawValue) | UInt64(encoding.rawValue) << 4 | flags | UInt64(byteCount) << 48
    }

    /// Writes the value part at `destination`, which has room for `byteCount` bytes.
    @unsafe @inline(__always)
    func write(to destination: UnsafeMutableRawPointer) {
        switch self {
        case .integer(let number): unsafe destination.storeBytes(of: number, as: Int64.self)
        case .short(let bytes, _): unsafe bytes.copy(to: destination)
        case .outside(let block): unsafe destination.storeBytes(of: UInt(bitPattern: block.base), as: UInt.self)
        case .aggregate(let value): unsafe destination.storeBytes(of: UInt(bitPattern: value.base), as: UInt.self)
        }
    }
}

/// The bytes of a string that is too long for its entry: count, capacity, then the bytes.
///
/// Memory: owned by the one entry that points here. Invariant: `0 ≤ count ≤ capacity`, 16 + `capacity` bytes allocated.
@safe @usableFromInline
struct StringBlock {
    @usableFromInline let base: UnsafeMutableRawPointer

    @usableFromInline
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// A block of `count` bytes that nobody has written yet.
    init(count: Int, capacity: Int, memory: Memory) {
        precondition(count >= 0 && count <= capacity, "a string larger than its block")
        unsafe base = memory.allocate(16 + capacity)
        unsafe base.storeBytes(of: count, as: Int.self)
        unsafe base.storeBytes(of: capacity, toByteOffset: 8, as: Int.self)
    }

    init(copying bytes: Bytes, memory: Memory) {
        self.init(count: bytes.count, capacity: bytes.count, memory: memory)
        unsafe content.copyMemory(from: bytes.base, byteCount: bytes.count)
    }

    @usableFromInline var count: Int {
        @inlinable get { unsafe base.load(as: Int.self) }
        nonmutating set {
            precondition(newValue >= 0 && newValue <= capacity, "a string larger than its block")
            unsafe base.storeBytes(of: newValue, as: Int.self)
        }
    }
    var capacity: Int { unsafe base.load(fromByteOffset: 8, as: Int.self) }
    @usableFromInline var content: UnsafeMutableRawPointer { @inlinable get { unsafe base + 16 } }
    @usableFromInline var bytes: Bytes { @inlinable get { unsafe Bytes(base: content, count: count) } }

    /// What the block was asked for.
    var byteCount: Int { 16 + capacity }
    /// What it takes of the shard's memory.
    var usedBytes: Int { SizeClass.byteCount(byteCount) }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    /// Moves it, if it is to be moved; `correct` is told where it is now.
    func evacuate(in memory: Memory, _ correct: (StringBlock) -> Void) {
        unsafe memory.evacuate(base, byteCount: byteCount) { correct(unsafe StringBlock(base: $0)) }
    }
}

extension Entry {
    /// An entry takes a string into itself as long as the whole has at most this many bytes: larger ones would be
    /// copied with every change of the expiry, and could not grow by doubling.
    static let largest = 1024

    /// An entry of `key` in a fresh allocation. Its access clock is still zero.
    static func make(_ key: Bytes, expiry: Int64?, payload: Payload, memory: Memory) -> Entry {
        let byteCount = byteCount(keyCount: key.count, hasExpiry: expiry != nil, payload: payload.byteCount)
        let entry = unsafe Entry(base: memory.allocate(byteCount))
        entry.write(key, expiry: expiry, payload: payload)
        return entry
    }

    static func byteCount(keyCount: Int, hasExpiry: Bool, payload: Int) -> Int {
        8 + (hasExpiry ? 8 : 0) + (keyCount >= Header.longKeyMark ? 8 : 0) + keyCount + payload
    }

    /// Fills the allocation, which has room for it. `key` may lie in this very entry, the payload must not.
    func write(_ key: Bytes, expiry: Int64?, payload: Payload) {
        var header = payload.headerBits
        header |= UInt64(min(key.count, Header.longKeyMark)) << 40
        if expiry != nil { header |= Header.hasExpiry }
        if key.count >= Header.longKeyMark { header |= Header.hasLongKey }

        let keyOffset = Header.keyOffset(header)
        unsafe (base + keyOffset).copyMemory(from: key.base, byteCount: key.count)  // first: it may be overwritten
        self.header = header
        if let expiry { expiryTime = expiry }
        if key.count >= Header.longKeyMark {
            unsafe base.storeBytes(of: key.count, toByteOffset: keyOffset - 8, as: Int.self)
        }
        unsafe payload.write(to: base + keyOffset + key.count)
    }

    /// Puts another value where the present one is, if the allocation has the right size for it; key and expiry stay. What
    /// the present one has outside must have been freed.
    @inline(__always)
    func rewrite(_ payload: Payload) -> Bool {
        let header = header
        let offset = valueOffset(header)
        let payloadCount = payload.byteCount
        let previousCount = Header.valueCount(header)
        guard
            payloadCount == previousCount
                || SizeClass.byteCount(offset + payloadCount) == SizeClass.byteCount(offset + previousCount)
        else { return false }
        self.header = header & ~Header.payloadMask | payload.headerBits
        unsafe payload.write(to: base + offset)
        return true
    }

    /// Puts text where text of the same length is, in an entry with nothing before its key; returns whether it was.
    @inline(__always)
    func overwrite(_ text: Bytes) -> Bool {
        let header = header
        assert(header & (Header.hasExpiry | Header.hasLongKey) == 0)
        let encoding = text.count <= Encoding.longestEmbedded ? Encoding.embedded : .raw
        guard header & Header.payloadMask == Payload.short(text, encoding).headerBits else { return false }
        unsafe text.copy(to: base + 8 + Header.shortKeyCount(header))
        return true
    }

    /// What the value part holds, to be written to another entry, which then owns what lies outside.
    var payload: Payload {
        if type != .string { return .aggregate(aggregate) }
        if isOutside { return .outside(block) }
        switch string {
        case .integer(let number): return .integer(number)
        case .bytes(let bytes): return .short(bytes, encoding)
        }
    }

    /// What the entry and its value take of the shard's memory.
    var usedBytes: Int { SizeClass.byteCount(byteCount) + outsideUsedBytes }

    /// Of these, what lies outside the entry.
    var outsideUsedBytes: Int {
        guard isOutside else { return 0 }
        return type == .string ? block.usedBytes : aggregate.usedBytes
    }

    /// Gives everything back, the value's own blocks too.
    func free(to memory: Memory) {
        freeOutside(to: memory)
        freeShell(to: memory)
    }

    /// Gives back what the value has outside the entry, which is then good only to be written over.
    func freeOutside(to memory: Memory) {
        guard isOutside else { return }
        if type == .string { block.free(to: memory) } else { aggregate.free(to: memory) }
    }

    /// Gives the entry back but not what its value has outside: somebody else has that now.
    func freeShell(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }
}
