// What the tests of this floor share: payloads as text and with their seal, values read from one, and seeds that replay.

import Keyspace
import Protocol

@testable import Persistence

func bytes(hex: String) -> [UInt8] {
    stride(from: 0, to: hex.utf8.count, by: 2).map { UInt8(hex.dropFirst($0).prefix(2), radix: 16) ?? 0 }
}

/// A payload of `content` with the right footer for `version`.
func sealed(_ content: [UInt8], version: UInt16 = 10) -> [UInt8] {
    var encoder = RDBEncoder()
    content.withBytes { encoder.write(raw: $0) }
    encoder.write(fixed: version)
    encoder.write(fixed: encoder.bytes.withBytes { CRC64.checksum(of: $0) })
    return encoder.bytes
}

/// What `body` makes of the value that `payload` holds.
func decode<Result>(_ payload: [UInt8], _ body: (Entry, Keyspace) -> Result) throws(DumpError) -> Result {
    let keyspace = Keyspace(databaseCount: 1, slots: .none, seed: 1)
    return try payload.withBytes { (payload) throws(DumpError) in
        let entry = try DumpPayload.decode(payload, key: payload[0..<0], expiry: nil, in: keyspace)
        return entry.withEntry { body($0, keyspace) }
    }
}

/// What DUMP gives for a value that `fill` has filled.
func dump<Value: AggregateValue>(
    _: Value.Type,
    configure: (Keyspace) -> Void = { _ in },
    _ fill: (Value) -> Void
) -> [UInt8] {
    let keyspace = Keyspace(databaseCount: 1, slots: .none, seed: 1)
    configure(keyspace)
    return Array("k".utf8).withBytes { key in
        keyspace.makeDetached(Value.self, key: key, fill).withEntry { DumpPayload.encode($0, in: keyspace) }
    }
}

extension [UInt8] {
    /// A payload's content with up to four of its bytes changed, its type kept.
    func damaged(using random: inout some RandomNumberGenerator) -> [UInt8] {
        var content = Array(dropLast(10))
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            content[Int.random(in: 1..<content.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return content
    }
}

/// SplitMix64, so that a seed replays a test.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
