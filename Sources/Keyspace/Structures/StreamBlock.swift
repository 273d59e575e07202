// A block of a stream: up to some hundred entries in one listpack, with the elements that RDB files have. The last one, which
// entries are appended to, is full; those before it are bare.
//
//     count  deleted  n  field 1 … field n  0                the master entry: what most entries of the block share
//     flags  ms  sequence  value 1 … value n  size           an entry with the master's fields
//     flags  ms  sequence  m  field 1  value 1 … value m  size     an entry with fields of its own
//
// `ms` and `sequence` are differences to the block's own id, that of its first entry. `size` is how many elements stand
// before it in its entry, for who comes from behind in a full one. A deleted entry keeps its place and has a flag.

internal import Protocol

/// A block in the tree of its stream.
@safe
struct StreamBlock: BitwiseCopyable {
    let id: StreamID
    private let base: UnsafeMutableRawPointer
    /// Of the last entry, if the block is bare: trimming by id asks for it again and again. 0: it is full.
    fileprivate let lastOffset: UInt32

    private init(id: StreamID, pack: Listpack, lastOffset: UInt32) {
        self.id = id
        unsafe base = pack.base
        self.lastOffset = lastOffset
    }

    /// A block of a full listpack.
    init(id: StreamID, pack: Listpack) { self.init(id: id, pack: pack, lastOffset: 0) }

    var pack: Listpack { unsafe Listpack(base: base) }

    func copy(to memory: Memory) -> StreamBlock {
        StreamBlock(id: id, pack: pack.copy(to: memory), lastOffset: lastOffset)
    }

    /// The same block where it is now, if it was to be moved.
    func evacuated(in memory: Memory) -> StreamBlock? {
        var moved: StreamBlock?
        unsafe memory.evacuate(base, byteCount: pack.byteCount) {
            moved = StreamBlock(id: id, pack: unsafe Listpack(base: $0), lastOffset: lastOffset)
        }
        return moved
    }

    /// The same block in that form; its listpack is then another one.
    func converted(to form: Listpack.Form, memory: Memory) -> StreamBlock {
        let full = StreamBlock(id: id, pack: pack.converted(to: form, memory: memory))
        guard form == .bare else { return full }
        let lastOffset = StreamBlockReader(full).entryOffsets.last ?? 0
        return StreamBlock(id: id, pack: full.pack, lastOffset: lastOffset)
    }
}

enum BlockOrder: TreeContent {
    typealias Element = StreamBlock
    typealias Separator = StreamID

    @inline(__always)
    static func separator(of element: StreamBlock) -> StreamID { element.id }
}

enum StreamEntryFlags {
    static let deleted: Int64 = 1
    static let sameFields: Int64 = 2
    static let all = deleted | sameFields
}

/// What a block's master entry says, and where its entries begin.
struct StreamBlockReader {
    let id: StreamID
    let pack: Listpack
    /// Entries that are not deleted.
    let count: Int
    let deletedCount: Int
    let fieldCount: Int
    /// Of the first master field, or of the zero behind them.
    fileprivate let fieldsOffset: Int
    /// Of the first entry, or the end.
    let firstOffset: Int
    /// Of the last entry of a bare block.
    let lastOffset: Int?

    init(_ block: StreamBlock) {
        id = block.id
        pack = block.pack
        lastOffset = block.lastOffset == 0 ? nil : Int(block.lastOffset)
        var cursor = ListpackCursor(pack)
        count = cursor.number()
        deletedCount = cursor.number()
        fieldCount = cursor.number()
        fieldsOffset = cursor.offset
        cursor.skip(fieldCount + 1)
        firstOffset = cursor.offset
    }

    /// The entry whose flags are at `offset`; nil at the end.
    func entry(at offset: Int) -> StreamEntry? {
        offset < pack.endOffset ? StreamEntry(in: self, at: offset) : nil
    }

    /// The entry that ends at `offset` in a full block; nil before the first.
    private func entry(endingAt offset: Int) -> StreamEntry? {
        guard offset > firstOffset, var start = pack.previous(before: offset) else { return nil }
        guard case .integer(let size) = pack[start] else { preconditionFailure("an entry does not end with its size") }
        for _ in 0..<size {
            guard let previous = pack.previous(before: start) else {
                preconditionFailure("an entry begins before its block")
            }
            start = previous
        }
        return StreamEntry(in: self, at: start)
    }

    /// Visits the entries from the last to the first, the deleted ones too, until `body` says that it has enough.
    ///
    /// - Returns: whether `body` would have gone on.
    func visitBackwards(_ body: (StreamEntry) -> Bool) -> Bool {
        guard pack.form == .full else {
            for offset in entryOffsets.reversed() {
                guard body(StreamEntry(in: self, at: Int(offset))) else { return false }
            }
            return true
        }
        var offset = pack.endOffset
        while let entry = entry(endingAt: offset) {
            guard body(entry) else { return false }
            offset = entry.offset
        }
        return true
    }

    /// Where the entries begin.
    fileprivate var entryOffsets: [UInt32] {
        var offsets: [UInt32] = []
        offsets.reserveCapacity(count + deletedCount)
        var cursor = ListpackCursor(pack, at: firstOffset)
        while cursor.offset < pack.endOffset {
            offsets.append(UInt32(cursor.offset))
            let flags = cursor.integer()
            cursor.skip(2)
            let elementCount = flags & StreamEntryFlags.sameFields != 0 ? fieldCount : cursor.number() * 2
            cursor.skip(elementCount + 1)
        }
        return offsets
    }

    /// Of the last entry, deleted or not.
    var lastID: StreamID {
        if let lastOffset { return StreamEntry(in: self, at: lastOffset).id }
        return entry(endingAt: pack.endOffset)?.id ?? id
    }

    /// Whether `fields` are those of the master entry.
    ///
    /// - Parameter fields: field, value, field, value, …
    func hasFields(of fields: Arguments) -> Bool {
        guard fields.count == fieldCount * 2 else { return false }
        var cursor = ListpackCursor(pack, at: fieldsOffset)
        for index in 0..<fieldCount where !SoughtText(fields[index * 2]).isEqual(to: cursor.value()) {
            return false
        }
        return true
    }
}

/// An entry of a stream, lent until the stream's next change.
public struct StreamEntry {
    public let id: StreamID
    private let reader: StreamBlockReader
    /// Of its flags.
    let offset: Int
    let flags: Int64
    public let fieldCount: Int
    /// Of its first value, or of its first field where it has its own.
    private let contentOffset: Int

    init(in reader: StreamBlockReader, at offset: Int) {
        self.reader = reader
        self.offset = offset
        var cursor = ListpackCursor(reader.pack, at: offset)
        flags = cursor.integer()
        let (milliseconds, sequence) = (cursor.integer(), cursor.integer())
        id = reader.id.advanced(milliseconds: milliseconds, sequence: sequence)
        fieldCount = flags & StreamEntryFlags.sameFields != 0 ? reader.fieldCount : cursor.number()
        contentOffset = cursor.offset
    }

    var isDeleted: Bool { flags & StreamEntryFlags.deleted != 0 }
    private var hasMasterFields: Bool { flags & StreamEntryFlags.sameFields != 0 }

    /// Where the next entry begins.
    var endOffset: Int {
        var cursor = ListpackCursor(reader.pack, at: contentOffset)
        cursor.skip((hasMasterFields ? fieldCount : fieldCount * 2) + 1)
        return cursor.offset
    }

    /// Visits the fields with their values, in order.
    public func forEachField(_ body: (_ field: StringValue, _ value: StringValue) -> Void) {
        var content = ListpackCursor(reader.pack, at: contentOffset)
        var fields = ListpackCursor(reader.pack, at: reader.fieldsOffset)
        for _ in 0..<fieldCount {
            let field = hasMasterFields ? fields.value() : content.value()
            body(field, content.value())
        }
    }
}

/// Goes through a listpack that is known to have what is asked for.
struct ListpackCursor {
    private let pack: Listpack
    private(set) var offset: Int

    init(_ pack: Listpack, at offset: Int? = nil) {
        self.pack = pack
        self.offset = offset ?? Listpack.headerByteCount
    }

    @inline(__always)
    mutating func value() -> StringValue {
        let value = pack[offset]
        offset = pack.end(of: offset)
        return value
    }

    @inline(__always)
    mutating func integer() -> Int64 {
        guard case .integer(let number) = value() else { preconditionFailure("text stands where a number must") }
        return number
    }

    /// A count.
    mutating func number() -> Int { Int(integer()) }

    mutating func skip(_ count: Int) { offset = pack.offset(count, elementsAfter: offset, upTo: .max) }
}

// MARK: - Writing

extension StreamBlock {
    /// An empty block for entries from `id` on, whose master entry has the fields of the first of them.
    static func make(id: StreamID, fields: Arguments, memory: Memory) -> StreamBlock {
        var pack = Listpack(.full, memory: memory)
        pack.append(ListpackElement(0), memory: memory)
        pack.append(ListpackElement(0), memory: memory)
        pack.append(ListpackElement(Int64(fields.count / 2)), memory: memory)
        for index in stride(from: 0, to: fields.count, by: 2) {
            pack.append(ListpackElement(fields[index]), memory: memory)
        }
        pack.append(ListpackElement(0), memory: memory)
        return StreamBlock(id: id, pack: pack)
    }

    /// The same block with an entry more at its end.
    ///
    /// - Parameter fields: field, value, field, value, …
    func appending(_ id: StreamID, fields: Arguments, memory: Memory) -> StreamBlock {
        let reader = StreamBlockReader(self)
        let isSame = reader.hasFields(of: fields)
        var pack = pack
        let difference = id.offset(from: self.id)
        pack.append(ListpackElement(isSame ? StreamEntryFlags.sameFields : 0), memory: memory)
        pack.append(ListpackElement(difference.milliseconds), memory: memory)
        pack.append(ListpackElement(difference.sequence), memory: memory)
        let count = fields.count / 2
        if !isSame { pack.append(ListpackElement(Int64(count)), memory: memory) }
        for index in 0..<fields.count where !isSame || index % 2 == 1 {
            pack.append(ListpackElement(fields[index]), memory: memory)
        }
        pack.append(ListpackElement(Int64(isSame ? count + 3 : count * 2 + 4)), memory: memory)
        return StreamBlock(id: self.id, pack: pack).counting(1, deleted: 0, from: reader, memory: memory)
    }

    /// The same block with `entry` marked as deleted; its neighbours stay where they are.
    func deleting(_ entry: StreamEntry, memory: Memory) -> StreamBlock {
        var pack = pack
        // A flag is one byte with or without it.
        pack.replace(at: entry.offset, with: ListpackElement(entry.flags | StreamEntryFlags.deleted), memory: memory)
        return StreamBlock(id: id, pack: pack, lastOffset: lastOffset)
    }

    /// The same block whose counts differ from what `reader` has found.
    func counting(_ count: Int, deleted: Int, from reader: StreamBlockReader, memory: Memory) -> StreamBlock {
        var pack = pack
        let previous = pack.byteCount
        let first = Listpack.headerByteCount
        pack.replace(at: first, with: ListpackElement(Int64(reader.count + count)), memory: memory)
        let second = pack.end(of: first)
        pack.replace(at: second, with: ListpackElement(Int64(reader.deletedCount + deleted)), memory: memory)
        // The counts may take a byte more, or one less.
        let moved = lastOffset == 0 ? 0 : Int(lastOffset) + pack.byteCount - previous
        return StreamBlock(id: id, pack: pack, lastOffset: UInt32(moved))
    }
}
