import Protocol
import Testing

@testable import Keyspace

private struct Run {
    let keyspace = Keyspace.standalone()
    var random: SplitMix
    var model: [[UInt8]: Field] = [:]
    /// How many different fields may come.
    let fields: Int

    struct Field: Equatable {
        var value: [UInt8]
        var expiry: Int64?
    }

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        fields = [30, 300, 3000][Int(seed % 3)]
        keyspace.limits.hashListpackCount = [0, 16, 512][Int(seed / 3 % 3)]
        keyspace.limits.hashListpackByteCount = [64, 10, 1 << 20][Int(seed / 9 % 3)]
        _ = keyspace.with("key") { keyspace.make(HashValue.self, under: $0, in: 0) }
    }

    var hash: HashValue {
        keyspace.with("key") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { preconditionFailure("the key is gone") }
            return HashValue(entry: entry, keyspace: keyspace)
        }
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func field() -> [UInt8] {
        let number = below(fields)
        switch number % 20 {
        case 0: return Array(String(number).utf8)
        case 1: return Array("field".utf8) + [UInt8](repeating: 0xFF, count: number % 200)
        default: return Array("field:\(number)".utf8)
        }
    }

    mutating func value() -> [UInt8] {
        switch below(6) {
        case 0: [UInt8](repeating: 0x78, count: below(300))
        case 1: []
        default: Array(String(below(1 << 40) - 1 << 39).utf8)
        }
    }

    private func isStale(_ expiry: Int64?) -> Bool { expiry ?? .max < keyspace.now }

    var living: [[UInt8]: Field] { model.filter { !isStale($0.value.expiry) } }

    mutating func step() {
        let field = field()
        switch below(20) {
        case 0..<9: set(field)
        case 9..<13: remove(field)
        case 13, 14: setExpiry(of: field)
        case 15: keyspace.now += Int64(below(20))
        case 16: sweep()
        case 17: replaceByCopy()
        case 18: compareDraws()
        default: _ = keyspace.rehashSlice(budget: 10)
        }
        let found = field.withBytes { field in
            hash.find(field).map { Field(value: $0.value.withBytes { $0.array }, expiry: $0.expiry) }
        }
        #expect(found == living[field])
        #expect(hash.count == model.count)
        #expect(hash.livingCount == living.count)
    }

    private mutating func noteFields() {
        keyspace.with("key") { keyspace.noteFields(of: hash, under: $0, in: 0) }
    }

    private mutating func set(_ field: [UInt8]) {
        let value = value()
        let previous = living[field]
        let (rule, expiry): (ExpiryRule, Int64?) =
            switch below(8) {
            case 0, 1: (.keep, previous?.expiry)
            case 2 where model.count > 10: (.at(keyspace.now + 30), keyspace.now + 30)
            default: (.discard, nil)
            }
        let isNew = field.withBytes { field in value.withBytes { hash.set(field, to: $0, expiry: rule) } }
        #expect(isNew == (previous == nil))
        model[field] = Field(value: value, expiry: expiry)
        noteFields()
    }

    private mutating func remove(_ field: [UInt8]) {
        guard let found = field.withBytes({ hash.find($0) }) else { return }
        hash.remove(found)
        model[field] = nil
        noteFields()
    }

    private mutating func setExpiry(of field: [UInt8]) {
        let expiry: Int64? = below(3) == 0 ? nil : keyspace.now + Int64(below(100))
        let isThere = field.withBytes { field in
            guard let found = hash.find(field) else { return false }
            hash.setExpiry(expiry, of: field, found)
            return true
        }
        if isThere { model[field]?.expiry = expiry }
        noteFields()
    }

    /// The search takes all that is stale if it may go on as long as it likes. Not where nothing else is left: that would be
    /// the end of the key.
    private mutating func sweep() {
        guard !living.isEmpty else { return }
        var removed: Set<[UInt8]> = []
        let before = keyspace.expiredFieldCount
        keyspace.onFieldExpired = { _, _, field in removed.insert(field.array) }
        while keyspace.expireFieldsSlice(budget: 1 + below(50)) {}
        keyspace.onFieldExpired = nil
        #expect(removed == Set(model.keys).subtracting(living.keys))
        #expect(keyspace.expiredFieldCount - before == removed.count)
        model = living
    }

    /// Goes on with a copy in place of the original.
    private mutating func replaceByCopy() {
        keyspace.with("key") { key in
            guard let copy = keyspace.duplicate(key, in: 0) else { preconditionFailure("the key is gone") }
            keyspace.attach(copy, as: key, in: 0)
        }
    }

    private mutating func compareDraws() {
        let living = living
        var drawn: [[UInt8]: [UInt8]] = [:]
        let count = below(20)
        hash.forEachOfSample(count) { field, value in drawn[field.withBytes { $0.array }] = value.withBytes { $0.array }
        }
        #expect(drawn.count == min(count, living.count))
        guard !living.isEmpty else { return }
        hash.draw(3) { field, value in drawn[field.withBytes { $0.array }] = value.withBytes { $0.array } }
        for (field, value) in drawn { #expect(living[field]?.value == value) }
    }

    func check() {
        keyspace.checkInvariants()
        hash.checkInvariants()
        var found: [[UInt8]: [UInt8]] = [:]
        hash.forEach { field, value in
            #expect(found.updateValue(value.withBytes { $0.array }, forKey: field.withBytes { $0.array }) == nil)
            return true
        }
        #expect(found == living.mapValues(\.value))
        var all: [[UInt8]: Field] = [:]
        hash.forEachWithExpiry { field, value, expiry in
            all[field.withBytes { $0.array }] = Field(value: value.withBytes { $0.array }, expiry: expiry)
        }
        #expect(all == model)
        #expect(keyspace.volatileHashCount(in: 0) == (model.values.contains { $0.expiry != nil } ? 1 : 0))
    }
}

@Suite struct `A hash` {
    @Test(arguments: 0..<27)
    func `holds what a dictionary holds, and its fields die in time`(seed: UInt64) {
        var run = Run(seed: seed)
        for step in 0..<3000 {
            run.step()
            if step % 50 == 0 { run.check() }
        }
        run.check()
    }

    @Test func `is scanned without missing a field that is there all the time`() {
        let keyspace = Keyspace.standalone()
        let hash = keyspace.with("key") { keyspace.make(HashValue.self, under: $0, in: 0) }
        func set(_ name: String) { Array(name.utf8).withBytes { _ = hash.set($0, to: $0) } }
        for number in 0..<2500 { set("stays:\(number)") }
        for number in 0..<2500 { set("goes:\(number)") }

        var (seen, cursor): (Set<String>, UInt64) = ([], 0)
        var going = 2500
        repeat {
            cursor = hash.scan(from: cursor, count: 20) { field, value in
                #expect(field.withBytes { $0.text } == value.withBytes { $0.text })
                seen.insert(field.withBytes { $0.text })
            }
            for _ in 0..<min(100, going) {
                going -= 1
                Array("goes:\(going)".utf8).withBytes { if let found = hash.find($0) { hash.remove(found) } }
            }
        } while cursor != 0

        #expect((0..<2500).allSatisfy { seen.contains("stays:\($0)") })
        hash.checkInvariants()
    }

    @Test func `draws each field as often as any other, stale ones never`() {
        for (count, staleCount) in [(5, 0), (300, 0), (300, 200), (200, 196)] {
            let keyspace = Keyspace.standalone()
            keyspace.limits.hashListpackCount = 10
            let hash = keyspace.with("key") { keyspace.make(HashValue.self, under: $0, in: 0) }
            for number in 0..<count {
                Array("f\(number)".utf8).withBytes {
                    _ = hash.set($0, to: $0, expiry: number < staleCount ? .at(keyspace.now) : .discard)
                }
            }
            keyspace.now += 1
            var draws: [String: Int] = [:]

            let living = count - staleCount
            hash.draw(living * 1000) { field, _ in draws[field.withBytes { $0.text }, default: 0] += 1 }

            // 1000 ± 6.3 standard deviations of a fair draw.
            #expect(draws.count == living)
            #expect(draws.values.allSatisfy { (800...1200).contains($0) })
        }
    }
}

@Suite struct `Hashes with volatile fields` {
    /// A keyspace with some, in two databases.
    private static func filled(_ keyspace: Keyspace) {
        for number in 0..<200 {
            for database in 0..<min(2, keyspace.databaseCount) {
                keyspace.with("{\(number % 50)}:\(number)") { key in
                    let hash = keyspace.make(HashValue.self, under: key, in: database)
                    for field in 0..<10 {
                        let isVolatile = number % 2 == 0 && field % 2 == 0
                        let expiry: ExpiryRule = isVolatile ? .at(keyspace.now + Int64(number)) : .discard
                        Array("f\(field)".utf8).withBytes { _ = hash.set($0, to: $0, expiry: expiry) }
                    }
                    keyspace.noteFields(of: hash, under: key, in: database)
                }
            }
        }
        keyspace.checkInvariants()
    }

    @Test(arguments: [false, true])
    func `are found by the search, wherever they have gone`(hasSlots: Bool) {
        let keyspace = hasSlots ? Keyspace.slotted() : Keyspace.standalone()
        Self.filled(keyspace)
        for number in 0..<100 {
            keyspace.with("{\(number % 50)}:\(number)") { key in
                keyspace.with("{\(number % 50)}:moved:\(number)") { other in
                    guard let entry = number % 3 == 0 ? keyspace.take(key, in: 0) : keyspace.duplicate(key, in: 0)
                    else { return }
                    keyspace.attach(entry, as: other, in: 0)
                }
                if number % 7 == 0 { keyspace.setExpiry(keyspace.now + 50, of: key, in: 0) }
                if number % 11 == 0 { keyspace.remove(key, in: 0) }
                if number % 13 == 0 { keyspace.set(key.bytes.text, "a string") }
            }
        }
        if !hasSlots { keyspace.swap(0, 1) }
        keyspace.checkInvariants()
        #expect((0..<keyspace.databaseCount).allSatisfy { keyspace.volatileHashCount(in: $0) > 0 })

        keyspace.now += 1000
        var slices = 0
        while keyspace.expireFieldsSlice(budget: 100) { slices += 1 }

        #expect(slices > 10)
        for database in 0..<keyspace.databaseCount {
            #expect(keyspace.volatileHashCount(in: database) == 0)
            keyspace.forEachKey(in: database) { entry in
                guard entry.type == .hash else { return }
                let hash = HashValue(entry: entry, keyspace: keyspace)
                #expect(hash.count == 5 || hash.count == 10)
                #expect(hash.count == hash.livingCount)
            }
        }
        keyspace.checkInvariants()
    }

    @Test func `are forgotten with their slot, and with their database`() {
        let keyspace = Keyspace.slotted()
        Self.filled(keyspace)
        let slot = keyspace.with("{0}") { $0.slot }
        let count = keyspace.volatileHashCount(in: 0)

        keyspace.flush(slot: slot, of: 0, lazily: true)

        #expect(keyspace.volatileHashCount(in: 0) == count - 4)
        keyspace.checkInvariants()
        keyspace.flushAll(lazily: true)
        #expect(keyspace.volatileHashCount(in: 0) == 0)
        keyspace.checkInvariants()
        keyspace.now += 1000
        #expect(!keyspace.expireFieldsSlice(budget: 100))
    }

    @Test func `go with their last field, and their memory with them`() {
        let keyspace = Keyspace.standalone()
        let before = keyspace.usedBytes
        keyspace.with("key") { key in
            let hash = keyspace.make(HashValue.self, under: key, in: 0)
            for number in 0..<1000 {
                Array("\(number)".utf8).withBytes {
                    _ = hash.set($0, to: $0, expiry: .at(keyspace.now + Int64(number)))
                }
            }
            keyspace.noteFields(of: hash, under: key, in: 0)
        }

        var told = 0
        keyspace.onFieldExpired = { database, key, _ in
            #expect(database == 0 && key.text == "key")
            told += 1
        }
        for _ in 0..<1001 {
            keyspace.now += 1
            while keyspace.expireFieldsSlice(budget: 1000) {}
        }
        keyspace.settle()

        #expect(told == 1000 && keyspace.expiredFieldCount == 1000)
        #expect(keyspace.count(in: 0) == 0)
        #expect(keyspace.usedBytes == before)
        keyspace.checkInvariants()
    }

    @Test func `keep what is stale where the search is off, or a primary decides`() {
        let keyspace = Keyspace.standalone()
        Self.filled(keyspace)
        keyspace.now += 1000

        keyspace.isActiveExpiryEnabled = false
        #expect(!keyspace.expireFieldsSlice(budget: 1000))
        keyspace.isActiveExpiryEnabled = true
        keyspace.lazyExpiry = .hide
        #expect(!keyspace.expireFieldsSlice(budget: 1000))

        #expect(keyspace.expiredFieldCount == 0)
        keyspace.with("{0}:0") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { return }
            let hash = HashValue(entry: entry, keyspace: keyspace)
            #expect(hash.count == 10 && hash.livingCount == 5)
            keyspace.lazyExpiry = .ignore
            #expect(hash.livingCount == 10)
        }
    }
}
