// The keyspace against a dictionary, under random operations: what it answers, and that it never contradicts itself.

import Protocol
import Testing

@testable import Keyspace

/// What a keyspace should hold.
private struct Model {
    struct Item: Equatable {
        var value: [UInt8]
        var expiry: Int64?
    }
    var items: [[UInt8]: Item] = [:]

    /// Keys that are not past their time.
    func item(_ name: [UInt8], now: Int64) -> Item? {
        guard let item = items[name], (item.expiry ?? .max) >= now else { return nil }
        return item
    }
}

private struct Run {
    let keyspace: Keyspace
    var models = [Model(), Model()]
    var random: SplitMix
    let keyCount: Int

    init(seed: UInt64, slots: SlotUse) {
        keyspace = Keyspace(databaseCount: 2, slots: slots, seed: seed)
        keyspace.now = 1_000_000
        random = SplitMix(state: seed)
        keyCount = [20, 300, 3000][Int(seed % 3)]
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func name() -> [UInt8] {
        let number = below(keyCount)
        var name = Array("key:\(number)".utf8)
        if number % 10 == 0 { name += [UInt8](repeating: 0x2E, count: 300) }
        return name
    }

    mutating func value() -> [UInt8] {
        switch below(8) {
        case 0: []
        case 1: Array(String(Int64.random(in: .min ... .max, using: &random)).utf8)
        case 2: [UInt8](repeating: 0x61, count: below(100_000))
        case 3: [UInt8](repeating: 0x62, count: 900 + below(200))
        default: [UInt8](repeating: 0x63, count: below(60))
        }
    }

    mutating func step() {
        let database = below(2)
        let name = name()
        switch below(100) {
        case 0..<35: set(name, in: database)
        case 35..<55: remove(name, in: database)
        case 55..<65: setExpiry(name, in: database)
        case 65..<75: append(name, in: database)
        case 75..<82: edit(name, in: database)
        case 82..<84: keyspace.now += Int64(below(2000))
        case 84: _ = keyspace.rehashSlice(budget: below(100))
        case 85: _ = keyspace.collectGarbage(budget: below(100))
        case 86 where below(20) == 0: flush(database)
        case 87 where below(5) == 0:
            keyspace.swap(0, 1)
            models.swapAt(0, 1)
        case 88: _ = keyspace.expireSlice(budget: below(200))
        case 89..<92: transfer(name, in: database, copying: false)
        case 92..<95: transfer(name, in: database, copying: true)
        case 95 where below(10) == 0: scan(database)
        case 96: drawRandomKey(database)
        default: break
        }
        compare(name, in: database)
    }

    private mutating func set(_ name: [UInt8], in database: Int) {
        let value = value()
        let previous = models[database].item(name, now: keyspace.now)
        let rules: [(ExpiryRule, Int64?)] = [
            (.discard, nil), (.keep, previous?.expiry), (.at(keyspace.now + 1000), keyspace.now + 1000),
        ]
        let (rule, expiry) = rules[below(3)]
        let isNew = keyspace.with(name) { key in
            value.withBytes { keyspace.set(key, in: database, to: $0, expiry: rule) }
        }
        #expect(isNew == (previous == nil))
        models[database].items[name] = .init(value: value, expiry: expiry)
    }

    private mutating func remove(_ name: [UInt8], in database: Int) {
        let lazily = below(2) == 0
        let removed = keyspace.with(name) { keyspace.remove($0, in: database, lazily: lazily) }
        #expect(removed == (models[database].item(name, now: keyspace.now) != nil))
        models[database].items[name] = nil
    }

    private mutating func setExpiry(_ name: [UInt8], in database: Int) {
        let expiry: Int64? = below(3) == 0 ? nil : keyspace.now + Int64(below(3000))
        let found = keyspace.with(name) { keyspace.setExpiry(expiry, of: $0, in: database) }
        var item = models[database].item(name, now: keyspace.now)
        #expect(found == (item != nil))
        item?.expiry = expiry
        models[database].items[name] = item
    }

    private mutating func append(_ name: [UInt8], in database: Int) {
        let suffix = value()
        var item = models[database].item(name, now: keyspace.now) ?? .init(value: [])
        item.value += suffix
        let count = keyspace.with(name) { key in suffix.withBytes { keyspace.append($0, to: key, in: database) } }
        #expect(count == item.value.count)
        models[database].items[name] = item
    }

    private mutating func edit(_ name: [UInt8], in database: Int) {
        let byteCount = 1 + below(2000)
        let offset = below(byteCount)
        var item = models[database].item(name, now: keyspace.now) ?? .init(value: [])
        item.value += [UInt8](repeating: 0, count: max(0, byteCount - item.value.count))
        item.value[offset] ^= 0x55
        keyspace.with(name) { key in
            let string = keyspace.edit(key, in: database, growingTo: byteCount)
            string[offset] ^= 0x55
        }
        models[database].items[name] = item
    }

    /// RENAME, MOVE or COPY to another name, database, or both.
    private mutating func transfer(_ name: [UInt8], in database: Int, copying: Bool) {
        let newName = self.name()
        let newDatabase = below(2)
        keyspace.lazyFreeing = below(2) == 0 ? [.replacement] : []
        let item = models[database].item(name, now: keyspace.now)
        let isDone = keyspace.with(newName) { newKey in
            keyspace.with(name) { key in
                guard let detached = copying ? keyspace.duplicate(key, in: database) : keyspace.take(key, in: database)
                else { return false }
                keyspace.attach(detached, as: newKey, in: newDatabase)
                return true
            }
        }
        #expect(isDone == (item != nil))
        guard let item else { return }
        if !copying { models[database].items[name] = nil }
        models[newDatabase].items[newName] = item
        compare(newName, in: newDatabase)
    }

    private func scan(_ database: Int) {
        var seen: Set<[UInt8]> = []
        keyspace.forEachKey(in: database) { seen.insert($0.key.array) }
        let expected = models[database].items.filter { ($0.value.expiry ?? .max) >= keyspace.now }
        #expect(seen == Set(expected.keys))
    }

    private func drawRandomKey(_ database: Int) {
        let name = keyspace.randomKey(in: database)?.key.array
        let isEmpty = !models[database].items.values.contains { ($0.expiry ?? .max) >= keyspace.now }
        #expect((name == nil) == isEmpty)
        if let name { #expect(models[database].item(name, now: keyspace.now) != nil) }
    }

    private mutating func flush(_ database: Int) {
        let count = keyspace.flush(database, lazily: below(2) == 0)
        #expect(count >= models[database].items.values.count { ($0.expiry ?? .max) >= keyspace.now })
        models[database].items = [:]
    }

    private func compare(_ name: [UInt8], in database: Int) {
        let expected = models[database].item(name, now: keyspace.now)
        keyspace.with(name) { key in
            let entry = keyspace.lookup(key, in: database)
            #expect(entry?.string.withBytes { $0.array } == expected?.value)
            #expect(entry?.expiry == expected?.expiry)
        }
    }

    func compareAll() {
        for database in 0..<2 {
            for name in models[database].items.keys { compare(name, in: database) }
            #expect(
                keyspace.count(in: database)
                    == models[database].items.values.count { ($0.expiry ?? .max) >= keyspace.now }
            )
        }
    }
}

@Suite struct `A keyspace` {
    @Test(arguments: 0..<12, [SlotUse.none, .tables])
    func `answers as a dictionary does, whatever is done to it`(seed: UInt64, slots: SlotUse) {
        var run = Run(seed: seed, slots: slots)
        let bytesAtStart = run.keyspace.usedBytes

        for step in 0..<3000 {
            run.step()
            if step % (slots == .tables ? 1500 : 50) == 0 { run.keyspace.checkInvariants() }
        }
        run.compareAll()
        run.keyspace.checkInvariants()

        run.keyspace.flushAll(lazily: seed % 2 == 0)
        run.keyspace.settle()
        run.keyspace.checkInvariants()
        #expect(run.keyspace.usedBytes == bytesAtStart, "bytes are lost or miscounted; replay with seed \(seed)")
    }
}
