import Protocol
import Testing

@testable import Keyspace

@Suite struct `A table` {
    @Test func `is 64 bytes, and owns nothing while it is empty`() {
        #expect(MemoryLayout<Table>.size <= 64)

        let keyspace = Keyspace.standalone()
        let bytes = keyspace.usedBytes
        keyspace.set("k", "v")
        #expect(keyspace.usedBytes == bytes + 16 + 64)  // an entry and one bucket
        keyspace.remove("k")
        #expect(keyspace.usedBytes == bytes)
    }

    @Test func `moves few buckets with any operation while it grows to 250,000 keys and shrinks to none`() {
        let keyspace = Keyspace.standalone(databases: 1)
        let count = 250_000
        var mostMoved = 0
        var resizes = 0

        func watch(_ operation: () -> Void) {
            let before = keyspace[0][0]
            operation()
            let after = keyspace[0][0]
            if !before.isResizing, after.isResizing { resizes += 1 }
            if before.isResizing {
                mostMoved = max(mostMoved, (after.isResizing ? after.passed : before.old.count) - before.passed)
            }
        }
        for number in 0..<count { watch { keyspace.set("key:\(number)", "x") } }
        let bucketsWhenFull = keyspace[0][0].buckets.count
        for number in 0..<count { watch { keyspace.remove("key:\(number)") } }
        keyspace.settle()

        #expect(bucketsWhenFull == 65_536)  // the smallest power of two with room for them
        #expect(resizes >= 15)
        #expect(mostMoved <= 16)
        #expect(keyspace[0][0].buckets.isEmpty)
        keyspace.checkInvariants()
    }

    @Test func `chains buckets where many keys meet, and takes the chains back`() {
        let keyspace = Keyspace.standalone(databases: 1)
        let bytes = keyspace.usedBytes
        // Keys that share a bucket of any table with up to 1024.
        let names = (0..<100_000).lazy.map { "key:\($0)" }.filter { keyspace.with($0) { $0.hash & 1023 == 0 } }.prefix(
            60
        )
        #expect(names.count == 60)

        for (count, name) in names.enumerated() {
            keyspace.set(name, name)
            #expect(keyspace.count(in: 0) == count + 1)
            keyspace.checkInvariants()
        }
        #expect(keyspace[0][0].chainedCount == 9)  // 60 in one chain: nine times six, and six in the last
        for name in names { #expect(keyspace.get(name) == name) }

        var random = SplitMix(state: 7)
        for name in names.shuffled(using: &random) {
            #expect(keyspace.remove(name))
            #expect(keyspace.get(name) == nil)
            keyspace.checkInvariants()
        }
        #expect(keyspace.usedBytes == bytes)
    }
}
