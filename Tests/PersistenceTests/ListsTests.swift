import Keyspace
import Protocol
import Testing

@testable import Persistence

/// The elements of the list that `payload` holds.
private func decode(_ payload: [UInt8]) throws(DumpError) -> [String] {
    try decode(payload) { entry, keyspace in
        let list = ListValue(entry: entry, keyspace: keyspace)
        list.checkInvariants()
        var elements: [String] = []
        list.forEach(in: 0..<list.count) { elements.append($0.withBytes { $0.text }) }
        return elements
    }
}

/// What DUMP gives for a list of `elements`.
private func dump(_ elements: [String], nodeSize: Int = -2, compressDepth: Int = 0) -> [UInt8] {
    dump(ListValue.self) { keyspace in
        keyspace.limits.listNodeSize = nodeSize
        keyspace.limits.listCompressDepth = compressDepth
    } _: { list in
        for element in elements { Array(element.utf8).withBytes { list.push($0, at: .tail) } }
    }
}

@Suite struct `A list in RDB` {
    @Test(arguments: [
        (["a", "b", "1"], -2, "1201020f0f00000003008161028162020101ff0a00e01bab4a47ce5922"),
        (["a", "bb"], 1, "1202020a0a0000000100816102ff020b0b000000010082626203ff0a0060efcebcb00d1084"),
    ])
    func `has the bytes that Redis 7.0 gives it`(elements: [String], nodeSize: Int, hex: String) {
        #expect(dump(elements, nodeSize: nodeSize) == bytes(hex: hex))
    }

    /// Payloads that RESTORE of Redis 7.0.15 and Valkey 9.1.2 took.
    @Test(arguments: [
        ("01020161c0050600d14e1f09059a8704", ["a", "5"]),
        (
            "0a4078780000002e000000090000016103fd02fe0d03feff03c02c0104f070110105d000e1f50506e000f2052a010000000a4046"
                + String(repeating: "78", count: 70) + "ff0600660ac5d592c8fcf2",
            ["a", "12", "13", "-1", "300", "70000", "100000000", "5000000000", String(repeating: "x", count: 70)]
        ),
        (
            "0e0211110000000d0000000200000161030162ff0d0d0000000a000000010000f2ff090086d8882531d298a1", ["a", "b", "1"]
        ),
        ("1201020f0f00000003008161028162020101ff50002f3162dbd99c3ed6", ["a", "b", "1"]),
    ])
    func `is read in every form that it ever had`(hex: String, elements: [String]) throws {
        #expect(try decode(bytes(hex: hex)) == elements)
    }

    @Test(arguments: [(-2, 0), (4, 0), (4, 1), (-1, 2)])
    func `comes back as it went`(nodeSize: Int, compressDepth: Int) throws {
        let elements = (0..<900).map { "\($0)" } + [String(repeating: "x", count: 30_000), "", "last"]

        #expect(try decode(dump(elements, nodeSize: nodeSize, compressDepth: compressDepth)) == elements)
    }

    /// A count without elements, a node of an unknown kind, a listpack that is none, one without elements, ziplists whose
    /// head or entries lie, and counts that nothing can fill.
    @Test(arguments: [
        "0100", "1200", "120103" + "0161", "1201020461626364", "1201020707000000" + "0000ff",
        "0a0b0c0000000a0000000000ff",
        "0a0b0b0000000a0000000000ff", "0a0d0d0000000a0000000100" + "0501ff", "0a0d0d0000000a0000000100" + "003fff",
        "01" + "81ffffffffffffffff", "12" + "81ffffffffffffffff", "0e" + "80ffffffff",
    ])
    func `is refused when it contradicts itself`(hex: String) {
        #expect(throws: DumpError.self) { try decode(sealed(bytes(hex: hex))) }
    }

    @Test func `is refused when it is cut anywhere`() throws {
        for payload in [dump((0..<50).map { "e\($0)" }, nodeSize: 8), bytes(hex: "01020161c0050600d14e1f09059a8704")] {
            for count in 1..<payload.count - 10 {
                #expect(throws: DumpError.self) { try decode(sealed(Array(payload[..<count]))) }
            }
        }
    }

    @Test(arguments: 0..<300)
    func `does no harm, whatever its bytes are`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let forms = [
            dump((0..<20).map { "e\($0)" }, nodeSize: 4), bytes(hex: "01020161c0050600d14e1f09059a8704"),
            bytes(hex: "0e0211110000000d0000000200000161030162ff0d0d0000000a000000010000f2ff090086d8882531d298a1"),
        ]
        let content = (forms.randomElement(using: &random) ?? []).damaged(using: &random)

        // Read or refused: but neither a crash nor a list that contradicts itself, which `decode` checks.
        _ = try? decode(sealed(content))
    }
}
