import Testing

@testable import Protocol

@Suite struct `Hash slots` {
    @Test(arguments: [
        ("", 0),
        ("a", 15495),
        ("foo", 12182),
        ("123456789", 12739),
        ("key:000000001234", 16382),
        ("somewhat longer key of 33 bytes !", 11044),
        ("{user1000}.following", 3443),
        ("foo{}{bar}", 8363),  // an empty tag is no tag: the whole key counts
        ("foo{{bar}}zap", 4015),  // the tag is “{bar”
        ("foo{bar}{zap}", 5061),  // only the first tag counts
        ("{}", 15257),
        ("ab{", 3823),
    ])
    func `of a key are those that Redis gives`(key: String, expected: Int) {
        #expect(Array(key.utf8).withBytes { hashSlot(of: $0) } == expected)
    }

    @Test(arguments: 0..<40)
    func `follow the definition of CRC-16 XMODEM at every length`(byteCount: Int) {
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 7) }

        var expected: UInt16 = 0
        for byte in bytes {
            expected ^= UInt16(byte) << 8
            for _ in 0..<8 { expected = expected & 0x8000 != 0 ? expected << 1 ^ 0x1021 : expected << 1 }
        }

        #expect(bytes.withBytes { crc16($0) } == expected)
    }

    @Test func `rest on the checksum of the Redis Cluster specification`() {
        #expect(Array("123456789".utf8).withBytes { crc16($0) } == 0x31C3)
    }
}
