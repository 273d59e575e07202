import Keyspace
import Protocol
import Testing

@testable import Persistence

/// The members of the set that `payload` holds, sorted, and how they are kept.
private func decode(_ payload: [UInt8]) throws(DumpError) -> (elements: [String], encoding: String) {
    try decode(payload) { entry, keyspace in
        var elements: [String] = []
        let set = SetValue(entry: entry, keyspace: keyspace)
        set.checkInvariants()
        set.forEach { member in
            elements.append(member.withBytes { $0.text })
            return true
        }
        return (elements.sorted(), "\(entry.encoding.name)")
    }
}

@Suite struct `A DUMP payload of a set` {
    /// Made by redis-server 7.0.15 and valkey-server 9.1.2.
    static let vectors: [(hex: String, members: [String], encoding: String)] = [
        ("0b0e0200000003000000010002002c010a00e510b28e7b9529aa", ["1", "2", "300"], "intset"),
        ("0b10040000000200000001000000701101005000e81f8aff63343130", ["1", "70000"], "intset"),
        ("020101780a00ffe880ba760c2f09", ["x"], "listpack"),
        ("140a0a0000000100817802ff500089e8d97432ff2a92", ["x"], "listpack"),
        ("0202c00101780a002d1a8a175e6e4bd2", ["1", "x"], "listpack"),
        ("140c0c00000002008178020101ff5000c304662095057dee", ["1", "x"], "listpack"),
    ]

    @Test(arguments: vectors)
    func `of Redis and of Valkey is read`(hex: String, members: [String], encoding: String) throws {
        let set = try decode(bytes(hex: hex))

        #expect(set.elements == members)
        #expect(set.encoding == encoding)
    }

    @Test(arguments: [
        ("02020178" + "0178", "a member twice"),
        ("0200", "no members"),
        ("02bfffffffff", "more members than bytes"),
        ("028100000000ffffffff0178", "far more members than bytes"),
        ("0b080200000000000000", "no integers"),
        ("0b0c02000000020000000200" + "0100", "integers out of order"),
        ("0b0c02000000020000000100" + "0100", "an integer twice"),
        ("0b0a02000000020000000100", "fewer integers than said"),
        ("0b0a03000000010000000100", "integers of three bytes"),
        ("140d0d000000020081780281" + "7802ff", "a member twice in a listpack"),
        ("1407070000000000ff", "an empty listpack"),
        ("140a0a0000000100857802ff", "a listpack that ends too early"),
    ])
    func `is refused where it contradicts itself`(hex: String, _: String) {
        #expect(throws: DumpError.self) { try decode(sealed(bytes(hex: hex), version: 11)) }
    }

    @Test(arguments: vectors)
    func `is refused wherever it is cut or changed, or read without harm`(hex: String, _: [String], _: String) {
        let content = Array(bytes(hex: hex).dropLast(10))
        for count in 0..<content.count {
            #expect(throws: DumpError.self) { try decode(sealed(Array(content.prefix(count)))) }
        }
        for index in 1..<content.count {
            for bit in 0..<8 {
                var changed = content
                changed[index] ^= 1 << UInt8(bit)
                _ = try? decode(sealed(changed))
            }
        }
    }
}
