// A database of one shard: its tables, and the sums over them that make counting and choosing cheap.

internal import Protocol

/// One table, or one for each hash slot.
///
/// Memory: owned by the keyspace; `free` after its tables are empty. Invariant: the sums agree with the tables.
@safe
struct Database {
    /// Slots are summed in groups, so that the n-th key, or the next slot that has any, is found in a few hundred steps
    /// instead of 16384, and a change costs two additions.
    static let slotsPerGroup = 128

    private let tableBase: UnsafeMutablePointer<Table>
    private let groupBase: UnsafeMutablePointer<Int>
    /// Of slot numbers: 0 with one table, 16383 with one for each slot.
    let slotMask: Int
    private(set) var keyCount = 0
    private(set) var volatileCount = 0

    /// Where active expiry goes on: a slot, and a bucket of its table.
    var expirySlot = 0
    var expiryBucket = 0
    /// A running estimate of what is left to live of the keys with expiry, in milliseconds.
    var averageTTL: Int64 = 0

    /// The keys of the hashes that have fields with expiry, each with a time before which none of its fields dies; nil
    /// while there are none.
    var volatileHashes: ElementTable?

    init(slotted: Bool, memory: Memory) {
        slotMask = slotted ? slotCount - 1 : 0
        let tableBytes = (slotMask + 1) * MemoryLayout<Table>.stride
        // Fresh pages are zero, and zero is an empty table: a million bytes that cost nothing until a slot is used.
        if slotted {
            unsafe tableBase = memory.mapPages(byteCount: tableBytes).assumingMemoryBound(to: Table.self)
        } else {
            unsafe tableBase = memory.allocate(tableBytes).assumingMemoryBound(to: Table.self)
            unsafe tableBase.initialize(to: Table())
        }
        let groupCount = Database.group(of: slotMask) + 1
        unsafe groupBase = memory.allocate(groupCount * 8).assumingMemoryBound(to: Int.self)
        unsafe groupBase.initialize(repeating: 0, count: groupCount)
    }

    func free(memory: Memory) {
        assert(volatileHashes == nil)
        let tableBytes = (slotMask + 1) * MemoryLayout<Table>.stride
        if slotMask > 0 {
            unsafe memory.unmapPages(tableBase, byteCount: tableBytes)
        } else {
            unsafe memory.free(tableBase, byteCount: tableBytes)
        }
        unsafe memory.free(groupBase, byteCount: (Database.group(of: slotMask) + 1) * 8)
    }

    /// The table of `slot`; there is one for every number.
    subscript(slot: Int) -> Table {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(tableBase + (slot & slotMask)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe tableBase + (slot & slotMask) }
    }

    /// Notes that the table of `slot` has changed from what `before` was, in entries and entries with expiry.
    @inline(__always)
    mutating func adjust(slot: Int, keys: Int, volatile: Int) {
        keyCount += keys
        volatileCount += volatile
        unsafe groupBase[Database.group(of: slot & slotMask)] += keys
    }

    static func group(of slot: Int) -> Int { slot / slotsPerGroup }

    /// The first slot from `start` on that has keys.
    func slotWithKeys(from start: Int) -> Int? {
        var slot = start
        while slot <= slotMask {
            if slot % Database.slotsPerGroup == 0, unsafe groupBase[Database.group(of: slot)] == 0 {
                slot += Database.slotsPerGroup
            } else if self[slot].count == 0 {
                slot += 1
            } else {
                return slot
            }
        }
        return nil
    }

    /// The slot of the key that is the `rank`-th when all are counted slot by slot; there are more than `rank` keys.
    func slot(ofKey rank: Int) -> Int {
        var rest = rank
        var group = 0
        while unsafe rest >= groupBase[group] {
            unsafe rest -= groupBase[group]
            group += 1
        }
        var slot = group * Database.slotsPerGroup
        while rest >= self[slot].count {
            rest -= self[slot].count
            slot += 1
        }
        return slot
    }
}
