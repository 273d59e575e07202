// The keys of one shard: its databases, and what every command does with a key — find it, change it, take it out.

public import Protocol

/// A key as a command brings it: its bytes with their hash and slot, found once.
///
/// Memory: the bytes belong to the caller. The hash is good for every keyspace with the same seed.
public struct Key {
    public let bytes: Bytes
    public internal(set) var hash: UInt64
    /// The hash slot, or 0 where nobody asks for slots.
    public internal(set) var slot: Int
}

/// What hash slots mean to a keyspace.
public enum SlotUse: Sendable {
    /// Nothing: stand-alone with one shard. Every key has slot 0.
    case none
    /// They choose the shard, but a database is one table: stand-alone with several shards.
    case routing
    /// Each has a table of its own: cluster mode, where slots are counted, listed and moved.
    case tables
}

/// The databases of one shard.
///
/// Memory: owns all entries; what it lends (`Entry`, `Bytes`) is good until its next change, and a look-up of another key
/// may already be one, since it removes what has expired and moves buckets along.
/// Thread: the shard's, or whoever holds all shards in an exclusive section.
@safe
public final class Keyspace {
    let environment: TableEnvironment
    let slotUse: SlotUse
    private let databaseBase: UnsafeMutablePointer<Database>
    public let databaseCount: Int

    /// The time, in Unix milliseconds: whoever drives the shard sets it before it runs commands.
    public var now: Int64 = 0 {
        didSet { clock = UInt64(truncatingIfNeeded: now / 1000) & 0xFF_FFFF }
    }
    /// The access clock: seconds, modulo 2²⁴.
    private(set) var clock: UInt64 = 0
    /// What an access leaves in the entry.
    public var accessRecord = AccessRecord.clock {
        didSet { recordsClock = accessRecord == .clock }
    }
    /// Whether an access leaves the clock, as nearly always.
    private(set) var recordsClock = true
    /// Up to which size collections are kept compact; what is larger already stays as it is.
    public var limits = ValueLimits()
    var random: SplitMix

    /// What becomes of a key found expired.
    public var lazyExpiry = LazyExpiry.remove
    /// Whether `expireSlice` does anything.
    public var isActiveExpiryEnabled = true
    /// Keys that were removed because their time had come.
    public internal(set) var expiredCount = 0
    /// Is told the database and the key before it is removed because its time has come; changes nothing here.
    public var onExpired: ((_ database: Int, _ key: Bytes) -> Void)?
    /// Where `expireSlice` goes on.
    var expiryDatabase = 0
    /// What its last slices have met.
    var recentExpiries = ExpiryTally()
    /// Fields of hashes that were removed because their time had come.
    public internal(set) var expiredFieldCount = 0
    /// Is told the database, the key and the field before that is removed because its time has come; changes nothing here.
    public var onFieldExpired: ((_ database: Int, _ key: Bytes, _ field: Bytes) -> Void)?
    /// Where `expireFieldsSlice` goes on.
    var fieldExpiryDatabase = 0
    /// How many hashes all databases together list as volatile.
    var listedHashCount = 0

    /// Which keys may be given up where memory is short; nil: none.
    public var evictionPolicy: EvictionPolicy? {
        didSet { if evictionPolicy != oldValue { evictionPool.removeAll() } }
    }
    /// Keys that were given up.
    public internal(set) var evictedCount = 0
    /// Is told the database and the key before it is given up; changes nothing here.
    public var onEvicted: ((_ database: Int, _ key: Bytes) -> Void)?
    var evictionPool = EvictionPool()
    var evictionHand = EvictionHand()

    /// The pass that is under way, and the keys that all of them have reached.
    var defragmentation: Defragmentation?
    var defragmentedKeys = DefragmentationTally()

    /// Tables that are being resized, as slots of databases; some may be done already.
    var resizing: [(database: Int, slot: Int)] = []
    var graveyard = Graveyard()
    /// Which removals leave large values to `collectGarbage`.
    public var lazyFreeing: LazyFreeing = []

    /// - Parameter seed: secret, random, and the same for all shards of a process.
    /// - Parameter hugePages: whether to ask the kernel for huge pages, once there is much to hold.
    public init(databaseCount: Int, slots: SlotUse, seed: UInt64, hugePages: Bool = false) {
        precondition(databaseCount > 0, "a keyspace without a database")
        let memory = Memory(hugePages: hugePages)
        environment = TableEnvironment(memory: memory, hasher: KeyHasher(seed: seed))
        slotUse = slots
        random = SplitMix(state: ~seed)
        self.databaseCount = databaseCount
        let byteCount = databaseCount * MemoryLayout<Database>.stride
        unsafe databaseBase = memory.allocate(byteCount).assumingMemoryBound(to: Database.self)
        for index in 0..<databaseCount {
            unsafe (databaseBase + index).initialize(to: Database(slotted: slots == .tables, memory: memory))
        }
    }

    deinit {
        flushAll(lazily: false)
        while collectGarbage(budget: .max) {}
        for index in 0..<databaseCount { self[index].free(memory: memory) }
        unsafe memory.free(databaseBase, byteCount: databaseCount * MemoryLayout<Database>.stride)
        assert(memory.usedBytes == 0)
        memory.dispose()
    }

    var memory: Memory { @inline(__always) get { environment.memory } }

    /// Everything the keyspace has taken from the system: entries, values, tables, also what waits to be collected.
    public var usedBytes: Int { memory.usedBytes }

    /// The part of `usedBytes` that jemalloc does not know of.
    public var mappedBytes: Int { memory.mappedBytes }

    /// The part of `usedBytes` that are arrays of buckets, where they are not small.
    public var tableBytes: Int { memory.pagedBytes }

    /// What is not in use of the memory that small blocks come from.
    public var unusedChunkBytes: Int { memory.unusedChunkBytes }

    /// Of it, what is kept though nothing at all is in it.
    public var freeChunkBytes: Int { memory.freeChunkBytes }

    /// Gives memory back to the kernel that holds nothing any more: about `budget` times 50 µs long; without `keepsSome`,
    /// also what is likely to be wanted again.
    ///
    /// - Returns: whether there is more to give.
    public func releaseMemory(budget: Int, keepsSome: Bool = true) -> Bool {
        memory.releasePages(budget: budget, keepsSome: keepsSome)
    }

    /// The database of a number that has been checked.
    subscript(database: Int) -> Database {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address(of: database)) }
        @inline(__always) unsafeMutableAddress { unsafe address(of: database) }
    }

    @inline(__always)
    private func address(of database: Int) -> UnsafeMutablePointer<Database> {
        precondition(UInt(bitPattern: database) < UInt(bitPattern: databaseCount), "no such database")
        return unsafe databaseBase + database
    }

    // MARK: Keys

    /// Hashes `bytes`, and finds the slot where it matters.
    @inline(__always)
    public func key(_ bytes: Bytes) -> Key {
        let slot = slotUse == .none ? 0 : hashSlot(of: bytes)
        return Key(bytes: bytes, hash: environment.hasher.hash(of: bytes), slot: slot)
    }

    // MARK: Looking up

    /// The entry of `key`, unless there is none or its time has come; notes the access unless `touching` is false.
    ///
    /// Inlined, so that the key stays with the caller while the first of the two looks.
    @inlinable @inline(__always)
    public func lookup(_ key: Key, in database: Int, touching: Bool = true) -> Entry? {
        glimpse(key, in: database, touching: touching) ?? lookupThoroughly(key, in: database, touching: touching)
    }

    /// The entry of `key`, where it is seen at first sight: in the first bucket, without an expiry, and no use to count.
    /// Nil says nothing.
    ///
    /// Nearly all look-ups end here. It calls nothing, and so saves no registers: half the instructions of `find`.
    @usableFromInline @inline(never)
    func glimpse(_ key: Key, in database: Int, touching: Bool) -> Entry? {
        guard let entry = glimpse(key, in: database) else { return nil }
        if touching {
            guard recordsClock else { return nil }
            noteClock(in: entry)
        }
        return entry
    }

    @usableFromInline @inline(never)
    func lookupThoroughly(_ key: Key, in database: Int, touching: Bool) -> Entry? {
        guard let entry = find(key, in: database)?.entry else { return nil }
        if touching { touch(entry) }
        return entry
    }

    /// The same, whether or not there is an access to note.
    @inline(__always)
    func glimpse(_ key: Key, in database: Int) -> Entry? {
        self[database][key.slot].glimpse(key.bytes, hash: key.hash)
    }

    /// Whether `key` is there; not an access.
    public func contains(_ key: Key, in database: Int) -> Bool { find(key, in: database) != nil }

    /// Where the entry of `key` is, unless there is none or its time has come.
    ///
    /// - Parameter writing: the place is for a change: what is found expired is then removed even where it would only be
    ///   hidden from a reader, or a new entry would stand beside it.
    @inline(__always)
    func find(_ key: Key, in database: Int, writing: Bool = false) -> Table.Place? {
        guard let place = self[database][key.slot].find(key.bytes, hash: key.hash, in: environment) else { return nil }
        if place.entry.hasExpiry, place.entry.expiryTime < now {
            return keepsExpired(at: place, key, in: database, writing: writing) ? place : nil
        }
        return place
    }

    // MARK: Changing

    /// Removes `key`.
    ///
    /// - Parameter lazily: whether a large value is not freed now but by `collectGarbage`; nil: as for all that a command
    ///   has no more use for.
    /// - Returns: whether it was there.
    @discardableResult
    public func remove(_ key: Key, in database: Int, lazily: Bool? = nil) -> Bool {
        guard let place = find(key, in: database, writing: true) else { return false }
        let entry = takeOut(place, slot: key.slot, in: database)
        free(entry, lazily: lazily ?? lazyFreeing.contains(.replacement))
        return true
    }

    /// Takes the entry at `place` out of its table; the caller owns it now.
    func takeOut(_ place: Table.Place, slot: Int, in database: Int, shrinking: Bool = true) -> Entry {
        let entry = self[database][slot].remove(at: place, in: environment)
        if entry.type == .hash { unlist(entry, in: database) }
        self[database].adjust(slot: slot, keys: -1, volatile: entry.hasExpiry ? -1 : 0)
        if shrinking {
            self[database][slot].shrinkIfSparse(in: environment)
            listIfResizing(slot: slot, in: database)
        }
        return entry
    }

    /// Puts `payload` under `key`: in the allocation at `place` if there is one and it fits, else in a new one. A value
    /// that lies outside the old entry must have been freed or taken over.
    @discardableResult
    @inline(never)
    func put(_ payload: Payload, expiry: Int64?, under key: Key, at place: Table.Place?, in database: Int) -> Entry {
        guard let place else {
            let entry = Entry.make(key.bytes, expiry: expiry, payload: payload, memory: memory)
            entry.access = firstAccess
            insert(entry, key, in: database)
            return entry
        }
        let previous = place.entry
        let hadExpiry = previous.hasExpiry
        let access = previous.access
        let byteCount = Entry.byteCount(
            keyCount: key.bytes.count,
            hasExpiry: expiry != nil,
            payload: payload.byteCount
        )
        var entry = previous
        if SizeClass.byteCount(byteCount) == SizeClass.byteCount(previous.byteCount) {
            previous.write(previous.key, expiry: expiry, payload: payload)
        } else {
            entry = Entry.make(key.bytes, expiry: expiry, payload: payload, memory: memory)
            previous.freeShell(to: memory)
        }
        entry.access = access
        self[database][key.slot].replace(at: place, with: entry, hadExpiry: hadExpiry)
        self[database].adjust(slot: key.slot, keys: 0, volatile: (expiry != nil ? 1 : 0) - (hadExpiry ? 1 : 0))
        return entry
    }

    /// Takes over `entry`, whose key is not there.
    func insert(_ entry: Entry, _ key: Key, in database: Int) {
        self[database][key.slot].insert(entry, hash: key.hash, in: environment)
        self[database].adjust(slot: key.slot, keys: 1, volatile: entry.hasExpiry ? 1 : 0)
        if entry.type == .hash { listIfVolatile(entry, key, in: database) }
        listIfResizing(slot: key.slot, in: database)
    }

    // MARK: Counting

    /// How many keys all databases have together.
    public var totalCount: Int { (0..<databaseCount).reduce(0) { $0 + self[$1].keyCount } }

    /// Sets the counters that CONFIG RESETSTAT speaks of to zero.
    public func resetStatistics() {
        (expiredCount, expiredFieldCount, evictedCount) = (0, 0, 0)
        defragmentedKeys = DefragmentationTally()
        memory.evacuationCounts = (0, 0)
        graveyard.freedCount = 0
    }

    /// How many keys a database has, expired ones that nobody has met yet included.
    public func count(in database: Int) -> Int { self[database].keyCount }

    /// How many of a database's keys have an expiry.
    public func volatileCount(in database: Int) -> Int { self[database].volatileCount }

    /// How many keys a slot has; only where slots have tables.
    public func count(inSlot slot: Int, of database: Int) -> Int {
        precondition(slotUse == .tables, "slots have no tables here")
        return self[database][slot].count
    }

    // MARK: Whole databases

    /// Exchanges the contents of two databases.
    public func swap(_ first: Int, _ second: Int) {
        guard first != second else { return }
        let database = self[first]
        self[first] = self[second]
        self[second] = database
        for index in resizing.indices {
            if resizing[index].database == first {
                resizing[index].database = second
            } else if resizing[index].database == second {
                resizing[index].database = first
            }
        }
    }

    /// Empties a database.
    ///
    /// - Parameter lazily: its entries are not freed now but by `collectGarbage`.
    /// - Returns: how many keys it had.
    @discardableResult
    public func flush(_ database: Int, lazily: Bool) -> Int {
        let count = self[database].keyCount
        unlistAllHashes(of: database, lazily: lazily)
        var start = 0
        while let slot = self[database].slotWithKeys(from: start) {
            flush(slot: slot, of: database, lazily: lazily)
            start = slot + 1
        }
        // A table without keys may still have buckets, if it is being shrunk.
        for table in resizing where table.database == database {
            flush(slot: table.slot, of: database, lazily: lazily)
        }
        return count
    }

    /// Empties all databases; returns how many keys there were.
    @discardableResult
    public func flushAll(lazily: Bool) -> Int {
        (0..<databaseCount).reduce(0) { $0 + flush($1, lazily: lazily) }
    }

    /// Empties the table of a slot, as when the slot has moved to another node; returns how many keys it had.
    @discardableResult
    public func flush(slot: Int, of database: Int, lazily: Bool) -> Int {
        unlistVolatileHashes(ofSlot: slot, in: database)
        var table = self[database][slot]
        let count = table.count
        var empty = Table()
        empty.isListedForResize = table.isListedForResize  // the list is keyed by slot, and stays as it is
        self[database][slot] = empty
        self[database].adjust(slot: slot, keys: -count, volatile: -table.volatileCount)
        if lazily {
            graveyard.bury(table)
        } else {
            var budget = Int.max
            _ = table.freeSlice(budget: &budget, memory: memory) { $0.free(to: memory) }
        }
        return count
    }

    // MARK: Resizing in idle time

    @inline(__always)
    func listIfResizing(slot: Int, in database: Int) {
        guard self[database][slot].isResizing, !self[database][slot].isListedForResize else { return }
        self[database][slot].isListedForResize = true
        resizing.append((database, slot & self[database].slotMask))
    }

    /// Moves about `budget` entries of tables that are being resized.
    ///
    /// - Returns: whether there is more to do.
    public func rehashSlice(budget: Int) -> Bool {
        var left = budget
        while left > 0, let (database, slot) = resizing.last {
            if !self[database][slot].isResizing { self[database][slot].shrinkIfSparse(in: environment) }
            guard self[database][slot].isResizing else {
                self[database][slot].isListedForResize = false
                resizing.removeLast()
                continue
            }
            let step = min(left, 64)
            self[database][slot].moveBuckets(entries: step, in: environment)
            left -= step
        }
        return !resizing.isEmpty
    }
}
