// What is dead but not yet freed: freeing millions of keys, or a set of millions of members, takes seconds, and nobody
// should wait for it.

internal import Protocol

/// For which removals a large value is not freed at once, but in slices (`lazyfree-lazy-…`).
public struct LazyFreeing: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A client removes keys.
    public static let deletion = LazyFreeing(rawValue: 1 << 0)
    /// A client removes all keys.
    public static let flush = LazyFreeing(rawValue: 1 << 1)
    /// Something else takes the key, or a command has no more use for it.
    public static let replacement = LazyFreeing(rawValue: 1 << 2)
    public static let expiry = LazyFreeing(rawValue: 1 << 3)
    public static let eviction = LazyFreeing(rawValue: 1 << 4)
}

/// Values and whole tables that nothing points to any more, and that are freed in slices.
///
/// Memory: owns what is buried here.
struct Graveyard {
    private var tables: [Table] = []
    private var values: [Aggregate] = []
    /// How many keys and values have been freed from here.
    var freedCount = 0
    /// What the values still take of the shard's memory.
    private(set) var valueBytes = 0

    var isEmpty: Bool { tables.isEmpty && values.isEmpty }

    /// How many keys and values are still to be freed.
    var count: Int { values.count + tables.reduce(0) { $0 + $1.count } }

    mutating func bury(_ table: Table) {
        if !table.buckets.isEmpty { tables.append(table) }
    }

    mutating func bury(_ value: Aggregate) {
        values.append(value)
        valueBytes += value.usedBytes
    }

    /// Frees about `budget` blocks of memory.
    mutating func collect(budget: Int, memory: Memory) {
        var left = budget
        while left > 0, !isEmpty {
            if values.isEmpty { collectFromTable(&left, memory) } else { collectFromValue(&left, memory) }
        }
    }

    private mutating func collectFromValue(_ left: inout Int, _ memory: Memory) {
        let before = memory.usedBytes
        if values[values.count - 1].freeSlice(budget: &left, memory: memory) {
            values.removeLast()
            freedCount += 1
        }
        valueBytes = values.isEmpty ? 0 : valueBytes - (before - memory.usedBytes)
    }

    /// What is large among the values of a table is put beside it, and then comes first: so each of them is whole here, or
    /// being freed.
    private mutating func collectFromTable(_ left: inout Int, _ memory: Memory) {
        var (table, found, freed) = (tables.removeLast(), [Aggregate](), 0)
        let isGone = table.freeSlice(budget: &left, memory: memory) { entry in
            if let value = entry.largeValue {
                found.append(value)
                entry.freeShell(to: memory)
            } else {
                entry.free(to: memory)
                freed += 1
            }
        }
        if !isGone { tables.append(table) }
        freedCount += freed
        found.forEach { bury($0) }
    }
}

extension Entry {
    /// The value, where freeing it takes so long that it is worth a place in the graveyard.
    fileprivate var largeValue: Aggregate? {
        guard isOutside, type != .string, aggregate.freeingEffort > Entry.leastEffortToBury else { return nil }
        return aggregate
    }

    /// Redis's limit: what is less is not counted among the lazily freed.
    private static let leastEffortToBury = 64
}

extension Keyspace {
    /// Frees an entry that no table holds any more; a large value in slices, if `lazily`.
    func free(_ entry: Entry, lazily: Bool) {
        freeValue(of: entry, lazily: lazily)
        entry.freeShell(to: memory)
    }

    /// Frees what an entry has outside itself, which is then good only to be written over.
    func freeValue(of entry: Entry, lazily: Bool) {
        if lazily, let value = entry.largeValue { graveyard.bury(value) } else { entry.freeOutside(to: memory) }
    }

    public var hasGarbage: Bool { !graveyard.isEmpty }

    /// How many removed keys and values still hold memory.
    public var garbageCount: Int { graveyard.count }

    /// How many removed keys and values were freed in slices.
    public var lazilyFreedCount: Int { graveyard.freedCount }

    /// Frees about `budget` blocks of memory that removed keys and values hold.
    ///
    /// - Returns: whether there is more to free.
    public func collectGarbage(budget: Int) -> Bool {
        graveyard.collect(budget: budget, memory: memory)
        return !graveyard.isEmpty
    }
}
