import Protocol
import Testing

@testable import Keyspace

@Suite struct `A string` {
    private func encoding(of name: String, in keyspace: Keyspace) -> String? {
        keyspace.with(name) { keyspace.lookup($0, in: 0)?.encoding.name.description }
    }

    @discardableResult
    private func append(_ suffix: String, to name: String, in keyspace: Keyspace) -> Int {
        keyspace.with(name) { key in Array(suffix.utf8).withBytes { keyspace.append($0, to: key, in: 0) } }
    }

    /// Redis 7.0.15 says the same of each step.
    @Test func `is raw once it was changed in place, until it is set again`() {
        let keyspace = Keyspace.standalone()

        append("12", to: "k", in: keyspace)
        #expect(encoding(of: "k", in: keyspace) == "int")
        #expect(append("3", to: "k", in: keyspace) == 3)
        #expect(encoding(of: "k", in: keyspace) == "raw")
        #expect(keyspace.get("k") == "123")

        keyspace.set("k", "short")
        #expect(encoding(of: "k", in: keyspace) == "embstr")
        keyspace.with("k") { key in keyspace.edit(key, in: 0, growingTo: 1)[0] = UInt8(ascii: "S") }
        #expect(encoding(of: "k", in: keyspace) == "raw")
        #expect(keyspace.get("k") == "Short")
    }

    @Test func `is zero where it was made longer and nobody wrote`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "ab")
        for byteCount in [5, 20, 900, 1100, 1500, 100_000] {
            keyspace.with("k") { key in
                let string = keyspace.edit(key, in: 0, growingTo: byteCount)
                #expect(string.bytes.array == [0x61, 0x62] + [UInt8](repeating: 0, count: byteCount - 2))
            }
        }
    }

    @Test func `never gets shorter by an edit`() {
        let keyspace = Keyspace.standalone()
        for value in ["12345", "abcdefgh", String(repeating: "x", count: 5000)] {
            keyspace.set("k", value)
            keyspace.with("k") { key in #expect(keyspace.edit(key, in: 0, growingTo: 3).count == value.utf8.count) }
            #expect(keyspace.get("k") == value)
        }
    }

    @Test func `that grows byte by byte is copied a few times only`() {
        let keyspace = Keyspace.standalone()
        var blocks: Set<UInt> = []
        var moves = 0
        var last: UInt = 0
        for _ in 0..<200_000 {
            append("x", to: "k", in: keyspace)
            let block = keyspace.with("k") { key -> UInt in
                guard let entry = keyspace.lookup(key, in: 0), entry.isOutside else { return 0 }
                return unsafe UInt(bitPattern: entry.block.base)
            }
            if block != last { moves += 1 }
            last = block
            blocks.insert(block)
        }

        #expect(keyspace.get("k") == String(repeating: "x", count: 200_000))
        #expect(moves < 12)
    }

    @Test func `as an integer is changed without another look-up`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "41", expiry: .at(2_000_000))

        keyspace.with("k") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { Issue.record("lost"); return }
            keyspace.store(42, in: entry)
            #expect(entry.expiry == 2_000_000)
        }

        #expect(keyspace.get("k") == "42")
        #expect(encoding(of: "k", in: keyspace) == "int")
    }

    @Test func `keeps, loses or changes its expiry as the writer says`() {
        let keyspace = Keyspace.standalone()
        func expiry() -> Int64? { keyspace.with("k") { keyspace.lookup($0, in: 0)?.expiry } }

        keyspace.set("k", "a", expiry: .at(2_000_000))
        keyspace.set("k", "b", expiry: .keep)
        #expect(expiry() == 2_000_000)
        keyspace.set("k", "c", expiry: .at(3_000_000))
        #expect(expiry() == 3_000_000)
        keyspace.set("k", "d")
        #expect(expiry() == nil)
        keyspace.set("k", "e", expiry: .keep)
        #expect(expiry() == nil)
    }
}

@Suite struct `The hash of a key` {
    @Test func `spreads every kind of key evenly over buckets and tags`() {
        let hasher = KeyHasher(seed: 12345)
        let kinds: [(Int) -> [UInt8]] = [
            { Array("\($0)".utf8) },
            { Array("key:\($0)".utf8) },
            { Array("user:{\($0)}:profile:settings".utf8) },
            { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } },
            { number in [UInt8](repeating: 0, count: number % 64) + [UInt8(number / 64 % 256), UInt8(number / 16384)] },
        ]
        for (kind, name) in kinds.enumerated() {
            let count = 32_768
            var buckets = [Int](repeating: 0, count: 1024)
            var tags = [Int](repeating: 0, count: 256)
            var hashes: Set<UInt64> = []
            for number in 0..<count {
                let hash = name(number).withBytes { hasher.hash(of: $0) }
                buckets[Int(hash & 1023)] += 1
                tags[Int(hash >> 56)] += 1
                hashes.insert(hash)
            }
            // Chi-squared of n cells has mean n and deviation √2n: six of these are never met by chance.
            #expect(abs(chiSquared(buckets) - 1024) < 6 * 45, "kind \(kind)")
            #expect(abs(chiSquared(tags) - 256) < 6 * 23, "kind \(kind)")
            #expect(hashes.count == count, "kind \(kind)")
        }
    }

    private func chiSquared(_ cells: [Int]) -> Double {
        let mean = Double(cells.reduce(0, +)) / Double(cells.count)
        return cells.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) / mean }
    }

    @Test func `changes half its bits with any bit of the key, and all with the seed`() {
        for byteCount in [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 100] {
            let key = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 59 &+ 3) }
            for bit in 0..<byteCount * 8 {
                var changed = key
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                var different = 0
                for seed in UInt64(0)..<64 {
                    let hasher = KeyHasher(seed: seed)
                    let hash = key.withBytes { hasher.hash(of: $0) }
                    different += (hash ^ changed.withBytes { hasher.hash(of: $0) }).nonzeroBitCount
                }
                // 4096 bits, half of which change, ± 32 by chance.
                #expect(abs(different - 2048) < 6 * 32, "\(byteCount) bytes, bit \(bit)")
            }
        }
    }
}
