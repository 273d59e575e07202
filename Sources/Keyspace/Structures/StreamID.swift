// What names an entry of a stream: the millisecond of its making, and a number within it.

public import Protocol

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

// MARK: - Text

extension StreamID {
    private static let hyphen = UInt8(ascii: "-")
    /// Redis looks at no more.
    private static let longestText = 127

    /// The id that `text` spells: both numbers with a hyphen between them, or the first alone.
    ///
    /// - Parameter missingSequence: stands for a second number that is not there.
    public init?(_ text: Bytes, missingSequence: UInt64 = 0) {
        guard text.count <= Self.longestText else { return nil }
        var end = 0
        while end < text.count, text[end] != Self.hyphen { end += 1 }
        guard let milliseconds = parseLoosely(text[0..<end]) else { return nil }
        guard end < text.count else {
            self.init(milliseconds, missingSequence)
            return
        }
        guard let sequence = parseLoosely(text[end + 1..<text.count]) else { return nil }
        self.init(milliseconds, sequence)
    }

    /// The first number of a `text` that leaves the second to the stream: `1234-*`.
    public static func milliseconds(withoutSequence text: Bytes) -> UInt64? {
        guard text.count > 2, text.count <= longestText, text[text.count - 1] == UInt8(ascii: "*"),
            text[text.count - 2] == hyphen
        else { return nil }
        return parseLoosely(text[0..<text.count - 2])
    }

    /// Lends the text for the length of `body`.
    public func withText<Result>(_ body: (Bytes) -> Result) -> Result {
        var text: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
        return unsafe withUnsafeMutableBytes(of: &text) { buffer in
            let base = unsafe buffer.baseAddress.unsafelyUnwrapped
            var count = unsafe writeUnsigned(milliseconds, to: base)
            unsafe base.storeBytes(of: Self.hyphen, toByteOffset: count, as: UInt8.self)
            count += 1
            unsafe count += writeUnsigned(sequence, to: base + count)
            return unsafe body(Bytes(base: base, count: count))
        }
    }
}

/// The number that `text` spells, as C's strtoull reads it, but without a minus sign: blanks, a plus sign and leading
/// zeros may stand before it.
private func parseLoosely(_ text: Bytes) -> UInt64? {
    if let number = parseUnsigned(text) { return number }
    var start = 0
    while start < text.count, text[start] == 0x20 || (text[start] >= 0x09 && text[start] <= 0x0D) { start += 1 }
    if start < text.count, text[start] == UInt8(ascii: "+") { start += 1 }
    while start + 1 < text.count, text[start] == UInt8(ascii: "0") { start += 1 }
    return parseUnsigned(text[start..<text.count])
}
