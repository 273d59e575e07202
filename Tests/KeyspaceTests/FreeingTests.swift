import Protocol
import Testing

@testable import Keyspace

@Suite struct `What is freed in slices` {
    @Test(arguments: LargeValue.allCases)
    func `is gone at once, and a slice frees no more than its budget`(kind: LargeValue) {
        let keyspace = Keyspace.standalone()
        let bytes = keyspace.usedBytes
        kind.make("large", count: 20_000, in: keyspace)
        let full = keyspace.usedBytes

        keyspace.with("large") { key in _ = keyspace.remove(key, in: 0, lazily: true) }

        #expect(keyspace.count(in: 0) == 0)
        #expect(keyspace.usedBytes > bytes + (full - bytes) * 9 / 10)
        #expect(keyspace.garbageCount == 1)
        #expect(keyspace.lazilyFreedCount == 0)
        var (slices, most) = (0, 0)
        var before = keyspace.usedBytes
        while keyspace.collectGarbage(budget: 50) {
            most = max(most, before - keyspace.usedBytes)
            before = keyspace.usedBytes
            slices += 1
        }
        #expect(slices > 10)
        #expect(most < (full - bytes) / 10)
        #expect(keyspace.usedBytes == bytes)
        #expect(keyspace.garbageCount == 0)
        #expect(keyspace.lazilyFreedCount == 1)
    }

    @Test(arguments: 0..<20)
    func `gives every byte back, whatever it was and however small the slices are`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let keyspace = Keyspace.standalone()
        let bytes = keyspace.usedBytes
        keyspace.lazyFreeing = [.replacement, .expiry, .deletion, .flush, .eviction]
        for number in 0..<300 {
            let name = "key:\(Int.random(in: 0..<40, using: &random))"
            let database = Int.random(in: 0...1, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2:
                keyspace.with(name) { _ = keyspace.remove($0, in: database) }
                LargeValue.allCases[Int.random(in: 0..<7, using: &random)]
                    .make(name, count: Int.random(in: 1...700, using: &random), in: keyspace, database: database)
            case 3: keyspace.set(name, String(repeating: "s", count: number * 20), in: database)
            case 4: keyspace.with(name) { _ = keyspace.setExpiry(keyspace.now + 3, of: $0, in: database) }
            case 5: keyspace.now += 2
            case 6: if number % 5 == 0 { keyspace.flush(database, lazily: true) }
            default: _ = keyspace.collectGarbage(budget: Int.random(in: 1...100, using: &random))
            }
        }
        keyspace.checkInvariants()
        let alive = (0...1).reduce(0) { $0 + keyspace.count(in: $1) }

        keyspace.flushAll(lazily: true)

        #expect(keyspace.garbageCount >= alive)
        while keyspace.collectGarbage(budget: Int.random(in: 1...30, using: &random)) {}
        keyspace.settle()
        #expect(keyspace.usedBytes == bytes, "seed \(seed)")
        #expect(keyspace.garbageCount == 0)
        keyspace.checkInvariants()
    }

    @Test func `is counted key by key, and a large value in a flushed database does not make a slice long`() {
        let keyspace = Keyspace.standalone()
        let bytes = keyspace.usedBytes
        for number in 0..<2000 { keyspace.set("key:\(number)", "x") }
        LargeValue.set.make("large", count: 20_000, in: keyspace)
        let full = keyspace.usedBytes

        #expect(keyspace.flush(0, lazily: true) == 2001)

        #expect(keyspace.get("key:7") == nil)
        #expect(keyspace.garbageCount == 2001)
        keyspace.set("key:7", "new")
        var most = 0
        var before = keyspace.usedBytes
        while keyspace.collectGarbage(budget: 100) {
            most = max(most, before - keyspace.usedBytes)
            before = keyspace.usedBytes
        }
        #expect(most < (full - bytes) / 20)
        #expect(keyspace.lazilyFreedCount == 2001)
        #expect(keyspace.get("key:7") == "new")
        keyspace.remove("key:7")
        #expect(keyspace.usedBytes == bytes)
        keyspace.checkInvariants()
    }

    @Test func `is only what is large, for the reasons that are lazy`() {
        let keyspace = Keyspace.standalone()
        keyspace.lazyFreeing = [.replacement, .expiry]

        LargeValue.set.make("k", count: 1000, in: keyspace)
        keyspace.with("k") { _ = keyspace.remove($0, in: 0, lazily: keyspace.lazyFreeing.contains(.deletion)) }
        #expect(keyspace.garbageCount == 0)

        LargeValue.set.make("k", count: 1000, in: keyspace)
        keyspace.set("k", "a string in its place")
        #expect(keyspace.garbageCount == 1)

        LargeValue.set.make("other", count: 1000, in: keyspace)
        keyspace.with("other") { _ = keyspace.setExpiry(keyspace.now - 1, of: $0, in: 0) }
        #expect(keyspace.get("other") == nil)
        #expect(keyspace.garbageCount == 2)

        LargeValue.list.make("small", count: 60, in: keyspace)  // 15 nodes
        keyspace.with("small") { _ = keyspace.remove($0, in: 0, lazily: true) }
        keyspace.set("long", String(repeating: "x", count: 1 << 20))
        keyspace.with("long") { _ = keyspace.remove($0, in: 0, lazily: true) }
        #expect(keyspace.garbageCount == 2)
    }
}
