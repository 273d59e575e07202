import Protocol
import Testing

@testable import Keyspace

@Suite struct `A scan` {
    private func name(_ number: Int) -> String { "key:\(number)" }

    @Test(arguments: 0..<10, [SlotUse.none, .tables])
    func `returns every key that is there from start to end, whatever is resized meanwhile`(
        seed: UInt64,
        slots: SlotUse
    ) {
        let keyspace = Keyspace(databaseCount: 1, slots: slots, seed: seed)
        var random = SplitMix(state: seed)
        let stayers = 50 + Int.random(in: 0..<400, using: &random)
        for number in 0..<stayers { keyspace.set(name(number), "x") }
        var visitors = 0..<0

        func disturb() {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:  // grow, by up to a few doublings
                let more = Int.random(in: 0..<600, using: &random)
                for number in visitors.upperBound..<visitors.upperBound + more {
                    keyspace.set("visitor:\(number)", "y")
                }
                visitors = visitors.lowerBound..<visitors.upperBound + more
            case 1:  // shrink
                let fewer = Int.random(in: 0...visitors.count, using: &random)
                for number in visitors.prefix(fewer) { keyspace.remove("visitor:\(number)") }
                visitors = visitors.dropFirst(fewer)
            case 2: _ = keyspace.rehashSlice(budget: Int.random(in: 0..<200, using: &random))
            default: break
            }
        }
        for _ in 0..<10 {
            disturb()
            var seen: Set<[UInt8]> = []
            var cursor: UInt64 = 0
            var calls = 0
            repeat {
                let count = 1 + Int.random(in: 0..<30, using: &random)
                cursor = keyspace.scan(in: 0, from: cursor, count: count) { seen.insert($0.key.array) }
                disturb()
                calls += 1
            } while cursor != 0 && calls < 100_000

            #expect(cursor == 0, "the scan does not end; replay with seed \(seed)")
            for number in 0..<stayers {
                #expect(seen.contains(Array(name(number).utf8)), "a key is missed; replay with seed \(seed)")
            }
        }
        keyspace.checkInvariants()
    }

    @Test(arguments: [SlotUse.none, .tables])
    func `of a keyspace at rest returns each key once`(slots: SlotUse) {
        let keyspace = Keyspace(databaseCount: 1, slots: slots, seed: 3)
        for number in 0..<1000 { keyspace.set(name(number), "x") }
        keyspace.settle()

        var seen: [[UInt8]] = []
        var cursor: UInt64 = 0
        repeat {
            cursor = keyspace.scan(in: 0, from: cursor, count: 10) { seen.append($0.key.array) }
        } while cursor != 0

        #expect(seen.count == 1000)
        #expect(Set(seen).count == 1000)
    }

    @Test func `of count 10 visits about ten keys, and skips empty slots at once`() {
        let keyspace = Keyspace.slotted()
        for number in 0..<100 { keyspace.set(name(number), "x") }

        var visited = 0
        let cursor = keyspace.scan(in: 0, from: 0, count: 10) { _ in visited += 1 }

        #expect((10...16).contains(visited))
        #expect(cursor != 0)
    }

    @Test(arguments: [UInt64.max, 1 << 63, 0xDEAD_BEEF_DEAD_BEEF, 16384, 12345])
    func `takes any cursor from outside`(cursor: UInt64) {
        for keyspace in [Keyspace.standalone(), Keyspace.slotted()] {
            for number in 0..<100 { keyspace.set(name(number), "x") }
            var next = cursor
            var calls = 0
            repeat {
                next = keyspace.scan(in: 0, from: next, count: 10) { _ in }
                calls += 1
            } while next != 0 && calls < 1000
            #expect(next == 0)
        }
    }

    @Test func `removes what is expired, and does not return it`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<200 { keyspace.set(name(number), "x", expiry: number % 2 == 0 ? .at(1_000_500) : .discard) }
        keyspace.now = 1_000_501

        var seen: [String] = []
        var cursor: UInt64 = 0
        repeat { cursor = keyspace.scan(in: 0, from: cursor, count: 10) { seen.append($0.key.text) } } while cursor != 0

        #expect(Set(seen) == Set((0..<200).filter { $0 % 2 == 1 }.map { "key:\($0)" }))
        #expect(keyspace.count(in: 0) == 100)
        #expect(keyspace.expiredCount == 100)
        keyspace.checkInvariants()
    }

    @Test func `of all keys of a slot stops when it is told to`() {
        let keyspace = Keyspace.slotted()
        for number in 0..<100 { keyspace.set("{tag}\(number)", "x") }
        let slot = keyspace.with("{tag}") { $0.slot }
        var seen: Set<String> = []

        keyspace.forEachKey(inSlot: slot, of: 0) { entry in
            seen.insert(entry.key.text)
            return seen.count < 30
        }

        #expect(keyspace.count(inSlot: slot, of: 0) == 100)
        #expect(keyspace.count(inSlot: slot + 1, of: 0) == 0)
        #expect(seen.count == 30)
    }
}

@Suite struct `A random key` {
    @Test(arguments: [SlotUse.none, .tables], [false, true])
    func `is each as likely as any other`(slots: SlotUse, isResizing: Bool) {
        let keyspace = Keyspace(databaseCount: 1, slots: slots, seed: 11)
        // 113 of a table for 112 begin a resize when all have one table; with a tag they have one also where slots do.
        let count = isResizing ? 449 : 400
        for number in 0..<count { keyspace.set("{a}\(number)", "x") }
        let slot = keyspace.with("{a}") { $0.slot }
        #expect(keyspace[0][slot].isResizing == isResizing)

        var draws: [String: Int] = [:]
        for _ in 0..<count * 200 { draws[keyspace.randomKey(in: 0)?.key.text ?? "", default: 0] += 1 }

        #expect(draws.count == count)
        // A binomial count of mean 200 has a deviation of 14: five of them are never met by chance.
        #expect(
            draws.values.allSatisfy { abs($0 - 200) < 75 },
            "\(draws.values.min() ?? 0) … \(draws.values.max() ?? 0)"
        )
    }

    @Test func `is found in a table that is nearly empty, and is none where there is none`() {
        let keyspace = Keyspace.standalone()
        #expect(keyspace.randomKey(in: 0)?.key.text == nil)

        for number in 0..<100_000 { keyspace.set("key:\(number)", "x") }
        for number in 1..<100_000 { keyspace.remove("key:\(number)") }

        #expect(keyspace.randomKey(in: 0)?.key.text == "key:0")
    }

    @Test func `is never an expired one`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<100 { keyspace.set("key:\(number)", "x", expiry: number == 42 ? .discard : .at(1_000_001)) }
        keyspace.now = 1_000_002

        #expect(keyspace.randomKey(in: 0)?.key.text == "key:42")
        keyspace.checkInvariants()
    }
}
