// Where a shard's bytes come from: small blocks from chunks of its own, large ones from jemalloc, large bucket arrays from
// the kernel; every byte is counted.
//
// Why not jemalloc for all: a shard is one thread, so that nothing here is locked or cached; jemalloc's size classes leave
// a tenth of a small block unused; and whoever frees here knows the size.

internal import CSystem
internal import Synchronization

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
        /// Whether to ask for huge pages.
        let hugePages: Bool
        let homecomers = Homecomers()
    }

    let parts: UnsafeMutablePointer<Parts>
    /// For each size class the first chunk that has room: the one that serves.
    private let bins: UnsafeMutablePointer<UnsafeMutablePointer<ChunkHead>?>

    init(hugePages: Bool = false) {
        unsafe parts = .allocate(capacity: 1)
        unsafe parts.initialize(to: Parts(pool: RegionPool(hugePages: hugePages), hugePages: hugePages))
        unsafe bins = .allocate(capacity: SizeClass.count)
        unsafe bins.initialize(repeating: nil, count: SizeClass.count)
    }

    /// Ends it, when all its blocks were given back or handed over. For blocks that other shards still have, it stays.
    func dispose() {
        for index in 0..<SizeClass.count {
            _ = welcomeHomecomers(index)
            while let head = unsafe bins[index] {
                let chunk = unsafe Chunk(head: head)
                unlist(chunk, index)
                if unsafe head.pointee.live == 0 { giveBack(chunk) }
            }
        }
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
        unsafe parts.pointee.pool.releasePages(ofRegions: budget, keepsSome: keepsSome)
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
        return touched - (mappedBytes - pagedBytes)
    }

    // MARK: Blocks

    /// A block of at least `byteCount` > 0 bytes, not initialised; goes back through `free` with the same count.
    @inline(__always)
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard byteCount <= SizeClass.greatest else { return unsafe allocateLarge(byteCount) }
        unsafe parts.pointee.usedBytes &+= SizeClass.byteCount(byteCount)
        let index = SizeClass.index(byteCount)
        if let head = unsafe bins[index], let block = unsafe Chunk(head: head).pop() { return unsafe block }
        return unsafe allocateAfresh(index)
    }

    @inline(__always)
    func free(_ block: UnsafeMutableRawPointer, byteCount: Int) {
        guard byteCount <= SizeClass.greatest else { return unsafe freeLarge(block, byteCount: byteCount) }
        let blockByteCount = SizeClass.byteCount(byteCount)
        unsafe parts.pointee.usedBytes &-= blockByteCount
        assert(unsafe Memory.poison(block, byteCount: blockByteCount))
        let chunk = unsafe Chunk(of: block, blockByteCount: blockByteCount)
        guard unsafe chunk.head.pointee.owner == parts else { return unsafe sendHome(block, of: chunk) }
        unsafe chunk.push(block)
        if chunk.wantsAttention { settle(chunk) }
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

    /// What a request for `byteCount` > 0 bytes really takes.
    @inline(__always)
    static func sizeClass(_ byteCount: Int) -> Int { SizeClass.byteCount(byteCount) }

    /// Blocks of `byteCount` counted bytes now belong to the shard of `other`.
    func handOver(_ byteCount: Int, to other: Memory) {
        unsafe parts.pointee.usedBytes -= byteCount
        unsafe other.parts.pointee.usedBytes += byteCount
    }

    /// For debug builds: who still reads a block that was given back shall notice.
    private static func poison(_ block: UnsafeMutableRawPointer, byteCount: Int) -> Bool {
        unsafe block.initializeMemory(as: UInt8.self, repeating: 0xDB, count: byteCount)
        return true
    }
}

// MARK: - Chunks

extension Memory {
    /// A block of the class `index`, when the chunk that serves has none at hand.
    @inline(never)
    private func allocateAfresh(_ index: Int) -> UnsafeMutableRawPointer {
        while true {
            while let head = unsafe bins[index] {
                let chunk = unsafe Chunk(head: head)
                if let block = unsafe chunk.pop() { return unsafe block }
                let readied = chunk.makeReady()
                unsafe parts.pointee.freshBytes -= readied
                if readied == 0 { unlist(chunk, index) }
            }
            if !welcomeHomecomers(index) { list(makeChunk(index), index) }
        }
    }

    private func makeChunk(_ index: Int) -> Chunk {
        let blockByteCount = SizeClass.byteCount(ofIndex: index)
        let (base, region) = unsafe parts.pointee.pool.takeChunk(ChunkSize(blockByteCount: blockByteCount))
        let chunk = unsafe Chunk(at: base, ofRegion: region, owner: parts, blockByteCount: blockByteCount)
        unsafe parts.pointee.freshBytes += chunk.freshByteCount
        return chunk
    }

    /// Lists a chunk that has room again, and gives one back that is not needed: where it has no block in use and another
    /// one has room.
    @inline(never)
    private func settle(_ chunk: Chunk) {
        let index = SizeClass.index(chunk.blockByteCount)
        if unsafe !chunk.head.pointee.isListed { list(chunk, index) }
        guard unsafe chunk.head.pointee.live == 0,
            unsafe chunk.head.pointee.previous != nil || chunk.head.pointee.next != nil
        else { return }
        unlist(chunk, index)
        giveBack(chunk)
    }

    private func giveBack(_ chunk: Chunk) {
        unsafe parts.pointee.freshBytes -= chunk.freshByteCount
        unsafe parts.pointee.pool.giveBack(
            UnsafeMutableRawPointer(chunk.head),
            ofRegion: Int(chunk.head.pointee.region)
        )
    }

    private func list(_ chunk: Chunk, _ index: Int) {
        let first = unsafe bins[index]
        unsafe chunk.head.pointee.isListed = true
        unsafe chunk.head.pointee.previous = nil
        unsafe chunk.head.pointee.next = first
        unsafe first?.pointee.previous = chunk.head
        unsafe bins[index] = chunk.head
    }

    private func unlist(_ chunk: Chunk, _ index: Int) {
        let (previous, next) = unsafe (chunk.head.pointee.previous, chunk.head.pointee.next)
        if let previous = unsafe previous { unsafe previous.pointee.next = next } else { unsafe bins[index] = next }
        unsafe next?.pointee.previous = previous
        unsafe chunk.head.pointee.isListed = false
        unsafe chunk.head.pointee.previous = nil
        unsafe chunk.head.pointee.next = nil
    }
}

// MARK: - Between shards

/// Blocks that other shards have given back: for each size class a list like that of a chunk, which they push to and the
/// owner empties.
///
/// Thread: any.
@safe
struct Homecomers {
    private let lists: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        unsafe lists = .allocate(capacity: SizeClass.count)
        for index in 0..<SizeClass.count { unsafe (lists + index).initialize(to: Atomic(0)) }
    }

    func dispose() { unsafe lists.deallocate() }

    func push(_ block: UnsafeMutableRawPointer, _ index: Int) {
        var first = unsafe lists[index].load(ordering: .relaxed)
        while true {
            unsafe block.storeBytes(of: first, as: UInt.self)
            let result = unsafe lists[index].weakCompareExchange(
                expected: first,
                desired: UInt(bitPattern: block),
                ordering: .releasing
            )
            if result.exchanged { return }
            first = result.original
        }
    }

    func isEmpty(_ index: Int) -> Bool { unsafe lists[index].load(ordering: .relaxed) == 0 }

    /// The first block of all that have come; each begins with the address of the next.
    func takeAll(_ index: Int) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: lists[index].exchange(0, ordering: .acquiring))
    }
}

extension Memory {
    /// Gives a block back that is another shard's.
    @inline(never)
    private func sendHome(_ block: UnsafeMutableRawPointer, of chunk: Chunk) {
        unsafe chunk.head.pointee.owner.pointee.homecomers.push(block, SizeClass.index(chunk.blockByteCount))
    }

    /// Takes in what other shards have given back; returns whether there was anything.
    private func welcomeHomecomers(_ index: Int) -> Bool {
        guard unsafe !parts.pointee.homecomers.isEmpty(index) else { return false }
        var next = unsafe parts.pointee.homecomers.takeAll(index)
        let blockByteCount = SizeClass.byteCount(ofIndex: index)
        while let block = unsafe next {
            unsafe next = block.load(as: UnsafeMutableRawPointer?.self)
            let chunk = unsafe Chunk(of: block, blockByteCount: blockByteCount)
            unsafe chunk.push(block)
            if chunk.wantsAttention { settle(chunk) }
        }
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
        guard Pages.mayBeHuge(byteCount) else { return unsafe Pages.map(byteCount) }
        let pages = unsafe Pages.map(byteCount, alignment: Pages.hugeByteCount)
        if unsafe parts.pointee.hugePages { unsafe Pages.makeHuge(pages, byteCount) }
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
