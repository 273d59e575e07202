// A stream: its blocks in the order of their ids, what it remembers of entries that are gone, its groups, and what producers
// have sent to it.

internal import Protocol

/// Deleted entries keep their places; a block goes with its last entry, unless it was trimmed to nothing: then it stays,
/// the first one, until it is trimmed away or written on.
///
/// Memory: one block, with the trees, listpacks and groups that it has; `free` it before it is forgotten.
/// Invariant: see `checkInvariants`. Thread: that of the keyspace.
@safe
struct StreamLog {
    private struct Parts {
        var blocks = OrderedTree<BlockOrder>()
        /// What the listpacks take of the shard's memory.
        var packBytes = 0
        var state = StreamState()
        var groups = OrderedTree<NameOrder<StreamGroup>>()
        /// None until a producer names its messages, or somebody says how long they are to be remembered.
        var producers: StreamProducers?
    }

    let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    init(memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size)
        unsafe base.assumingMemoryBound(to: Parts.self).initialize(to: Parts())
    }

    /// In place: read and changed where they are.
    private var parts: Parts {
        unsafeAddress { unsafe UnsafePointer(base.assumingMemoryBound(to: Parts.self)) }
        nonmutating unsafeMutableAddress { unsafe base.assumingMemoryBound(to: Parts.self) }
    }

    var blocks: OrderedTree<BlockOrder> { parts.blocks }
    var state: StreamState {
        get { parts.state }
        nonmutating set { parts.state = newValue }
    }
    var producers: StreamProducers? {
        get { parts.producers }
        nonmutating set { parts.producers = newValue }
    }

    /// What it takes of the shard's memory. Groups and consumers are few, and asked one by one.
    var usedBytes: Int {
        var sum = SizeClass.byteCount(MemoryLayout<Parts>.size) + parts.blocks.usedBytes + parts.packBytes
        sum += parts.groups.usedBytes
        forEachGroup { sum += $0.usedBytes }
        return sum + (producers?.usedBytes ?? 0)
    }

    // MARK: Blocks

    /// The rank of the block that would hold `id`: the last that begins at or before it, or the first.
    func rankOfBlock(for id: StreamID) -> Int { max(0, blocks.rank(of: BlockOrder.Place(behind: id)) - 1) }

    /// Puts a block behind all others; the one that was the last is then closed.
    func append(_ block: StreamBlock, memory: Memory) {
        giveLastBlock(.bare, memory: memory)
        parts.packBytes += block.pack.usedBytes
        parts.blocks.append(block, memory: memory)
    }

    /// Gives the last block that form. It is full as long as entries are appended, and bare where it became the last by the
    /// removal of another one.
    func giveLastBlock(_ form: Listpack.Form, memory: Memory) {
        guard !blocks.isEmpty, blocks[blocks.count - 1].pack.form != form else { return }
        change(blockAt: blocks.count - 1) { $0.converted(to: form, memory: memory) }
    }

    /// Changes the block at `rank`; its id stays.
    func change(blockAt rank: Int, _ body: (StreamBlock) -> StreamBlock) {
        let place = parts.blocks.place(atRank: rank)
        let former = place.element.pack.usedBytes
        let changed = body(place.element)
        place.leaf[place.index] = changed
        parts.packBytes += changed.pack.usedBytes - former
    }

    func removeBlock(at rank: Int, memory: Memory) {
        let pack = parts.blocks[rank].pack
        parts.packBytes -= pack.usedBytes
        parts.blocks.remove(rank..<rank + 1, memory: memory) { _ in }
        pack.free(to: memory)
    }

    // MARK: Groups

    var groupCount: Int { parts.groups.count }

    /// Visits the groups in the order of their names.
    func forEachGroup(_ body: (StreamGroup) -> Void) { parts.groups.forEach(in: 0..<parts.groups.count, body) }

    func group(named name: Bytes) -> StreamGroup? {
        guard let place = parts.groups.first(behind: NamePlace(name: name)), place.element.name.isEqual(to: name) else {
            return nil
        }
        return place.element
    }

    /// Takes in a group of a name that the stream does not have.
    func add(_ group: StreamGroup, memory: Memory) {
        parts.groups.insert(group, at: NamePlace(name: group.name), memory: memory)
    }

    func remove(_ group: StreamGroup, memory: Memory) {
        let path = parts.groups.path(toLastBefore: NamePlace(name: group.name, isBehindEqual: true))
        parts.groups.remove(at: path, memory: memory)
        group.free(to: memory)
    }

    // MARK: Defragmentation

    static var headByteCount: Int { MemoryLayout<Parts>.size }

    /// Goes on moving what is to be moved: blocks, the groups, and what is pending in each of them, while the budget lasts.
    /// What is remembered of producers, which is soon forgotten, stays where it is.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from place: inout EvacuationPlace, budget: inout Int, memory: Memory) -> Bool {
        if place.part == 0 {
            let isDone = parts.blocks.evacuateSlice(from: &place.index, budget: &budget, memory: memory) {
                $0.evacuated(in: memory)
            }
            guard isDone else { return false }
            place = EvacuationPlace(part: 1)
        }
        if place.part == 1 {
            let isDone = parts.groups.evacuateSlice(from: &place.index, budget: &budget, memory: memory) {
                $0.evacuated(in: memory)
            }
            guard isDone else { return false }
            place = EvacuationPlace(part: 2)
        }
        while place.part - 2 < groupCount {
            guard parts.groups[place.part - 2].evacuateSlice(from: &place, budget: &budget, memory: memory) else {
                return false
            }
            place = EvacuationPlace(part: place.part + 1)
        }
        return true
    }

    // MARK: All of it

    func free(to memory: Memory) {
        var budget = Int.max
        _ = freeSlice(budget: &budget, memory: memory)
    }

    /// Frees about `budget` blocks of memory; a stream once begun is good for nothing else.
    ///
    /// - Returns: whether all of it is gone.
    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        guard parts.blocks.freeSlice(budget: &budget, memory: memory, { $0.pack.free(to: memory) }) else {
            return false
        }
        // Entries that are pending may be many; what is left of a group then goes in one piece, and so does a producer.
        for rank in 0..<groupCount {
            guard parts.groups[rank].freePending(budget: &budget, memory: memory) else { return false }
        }
        guard parts.groups.freeSlice(budget: &budget, memory: memory, { $0.free(to: memory) }),
            producers?.freeSlice(budget: &budget, memory: memory) ?? true
        else { return false }
        unsafe memory.free(base, byteCount: MemoryLayout<Parts>.size)
        return true
    }

    /// How much freeing it costs, as Redis counts it: blocks, and for each group what it and its consumers have pending; and
    /// the messages of producers.
    var freeingEffort: Int {
        var effort = max(1, blocks.count)
        forEachGroup { effort += 1 + $0.pendingCount }
        return effort + (producers?.messageCount ?? 0)
    }

    func copy(to memory: Memory) -> StreamLog {
        let copy = StreamLog(memory: memory)
        blocks.forEach(in: 0..<blocks.count) { block in
            copy.append(block.copy(to: memory), memory: memory)
        }
        copy.state = state
        forEachGroup { copy.add($0.copy(to: memory), memory: memory) }
        copy.producers = producers?.copy(to: memory)
        return copy
    }

    /// Stops the process when the stream contradicts itself.
    func checkInvariants() {
        blocks.checkInvariants { $0.id < $1.id }
        parts.groups.checkInvariants { $0.name.precedes($1.name) }
        forEachGroup { $0.checkInvariants() }
        producers?.checkInvariants()
        let lastBlockID = blocks.isEmpty ? nil : blocks[blocks.count - 1].id
        var (count, bytes) = (0, 0)
        var (firstID, lastID) = (StreamID?.none, StreamID?.none)
        blocks.forEach(in: 0..<blocks.count) { block in
            precondition(block.pack.isIntact && StreamBlock.isValid(block.pack, id: block.id), "a block is none")
            precondition(block.pack.form == .bare || block.id == lastBlockID, "a block is full, and not the last")
            precondition(lastID.map { $0 < block.id } ?? true, "blocks overlap")
            let reader = StreamBlockReader(block)
            precondition(reader.count > 0 || lastID == nil, "a block without entries behind the first")
            precondition((reader.lastOffset == nil) == (block.pack.form == .full), "the last entry is not known")
            let lastEnd = reader.lastOffset.map { reader.entry(at: $0)?.endOffset }
            precondition(lastEnd == nil || lastEnd == block.pack.endOffset, "the last entry is elsewhere")
            lastID = block.id
            var offset = reader.firstOffset
            while let entry = reader.entry(at: offset) {
                if !entry.isDeleted {
                    firstID = firstID ?? entry.id
                    lastID = entry.id
                }
                offset = entry.endOffset
            }
            count += reader.count
            bytes += block.pack.usedBytes
        }
        precondition(lastID.map { $0 <= state.lastID } ?? true, "an entry behind the last")
        precondition(count == state.count, "the entries of a stream are miscounted")
        precondition(firstID ?? .zero == state.firstID, "the first entry is another")
        precondition(bytes == parts.packBytes, "the bytes of a stream are miscounted")
    }
}

/// What a stream remembers beside its entries.
public struct StreamState: Equatable, Sendable {
    public internal(set) var count = 0
    /// Of the first entry; 0-0 where there is none.
    public internal(set) var firstID = StreamID.zero
    /// The last that was ever given.
    public internal(set) var lastID = StreamID.zero
    /// The greatest of all that were deleted one by one; 0-0 where none was.
    public internal(set) var maxDeletedID = StreamID.zero
    /// How many there ever were; it wraps around, as somebody may have set it to any number.
    public internal(set) var entriesAdded: Int64 = 0
}
