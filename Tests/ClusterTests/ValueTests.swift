// The small values of the cluster: names, sets of slots, addresses, flags.

import Testing

@testable import Cluster

@Suite struct `The name of a node` {
    @Test func `is its 40 digits, and ordered as they are`() throws {
        var random = SeededGenerator(seed: 1)
        let names = (0..<100).map { _ in NodeID.random(using: &random) }

        #expect(names.sorted().map(\.description) == names.map(\.description).sorted())
        for name in names { #expect(NodeID(name.description) == name) }
        #expect(Set(names).count == 100)
    }

    @Test(arguments: [
        "", "6fe4e4c0531b8ebdbf03b09f91b17730772fefe", "6fe4e4c0531b8ebdbf03b09f91b17730772fefed0",
        "6FE4e4c0531b8ebdbf03b09f91b17730772fefed", "6fe4e4c0531b8ebdbf03b09f91b17730772fefeg",
    ])
    func `is nothing else`(text: String) {
        #expect(NodeID(text) == nil)
    }
}

@Suite struct `A set of slots` {
    /// The bitmaps of the reference's derived checks.
    @Test(arguments: [
        (0..<5461, [(0xff, 682), (0x1f, 1), (0, 1365)]),
        (5461..<10923, [(0, 682), (0xe0, 1), (0xff, 682), (0x07, 1), (0, 682)]),
        (10923..<16384, [(0, 1365), (0xf8, 1), (0xff, 682)]),
    ])
    func `has the bitmap that the bus expects`(range: Range<Int>, runs: [(Int, Int)]) {
        let bitmap = runs.flatMap { [UInt8](repeating: UInt8($0.0), count: $0.1) }
        var written: [UInt8] = []

        SlotSet(range).appendBitmap(to: &written)

        #expect(written == bitmap)
        #expect(SlotSet(bitmap: bitmap[...]) == SlotSet(range))
        #expect(SlotSet(bitmap: bitmap[...]).ranges == [range])
    }

    @Test func `behaves as a set of numbers`() {
        var random = SeededGenerator(seed: 2)
        func some() -> Set<Int> { Set((0..<500).map { _ in Int.random(in: 0..<Slot.count, using: &random) }) }
        let (one, other) = (some(), some())
        let (left, right) = (SlotSet(one), SlotSet(other))

        #expect(Array(left) == one.sorted())
        #expect(left.count == one.count)
        #expect(Array(left.subtracting(right)) == one.subtracting(other).sorted())
        #expect(Array(left.intersection(right)) == one.intersection(other).sorted())
        var union = left
        union.formUnion(right)
        #expect(Array(union) == one.union(other).sorted())
        #expect(union.count == one.union(other).count)
        #expect(left.ranges.flatMap { Array($0) } == one.sorted())
        for slot in one { union.remove(slot) }
        #expect(Array(union) == other.subtracting(one).sorted())
    }

    @Test func `is written as nodes.conf has it`() {
        #expect(SlotSet([0, 1, 2, 5, 16382, 16383]).description == "0-2 5 16382-16383")
        #expect(SlotSet().description == "")
        #expect(SlotSet(0..<Slot.count).ranges == [0..<Slot.count])
    }
}

@Suite struct `A literal address` {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::"), ("FD00::9", "fd00::9"), ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("1::", "1::"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ])
    func `has one text`(text: String, canonical: String) {
        #expect(IPAddress.canonical(text) == canonical)
    }

    @Test(arguments: [
        "", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", ":", ":::", "1::2::3", "12345::",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "::1.2.3", "::1.2.3.4:5", "g::", "+1::", "1.2.3.4::",
    ])
    func `is nothing else`(text: String) {
        #expect(IPAddress.canonical(text) == nil)
    }
}

@Suite struct `The flags of a node` {
    @Test func `are words in the order of the real servers`() {
        let all: NodeFlags = [
            .noFailover, .withoutAddress, .handshake, .failed, .suspected, .replica, .primary, .myself,
        ]
        #expect(all.text == "myself,master,slave,fail?,fail,handshake,noaddr,nofailover")
        #expect(NodeFlags().text == "noflags")
        #expect(NodeFlags([.primary, .attractsReplicas, .understandsExtensions]).text == "master")
    }
}
