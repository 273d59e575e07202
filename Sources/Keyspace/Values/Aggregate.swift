// Values made of elements: lists, sets, sorted sets, hashes, streams. How an entry holds one, and what all have in common.
//
// An entry points to an aggregate's structure and says by its encoding which one it is. `ListValue` and its like are
// views of such an entry: what they change, they change in place, also the pointer and the encoding. A structure knows
// nothing of entries; what is asked of every structure stands in the switches of this file.

public import Protocol

/// The structure of an aggregate: what it is, and where it begins.
///
/// Memory: belongs to the one entry that points here.
@safe
public struct Aggregate {
    let type: ValueType
    let encoding: Encoding
    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(_ type: ValueType, _ encoding: Encoding, base: UnsafeMutableRawPointer) {
        (self.type, self.encoding) = (type, encoding)
        unsafe self.base = base
    }
}

extension Aggregate {
    /// What it takes of the shard's memory, in constant time.
    var usedBytes: Int {
        switch encoding {
        case .listpack: return unsafe Listpack(base: base).usedBytes
        case .integerSet: return unsafe IntegerSet(base: base).usedBytes
        case .hashTable: return unsafe ElementTable(base: base).usedBytes
        case .skiplist: return unsafe SortedMembers(base: base).usedBytes
        case .quicklist: return unsafe Quicklist(base: base).usedBytes
        case .stream: return unsafe StreamLog(base: base).usedBytes
        default: preconditionFailure("no aggregate is kept as \(encoding)")
        }
    }

    func free(to memory: Memory) {
        var budget = Int.max
        _ = freeSlice(budget: &budget, memory: memory)
    }

    /// Frees about `budget` blocks of memory; an aggregate once begun is good for nothing else.
    ///
    /// - Returns: whether all of it is gone.
    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        switch encoding {
        case .listpack: unsafe Listpack(base: base).free(to: memory)
        case .integerSet: unsafe IntegerSet(base: base).free(to: memory)
        case .hashTable: return unsafe ElementTable(base: base).freeSlice(budget: &budget, memory: memory)
        case .skiplist: return unsafe SortedMembers(base: base).freeSlice(budget: &budget, memory: memory)
        case .quicklist: return unsafe Quicklist(base: base).freeSlice(budget: &budget, memory: memory)
        case .stream: return unsafe StreamLog(base: base).freeSlice(budget: &budget, memory: memory)
        default: preconditionFailure("no aggregate is kept as \(encoding)")
        }
        budget -= 1
        return true
    }

    /// How much freeing it costs, as Redis counts it: the elements of what is no single block, the nodes of a list.
    var freeingEffort: Int {
        switch encoding {
        case .listpack, .integerSet: return 1
        case .hashTable: return unsafe ElementTable(base: base).count
        case .skiplist: return unsafe SortedMembers(base: base).count
        case .quicklist: return unsafe Quicklist(base: base).nodeCount
        case .stream: return unsafe StreamLog(base: base).freeingEffort
        default: preconditionFailure("no aggregate is kept as \(encoding)")
        }
    }

    func copy(in environment: TableEnvironment) -> Aggregate {
        let copy: UnsafeMutableRawPointer
        switch encoding {
        case .listpack: unsafe copy = Listpack(base: base).copy(to: environment.memory).base
        case .integerSet: unsafe copy = IntegerSet(base: base).copy(to: environment.memory).base
        case .hashTable: unsafe copy = ElementTable(base: base).copy(to: environment.memory).base
        case .skiplist: unsafe copy = SortedMembers(base: base).copy(in: environment).base
        case .quicklist: unsafe copy = Quicklist(base: base).copy(to: environment.memory).base
        case .stream: unsafe copy = StreamLog(base: base).copy(to: environment.memory).base
        default: preconditionFailure("no aggregate is kept as \(encoding)")
        }
        return unsafe Aggregate(type, encoding, base: copy)
    }
}

extension Payload {
    /// The same for another entry: what lies outside is copied.
    func copy(in environment: TableEnvironment) -> Payload {
        switch self {
        case .integer, .short: self
        case .outside(let block): .outside(StringBlock(copying: block.bytes, memory: environment.memory))
        case .aggregate(let aggregate): .aggregate(aggregate.copy(in: environment))
        }
    }
}

extension Entry {
    /// The value of an entry that holds no string.
    var aggregate: Aggregate {
        get { unsafe Aggregate(type, encoding, base: structure) }
        nonmutating set {
            let payload = Payload.aggregate(newValue)
            header = header & ~Header.payloadMask | payload.headerBits
            unsafe payload.write(to: base + valueOffset(header))
        }
    }
}

extension Entry {
    /// Where the structure begins that the value of an entry is, if that is no string.
    @unsafe
    var structure: UnsafeMutableRawPointer {
        @inline(__always) get {
            assert(isOutside && type != .string)
            let address = unsafe base.loadUnaligned(fromByteOffset: valueOffset(header), as: UInt.self)
            return unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
        }
    }

    /// Whether the value is a listpack.
    var isListpack: Bool {
        @inline(__always) get { header & Header.encodingMask == UInt64(Encoding.listpack.rawValue) << 4 }
    }
}

// MARK: - Views

/// A kind of aggregate, seen through the entry that holds it.
///
/// A view is good until its entry is replaced or removed; it may be copied, and changes through one copy are seen through
/// all. An aggregate without elements does not stay: whoever takes the last one out removes the key.
/// Thread: that of the keyspace.
public protocol AggregateValue {
    static var type: ValueType { get }
    /// One without elements, in the encoding that suits the fewest.
    static func makeEmpty(in keyspace: Keyspace) -> Aggregate

    /// - Parameter entry: holds a value of this type, and lives in `keyspace` or is detached from it.
    init(entry: Entry, keyspace: Keyspace)

    /// How many elements it has.
    var count: Int { get }
}

extension Keyspace {
    /// Puts an aggregate without elements under `key`, which is not there.
    public func make<Value: AggregateValue>(_: Value.Type, under key: Key, in database: Int) -> Value {
        let payload = Payload.aggregate(Value.makeEmpty(in: self))
        return Value(entry: put(payload, expiry: nil, under: key, at: nil, in: database), keyspace: self)
    }

    /// An aggregate that no key has yet, filled by `body`: what is read from outside, or computed to be stored.
    public func makeDetached<Value: AggregateValue, Failure: Error>(
        _: Value.Type,
        key: Bytes,
        expiry: Int64? = nil,
        _ body: (Value) throws(Failure) -> Void
    ) throws(Failure) -> DetachedEntry {
        let detached = detached(.aggregate(Value.makeEmpty(in: self)), key: key, expiry: expiry)
        try detached.withEntry { (entry) throws(Failure) in try body(Value(entry: entry, keyspace: self)) }
        return detached
    }
}
