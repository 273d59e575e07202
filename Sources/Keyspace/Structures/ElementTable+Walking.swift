// Going through a table of elements: all at once, by a cursor while it changes, by chance, and in search of stale ones.

internal import Protocol

extension ElementTable {
    /// Visits all elements, while `body` answers true; it changes nothing here.
    @inline(__always)
    func forEach(while body: (Element) -> Bool) {
        let holdsValue = holdsValues
        for index in 0..<bucketCount {
            guard let bucket = unsafe Bucket(slot(at: index)) else { continue }
            guard bucket.forEach(holdsValue: holdsValue, while: { _, stored in body(stored.element) }) else { return }
        }
    }

    /// Visits the elements of the bucket that `cursor` stands for, and returns the cursor after it, 0 at the end.
    ///
    /// The cursor counts with its highest bit first, as that of `Table.scan`: a bucket's elements, and those of the bucket
    /// that was, or will be, split off it, follow each other directly. So no element that is there all the time is
    /// missed, however often the table grows and shrinks between two calls; some may come twice.
    func scan(from cursor: UInt64, _ body: (Element) -> Void) -> UInt64 {
        // A bucket that has been split goes by one more bit of the hash than one that has not.
        let largeMask = UInt64(Int.max >> ((bucketCount - 1).leadingZeroBitCount - 1))
        let smallMask = largeMask >> 1
        let isSplit = cursor & smallMask + smallMask + 1 < UInt64(bucketCount)
        let mask = isSplit ? largeMask : smallMask
        if let bucket = unsafe Bucket(slot(at: Int(cursor & mask))) {
            _ = bucket.forEach(holdsValue: holdsValues) { _, stored in
                body(stored.element)
                return true
            }
        }
        return Table.successor(of: cursor, mask: mask)
    }

    /// Goes on with a scan until about `count` elements were visited, or ten times as many buckets passed.
    func scan(from cursor: UInt64, count: Int, _ body: (Element) -> Void) -> UInt64 {
        var (cursor, left) = (cursor, count)
        var bucketsLeft = count.multipliedReportingOverflow(by: 10).overflow ? Int.max : count * 10
        repeat {
            cursor = scan(from: cursor) { element in
                left -= 1
                body(element)
            }
            bucketsLeft -= 1
        } while cursor != 0 && left > 0 && bucketsLeft > 0
        return cursor
    }

    /// An element of a table that has some, each as likely as any other.
    ///
    /// A random place in a random bucket is drawn until an element is there: to take any element of a random bucket would
    /// favour those that are alone in theirs. A bucket has hardly ever more places than are drawn from.
    func randomPlace(using random: inout SplitMix) -> Place {
        precondition(count > 0, "an element of an empty table")
        let drawn = 3 * count / bucketCount + 4
        for _ in 0..<500 {
            let slot = unsafe slot(at: Int.random(in: 0..<bucketCount, using: &random))
            guard let bucket = unsafe Bucket(slot) else { continue }
            let count = bucket.count(holdsValue: holdsValues)
            let rank = Int.random(in: 0..<max(drawn, count), using: &random)
            if rank < count {
                return unsafe Place(slot: slot, offset: bucket.offset(of: rank, holdsValue: holdsValues))
            }
        }
        // Far too large a table: the next bucket that has elements must do.
        var index = Int.random(in: 0..<bucketCount, using: &random)
        while unsafe slot(at: index).pointee == 0 { index = (index + 1) % bucketCount }
        return unsafe Place(slot: slot(at: index), offset: Self.bucketHeadByteCount)
    }

    // MARK: Stale elements

    /// Goes on in search of elements that died before `now`, for about `budget` elements, and removes them.
    ///
    /// - Parameter onRemoval: is told the field of each before it goes.
    /// - Returns: how many were removed.
    func removeStale(
        before now: Int64,
        budget: inout Int,
        in environment: TableEnvironment,
        onRemoval: (Bytes) -> Void
    ) -> Int {
        var removed = 0
        while let place = findStale(before: now, budget: &budget) {
            onRemoval(self[place].field)
            takeOut(at: place, memory: environment.memory)
            unsafe head.pointee.count -= 1
            removed += 1
        }
        for _ in 0..<removed { shrinkIfSparse(in: environment) }
        return removed
    }

    /// Goes on in search of an element that died before `now`, past about `budget` elements. One that is found must be
    /// removed, or be given another expiry, before the search goes on.
    func findStale(before now: Int64, budget: inout Int) -> Place? {
        while budget > 0, earliestExpiry < now {
            let index = unsafe head.pointee.sweepIndex
            if index == 0 { unsafe head.pointee.sweepEarliest = .max }
            if index < bucketCount, let place = unsafe findStale(before: now, in: slot(at: index)) {
                budget -= 1
                return place
            }
            budget -= Self.mostElements
            unsafe head.pointee.sweepIndex += 1
            guard unsafe head.pointee.sweepIndex >= bucketCount else { continue }
            unsafe head.pointee.earliestExpiry = volatileCount == 0 ? .max : head.pointee.sweepEarliest
            unsafe head.pointee.sweepIndex = 0
        }
        return nil
    }

    /// The first element of a bucket that died before `now`; the expiries of those before it are noted.
    @unsafe
    private func findStale(before now: Int64, in slot: UnsafeMutablePointer<UInt>) -> Place? {
        guard let bucket = unsafe Bucket(slot) else { return nil }
        var found: Int?
        _ = bucket.forEach(holdsValue: holdsValues) { offset, stored in
            guard stored.hasExpiry, let expiry = stored.element.expiry else { return true }
            guard expiry >= now else {
                found = offset
                return false
            }
            unsafe head.pointee.sweepEarliest = min(head.pointee.sweepEarliest, expiry)
            return true
        }
        return found.map { unsafe Place(slot: slot, offset: $0) }
    }

    // MARK: What must hold

    /// Stops the process when the table contradicts itself.
    ///
    /// - Complexity: O(*n*) in elements.
    func checkInvariants(in environment: TableEnvironment) {
        var (elements, volatile, outside, bytes, blocks) = (0, 0, 0, 0, 0)
        for index in 0..<bucketCount {
            guard let bucket = unsafe Bucket(slot(at: index)) else { continue }
            bytes += bucket.byteCount
            blocks += SizeClass.byteCount(bucket.byteCount)
            var end = Self.bucketHeadByteCount
            _ = bucket.forEach(holdsValue: holdsValues) { offset, stored in
                let element = stored.element
                let hash = environment.hasher.hash(of: element.field)
                precondition(unsafe slot(of: hash) == slot(at: index), "an element in a bucket not its own")
                precondition(stored.tag == Self.tag(of: hash), "an element with a tag not its own")
                precondition(element.expiry ?? .max >= earliestExpiry, "an element dies before the earliest")
                precondition(stored.isOutside || !element.isLong, "a long element inside its bucket")
                elements += 1
                if stored.hasExpiry { volatile += 1 }
                if stored.isOutside {
                    outside += 1
                    blocks += SizeClass.byteCount(stored.blockByteCount)
                }
                end = offset + stored.byteCount
                return true
            }
            precondition(end == bucket.byteCount && end > Self.bucketHeadByteCount, "a bucket ends elsewhere")
        }
        precondition(elements == count, "the elements of a table are miscounted")
        precondition(volatile == volatileCount, "the elements with expiry of a table are miscounted")
        precondition(unsafe outside == head.pointee.outsideCount, "the elements outside their buckets are miscounted")
        precondition(unsafe bytes == head.pointee.bucketByteCount, "the bytes of the buckets are miscounted")
        precondition(blocks + directoryUsedBytes == usedBytes, "the memory of a table is miscounted")
    }
}

extension ElementTable.Bucket {
    /// Where the element with number `rank` begins.
    fileprivate func offset(of rank: Int, holdsValue: Bool) -> Int {
        var (offset, left) = (ElementTable.bucketHeadByteCount, rank)
        while left > 0 {
            offset += element(at: offset, holdsValue: holdsValue).byteCount
            left -= 1
        }
        return offset
    }
}
