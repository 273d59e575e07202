import Protocol
import Testing

@testable import Keyspace

/// A set of integers in memory of its own.
private final class OwnedIntegers {
    let memory = Memory()
    var set: IntegerSet

    init(_ numbers: [Int64] = []) {
        set = IntegerSet(memory: memory)
        for number in numbers { _ = set.insert(number, memory: memory) }
    }

    deinit {
        set.free(to: memory)
        assert(memory.usedBytes == 0)
        memory.dispose()
    }

    var numbers: [Int64] { (0..<set.count).map { set[$0] } }
}

@Suite struct `A set of integers` {
    /// What is in the payload of DUMP after SADD in redis-server 7.0.15.
    @Test(
        arguments: [
            ([1, 2, 300], "02000000030000000100" + "02002c01"),
            ([70000, 1], "04000000020000000100000070110100"),
            ([5_000_000_000, -1], "0800000002000000ffffffffffffffff00f2052a01000000"),
        ] as [([Int64], String)]
    )
    func `has the bytes that Redis gives it`(numbers: [Int64], hex: String) {
        let owned = OwnedIntegers(numbers)

        let bytes = owned.set.serialized.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(bytes == hex)
    }

    @Test(arguments: [[], [1, 2, 300], [70000, 1], [5_000_000_000, -1]] as [[Int64]])
    func `comes back from the bytes that Redis gives it`(numbers: [Int64]) {
        let (owned, read) = (OwnedIntegers(numbers), OwnedIntegers())

        owned.set.serialized.withBytes { bytes in
            #expect(IntegerSet.isValid(serialized: bytes))
            read.set.free(to: read.memory)
            read.set = IntegerSet(serialized: bytes, memory: read.memory)
        }
        #expect(read.numbers == numbers.sorted() && read.memory.usedBytes == read.set.usedBytes)
        #expect(read.set.insert(7, memory: read.memory) && read.set.contains(7))
    }

    @Test func `of ten small integers takes four bytes more than they do`() {
        let owned = OwnedIntegers(Array(1...10))

        #expect(owned.set.usedBytes == SizeClass.byteCount(24))
    }

    private static let borders: [Int64] = [
        0, 1, -1, 32767, 32768, -32768, -32769, 2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649, .max,
        .min,
    ]

    @Test(arguments: 0..<20)
    func `does what a sorted array does, whatever is put in and taken out`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let owned = OwnedIntegers()
        var model: Set<Int64> = []

        for step in 0..<600 {
            let small = Int64.random(in: -40...40, using: &random)
            // Wide elements come late, so that there is something to widen.
            let number = step > 300 && step % 5 == 0 ? Self.borders.randomElement(using: &random) ?? 0 : small
            if Bool.random(using: &random) {
                #expect(owned.set.insert(number, memory: owned.memory) == model.insert(number).inserted)
            } else {
                #expect(owned.set.remove(number, memory: owned.memory) == (model.remove(number) != nil))
            }
            #expect(owned.set.contains(small) == model.contains(small))
            #expect(owned.numbers == model.sorted(), "replay with seed \(seed)")
            #expect(owned.memory.usedBytes == owned.set.usedBytes)
        }
    }

    @Test(arguments: [
        "", "0200000001000000", "02000000010000000100ff", "0300000001000000010000", "0200000002000000020001" + "00",
        "020000000200000001000100", "02000000ffffffff0100", "00000000010000000000",
    ])
    func `is not taken for valid when it is not`(hex: String) {
        let bytes = stride(from: 0, to: hex.count, by: 2).map { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16) ?? 0
        }

        #expect(bytes.withBytes { !IntegerSet.isValid(serialized: $0) })
    }
}
