// Time inside the simulation: one true time that only the simulation knows, and what each node's clock makes of it.

import Cluster

/// True time since the start of the simulation. Fine enough for the bandwidth of a link.
public struct Moment: Comparable, Hashable, Sendable {
    public var microseconds: Int64

    public static let start = Moment(microseconds: 0)

    public static func < (left: Moment, right: Moment) -> Bool { left.microseconds < right.microseconds }

    public static func + (moment: Moment, duration: Duration) -> Moment {
        let (seconds, attoseconds) = duration.components
        return Moment(microseconds: moment.microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }

    public static func - (left: Moment, right: Moment) -> Duration {
        .microseconds(left.microseconds - right.microseconds)
    }
}

extension Moment: CustomStringConvertible {
    /// Seconds: `12.345678`.
    public var description: String {
        let fraction = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}

/// A clock that may be wrong, run fast or slow, and jump. Whole numbers only: a run must repeat to the last bit.
struct NodeClock {
    /// What it showed when it was last set.
    private var reading = Instant(milliseconds: 1_800_000_000_000)
    private var setAt = Moment.start
    /// How many microseconds it gains in a true second.
    private(set) var driftPerMillion: Int64 = 0

    func time(at now: Moment) -> Instant {
        let elapsed = now.microseconds - setAt.microseconds
        return Instant(milliseconds: reading.milliseconds + (elapsed + elapsed / 1000 * driftPerMillion / 1000) / 1000)
    }

    /// How long a true time `duration` on this clock is.
    func trueTime(of duration: Duration) -> Duration { duration * 1_000_000 / Int(1_000_000 + driftPerMillion) }

    mutating func jump(by duration: Duration, at now: Moment) {
        (reading, setAt) = (time(at: now) + duration, now)
    }

    mutating func drift(by perMillion: Int64, at now: Moment) {
        (reading, setAt) = (time(at: now), now)
        driftPerMillion = perMillion
    }
}
