// What names an entry of a stream: the millisecond of its making, and a number within it.

/// Ordered by time, then by number.
public struct StreamID: BitwiseCopyable, Hashable, Comparable, Sendable {
    public var milliseconds: UInt64
    public var sequence: UInt64

    public init(_ milliseconds: UInt64, _ sequence: UInt64) {
        (self.milliseconds, self.sequence) = (milliseconds, sequence)
    }

    /// Before all entries.
    public static let zero = StreamID(0, 0)
    public static let greatest = StreamID(.max, .max)

    public static func < (one: StreamID, other: StreamID) -> Bool {
        one.milliseconds == other.milliseconds
            ? one.sequence < other.sequence : one.milliseconds < other.milliseconds
    }

    /// The one right behind it; nil behind the greatest.
    public var next: StreamID? {
        if sequence < .max { return StreamID(milliseconds, sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds + 1, 0) : nil
    }

    /// The one right before it; nil before 0-0.
    public var previous: StreamID? {
        if sequence > 0 { return StreamID(milliseconds, sequence - 1) }
        return milliseconds > 0 ? StreamID(milliseconds - 1, .max) : nil
    }

    /// As far from `master` as blocks tell it: two differences that may wrap around.
    func offset(from master: StreamID) -> (milliseconds: Int64, sequence: Int64) {
        (
            Int64(bitPattern: milliseconds &- master.milliseconds),
            Int64(bitPattern: sequence &- master.sequence)
        )
    }

    func advanced(milliseconds: Int64, sequence: Int64) -> StreamID {
        StreamID(
            self.milliseconds &+ UInt64(bitPattern: milliseconds),
            self.sequence &+ UInt64(bitPattern: sequence)
        )
    }
}
