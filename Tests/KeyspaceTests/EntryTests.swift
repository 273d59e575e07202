import Protocol
import Testing

@testable import Keyspace

@Suite struct Entries {
    @Test func `tell types and encodings by numbers in order`() {
        #expect(ValueType.allCases.map(\.rawValue) == Array(0..<UInt8(ValueType.allCases.count)))
        #expect(Encoding.allCases.map(\.rawValue) == Array(0..<UInt8(Encoding.allCases.count)))
    }

    @Test func `take exactly 32 bytes for a key of 16 and a value of 8`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("placeholder", "the table has its bucket now")
        let before = keyspace.usedBytes

        keyspace.set("key:000000001234", "abcdefgh")

        #expect(keyspace.usedBytes - before == 32)
    }

    @Test(arguments: [
        (keyCount: 16, hasExpiry: false, payload: 8, expected: 32),
        (keyCount: 16, hasExpiry: true, payload: 8, expected: 40),
        (keyCount: 0, hasExpiry: false, payload: 0, expected: 8),
        (keyCount: 254, hasExpiry: false, payload: 3, expected: 265),
        (keyCount: 255, hasExpiry: false, payload: 3, expected: 274),  // the length of a long key takes 8
    ])
    func `have the size that the layout says`(keyCount: Int, hasExpiry: Bool, payload: Int, expected: Int) {
        #expect(Entry.byteCount(keyCount: keyCount, hasExpiry: hasExpiry, payload: payload) == expected)
    }

    @Test(arguments: [0, 1, 15, 16, 253, 254, 255, 256, 1000, 1024, 70_000])
    func `keep keys of every length apart, with and without expiry`(keyCount: Int) {
        let keyspace = Keyspace.standalone()
        let name = [UInt8](repeating: 0x61, count: keyCount)
        let longer = name + [0x61]

        keyspace.with(name) { key in _ = Array("short".utf8).withBytes { keyspace.set(key, in: 0, to: $0) } }
        keyspace.with(longer) { key in
            _ = Array("long".utf8).withBytes { keyspace.set(key, in: 0, to: $0, expiry: .at(2_000_000)) }
        }

        keyspace.with(name) { key in
            let entry = keyspace.lookup(key, in: 0)
            #expect(entry?.key.array == name)
            #expect(entry?.string.withBytes { $0.text } == "short")
            #expect(entry?.expiry == nil)
        }
        keyspace.with(longer) { key in
            let entry = keyspace.lookup(key, in: 0)
            #expect(entry?.key.array == longer)
            #expect(entry?.string.withBytes { $0.text } == "long")
            #expect(entry?.expiry == 2_000_000)
        }
        keyspace.checkInvariants()
    }

    @Test(arguments: [
        ("", "embstr"), ("a", "embstr"), ("12", "int"), ("-9223372036854775808", "int"),
        ("9223372036854775808", "embstr"),
        ("+1", "embstr"), ("01", "embstr"), (String(repeating: "x", count: 44), "embstr"),
        (String(repeating: "x", count: 45), "raw"), (String(repeating: "x", count: 100_000), "raw"),
    ])
    func `tell the encoding that Redis tells`(value: String, expected: String) {
        let keyspace = Keyspace.standalone()

        keyspace.set("k", value)

        keyspace.with("k") { key in #expect(keyspace.lookup(key, in: 0)?.encoding.name.description == expected) }
        #expect(keyspace.get("k") == value)
    }

    @Test func `stay where they are when a new value fits`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("key:000000001234", "abcdefgh")
        let address = address(of: "key:000000001234", in: keyspace)

        keyspace.set("key:000000001234", "12345678")

        #expect(self.address(of: "key:000000001234", in: keyspace) == address)
        #expect(keyspace.get("key:000000001234") == "12345678")
    }

    private func address(of name: String, in keyspace: Keyspace) -> UInt? {
        keyspace.with(name) { key in keyspace.lookup(key, in: 0).map { unsafe UInt(bitPattern: $0.base) } }
    }
}
