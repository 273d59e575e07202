import Protocol
import Testing

@testable import Keyspace

@Suite struct `A key with expiry` {
    @Test func `is there in its last millisecond, and gone in the next`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "v", expiry: .at(1_000_100))

        keyspace.now = 1_000_100
        #expect(keyspace.get("k") == "v")

        keyspace.now = 1_000_101
        #expect(keyspace.get("k") == nil)
        #expect(keyspace.expiredCount == 1)
        #expect(keyspace.count(in: 0) == 0)
    }

    @Test func `is named before it goes`() {
        let keyspace = Keyspace.standalone()
        var named: [String] = []
        keyspace.onExpired = { database, key in named.append("\(database):\(key.text)") }
        keyspace.set("k", "v", expiry: .at(1_000_100), in: 1)

        keyspace.now = 2_000_000
        _ = keyspace.get("k", in: 1)

        #expect(named == ["1:k"])
    }

    @Test(arguments: [(LazyExpiry.remove, false, 0), (.hide, false, 1), (.ignore, true, 1)])
    func `is removed, hidden or kept when met too late`(mode: LazyExpiry, isThere: Bool, count: Int) {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "v", expiry: .at(1_000_100))
        keyspace.lazyExpiry = mode

        keyspace.now = 2_000_000

        #expect((keyspace.get("k") != nil) == isThere)
        #expect(keyspace.count(in: 0) == count)
    }

    @Test func `keeps value and encoding when its expiry comes and goes`() {
        let keyspace = Keyspace.standalone()
        for (name, value) in [("int", "12"), ("embedded", "abc"), ("outside", String(repeating: "x", count: 5000))] {
            keyspace.set(name, value)
            keyspace.with(name) { key in
                keyspace.setExpiry(2_000_000, of: key, in: 0)
                #expect(keyspace.lookup(key, in: 0)?.expiry == 2_000_000)
                #expect(keyspace.get(name) == value)
                #expect(keyspace.volatileCount(in: 0) == 1)

                keyspace.setExpiry(nil, of: key, in: 0)
                #expect(keyspace.lookup(key, in: 0)?.expiry == nil)
                #expect(keyspace.get(name) == value)
                #expect(keyspace.volatileCount(in: 0) == 0)
            }
        }
    }

    @Test func `makes room for a new one of its name even where it is only hidden`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "old", expiry: .at(1_000_100))
        keyspace.lazyExpiry = .hide
        keyspace.now = 2_000_000

        keyspace.set("k", "new")

        #expect(keyspace.count(in: 0) == 1)
        #expect(keyspace.get("k") == "new")
        keyspace.checkInvariants()
    }
}

@Suite struct `Active expiry` {
    @Test(arguments: [SlotUse.none, .tables])
    func `removes every stale key in a bounded number of slices, and no other`(slots: SlotUse) {
        let keyspace = Keyspace(databaseCount: 3, slots: slots, seed: 5)
        keyspace.now = 1_000_000
        for number in 0..<3000 {
            let expiry: ExpiryRule = number % 3 == 0 ? .at(1_000_100) : number % 3 == 1 ? .at(9_000_000) : .discard
            keyspace.set("key:\(number)", "x", expiry: expiry, in: number % 2 * 2)
        }
        keyspace.now = 1_000_101

        var slices = 0
        while keyspace.expiredCount < 1000, slices < 1000 {
            _ = keyspace.expireSlice(budget: 100)
            slices += 1
        }

        #expect(keyspace.expiredCount == 1000)
        // A pass over all buckets, or all slots that have keys and their buckets, and some for the rounding.
        #expect(slices < (slots == .tables ? 80 : 30))
        #expect(keyspace.count(in: 0) + keyspace.count(in: 2) == 2000)
        #expect(keyspace.volatileCount(in: 0) + keyspace.volatileCount(in: 2) == 1000)
        keyspace.checkInvariants()
    }

    @Test func `is worth another slice while much is stale`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<10_000 {
            keyspace.set("key:\(number)", "x", expiry: .at(number < 5000 ? 1_000_001 : 9_000_000))
        }
        #expect(!keyspace.expireSlice(budget: 50))

        keyspace.now = 1_000_002
        var slices = 0
        while keyspace.expireSlice(budget: 50) { slices += 1 }

        #expect(slices > 10)
        #expect(keyspace.volatileCount(in: 0) < 10_000 - slices * 50)
    }

    @Test(arguments: [10, 1])
    func `keeps stale keys below what is tolerated, if it is asked as long as it says yes`(percent: Int) {
        let keyspace = Keyspace.standalone(databases: 1)
        for number in 0..<20_000 { keyspace.set("key:\(number)", "x", expiry: .at(1_000_000 + Int64(number))) }
        var (most, slices) = (0, 0)

        // Twenty keys die at every step.
        for time in stride(from: 1_000_020, to: 1_015_000, by: 20) {
            keyspace.now = Int64(time)
            while keyspace.expireSlice(budget: 8, tolerating: percent) { slices += 1 }
            let alive = 1_020_000 - time
            most = max(most, (keyspace.count(in: 0) - alive) * 100 / keyspace.count(in: 0))
        }

        #expect(most <= percent * 2 + 4)
        // It is no busy search: a round takes some 360 slices, and there are not many.
        #expect(slices < 360 * 120)
    }

    @Test func `does nothing when it is switched off, or when a primary decides`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "v", expiry: .at(1_000_001))
        keyspace.now = 2_000_000

        keyspace.isActiveExpiryEnabled = false
        _ = keyspace.expireSlice(budget: 1000)
        #expect(keyspace.count(in: 0) == 1)

        keyspace.isActiveExpiryEnabled = true
        keyspace.lazyExpiry = .hide
        _ = keyspace.expireSlice(budget: 1000)
        #expect(keyspace.count(in: 0) == 1)

        keyspace.lazyExpiry = .remove
        _ = keyspace.expireSlice(budget: 1000)
        #expect(keyspace.count(in: 0) == 0)
    }

    @Test func `estimates how long keys have to live, without overflow`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<100 { keyspace.set("key:\(number)", "x", expiry: .at(1_060_000)) }
        _ = keyspace.expireSlice(budget: 10_000)
        #expect(keyspace.averageTTL(in: 0) == 60_000)

        for number in 0..<100 { keyspace.set("far:\(number)", "x", expiry: .at(.max)) }
        _ = keyspace.expireSlice(budget: 10_000)
        #expect(keyspace.averageTTL(in: 0) > 60_000)
        #expect(keyspace.averageTTL(in: 1) == 0)
    }
}
