// Blocks of streams that nobody vouches for: whether a listpack from outside is one.

extension StreamBlock {
    /// Whether a valid listpack is a block through and through: every entry whole, its size right, the counts true, and
    /// the ids in order from the block's own on. Deleted entries are in no order where XSETID took the last id back.
    static func isValid(_ pack: Listpack, id: StreamID) -> Bool {
        var check = BlockCheck(pack, id: id)
        return check.isBlock()
    }
}

/// Reads a listpack as a block without trust in it.
private struct BlockCheck {
    private let pack: Listpack
    private let id: StreamID
    private var offset: Int
    private var previousID: StreamID?
    private var (count, deletedCount) = (0, 0)

    init(_ pack: Listpack, id: StreamID) {
        self.pack = pack
        self.id = id
        offset = Listpack.headerByteCount
    }

    mutating func isBlock() -> Bool {
        guard let count = natural(), let deletedCount = natural(), let fieldCount = natural(), skip(fieldCount),
            integer() == 0
        else { return false }
        while offset < pack.endOffset {
            guard isEntry(masterFieldCount: fieldCount) else { return false }
        }
        return self.count == count && self.deletedCount == deletedCount && count + deletedCount > 0
    }

    private mutating func isEntry(masterFieldCount: Int) -> Bool {
        guard let flags = integer(), flags & ~StreamEntryFlags.all == 0, let milliseconds = integer(),
            let sequence = integer()
        else { return false }
        let isDeleted = flags & StreamEntryFlags.deleted != 0
        if !isDeleted {
            let entryID = id.advanced(milliseconds: milliseconds, sequence: sequence)
            guard previousID.map({ $0 < entryID }) ?? (id <= entryID) else { return false }
            previousID = entryID
        }

        let isSame = flags & StreamEntryFlags.sameFields != 0
        guard let fieldCount = isSame ? masterFieldCount : natural(), fieldCount <= pack.byteCount else { return false }
        let size = isSame ? fieldCount + 3 : fieldCount * 2 + 4
        guard skip(isSame ? fieldCount : fieldCount * 2), integer() == Int64(size) else { return false }
        if isDeleted { deletedCount += 1 } else { count += 1 }
        return true
    }

    private mutating func integer() -> Int64? {
        guard offset < pack.endOffset, case .integer(let number) = pack[offset] else { return nil }
        offset = pack.end(of: offset)
        return number
    }

    private mutating func natural() -> Int? {
        guard let number = integer(), number >= 0 else { return nil }
        return Int(number)
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard count <= pack.byteCount else { return false }
        for _ in 0..<count {
            guard offset < pack.endOffset else { return false }
            offset = pack.end(of: offset)
        }
        return true
    }
}
