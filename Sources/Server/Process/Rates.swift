// “Per second, just now”: what INFO calls instantaneous.

/// The mean of the last sixteen tenths of a second.
struct Rate {
    private var samples = [Double](repeating: 0, count: 16)
    private var next = 0
    private var last: (time: Int64, total: Int64)?

    var perSecond: Double { samples.reduce(0, +) / Double(samples.count) }

    mutating func note(_ total: Int64, at milliseconds: Int64) {
        defer { last = (milliseconds, total) }
        guard let last, milliseconds > last.time else { return }
        samples[next] = Double(total - last.total) * 1000 / Double(milliseconds - last.time)
        next = (next + 1) % samples.count
    }
}

/// A shard's own; the node's are their sums.
struct Rates {
    private(set) var commands = Rate()
    private(set) var received = Rate()
    private(set) var sent = Rate()

    mutating func note(commands total: Int64, _ counters: ConnectionCounters, at milliseconds: Int64) {
        commands.note(total, at: milliseconds)
        received.note(counters.receivedBytes, at: milliseconds)
        sent.note(counters.sentBytes, at: milliseconds)
    }
}
