// Moving what a collection is made of out of sparsely used chunks, a few blocks at a time.

/// How far that has come in a collection: each structure reads it in its own way, and passes over what is not there.
struct EvacuationPlace {
    /// Of streams the blocks, the groups, and then each of these; of sorted sets the members, and then the buckets.
    var part = 0
    /// Of a group, one of its trees.
    var tree = 0
    var index = 0
}

extension Aggregate {
    /// Bytes of the block that the entry points to: what it was asked for.
    var headByteCount: Int {
        switch encoding {
        case .listpack: return unsafe Listpack(base: base).byteCount
        case .integerSet: return unsafe IntegerSet(base: base).byteCount
        case .hashTable: return MemoryLayout<ElementTable.Head>.size
        case .skiplist: return SortedMembers.headByteCount
        case .quicklist: return Quicklist.headByteCount
        case .stream: return StreamLog.headByteCount
        default: preconditionFailure("no aggregate is kept as \(encoding)")
        }
    }

    /// Goes on moving what is to be moved behind the head, while the budget of blocks lasts.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from place: inout EvacuationPlace, budget: inout Int, in environment: TableEnvironment) -> Bool {
        let memory = environment.memory
        switch encoding {
        case .hashTable:
            return unsafe ElementTable(base: base).evacuateSlice(from: &place.index, budget: &budget, memory: memory)
        case .skiplist:
            return unsafe SortedMembers(base: base).evacuateSlice(from: &place, budget: &budget, in: environment)
        case .quicklist:
            return unsafe Quicklist(base: base).evacuateSlice(from: &place.index, budget: &budget, memory: memory)
        case .stream:
            return unsafe StreamLog(base: base).evacuateSlice(from: &place, budget: &budget, memory: memory)
        default: return true  // All of it is one block.
        }
    }
}
