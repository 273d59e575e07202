// What commands about elements have in common: counts, random draws, and scans.

internal import Keyspace
internal import Protocol

extension Call {
    /// The argument at `index` as a count of elements.
    func count(_ index: Int) throws(CommandError) -> Int {
        guard let value = parseInteger(arguments[index]), value >= 0 else { throw .valueMustBePositive }
        return Int(value)
    }

    /// Replies a step of SSCAN and its kin: the cursor at 2, then what `body` replies of the value under the key at 1.
    ///
    /// - Parameter body: from a value, a cursor and the options; replies elements, and returns the next cursor and how many
    ///   elements it replied.
    func scanElements<Value: AggregateValue>(
        of type: Value.Type,
        _ subject: ScanOptions.Subject = .elements,
        _ body: (Value, UInt64, ScanOptions) -> (next: UInt64, count: Int)
    ) throws(CommandError) {
        guard let cursor = ScanCursor(arguments[2]) else { throw .text("ERR invalid cursor") }
        guard let value = try read(key(1), as: type) else {
            reply.array(2)
            reply.bulk("0")
            return reply.array(0)
        }
        let options = try ScanOptions(self, from: 3, of: subject)
        let opening = reply.openArray()
        let (next, count) = body(value, cursor.number, options)
        reply.closeArray(opening, count: count)

        // The cursor comes before the elements, but is known only after them.
        let mark = reply.mark
        reply.array(2)
        withUnsignedText(next) { reply.bulk($0) }
        reply.bringForward(since: mark, to: opening)
    }
}

/// What the count of SRANDMEMBER and its kin asks for.
struct RandomDraw {
    /// How many elements.
    let count: Int
    /// Whether the same may come again: the count was negative.
    let mayRepeat: Bool

    /// More elements than this that may repeat are refused: the reply would take all memory, and the server with it.
    private static let mostRepeated = 1 << 26

    init(_ call: Call, at index: Int) throws(CommandError) {
        let number = try call.integer(index)
        guard number != .min else {
            throw .text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
        }
        mayRepeat = number < 0
        guard !mayRepeat || number >= -Int64(Self.mostRepeated) else { throw .valueOutOfRange }
        count = Int(number.magnitude)
    }
}
