import Keyspace
import Protocol
import Testing

@testable import Persistence

private func number(_ value: Int64?) -> String { value.map(String.init) ?? "?" }

extension StreamID {
    fileprivate var text: String { withText { $0.text } }
}

/// What the stream says that `payload` holds: its state, its entries, and its groups with their consumers.
private func decode(_ payload: [UInt8]) throws(DumpError) -> [String] {
    try decode(payload) { entry, keyspace in
        let stream = StreamValue(entry: entry, keyspace: keyspace)
        stream.checkInvariants()
        let state = stream.state
        var lines = ["\(state.count) of \(state.entriesAdded), \(state.lastID.text), \(state.maxDeletedID.text)"]
        stream.forEach { entry in
            var line = entry.id.text
            entry.forEachField { field, value in
                line += " \(field.withBytes { $0.text })=\(value.withBytes { $0.text })"
            }
            lines.append(line)
            return true
        }
        stream.forEachGroup { group in
            lines.append("\(group.name.text): \(group.lastID.text), \(number(group.entriesRead)) read")
            group.forEachConsumer { consumer in
                lines.append("\(consumer.name.text): \(consumer.seenTime), \(consumer.activeTime)")
                group.forEachPending(of: consumer) { pending in
                    lines.append("\(pending.id.text): \(pending.deliveryTime), \(pending.deliveryCount)")
                    return true
                }
            }
            group.forEachReleased { lines.append("nobody: \($0.id.text): \($0.deliveryTime), \($0.deliveryCount)") }
        }
        return lines
    }
}

extension StreamValue {
    fileprivate func append(_ milliseconds: Int, _ sequence: Int, _ fields: String...) {
        let owned = OwnedArguments(fields.map { Array($0.utf8) })
        withExtendedLifetime(owned) {
            append(StreamID(UInt64(milliseconds), UInt64(sequence)), fields: owned.arguments)
        }
    }
}

/// A stream of `count` entries, of which every fifth is deleted, with two groups and what is pending in them.
private func filled(_ count: Int) -> [UInt8] {
    dump(StreamValue.self) { stream in
        for index in 1...count {
            if index % 7 == 0 {
                stream.append(index, index, "other", "x", "17", String(index))
            } else {
                stream.append(index, 0, "field", String(index))
            }
        }
        for index in stride(from: 5, through: count, by: 5) where index % 7 != 0 {
            _ = stream.delete(StreamID(UInt64(index), 0))
        }
        for (name, names) in [("g", ["alice", "bob"]), ("h", [])] {
            let group = Array(name.utf8).withBytes {
                stream.addGroup($0, lastID: StreamID(3, 3), entriesRead: name == "g" ? 3 : nil)
            }
            for (index, name) in names.enumerated() {
                let consumer = Array(name.utf8).withBytes {
                    stream.addConsumer($0, to: group, seen: 1000, active: 1000)
                }
                for id in stride(from: index, through: min(count, 50), by: 2) {
                    let entry = PendingEntry(
                        id: StreamID(UInt64(id), 0),
                        deliveryTime: Int64(id) * 1_000_000,
                        deliveryCount: Int64(id),
                        consumer: consumer
                    )
                    stream.put(entry, in: group)
                }
            }
        }
    }
}

/// A group whose consumer `c` has an entry, whose next is nobody's, and whose third is with a consumer without a name, if
/// there is one and it was delivered at all.
private func givenBack(namelessSeen: Int64?, delivery: Int64) -> [UInt8] {
    dump(StreamValue.self) { stream in
        for number in 1...3 { stream.append(number, 1, "f", "v") }
        let group = Array("g".utf8).withBytes { stream.addGroup($0, lastID: StreamID(3, 1), entriesRead: 3) }
        let consumer = Array("c".utf8).withBytes { stream.addConsumer($0, to: group, seen: 1000, active: 1000) }
        func put(_ number: UInt64, _ time: Int64, _ count: Int64, _ consumer: StreamConsumer?) {
            let id = StreamID(number, 1)
            let entry = PendingEntry(id: id, deliveryTime: time, deliveryCount: count, consumer: consumer)
            stream.put(entry, in: group)
        }
        put(1, 7, 2, consumer)
        put(2, 0, 5, nil)
        guard let seen = namelessSeen else { return }
        let nameless = [].withBytes { stream.addConsumer($0, to: group, seen: seen, active: seen) }
        if delivery > 0 { put(3, delivery, 1, nameless) }
    }
}

/// A group `g` of the stream with 1-1 f=v, what is pending with the consumer `c`, taken from the real servers.
private let pendingInRedis = """
    130110000000000000000100000000000000011d1d0000000a0001010001010181660200010201000100018176020401ff01010101010000\
    0101026731010101010000000000000001000000000000000122ab2d06a2010000010102633122ab2d06a2010000010000000000000001000000\
    00000000010a00ec67464f28c3fd9f
    """
private let pendingInValkey = """
    150110000000000000000100000000000000011d1d0000000a0001010001010181660200010201000100018176020401ff01010101010000\
    010102673101010101000000000000000100000000000000012dab2d06a201000001010263312dab2d06a20100002dab2d06a20100000100000000\
    0000000100000000000000015000ddcdbaa37477b88c
    """

@Suite struct `A stream in RDB` {
    @Test func `has the bytes that Redis 7.0 gives it`() {
        let two = dump(StreamValue.self) { stream in
            stream.append(1, 1, "f", "v")
            stream.append(2, 1, "f", "w")
        }
        let one = dump(StreamValue.self) { stream in
            stream.append(1, 1, "f", "v")
            stream.append(2, 1, "g", "w")
            _ = stream.delete(StreamID(1, 1))
        }
        let pending = dump(StreamValue.self) { stream in
            stream.append(1, 1, "f", "v")
            let group = Array("g1".utf8).withBytes { stream.addGroup($0, lastID: StreamID(1, 1), entriesRead: 1) }
            let consumer = Array("c1".utf8).withBytes {
                stream.addConsumer($0, to: group, seen: 0x01A2_062D_AB22, active: 0)
            }
            let entry = PendingEntry(
                id: StreamID(1, 1),
                deliveryTime: 0x01A2_062D_AB22,
                deliveryCount: 1,
                consumer: consumer
            )
            stream.put(entry, in: group)
        }

        #expect(
            two
                == bytes(
                    hex: """
                        1301100000000000000001000000000000000128280000000f000201000101018166020001020100010001817602040102\
                        01010100018177020401ff0202010101000002000a002da9efbff1e87992
                        """
                )
        )
        #expect(
            one
                == bytes(
                    hex: """
                        130110000000000000000100000000000000012d2d000000110001010101010181660200010301000100018176020401000101\
                        01000101018167028177020601ff0102010201010102000a006dd1cb14fd980fd1
                        """
                )
        )
        #expect(pending == bytes(hex: pendingInRedis))
    }

    @Test(arguments: [
        (pendingInRedis, "1795399985954, 1795399985954", "1795399985954, 1"),
        (pendingInValkey, "1795399985965, 1795399985965", "1795399985965, 1"),
    ])
    func `is read with its groups`(hex: String, times: String, delivery: String) throws {
        #expect(
            try decode(bytes(hex: hex)) == [
                "1 of 1, 1-1, 0-0", "1-1 f=v", "g1: 1-1, 1 read", "c1: \(times)", "1-1: \(delivery)",
            ]
        )
    }

    @Test func `is read in the form that it first had`() throws {
        let payload = bytes(
            hex: """
                0f0110000000000000000100000000000000011d1d0000000a0001010001010181660200010201000100018176020401ff\
                0101010101670101000009005625427d66de1f1e
                """
        )

        #expect(try decode(payload) == ["1 of 1, 1-1, 0-0", "1-1 f=v", "g: 1-1, 1 read"])
    }

    @Test(arguments: [
        (1, "1 of 1, 1-0, 0-0"), (50, "41 of 50, 50-0, 50-0"), (700, "580 of 700, 700-700, 695-0"),
    ])
    func `comes back as it went`(count: Int, state: String) throws {
        let payload = filled(count)

        #expect(try decode(payload).first == state)
        let again = try decode(payload) { entry, keyspace in DumpPayload.encode(entry, in: keyspace) }
        #expect(again == payload)
    }

    /// One entry, 1-1 f=v, and what the parameters say of it.
    private func payload(blocks: Int = 1, count: String = "01", last: String = "0101", groups: String = "00") -> [UInt8]
    {
        let id = "00000000000000010000000000000001"
        let block = "10" + id + "1d" + "1d0000000a0001010001010181660200010201000100018176020401ff"
        let head = "130" + String(blocks) + String(repeating: block, count: blocks) + count + last
        return sealed(bytes(hex: head + "0101" + "0000" + "01" + groups))
    }

    @Test func `is refused when it contradicts itself`() {
        #expect(throws: Never.self) { try decode(payload()) }
        #expect(throws: DumpError.self) { try decode(payload(count: "02")) }
        #expect(throws: DumpError.self) { try decode(payload(blocks: 2, count: "02")) }
        #expect(throws: DumpError.self) { try decode(payload(last: "0001")) }
        #expect(throws: DumpError.self) {
            try decode(payload(groups: "02" + "0167010101" + "0000" + "0167010101" + "0000"))
        }
    }

    @Test func `is refused when what is pending is not pending with one consumer`() {
        let (id, other) = ("00000000000000010000000000000001", "00000000000000020000000000000001")
        let delivery = "000000000000000001"
        let (one, another) = ("01630000000000000000", "01640000000000000000")
        func isRead(_ rest: String) -> Bool {
            (try? decode(payload(groups: "01" + "0167010101" + rest))) != nil
        }

        #expect(isRead("01" + id + delivery + "01" + one + "01" + id))
        #expect(isRead("02" + id + delivery + other + delivery + "02" + one + "01" + id + another + "01" + other))
        // With nobody; out of order; twice; with a consumer but not in the group; with two consumers; a consumer twice.
        #expect(!isRead("01" + id + delivery + "00"))
        #expect(!isRead("02" + other + delivery + id + delivery + "01" + one + "02" + id + other))
        #expect(!isRead("02" + id + delivery + id + delivery + "01" + one + "02" + id + id))
        #expect(!isRead("01" + id + delivery + "01" + one + "01" + other))
        #expect(!isRead("01" + id + delivery + "02" + one + "01" + id + another + "01" + id))
        #expect(!isRead("01" + id + delivery + "02" + one + "01" + id + one + "00"))
    }

    /// Redis 7.0 and Valkey 9.1 have no entries of nobody: they find a consumer without a name.
    @Test(
        arguments: [
            (nil, 0, ["g: 3-1, 3 read"]),
            (1000, 0, ["g: 3-1, 3 read", ": 1000, 1000"]),
            (1000, 9, ["g: 3-1, 3 read", ": 1000, 1000", "3-1: 9, 1"]),
            (0, 9, ["g: 3-1, 3 read", ": 0, 0", "3-1: 9, 1"]),
        ] as [(Int64?, Int64, [String])]
    )
    func `keeps what was given back`(namelessSeen: Int64?, delivery: Int64, lines: [String]) throws {
        let payload = givenBack(namelessSeen: namelessSeen, delivery: delivery)

        let found = try decode(payload).drop { !$0.hasPrefix("g") }
        #expect(Array(found) == lines + ["c: 1000, 1000", "1-1: 7, 2", "nobody: 2-1: 0, 5"])
        #expect(try decode(payload) { entry, keyspace in DumpPayload.encode(entry, in: keyspace) } == payload)
    }

    @Test func `is refused when it is cut anywhere`() {
        for payload in [filled(20), bytes(hex: pendingInValkey), givenBack(namelessSeen: nil, delivery: 0)] {
            for count in 1..<payload.count - 10 {
                #expect(throws: DumpError.self) { try decode(sealed(Array(payload[..<count]))) }
            }
        }
    }

    @Test(arguments: 0..<400)
    func `does no harm, whatever its bytes are`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let forms = [
            filled(10), filled(120), bytes(hex: pendingInValkey), bytes(hex: pendingInRedis),
            givenBack(namelessSeen: nil, delivery: 0), givenBack(namelessSeen: 0, delivery: 9),
        ]
        let content = (forms.randomElement(using: &random) ?? []).damaged(using: &random)

        // Read or refused: but neither a crash nor a stream that contradicts itself, which `decode` checks.
        _ = try? decode(sealed(content))
    }
}
