import Keyspace
import Protocol
import Testing

@testable import Persistence

/// The string that `payload` holds.
private func decode(_ payload: [UInt8]) throws(DumpError) -> [UInt8] {
    try decode(payload) { entry, _ in entry.string.withBytes { $0.array } }
}

/// What DUMP gives for a key that SET has given `value`.
private func dump(_ value: [UInt8], compressing: Bool = true) -> [UInt8] {
    let keyspace = Keyspace(databaseCount: 1, slots: .none, seed: 1)
    return Array("k".utf8).withBytes { name in
        let key = keyspace.key(name)
        _ = value.withBytes { keyspace.set(key, in: 0, to: $0) }
        return keyspace.lookup(key, in: 0).map { DumpPayload.encode($0, in: keyspace, compressing: compressing) } ?? []
    }
}

@Suite struct `A DUMP payload` {
    /// Made by Redis 7.0.15 and, second, by Valkey 9.1.2.
    static let vectors: [(value: String, redis: String, valkey: String)] = [
        ("hello", "000568656c6c6f0a006372df766534200a", "000568656c6c6f5000ac5816e7fb6647fe"),
        ("12", "00c00c0a003c2af8515c04bcd5", "00c00c5000f30031c0c256db21"),
        ("-1", "00c0ff0a000c937e2485089dc5", "00c0ff5000c3b9b7b51b5afa31"),
        ("300", "00c12c010a00954261f265825c10", "00c12c0150005a68a863fbd03be4"),
        ("100000", "00c2a08601000a00f12403506f2fa674", "00c2a086010050003e0ecac1f17dc180"),
        (
            "12345678901", "000b31323334353637383930310a00304e52d727176510",
            "000b31323334353637383930315000ff649b46b94502e4"
        ),
        (
            String(repeating: "a", count: 64), "00c3094040016161e033000161610a00c3659612ce1cc46c",
            "00c3094040016161e0330001616150000c4f5f83504ea398"
        ),
        (
            String(repeating: "abcdefghij", count: 7),
            "00c31240460a6162636465666768696a61e0300901696a0a003310d9f738f8f9f8",
            "00c31240460a6162636465666768696a61e0300901696a5000fc3a1066a6aa9e0c"
        ),
    ]

    @Test(arguments: vectors)
    func `of Redis and of Valkey is read`(value: String, redis: String, valkey: String) throws {
        #expect(try decode(bytes(hex: redis)) == Array(value.utf8))
        #expect(try decode(bytes(hex: valkey)) == Array(value.utf8))
    }

    /// Two compressors need not find the same references; everything else has one form.
    @Test(arguments: vectors.filter { $0.value.utf8.count <= 20 })
    func `is byte for byte that of Redis, where nothing is compressed`(value: String, redis: String, _: String) {
        #expect(dump(Array(value.utf8)) == bytes(hex: redis))
    }

    @Test(arguments: [0, 1, 20, 21, 63, 64, 16383, 16384, 70_000], [false, true])
    func `survives the way out and back`(byteCount: Int, compressing: Bool) throws {
        for period in [1, 7, 251] {
            let value = (0..<byteCount).map { UInt8($0 % period) }

            let payload = dump(value, compressing: compressing)

            #expect(try decode(payload) == value)
            #expect(!compressing || byteCount < 64 || period > 7 || payload.count < byteCount)
        }
    }

    @Test(arguments: [
        Int64.min, -2_147_483_649, -2_147_483_648, -32769, -129, -128, 127, 128, 32768, 2_147_483_648, .max,
    ])
    func `of an integer is read at every width`(number: Int64) throws {
        #expect(try decode(dump(Array(String(number).utf8))) == Array(String(number).utf8))
    }

    @Test func `is refused when it is cut or changed anywhere`() {
        let payload = dump(Array("some value that is not too short to be cut".utf8))
        for count in 0..<payload.count {
            #expect(throws: DumpError.versionOrChecksum) { try decode(Array(payload.prefix(count))) }
        }
        for index in payload.indices {
            var changed = payload
            changed[index] ^= 0x10
            #expect(throws: DumpError.versionOrChecksum) { try decode(changed) }
        }
    }

    @Test(arguments: [
        (9, true), (10, true), (11, true), (12, false), (79, false), (80, true), (81, false), (65535, false),
    ])
    func `is refused from a version that nobody here knows`(version: UInt16, isRead: Bool) {
        let result = Result { () throws(DumpError) in try decode(sealed([0, 1, 0x61], version: version)) }
        #expect(result == (isRead ? .success([0x61]) : .failure(.versionOrChecksum)))
    }

    @Test(
        arguments: [
            ([], .truncated(offset: 0, missing: 1)),
            ([0], .truncated(offset: 1, missing: 1)),
            ([0, 5, 0x61], .truncated(offset: 3, missing: 4)),
            ([0, 0x40], .truncated(offset: 2, missing: 1)),
            ([0, 0x80, 0, 0], .truncated(offset: 4, missing: 2)),
            ([0, 0x80, 0xFF, 0xFF, 0xFF, 0xFF], .truncated(offset: 6, missing: 4_294_967_295)),
            ([0, 0x81] + [UInt8](repeating: 0xFF, count: 8), .lengthTooLarge(.max, offset: 1)),
            ([0, 0x82], .unknownLengthForm(0x82, offset: 1)),
            ([0, 0xC4], .unknownStringForm(4, offset: 1)),
            ([0, 0xC2, 1, 2, 3], .truncated(offset: 5, missing: 1)),
            ([0, 0xC3, 0xC0], .stringInPlaceOfLength(offset: 2)),
            ([0, 0xC3, 9, 1], .truncated(offset: 4, missing: 8)),
            ([0, 0xC3, 1, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0], .lengthTooLarge(4_294_967_295, offset: 3)),
            ([0, 0xC3, 2, 2, 0x00, 0x61], .brokenCompression(.wrongByteCount(expected: 2), offset: 1)),
            ([0, 1, 0x61, 0x62], .bytesLeft(1, offset: 3)),
            ([99, 1, 0x61], .unknownType(99, offset: 0)),
        ] as [([UInt8], RDBError)]
    )
    func `with the right checksum over wrong content tells what is wrong`(content: [UInt8], expected: RDBError) {
        #expect(throws: DumpError.content(expected)) { try decode(sealed(content)) }
    }

    @Test(arguments: 0..<50)
    func `of noise with the right checksum never harms`(seed: UInt64) {
        var state = seed &* 2 &+ 1
        func random(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        for _ in 0..<400 {
            // Every other one is a good payload with some bytes changed, the rest is noise behind the type of a string.
            var content: [UInt8] = [0] + (0..<random(40)).map { _ in UInt8(random(256)) }
            if random(2) == 0 {
                content = Array(dump([UInt8](repeating: UInt8(random(256)), count: Int(random(300)))).dropLast(10))
                for _ in 0...random(3) { content[Int(random(UInt64(content.count)))] = UInt8(random(256)) }
            }
            do throws(DumpError) {
                let value = try decode(sealed(content))
                #expect(value.count <= content.count * 88)
            } catch {
                #expect(error != .versionOrChecksum)
            }
        }
    }
}
