// Who runs a shard just now: its own thread, or, while that sleeps, another shard's for the length of one run.

internal import Glibc
internal import Synchronization

/// A lock that a shard's thread holds whenever it is awake.
///
/// Memory: owns its mutex. Thread: any.
@safe
final class Helm: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// The shard's own thread is awake, or about to be: nobody may keep it waiting a second time.
    private let isAwaited = Atomic<Bool>(false)

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// For the shard's own thread: waits for whoever stands in just now.
    func take() {
        isAwaited.store(true, ordering: .relaxed)
        unsafe pthread_mutex_lock(mutex)
    }

    /// The shard's own thread goes to sleep.
    func leaveToSleep() {
        isAwaited.store(false, ordering: .relaxed)
        leave()
    }

    /// For other threads: does not wait.
    func takeIfFree() -> Bool {
        !isAwaited.load(ordering: .relaxed) && (unsafe pthread_mutex_trylock(mutex)) == 0
    }

    func leave() { unsafe pthread_mutex_unlock(mutex) }
}
