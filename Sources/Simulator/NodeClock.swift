// What a node's clock makes of the time: it may run too fast or too slow.

public import Cluster

/// Whole numbers only: a run must repeat to the last bit.
struct NodeClock {
    /// What it showed, and what was true, when its rate was last set.
    private var reading: Instant
    private var setAt: Instant
    private var driftPerMillion: Int64 = 0

    init(at now: Instant) { (reading, setAt) = (now, now) }

    func time(at now: Instant) -> Instant {
        let elapsed = (now - setAt) / .milliseconds(1)
        return reading + .milliseconds(Int64(elapsed) * (1_000_000 + driftPerMillion) / 1_000_000)
    }

    /// How long a time on this clock truly is.
    func trueTime(of duration: Duration) -> Duration { duration * 1_000_000 / Int(1_000_000 + driftPerMillion) }

    mutating func drift(by perMillion: Int64, at now: Instant) {
        (reading, setAt, driftPerMillion) = (time(at: now), now, perMillion)
    }
}

extension Simulation {
    /// Makes a node's clock run faster (or slower) by so many millionths.
    public mutating func driftClock(of number: Int, perMillion drift: Int64) {
        nodes[number].clock.drift(by: drift, at: now)
    }

    /// What the node's clock shows.
    public func time(of number: Int) -> Instant { nodes[number].clock.time(at: now) }
}
