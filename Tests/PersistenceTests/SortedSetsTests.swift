import Keyspace
import Protocol
import Testing

@testable import Persistence

/// The members of the sorted set that `payload` holds, each with its score.
private func decode(_ payload: [UInt8]) throws(DumpError) -> [String] {
    try decode(payload) { entry, keyspace in
        let set = SortedSetValue(entry: entry, keyspace: keyspace)
        set.checkInvariants()
        var members: [String] = []
        set.forEach { member, score in members.append("\(member.withBytes { $0.text }) \(score)") }
        return members
    }
}

/// What DUMP gives for a sorted set.
private func dump(_ members: [(String, Double)], listpackCount: Int = 128) -> [UInt8] {
    dump(SortedSetValue.self) {
        $0.limits.sortedSetListpackCount = listpackCount
    } _: { set in
        for (member, score) in members { Array(member.utf8).withBytes { set.insert($0, score: score) } }
    }
}

@Suite struct `A sorted set in RDB` {
    @Test(arguments: [
        (128, "1114140000000400816102010181620283322e3504ff0a00d44c6ea4f644d9d7"),
        (0, "0502016200000000000004400161000000000000f03f0a00f46eb73919767291"),
    ])
    func `has the bytes that Redis 7.0 gives it`(listpackCount: Int, hex: String) {
        #expect(dump([("a", 1), ("b", 2.5)], listpackCount: listpackCount) == bytes(hex: hex))
    }

    /// Payloads that RESTORE of Redis 7.0.15 and Valkey 9.1.2 took.
    @Test(arguments: [
        ("0302016101330162fe0600bb4a6715f7ed5f77", ["a 3.0", "b inf"]),
        ("0c181800000012000000040000016103f20201620303322e35ff0600caba751d613a9224", ["a 1.0", "b 2.5"]),
        ("0502016200000000000004400161000000000000f03f50003b447ea887241565", ["a 1.0", "b 2.5"]),
        ("1114140000000400816102010181620283322e3504ff50001b66a7356816be23", ["a 1.0", "b 2.5"]),
    ])
    func `is read in every form that it ever had`(hex: String, members: [String]) throws {
        #expect(try decode(bytes(hex: hex)) == members)
    }

    @Test(arguments: [0, 128, 5000])
    func `comes back as it went`(listpackCount: Int) throws {
        let members = (0..<900).map { ("member:\($0)", Double($0 * 7 % 900) / 4) }
        let expected = members.sorted { $0.1 < $1.1 }.map { "\($0.0) \($0.1)" }

        #expect(try decode(dump(members, listpackCount: listpackCount)) == expected)
    }

    @Test func `that is a listpack out of order is put in order`() throws {
        // b 2, a 1
        #expect(
            try decode(sealed(bytes(hex: "1111" + "110000000400" + "816202" + "0201" + "816102" + "0101" + "ff"))) == [
                "a 1.0", "b 2.0",
            ]
        )
    }

    /// No members, a member twice (as listpack, as ziplist and one by one), scores that are no numbers, a member without a
    /// score, and a listpack that is none.
    @Test(arguments: [
        "0500", "0300", "1107" + "070000000000" + "ff",
        "1111" + "110000000400" + "816102" + "0101" + "816102" + "0201" + "ff",
        "0c15" + "15000000120000000400" + "000161" + "03f2" + "020161" + "03f3" + "ff",
        "0502" + "0161" + "000000000000f03f" + "0161" + "0000000000000040", "0501" + "0161" + "000000000000f87f",
        "0301" + "0161" + "fd", "110d" + "0d0000000200" + "816102" + "817802" + "ff",
        "110f" + "0f0000000300" + "816102" + "0101" + "817802" + "ff", "110a" + "0a0000000100" + "816102" + "ff",
        "1104" + "61626364",
    ])
    func `is refused when it contradicts itself`(hex: String) {
        #expect(throws: DumpError.content(.brokenCollection(offset: 1))) { try decode(sealed(bytes(hex: hex))) }
    }

    @Test(arguments: ["05" + "81ffffffffffffffff", "03" + "80ffffffff", "11" + "80ffffffff", "0301" + "0161" + "0178"])
    func `is refused when its counts or its texts are out of all measure`(hex: String) {
        #expect(throws: DumpError.self) { try decode(sealed(bytes(hex: hex))) }
    }

    @Test func `is refused when it is cut anywhere`() {
        let members = (0..<50).map { ("e\($0)", Double($0) / 3) }
        for payload in [
            dump(members), dump(members, listpackCount: 0), bytes(hex: "0302016101330162fe0600bb4a6715f7ed5f77"),
        ] {
            for count in 1..<payload.count - 10 {
                #expect(throws: DumpError.self) { try decode(sealed(Array(payload[..<count]))) }
            }
        }
    }

    @Test(arguments: 0..<300)
    func `does no harm, whatever its bytes are`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let members = (0..<20).map { ("e\($0)", Double($0) / 4) }
        let forms = [
            dump(members), dump(members, listpackCount: 0), bytes(hex: "0302016101330162fe0600bb4a6715f7ed5f77"),
            bytes(hex: "0c181800000012000000040000016103f20201620303322e35ff0600caba751d613a9224"),
        ]
        let content = (forms.randomElement(using: &random) ?? []).damaged(using: &random)

        // Read or refused: but neither a crash nor a set that contradicts itself, which `decode` checks.
        _ = try? decode(sealed(content))
    }
}
