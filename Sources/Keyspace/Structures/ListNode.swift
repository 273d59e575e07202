// A node of a list: a listpack, or one huge element alone; compressed where the list says so.

public import Protocol

/// How large a node may become: Redis's `list-max-listpack-size`.
struct ListNodeLimit {
    let byteCount: Int
    let count: Int
    /// An element of as many bytes is kept alone.
    private let aloneFrom: Int

    /// - Parameter setting: positive, a number of elements, which together take no more than 8 kB; −1 … −5: 4, 8, 16, 32
    ///   or 64 kB.
    @inline(__always)
    init(_ setting: Int, aloneFrom: Int = .max) {
        self.aloneFrom = aloneFrom
        byteCount = setting < 0 ? 2048 << min(5, -setting) : 8192
        count = setting < 0 ? .max : max(1, setting)
    }

    /// Whether `element` joins the `count` elements of `pack`.
    ///
    /// It is judged by the bytes of a full listpack, so that lists have as many nodes as in Redis.
    @inline(__always)
    func hasRoom(in pack: Listpack, count: Int, for element: ListpackElement) -> Bool {
        let elementByteCount = element.byteCount(in: .full)
        return count < self.count && elementByteCount < aloneFrom
            && pack.hasRoom(for: elementByteCount, inFull: byteCount)
    }

    /// Whether `element` is too large for any listpack.
    func isExceeded(by element: ListpackElement) -> Bool {
        let elementByteCount = element.byteCount(in: .full)
        return Listpack.headerByteCount + elementByteCount + 1 > byteCount || elementByteCount >= aloneFrom
    }
}

/// What a node holds, lent for reading.
public enum ListNodeContent {
    case listpack(Listpack)
    case element(Bytes)
}

/// A node as the ring keeps it: two words.
///
/// Memory: its block belongs to the list. Invariant: the lowest bits of a block's address, which are zero, hold the kind.
@safe
struct ListNode {
    enum Kind: UInt {
        case listpack = 0
        case plain = 1
        case compressedListpack = 2
        case compressedPlain = 3
    }

    private static let kindMask: UInt = 7
    private var word: UInt
    /// Elements.
    let count: Int

    private init(_ kind: Kind, _ base: UnsafeMutableRawPointer, count: Int) {
        word = UInt(bitPattern: base) | kind.rawValue
        self.count = count
    }

    init(_ pack: Listpack, count: Int) { unsafe self.init(.listpack, pack.base, count: count) }

    /// A node with a huge element alone.
    init(copying element: Bytes, memory: Memory) {
        unsafe self.init(.plain, StringBlock(copying: element, memory: memory).base, count: 1)
    }

    var kind: Kind { @inline(__always) get { unsafe Kind(rawValue: word & Self.kindMask).unsafelyUnwrapped } }

    private var base: UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: word & ~Self.kindMask).unsafelyUnwrapped
    }

    /// The elements of a node of the kind `.listpack`.
    var pack: Listpack {
        @inline(__always) get {
            assert(kind == .listpack)
            return unsafe Listpack(base: base)
        }
    }

    private var block: StringBlock { unsafe StringBlock(base: base) }
    private var compressed: CompressedBlock { unsafe CompressedBlock(base: base) }

    /// What the block takes of the shard's memory.
    var usedBytes: Int {
        switch kind {
        case .listpack: pack.usedBytes
        case .plain: block.usedBytes
        case .compressedListpack, .compressedPlain: compressed.usedBytes
        }
    }

    func free(to memory: Memory) {
        switch kind {
        case .listpack: pack.free(to: memory)
        case .plain: block.free(to: memory)
        case .compressedListpack, .compressedPlain: compressed.free(to: memory)
        }
    }

    /// Moves the block, if it is to be moved.
    mutating func evacuate(in memory: Memory) {
        let (kind, base) = unsafe (kind, base)
        let byteCount =
            switch kind {
            case .listpack: pack.byteCount
            case .plain: block.byteCount
            case .compressedListpack, .compressedPlain: compressed.byteCount
            }
        unsafe memory.evacuate(base, byteCount: byteCount) { word = UInt(bitPattern: $0) | kind.rawValue }
    }

    func copy(to memory: Memory) -> ListNode {
        switch kind {
        case .listpack: ListNode(pack.copy(to: memory), count: count)
        case .plain: ListNode(copying: block.bytes, memory: memory)
        case .compressedListpack, .compressedPlain:
            unsafe ListNode(kind, compressed.copy(to: memory).base, count: count)
        }
    }

    // MARK: Reading

    /// Lends what the node holds; what is compressed is read from a copy.
    @inline(__always)
    func withContent<Result>(_ body: (ListNodeContent) -> Result) -> Result {
        switch kind {
        case .listpack: body(.listpack(pack))
        case .plain: body(.element(block.bytes))
        case .compressedListpack, .compressedPlain: withCompressedContent(body)
        }
    }

    private func withCompressedContent<Result>(_ body: (ListNodeContent) -> Result) -> Result {
        compressed.plainBytes.withBytes { bytes in
            if kind == .compressedPlain { return body(.element(bytes)) }
            return body(.listpack(Listpack(reading: bytes)))
        }
    }

    /// Stops the process when the node contradicts itself.
    func checkInvariants() {
        precondition(count > 0, "a node without elements")
        withContent { content in
            switch content {
            case .listpack(let pack):
                let isIntact = isCompressed ? pack.isIntact && pack.form == .bare : pack.isIntactInList
                precondition(isIntact && pack.count == count, "a node that is no listpack of a list")
            case .element: precondition(count == 1, "a huge element is not alone")
            }
        }
    }

    // MARK: Compression

    var isCompressed: Bool { kind == .compressedListpack || kind == .compressedPlain }

    /// Nodes of fewer bytes stay as they are, and those that would not save as many as these.
    private static let leastByteCount = 48
    private static let leastSaving = 8

    /// The same, compressed, if that saves anything; the block is then another one.
    func compressed(memory: Memory) -> ListNode? {
        guard !isCompressed else { return nil }
        let isListpack = kind == .listpack
        let compress = { Self.compressedBlock($0, memory: memory) }
        guard let block = isListpack ? pack.withBytes(in: .bare, compress) : compress(block.bytes) else { return nil }
        free(to: memory)
        return unsafe ListNode(isListpack ? .compressedListpack : .compressedPlain, block.base, count: count)
    }

    private static func compressedBlock(_ bytes: Bytes, memory: Memory) -> CompressedBlock? {
        guard bytes.count >= leastByteCount, let compressed = compressLZF(bytes, limit: bytes.count - leastSaving)
        else {
            return nil
        }
        return CompressedBlock(copying: compressed, plainByteCount: bytes.count, memory: memory)
    }

    /// The same, not compressed; the block is then another one.
    func expanded(memory: Memory) -> ListNode {
        guard isCompressed else { return self }
        let expanded = withContent { content in
            switch content {
            case .listpack(let pack): ListNode(Listpack(ofList: pack, memory: memory), count: count)
            case .element(let bytes): ListNode(copying: bytes, memory: memory)
            }
        }
        free(to: memory)
        return expanded
    }
}

/// A compressed block: how many bytes it has, how many they were, then the bytes.
///
/// Memory: owned by the node that points here. Invariant: it was made by `compressLZF`, and so can be taken apart.
@safe
private struct CompressedBlock {
    let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    init(copying compressed: [UInt8], plainByteCount: Int, memory: Memory) {
        unsafe base = memory.allocate(16 + compressed.count)
        unsafe base.storeBytes(of: compressed.count, as: Int.self)
        unsafe base.storeBytes(of: plainByteCount, toByteOffset: 8, as: Int.self)
        compressed.withBytes { unsafe (base + 16).copyMemory(from: $0.base, byteCount: $0.count) }
    }

    private var count: Int { unsafe base.load(as: Int.self) }
    private var plainByteCount: Int { unsafe base.load(fromByteOffset: 8, as: Int.self) }
    private var bytes: Bytes { unsafe Bytes(base: base + 16, count: count) }

    /// What the block was asked for.
    var byteCount: Int { 16 + count }
    var usedBytes: Int { SizeClass.byteCount(byteCount) }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: byteCount) }

    func copy(to memory: Memory) -> CompressedBlock {
        CompressedBlock(copying: bytes.array, plainByteCount: plainByteCount, memory: memory)
    }

    var plainBytes: [UInt8] {
        do throws(LZFError) { return try decompressLZF(bytes, byteCount: plainByteCount) } catch {
            preconditionFailure("a node of a list was compressed into what cannot be read: \(error)")
        }
    }
}
