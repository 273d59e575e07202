// Bits read 64 at a time, against bits read one at a time.

import Protocol
import Testing

@testable import Commands
@testable import Keyspace

@Suite struct `Bits of a string` {
    /// The plain way: one bit after the other.
    private func bits(_ bytes: [UInt8]) -> [Bool] {
        bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 == 1 } }
    }

    private func sample(_ generator: inout Seeded) -> [UInt8] {
        // Long runs of one kind make the search pass whole words.
        let alphabet: [UInt8] = [[0], [0xFF], [0, 0, 0, 0, 1], [0xFF, 0xFF, 0x7F], Array(0...255)].randomElement(
            using: &generator
        )!
        return .random(count: .random(in: 0...40, using: &generator), of: alphabet, using: &generator)
    }

    @Test(arguments: 0..<300)
    func `are counted and found in any part`(seed: UInt64) {
        var generator = Seeded(state: seed)
        let bytes = sample(&generator)
        let all = bits(bytes)

        for _ in 0..<20 {
            let lower = Int.random(in: 0...all.count, using: &generator)
            let range = lower..<Int.random(in: lower...all.count, using: &generator)

            bytes.withBytes { lent in
                #expect(Bits(lent).onesCount(in: range) == all[range].count { $0 }, "\(range), seed \(seed)")
                for bit in [true, false] {
                    #expect(Bits(lent).firstIndex(of: bit, in: range) == all[range].firstIndex(of: bit), "\(range)")
                }
            }
        }
    }

    @Test(arguments: 0..<300)
    func `are read and written as numbers of any width anywhere`(seed: UInt64) {
        var generator = Seeded(state: seed)
        let bytes: [UInt8] = .random(count: 20, of: Array(0...255), using: &generator)
        let width = Int.random(in: 1...64, using: &generator)
        let index = Int.random(in: 0...(160 - width), using: &generator)
        let number = UInt64.random(in: 0...UInt64.max >> (64 - width), using: &generator)
        let spelled = bits(bytes)[index..<(index + width)].reduce(UInt64(0)) { $0 << 1 | ($1 ? 1 : 0) }

        #expect(bytes.withBytes { Bits($0).integer(at: index, bitCount: width) } == spelled)

        let keyspace = Keyspace(databaseCount: 1, slots: .none, seed: 1)
        let written = Array("key".utf8).withBytes { name in
            let string = keyspace.edit(keyspace.key(name), in: 0, growingTo: bytes.count)
            bytes.withBytes { string.write($0, at: 0) }
            string.store(number, atBit: index, bitCount: width)
            return string.bytes.array
        }
        var expected = bits(bytes)
        for offset in 0..<width { expected[index + offset] = number >> (width - 1 - offset) & 1 == 1 }
        #expect(bits(written) == expected, "\(width) bits at \(index), seed \(seed)")
    }

    @Test func `behind the end are zeros`() {
        let number = [UInt8](repeating: 0xFF, count: 3).withBytes { Bits($0).integer(at: 20, bitCount: 10) }

        #expect(number == 0b11_1100_0000)
    }

    @Test(arguments: 0..<200)
    func `are combined as if shorter strings ended in zeros`(seed: UInt64) {
        var generator = Seeded(state: seed)
        let strings = (0..<Int.random(in: 1...4, using: &generator)).map { _ in sample(&generator) }
        let count = strings.map(\.count).max() ?? 0
        let padded = strings.map { $0 + [UInt8](repeating: 0, count: count - $0.count) }
        let operations: [(BitOperation, (UInt8, UInt8) -> UInt8)] = [
            (.and, { $0 & $1 }), (.or, { $0 | $1 }), (.xor, { $0 ^ $1 }),
        ]

        for (operation, combine) in operations {
            var combined = CombinedBits(operation)
            for string in strings { string.withBytes { combined.add($0) } }
            var result: [UInt8] = []
            combined.withBytes { result = $0.array }
            let expected = (0..<count).map { index in
                padded.dropFirst().reduce(padded[0][index]) { combine($0, $1[index]) }
            }
            #expect(result == expected, "\(operation), seed \(seed)")
        }
    }
}

@Suite struct `Integers of any width` {
    /// Each was asked of Redis 7.0.15 with BITFIELD … OVERFLOW … INCRBY.
    @Test(arguments: [
        ("u8", 250, 10, 4, 255), ("u8", 5, -10, 251, 0), ("i8", 120, 10, -126, 127), ("i8", -120, -10, 126, -128),
        ("u1", 1, 1, 0, 1), ("i1", 0, 1, -1, 0), ("i64", Int64.max, 1, .min, .max), ("i64", .min, -1, .max, .min),
        ("u63", Int64.max, 1, 0, .max), ("u63", 0, -1, .max, 0), ("i5", 15, 1, -16, 15),
    ])
    func `wrap, saturate or fail beyond their bounds`(
        name: String,
        value: Int64,
        increment: Int64,
        wrapped: Int64,
        saturated: Int64
    ) throws {
        let field = try #require(Array(name.utf8).withBytes { IntegerField(named: $0) })

        #expect(field.sum(value, increment, .wraps) == wrapped)
        #expect(field.sum(value, increment, .saturates) == saturated)
        #expect(field.sum(value, increment, .fails) == nil)
    }

    @Test(arguments: ["u64", "u0", "i65", "i0", "I8", "i", "", "u", "x8", "i08", "i+8"])
    func `have no other names`(name: String) {
        #expect(Array(name.utf8).withBytes { IntegerField(named: $0) } == nil)
    }

    /// Asked of Redis 7.0.15: BITFIELD k OVERFLOW SAT SET i8 0 … GET i8 0.
    @Test(arguments: [(-129, -128), (.min + 128, -128), (.min + 127, 127), (.min, 127), (128, 127)])
    func `saturate the very smallest numbers upwards`(number: Int64, value: Int64) throws {
        let field = try #require(Array("i8".utf8).withBytes { IntegerField(named: $0) })

        #expect(field.fit(number, .saturates) == value)
    }

    @Test func `take a negative number for too large where they have no sign`() throws {
        let field = try #require(Array("u8".utf8).withBytes { IntegerField(named: $0) })

        #expect(field.fit(-1, .saturates) == 255)
        #expect(field.fit(-1, .wraps) == 255)
        #expect(field.fit(-1, .fails) == nil)
    }
}
