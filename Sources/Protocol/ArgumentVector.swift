// The arguments of parsed requests: views into an input buffer, kept together in one growing block per shard.

/// The arguments of one request, its name first: views lent by the input buffer for as long as the request runs.
///
/// Memory: owned by an `ArgumentVector`, or by whoever made the block. Invariant: `count` initialized elements.
@safe
public struct Arguments {
    @usableFromInline let base: UnsafePointer<Bytes>
    public let count: Int

    @inlinable
    public init(base: UnsafePointer<Bytes>, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    @inlinable
    public subscript(index: Int) -> Bytes {
        precondition(index >= 0 && index < count, "there is no such argument")
        return unsafe base[index]
    }

    /// The arguments from `index` on.
    @inlinable
    public func from(_ index: Int) -> Arguments {
        precondition(index >= 0 && index <= count, "there is no such argument")
        return unsafe Arguments(base: base + index, count: count - index)
    }

    /// Owned copies of all arguments.
    public var arrays: [[UInt8]] { (0..<count).map { self[$0].array } }
}

/// Room for the arguments of many requests.
///
/// Memory: owns its block; a growing block moves, so requests remember positions and ask for `Arguments` when they run.
/// Invariant: elements `0 ..< count` are initialized. Thread: one at a time.
@safe
public final class ArgumentVector {
    @usableFromInline var base: UnsafeMutablePointer<Bytes>
    private(set) var capacity: Int
    public private(set) var count = 0

    public init(capacity: Int = 256) {
        unsafe base = UnsafeMutablePointer<Bytes>.allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe base.deallocate() }

    public func append(_ bytes: Bytes) {
        if count == capacity { grow() }
        unsafe (base + count).initialize(to: bytes)
        count &+= 1
    }

    /// Says that there are `count` elements now: those behind the last one were written to `base`, up to `capacity`.
    func didFill(_ count: Int) {
        precondition(self.count <= count && count <= capacity, "more was filled than there was room for")
        self.count = count
    }

    /// Forgets the elements from `count` on.
    public func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "a vector is truncated, not stretched")
        self.count = count
    }

    /// `count` elements from `first` on, lent until the next change.
    @inlinable
    public func slice(from first: Int, count: Int) -> Arguments {
        precondition(
            UInt(bitPattern: first) <= UInt(bitPattern: self.count)
                && UInt(bitPattern: count) <= UInt(bitPattern: self.count &- first),
            "there are no such arguments"
        )
        return unsafe Arguments(base: base + first, count: count)
    }

    @inline(never)
    private func grow() {
        let larger = UnsafeMutablePointer<Bytes>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = larger
        capacity *= 2
    }
}

/// Arguments that outlive the buffer they came in: a queued command, a blocked one, a test's.
///
/// Memory: owns one block for the views and one for their bytes. Thread: one at a time.
@safe
public final class OwnedArguments {
    private let views: UnsafeMutablePointer<Bytes>
    private let storage: UnsafeMutableRawPointer
    private let count: Int
    /// The bytes of all arguments together.
    public let byteCount: Int

    public init(copying arguments: Arguments) {
        count = arguments.count
        byteCount = (0..<count).reduce(0) { $0 + arguments[$1].count }
        unsafe views = UnsafeMutablePointer<Bytes>.allocate(capacity: max(1, count))
        unsafe storage = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 1)
        var offset = 0
        for index in 0..<count {
            let argument = arguments[index]
            unsafe (storage + offset).copyMemory(from: argument.base, byteCount: argument.count)
            unsafe (views + index).initialize(to: Bytes(base: storage + offset, count: argument.count))
            offset += argument.count
        }
    }

    public init(_ arguments: [[UInt8]]) {
        count = arguments.count
        byteCount = arguments.reduce(0) { $0 + $1.count }
        unsafe views = UnsafeMutablePointer<Bytes>.allocate(capacity: max(1, count))
        unsafe storage = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 1)
        var offset = 0
        for (index, argument) in arguments.enumerated() {
            argument.withBytes { unsafe (storage + offset).copyMemory(from: $0.base, byteCount: $0.count) }
            unsafe (views + index).initialize(to: Bytes(base: storage + offset, count: argument.count))
            offset += argument.count
        }
    }

    deinit {
        unsafe views.deallocate()
        unsafe storage.deallocate()
    }

    /// The views, good for as long as this object lives.
    public var arguments: Arguments { unsafe Arguments(base: views, count: count) }
}
