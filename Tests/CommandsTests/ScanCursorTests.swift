// SCAN's cursor: what text is one, and how it leads through the shards.

import Protocol
import Testing

@testable import Commands

@Suite struct `A cursor` {
    /// Each was asked of Redis 7.0.15, which reads cursors with strtoul.
    @Test(arguments: [
        ("0", 0), ("5\0x", 5), ("17", 17), ("", 0), ("+5", 5), ("007", 7), ("18446744073709551615", UInt64.max),
        ("-1", UInt64.max),
        ("-18446744073709551615", 1),
    ])
    func `may be spelled as C spells numbers`(text: String, number: UInt64) {
        #expect(Array(text.utf8).withBytes { ScanCursor($0) }?.number == number)
    }

    @Test(arguments: ["x", "-", "+", "1x", " 1", "1 ", "18446744073709551616", "1.5", "0x10", "--1"])
    func `is nothing else`(text: String) {
        #expect(Array(text.utf8).withBytes { ScanCursor($0) } == nil)
    }

    @Test(arguments: 1..<9)
    func `leads through all shards and back to 0`(shardCount: Int) {
        var cursor = ScanCursor(number: 0)
        var visited: [Int] = []
        repeat {
            let shard = cursor.shard(of: shardCount)
            visited.append(shard)
            // Each shard has a second step, at a place that it chose.
            let place: UInt64 = cursor.place(of: shardCount) == 0 ? 1 << 40 + 3 : 0
            if place == 0 { #expect(cursor.place(of: shardCount) == 1 << 40 + 3) }
            cursor = ScanCursor(after: place, in: shard, of: shardCount)
        } while cursor.number != 0

        #expect(visited == (0..<shardCount).flatMap { [$0, $0] })
    }
}
