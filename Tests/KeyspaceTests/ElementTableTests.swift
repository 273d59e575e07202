import Protocol
import Testing

@testable import Keyspace

/// A table of elements in memory of its own, with arrays in place of lent bytes.
private final class OwnedTable {
    let environment = TableEnvironment(memory: Memory(), hasher: KeyHasher(seed: 4711))
    var table: ElementTable

    init(holdingValues: Bool) { table = ElementTable(holdingValues: holdingValues, memory: environment.memory) }

    deinit {
        table.free(to: environment.memory)
        assert(environment.memory.usedBytes == 0)
        environment.memory.dispose()
    }

    func find(_ field: [UInt8]) -> ElementTable.Place? {
        field.withBytes { table.find($0, hash: environment.hasher.hash(of: $0)) }
    }

    /// Puts an element in, or in another's place.
    func set(_ field: [UInt8], _ value: [UInt8] = [], expiry: Int64? = nil) {
        field.withBytes { field in
            value.withBytes { value in
                let element = Element(field: field, value: value, expiry: expiry)
                let hash = environment.hasher.hash(of: field)
                if let place = table.find(field, hash: hash) {
                    table.replace(at: place, with: element, in: environment)
                } else {
                    table.insert(element, hash: hash, in: environment)
                }
            }
        }
    }

    func remove(_ field: [UInt8]) {
        if let place = find(field) { table.remove(at: place, in: environment) }
    }

    var elements: [[UInt8]: Model] {
        var found: [[UInt8]: Model] = [:]
        table.forEach { element in
            #expect(found.updateValue(Model(element), forKey: element.field.array) == nil, "an element comes twice")
            return true
        }
        return found
    }

    func checkInvariants() {
        table.checkInvariants(in: environment)
        #expect(table.usedBytes == environment.memory.usedBytes)
    }
}

/// What an element should hold.
private struct Model: Equatable {
    var value: [UInt8]
    var expiry: Int64?

    init(value: [UInt8], expiry: Int64?) { (self.value, self.expiry) = (value, expiry) }
    init(_ element: Element) { self.init(value: element.value.array, expiry: element.expiry) }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct `A table of elements` {
    /// On both sides of the borders between elements inside and outside their bucket.
    private static let lengths = [0, 1, 5, 10, 40, 61, 62, 63, 123, 124, 125, 126, 127, 128, 300]

    private static func text(_ seed: Int, _ random: inout SplitMix) -> [UInt8] {
        let count = lengths.randomElement(using: &random) ?? 0
        return Array((bytes("\(seed)") + [UInt8](repeating: 0x78, count: count)).prefix(max(count, 3)))
    }

    @Test(arguments: 0..<24)
    func `does what a dictionary does, whatever is put in and taken out`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let holdsValues = seed % 2 == 0
        let owned = OwnedTable(holdingValues: holdsValues)
        var model: [[UInt8]: Model] = [:]

        for step in 0..<3000 {
            // It grows for a while, and shrinks for a while.
            let isGrowing = step / 750 % 2 == 0
            let field = Self.text(Int.random(in: 0..<400, using: &random), &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0..<(isGrowing ? 3 : 1):
                let value = holdsValues ? Self.text(step, &random) : []
                let expiry: Int64? = holdsValues && step % 3 == 0 ? Int64(step) : nil
                owned.set(field, value, expiry: expiry)
                model[field] = Model(value: value, expiry: expiry)
            case 3 where holdsValues:
                guard let place = owned.find(field) else { continue }
                let expiry: Int64? = step % 2 == 0 ? Int64(step) : nil
                owned.table.setExpiry(expiry, at: place, memory: owned.environment.memory)
                model[field]?.expiry = expiry
            default:
                let field = isGrowing ? field : model.keys.randomElement(using: &random) ?? field
                owned.remove(field)
                model[field] = nil
            }
            #expect(owned.find(field).map { Model(owned.table[$0]) } == model[field], "replay with seed \(seed)")
            if step % 50 == 0 { owned.checkInvariants() }
        }
        owned.checkInvariants()
        #expect(owned.elements == model, "replay with seed \(seed)")
    }

    @Test(arguments: [0, 3, 2000, 20_000])
    func `is copied and freed in slices`(count: Int) {
        let owned = OwnedTable(holdingValues: true)
        for number in 0..<count {
            owned.set(bytes("\(number)"), [UInt8](repeating: 1, count: number % 200), expiry: number % 2 == 0 ? 7 : nil)
        }

        let copy = OwnedTable(holdingValues: true)
        copy.table.free(to: copy.environment.memory)
        copy.table = owned.table.copy(to: copy.environment.memory)

        copy.checkInvariants()
        #expect(copy.elements == owned.elements)
        var (isGone, slices) = (false, 0)
        while !isGone {
            var budget = 100
            isGone = copy.table.freeSlice(budget: &budget, memory: copy.environment.memory)
            slices += 1
        }
        #expect(copy.environment.memory.usedBytes == 0)
        #expect(slices >= count / 1000)
        copy.table = ElementTable(holdingValues: false, memory: copy.environment.memory)
    }

    @Test(arguments: 0..<20)
    func `shows a scan every element that stays, however it is resized meanwhile`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let owned = OwnedTable(holdingValues: false)
        let staying = Set((0..<300).map { bytes("stays:\($0)") })
        for field in staying { owned.set(field) }

        var (cursor, seen, steps) = (UInt64(0), Set<[UInt8]>(), 0)
        repeat {
            cursor = owned.table.scan(from: cursor) { seen.insert($0.field.array) }
            let isGrowing = Bool.random(using: &random)
            for _ in 0..<Int.random(in: 0..<200, using: &random) {
                let field = bytes("\(Int.random(in: 0..<3000, using: &random))")
                if isGrowing { owned.set(field) } else { owned.remove(field) }
            }
            steps += 1
        } while cursor != 0 && steps < 100_000

        #expect(seen.isSuperset(of: staying), "replay with seed \(seed)")
        owned.checkInvariants()
    }

    @Test(arguments: [5, 300])
    func `draws each element as often as any other`(count: Int) {
        var random = SplitMix(state: 7)
        let owned = OwnedTable(holdingValues: false)
        for number in 0..<count { owned.set(bytes("member:\(number)")) }
        var draws: [[UInt8]: Int] = [:]

        for _ in 0..<count * 1000 {
            draws[owned.table[owned.table.randomPlace(using: &random)].field.array, default: 0] += 1
        }

        // 1000 ± 6.3 standard deviations of a fair draw.
        #expect(draws.count == count)
        #expect(
            draws.values.allSatisfy { (800...1200).contains($0) },
            "\(draws.values.min() ?? 0)…\(draws.values.max() ?? 0)"
        )
    }

    @Test(arguments: 0..<10)
    func `loses the stale elements to a search in slices, and no others`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let owned = OwnedTable(holdingValues: true)
        var living: [[UInt8]: Model] = [:]
        for number in 0..<2000 {
            let expiry: Int64? = number % 3 == 0 ? nil : Int64.random(in: 0..<100, using: &random)
            owned.set(bytes("\(number)"), bytes("v"), expiry: expiry)
            living[bytes("\(number)")] = Model(value: bytes("v"), expiry: expiry)
        }
        living = living.filter { $0.value.expiry ?? 50 >= 50 }

        var (told, removed) = (0, 0)
        while owned.table.earliestExpiry < 50 {
            var budget = Int.random(in: 1..<500, using: &random)
            removed += owned.table.removeStale(before: 50, budget: &budget, in: owned.environment) { _ in told += 1 }
            let field = bytes("late:\(Int.random(in: 0..<50, using: &random))")
            owned.set(field, [], expiry: 60)
            living[field] = Model(value: [], expiry: 60)
            owned.checkInvariants()
        }

        #expect(told == removed && removed > 500)
        #expect(owned.elements == living, "replay with seed \(seed)")
    }

    @Test func `takes a third more than the bytes of short members`() {
        let owned = OwnedTable(holdingValues: false)
        for number in 0..<100_000 { owned.set(bytes("m:\(10_000_000 + number)")) }  // 10 bytes each

        #expect(owned.table.usedBytes < 100_000 * 15)
    }
}
