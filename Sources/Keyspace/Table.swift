// A hash table of entries that never pauses: it grows and shrinks a few buckets at a time.
//
// While a table is resized it has two arrays. Buckets of the old one are moved in order; those before `passed` are gone.
// A key is in exactly one place: the old array if its bucket there is not passed yet and it was there before the resize
// began, else the new one. New keys go to the new array.

internal import Protocol

/// What all tables of a keyspace share.
struct TableEnvironment {
    let memory: Memory
    let hasher: KeyHasher
}

/// The keys of one slot, or of one database. All zero is an empty table, which owns nothing: a database in a cluster has
/// 16384 of them in untouched zero pages.
///
/// Memory: owns its entries and buckets; `free` them before it is forgotten.
/// Invariant: see `checkInvariants`. Thread: the shard's.
struct Table {
    private(set) var buckets = BucketArray()
    private(set) var old = BucketArray()
    /// Buckets of `old` already moved.
    private(set) var passed = 0
    private(set) var count = 0
    /// How many of the entries have an expiry.
    private(set) var volatileCount = 0
    /// Buckets behind others.
    private(set) var chainedCount: UInt32 = 0
    /// Whether the keyspace has this table among those that it resizes in its idle time.
    var isListedForResize = false

    var isEmpty: Bool { count == 0 }

    /// What its buckets take of the shard's memory.
    var bucketBytes: Int {
        buckets.usedBytes(passed: 0) + old.usedBytes(passed: passed) + Int(chainedCount) * Bucket.byteCount
    }
    var isResizing: Bool { @inline(__always) get { !old.isEmpty } }

    /// Where an entry is: valid until the next call that changes the table, `find` included.
    struct Place {
        let head: Bucket
        let bucket: Bucket
        let position: Int

        var entry: Entry { @inline(__always) get { bucket[position] } }
    }

    /// The entry of `key`, if it is a plain one, and is in the newer array in the first bucket of its chain.
    @inline(__always)
    func glimpse(_ key: Bytes, hash: UInt64) -> Entry? {
        guard !buckets.isEmpty else { return nil }
        let bucket = buckets[hash]
        var matches = bucket.matches(Bucket.tag(of: hash))
        while let position = matches.next() {
            let entry = bucket[position]
            if entry.isPlain(withKey: key) { return entry }
        }
        return nil
    }

    /// Where the entry of `key` is, if there is one. Moves a few buckets when the table is being resized.
    @inline(__always)
    mutating func find(_ key: Bytes, hash: UInt64, in environment: TableEnvironment) -> Place? {
        if isResizing { return findWhileResizing(key, hash: hash, in: environment) }
        if buckets.isEmpty { return nil }
        return Table.find(key, hash: hash, from: buckets[hash])
    }

    @inline(never)
    private mutating func findWhileResizing(_ key: Bytes, hash: UInt64, in environment: TableEnvironment) -> Place? {
        moveBuckets(entries: Bucket.width, in: environment)
        if isResizing, Int(truncatingIfNeeded: hash) & old.mask >= passed,
            let place = Table.find(key, hash: hash, from: old[hash])
        {
            return place
        }
        return Table.find(key, hash: hash, from: buckets[hash])
    }

    @inline(__always)
    private static func find(_ key: Bytes, hash: UInt64, from head: Bucket) -> Place? {
        let tag = Bucket.tag(of: hash)
        var bucket = head
        while true {
            var matches = bucket.matches(tag)
            while let position = matches.next() {
                if bucket[position].hasKey(key) { return Place(head: head, bucket: bucket, position: position) }
            }
            guard let child = bucket.child else { return nil }
            bucket = child
        }
    }

    /// Takes over `entry`, whose key is not in the table.
    mutating func insert(_ entry: Entry, hash: UInt64, in environment: TableEnvironment) {
        if count >= buckets.capacity, !isResizing {
            resize(to: max(1, buckets.count * 2), in: environment)
        }
        place(entry, hash: hash, in: environment)
        count += 1
        if entry.hasExpiry { volatileCount += 1 }
    }

    /// Puts `entry` where another one with the same key was, which the caller now owns.
    mutating func replace(at place: Place, with entry: Entry, hadExpiry: Bool) {
        place.bucket[place.position] = entry
        if hadExpiry { volatileCount -= 1 }
        if entry.hasExpiry {
            volatileCount += 1
            place.head.mayHoldVolatile = true
        }
    }

    /// Takes an entry out; the caller owns it now.
    mutating func remove(at place: Place, in environment: TableEnvironment) -> Entry {
        let entry = place.entry
        close(place, memory: environment.memory)
        count -= 1
        if entry.hasExpiry { volatileCount -= 1 }
        return entry
    }

    /// Starts to shrink a table that is less than a tenth full, and gives back an empty one.
    ///
    /// Not part of `remove`: who removes entries while going through the table shrinks it afterwards.
    mutating func shrinkIfSparse(in environment: TableEnvironment) {
        guard !isResizing, buckets.capacity > count * 10 else { return }
        if count == 0, !buckets.isPaged {
            buckets.free(passed: 0, memory: environment.memory)
            buckets = BucketArray()
            return
        }
        var bucketCount = 1
        while bucketCount * Bucket.width < count * 2 { bucketCount *= 2 }  // between a quarter and half full
        if bucketCount < buckets.count { resize(to: bucketCount, in: environment) }
    }
}

// MARK: - Chains

extension Table {
    /// Puts `entry` into the chain of `hash` in the newer array.
    private mutating func place(_ entry: Entry, hash: UInt64, in environment: TableEnvironment) {
        let head = buckets[hash]
        if entry.hasExpiry { head.mayHoldVolatile = true }
        var last = head
        while let child = last.child { last = child }
        if let position = last.vacant.first { return last.put(entry, tag: Bucket.tag(of: hash), at: position) }

        let child = Table.makeChild(memory: environment.memory)
        chainedCount += 1
        child.put(last[7], tag: last.tag(at: 7), at: 1)
        last.clear(7)
        last.chain(to: child)
        child.put(entry, tag: Bucket.tag(of: hash), at: 2)
    }

    /// Empties `place`, and fills the gap from the end of the chain: all buckets but the last are full, and a last one
    /// that hangs behind another has at least two entries.
    private mutating func close(_ place: Place, memory: Memory) {
        var parent: Bucket?
        var last = place.head
        while let child = last.child {
            parent = last
            last = child
        }
        place.bucket.clear(place.position)
        if unsafe last.words != place.bucket.words { Table.moveEntry(from: last, to: place.bucket, place.position) }

        guard let parent, last.occupied.count < 2 else { return }
        parent.unchain()
        Table.moveEntry(from: last, to: parent, 7)
        Table.freeChild(last, memory: memory)
        chainedCount -= 1
    }

    private static func moveEntry(from source: Bucket, to target: Bucket, _ position: Int) {
        guard let moved = source.occupied.first else { preconditionFailure("a chained bucket is empty") }
        target.put(source[moved], tag: source.tag(at: moved), at: position)
        source.clear(moved)
    }

    private static func makeChild(memory: Memory) -> Bucket {
        let block = unsafe memory.allocate(Bucket.byteCount)
        unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: Bucket.byteCount)
        return unsafe Bucket(words: block.assumingMemoryBound(to: UInt64.self))
    }

    private static func freeChild(_ bucket: Bucket, memory: Memory) {
        unsafe memory.free(bucket.words, byteCount: Bucket.byteCount)
    }
}

// MARK: - Resizing

extension Table {
    /// Up to this many old buckets are moved at once when a resize begins: some 10 µs, and one array less.
    private static let movedAtOnce = 16
    /// Of one step: when buckets are nearly empty, as many are passed at most.
    private static let passedPerStep = 16

    private mutating func resize(to bucketCount: Int, in environment: TableEnvironment) {
        old = buckets
        passed = 0
        buckets = BucketArray(count: bucketCount, memory: environment.memory)
        if old.count <= Table.movedAtOnce {
            while isResizing { moveBuckets(entries: old.capacity, in: environment) }
        }
    }

    /// Moves old buckets until `entries` entries or `passedPerStep` buckets are done, whatever is first.
    ///
    /// A growing table of *n* buckets takes 7 *n* keys before it must grow again and moves at least one bucket for each;
    /// a shrinking one has 0.7 *n* keys left and passes more than two buckets with each: both end in time.
    mutating func moveBuckets(entries: Int, in environment: TableEnvironment) {
        var moved = 0
        var steps = 0
        while moved < entries, steps < Table.passedPerStep, isResizing {
            // Rehashing reads every key: let the next bucket's misses overlap with this one's work.
            if passed < old.mask { old[passed + 1].prefetchEntries(old[passed + 1].occupied) }
            moved += moveBucket(old[passed], in: environment)
            passed += 1
            steps += 1
            if passed <= old.mask {
                old.release(upTo: passed, memory: environment.memory)
            } else {
                finishResize(memory: environment.memory)
            }
        }
    }

    private mutating func moveBucket(_ head: Bucket, in environment: TableEnvironment) -> Int {
        var moved = 0
        var bucket = head
        while true {
            var occupied = bucket.occupied
            while let position = occupied.next() {
                let entry = bucket[position]
                place(entry, hash: environment.hasher.hash(of: entry.key), in: environment)
                moved += 1
            }
            let child = bucket.child
            if unsafe bucket.words != head.words {
                Table.freeChild(bucket, memory: environment.memory)
                chainedCount -= 1
            }
            guard let child else { return moved }
            bucket = child
        }
    }

    private mutating func finishResize(memory: Memory) {
        old.free(passed: old.count - 1, memory: memory)
        old = BucketArray()
        passed = 0
    }
}

// MARK: - Prefetching

extension Table {
    @inline(__always)
    func prefetchBucket(_ hash: UInt64) {
        guard !buckets.isEmpty else { return }
        buckets[hash].prefetch()
        if isResizing, Int(truncatingIfNeeded: hash) & old.mask >= passed { old[hash].prefetch() }
    }

    @inline(__always)
    func prefetchEntry(_ hash: UInt64) {
        guard !buckets.isEmpty else { return }
        let tag = Bucket.tag(of: hash)
        buckets[hash].prefetchEntries(buckets[hash].matches(tag))
        if isResizing, Int(truncatingIfNeeded: hash) & old.mask >= passed {
            old[hash].prefetchEntries(old[hash].matches(tag))
        }
    }
}

// MARK: - Defragmentation

extension Table {
    /// Moves the arrays of buckets, as far as they are to be moved; of entries and chains knows who goes through them.
    mutating func evacuateArrays(in memory: Memory) {
        buckets.evacuate(in: memory)
        old.evacuate(in: memory)
    }
}

// MARK: - Freeing in slices

extension Table {
    /// Gives up entries, and the buckets that they were in, until `budget` is used up; a table once begun is good for
    /// nothing else.
    ///
    /// - Parameter dispose: is given every entry, and frees it.
    /// - Returns: whether all of it is gone.
    mutating func freeSlice(budget: inout Int, memory: Memory, _ dispose: (Entry) -> Void) -> Bool {
        while true {
            if old.isEmpty {
                guard !buckets.isEmpty else { return true }
                // The newer array becomes the one that is passed.
                (old, buckets, passed) = (buckets, BucketArray(), 0)
            }
            guard budget > 0 else { return false }
            budget -= 1 + freeOldBucket(memory: memory, dispose)
        }
    }

    /// Gives up the entries of the next old bucket; returns how many.
    private mutating func freeOldBucket(memory: Memory, _ dispose: (Entry) -> Void) -> Int {
        let head = old[passed]
        var freed = 0
        var bucket = head
        while true {
            var occupied = bucket.occupied
            while let position = occupied.next() {
                let entry = bucket[position]
                if entry.hasExpiry { volatileCount -= 1 }
                dispose(entry)
                freed += 1
            }
            let child = bucket.child
            if unsafe bucket.words != head.words {
                Table.freeChild(bucket, memory: memory)
                chainedCount -= 1
            }
            guard let child else { break }
            bucket = child
        }
        count -= freed
        passed += 1
        if passed <= old.mask { old.release(upTo: passed, memory: memory) } else { finishResize(memory: memory) }
        return freed
    }
}
