import Keyspace
import Protocol
import Testing

@testable import Persistence

/// The fields of the hash that `payload` holds, sorted, each with its value and expiry, and how they are kept.
private func decode(_ payload: [UInt8]) throws(DumpError) -> (fields: [String], encoding: String) {
    try decode(payload) { entry, keyspace in
        var fields: [String] = []
        let hash = HashValue(entry: entry, keyspace: keyspace)
        hash.forEachWithExpiry { field, value, expiry in
            let text = "\(field.withBytes { $0.text })=\(value.withBytes { $0.text })"
            fields.append(expiry.map { "\(text) until \($0)" } ?? text)
        }
        hash.checkInvariants()
        return (fields.sorted(), "\(entry.encoding.name)")
    }
}

@Suite struct `A DUMP payload of a hash` {
    /// Made, or taken, by redis-server 7.0.15 and valkey-server 9.1.2.
    static let vectors: [(hex: String, fields: [String], encoding: String)] = [
        ("1012120000000400816602817602816e020501ff0a008490939f57b4f3c2", ["f=v", "n=5"], "listpack"),
        ("1012120000000400816602817602816e020501ff50004bba5a0ec9e69436", ["f=v", "n=5"], "listpack"),
        ("0401016601760a00adf24356b1860efc", ["f=v"], "listpack"),
        ("040101660176500062d88ac72fd46908", ["f=v"], "listpack"),
        ("090d020166010076016702007777ff03001d23a4d94f6a834f", ["f=v", "g=ww"], "listpack"),
        ("0d161600000013000000040000016603017603016e03f6ff0600d95341f9b4afee7e", ["f=v", "n=5"], "listpack"),
        (
            "160201660176ffffffffffffffff016701770038d360ba0100005000f24f5d4432e36d7a",
            ["f=v", "g=w until 1900000000000"], "hashtable"
        ),
    ]

    @Test(arguments: vectors)
    func `of Redis and of Valkey is read`(hex: String, fields: [String], encoding: String) throws {
        let hash = try decode(bytes(hex: hex))

        #expect(hash.fields == fields)
        #expect(hash.encoding == encoding)
    }

    @Test func `is Valkey's where a field has an expiry, and Redis's where none has`() {
        func dumped(expiry: ExpiryRule) -> [UInt8] {
            dump(HashValue.self) { hash in
                hash.convert()
                Array("f".utf8).withBytes { field in
                    Array("v".utf8).withBytes { _ = hash.set(field, to: $0, expiry: expiry) }
                }
            }
        }

        #expect(dumped(expiry: .discard) == bytes(hex: "0401016601760a00adf24356b1860efc"))
        // Type 22, and version 80.
        let volatile = dumped(expiry: .at(1_900_000_000_000))
        #expect(volatile.dropLast(10) == bytes(hex: "1601016601760038d360ba010000"))
        #expect(volatile.suffix(10).prefix(2) == [80, 0])
    }

    @Test(arguments: [
        ("0402" + "01660176" + "01660177", "a field twice"),
        ("0400", "no fields"),
        ("04bfffffffff", "more fields than bytes"),
        ("048100000000ffffffff01660176", "far more fields than bytes"),
        ("16010166" + "0176" + "feffffffffffffff", "a time before all times"),
        ("16010166" + "0176" + "ffffffff", "half a time"),
        ("1600", "no volatile fields"),
        (
            "1602" + "01660176" + "ffffffffffffffff" + "01660177" + "0000000000010000",
            "a field twice, one of them volatile"
        ),
        ("100707000000" + "0000ff", "an empty listpack"),
        ("100a0a0000000100816602ff", "a listpack without the last value"),
        ("101313000000040081660281760281660281" + "7702ff", "a field twice in a listpack"),
        ("0d0b0b0000000a0000000000ff", "an empty ziplist"),
        ("0d0e0e0000000a0000000100000166ff", "a ziplist without the last value"),
        ("0902" + "00ff", "an empty zipmap"),
        ("0905" + "01016661ff", "a zipmap whose field reaches beyond its end"),
        ("0904" + "010166ff", "a zipmap without the last value"),
        ("0908" + "01016601ff76ffff", "a zipmap with more unused bytes than there are"),
    ])
    func `is refused where it contradicts itself`(hex: String, _: String) {
        #expect(throws: DumpError.self) { try decode(sealed(bytes(hex: hex), version: 80)) }
    }

    @Test(arguments: vectors)
    func `is refused wherever it is cut or changed, or read without harm`(hex: String, _: [String], _: String) {
        let content = Array(bytes(hex: hex).dropLast(10))
        for count in 0..<content.count {
            #expect(throws: DumpError.self) { try decode(sealed(Array(content.prefix(count)), version: 80)) }
        }
        for index in 1..<content.count {
            for bit in 0..<8 {
                var changed = content
                changed[index] ^= 1 << UInt8(bit)
                _ = try? decode(sealed(changed, version: 80))
            }
        }
    }

    @Test(arguments: 0..<200)
    func `comes back as it was, and with some bytes changed does no harm`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let count = [1, 5, 50, 700][Int(seed % 4)]
        let isVolatile = seed % 3 == 0
        var model: [String] = []
        let payload = dump(HashValue.self) { hash in
            for number in 0..<count {
                let value = Array(repeating: "ab", count: Int.random(in: 0..<40, using: &random)).joined()
                let expiry: Int64? = isVolatile && number % 2 == 0 ? Int64.random(in: 0...(.max), using: &random) : nil
                Array("f\(number)".utf8).withBytes { field in
                    Array(value.utf8).withBytes {
                        _ = hash.set(field, to: $0, expiry: expiry.map { .at($0) } ?? .discard)
                    }
                }
                model.append(expiry.map { "f\(number)=\(value) until \($0)" } ?? "f\(number)=\(value)")
            }
        }

        #expect(try decode(payload).fields == model.sorted(), "replay with seed \(seed)")
        for _ in 0..<50 { _ = try? decode(sealed(payload.damaged(using: &random), version: 80)) }
    }

    @Test func `keeps an integer that a listpack has as text among its fields`() throws {
        // 12 as a text of two bytes, which no server writes: a look-up would take it for another field than the number.
        let hash = try decode(sealed(bytes(hex: "100e0e00000002" + "00823132" + "03817602ff"), version: 11))

        #expect(hash.fields == ["12=v"])
        #expect(hash.encoding == "hashtable")
    }
}
