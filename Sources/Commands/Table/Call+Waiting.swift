// Commands that wait: a body tries, and where it cannot be served asks for its client to wait for keys.
//
// The body is run again, with the same arguments, whenever one of the keys may serve it; when it asks again, its client
// keeps its place and its deadline, but may name another time at which it is to be run again in any case. So a body knows
// nothing of waiting but this one question.

public import Keyspace
internal import Protocol

/// What a command that cannot be served waits for.
public struct WaitRequest {
    /// The positions of the keys among the arguments.
    public let keys: Range<Int>
    /// What must lie under a key to serve the command; another value under it does not.
    public let type: ValueType
    /// Whether the command is also tried again when a key is gone, or holds something else: to answer with an error.
    public let alsoWhenGone: Bool
    /// Unix milliseconds; nil for ever.
    public let deadline: Int64?
    /// When the command is also tried again, in Unix milliseconds; nil: only when a key was changed.
    public let retryTime: Int64?
    /// Arguments that mean something else when the command is tried again: their positions, and what they were to mean.
    public let replacements: [(index: Int, text: [UInt8])]
}

extension Call {
    /// Asks for the client to wait until the command can be served, or the deadline has come, which is answered with a
    /// null array.
    ///
    /// - Returns: false where nobody waits, as in a transaction: the body then answers that it has nothing.
    public func waits(
        for keys: Range<Int>,
        of type: ValueType,
        until deadline: Int64?,
        alsoWhenGone: Bool = false,
        tryingAgainAt retryTime: Int64? = nil,
        replacing replacements: [(index: Int, text: [UInt8])] = []
    ) -> Bool {
        guard host.mayWait else { return false }
        waitRequest = WaitRequest(
            keys: keys,
            type: type,
            alsoWhenGone: alsoWhenGone,
            deadline: deadline,
            retryTime: retryTime,
            replacements: replacements
        )
        needsAttention = true
        return true
    }

    /// The end of the time-out in seconds at `index`, in Unix milliseconds; nil for 0, which is for ever.
    public func deadline(seconds index: Int) throws(CommandError) -> Int64? {
        guard let seconds = parseLongDouble(arguments[index]) else {
            throw .text("ERR timeout is not a float or out of range")
        }
        let milliseconds = (seconds * 1000).rounded(.up)
        guard milliseconds <= LongDouble(Int64.max) else { throw .text("ERR timeout is out of range") }
        guard milliseconds >= 0 else { throw .text("ERR timeout is negative") }
        return try deadline(in: Int64(exactly: milliseconds) ?? .max)
    }

    /// The same for a time-out in milliseconds.
    public func deadline(milliseconds index: Int) throws(CommandError) -> Int64? {
        let milliseconds = try integer(index, orThrow: .text("ERR timeout is not an integer or out of range"))
        guard milliseconds >= 0 else { throw .text("ERR timeout is negative") }
        return try deadline(in: milliseconds)
    }

    private func deadline(in milliseconds: Int64) throws(CommandError) -> Int64? {
        guard milliseconds > 0 else { return nil }
        let (deadline, isTooFar) = keyspace.now.addingReportingOverflow(milliseconds)
        guard !isTooFar else { throw .text("ERR timeout is out of range") }
        return deadline
    }
}
