// Going through a table that changes meanwhile: SCAN's cursor, plain order, and random choice.

internal import Protocol

extension Table {
    /// Hands over the first buckets of the chains that `cursor` stands for, and returns the cursor after it, 0 at the end.
    ///
    /// The cursor counts with its highest bit first: the buckets that a bucket splits into when the table grows, or
    /// shares when it shrinks, then follow each other directly. So no key that is there all the time is missed,
    /// however often the table is resized between two calls; some may come twice. While there are two arrays, a step
    /// covers a bucket of the smaller one and all those of the larger one that correspond to it.
    ///
    /// - Source: Pieter Noordhuis's cursor for Redis's SCAN, as its documentation describes it.
    func scan(from cursor: UInt64, _ body: (Bucket) -> Void) -> UInt64 {
        guard !buckets.isEmpty else { return 0 }
        guard isResizing else {
            body(buckets[cursor])
            return Table.successor(of: cursor, mask: UInt64(buckets.mask))
        }
        let isGrowing = old.count < buckets.count
        let smallMask = UInt64(isGrowing ? old.mask : buckets.mask)
        let largeMask = UInt64(isGrowing ? buckets.mask : old.mask)
        visit(cursor, inOld: isGrowing, body)
        var next = cursor & largeMask
        repeat {
            visit(next, inOld: !isGrowing, body)
            next = Table.successor(of: next, mask: largeMask)
        } while next & (smallMask ^ largeMask) != 0
        return next
    }

    private func visit(_ index: UInt64, inOld: Bool, _ body: (Bucket) -> Void) {
        guard inOld else { return body(buckets[index]) }
        // What has been passed lies in the other array, and may have no memory any more.
        if Int(index) & old.mask >= passed { body(old[index]) }
    }

    /// Adds one to the bits of `mask`, the highest as the lowest.
    static func successor(of cursor: UInt64, mask: UInt64) -> UInt64 {
        var next = cursor & mask
        var bit = (mask &+ 1) >> 1
        while bit != 0 {
            next ^= bit
            if next & bit != 0 { return next }
            bit >>= 1
        }
        return 0
    }

    /// How many chains there are.
    var chainCount: Int { buckets.count + (old.count - passed) }

    /// The first bucket of the chain with number `index`, 0 ..< `chainCount`.
    func chain(_ index: Int) -> Bucket {
        precondition(index >= 0 && index < chainCount, "no such chain")
        return index < buckets.count ? buckets[index] : old[index - buckets.count + passed]
    }

    /// Visits every entry once; `body` does not change the table.
    func forEachEntry(_ body: (Entry) -> Void) {
        for index in 0..<chainCount {
            chain(index).forEachPlace { place in
                body(place.entry)
                return true
            }
        }
    }

    /// An entry of a table that has some, each as likely as any other.
    ///
    /// A random place in a random chain is drawn until an entry is there: to take any entry of a random chain would
    /// favour those that are alone in theirs. A chain has hardly ever more places than are drawn from.
    func randomEntry(using random: inout SplitMix) -> Entry {
        precondition(!isEmpty, "an entry of an empty table")
        let drawn = 3 * Bucket.width
        for _ in 0..<500 {
            let chain = chain(Int.random(in: 0..<chainCount, using: &random))
            let entryCount = chain.entryCountInChain
            guard Int.random(in: 0..<max(drawn, entryCount), using: &random) < entryCount else { continue }
            return chain.entryInChain(Int.random(in: 0..<entryCount, using: &random))
        }
        // Far too large a table, whose shrinking has only begun: the next chain that has entries must do.
        var index = Int.random(in: 0..<chainCount, using: &random)
        while chain(index).entryCountInChain == 0 { index = (index + 1) % chainCount }
        return chain(index).entryInChain(Int.random(in: 0..<chain(index).entryCountInChain, using: &random))
    }
}

extension Bucket {
    /// Every entry of the chain that begins here; `body` answers whether to go on.
    func forEachPlace(_ body: (Table.Place) -> Bool) {
        var bucket = self
        while true {
            var occupied = bucket.occupied
            while let position = occupied.next() {
                guard body(Table.Place(head: self, bucket: bucket, position: position)) else { return }
            }
            guard let child = bucket.child else { return }
            bucket = child
        }
    }

    var entryCountInChain: Int {
        var (count, bucket) = (occupied.count, self)
        while let child = bucket.child {
            bucket = child
            count += bucket.occupied.count
        }
        return count
    }

    /// The entry with number `index`, 0 ..< `entryCountInChain`.
    func entryInChain(_ index: Int) -> Entry {
        var left = index
        var found: Entry?
        forEachPlace { place in
            if left == 0 { found = place.entry }
            left -= 1
            return found == nil
        }
        guard let found else { preconditionFailure("a chain with fewer entries than counted") }
        return found
    }
}
