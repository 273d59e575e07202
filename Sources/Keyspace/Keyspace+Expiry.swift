// Keys that die: their expiry, and their removal when somebody meets them too late.

internal import Protocol

/// What becomes of a key that a look-up finds expired.
public enum LazyExpiry: Sendable {
    /// It is removed: a primary.
    case remove
    /// It looks removed to readers: a replica, whose primary says when it dies. A client that writes there removes it.
    case hide
    /// It lives on: while a log or a snapshot is loaded, or what the primary says is carried out.
    case ignore
}

/// What a write does with the expiry that a key may have.
public enum ExpiryRule: Sendable {
    case discard
    case keep
    /// Unix milliseconds.
    case at(Int64)
}

extension Keyspace {
    /// What to do with a key at `place` whose time has come.
    ///
    /// - Returns: whether it counts as there.
    @inline(never)
    func keepsExpired(at place: Table.Place, _ key: Key, in database: Int, writing: Bool) -> Bool {
        switch lazyExpiry {
        case .ignore: return true
        case .hide where !writing: return false
        case .remove, .hide:
            expire(at: place, slot: key.slot, in: database, shrinking: true)
            return false
        }
    }

    /// Removes the entry at `place`, whose time has come.
    func expire(at place: Table.Place, slot: Int, in database: Int, shrinking: Bool) {
        onExpired?(database, place.entry.key)
        let entry = takeOut(place, slot: slot, in: database, shrinking: shrinking)
        free(entry, lazily: lazyFreeing.contains(.expiry))
        expiredCount += 1
    }

    /// The key dies when the time is past `expiry`, in Unix milliseconds; nil: never.
    ///
    /// - Returns: whether the key is there.
    @discardableResult
    public func setExpiry(_ expiry: Int64?, of key: Key, in database: Int) -> Bool {
        guard let place = find(key, in: database, writing: true) else { return false }
        let entry = place.entry
        if let expiry, entry.hasExpiry {
            entry.expiryTime = expiry
        } else if (expiry != nil) != entry.hasExpiry {
            rewrite(place, expiry: expiry, under: key, in: database)
        }
        return true
    }

    /// Moves the entry at `place` to an allocation with, or without, room for an expiry.
    private func rewrite(_ place: Table.Place, expiry: Int64?, under key: Key, in database: Int) {
        let previous = place.entry
        let entry = Entry.make(previous.key, expiry: expiry, payload: previous.payload, memory: memory)
        entry.access = previous.access
        let hadExpiry = previous.hasExpiry
        previous.freeShell(to: memory)
        self[database][key.slot].replace(at: place, with: entry, hadExpiry: hadExpiry)
        self[database].adjust(slot: key.slot, keys: 0, volatile: (expiry != nil ? 1 : 0) - (hadExpiry ? 1 : 0))
    }
}

// MARK: - Active expiry

/// What a walk over entries with expiry has met.
struct ExpiryTally {
    /// Entries with expiry.
    private(set) var examined = 0
    /// Of these, those that were removed.
    private(set) var expired = 0
    /// What the others had left to live, in milliseconds, summed.
    private var timeToLive: Int64 = 0

    mutating func note(timeToLive: Int64) {
        examined += 1
        // A key may live until the end of all time: a sum of such is held back rather than let run over.
        let (sum, isTooLarge) = self.timeToLive.addingReportingOverflow(max(0, timeToLive))
        self.timeToLive = isTooLarge ? .max : sum
    }

    mutating func noteExpired() {
        examined += 1
        expired += 1
    }

    mutating func add(_ other: ExpiryTally) {
        examined += other.examined
        expired += other.expired
        let (sum, isTooLarge) = timeToLive.addingReportingOverflow(other.timeToLive)
        timeToLive = isTooLarge ? .max : sum
    }

    /// Lets half of what was long ago be forgotten.
    mutating func fade() {
        guard examined > 1024 else { return }
        (examined, expired, timeToLive) = (examined / 2, expired / 2, 0)
    }

    /// What those that live have left, on average.
    var averageTimeToLive: Int64? { examined > expired ? timeToLive / Int64(examined - expired) : nil }
}

extension Keyspace {
    /// Removes keys that nobody asks for any more: goes on through the databases where the last slice stopped, passes
    /// about `budget` buckets, and no database twice.
    ///
    /// Buckets tell whether an entry with expiry may be there, and tables and databases how many have one: where none is,
    /// nothing is read.
    ///
    /// - Parameter percent: how many of the keys with expiry may be stale.
    /// - Returns: whether another slice should follow at once, as more than that were stale among those met lately. What was
    ///   passed is clean, and longer ago than all else: so if this is asked for as long as it is answered with yes, not many
    ///   more than that stay anywhere.
    public func expireSlice(budget: Int, tolerating percent: Int = 10) -> Bool {
        guard isActiveExpiryEnabled, lazyExpiry == .remove else { return false }
        var left = budget
        for _ in 0..<databaseCount {
            if self[expiryDatabase].volatileCount > 0 {
                recentExpiries.add(expire(in: expiryDatabase, budget: &left))
                guard left > 0 else { break }
            }
            expiryDatabase = (expiryDatabase + 1) % databaseCount
        }
        recentExpiries.fade()
        return left <= 0 && recentExpiries.expired * 100 > recentExpiries.examined * percent
    }

    /// What the keys with expiry of a database have left to live: an estimate in milliseconds, 0 if there are none.
    public func averageTTL(in database: Int) -> Int64 {
        self[database].volatileCount == 0 ? 0 : self[database].averageTTL
    }

    /// Goes on through a database until its end or the end of the budget.
    private func expire(in database: Int, budget: inout Int) -> ExpiryTally {
        var tally = ExpiryTally()
        while budget > 0 {
            guard let slot = self[database].slotWithKeys(from: self[database].expirySlot) else {
                self[database].expirySlot = 0
                self[database].expiryBucket = 0
                break
            }
            if slot != self[database].expirySlot { self[database].expiryBucket = 0 }
            self[database].expirySlot = slot
            budget -= 1
            tally.add(expire(inSlot: slot, of: database, budget: &budget))
        }
        if let sample = tally.averageTimeToLive {
            let previous = self[database].averageTTL
            // Slices see different parts of a database: each moves the estimate by a fiftieth, as in Redis.
            self[database].averageTTL = previous == 0 ? sample : previous / 50 * 49 + sample / 50
        }
        return tally
    }

    /// Goes on through the table of a slot; at its end the next slot's turn has come.
    private func expire(inSlot slot: Int, of database: Int, budget: inout Int) -> ExpiryTally {
        var tally = ExpiryTally()
        let table = self[database][slot]  // its shape, which nothing changes before the pass is over
        var index = self[database].expiryBucket
        while budget > 0, index < table.chainCount, self[database][slot].volatileCount > 0 {
            let chain = table.chain(index)
            if chain.mayHoldVolatile { tally.add(removeStale(in: chain, slot: slot, of: database)) }
            index += 1
            budget -= 1
        }
        let isDone = index >= table.chainCount || self[database][slot].volatileCount == 0
        self[database].expiryBucket = isDone ? 0 : index
        self[database].expirySlot = isDone ? slot + 1 : slot
        finishPass(slot: slot, in: database)
        return tally
    }
}
