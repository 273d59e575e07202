// Giving keys up where memory is short: which, and in what order.
//
// A hand goes round through all buckets. For each key that is given up it passes a few, so that some keys more are looked
// at, and the best of all those seen lately goes. Buckets are in the order of hashes, which is as good as chance; but no
// key is looked at twice before all others were, and a bucket brings several keys with one look. That costs less than
// drawing keys by lot, and finds better ones.

internal import Protocol

/// Which keys are given up first.
public struct EvictionPolicy: Equatable, Sendable {
    public enum Order: Sendable {
        /// Who was idle longest, or unchanged.
        case idleTime
        /// Who is used least.
        case frequency
        /// Who would die first.
        case timeToLive
        case random
    }

    public let order: Order
    /// Whether only keys that have an expiry may go.
    public let isVolatileOnly: Bool
    /// How many keys are looked at for each that goes.
    public let sampleCount: Int

    public init(order: Order, isVolatileOnly: Bool, sampleCount: Int) {
        (self.order, self.isVolatileOnly, self.sampleCount) = (order, isVolatileOnly, sampleCount)
    }
}

/// Where eviction looks next: a bucket of a slot's table.
struct EvictionHand {
    var database = 0
    var slot = 0
    var bucket = 0
}

extension Keyspace {
    /// Gives up the key that matters least; what it held is freed as `lazyFreeing` says.
    ///
    /// - Returns: whether there was one that may go.
    public func evict() -> Bool {
        guard let policy = evictionPolicy else { return false }
        while hasCandidates(policy) {
            lookAtSome(policy)
            while let candidate = evictionPool.popBest() {
                guard let place = place(of: candidate), isEligible(place.entry, policy),
                    policy.order == .random || worth(of: place.entry, policy) >= candidate.worth
                else { continue }  // gone, or used since
                evict(at: place, slot: candidate.slot, in: candidate.database)
                return true
            }
        }
        return false
    }

    /// What removed values still hold, as far as it is known: memory that will be free without anything being given up.
    public var garbageBytes: Int { graveyard.valueBytes }

    /// Whether the use of a key decides when it goes.
    public var evictsByUse: Bool { evictionPolicy?.order == .idleTime || evictionPolicy?.order == .frequency }

    /// Whether there is a key that may go.
    public var canEvict: Bool { evictionPolicy.map(hasCandidates) ?? false }

    private func hasCandidates(_ policy: EvictionPolicy) -> Bool {
        for database in 0..<databaseCount {
            if policy.isVolatileOnly ? self[database].volatileCount > 0 : self[database].keyCount > 0 { return true }
        }
        return false
    }

    private func evict(at place: Table.Place, slot: Int, in database: Int) {
        onEvicted?(database, place.entry.key)
        free(takeOut(place, slot: slot, in: database), lazily: lazyFreeing.contains(.eviction))
        evictedCount += 1
    }

    /// Buckets without a key that may go are passed over, but not for longer than this once there is a candidate.
    private static let mostBuckets = 512

    /// Offers the pool the keys of the next buckets: as many as the policy wants, if there are.
    private func lookAtSome(_ policy: EvictionPolicy) {
        var look = Look(keysLeft: policy.sampleCount, bucketsLeft: Keyspace.mostBuckets)
        // The rest of the round that the hand is in, and a whole one.
        var roundsLeft = 2
        while roundsLeft > 0, goesOn(look) {
            if let slot = nextSlot(policy) {
                lookThrough(slot: slot, policy, &look)
            } else {
                evictionHand = EvictionHand(database: (evictionHand.database + 1) % databaseCount)
                if evictionHand.database == 0 { roundsLeft -= 1 }
            }
        }
    }

    private struct Look {
        var keysLeft: Int
        var bucketsLeft: Int
    }

    private func goesOn(_ look: Look) -> Bool {
        look.keysLeft > 0 && (look.bucketsLeft > 0 || evictionPool.isEmpty)
    }

    /// The slot that the hand points to, or the next one that has keys which may go.
    private func nextSlot(_ policy: EvictionPolicy) -> Int? {
        let database = evictionHand.database
        if policy.isVolatileOnly, self[database].volatileCount == 0 { return nil }
        var start = evictionHand.slot
        while let slot = self[database].slotWithKeys(from: start) {
            if !policy.isVolatileOnly || self[database][slot].volatileCount > 0 {
                if slot != evictionHand.slot { (evictionHand.slot, evictionHand.bucket) = (slot, 0) }
                return slot
            }
            start = slot + 1
        }
        return nil
    }

    /// Goes on through the buckets of a table, until enough was looked at or it ends.
    private func lookThrough(slot: Int, _ policy: EvictionPolicy, _ look: inout Look) {
        let database = evictionHand.database
        let table = self[database][slot]
        while goesOn(look), evictionHand.bucket < table.chainCount {
            let chain = table.chain(evictionHand.bucket)
            evictionHand.bucket += 1
            look.bucketsLeft -= 1
            if evictionHand.bucket < table.chainCount {
                let next = table.chain(evictionHand.bucket)
                next.prefetchEntries(next.occupied)
            }
            if policy.isVolatileOnly, !chain.mayHoldVolatile { continue }
            chain.forEachPlace { place in
                guard isEligible(place.entry, policy) else { return true }
                look.keysLeft -= 1
                offer(place.entry, slot: slot, in: database, policy)
                return true
            }
        }
        if evictionHand.bucket >= table.chainCount { (evictionHand.slot, evictionHand.bucket) = (slot + 1, 0) }
    }

    private func offer(_ entry: Entry, slot: Int, in database: Int, _ policy: EvictionPolicy) {
        let worth = worth(of: entry, policy)
        guard evictionPool.admits(worth) else { return }
        let hash = environment.hasher.hash(of: entry.key)
        evictionPool.offer(.init(entry: entry, hash: hash, database: database, slot: slot, worth: worth))
    }

    private func isEligible(_ entry: Entry, _ policy: EvictionPolicy) -> Bool {
        !policy.isVolatileOnly || entry.hasExpiry
    }

    /// How much it speaks for an entry's going. What is compared does not change while the entry is left alone, but for the
    /// decay of frequencies.
    private func worth(of entry: Entry, _ policy: EvictionPolicy) -> UInt64 {
        switch policy.order {
        case .idleTime: return UInt64(Int64.max - (now / 1000 - Int64(idleSeconds(entry))))
        case .frequency: return UInt64(255 - frequency(entry))
        case .timeToLive: return UInt64(Int64.max - max(0, entry.expiry ?? .max))
        case .random: return random.next()
        }
    }

    /// Where the candidate's entry is, if it still is in its table.
    private func place(of candidate: EvictionPool.Candidate) -> Table.Place? {
        self[candidate.database][candidate.slot].place(of: candidate.entry, hash: candidate.hash)
    }
}

extension Table {
    /// Where `entry` is, whose hash was `hash`; nil if it is not here any more, and then nothing of it is read.
    fileprivate func place(of entry: Entry, hash: UInt64) -> Place? {
        guard !buckets.isEmpty else { return nil }
        if isResizing, Int(truncatingIfNeeded: hash) & old.mask >= passed,
            let place = Table.place(of: entry, in: old[hash])
        {
            return place
        }
        return Table.place(of: entry, in: buckets[hash])
    }

    private static func place(of entry: Entry, in chain: Bucket) -> Place? {
        var found: Place?
        chain.forEachPlace { place in
            if unsafe place.entry.base == entry.base { found = place }
            return found == nil
        }
        return found
    }
}
