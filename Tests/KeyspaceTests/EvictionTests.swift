import Protocol
import Testing

@testable import Keyspace

/// A keyspace with `count` keys, each a second younger than the one before; every third has an expiry, the later the
/// younger it is.
private func filled(_ count: Int, slots: SlotUse = .none, databases: Int = 1) -> Keyspace {
    let keyspace = Keyspace(databaseCount: databases, slots: slots, seed: 4711)
    keyspace.now = 1_000_000
    for number in 0..<count {
        let expiry: ExpiryRule = number % 3 == 0 ? .at(100_000_000 + Int64(number)) : .discard
        keyspace.set("key:\(number)", "value", expiry: expiry, in: number % databases)
        keyspace.now += 1000
    }
    return keyspace
}

extension Keyspace {
    /// The numbers of the keys that are evicted, in this order.
    fileprivate func evicted(_ count: Int) -> [Int] {
        var numbers: [Int] = []
        onEvicted = { _, key in numbers.append(Int(key.text.dropFirst(4)) ?? -1) }
        for _ in 0..<count where !evict() { break }
        onEvicted = nil
        return numbers
    }
}

private func policy(_ order: EvictionPolicy.Order, volatileOnly: Bool = false, samples: Int = 5) -> EvictionPolicy {
    EvictionPolicy(order: order, isVolatileOnly: volatileOnly, sampleCount: samples)
}

@Suite struct `Eviction` {
    @Test(arguments: [SlotUse.none, .tables], [1, 3])
    func `gives up the keys that were idle longest, or nearly so`(slots: SlotUse, databases: Int) {
        let keyspace = filled(3000, slots: slots, databases: slots == .tables ? 1 : databases)
        keyspace.evictionPolicy = policy(.idleTime)

        let numbers = keyspace.evicted(1000)

        // True LRU would give up the oldest third: nearly all that go are of the older half.
        #expect(Set(numbers).count == 1000)
        #expect(numbers.count { $0 < 1500 } > 850)
        #expect(numbers.allSatisfy { $0 < 2900 })
        #expect(keyspace.totalCount == 2000)
        #expect(keyspace.evictedCount == 1000)
        keyspace.checkInvariants()
    }

    @Test func `finds better keys the more it looks at`() {
        let misses = [1, 5, 20].map { samples in
            let keyspace = filled(3000)
            keyspace.evictionPolicy = policy(.idleTime, samples: samples)
            return keyspace.evicted(1000).count { $0 >= 1000 }
        }

        #expect(misses[0] > misses[1] && misses[1] > misses[2])
    }

    @Test func `spares what was used since it was looked at`() {
        let keyspace = filled(100)
        keyspace.evictionPolicy = policy(.idleTime, samples: 100)
        #expect(keyspace.evicted(1) == [0])
        keyspace.now += 1000
        for number in 1..<60 { _ = keyspace.get("key:\(number)") }

        #expect(Set(keyspace.evicted(40)) == Set(60..<100))
    }

    @Test func `gives up the keys that are used least`() {
        let keyspace = Keyspace.standalone(databases: 1)
        keyspace.accessRecord = .frequency(logFactor: 0, decayMinutes: 1)
        for number in 0..<1000 { keyspace.set("key:\(number)", "value") }
        for number in 0..<500 { for _ in 0..<20 { _ = keyspace.get("key:\(number)") } }
        keyspace.evictionPolicy = policy(.frequency)

        #expect(keyspace.evicted(400).count { $0 >= 500 } > 390)
    }

    @Test func `gives up the keys that were not changed for longest, however often they were read`() {
        let keyspace = Keyspace.standalone(databases: 1)
        keyspace.accessRecord = .clockOfChanges
        for number in 0..<100 { keyspace.set("key:\(number)", "value") }
        keyspace.now += 5000
        for number in 0..<60 { _ = keyspace.get("key:\(number)") }
        for number in 60..<100 { keyspace.with("key:\(number)") { keyspace.noteChange(of: $0, in: 0) } }
        keyspace.evictionPolicy = policy(.idleTime, samples: 100)

        let idle = [0, 99].map { number in
            keyspace.with("key:\(number)") { keyspace.lookup($0, in: 0).map(keyspace.idleSeconds) }
        }
        #expect(idle == [5, 0])
        #expect(Set(keyspace.evicted(60)) == Set(0..<60))
    }

    @Test func `gives up the keys that would die first`() {
        let keyspace = filled(3000)
        keyspace.evictionPolicy = policy(.timeToLive, volatileOnly: true, samples: 10)

        let numbers = keyspace.evicted(300)

        #expect(numbers.allSatisfy { $0 % 3 == 0 })
        #expect(numbers.count { $0 < 1500 } > 280)
    }

    @Test(arguments: [EvictionPolicy.Order.idleTime, .frequency, .timeToLive, .random], [SlotUse.none, .tables])
    func `of keys with an expiry leaves all others alone`(order: EvictionPolicy.Order, slots: SlotUse) {
        let keyspace = filled(900, slots: slots)
        if order == .frequency { keyspace.accessRecord = .frequency(logFactor: 10, decayMinutes: 1) }
        keyspace.evictionPolicy = policy(order, volatileOnly: true)

        #expect(Set(keyspace.evicted(1000)) == Set((0..<300).map { $0 * 3 }))
        #expect(!keyspace.evict())
        #expect(keyspace.totalCount == 600)
        keyspace.checkInvariants()
    }

    @Test func `by lot gives up any key`() {
        let keyspace = filled(1000)
        keyspace.evictionPolicy = policy(.random)

        let numbers = keyspace.evicted(500)

        #expect(Set(numbers).count == 500)
        #expect((210...290).contains(numbers.count { $0 < 500 }))
    }

    @Test func `without a policy gives up nothing, and where there is nothing left finds nothing`() {
        let keyspace = filled(10)
        #expect(!keyspace.evict())

        keyspace.evictionPolicy = policy(.idleTime)
        #expect(keyspace.evicted(100).count == 10)
        #expect(!keyspace.evict())
    }

    @Test(arguments: 0..<20)
    func `agrees with everything else that is done to keys`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let slots: SlotUse = seed % 2 == 0 ? .none : .tables
        let keyspace = Keyspace(databaseCount: slots == .tables ? 1 : 3, slots: slots, seed: seed)
        let bytes = keyspace.usedBytes
        var (made, gone) = (0, 0)
        keyspace.onEvicted = { _, _ in gone += 1 }
        for step in 0..<4000 {
            keyspace.now += Int64.random(in: 0...2000, using: &random)
            let database = Int.random(in: 0..<keyspace.databaseCount, using: &random)
            let name = "key:\(Int.random(in: 0..<600, using: &random))"
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                let expiry: ExpiryRule = step % 4 == 0 ? .at(keyspace.now + Int64(step)) : .keep
                let value = String(repeating: "v", count: Int.random(in: 0...1500, using: &random))
                if keyspace.set(name, value, expiry: expiry, in: database) { made += 1 }
            case 4: if keyspace.remove(name, in: database) { made -= 1 }
            case 5: _ = keyspace.get(name, in: database)
            case 6:
                let order = [EvictionPolicy.Order.idleTime, .timeToLive, .random].randomElement(using: &random)
                keyspace.evictionPolicy = policy(
                    order ?? .random,
                    volatileOnly: Bool.random(using: &random),
                    samples: Int.random(in: 1...12, using: &random)
                )
            case 7: if keyspace.databaseCount > 1 { keyspace.swap(database, 0) }
            case 8: if step % 500 == 0 { made -= keyspace.flush(database, lazily: true) }
            default: for _ in 0..<Int.random(in: 0...3, using: &random) { _ = keyspace.evict() }
            }
            if step % 100 == 0 { keyspace.checkInvariants() }
        }
        #expect(keyspace.totalCount == made - gone - keyspace.expiredCount, "seed \(seed)")
        #expect(keyspace.evictedCount == gone)
        keyspace.evictionPolicy = policy(.idleTime)
        while keyspace.evict() {}
        keyspace.settle()
        #expect(keyspace.totalCount == 0)
        #expect(keyspace.usedBytes == bytes, "seed \(seed)")
    }
}
