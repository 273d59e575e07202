// The ceiling of heartbeat traffic (`cluster-heartbeat-bandwidth`): what may be sent now, and what has to wait or to shrink.
//
// An answer is always given, and a PING that can wait no longer is sent: what a cluster needs to see who lives comes first.
// PINGs that have time wait, suspicions are told by fewer at a time; only a ceiling below what is left then can be passed.

/// A bucket that fills with time; what is sent is taken out of it, also below zero.
struct HeartbeatAllowance: Sendable {
    /// Bytes per second; 0: no ceiling.
    private var rate: Int64 = 0
    private var available: Int64 = 0
    private var filledAt: Instant?

    mutating func fill(rate: Int, at now: Instant) {
        self.rate = Int64(rate)
        let elapsed = filledAt.map { max(0, min(1000, (now - $0).wholeMilliseconds)) } ?? 100
        filledAt = now
        // Half a second's worth may be saved up: more would let the average over a second pass the ceiling by as much.
        available = min(available + self.rate * elapsed / 1000, self.rate / 2)
    }

    mutating func take(_ byteCount: Int) {
        guard rate > 0 else { return }
        // A broadcast is not paid for with more than a second of silence.
        available = max(available - Int64(byteCount), -rate)
    }

    var isLimited: Bool { rate > 0 }

    /// Whether what can wait must wait.
    var isExhausted: Bool { rate > 0 && available <= 0 }
}
