// Going through keys: SCAN, KEYS, the keys of a slot, and a random key. What is expired is removed on the way.

internal import Protocol

extension Keyspace {
    /// Visits the next keys of a database after `cursor`, 0 being the start and, when returned, the end.
    ///
    /// Every key that is there from the start of a scan to its end is visited at least once, whatever happens between the
    /// calls. A cursor from outside may have any value: at worst it names a place where nothing is.
    ///
    /// - Parameter count: about how many keys to visit; ten times as many buckets are passed at most.
    /// - Parameter body: changes nothing here.
    public func scan(in database: Int, from cursor: UInt64, count: Int, _ body: (Entry) -> Void) -> UInt64 {
        let slotBits = UInt64(self[database].slotMask.nonzeroBitCount)
        var slot = Int(cursor & UInt64(self[database].slotMask))
        var position = cursor >> slotBits
        var left = max(1, count)
        var bucketsLeft = left.multipliedReportingOverflow(by: 10).overflow ? Int.max : left * 10

        while let next = self[database].slotWithKeys(from: slot) {
            if next != slot { (slot, position) = (next, 0) }
            guard left > 0, bucketsLeft > 0 else { return position << slotBits | UInt64(slot) }
            let table = self[database][slot]  // its shape, which nothing changes during the step
            position = table.scan(from: position) { chain in
                bucketsLeft -= 1
                visit(chain, slot: slot, in: database) { entry in
                    left -= 1
                    body(entry)
                    return true
                }
            }
            if position == 0 {
                finishPass(slot: slot, in: database)
                slot += 1
            }
        }
        return 0
    }

    /// Visits every key of a database once; `body` changes nothing here.
    public func forEachKey(in database: Int, _ body: (Entry) -> Void) {
        var start = 0
        while let slot = self[database].slotWithKeys(from: start) {
            forEachKey(inSlot: slot, of: database) { entry in
                body(entry)
                return true
            }
            start = slot + 1
        }
    }

    /// Visits the keys of a slot once, while `body` answers true; it changes nothing here.
    public func forEachKey(inSlot slot: Int, of database: Int, while body: (Entry) -> Bool) {
        let table = self[database][slot]
        var goesOn = true
        for index in 0..<table.chainCount where goesOn {
            visit(table.chain(index), slot: slot, in: database) { entry in
                goesOn = body(entry)
                return goesOn
            }
        }
        finishPass(slot: slot, in: database)
    }

    /// A key of a database, each as likely as any other; nil if there is none.
    public func randomKey(in database: Int) -> Entry? {
        while self[database].keyCount > 0 {
            let rank = Int.random(in: 0..<self[database].keyCount, using: &random)
            let slot = self[database].slot(ofKey: rank)
            let entry = self[database][slot].randomEntry(using: &random)
            guard isStale(entry) else { return entry }
            // On a replica all keys may be stale, and none may be removed: it hands one out, as Redis does.
            guard lazyExpiry == .remove else { return entry }
            let head = self[database][slot].chainHead(of: environment.hasher.hash(of: entry.key), holding: entry)
            removeStale(in: head, slot: slot, of: database)
            finishPass(slot: slot, in: database)
        }
        return nil
    }
}

extension Keyspace {
    /// Whether the time of `entry` has come, and somebody cares.
    func isStale(_ entry: Entry) -> Bool {
        entry.hasExpiry && entry.expiryTime < now && lazyExpiry != .ignore
    }

    /// Visits the keys of a chain that are not expired, after it has removed those that are.
    private func visit(_ chain: Bucket, slot: Int, in database: Int, while body: (Entry) -> Bool) {
        if chain.mayHoldVolatile, lazyExpiry == .remove { removeStale(in: chain, slot: slot, of: database) }
        chain.forEachPlace { place in isStale(place.entry) || body(place.entry) }
    }

    /// Removes what is expired from a chain; the table keeps its shape.
    ///
    /// - Returns: how many entries with expiry there were, how many of them were stale, and what the others have left.
    @discardableResult
    func removeStale(in chain: Bucket, slot: Int, of database: Int) -> ExpiryTally {
        var tally = ExpiryTally()
        while true {
            var stale: Table.Place?
            var live = ExpiryTally()
            chain.forEachPlace { place in
                guard place.entry.hasExpiry else { return true }
                if isStale(place.entry) { stale = place } else { live.note(timeToLive: place.entry.expiryTime &- now) }
                return stale == nil
            }
            guard let stale else {
                chain.mayHoldVolatile = live.examined > 0
                tally.add(live)
                return tally
            }
            expire(at: stale, slot: slot, in: database, shrinking: false)
            tally.noteExpired()
        }
    }

    /// Lets a table shrink, which it must not do while somebody goes through it.
    func finishPass(slot: Int, in database: Int) {
        self[database][slot].shrinkIfSparse(in: environment)
        listIfResizing(slot: slot, in: database)
    }
}

extension Table {
    /// The first bucket of the chain that holds `entry`, whose hash is `hash`.
    fileprivate func chainHead(of hash: UInt64, holding entry: Entry) -> Bucket {
        guard isResizing, Int(truncatingIfNeeded: hash) & old.mask >= passed else { return buckets[hash] }
        var isInOld = false
        old[hash].forEachPlace { place in
            isInOld = unsafe place.entry.base == entry.base
            return !isInOld
        }
        return isInOld ? old[hash] : buckets[hash]
    }
}
