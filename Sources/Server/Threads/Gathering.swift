// When a shard lets requests gather before it serves them, as network cards do before they interrupt.
//
// A shard that is faster than what its clients send wakes up for each request alone, and its reply wakes the peer for each
// reply alone: the kernel spends more on waking than either spends on the request. Where many clients talk at once, a
// pause of some microseconds before the first of few requests lets others come; they share the wakeups then, on both
// sides. Where few talk, each would only wait for its own pause, so there is none.

/// The measure of how busy the clients are, a millisecond at a time.
///
/// Sizes: of an idle core's time a pause takes 2 to 3 µs, a wakeup for one request about one.
struct Gathering {
    /// Whoever woke up to as many events has enough to do.
    private static let enoughEvents = 8
    /// In a millisecond: two come within a pause.
    private static let leastReads = 64
    /// Whose requests do not depend on each other's replies.
    private static let leastTalkers = 16
    /// After a pause that was late, because timers are coarse or others took the core, there is none for so many times as
    /// long: what lateness costs stays below a fiftieth.
    private static let restPerLateness: Int64 = 50

    /// How long a pause is to take; 0: there is none.
    var pauseMicroseconds: Int64 = 0
    private var millisecond: Int64 = 0
    private var reads = 0
    private var talkers = 0
    private var hadMail = false
    private var isBusy = false
    private var restsUntil: Int64 = 0

    /// Something was read from a client, for the first time in this millisecond or not.
    @inline(__always)
    mutating func noteRead(isFirst: Bool) {
        reads &+= 1
        if isFirst { talkers &+= 1 }
    }

    /// Another thread has asked for something: it may be waiting.
    mutating func noteMail() { hadMail = true }

    /// The clock was read.
    @inline(__always)
    mutating func tick(_ now: Int64) {
        if now != millisecond { close(at: now) }
    }

    private mutating func close(at now: Int64) {
        let elapsed = Int(clamping: max(1, now - millisecond))
        isBusy =
            reads / elapsed >= Self.leastReads && talkers / elapsed >= Self.leastTalkers && !hadMail
            && now >= restsUntil
        (millisecond, reads, talkers, hadMail) = (now, 0, 0, false)
    }

    /// Whether to pause before so many events are served.
    @inline(__always)
    func pays(having count: Int) -> Bool { isBusy && count > 0 && count < Self.enoughEvents && pauseMicroseconds > 0 }

    /// A pause has taken so long.
    mutating func didPause(nanoseconds: Int64) {
        let lateness = nanoseconds - 2 * pauseMicroseconds * 1000
        guard lateness > 0 else { return }
        let rest = lateness * Self.restPerLateness / 1_000_000
        guard rest > 0 else { return }
        isBusy = false
        restsUntil = millisecond + rest
    }
}
