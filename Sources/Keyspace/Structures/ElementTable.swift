// Elements found by their bytes: the members of large sets, and the fields of large hashes with their values.
//
// A bucket is one block that holds its elements one behind the other (`Element.swift` draws them), so that an element
// costs its bytes, two or three more, and its share of one allocation. Most tables spend an allocation and a pointer on each.
// The table grows by linear hashing: whenever it is crowded one bucket is added, and takes its elements from the one bucket
// whose hashes differ from its own in the highest bit. So no change ever has to wait for more than that one bucket, there
// is no old table beside a new one, and the load, and with it the memory for an element, stays the same at every size.
//
//     bucket     2   bytes of the bucket, these included
//                …   elements; an empty bucket is no block at all
//
// Source of the idea: Witold Litwin, “Linear hashing” (1980).

internal import Protocol

/// A table of elements, whoever holds it: a view of its head, which stays where it is.
///
/// An element's place is good until the next change. What is given to a change must not lie in this very table.
///
/// Memory: head, directory, buckets and blocks outside belong to the value that points to the head; `usedBytes` is exact.
/// Invariant: see `checkInvariants`. Thread: the shard's.
@safe
struct ElementTable {
    let base: UnsafeMutableRawPointer

    /// What a table knows of itself.
    @safe
    struct Head {
        var count = 0
        /// How many elements have an expiry.
        var volatileCount = 0
        /// No element dies before this.
        var earliestExpiry = Int64.max
        var bucketCount = 0
        /// Of all buckets together, without what an allocation is rounded up by.
        var bucketByteCount = 0
        /// How many elements lie outside their buckets.
        var outsideCount = 0
        var usedBytes = 0
        /// The search for stale elements has passed the buckets before this one …
        var sweepIndex = 0
        /// … and of what it left none dies before this.
        var sweepEarliest = Int64.max
        /// The time under which the keyspace has the hash that this table is among those with volatile fields; nil: not
        /// at all.
        var listedExpiry: Int64?
        let holdsValues: Bool
        /// One page of buckets, or as soon as there are more, the pages: `ElementTable+Resizing.swift`.
        var directory: UnsafeMutableRawPointer
        /// Buckets, or pages, that the directory has room for.
        var directoryCapacity: Int
    }

    /// An element: the directory's word for its bucket, and the offset in the bucket.
    @safe
    struct Place {
        let slot: UnsafeMutablePointer<UInt>
        let offset: Int

        @inline(__always)
        init(slot: UnsafeMutablePointer<UInt>, offset: Int) {
            unsafe self.slot = slot
            self.offset = offset
        }
    }

    static let bucketHeadByteCount = 2
    /// No bucket may have more bytes. A hundred times what any has: the hash would have to be known to get there.
    private static let greatestBucket = Int(UInt16.max)

    /// A head that is a table already.
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// An empty one.
    init(holdingValues: Bool, memory: Memory) {
        let directory = unsafe Self.makeDirectory(capacity: Self.leastBucketCount, memory: memory)
        unsafe base = memory.allocate(MemoryLayout<Head>.size)
        let head = unsafe Head(
            bucketCount: Self.leastBucketCount,
            usedBytes: SizeClass.byteCount(MemoryLayout<Head>.size) + SizeClass.byteCount(Self.leastBucketCount * 8),
            holdsValues: holdingValues,
            directory: directory,
            directoryCapacity: Self.leastBucketCount
        )
        unsafe base.initializeMemory(as: Head.self, to: head)
    }

    @unsafe
    var head: UnsafeMutablePointer<Head> {
        @inline(__always) get { unsafe base.assumingMemoryBound(to: Head.self) }
    }

    /// What it takes of the shard's memory.
    var usedBytes: Int { unsafe head.pointee.usedBytes }
    /// How many elements it has, also those whose time has come and that nobody has removed yet.
    var count: Int { unsafe head.pointee.count }
    /// How many of them have an expiry.
    var volatileCount: Int { unsafe head.pointee.volatileCount }
    /// No element dies before this, in Unix milliseconds.
    var earliestExpiry: Int64 { unsafe head.pointee.earliestExpiry }
    var holdsValues: Bool { @inline(__always) get { unsafe head.pointee.holdsValues } }
    var listedExpiry: Int64? {
        get { unsafe head.pointee.listedExpiry }
        nonmutating set { unsafe head.pointee.listedExpiry = newValue }
    }

    // MARK: Looking up

    /// Where the element with `field` is; `hash` is the field's.
    @inline(__always)
    func find(_ field: Bytes, hash: UInt64) -> Place? {
        let slot = unsafe slot(of: hash)
        guard let bucket = unsafe Bucket(slot) else { return nil }
        let (tag, holdsValue, end) = (Self.tag(of: hash), holdsValues, bucket.byteCount)
        var offset = Self.bucketHeadByteCount
        while offset < end {
            let stored = bucket.element(at: offset, holdsValue: holdsValue)
            if stored.tag == tag, stored.hasField(field) { return unsafe Place(slot: slot, offset: offset) }
            offset &+= stored.byteCount
        }
        return nil
    }

    /// The element at `place`, lent until the next change.
    subscript(place: Place) -> Element { stored(at: place).element }

    func stored(at place: Place) -> StoredElement {
        guard let bucket = unsafe Bucket(place.slot) else { preconditionFailure("an element of an empty bucket") }
        return bucket.element(at: place.offset, holdsValue: holdsValues)
    }

    /// The byte that an element keeps of its hash: from the upper end, as the lower one chose the bucket.
    @inline(__always)
    static func tag(of hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 56) }

    // MARK: Changing

    /// Puts in an element that is not there yet.
    func insert(_ element: Element, hash: UInt64, in environment: TableEnvironment) {
        let memory = environment.memory
        let slot = unsafe slot(of: hash)
        unsafe append(element, tag: Self.tag(of: hash), to: slot, memory: memory)
        unsafe head.pointee.count += 1
        growIfCrowded(in: environment)
    }

    /// Puts `element` where the one at `place` is, which has the same field.
    func replace(at place: Place, with element: Element, in environment: TableEnvironment) {
        let memory = environment.memory
        let stored = stored(at: place)
        let tag = stored.tag
        let byteCount = StoredElement.byteCount(of: element, holdsValue: holdsValues)
        if !element.isLong, !stored.isOutside, byteCount == stored.byteCount {
            forgetExpiry(of: stored)
            noteExpiry(element.expiry)
            _ = stored.write(element, tag: tag, memory: memory)
            return
        }
        takeOut(at: place, memory: memory)
        unsafe append(element, tag: tag, to: place.slot, memory: memory)
        growIfCrowded(in: environment)
    }

    /// Lets the element at `place` die at `expiry`, in Unix milliseconds; nil: never.
    func setExpiry(_ expiry: Int64?, at place: Place, memory: Memory) {
        var stored = stored(at: place)
        let hadExpiry = stored.hasExpiry
        forgetExpiry(of: stored)
        noteExpiry(expiry)
        if hadExpiry != (expiry != nil), !stored.isOutside {
            let offset = place.offset + stored.expiryOffset
            if hadExpiry {
                unsafe close(8, at: offset, in: place.slot, memory: memory)
            } else {
                unsafe open(8, at: offset, in: place.slot, memory: memory)
            }
            stored = self.stored(at: place)
        }
        stored.store(expiry: expiry)
    }

    /// Takes out the element at `place`.
    func remove(at place: Place, in environment: TableEnvironment) {
        takeOut(at: place, memory: environment.memory)
        unsafe head.pointee.count -= 1
        shrinkIfSparse(in: environment)
    }

    /// Takes the element at `place` out of its bucket; then the next one of the bucket is there.
    func takeOut(at place: Place, memory: Memory) {
        let stored = stored(at: place)
        forgetExpiry(of: stored)
        if stored.isOutside {
            unsafe head.pointee.usedBytes -= stored.freeBlock(to: memory)
            unsafe head.pointee.outsideCount -= 1
        }
        unsafe close(stored.byteCount, at: place.offset, in: place.slot, memory: memory)
    }

    @unsafe
    private func append(_ element: Element, tag: UInt8, to slot: UnsafeMutablePointer<UInt>, memory: Memory) {
        let byteCount = StoredElement.byteCount(of: element, holdsValue: holdsValues)
        let offset = unsafe Bucket(slot)?.byteCount ?? Self.bucketHeadByteCount
        unsafe open(byteCount, at: offset, in: slot, memory: memory)
        let stored = unsafe self.stored(at: Place(slot: slot, offset: offset))
        let outside = stored.write(element, tag: tag, memory: memory)
        if outside > 0 {
            unsafe head.pointee.usedBytes += outside
            unsafe head.pointee.outsideCount += 1
        }
        noteExpiry(element.expiry)
    }

    private func forgetExpiry(of stored: StoredElement) {
        if stored.hasExpiry { unsafe head.pointee.volatileCount -= 1 }
    }

    private func noteExpiry(_ expiry: Int64?) {
        guard let expiry else { return }
        unsafe head.pointee.volatileCount += 1
        unsafe head.pointee.earliestExpiry = min(head.pointee.earliestExpiry, expiry)
        unsafe head.pointee.sweepEarliest = min(head.pointee.sweepEarliest, expiry)
    }

    // MARK: Room in buckets

    /// Makes room for `count` bytes at `offset` of a bucket, which begins to be one if it is empty.
    @unsafe
    func open(_ count: Int, at offset: Int, in slot: UnsafeMutablePointer<UInt>, memory: Memory) {
        guard let bucket = unsafe Bucket(slot) else {
            assert(offset == Self.bucketHeadByteCount)
            let byteCount = Self.bucketHeadByteCount + count
            unsafe Bucket(base: memory.allocate(byteCount), byteCount: byteCount).store(in: slot)
            noteBucketBytes(from: 0, to: byteCount)
            return
        }
        let previous = bucket.byteCount
        precondition(previous + count <= Self.greatestBucket, "a bucket larger than any may be")
        let base = unsafe memory.resize(bucket.base, from: previous, to: previous + count)
        if offset < previous {
            unsafe (base + offset + count).copyMemory(from: base + offset, byteCount: previous - offset)
        }
        unsafe Bucket(base: base, byteCount: previous + count).store(in: slot)
        noteBucketBytes(from: previous, to: previous + count)
    }

    /// Takes `count` bytes at `offset` of a bucket away, which ends if none are left.
    @unsafe
    private func close(_ count: Int, at offset: Int, in slot: UnsafeMutablePointer<UInt>, memory: Memory) {
        guard let bucket = unsafe Bucket(slot) else { preconditionFailure("an empty bucket has nothing to lose") }
        let rest = bucket.byteCount - offset - count
        unsafe (bucket.base + offset).copyMemory(from: bucket.base + offset + count, byteCount: rest)
        unsafe truncate(slot, to: bucket.byteCount - count, memory: memory)
    }

    /// Leaves the first `byteCount` bytes of a bucket, which ends if these hold no element.
    @unsafe
    func truncate(_ slot: UnsafeMutablePointer<UInt>, to byteCount: Int, memory: Memory) {
        guard let bucket = unsafe Bucket(slot) else { return }
        let previous = bucket.byteCount
        if byteCount == Self.bucketHeadByteCount {
            unsafe memory.free(bucket.base, byteCount: previous)
            unsafe slot.pointee = 0
            noteBucketBytes(from: previous, to: 0)
        } else {
            let base = unsafe memory.resize(bucket.base, from: previous, to: byteCount)
            unsafe Bucket(base: base, byteCount: byteCount).store(in: slot)
            noteBucketBytes(from: previous, to: byteCount)
        }
    }

    @inline(__always)
    func noteBucketBytes(from previous: Int, to byteCount: Int) {
        unsafe head.pointee.bucketByteCount += byteCount - previous
        let (before, after) = (
            previous == 0 ? 0 : SizeClass.byteCount(previous), byteCount == 0 ? 0 : SizeClass.byteCount(byteCount)
        )
        unsafe head.pointee.usedBytes += after - before
    }
}

extension ElementTable {
    /// A bucket that holds elements, as a place in memory.
    @safe
    struct Bucket {
        let base: UnsafeMutableRawPointer

        /// The bucket that the directory has at `slot`; nil if it is empty.
        @unsafe @inline(__always)
        init?(_ slot: UnsafeMutablePointer<UInt>) {
            guard let base = unsafe UnsafeMutableRawPointer(bitPattern: slot.pointee) else { return nil }
            unsafe self.base = base
        }

        /// A block for `byteCount` bytes, which now says so.
        @unsafe
        init(base: UnsafeMutableRawPointer, byteCount: Int) {
            unsafe self.base = base
            unsafe base.storeBytes(of: UInt16(byteCount), as: UInt16.self)
        }

        @unsafe
        func store(in slot: UnsafeMutablePointer<UInt>) { unsafe slot.pointee = UInt(bitPattern: base) }

        var byteCount: Int { @inline(__always) get { Int(unsafe base.load(as: UInt16.self)) } }

        @inline(__always)
        func element(at offset: Int, holdsValue: Bool) -> StoredElement {
            assert(offset >= ElementTable.bucketHeadByteCount && offset < byteCount)
            return unsafe StoredElement(base: base + offset, holdsValue: holdsValue)
        }

        /// Visits the elements from the first to the last, while `body` answers true; says whether it always did.
        @inline(__always)
        func forEach(holdsValue: Bool, while body: (_ offset: Int, StoredElement) -> Bool) -> Bool {
            var offset = ElementTable.bucketHeadByteCount
            while offset < byteCount {
                let stored = element(at: offset, holdsValue: holdsValue)
                guard body(offset, stored) else { return false }
                offset += stored.byteCount
            }
            return true
        }

        func count(holdsValue: Bool) -> Int {
            var count = 0
            _ = forEach(holdsValue: holdsValue) { _, _ in
                count += 1
                return true
            }
            return count
        }
    }
}
