// What an access, or a change alone, leaves in an entry: when it happened, or how often; for OBJECT and for eviction.

internal import Protocol

/// What the 24 access bits of an entry mean.
public enum AccessRecord: Equatable, Sendable {
    /// The access clock at the last access: who was idle longest?
    case clock
    /// The access clock at the last change, of which `noteChange` is told: accesses leave nothing.
    case clockOfChanges
    /// A logarithmic counter with decay: who is used least? `logFactor` slows its growth, `decayMinutes` is the time in
    /// which it loses one; 0 never.
    case frequency(logFactor: Int, decayMinutes: Int)
}

extension Keyspace {
    @inline(__always)
    func touch(_ entry: Entry) {
        if recordsClock { noteClock(in: entry) } else { touchFrequency(entry) }
    }

    /// Notes that what is under `key` was changed, or that it is new; says nothing of a key that is gone.
    public func noteChange(of key: Key, in database: Int) {
        guard accessRecord == .clockOfChanges, let entry = lookup(key, in: database, touching: false) else { return }
        noteClock(in: entry)
    }

    @inline(__always)
    func noteClock(in entry: Entry) {
        // Written only when a new second has begun: a reader leaves the entry's cache line clean.
        if entry.access != clock { entry.access = clock }
    }

    /// Notes an access to `key`, as TOUCH does; returns whether it is there.
    public func touch(_ key: Key, in database: Int) -> Bool { lookup(key, in: database) != nil }

    /// What a new entry starts with.
    var firstAccess: UInt64 {
        guard case .frequency = accessRecord else { return clock }
        return minutes << 8 | Keyspace.firstFrequency
    }

    /// Whether accesses are counted, and not the time since them told.
    public var recordsFrequency: Bool { if case .frequency = accessRecord { true } else { false } }

    /// Seconds since the last access, or the last change; 0 where frequencies are recorded.
    public func idleSeconds(_ entry: Entry) -> Int {
        guard !recordsFrequency else { return 0 }
        return Int((clock &- entry.access) & 0xFF_FFFF)
    }

    /// The access counter 0 … 255 with its decay until now; 0 where clocks are recorded.
    public func frequency(_ entry: Entry) -> Int {
        guard case .frequency(_, let decayMinutes) = accessRecord else { return 0 }
        return Int(decayedFrequency(entry, decayMinutes: decayMinutes))
    }

    /// Sets what RESTORE brings: `seconds` since the last access.
    public func setIdleSeconds(_ seconds: Int, of entry: Entry) {
        guard !recordsFrequency else { return }
        entry.access = (clock &- UInt64(truncatingIfNeeded: seconds)) & 0xFF_FFFF
    }

    /// Sets what RESTORE brings: the access counter, 0 … 255.
    public func setFrequency(_ frequency: UInt8, of entry: Entry) {
        guard recordsFrequency else { return }
        entry.access = minutes << 8 | UInt64(frequency)
    }

    /// Bytes that a key takes: entry, value, and its share of a bucket.
    public func memoryUsage(of entry: Entry) -> Int { entry.usedBytes + Bucket.byteCount / Bucket.width }
}

// MARK: - Frequency

extension Keyspace {
    /// New keys do not start at the bottom, or the first eviction would take them.
    private static let firstFrequency: UInt64 = 5

    /// The clock of decay: minutes, modulo 2¹⁶.
    private var minutes: UInt64 { UInt64(truncatingIfNeeded: now / 60_000) & 0xFFFF }

    /// Counts an access with a probability that falls as the counter rises: 8 bits then tell a million accesses from ten.
    ///
    /// - Source: Redis's documentation of the LFU policies.
    @inline(never)
    private func touchFrequency(_ entry: Entry) {
        guard case .frequency(let logFactor, let decayMinutes) = accessRecord else { return }
        var counter = decayedFrequency(entry, decayMinutes: decayMinutes)
        if counter < 255 {
            let above = counter > Keyspace.firstFrequency ? counter - Keyspace.firstFrequency : 0
            let odds = above * UInt64(max(0, logFactor)) + 1
            if random.next() % odds == 0 { counter += 1 }
        }
        entry.access = minutes << 8 | counter
    }

    private func decayedFrequency(_ entry: Entry, decayMinutes: Int) -> UInt64 {
        let counter = entry.access & 0xFF
        guard decayMinutes > 0 else { return counter }
        let elapsed = (minutes &- entry.access >> 8) & 0xFFFF
        let lost = elapsed / UInt64(decayMinutes)
        return counter > lost ? counter - lost : 0
    }
}
