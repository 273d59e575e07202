// How a table of elements grows and shrinks, a bucket at a time, and where its directory keeps the buckets.
//
// The directory is one page of addresses while there are at most 512 buckets, and grows by doubling; beyond, it is a list of
// such pages. So it never moves more than 4 KiB, or in a table of a hundred million elements the addresses of its pages.

internal import Protocol

extension ElementTable {
    static let leastBucketCount = 4
    static let pageSlots = 512

    /// A table gets another bucket when each has on average more elements, or more bytes, than this …
    static let mostElements = 9
    private static let mostBytes = 150
    /// … and loses one when it has less than this of both.
    private static let fewestElements = 4
    private static let fewestBytes = 60

    // MARK: The directory

    @unsafe
    static func makeDirectory(capacity: Int, memory: Memory) -> UnsafeMutableRawPointer {
        let directory = unsafe memory.allocate(capacity * 8)
        unsafe directory.initializeMemory(as: UInt.self, repeating: 0, count: capacity)
        return unsafe directory
    }

    var bucketCount: Int { @inline(__always) get { unsafe head.pointee.bucketCount } }

    /// Where the bucket for `hash` is.
    @unsafe @inline(__always)
    func slot(of hash: UInt64) -> UnsafeMutablePointer<UInt> { unsafe slot(at: index(of: hash)) }

    /// The number of the bucket for `hash`: of its lower bits as many as there are numbers for, or one less where that bucket
    /// is still to come.
    @inline(__always)
    private func index(of hash: UInt64) -> Int {
        let bucketCount = bucketCount
        let mask = Int.max >> ((bucketCount - 1).leadingZeroBitCount - 1)
        let index = Int(truncatingIfNeeded: hash) & mask
        return index < bucketCount ? index : index & (mask >> 1)
    }

    /// Where the bucket with number `index` is.
    @unsafe @inline(__always)
    func slot(at index: Int) -> UnsafeMutablePointer<UInt> {
        let directory = unsafe head.pointee.directory
        guard bucketCount > Self.pageSlots else { return unsafe directory.assumingMemoryBound(to: UInt.self) + index }
        return unsafe page(index / Self.pageSlots) + index % Self.pageSlots
    }

    @unsafe @inline(__always)
    func page(_ number: Int) -> UnsafeMutablePointer<UInt> {
        let address = unsafe head.pointee.directory.load(fromByteOffset: number * 8, as: UInt.self)
        return unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Makes room for one more bucket, at the end.
    private func addSlot(memory: Memory) {
        let bucketCount = bucketCount
        if bucketCount < Self.pageSlots {
            resizeDirectory(for: bucketCount + 1, used: bucketCount, memory: memory)
        } else if bucketCount % Self.pageSlots == 0 {
            let pageCount = bucketCount / Self.pageSlots
            if pageCount == 1 {
                // What was the directory becomes the first of its pages.
                let pages = unsafe Self.makeDirectory(capacity: 2, memory: memory)
                unsafe pages.storeBytes(of: UInt(bitPattern: head.pointee.directory), as: UInt.self)
                unsafe head.pointee.directory = pages
                unsafe head.pointee.directoryCapacity = 2
                unsafe head.pointee.usedBytes += SizeClass.byteCount(2 * 8)
            } else {
                resizeDirectory(for: pageCount + 1, used: pageCount, memory: memory)
            }
            let page = unsafe Self.makeDirectory(capacity: Self.pageSlots, memory: memory)
            unsafe head.pointee.usedBytes += SizeClass.byteCount(Self.pageSlots * 8)
            unsafe head.pointee.directory.storeBytes(
                of: UInt(bitPattern: page),
                toByteOffset: pageCount * 8,
                as: UInt.self
            )
        }
        unsafe head.pointee.bucketCount += 1
        unsafe slot(at: bucketCount).pointee = 0
    }

    /// Gives up the last bucket, which is empty.
    private func dropSlot(memory: Memory) {
        let bucketCount = bucketCount - 1
        assert(unsafe slot(at: bucketCount).pointee == 0)
        if bucketCount < Self.pageSlots {
            resizeDirectory(for: max(bucketCount, Self.leastBucketCount), used: bucketCount, memory: memory)
        } else if bucketCount % Self.pageSlots == 0 {
            let pageCount = bucketCount / Self.pageSlots
            unsafe memory.free(page(pageCount), byteCount: Self.pageSlots * 8)
            unsafe head.pointee.usedBytes -= SizeClass.byteCount(Self.pageSlots * 8)
            if pageCount == 1 {
                let first = unsafe UnsafeMutableRawPointer(page(0))
                freeDirectory(memory: memory)
                unsafe head.pointee.directory = first
                unsafe head.pointee.directoryCapacity = Self.pageSlots
            } else {
                resizeDirectory(for: pageCount, used: pageCount, memory: memory)
            }
        }
        unsafe head.pointee.bucketCount = bucketCount
    }

    /// Doubles the directory if it is too small for `count` addresses, and halves it if a quarter would do.
    private func resizeDirectory(for count: Int, used: Int, memory: Memory) {
        let capacity = unsafe head.pointee.directoryCapacity
        let wanted = count > capacity ? capacity * 2 : count <= capacity / 4 ? capacity / 2 : capacity
        guard wanted != capacity else { return }
        let moved = unsafe memory.resize(head.pointee.directory, from: capacity * 8, to: wanted * 8)
        unsafe head.pointee.usedBytes += SizeClass.byteCount(wanted * 8) - SizeClass.byteCount(capacity * 8)
        unsafe head.pointee.directory = moved
        unsafe head.pointee.directoryCapacity = wanted
    }

    private func freeDirectory(memory: Memory) {
        let byteCount = unsafe head.pointee.directoryCapacity * 8
        unsafe memory.free(head.pointee.directory, byteCount: byteCount)
        unsafe head.pointee.usedBytes -= SizeClass.byteCount(byteCount)
    }

    /// What head and directory take of the shard's memory.
    var directoryUsedBytes: Int {
        let pageCount = bucketCount > Self.pageSlots ? (bucketCount + Self.pageSlots - 1) / Self.pageSlots : 0
        let directoryByteCount = unsafe head.pointee.directoryCapacity * 8
        return SizeClass.byteCount(MemoryLayout<Head>.size) + SizeClass.byteCount(directoryByteCount)
            + pageCount * SizeClass.byteCount(Self.pageSlots * 8)
    }

    /// The number of the bucket that the bucket with number `index` takes its elements from, and leaves them to: that whose
    /// hashes differ in the highest bit.
    private static func parent(of index: Int) -> Int { index ^ highestBit(of: index) }

    private static func highestBit(of index: Int) -> Int { 1 << (Int.bitWidth - 1 - index.leadingZeroBitCount) }

    // MARK: Growing

    /// Adds a bucket, or two, if the table is crowded.
    @inline(__always)
    func growIfCrowded(in environment: TableEnvironment) {
        if isCrowded { grow(in: environment) }
    }

    private var isCrowded: Bool {
        @inline(__always) get {
            let bucketCount = bucketCount
            return unsafe head.pointee.count > bucketCount &* Self.mostElements
                || head.pointee.bucketByteCount > bucketCount &* Self.mostBytes
        }
    }

    @inline(never)
    private func grow(in environment: TableEnvironment) {
        // An insertion brings less than a bucket: two are more than it needs, and enough to catch up.
        split(in: environment)
        if isCrowded { split(in: environment) }
    }

    /// Adds a bucket, and gives it its share of its parent's elements.
    private func split(in environment: TableEnvironment) {
        let (index, memory, holdsValue) = (bucketCount, environment.memory, holdsValues)
        addSlot(memory: memory)
        let (source, target) = unsafe (slot(at: Self.parent(of: index)), slot(at: index))
        guard let bucket = unsafe Bucket(source) else { return }
        let (bit, end) = (UInt64(Self.highestBit(of: index)), bucket.byteCount)

        unsafe withUnsafeTemporaryAllocation(byteCount: end, alignment: 8) { room in
            let scratch = unsafe room.baseAddress.unsafelyUnwrapped
            var (kept, taken) = (Self.bucketHeadByteCount, Self.bucketHeadByteCount)
            var offset = Self.bucketHeadByteCount
            while offset < end {
                let stored = bucket.element(at: offset, holdsValue: holdsValue)
                let byteCount = stored.byteCount
                if environment.hasher.hash(of: stored.element.field) & bit != 0 {
                    unsafe Bytes(base: stored.base, count: byteCount).copy(to: scratch + taken)
                    taken += byteCount
                } else {
                    if kept != offset {
                        unsafe (bucket.base + kept).copyMemory(from: stored.base, byteCount: byteCount)
                    }
                    kept += byteCount
                }
                offset += byteCount
            }
            guard taken > Self.bucketHeadByteCount else { return }
            let base = unsafe memory.allocate(taken)
            unsafe base.copyMemory(from: scratch, byteCount: taken)
            unsafe Bucket(base: base, byteCount: taken).store(in: target)
            noteBucketBytes(from: 0, to: taken)
            unsafe truncate(source, to: kept, memory: memory)
        }
    }

    // MARK: Shrinking

    /// Gives up buckets if the table has become sparse: two at the most.
    @inline(__always)
    func shrinkIfSparse(in environment: TableEnvironment) {
        if isSparse { shrink(in: environment) }
    }

    private var isSparse: Bool {
        @inline(__always) get {
            let bucketCount = bucketCount
            return unsafe bucketCount > Self.leastBucketCount
                && head.pointee.count < bucketCount &* Self.fewestElements
                && head.pointee.bucketByteCount < bucketCount &* Self.fewestBytes
        }
    }

    @inline(never)
    private func shrink(in environment: TableEnvironment) {
        merge(memory: environment.memory)
        if isSparse { merge(memory: environment.memory) }
    }

    /// Gives up the last bucket, and leaves its elements to its parent.
    private func merge(memory: Memory) {
        let index = bucketCount - 1
        let (source, target) = unsafe (slot(at: index), slot(at: Self.parent(of: index)))
        if let bucket = unsafe Bucket(source) {
            let count = bucket.byteCount - Self.bucketHeadByteCount
            let offset = unsafe Bucket(target)?.byteCount ?? Self.bucketHeadByteCount
            unsafe open(count, at: offset, in: target, memory: memory)
            if let joined = unsafe Bucket(target) {
                unsafe (joined.base + offset).copyMemory(from: bucket.base + Self.bucketHeadByteCount, byteCount: count)
            }
            unsafe truncate(source, to: Self.bucketHeadByteCount, memory: memory)
        }
        // The search for stale elements may have passed the parent already, and would not see what comes there now.
        if unsafe head.pointee.sweepIndex > 0 {
            unsafe head.pointee.sweepEarliest = min(head.pointee.sweepEarliest, head.pointee.earliestExpiry)
        }
        dropSlot(memory: memory)
    }

    // MARK: Copying and freeing

    /// The same elements in the same buckets, in memory of their own.
    func copy(to memory: Memory) -> ElementTable {
        let copy = ElementTable(holdingValues: holdsValues, memory: memory)
        while copy.bucketCount < bucketCount { copy.addSlot(memory: memory) }
        for index in 0..<bucketCount {
            guard let bucket = unsafe Bucket(slot(at: index)) else { continue }
            let byteCount = bucket.byteCount
            let base = unsafe memory.allocate(byteCount)
            unsafe base.copyMemory(from: bucket.base, byteCount: byteCount)
            let twin = unsafe Bucket(base: base, byteCount: byteCount)
            unsafe twin.store(in: copy.slot(at: index))
            copy.noteBucketBytes(from: 0, to: byteCount)
            guard unsafe head.pointee.outsideCount > 0 else { continue }
            _ = twin.forEach(holdsValue: holdsValues) { _, stored in
                guard stored.isOutside else { return true }
                stored.copyBlock(to: memory)
                unsafe copy.head.pointee.usedBytes += SizeClass.byteCount(stored.blockByteCount)
                return true
            }
        }
        unsafe copy.head.pointee.count = count
        unsafe copy.head.pointee.volatileCount = volatileCount
        unsafe copy.head.pointee.outsideCount = head.pointee.outsideCount
        unsafe copy.head.pointee.earliestExpiry = earliestExpiry
        return copy
    }

    func free(to memory: Memory) {
        var left = Int.max
        _ = freeSlice(budget: &left, memory: memory)
    }

    /// Frees about `budget` blocks of memory, from the last bucket on; a table once begun is good for nothing else.
    ///
    /// - Returns: whether all of it is gone.
    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        let hasOutside = unsafe head.pointee.outsideCount > 0
        while unsafe bucketCount > 1 || slot(at: 0).pointee != 0 {
            guard budget > 0 else { return false }
            let slot = unsafe slot(at: bucketCount - 1)
            if let bucket = unsafe Bucket(slot) {
                if hasOutside {
                    _ = bucket.forEach(holdsValue: holdsValues) { _, stored in
                        unsafe head.pointee.usedBytes -= stored.freeBlock(to: memory)
                        if stored.isOutside { budget -= 1 }
                        return true
                    }
                }
                unsafe truncate(slot, to: Self.bucketHeadByteCount, memory: memory)
            }
            budget -= 1
            if bucketCount > 1 { dropSlot(memory: memory) }
        }
        freeDirectory(memory: memory)
        unsafe memory.free(base, byteCount: MemoryLayout<Head>.size)
        return true
    }
}
