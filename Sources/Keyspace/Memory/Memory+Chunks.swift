// Small blocks: where they are taken from, and where they go.

/// What a shard has of a size class.
@safe
struct Bin {
    /// The block that was given back last, and how many there are in its list: they are given out again first, as they are
    /// still in the caches.
    var recent: UnsafeMutableRawPointer?
    var recentCount = 0
    /// The first of the chunks that have room: the one that serves.
    var first: UnsafeMutablePointer<ChunkHead>?

    static let mostRecent = 16
    /// Larger blocks go back to their chunks at once: some of them could keep much from going back to the kernel.
    static let greatestRecent = 512
}

extension Memory {
    /// A block of the class `index`, where none was given back just before.
    @inline(never)
    func allocateFromChunk(_ index: Int) -> UnsafeMutableRawPointer {
        while true {
            while let head = unsafe bins[index].first {
                let chunk = unsafe Chunk(head: head)
                if let block = unsafe chunk.pop() { return unsafe block }
                let readied = chunk.makeReady()
                unsafe parts.pointee.freshBytes -= readied
                if readied == 0 { unlist(chunk, index) }
            }
            if !welcomeHomecomers(index) { list(makeChunk(index), index) }
        }
    }

    /// Gives a block of the class `index` back to its chunk, and with it those that were given back just before: where the
    /// blocks of many chunks come and go, most of them never see their chunk.
    @inline(never)
    func freeToChunk(_ block: UnsafeMutableRawPointer, _ index: Int) {
        returnRecent(index)
        unsafe giveBack(block, SizeClass.byteCount(ofIndex: index))
    }

    /// Gives the blocks of the class `index` that were given back last to their chunks.
    func returnRecent(_ index: Int) {
        let blockByteCount = SizeClass.byteCount(ofIndex: index)
        unsafe giveBackAll(from: bins[index].recent, blockByteCount)
        unsafe bins[index].recent = nil
        unsafe bins[index].recentCount = 0
    }

    /// Gives all blocks of a list back.
    @unsafe
    private func giveBackAll(from first: UnsafeMutableRawPointer?, _ blockByteCount: Int) {
        var next = unsafe first
        while let block = unsafe next {
            unsafe next = block.load(as: UnsafeMutableRawPointer?.self)
            unsafe giveBack(block, blockByteCount)
        }
    }

    @unsafe
    func giveBack(_ block: UnsafeMutableRawPointer, _ blockByteCount: Int) {
        let chunk = unsafe Chunk(of: block, blockByteCount: blockByteCount)
        guard unsafe chunk.head.pointee.owner == parts else {
            return unsafe chunk.head.pointee.owner.pointee.homecomers.push(block, SizeClass.index(blockByteCount))
        }
        unsafe chunk.push(block)
        if chunk.wantsAttention { settle(chunk) }
    }

    /// Takes in what other shards have given back; returns whether there was anything.
    private func welcomeHomecomers(_ index: Int) -> Bool {
        guard unsafe !parts.pointee.homecomers.isEmpty(index) else { return false }
        unsafe giveBackAll(from: parts.pointee.homecomers.takeAll(index), SizeClass.byteCount(ofIndex: index))
        return true
    }

    /// Gives back what nobody has any more: blocks to their chunks, and the last chunk of a class that is out of use.
    func tidyBin(_ index: Int) {
        returnRecent(index)
        _ = welcomeHomecomers(index)
        guard let head = unsafe bins[index].first, unsafe head.pointee.live == 0 else { return }
        let chunk = unsafe Chunk(head: head)
        unlist(chunk, index)
        giveBack(chunk)
    }

    /// Gives back all chunks of the class `index` that have no block in use; others are forgotten.
    func endBin(_ index: Int) {
        tidyBin(index)
        while let head = unsafe bins[index].first {
            let chunk = unsafe Chunk(head: head)
            unlist(chunk, index)
            if unsafe head.pointee.live == 0 { giveBack(chunk) }
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
    /// one has room, or it was to be emptied.
    private func settle(_ chunk: Chunk) {
        if unsafe chunk.head.pointee.isToBeEmptied {
            if chunk.liveCount == 0 { giveBack(chunk) }
            return
        }
        let index = SizeClass.index(chunk.blockByteCount)
        if unsafe !chunk.head.pointee.isListed { list(chunk, index) }
        guard unsafe chunk.head.pointee.live == 0,
            unsafe chunk.head.pointee.previous != nil || chunk.head.pointee.next != nil
        else { return }
        unlist(chunk, index)
        giveBack(chunk)
    }

    func giveBack(_ chunk: Chunk) {
        unsafe parts.pointee.freshBytes -= chunk.freshByteCount
        unsafe parts.pointee.pool.giveBack(
            UnsafeMutableRawPointer(chunk.head),
            ofRegion: Int(chunk.head.pointee.region)
        )
    }

    func list(_ chunk: Chunk, _ index: Int) {
        let first = unsafe bins[index].first
        unsafe chunk.head.pointee.isListed = true
        unsafe chunk.head.pointee.previous = nil
        unsafe chunk.head.pointee.next = first
        unsafe first?.pointee.previous = chunk.head
        unsafe bins[index].first = chunk.head
    }

    func unlist(_ chunk: Chunk, _ index: Int) {
        let (previous, next) = unsafe (chunk.head.pointee.previous, chunk.head.pointee.next)
        if let previous = unsafe previous {
            unsafe previous.pointee.next = next
        } else {
            unsafe bins[index].first = next
        }
        unsafe next?.pointee.previous = previous
        unsafe chunk.head.pointee.isListed = false
        unsafe chunk.head.pointee.previous = nil
        unsafe chunk.head.pointee.next = nil
    }
}
