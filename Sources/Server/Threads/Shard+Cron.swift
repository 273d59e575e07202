// What a shard does by the clock besides serving: every tenth of a second expiry, resizing, freeing, time-outs; and
// defragmentation whenever it is its turn.

internal import Configuration
internal import Keyspace

extension Shard {
    /// Does what is due.
    func doDueWork() {
        if keyspace.now >= nextCron { cron() }
        nextDue = min(nextCron, defragment())
    }

    /// Each slice is bounded, so that no client waits for the cron longer than about a millisecond.
    private func cron() {
        nextCron = keyspace.now + Int64(1000 / max(1, node.configuration.hz))
        expireKeys(budget: 4 * Self.expiredBucketsPerSlice)
        expireFields()
        if node.configuration.isActiveRehashingOn { _ = keyspace.rehashSlice(budget: Self.rehashedEntriesPerTurn) }
        _ = keyspace.releaseMemory(budget: Self.releasedRegionsPerTick)
        if node.pause.map({ keyspace.now >= $0.until }) ?? true, executor.threadObstacles.contains(.paused) {
            pauseEnded()
        }
        // A client may come home to wait for keys in transit just after those who waited were woken.
        if !executor.threadObstacles.contains(.paused) { resumePostponed() }
        redirectWaits()
        if keyspace.now / 1000 != lastTimeoutCheck {
            lastTimeoutCheck = keyspace.now / 1000
            closeIdleClients()
            if index == 0 { node.memory.check() }
            decideDefragmentation()
        }
        executor.planReclaiming()
        if executor.settings.clientByteCount != .max { checkClientMemory() }
        rates.note(commands: executor.statistics.total, counters, at: keyspace.now)
    }

    /// Some 200 µs of moving.
    private static let rehashedEntriesPerTurn = 4000

    /// Some 500 µs of giving memory back, where there is any to give.
    private static let releasedRegionsPerTick = 10

    /// Removes keys whose time has come: a few at every tick, and where too many of them are stale, some in every turn.
    private func expireKeys(budget: Int) {
        isExpiryBehind = keyspace.expireSlice(budget: budget, tolerating: 11 - node.configuration.activeExpireEffort)
    }

    /// In buckets; a slice of so many takes some 50 µs.
    private static let expiredBucketsPerSlice = 64

    /// Removes fields of hashes whose time has come. Who is due is known, so that no time is spent in vain: it may be a
    /// little more. What is left after it is done in idle turns.
    private func expireFields() {
        let start = Clock.monotonicNanoseconds()
        let limit = Int64(node.configuration.activeExpireEffort) * 500_000
        while keyspace.expireFieldsSlice(budget: 400), Clock.monotonicNanoseconds() - start < limit {}
    }

    private func closeIdleClients() {
        let limit = node.configuration.timeoutSeconds
        for client in Array(clients.values) where !client.isAway {
            if client.pending != nil { checkOutputLimit(client) }
            guard limit > 0, !client.isClosed, !client.isMonitor,
                keyspace.now - client.lastInteraction > Int64(limit) * 1000
            else { continue }
            node.log.verbose("Closing idle client")
            close(client)
        }
    }

    /// The work that is left for turns in which nothing else is to be done; true while there is more.
    func idleWork() -> Bool {
        var isBusy = node.configuration.isActiveRehashingOn && keyspace.rehashSlice(budget: 1000)
        if keyspace.collectGarbage(budget: 1000) { isBusy = true }
        if executor.reclaimInIdleTime() { isBusy = true }
        if keyspace.expireFieldsSlice(budget: 1000) { isBusy = true }
        if isExpiryBehind {
            expireKeys(budget: Self.expiredBucketsPerSlice)
            isBusy = true
        }
        return isBusy
    }

    /// Takes over what depends on the configuration. In an exclusive section, or before the shard runs.
    func configurationDidChange(_ configuration: Configuration) {
        keyspace.accessRecord = AccessRecord(configuration)
        executor.observersDidChange()
        gathering.pauseMicroseconds = Int64(configuration.wakeupGatheringMicroseconds)
        keyspace.evictionPolicy = EvictionPolicy(configuration)
        keyspace.lazyFreeing = LazyFreeing(configuration)
        let aloneByteCount = keyspace.limits.listAloneByteCount
        keyspace.limits = ValueLimits(configuration)
        keyspace.limits.listAloneByteCount = aloneByteCount
        defragmentationDidChange(configuration)
    }
}

extension AccessRecord {
    fileprivate init(_ configuration: Configuration) {
        let policy = configuration.maxMemoryPolicy
        if policy.countsUses {
            self = .frequency(logFactor: configuration.lfuLogFactor, decayMinutes: configuration.lfuDecayMinutes)
        } else {
            self = policy.tellsChanges ? .clockOfChanges : .clock
        }
    }
}

extension LazyFreeing {
    fileprivate init(_ configuration: Configuration) {
        self = []
        if configuration.freesDeletedLazily { insert(.deletion) }
        if configuration.freesFlushedLazily { insert(.flush) }
        if configuration.freesReplacedLazily { insert(.replacement) }
        if configuration.freesExpiredLazily { insert(.expiry) }
        if configuration.freesEvictedLazily { insert(.eviction) }
    }
}

extension ValueLimits {
    fileprivate init(_ configuration: Configuration) {
        self.init()
        hashListpackCount = configuration.hashMaxListpackEntries
        hashListpackByteCount = configuration.hashMaxListpackValue
        setIntegerCount = configuration.setMaxIntsetEntries
        setListpackCount = configuration.setMaxListpackEntries
        setListpackByteCount = configuration.setMaxListpackValue
        sortedSetListpackCount = configuration.zsetMaxListpackEntries
        sortedSetListpackByteCount = configuration.zsetMaxListpackValue
        listNodeSize = configuration.listMaxListpackSize
        listCompressDepth = configuration.listCompressDepth
        streamNodeByteCount = configuration.streamNodeMaxBytes
        streamNodeCount = configuration.streamNodeMaxEntries
        streamMessages = MessageLimits(
            seconds: configuration.streamIdmpDurationSeconds,
            count: configuration.streamIdmpMaxSize
        )
        sparseHyperLogLogByteCount = configuration.hllSparseMaxBytes
    }
}
