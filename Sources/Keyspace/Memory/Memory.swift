// Where a shard's bytes come from: small blocks from chunks of its own, large ones from jemalloc, large bucket arrays from
// the kernel; every byte is counted.
//
// Why not jemalloc for all: a shard is one thread, so that nothing here is locked; jemalloc's size classes leave a tenth of a
// small block unused; and whoever frees here knows the size.

internal import CSystem

/// A shard's allocator: counts what a block really takes, its size class and not the wish.
///
/// Memory: a copy is a reference; `dispose` ends them all. Thread: the shard's, or whoever holds all shards in an
/// exclusive section. A block may be given back to another shard's memory than the one that it came from.
@safe
struct Memory {
    struct Parts {
        var usedBytes = 0
        /// Of these, what comes from jemalloc. By who frees: only the sum over all shards is exact.
        var allocatorBytes = 0
        /// Of these, what are pages of bucket arrays.
        var pagedBytes = 0
        var pool: RegionPool
        /// Of the chunks in use, what was never given out: pages that nobody has touched.
        var freshBytes = 0
        let homecomers = Homecomers()
        /// Of `evacuate`.
        var movedCount = 0
        var leftCount = 0
    }

    let parts: UnsafeMutablePointer<Parts>
    /// One for each size class.
    let bins: UnsafeMutablePointer<Bin>

    init(hugePages: Bool = false) {
        unsafe parts = .allocate(capacity: 1)
        unsafe parts.initialize(to: Parts(pool: RegionPool(hugePages: hugePages)))
        unsafe bins = .allocate(capacity: SizeClass.count)
        unsafe bins.initialize(repeating: Bin(), count: SizeClass.count)
    }

    /// Ends it, when all its blocks were given back or handed over. For blocks that other shards still have, it stays.
    func dispose() {
        for index in 0..<SizeClass.count { endBin(index) }
        unsafe bins.deallocate()
        unsafe parts.pointee.pool.dispose()
        guard unsafe parts.pointee.pool.chunkBytes == 0 else { return }
        unsafe parts.pointee.homecomers.dispose()
        unsafe parts.deinitialize(count: 1)
        unsafe parts.deallocate()
    }

    /// Gives pages back to the kernel that hold no blocks, about `budget` times 50 µs long.
    ///
    /// - Parameter keepsSome: whether to leave what is likely to be wanted again soon.
    /// - Returns: whether there is more to give.
    func releasePages(budget: Int, keepsSome: Bool = true) -> Bool {
        for index in 0..<SizeClass.count { tidyBin(index) }
        return unsafe parts.pointee.pool.releasePages(ofRegions: budget, keepsSome: keepsSome)
    }

    /// Bytes now held, by size class or by page.
    var usedBytes: Int { unsafe parts.pointee.usedBytes }

    /// Of these, what jemalloc does not know of.
    var mappedBytes: Int { unsafe parts.pointee.usedBytes - parts.pointee.allocatorBytes }

    /// Of these, what are pages of bucket arrays.
    var pagedBytes: Int { unsafe parts.pointee.pagedBytes }

    /// What the kernel has given for chunks and small blocks do not take: what is left behind and between them.
    var unusedChunkBytes: Int {
        let touched = unsafe parts.pointee.pool.chunkBytes + parts.pointee.pool.touchedBytes - parts.pointee.freshBytes
        return touched - smallBlockBytes
    }

    /// Of these, what is in chunks without blocks, kept for who asks next.
    var freeChunkBytes: Int { unsafe parts.pointee.pool.touchedBytes }

    /// What all small blocks take.
    var smallBlockBytes: Int { mappedBytes - pagedBytes }

    // MARK: Blocks

    /// A block of at least `byteCount` > 0 bytes, not initialised; goes back through `free` with the same count.
    @inline(__always)
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard byteCount <= SizeClass.greatest else { return unsafe allocateLarge(byteCount) }
        unsafe parts.pointee.usedBytes &+= SizeClass.byteCount(byteCount)
        let index = SizeClass.index(byteCount)
        guard let block = unsafe bins[index].recent else { return unsafe allocateFromChunk(index) }
        unsafe bins[index].recent = block.load(as: UnsafeMutableRawPointer?.self)
        unsafe bins[index].recentCount &-= 1
        return unsafe block
    }

    @inline(__always)
    func free(_ block: UnsafeMutableRawPointer, byteCount: Int) {
        guard byteCount <= SizeClass.greatest else { return unsafe freeLarge(block, byteCount: byteCount) }
        let blockByteCount = SizeClass.byteCount(byteCount)
        unsafe parts.pointee.usedBytes &-= blockByteCount
        assert(unsafe Memory.poison(block, byteCount: blockByteCount))
        let index = SizeClass.index(byteCount)
        let recentCount = unsafe bins[index].recentCount
        guard recentCount < Bin.mostRecent, byteCount <= Bin.greatestRecent else {
            return unsafe freeToChunk(block, index)
        }
        unsafe block.storeBytes(of: bins[index].recent, as: UnsafeMutableRawPointer?.self)
        unsafe bins[index].recent = block
        unsafe bins[index].recentCount = recentCount &+ 1
    }

    /// The block with room for `newCount` > 0 bytes instead of `count`, where it is or elsewhere; what both have room for
    /// stays.
    @inline(__always)
    func resize(_ block: UnsafeMutableRawPointer, from count: Int, to newCount: Int) -> UnsafeMutableRawPointer {
        guard SizeClass.byteCount(count) != SizeClass.byteCount(newCount) else { return unsafe block }
        return unsafe move(block, from: count, to: newCount)
    }

    @inline(never)
    private func move(_ block: UnsafeMutableRawPointer, from count: Int, to newCount: Int) -> UnsafeMutableRawPointer {
        if min(count, newCount) > SizeClass.greatest { return unsafe resizeLarge(block, from: count, to: newCount) }
        let moved = unsafe allocate(newCount)
        unsafe moved.copyMemory(from: block, byteCount: min(count, newCount))
        unsafe free(block, byteCount: count)
        return unsafe moved
    }

    /// Blocks of `byteCount` counted bytes now belong to the shard of `other`.
    func handOver(_ byteCount: Int, to other: Memory) {
        unsafe parts.pointee.usedBytes -= byteCount
        unsafe other.parts.pointee.usedBytes += byteCount
    }

    /// For debug builds: who still reads a block that was given back shall notice.
    static func poison(_ block: UnsafeMutableRawPointer, byteCount: Int) -> Bool {
        unsafe block.initializeMemory(as: UInt8.self, repeating: 0xDB, count: byteCount)
        return true
    }
}

// MARK: - Large blocks and pages

extension Memory {
    @inline(never)
    private func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let block = unsafe apus_allocate(byteCount) else { preconditionFailure("out of memory") }
        countLarge(SizeClass.byteCount(byteCount))
        return unsafe block
    }

    @inline(never)
    private func freeLarge(_ block: UnsafeMutableRawPointer, byteCount: Int) {
        countLarge(-SizeClass.byteCount(byteCount))
        unsafe apus_free(block, byteCount)
    }

    private func resizeLarge(
        _ block: UnsafeMutableRawPointer,
        from count: Int,
        to newCount: Int
    ) -> UnsafeMutableRawPointer {
        guard let moved = unsafe apus_reallocate(block, newCount) else { preconditionFailure("out of memory") }
        countLarge(SizeClass.byteCount(newCount) - SizeClass.byteCount(count))
        return unsafe moved
    }

    private func countLarge(_ change: Int) {
        unsafe parts.pointee.usedBytes += change
        unsafe parts.pointee.allocatorBytes += change
    }

    /// Fresh zeroed pages, which cost nothing until they are touched: there is no pause for clearing a large array.
    func mapPages(byteCount: Int) -> UnsafeMutableRawPointer {
        countPages(byteCount)
        guard unsafe parts.pointee.pool.hugePages, byteCount >= Pages.hugeFrom else {
            return unsafe Pages.map(byteCount)
        }
        let pages = unsafe Pages.map(byteCount, alignment: Pages.hugeByteCount)
        unsafe Pages.makeHuge(pages, byteCount)
        return unsafe pages
    }

    /// Gives back a part of what `mapPages` gave, in whole pages.
    func unmapPages(_ pages: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe Pages.unmap(pages, byteCount)
        countPages(-byteCount)
    }

    private func countPages(_ change: Int) {
        unsafe parts.pointee.usedBytes += change
        unsafe parts.pointee.pagedBytes += change
    }
}
