// How much memory the process may use (`maxmemory`), and how much of it each shard uses.
//
// What counts is counted by the shards, to the byte: keyspaces, and what clients have sent or are still owed; to this comes
// what the process takes otherwise, in steps of a megabyte. The allocator's own figure would tell of everything, but goes up
// and down by hundreds of kilobytes with its caches, and that is no reason to give up a key.
//
// Each shard makes its use known once per turn of its loop, and works out from that of the others how far its keyspace may
// grow: its *allowance*. So a command that stays within costs one comparison.

internal import CSystem
internal import Synchronization

/// Thread: any; a shard's figures are written by whoever runs the shard.
final class MemoryBudget: Sendable {
    /// What a shard uses, as it has made known last.
    final class Share: Sendable {
        fileprivate let keyspace = Atomic<Int>(0)
        /// Its part in pages of their own, which the allocator does not know of.
        fileprivate let mapped = Atomic<Int>(0)
        fileprivate let clients = Atomic<Int>(0)
        /// How often that was.
        fileprivate let turns = Atomic<Int>(0)
        private let hasVictims = Atomic<Bool>(false)

        /// Whether there are keys that may be given up.
        var canEvict: Bool {
            get { hasVictims.load(ordering: .relaxed) }
            set { hasVictims.store(newValue, ordering: .relaxed) }
        }

        fileprivate var sum: Int { keyspace.load(ordering: .relaxed) + clients.load(ordering: .relaxed) }

        @inline(__always)
        func publish(keyspace: Int, mapped: Int, clients: Int) {
            self.keyspace.store(keyspace, ordering: .relaxed)
            self.mapped.store(mapped, ordering: .relaxed)
            self.clients.store(clients, ordering: .relaxed)
            turns.store(turns.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        }
    }

    /// One for each shard.
    let shares: [Share]
    /// `Int.max`: there is none.
    private let limit = Atomic<Int>(.max)
    /// What the process takes without keys and clients.
    private let base = Atomic<Int>(0)
    private let lastMeasured = Atomic<Int>(0)
    /// Since when the process is beyond its limit, in monotonic nanoseconds; 0 while it is not.
    private let exceededSince = Atomic<Int64>(0)
    private let exceededNanoseconds = Atomic<Int64>(0)

    init(shardCount: Int) { shares = (0..<shardCount).map { _ in Share() } }

    /// What the process takes without keys and clients.
    var baseBytes: Int { base.load(ordering: .relaxed) }

    /// What the allocator has given out besides what the shards count. Some 20 µs: for a cron.
    private func measuredBase() -> Int {
        apus_refresh_allocator_statistics()
        let allocated = unsafe Int(apus_allocator_statistic("stats.allocated"))
        return max(0, allocated - shares.reduce(0) { $0 + $1.sum - $1.mapped.load(ordering: .relaxed) })
    }

    /// Before anything runs.
    func setBase() {
        lastMeasured.store(measuredBase(), ordering: .relaxed)
        base.store(lastMeasured.load(ordering: .relaxed), ordering: .relaxed)
    }

    /// Lets the base follow what two measurements agree on: a large reply on its way is no lasting part of the process.
    private func followBase() {
        let measured = measuredBase()
        let lasting = min(measured, lastMeasured.exchange(measured, ordering: .relaxed))
        if abs(lasting - baseBytes) > 1 << 20 { base.store(lasting, ordering: .relaxed) }
    }

    /// - Parameter limit: 0: none.
    func setLimit(_ limit: Int) { self.limit.store(limit == 0 ? .max : limit, ordering: .relaxed) }

    /// How much the keyspace of a shard may use, as long as everything else stays as it is; negative if that is too much
    /// already.
    func allowance(of shard: Int) -> Int {
        let limit = limit.load(ordering: .relaxed)
        guard limit != .max else { return .max }
        var allowance = limit - baseBytes - shares[shard].clients.load(ordering: .relaxed)
        for index in shares.indices where index != shard { allowance -= shares[index].sum }
        return allowance
    }

    /// Tells whether all shards have made their use known since `seen`, what a former call has left there: one that does not
    /// get to run has had no chance yet to do its part.
    func haveAllMoved(since seen: inout [Int]) -> Bool {
        let turns = shares.map { $0.turns.load(ordering: .relaxed) }
        guard seen.isEmpty || zip(turns, seen).allSatisfy({ $0 != $1 }) else { return false }
        seen = turns
        return true
    }

    /// Whether another shard than this one may have keys to give up.
    func canOthersEvict(than shard: Int) -> Bool {
        shares.indices.contains { $0 != shard && shares[$0].canEvict }
    }

    var keyspaceBytes: Int { shares.reduce(0) { $0 + $1.keyspace.load(ordering: .relaxed) } }
    var clientBytes: Int { shares.reduce(0) { $0 + $1.clients.load(ordering: .relaxed) } }

    /// How much more than asked for is freed where that takes all shards: a thousandth, so that it need not be done for
    /// every command.
    var slack: Int { min(limit.load(ordering: .relaxed) / 1024, 1 << 20) }

    // MARK: How long the limit was exceeded

    /// From time to time: looks after the base, and whether the process has come back within its limit by itself.
    func check() {
        followBase()
        if baseBytes + keyspaceBytes + clientBytes <= limit.load(ordering: .relaxed) { noteExceeded(false) }
    }

    func noteExceeded(_ isExceeded: Bool) {
        if isExceeded {
            let now = Clock.monotonicNanoseconds()
            _ = exceededSince.compareExchange(expected: 0, desired: now, ordering: .relaxed)
        } else if exceededSince.load(ordering: .relaxed) != 0 {
            let since = exceededSince.exchange(0, ordering: .relaxed)
            guard since != 0 else { return }
            exceededNanoseconds.add(Clock.monotonicNanoseconds() - since, ordering: .relaxed)
        }
    }

    /// In milliseconds, since the last time it was within its limit.
    var currentlyExceeded: Int64 {
        let since = exceededSince.load(ordering: .relaxed)
        return since == 0 ? 0 : (Clock.monotonicNanoseconds() - since) / 1_000_000
    }

    /// In milliseconds, all such times together.
    var totallyExceeded: Int64 { exceededNanoseconds.load(ordering: .relaxed) / 1_000_000 + currentlyExceeded }

    func resetStatistics() {
        exceededNanoseconds.store(0, ordering: .relaxed)
        exceededSince.store(0, ordering: .relaxed)
    }
}
