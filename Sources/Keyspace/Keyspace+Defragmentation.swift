// Defragmentation: values move together, so that pages without any can go back to the kernel.
//
// One pass chooses the chunks that are to be emptied (`Evacuation`), goes through all tables once, and moves what is found
// in such chunks: entries, strings outside them, what collections are made of, and the buckets that lead there. It works in
// slices between commands, when nobody holds a pointer: what was lent is good until the next change, and this is one.
//
// What stays where it is: blocks from 16 KiB on, which are jemalloc's; consumers of streams, which all that is pending with
// them points to, and what producers have sent; what waits in the graveyard.

internal import Protocol

/// What passes have met and moved so far.
public struct DefragmentationTally: Equatable, Sendable {
    /// Blocks that were moved.
    public var hits = 0
    /// Blocks that were looked at and left where they were.
    public var misses = 0
    /// Keys of which something was moved when they were reached.
    public var keyHits = 0
    public var keyMisses = 0

    public init() {}

    public static func + (one: Self, other: Self) -> Self {
        var sum = one
        sum.hits += other.hits
        sum.misses += other.misses
        sum.keyHits += other.keyHits
        sum.keyMisses += other.keyMisses
        return sum
    }
}

/// A pass, and how far it has come.
struct Defragmentation {
    enum Stage {
        case choosing, walking, ending
    }

    /// A collection that was too large for the slice that met it.
    struct Unfinished {
        let database: Int
        let key: [UInt8]
        var place: EvacuationPlace
    }

    var stage = Stage.choosing
    var evacuation = Evacuation()
    /// Where the walk goes on: a database, a slot, and the cursor of a scan through its table.
    var database = 0
    var slot = 0
    var cursor: UInt64 = 0
    /// Of the list of volatile hashes of the database: a bucket.
    var listIndex = 0
    var unfinished: [Unfinished] = []
}

extension Keyspace {
    /// Bytes of the chunks in use that no block takes, and those of their blocks: what a pass could set free, and what it
    /// has to move at the most.
    public var fragmentation: (unused: Int, used: Int) {
        (memory.unusedChunkBytes - memory.freeChunkBytes, memory.smallBlockBytes)
    }

    public var defragmentationTally: DefragmentationTally {
        let (moved, left) = memory.evacuationCounts
        var tally = defragmentedKeys
        (tally.hits, tally.misses) = (moved, left)
        return tally
    }

    public var isDefragmenting: Bool { defragmentation != nil }

    /// Begins a pass, unless one is under way.
    public func beginDefragmentation() {
        if defragmentation == nil { defragmentation = Defragmentation() }
    }

    /// Lets a pass come to its end without moving anything more.
    public func cutDefragmentationShort() {
        guard let stage = defragmentation?.stage, stage != .ending else { return }
        // Its end goes through all chunks, and need not know how the choice was made, or how far it had come.
        defragmentation = Defragmentation(stage: .ending)
    }

    /// Goes on with the pass, for about `budget` blocks. No entry may be lent meanwhile.
    ///
    /// - Returns: whether there is more to do.
    public func defragmentSlice(budget: Int) -> Bool {
        guard var pass = defragmentation else { return false }
        defragmentation = nil  // so that it is changed where it is
        var left = budget
        while left > 0 {
            switch pass.stage {
            case .choosing:
                guard pass.evacuation.choose(budget: &left, of: memory) else { continue }
                pass.stage = pass.evacuation.chosenCount > 0 ? .walking : .ending
            case .walking: walk(&pass, budget: &left)
            case .ending: if pass.evacuation.end(budget: &left, of: memory) { return false }
            }
        }
        defragmentation = pass
        return true
    }

    // MARK: The walk

    private func walk(_ pass: inout Defragmentation, budget: inout Int) {
        if pass.unfinished.isEmpty { walkTable(&pass, &budget) } else { goOn(&pass, &budget) }
    }

    /// Goes on with the table whose turn it is, for one chain.
    private func walkTable(_ pass: inout Defragmentation, _ budget: inout Int) {
        let database = pass.database
        guard let slot = self[database].slotWithKeys(from: pass.slot) else { return walkList(&pass, &budget) }
        if slot != pass.slot { (pass.slot, pass.cursor) = (slot, 0) }
        if self[database][slot].isResizing {
            // First one array, as one step of a scan may otherwise be as long as the larger of two.
            let step = min(budget, 64)
            self[database][slot].moveBuckets(entries: step, in: environment)
            return budget -= step
        }
        if pass.cursor == 0 { self[database][slot].evacuateArrays(in: memory) }
        let table = self[database][slot]  // its shape, which nothing changes during the step
        var unfinished: [Defragmentation.Unfinished] = []
        pass.cursor = table.scan(from: pass.cursor) { chain in
            budget -= 1
            chain.evacuateChain(in: memory)
            chain.prefetchEntries(chain.occupied)
            chain.forEachPlace { place in
                let rest = evacuate(at: place, budget: &budget)
                if let rest { unfinished.append(.init(database: database, key: place.entry.key.array, place: rest)) }
                return true
            }
        }
        pass.unfinished = unfinished
        if pass.cursor == 0 { pass.slot = slot + 1 }
    }

    /// Goes on with the list of volatile hashes of a database, whose tables are done, and then with the next database.
    private func walkList(_ pass: inout Defragmentation, _ budget: inout Int) {
        if let list = self[pass.database].volatileHashes {
            unsafe memory.evacuate(list.base, byteCount: MemoryLayout<ElementTable.Head>.size) {
                self[pass.database].volatileHashes = unsafe ElementTable(base: $0)
            }
        }
        let list = self[pass.database].volatileHashes
        guard list?.evacuateSlice(from: &pass.listIndex, budget: &budget, memory: memory) ?? true else { return }
        budget -= 1
        (pass.database, pass.slot, pass.cursor, pass.listIndex) = (pass.database + 1, 0, 0, 0)
        if pass.database == databaseCount { pass.stage = .ending }
    }

    /// Goes on with a collection that was not finished, if it is still there.
    private func goOn(_ pass: inout Defragmentation, _ budget: inout Int) {
        var unfinished = pass.unfinished.removeLast()
        let isDone = unfinished.key.withBytes { bytes in
            let key = key(bytes)
            let table = self[unfinished.database][key.slot].find(bytes, hash: key.hash, in: environment)
            guard let entry = table?.entry, entry.type != .string else { return true }
            return entry.aggregate.evacuateSlice(from: &unfinished.place, budget: &budget, in: environment)
        }
        if isDone { budget -= 1 } else { pass.unfinished.append(unfinished) }
    }

    /// Moves the entry at `place` and what it has outside, as far as they are to be moved.
    ///
    /// - Returns: where to go on if the budget ran out first; nil: it is done.
    private func evacuate(at place: Table.Place, budget: inout Int) -> EvacuationPlace? {
        let movedBefore = memory.evacuationCounts.moved
        budget -= 1
        unsafe memory.evacuate(place.entry.base, byteCount: place.entry.byteCount) {
            place.bucket[place.position] = unsafe Entry(base: $0)
        }
        let rest = evacuateValue(of: place.entry, budget: &budget)
        if memory.evacuationCounts.moved > movedBefore {
            defragmentedKeys.keyHits += 1
        } else {
            defragmentedKeys.keyMisses += 1
        }
        return rest
    }

    private func evacuateValue(of entry: Entry, budget: inout Int) -> EvacuationPlace? {
        guard entry.isOutside else { return nil }
        budget -= 1
        guard entry.type != .string else {
            entry.block.evacuate(in: memory) { entry.block = $0 }
            return nil
        }
        let aggregate = entry.aggregate
        unsafe memory.evacuate(aggregate.base, byteCount: aggregate.headByteCount) {
            entry.aggregate = unsafe Aggregate(aggregate.type, aggregate.encoding, base: $0)
        }
        var place = EvacuationPlace()
        return entry.aggregate.evacuateSlice(from: &place, budget: &budget, in: environment) ? nil : place
    }
}
