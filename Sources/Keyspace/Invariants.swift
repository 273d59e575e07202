// What must always hold of a keyspace, checked in full: for tests, fuzzers and the simulator, after every step.

internal import Protocol

extension Keyspace {
    /// Stops the process when the keyspace contradicts itself.
    ///
    /// - Complexity: O(*n*) in keys and buckets.
    public func checkInvariants() {
        var listed = 0
        for index in 0..<databaseCount {
            var (keys, volatile) = (0, 0)
            for slot in 0...self[index].slotMask {
                let table = self[index][slot]
                table.checkInvariants(in: environment)
                precondition(!table.isResizing || table.isListedForResize, "a table is resized and nobody knows")
                precondition(
                    table.count > 0 || table.buckets.isEmpty || table.isListedForResize,
                    "an empty table owns buckets"
                )
                if table.isListedForResize { listed += 1 }
                keys += table.count
                volatile += table.volatileCount
            }
            precondition(keys == self[index].keyCount, "the keys of a database are miscounted")
            precondition(volatile == self[index].volatileCount, "the keys with expiry of a database are miscounted")
            self[index].checkGroups()
            checkVolatileHashes(of: index)
        }
        let volatileCounts = (0..<databaseCount).map(volatileHashCount)
        precondition(volatileCounts.reduce(0, +) == listedHashCount, "the volatile hashes are miscounted")
        precondition(listed == resizing.count, "a table is listed twice, or is not listed")
        for (database, slot) in resizing {
            precondition(self[database][slot].isListedForResize, "a listed table does not know it")
        }
    }
}

extension Keyspace {
    /// A database's list of volatile hashes has these and no other keys, each under the time that the hash remembers.
    private func checkVolatileHashes(of database: Int) {
        var volatile = 0
        let list = self[database].volatileHashes
        for slot in 0...self[database].slotMask {
            self[database][slot].forEachEntry { entry in
                guard entry.type == .hash, entry.encoding == .hashTable else { return }
                let fields = HashValue(entry: entry, keyspace: self).table
                let isListed = fields.listedExpiry != nil
                precondition((fields.volatileCount > 0) == isListed, "a hash does not know whether it is listed")
                guard let listed = fields.listedExpiry else { return }
                let place = list?.find(entry.key, hash: environment.hasher.hash(of: entry.key))
                precondition(place.flatMap { list?[$0].expiry } == listed, "a hash is listed under another time")
                precondition(listed <= fields.earliestExpiry, "a field dies before its hash is looked at")
                volatile += 1
            }
        }
        precondition(volatile == list?.count ?? 0, "a hash is listed as volatile that is none")
        list?.checkInvariants(in: environment)
    }
}

extension Database {
    fileprivate func checkGroups() {
        var rank = 0
        for slot in 0...slotMask where self[slot].count > 0 {
            precondition(self.slot(ofKey: rank) == slot, "the first key of a slot is sought elsewhere")
            rank += self[slot].count
            precondition(self.slot(ofKey: rank - 1) == slot, "the last key of a slot is sought elsewhere")
        }
    }
}

extension Table {
    func checkInvariants(in environment: TableEnvironment) {
        var tally = Tally()
        precondition(old.isEmpty || !buckets.isEmpty, "a resize without a target")
        precondition(old.isEmpty ? passed == 0 : passed < old.count, "a resize beyond its end")
        for index in 0..<buckets.count {
            check(buckets[index], at: index, mask: buckets.mask, in: environment, &tally)
        }
        for index in passed..<old.count { check(old[index], at: index, mask: old.mask, in: environment, &tally) }
        precondition(tally.entries == count, "the entries of a table are miscounted")
        precondition(tally.volatile == volatileCount, "the entries with expiry of a table are miscounted")
        precondition(tally.chained == Int(chainedCount), "the chained buckets of a table are miscounted")
    }

    private struct Tally { var (entries, volatile, chained) = (0, 0, 0) }

    private func check(
        _ head: Bucket,
        at index: Int,
        mask: Int,
        in environment: TableEnvironment,
        _ tally: inout Tally
    ) {
        var bucket = head
        while true {
            let occupied = bucket.occupied
            precondition(!bucket.isChained || occupied.count == Bucket.width - 1, "a gap inside a chain")
            var positions = occupied
            while let position = positions.next() {
                let entry = bucket[position]
                let hash = environment.hasher.hash(of: entry.key)
                precondition(Int(truncatingIfNeeded: hash) & mask == index, "an entry in a bucket not its own")
                precondition(bucket.tag(at: position) == Bucket.tag(of: hash), "an entry with a tag not its own")
                precondition(!entry.hasExpiry || head.mayHoldVolatile, "a bucket hides an entry with expiry")
                tally.entries += 1
                if entry.hasExpiry { tally.volatile += 1 }
            }
            guard let child = bucket.child else { return }
            precondition(child.occupied.count >= 2, "a chained bucket that its parent could hold")
            tally.chained += 1
            bucket = child
        }
    }
}
