// SCAN's cursor: it carries the shard where the scan goes on, so that a step needs only that one.

internal import Keyspace
public import Protocol

/// A shard's number and a place in that shard, folded into the one number that clients see.
///
/// The shard is the remainder by the number of shards: with one shard the number is the place itself, and 0 is always the
/// start. A scan goes through the shards in order.
public struct ScanCursor: Equatable, Sendable {
    let number: UInt64

    init(number: UInt64) { self.number = number }

    /// The cursor that goes on at `place` of a shard, or where that is 0, the shard's end, with the next shard.
    init(after place: UInt64, in shard: Int, of shardCount: Int) {
        if place != 0 {
            number = place &* UInt64(shardCount) &+ UInt64(shard)
        } else {
            number = shard + 1 < shardCount ? UInt64(shard + 1) : 0
        }
    }

    /// What C's `strtoul` reads, as Redis does: a sign may stand before the digits, a minus turns the number around, a zero
    /// byte ends the text, and no text at all is 0.
    public init?(_ argument: Bytes) {
        let text = argument[0..<(argument.firstIndex(of: 0) ?? argument.count)]
        guard !text.isEmpty else {
            self.init(number: 0)
            return
        }
        let isNegative = text[0] == UInt8(ascii: "-")
        var index = isNegative || text[0] == UInt8(ascii: "+") ? 1 : 0
        guard index < text.count else { return nil }
        var number: UInt64 = 0
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            let (tenfold, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = tenfold.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !isTooLarge, !isStillTooLarge else { return nil }
            number = sum
            index += 1
        }
        self.init(number: isNegative ? 0 &- number : number)
    }

    /// Where the scan goes on.
    public func shard(of shardCount: Int) -> Int { Int(number % UInt64(shardCount)) }

    /// The place in that shard.
    func place(of shardCount: Int) -> UInt64 { number / UInt64(shardCount) }
}
