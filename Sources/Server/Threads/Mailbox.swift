// Messages from thread to thread: many senders, one receiver, one wakeup per batch.

internal import Synchronization

/// A queue that another thread empties a batch at a time.
final class Mailbox<Message: Sendable>: Sendable {
    private let waiting = Mutex<[Message]>([])
    private let hasMail = Atomic<Bool>(false)
    private let hasUrgentMail = Atomic<Bool>(false)
    private let isAsleep = Atomic<Bool>(false)
    private let knock: @Sendable () -> Void

    /// - Parameter knock: wakes the receiver from its sleep.
    init(knock: @escaping @Sendable () -> Void) { self.knock = knock }

    /// - Parameter quietly: a sleeping receiver need not be woken for this.
    func post(_ message: Message, quietly: Bool = false) {
        waiting.withLock { $0.append(message) }
        if !quietly { hasUrgentMail.store(true, ordering: .sequentiallyConsistent) }
        hasMail.store(true, ordering: .sequentiallyConsistent)
        if !quietly { knockIfAsleep() }
    }

    func knockIfAsleep() {
        if isAsleep.exchange(false, ordering: .sequentiallyConsistent) { knock() }
    }

    /// Whether mail has come that the receiver is to be woken for.
    var isUrgent: Bool { hasUrgentMail.load(ordering: .acquiring) }

    /// Everything that has come, in order; swaps in `empty`, so that two blocks of memory serve for ever.
    func takeAll(swapping empty: inout [Message]) {
        guard hasMail.load(ordering: .acquiring) else { return }
        hasMail.store(false, ordering: .sequentiallyConsistent)
        hasUrgentMail.store(false, ordering: .sequentiallyConsistent)
        waiting.withLock { swap(&$0, &empty) }
    }

    /// The receiver says that it is going to sleep.
    ///
    /// - Returns: whether it may: false when mail has come meanwhile.
    func prepareToSleep() -> Bool {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        guard hasMail.load(ordering: .sequentiallyConsistent) else { return true }
        isAsleep.store(false, ordering: .sequentiallyConsistent)
        return false
    }

    func didWake() { isAsleep.store(false, ordering: .relaxed) }
}
