import Testing

@testable import Protocol

@Suite struct CRC64s {
    @Test(arguments: [("123456789", 0xE9C6_D914_C4B8_D9CA), ("", 0), ("\0", 0), ("a", 0x5FB3_5402_5B27_7B14)])
    func `are those of Redis`(text: String, expected: UInt64) {
        #expect(Array(text.utf8).withBytes { CRC64.checksum(of: $0) } == expected)
    }

    @Test func `do not depend on how the bytes are cut`() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let whole = bytes.withBytes { CRC64.checksum(of: $0) }
        for cut in 0...100 {
            var crc = CRC64()
            bytes.withBytes { all in
                crc.update(with: all[0..<cut])
                crc.update(with: all[cut..<100])
            }
            #expect(crc.value == whole)
        }
    }
}

@Suite struct LZF {
    /// Blocks that Redis 7.0.15 made.
    @Test(
        arguments: [
            ([0x01, 0x61, 0x61, 0xE0, 0x33, 0x00, 0x01, 0x61, 0x61], String(repeating: "a", count: 64)),
            (
                [0x0A] + Array("abcdefghija".utf8) + [0xE0, 0x30, 0x09, 0x01, 0x69, 0x6A],
                String(repeating: "abcdefghij", count: 7)
            ),
        ] as [([UInt8], String)]
    )
    func `blocks of Redis are read`(block: [UInt8], expected: String) throws {
        let bytes = try block.withBytes { (bytes) throws(LZFError) in
            try decompressLZF(bytes, byteCount: expected.utf8.count)
        }
        #expect(bytes == Array(expected.utf8))
    }

    @Test(arguments: 0..<60)
    func `gives back what it took, from noise to repetition`(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func random(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
        let alphabet = 1 + random(seed % 2 == 0 ? 3 : 256)
        var bytes = (0..<random(20_000)).map { _ in UInt8(random(alphabet)) }
        if seed % 3 == 0 { bytes += bytes + bytes }

        guard let block = bytes.withBytes({ compressLZF($0, limit: max(1, bytes.count - 4)) }) else {
            #expect(alphabet > 3 || bytes.count < 40, "nothing was saved on repetition")
            return
        }

        #expect(block.count <= bytes.count - 4)
        let back = try block.withBytes { (block) throws(LZFError) in try decompressLZF(block, byteCount: bytes.count) }
        #expect(back == bytes)
    }

    @Test func `saves nothing, rather than more than its limit`() {
        let noise = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31 &+ $0) }
        #expect(noise.withBytes { compressLZF($0, limit: 100) } == nil)
        #expect([UInt8](repeating: 1, count: 64).withBytes { compressLZF($0, limit: 4) } == nil)
        #expect([UInt8](repeating: 1, count: 64).withBytes { compressLZF($0, limit: 5) } != nil)
    }

    @Test(
        arguments: [
            ([0x01, 0x61], 2, .truncated(offset: 0)),
            ([0x00, 0x61, 0xE0], 20, .truncated(offset: 2)),
            ([0x00, 0x61, 0x20], 20, .truncated(offset: 2)),
            ([0x00, 0x61, 0x20, 0x01], 20, .referenceBeforeStart(offset: 2)),
            ([0x00, 0x61, 0x20, 0x00], 3, .wrongByteCount(expected: 3)),
            ([0x00, 0x61, 0x20, 0x00], 5, .wrongByteCount(expected: 5)),
            ([0x00, 0x61], 0, .wrongByteCount(expected: 0)),
            ([], 1, .wrongByteCount(expected: 1)),
        ] as [([UInt8], Int, LZFError)]
    )
    func `tells what is wrong with a broken block`(block: [UInt8], byteCount: Int, expected: LZFError) {
        #expect(throws: expected) {
            try block.withBytes { (block) throws(LZFError) in try decompressLZF(block, byteCount: byteCount) }
        }
    }

    @Test(arguments: 0..<20)
    func `survives noise, and never writes beyond what was promised`(seed: UInt64) {
        var state = seed &+ 99
        for _ in 0..<500 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let block = (0..<Int(state >> 58)).map { UInt8(truncatingIfNeeded: state >> UInt64($0 % 56) &+ UInt64($0)) }
            let byteCount = Int(state >> 40 & 0xFF)
            do throws(LZFError) {
                let bytes = try block.withBytes { (block) throws(LZFError) in
                    try decompressLZF(block, byteCount: byteCount)
                }
                #expect(bytes.count == byteCount)
            } catch {
                // A typed error is the other right answer.
            }
        }
    }
}
