// One shard, or all: how a thread gets every shard's keys and clients into its hands, and gives them back.

internal import Glibc
internal import Synchronization

/// Parks all shards at their safe points while one thread works.
///
/// The asker may be a shard itself: while it waits for its turn it counts as parked, so two askers cannot wait for each
/// other. Nothing else blocks a shard; a section is short, and its cost is one wakeup per shard.
@safe
final class ExclusiveSection: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    /// Guarded by `mutex`.
    private var isHeld = false
    private var parked = 0
    private let shardCount: Int
    /// What shards look at on their way; raised while somebody asks for or holds the section.
    private let isWanted = Atomic<Bool>(false)
    private let wakeAll: @Sendable () -> Void

    /// - Parameter wakeAll: makes every sleeping shard reach a safe point soon.
    init(shardCount: Int, wakeAll: @escaping @Sendable () -> Void) {
        self.shardCount = shardCount
        self.wakeAll = wakeAll
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe pthread_cond_destroy(changed)
        unsafe mutex.deallocate()
        unsafe changed.deallocate()
    }

    /// A shard's safe point: costs one load while nobody asks.
    @inline(__always)
    func pass() {
        if isWanted.load(ordering: .acquiring) { park() }
    }

    /// Runs `body` while all other shards are parked.
    ///
    /// - Parameter isShard: whether the caller is one of the shards, and so need not be waited for.
    func run<Result>(asShard isShard: Bool, _ body: () -> Result) -> Result {
        let others = isShard ? shardCount - 1 : shardCount
        guard others > 0 else { return body() }
        enter(asShard: isShard, others: others)
        defer { leave() }
        return body()
    }

    private func enter(asShard isShard: Bool, others: Int) {
        unsafe pthread_mutex_lock(mutex)
        waitWhileHeld(countingAsParked: isShard)
        isHeld = true
        isWanted.store(true, ordering: .sequentiallyConsistent)
        wakeAll()
        while parked < others { unsafe pthread_cond_wait(changed, mutex) }
        unsafe pthread_mutex_unlock(mutex)
    }

    private func leave() {
        unsafe pthread_mutex_lock(mutex)
        isHeld = false
        isWanted.store(false, ordering: .releasing)
        unsafe pthread_cond_broadcast(changed)
        unsafe pthread_mutex_unlock(mutex)
    }

    private func park() {
        unsafe pthread_mutex_lock(mutex)
        waitWhileHeld(countingAsParked: true)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// With the mutex in hand. A parked shard stays counted until it really goes on, so the next asker, who may come
    /// first, finds it parked still.
    private func waitWhileHeld(countingAsParked counts: Bool) {
        guard isHeld else { return }
        if counts {
            parked += 1
            unsafe pthread_cond_broadcast(changed)
        }
        while isHeld { unsafe pthread_cond_wait(changed, mutex) }
        if counts { parked -= 1 }
    }
}
