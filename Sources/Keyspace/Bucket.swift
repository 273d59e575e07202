// A bucket: one cache line with seven entries, found by a byte of their hash; and the arrays of them.
//
//     word 0        bits 0–7: control (bit 0 chained, bit 1 may hold an entry with expiry, 2–7 for snapshots)
//                   byte k = 1 … 7: tag of the entry in word k, 0 if there is none
//     words 1 … 7   entries; in a chained bucket word 7 is the next bucket of the chain, and its tag is 0
//
// Source of the idea: "Cuckoo Hashing" tags and F14 chunks, with chaining instead of probing, so that a deletion
// leaves no tombstone and an entry never leaves its bucket's chain: that is what the cursor of SCAN rests on.

internal import CSystem
internal import Protocol

/// A bucket of a table, as a place in memory.
@safe
struct Bucket {
    /// Entries that a bucket without a chain holds.
    static let width = 7
    static let byteCount = 64

    private static let chained: UInt64 = 1
    private static let mayHoldVolatile: UInt64 = 2
    private static let tagBytes: UInt64 = 0x0101_0101_0101_0100

    let words: UnsafeMutablePointer<UInt64>

    @inline(__always)
    init(words: UnsafeMutablePointer<UInt64>) { unsafe self.words = words }

    /// The byte that a bucket keeps of a hash: from its upper end, as the lower one chose the bucket; never 0.
    @inline(__always)
    static func tag(of hash: UInt64) -> UInt64 { max(hash >> 56, 1) }

    private var metadata: UInt64 {
        @inline(__always) get { unsafe words[0] }
        nonmutating set { unsafe words[0] = newValue }
    }

    /// The entry at `position` 1 … 7, which is not empty.
    subscript(position: Int) -> Entry {
        @inline(__always) get {
            assert(occupied.contains(position))
            return unsafe Entry(base: UnsafeMutableRawPointer(bitPattern: UInt(words[position])).unsafelyUnwrapped)
        }
        nonmutating set { unsafe words[position] = UInt64(UInt(bitPattern: newValue.base)) }
    }

    /// Where entries with `tag` are; exact, not a guess.
    @inline(__always)
    func matches(_ tag: UInt64) -> Positions { zeroBytes(metadata ^ tag &* Bucket.tagBytes) }

    /// Where no entry is.
    var vacant: Positions {
        var positions = zeroBytes(metadata)
        if isChained { positions.remove(7) }
        return positions
    }

    var occupied: Positions { Positions(bits: ~zeroBytes(metadata).bits & 0x8080_8080_8080_8000) }

    /// Bytes 1 … 7 of `word` that are zero. No borrow runs from one byte into the next, as in the shorter known form.
    @inline(__always)
    private func zeroBytes(_ word: UInt64) -> Positions {
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        return Positions(bits: ~((word & low) &+ low | word | low) & ~0xFF)
    }

    func put(_ entry: Entry, tag: UInt64, at position: Int) {
        assert(vacant.contains(position))
        metadata |= tag << UInt64(8 * position)
        self[position] = entry
    }

    func clear(_ position: Int) {
        metadata &= ~(0xFF << UInt64(8 * position))
        unsafe words[position] = 0
    }

    func tag(at position: Int) -> UInt64 { metadata >> UInt64(8 * position) & 0xFF }

    var isChained: Bool { @inline(__always) get { metadata & Bucket.chained != 0 } }

    /// The next bucket of the chain.
    var child: Bucket? {
        @inline(__always) get {
            guard isChained else { return nil }
            return unsafe Bucket(words: UnsafeMutablePointer(bitPattern: UInt(words[7])).unsafelyUnwrapped)
        }
    }

    /// Hangs `child` behind this bucket, in place of the seventh entry, which must be gone.
    func chain(to child: Bucket) {
        assert(vacant.contains(7))
        metadata |= Bucket.chained
        unsafe words[7] = UInt64(UInt(bitPattern: child.words))
    }

    func unchain() {
        metadata &= ~Bucket.chained
        unsafe words[7] = 0
    }

    /// Moves the buckets of the chain behind this one, as far as they are to be moved.
    func evacuateChain(in memory: Memory) {
        var bucket = self
        while let child = bucket.child {
            unsafe memory.evacuate(child.words, byteCount: Bucket.byteCount) {
                unsafe bucket.words[7] = UInt64(UInt(bitPattern: $0))
            }
            guard let child = bucket.child else { return }
            bucket = child
        }
    }

    /// Of the first bucket of a chain: whether an entry with expiry may be in the chain. No means no.
    var mayHoldVolatile: Bool {
        get { metadata & Bucket.mayHoldVolatile != 0 }
        nonmutating set {
            if newValue { metadata |= Bucket.mayHoldVolatile } else { metadata &= ~Bucket.mayHoldVolatile }
        }
    }

    @inline(__always)
    func prefetch() { unsafe apus_prefetch(words) }

    /// Brings the first lines of all its entries near.
    @inline(__always)
    func prefetchEntries(_ positions: Positions) {
        var positions = positions
        while let position = positions.next() { unsafe apus_prefetch(self[position].base) }
    }
}

/// A set of positions 1 … 7 in a bucket: bit 7 of byte *k* stands for *k*.
struct Positions {
    private(set) var bits: UInt64

    @inline(__always)
    init(bits: UInt64) { self.bits = bits }

    var count: Int { bits.nonzeroBitCount }
    var first: Int? { bits == 0 ? nil : bits.trailingZeroBitCount >> 3 }

    /// Takes the lowest position out.
    @inline(__always)
    mutating func next() -> Int? {
        guard bits != 0 else { return nil }
        let position = bits.trailingZeroBitCount >> 3
        bits &= bits &- 1
        return position
    }

    func contains(_ position: Int) -> Bool { bits >> UInt64(8 * position + 7) & 1 != 0 }
    mutating func remove(_ position: Int) { bits &= ~(0x80 << UInt64(8 * position)) }
}

/// The first buckets of a table's chains: a power of two of them, or none. All zero is a valid, empty array.
///
/// Memory: owned by its table. From 64 KiB on it consists of pages of its own, which can be given back piece by piece.
@safe
struct BucketArray {
    private static let pagedFrom = 64 << 10
    /// Given back at once: large enough to be cheap, small enough that no command waits for it (about 10 µs).
    private static let releaseBytes = 64 << 10

    private var words: UnsafeMutablePointer<UInt64>?
    /// Buckets less one.
    let mask: Int

    init() {
        unsafe words = nil
        mask = 0
    }

    init(count: Int, memory: Memory) {
        precondition(count > 0 && count & (count - 1) == 0, "a bucket array has a power of two of buckets")
        mask = count - 1
        let byteCount = count * Bucket.byteCount
        if byteCount >= BucketArray.pagedFrom {
            unsafe words = memory.mapPages(byteCount: byteCount).assumingMemoryBound(to: UInt64.self)
        } else {
            let block = unsafe memory.allocate(byteCount)
            unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
            unsafe words = block.assumingMemoryBound(to: UInt64.self)
        }
    }

    var isEmpty: Bool { @inline(__always) get { unsafe words == nil } }
    var count: Int { isEmpty ? 0 : mask + 1 }
    /// Entries that the array holds without chains, if they spread evenly.
    var capacity: Int { count * Bucket.width }
    var isPaged: Bool { count * Bucket.byteCount >= BucketArray.pagedFrom }

    /// The first bucket for `hash`, or that of a known number; the array is not empty.
    @inline(__always)
    subscript(index: Int) -> Bucket {
        assert(!isEmpty)
        return unsafe Bucket(words: words.unsafelyUnwrapped + (index & mask) &* (Bucket.byteCount / 8))
    }

    @inline(__always)
    subscript(hash: UInt64) -> Bucket { self[Int(truncatingIfNeeded: hash)] }

    /// What it takes of the shard's memory when the buckets before `index` have been passed.
    func usedBytes(passed index: Int) -> Int {
        guard !isEmpty else { return 0 }
        let byteCount = count * Bucket.byteCount
        return isPaged ? byteCount - releasedBytes(passed: index) : SizeClass.byteCount(byteCount)
    }

    private func releasedBytes(passed index: Int) -> Int {
        index * Bucket.byteCount / BucketArray.releaseBytes * BucketArray.releaseBytes
    }

    /// Gives back the buckets before `index`, when that completes another piece; they are not touched again.
    func release(upTo index: Int, memory: Memory) {
        let pieceCount = BucketArray.releaseBytes / Bucket.byteCount
        guard isPaged, index % pieceCount == 0 else { return }
        unsafe memory.unmapPages(self[index - pieceCount].words, byteCount: BucketArray.releaseBytes)
    }

    /// Moves an array that is a block, if it is to be moved.
    mutating func evacuate(in memory: Memory) {
        guard let words = unsafe words, !isPaged else { return }
        unsafe memory.evacuate(words, byteCount: count * Bucket.byteCount) {
            unsafe self.words = $0.assumingMemoryBound(to: UInt64.self)
        }
    }

    /// Gives back the array, of which the buckets before `index` have already been passed.
    func free(passed index: Int, memory: Memory) {
        guard let words = unsafe words else { return }
        let byteCount = count * Bucket.byteCount
        guard isPaged else { return unsafe memory.free(words, byteCount: byteCount) }
        let released = releasedBytes(passed: index)
        guard released < byteCount else { return }
        unsafe memory.unmapPages(UnsafeMutableRawPointer(words) + released, byteCount: byteCount - released)
    }
}
