// What is dead but not yet freed: freeing a database of millions of keys takes seconds, and nobody should wait for it.

internal import Protocol

/// Entries and whole tables that nothing points to any more, and that are freed in slices.
///
/// Memory: owns what is buried here.
struct Graveyard {
    private var tables: [Table] = []
    private var entries: [Entry] = []

    var isEmpty: Bool { tables.isEmpty && entries.isEmpty }

    /// How many keys are still to be freed.
    var count: Int { entries.count + tables.reduce(0) { $0 + $1.count } }

    mutating func bury(_ table: Table) { tables.append(table) }
    mutating func bury(_ entry: Entry) { entries.append(entry) }

    /// Frees about `budget` entries.
    mutating func collect(budget: Int, in environment: TableEnvironment) {
        var left = budget
        while left > 0, let entry = entries.popLast() {
            entry.free(to: environment.memory)
            left -= 1
        }
        while left > 0, !tables.isEmpty {
            let before = tables[tables.count - 1].count
            if !tables[tables.count - 1].freeSlice(budget: left, memory: environment.memory) {
                left -= before
                tables.removeLast()
            } else {
                return
            }
        }
    }
}

extension Table {
    /// Frees about `budget` entries and the buckets they were in; a table once begun is good for nothing else.
    ///
    /// - Returns: whether there is more to free.
    mutating func freeSlice(budget: Int, memory: Memory) -> Bool {
        var left = budget
        while left > 0 {
            if old.isEmpty {
                guard !buckets.isEmpty else { return false }
                retireBuckets()
            }
            left -= freeOldBucket(memory: memory) + 1
        }
        return !(old.isEmpty && buckets.isEmpty)
    }
}

extension Keyspace {
    /// A value from this size on is worth a place in the graveyard; below, freeing it costs no more than burying it.
    private static let worthBurying = 64 << 10

    func bury(_ entry: Entry) {
        if entry.usedBytes >= Keyspace.worthBurying {
            graveyard.bury(entry)
        } else {
            entry.free(to: memory)
        }
    }

    /// How many removed keys still hold memory.
    public var garbageCount: Int { graveyard.count }

    /// Frees about `budget` removed entries.
    ///
    /// - Returns: whether there is more to free.
    public func collectGarbage(budget: Int) -> Bool {
        graveyard.collect(budget: budget, in: environment)
        return !graveyard.isEmpty
    }
}
