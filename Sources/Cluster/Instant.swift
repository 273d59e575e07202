// The time as the cluster counts it: handed in with every event, never asked for.

/// Milliseconds since 1970, as nodes.conf and the bus show them.
///
/// Whoever drives the machine reads the wall clock once at the start and a monotonic clock from then on, so that no step of
/// the wall clock makes a peer look dead.
public struct Instant: Hashable, Comparable, Sendable {
    public var milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    public static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(milliseconds: instant.milliseconds + duration.wholeMilliseconds)
    }

    public static func - (instant: Instant, duration: Duration) -> Instant {
        Instant(milliseconds: instant.milliseconds - duration.wholeMilliseconds)
    }

    public static func - (left: Instant, right: Instant) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    /// Seconds since 1970 as gossip carries them.
    var gossipSeconds: UInt32 { UInt32(clamping: milliseconds / 1000) }

    init(gossipSeconds: UInt32) { self.init(milliseconds: Int64(gossipSeconds) * 1000) }
}

extension Duration {
    /// Rounded towards zero.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
