// Fields of hashes that die: which hashes have such fields, and their removal when nobody asks for them any more.
//
// A database lists its volatile hashes, those that have fields with expiry, in a table of elements: the key of a hash, with
// a time before which none of its fields dies as its expiry. So the search for stale fields finds the hashes that are due
// without a look at any other key, and where a database has none that is due one comparison is all. A hash is listed by its
// key, not by where its entry lies, which resizing and EXPIRE change.
//
// The rule: the list has exactly the volatile hashes that are in the database. Whoever takes a hash out unlists it, whoever
// puts one in lists it, and whoever changes the fields of one that is in there says so by `noteFields`.

internal import Protocol

extension Keyspace {
    /// How many hashes of a database have fields with expiry.
    public func volatileHashCount(in database: Int) -> Int { self[database].volatileHashes?.count ?? 0 }

    /// Says that fields of `hash`, which lies under `key`, were changed, got another expiry, or were removed.
    @inline(__always)
    public func noteFields(of hash: HashValue, under key: Key, in database: Int) {
        if !hash.isSmall { noteFields(of: hash.table, under: key, in: database) }
    }

    private func noteFields(of fields: ElementTable, under key: Key, in database: Int) {
        guard fields.volatileCount > 0 else {
            if fields.listedExpiry != nil { unlist(fields, under: key.bytes, hash: key.hash, in: database) }
            return
        }
        // A time that is too early does no harm: the search that comes too early sets it right.
        if let listed = fields.listedExpiry, listed <= fields.earliestExpiry { return }
        list(fields, under: key, in: database)
    }

    /// Lists a volatile hash under the time of its next field, also where it is listed already.
    private func list(_ fields: ElementTable, under key: Key, in database: Int) {
        let list = self[database].volatileHashes ?? ElementTable(holdingValues: false, memory: memory)
        self[database].volatileHashes = list
        if let place = list.find(key.bytes, hash: key.hash) {
            list.setExpiry(fields.earliestExpiry, at: place, memory: memory)
        } else {
            let element = Element(field: key.bytes, value: key.bytes[0..<0], expiry: fields.earliestExpiry)
            list.insert(element, hash: key.hash, in: environment)
            listedHashCount += 1
        }
        fields.listedExpiry = fields.earliestExpiry
    }

    /// Lists a hash that has come into the database, if it is volatile.
    func listIfVolatile(_ entry: Entry, _ key: Key, in database: Int) {
        noteFields(of: HashValue(entry: entry, keyspace: self), under: key, in: database)
    }

    /// Unlists a hash that leaves the database, if it was listed.
    func unlist(_ entry: Entry, in database: Int) {
        guard entry.encoding == .hashTable else { return }
        let fields = HashValue(entry: entry, keyspace: self).table
        guard fields.listedExpiry != nil else { return }
        unlist(fields, under: entry.key, hash: environment.hasher.hash(of: entry.key), in: database)
    }

    private func unlist(_ fields: ElementTable, under key: Bytes, hash: UInt64, in database: Int) {
        fields.listedExpiry = nil
        guard let list = self[database].volatileHashes, let place = list.find(key, hash: hash) else {
            preconditionFailure("a volatile hash is not where it is listed")
        }
        list.remove(at: place, in: environment)
        listedHashCount -= 1
        if list.count == 0 { unlistAllHashes(of: database, lazily: false) }
    }

    /// Unlists all hashes of a slot, which go.
    func unlistVolatileHashes(ofSlot slot: Int, in database: Int) {
        guard self[database].volatileHashes != nil else { return }
        self[database][slot].forEachEntry { entry in
            if entry.type == .hash { unlist(entry, in: database) }
        }
    }

    /// Forgets which hashes are volatile, as all of them go.
    func unlistAllHashes(of database: Int, lazily: Bool) {
        guard let list = self[database].volatileHashes else { return }
        self[database].volatileHashes = nil
        listedHashCount -= list.count
        if lazily {
            graveyard.bury(unsafe Aggregate(.set, .hashTable, base: list.base))
        } else {
            list.free(to: memory)
        }
    }

    /// Frees what `entry`, which gets another value, has outside itself.
    func freeReplaced(_ entry: Entry, in database: Int) {
        if entry.type == .hash { unlist(entry, in: database) }
        freeValue(of: entry, lazily: lazyFreeing.contains(.replacement))
    }
}

// MARK: - Active expiry

extension Keyspace {
    /// Removes fields that nobody asks for any more: goes on with the hashes that are due, for about `budget` fields.
    ///
    /// - Returns: whether there may be more.
    public func expireFieldsSlice(budget: Int) -> Bool {
        guard listedHashCount > 0, isActiveExpiryEnabled, lazyExpiry == .remove else { return false }
        var left = budget
        for _ in 0..<databaseCount {
            expireFields(in: fieldExpiryDatabase, budget: &left)
            guard left > 0 else { return true }
            fieldExpiryDatabase = (fieldExpiryDatabase + 1) % databaseCount
        }
        return false
    }

    private func expireFields(in database: Int, budget: inout Int) {
        while let list = self[database].volatileHashes, let place = list.findStale(before: now, budget: &budget) {
            let key = self.key(list[place].field)
            // If the key's own time has come it goes, and is listed no more.
            guard let entry = find(key, in: database, writing: true)?.entry else { continue }
            expireFields(of: entry, key, in: database, budget: &budget)
        }
    }

    /// Removes stale fields of the hash that `entry` holds, and the key with the last one.
    ///
    /// - Parameter key: its bytes lie in the list, good until that changes.
    private func expireFields(of entry: Entry, _ key: Key, in database: Int, budget: inout Int) {
        let fields = HashValue(entry: entry, keyspace: self).table
        let removed = fields.removeStale(before: now, budget: &budget, in: environment) { field in
            onFieldExpired?(database, entry.key, field)
        }
        expiredFieldCount += removed
        guard fields.count > 0 else {
            guard let place = find(key, in: database, writing: true) else { return }
            return free(takeOut(place, slot: key.slot, in: database), lazily: lazyFreeing.contains(.expiry))
        }
        if fields.volatileCount > 0 {
            list(fields, under: key, in: database)
        } else {
            unlist(fields, under: key.bytes, hash: key.hash, in: database)
        }
    }
}
