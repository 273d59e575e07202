// Emptying sparsely used chunks: which of them, and where their blocks go.
//
// Of a class's chunks that have room, as many can be spared as all their room together would fill, whichever they are: so
// it is the emptiest, from which the fewest blocks have to move. They are taken off the list of their class, so that
// nothing is put into them any more, and go back to the pool with their last block. Whoever knows the pointer to a block
// asks `Memory.evacuate` to move it; what nobody asks for stays, and in the end such chunks serve again.

/// One such undertaking, from the choice of the chunks to its end; each step takes as long as its budget of chunks says.
///
/// Thread: that of the memory, which must be the same in all calls.
struct Evacuation {
    /// The chunks of a class that have room, by how full they are.
    private struct Census {
        /// Blocks that they have room for.
        var room = 0
        /// Of a chunk.
        var capacity = 1
        /// How many chunks are of each level: with nearly no block, up to one short of none.
        var chunkCounts = InlineArray<32, Int>(repeating: 0)
    }

    /// Which chunks of a class are to be emptied: all below the level, and so many on it.
    private struct Choice {
        var level = 0
        var countOnLevel = 0
    }

    private var censuses = [Census](repeating: Census(), count: SizeClass.count)
    private var choices: [Choice] = []
    private var region = 0
    /// How many chunks were to be emptied.
    private(set) var chosenCount = 0

    private static let levelCount = 32

    private static func level(of chunk: Chunk) -> Int { chunk.liveCount * levelCount / chunk.capacity }

    // MARK: The choice

    /// Goes on with the choice.
    ///
    /// - Returns: whether it is made.
    mutating func choose(budget: inout Int, of memory: Memory) -> Bool {
        if choices.isEmpty {
            if region == 0 { memory.tidy() }
            guard visitChunks(of: memory, &budget, { $0.count($1) }) else { return false }
            choices = censuses.map(Self.choice)
        }
        return visitChunks(of: memory, &budget) { $0.mark($1, of: memory) }
    }

    /// Ends it: what was not emptied serves again.
    ///
    /// - Returns: whether it has come to its end.
    mutating func end(budget: inout Int, of memory: Memory) -> Bool {
        visitChunks(of: memory, &budget) { memory.serveAgain($1) }
    }

    /// Has `body` visit the chunks in use, from the first region on; says whether it has come to the last.
    private mutating func visitChunks(
        of memory: Memory,
        _ budget: inout Int,
        _ body: (inout Evacuation, Chunk) -> Void
    ) -> Bool {
        while region < memory.regionNumberLimit {
            guard budget > 0 else { return false }
            let chunks = memory.chunks(ofRegion: region)
            for chunk in chunks { body(&self, chunk) }
            budget -= max(1, chunks.count)
            region += 1
        }
        region = 0
        return true
    }

    private mutating func count(_ chunk: Chunk) {
        guard chunk.hasRoom else { return }
        let index = SizeClass.index(chunk.blockByteCount)
        censuses[index].capacity = chunk.capacity
        censuses[index].room += chunk.capacity - chunk.liveCount
        censuses[index].chunkCounts[Self.level(of: chunk)] += 1
    }

    private static func choice(_ census: Census) -> Choice {
        var spared = census.room / census.capacity
        for level in 0..<levelCount {
            guard spared > census.chunkCounts[level] else { return Choice(level: level, countOnLevel: spared) }
            spared -= census.chunkCounts[level]
        }
        return Choice(level: levelCount)
    }

    private mutating func mark(_ chunk: Chunk, of memory: Memory) {
        guard unsafe chunk.head.pointee.isListed else { return }
        let (level, index) = (Self.level(of: chunk), SizeClass.index(chunk.blockByteCount))
        guard level <= choices[index].level else { return }
        if level == choices[index].level {
            guard choices[index].countOnLevel > 0 else { return }
            choices[index].countOnLevel -= 1
        }
        chosenCount += 1
        memory.haveEmptied(chunk, index)
    }
}

extension Chunk {
    fileprivate var hasRoom: Bool { liveCount < capacity }
}

extension Memory {
    /// How many blocks `evacuate` has moved, and how many it has left where they were.
    var evacuationCounts: (moved: Int, left: Int) {
        get { unsafe (parts.pointee.movedCount, parts.pointee.leftCount) }
        nonmutating set { unsafe (parts.pointee.movedCount, parts.pointee.leftCount) = newValue }
    }

    fileprivate func tidy() { for index in 0..<SizeClass.count { tidyBin(index) } }

    fileprivate var regionNumberLimit: Int { unsafe parts.pointee.pool.numberLimit }

    fileprivate func chunks(ofRegion number: Int) -> [Chunk] {
        unsafe parts.pointee.pool.chunksInUse(ofRegion: number)
    }

    /// Lets nothing be put into a listed chunk any more.
    fileprivate func haveEmptied(_ chunk: Chunk, _ index: Int) {
        unlist(chunk, index)
        // With nothing in it, it would wait in vain for its last block.
        if chunk.liveCount == 0 { return giveBack(chunk) }
        unsafe chunk.head.pointee.isToBeEmptied = true
    }

    /// Lists a chunk that was to be emptied.
    fileprivate func serveAgain(_ chunk: Chunk) {
        guard unsafe chunk.head.pointee.isToBeEmptied else { return }
        unsafe chunk.head.pointee.isToBeEmptied = false
        list(chunk, SizeClass.index(chunk.blockByteCount))
    }

    /// Moves a block that was given for `byteCount` bytes, if its chunk is to be emptied, or is another shard's.
    ///
    /// Large blocks, which come from jemalloc, stay where they are.
    ///
    /// - Parameter correct: is told where the block is now, and corrects what points to it; the former block is then still as
    ///   it was.
    @inline(__always)
    func evacuate(_ block: UnsafeMutableRawPointer, byteCount: Int, _ correct: (UnsafeMutableRawPointer) -> Void) {
        guard byteCount <= SizeClass.greatest else { return }
        let blockByteCount = SizeClass.byteCount(byteCount)
        let chunk = unsafe Chunk(of: block, blockByteCount: blockByteCount)
        // What lies in a chunk of another shard is not known to that one's own search.
        guard unsafe chunk.head.pointee.owner != parts || chunk.head.pointee.isToBeEmptied else {
            unsafe parts.pointee.leftCount += 1
            return
        }
        // Not one of those given back last: these may be of such a chunk.
        let moved = unsafe allocateFromChunk(SizeClass.index(byteCount))
        unsafe moved.copyMemory(from: block, byteCount: byteCount)
        unsafe correct(moved)
        assert(unsafe Memory.poison(block, byteCount: blockByteCount))
        unsafe giveBack(block, blockByteCount)
        unsafe parts.pointee.movedCount += 1
    }
}
