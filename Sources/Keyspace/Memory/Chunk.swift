// A chunk: blocks of one size class side by side, in memory that begins at a multiple of the chunk's size.
//
//     offset   bytes
//     0        64     the head
//     64       …      blocks; what is left behind the last one is nobody's
//
// Whoever gives a block back knows its size class, and so how large its chunk is and where that begins.

/// What a chunk knows of itself, at its beginning.
///
/// Invariant: `live` blocks are given out; of the others those that were given out before are in the list that `free`
/// begins, and the rest lies from `fresh` on. A chunk with room is listed by the bin of its class, unless it is to be emptied.
@safe
struct ChunkHead {
    /// Whose blocks these are: another shard that was given some of them must not touch the chunk.
    let owner: UnsafeMutablePointer<Memory.Parts>
    /// The number of the region that it is of.
    let region: UInt32
    /// The block that was given back last; each begins with the address of the one before.
    var free: UnsafeMutableRawPointer?
    /// Offset of the first block that was never given out.
    var fresh: UInt32
    var live: UInt32
    let blockByteCount: UInt32
    var isListed: Bool
    /// Nothing is taken from it any more, and what is in it moves away (`Evacuation`).
    var isToBeEmptied: Bool
    var previous: UnsafeMutablePointer<ChunkHead>?
    var next: UnsafeMutablePointer<ChunkHead>?
}

/// The sizes of chunks: 16 KiB for blocks up to 512 bytes, 64 KiB up to 2 KiB, else 256 KiB. A chunk has from a dozen to
/// two thousand blocks.
enum ChunkSize: Int, CaseIterable {
    case small, medium, large

    @inline(__always)
    init(blockByteCount: Int) { self = blockByteCount <= 512 ? .small : blockByteCount <= 2048 ? .medium : .large }

    /// The size as a power of two.
    @inline(__always) var shift: Int { 14 &+ rawValue &* 2 }
    var byteCount: Int { 1 << shift }
}

/// A chunk, by the address of its head.
///
/// Memory: belongs to a bin, or to the pool of regions. Thread: that of its owner.
@safe
struct Chunk {
    let head: UnsafeMutablePointer<ChunkHead>

    /// Where the first block lies: what is aligned to cache lines in a chunk is so in memory.
    private static let firstOffset = 64
    /// So much is made ready at once: memory is touched for the first time when it is about to be used.
    private static let readiedByteCount = 1024

    @inline(__always)
    init(head: UnsafeMutablePointer<ChunkHead>) { unsafe self.head = head }

    /// The chunk that begins at `base`.
    init(at base: UnsafeMutableRawPointer) { unsafe head = base.assumingMemoryBound(to: ChunkHead.self) }

    /// The chunk that a block lies in, which has `blockByteCount` bytes by its size class.
    @inline(__always)
    init(of block: UnsafeMutableRawPointer, blockByteCount: Int) {
        let mask: UInt = 1 &<< UInt(ChunkSize(blockByteCount: blockByteCount).shift) &- 1
        let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(bitPattern: block) & ~mask).unsafelyUnwrapped
        unsafe head = base.assumingMemoryBound(to: ChunkHead.self)
    }

    /// Makes a chunk without blocks of fresh memory.
    init(
        at base: UnsafeMutableRawPointer,
        ofRegion region: Int,
        owner: UnsafeMutablePointer<Memory.Parts>,
        blockByteCount: Int
    ) {
        assert(MemoryLayout<ChunkHead>.size <= Self.firstOffset)
        unsafe head = base.bindMemory(to: ChunkHead.self, capacity: 1)
        unsafe head.initialize(
            to: ChunkHead(
                owner: owner,
                region: UInt32(region),
                free: nil,
                fresh: UInt32(Self.firstOffset),
                live: 0,
                blockByteCount: UInt32(blockByteCount),
                isListed: false,
                isToBeEmptied: false,
                previous: nil,
                next: nil
            )
        )
    }

    var blockByteCount: Int { unsafe Int(head.pointee.blockByteCount) }
    private var size: ChunkSize { ChunkSize(blockByteCount: blockByteCount) }

    /// How many blocks it can have.
    var capacity: Int { (size.byteCount - Self.firstOffset) / blockByteCount }
    /// How many of them are given out.
    var liveCount: Int { unsafe Int(head.pointee.live) }

    /// Bytes behind all that was ever given out.
    var freshByteCount: Int { unsafe size.byteCount - Int(head.pointee.fresh) }

    /// Takes a block out of those that were given back or made ready.
    @inline(__always)
    func pop() -> UnsafeMutableRawPointer? {
        guard let block = unsafe head.pointee.free else { return nil }
        unsafe head.pointee.free = block.load(as: UnsafeMutableRawPointer?.self)
        unsafe head.pointee.live &+= 1
        return unsafe block
    }

    @inline(__always)
    func push(_ block: UnsafeMutableRawPointer) {
        assert(unsafe head.pointee.live > 0 && (block - UnsafeMutableRawPointer(head)) < size.byteCount)
        unsafe block.storeBytes(of: head.pointee.free, as: UnsafeMutableRawPointer?.self)
        unsafe head.pointee.free = block
        unsafe head.pointee.live &-= 1
    }

    /// Whether there is something to do after `push`: the chunk had no room before, or has nothing else now.
    var wantsAttention: Bool {
        @inline(__always) get { unsafe !head.pointee.isListed || head.pointee.live == 0 }
    }

    /// Makes some of the blocks ready that were never given out, when no others are left.
    ///
    /// - Returns: how many bytes they take.
    func makeReady() -> Int {
        assert(unsafe head.pointee.free == nil)
        let (base, step) = (UnsafeMutableRawPointer(unsafe head), blockByteCount)
        var offset = unsafe Int(head.pointee.fresh)
        let count = min((size.byteCount - offset) / step, max(1, Self.readiedByteCount / step))
        guard count > 0 else { return 0 }
        unsafe head.pointee.free = base + offset
        for _ in 1..<count {
            unsafe (base + offset).storeBytes(of: base + offset + step, as: UnsafeMutableRawPointer?.self)
            offset += step
        }
        unsafe (base + offset).storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
        unsafe head.pointee.fresh = UInt32(offset + step)
        return count * step
    }
}
