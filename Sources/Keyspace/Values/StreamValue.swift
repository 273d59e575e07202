// Streams: entries that are appended, read by range, and trimmed from the front.

public import Protocol

/// A stream, seen through the entry that holds it. One without entries stays, as long as nobody removes its key.
@safe
public struct StreamValue: AggregateValue {
    public static var type: ValueType { .stream }

    let entry: Entry
    @safe unowned(unsafe) let keyspace: Keyspace

    public init(entry: Entry, keyspace: Keyspace) {
        self.entry = entry
        self.keyspace = keyspace
    }

    public static func makeEmpty(in keyspace: Keyspace) -> Aggregate {
        unsafe Aggregate(.stream, .stream, base: StreamLog(memory: keyspace.memory).base)
    }

    var log: StreamLog { unsafe StreamLog(base: entry.aggregate.base) }
    var memory: Memory { keyspace.memory }

    public var count: Int { log.state.count }
    public var state: StreamState { log.state }
    public var blockCount: Int { log.blocks.count }
    /// Nodes of the tree that its blocks are in, and the blocks.
    public var nodeCount: Int { log.blocks.leafCount + log.blocks.innerCount + blockCount }

    public func checkInvariants() { log.checkInvariants() }

    // MARK: Reading

    /// Visits the entries from `first` to `last`, both included, the last first where `backwards`, until `body` says that it
    /// has enough.
    public func forEach(
        from first: StreamID = .zero,
        through last: StreamID = .greatest,
        backwards: Bool = false,
        _ body: (StreamEntry) -> Bool
    ) {
        guard first <= last, !log.blocks.isEmpty else { return }
        if backwards {
            visitBackwards(from: first, through: last, body)
        } else {
            visitForwards(from: first, through: last, body)
        }
    }

    private func visitForwards(from first: StreamID, through last: StreamID, _ body: (StreamEntry) -> Bool) {
        let log = log
        var place: OrderedTree<BlockOrder>.Place? = log.blocks.place(atRank: log.rankOfBlock(for: first))
        while let here = place {
            let reader = StreamBlockReader(here.element)
            guard reader.id <= last else { return }
            var offset = reader.firstOffset
            while let entry = reader.entry(at: offset) {
                offset = entry.endOffset
                guard !entry.isDeleted, entry.id >= first else { continue }
                guard entry.id <= last, body(entry) else { return }
            }
            place = log.blocks.next(after: here)
        }
    }

    private func visitBackwards(from first: StreamID, through last: StreamID, _ body: (StreamEntry) -> Bool) {
        let log = log
        var place: OrderedTree<BlockOrder>.Place? = log.blocks.place(atRank: log.rankOfBlock(for: last))
        while let here = place {
            let goesOn = StreamBlockReader(here.element).visitBackwards { entry in
                guard !entry.isDeleted, entry.id <= last else { return true }
                return entry.id >= first && body(entry)
            }
            guard goesOn else { return }
            place = log.blocks.previous(before: here)
        }
    }

    public func contains(_ id: StreamID) -> Bool {
        var isThere = false
        forEach(from: id, through: id) { _ in
            isThere = true
            return false
        }
        return isThere
    }

    /// The first or last entry that is there.
    private func edgeID(backwards: Bool) -> StreamID? {
        var found: StreamID?
        forEach(backwards: backwards) { entry in
            found = entry.id
            return false
        }
        return found
    }

    /// Of the first entry that is there; 0-0 where there is none.
    var firstValidID: StreamID { edgeID(backwards: false) ?? .zero }
    /// Of the last entry that is there; 0-0 where there is none. `state.lastID` may be that of one that is gone.
    public var lastValidID: StreamID { edgeID(backwards: true) ?? .zero }

    // MARK: Appending

    /// Whether an entry is more than a block could ever hold.
    public static func isTooLarge(_ fields: Arguments) -> Bool {
        byteCount(of: fields) + greatestOverhead(of: fields) > Listpack.greatestByteCount
    }

    private static func byteCount(of fields: Arguments) -> Int {
        var sum = 0
        for index in 0..<fields.count { sum += fields[index].count }
        return sum
    }

    /// What a block with nothing but these fields has besides their bytes, at most: ten bytes around each of them, and
    /// around the numbers of the master entry and of the entry.
    private static func greatestOverhead(of fields: Arguments) -> Int { 10 * (fields.count + 10) }

    /// Puts an entry behind all others.
    ///
    /// - Parameters:
    ///   - id: behind `state.lastID`.
    ///   - fields: field, value, field, value, …; not too large.
    public func append(_ id: StreamID, fields: Arguments) {
        let log = log
        precondition(id > log.state.lastID && fields.count % 2 == 0, "an entry out of order")
        if !takesMore(fields) {
            log.append(StreamBlock.make(id: id, fields: fields, memory: memory), memory: memory)
        }
        log.change(blockAt: log.blocks.count - 1) { $0.appending(id, fields: fields, memory: memory) }
        log.state.entriesAdded &+= 1
        log.state.lastID = id
        log.state.count += 1
        if log.state.count == 1 { log.state.firstID = id }
    }

    /// Whether the last block has room for an entry more.
    private func takesMore(_ fields: Arguments) -> Bool {
        let log = log
        guard !log.blocks.isEmpty else { return false }
        let reader = StreamBlockReader(log.blocks[log.blocks.count - 1])
        guard reader.pack.form == .full else {
            log.giveLastBlock(.full, memory: memory)
            return takesMore(fields)
        }
        let byteCount = StreamValue.byteCount(of: fields)
        guard reader.pack.hasRoom(for: byteCount + StreamValue.greatestOverhead(of: fields)) else { return false }
        let limits = keyspace.limits
        if limits.streamNodeByteCount > 0, reader.pack.byteCount + byteCount >= limits.streamNodeByteCount {
            return false
        }
        return limits.streamNodeCount == 0 || reader.count + reader.deletedCount < limits.streamNodeCount
    }

    // MARK: Removing

    /// Deletes an entry; says whether it was there.
    public func delete(_ id: StreamID) -> Bool {
        let log = log
        guard !log.blocks.isEmpty else { return false }
        let rank = log.rankOfBlock(for: id)
        let reader = StreamBlockReader(log.blocks[rank])
        var offset = reader.firstOffset
        while let entry = reader.entry(at: offset) {
            offset = entry.endOffset
            guard !entry.isDeleted, entry.id >= id else { continue }
            guard entry.id == id else { return false }
            if reader.count == 1 {
                log.removeBlock(at: rank, memory: memory)
            } else {
                log.change(blockAt: rank) { block in
                    block.deleting(entry, memory: memory).counting(-1, deleted: 1, from: reader, memory: memory)
                }
            }
            log.state.count -= 1
            noteDeleted(id)
            return true
        }
        return false
    }

    private func noteDeleted(_ id: StreamID) {
        let log = log
        log.state.maxDeletedID = max(log.state.maxDeletedID, id)
        if id == log.state.firstID || log.state.count == 0 { log.state.firstID = firstValidID }
    }

    // MARK: What is remembered

    /// Says what the stream remembers besides its entries.
    ///
    /// - Returns: false where an entry lies behind `lastID`.
    public func setState(lastID: StreamID, maxDeletedID: StreamID, entriesAdded: Int64) -> Bool {
        let log = log
        if log.state.count == 0 {
            // Nothing is left in them that an id could be behind.
            while !log.blocks.isEmpty { log.removeBlock(at: 0, memory: memory) }
        }
        guard lastValidID <= lastID else { return false }
        (log.state.lastID, log.state.maxDeletedID, log.state.entriesAdded) = (lastID, maxDeletedID, entriesAdded)
        log.state.firstID = firstValidID
        return true
    }

    // MARK: Trimming

    /// What is to be left of a stream.
    public enum TrimGoal: Sendable {
        case greatestCount(Int)
        case leastID(StreamID)
    }

    /// Removes entries from the front.
    ///
    /// - Parameters:
    ///   - isApproximate: whole blocks only.
    ///   - limit: at most so many entries; 0: any number.
    /// - Returns: how many were removed.
    @discardableResult
    public func trim(to goal: TrimGoal, isApproximate: Bool, limit: Int) -> Int {
        let log = log
        var removed = 0
        while !log.blocks.isEmpty {
            if case .greatestCount(let most) = goal, log.state.count <= most { break }
            let reader = StreamBlockReader(log.blocks[0])
            if limit > 0, removed + reader.count > limit { break }
            let goes =
                switch goal {
                case .greatestCount(let most): log.state.count - reader.count >= most
                case .leastID(let least): reader.lastID < least
                }
            guard goes else {
                if !isApproximate { removed += trimFirstBlock(to: goal, reader) }
                break
            }
            log.removeBlock(at: 0, memory: memory)
            log.state.count -= reader.count
            removed += reader.count
        }
        if removed > 0 || log.state.count == 0 { log.state.firstID = firstValidID }
        return removed
    }

    /// Deletes entries of the first block, the last of which stays, be it a deleted one.
    private func trimFirstBlock(to goal: TrimGoal, _ reader: StreamBlockReader) -> Int {
        let log = log
        var removed = 0
        log.change(blockAt: 0) { block in
            var block = block
            var offset = reader.firstOffset
            // Marking an entry moves nothing: what the reader has found stays where it is.
            while let entry = reader.entry(at: offset) {
                let stays =
                    switch goal {
                    case .greatestCount(let most): log.state.count - removed <= most
                    case .leastID(let least): entry.id >= least
                    }
                if stays { break }
                offset = entry.endOffset
                guard !entry.isDeleted else { continue }
                block = block.deleting(entry, memory: memory)
                removed += 1
            }
            return removed == 0 ? block : block.counting(-removed, deleted: removed, from: reader, memory: memory)
        }
        log.state.count -= removed
        return removed
    }
}
