import Testing

@testable import Protocol

private func written(version: UInt8, _ write: (ReplyBuffer) -> Void) -> String {
    let buffer = ReplyBuffer(capacity: 64)
    buffer.version = version
    write(buffer)
    return buffer.unsent.text
}

@Suite struct `Replies` {
    /// What is written, and how it looks in RESP2 and RESP3; from the protocol's specification and Redis 7.0.
    static let forms: [(name: String, write: @Sendable (ReplyBuffer) -> Void, resp2: String, resp3: String)] = [
        ("ok", { $0.ok() }, "+OK\r\n", "+OK\r\n"),
        ("simple", { $0.simple("PONG") }, "+PONG\r\n", "+PONG\r\n"),
        ("integer", { $0.integer(7) }, ":7\r\n", ":7\r\n"),
        ("negative", { $0.integer(-1) }, ":-1\r\n", ":-1\r\n"),
        ("long integer", { $0.integer(Int64.min) }, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        ("no bytes", { $0.bulk("") }, "$0\r\n\r\n", "$0\r\n\r\n"),
        ("bulk", { $0.bulk("abc") }, "$3\r\nabc\r\n", "$3\r\nabc\r\n"),
        ("longer bulk", { $0.bulk("0123456789") }, "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n"),
        ("bulk number", { $0.bulk(Int64(-42)) }, "$3\r\n-42\r\n", "$3\r\n-42\r\n"),
        ("array", { $0.array(10) }, "*10\r\n", "*10\r\n"),
        ("error", { $0.error(String("ERR no\r\nway")) }, "-ERR no  way\r\n", "-ERR no  way\r\n"),
        ("null", { $0.null() }, "$-1\r\n", "_\r\n"),
        ("null array", { $0.nullArray() }, "*-1\r\n", "_\r\n"),
        ("map", { $0.map(2) }, "*4\r\n", "%2\r\n"),
        ("set", { $0.set(3) }, "*3\r\n", "~3\r\n"),
        ("push", { $0.push(3) }, "*3\r\n", ">3\r\n"),
        ("true", { $0.boolean(true) }, ":1\r\n", "#t\r\n"),
        ("false", { $0.boolean(false) }, ":0\r\n", "#f\r\n"),
        ("double", { $0.double(1.5) }, "$3\r\n1.5\r\n", ",1.5\r\n"),
        (
            "big number", { $0.bigNumber("123456789012345678901") },
            "$21\r\n123456789012345678901\r\n", "(123456789012345678901\r\n"
        ),
        ("verbatim", { $0.verbatim("hello") }, "$5\r\nhello\r\n", "=9\r\ntxt:hello\r\n"),
    ]

    @Test(arguments: forms.indices)
    func `have their form in both versions`(index: Int) {
        let form = Self.forms[index]

        #expect(written(version: 2, form.write) == form.resp2, "\(form.name)")
        #expect(written(version: 3, form.write) == form.resp3, "\(form.name)")
    }

    @Test func `describe themselves with attributes in the third version`() {
        #expect(written(version: 3) { $0.attribute(1) } == "|1\r\n")
    }

    @Test(arguments: [0, 1, 9, 10, 12345])
    func `whose length is known last get their header first`(count: Int) {
        let text = written(version: 2) { reply in
            reply.ok()
            let opening = reply.openArray()
            for _ in 0..<count { reply.integer(1) }
            reply.closeArray(opening, count: count)
        }

        #expect(text == "+OK\r\n*\(count)\r\n" + String(repeating: ":1\r\n", count: count))
    }

    @Test func `may be closed as sets and maps`() {
        let write: (ReplyBuffer) -> Void = { reply in
            let map = reply.openArray()
            reply.bulk("k")
            let set = reply.openArray()
            reply.integer(1)
            reply.closeSet(set, count: 1)
            reply.closeMap(map, pairs: 1)
        }

        #expect(written(version: 2, write) == "*2\r\n$1\r\nk\r\n*1\r\n:1\r\n")
        #expect(written(version: 3, write) == "%1\r\n$1\r\nk\r\n~1\r\n:1\r\n")
    }

    @Test(arguments: [0, 1, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 1000, 100_000])
    func `of any size have room, wherever the buffer ends`(count: Int) {
        let value = (0..<count).map { UInt8(truncatingIfNeeded: $0) }

        for filling in 0..<70 {
            let buffer = ReplyBuffer(capacity: 64)
            for _ in 0..<filling { buffer.append("x" as StaticString) }
            value.withBytes { buffer.bulk($0) }

            let expected = Array("\(String(repeating: "x", count: filling))$\(count)\r\n".utf8) + value + [13, 10]
            #expect(buffer.unsent.array == expected, "behind \(filling) bytes")
        }
    }
}

@Suite struct `A reply buffer` {
    @Test func `keeps what the socket did not take, also when it must grow`() {
        let buffer = ReplyBuffer(capacity: 64)
        buffer.bulk("0123456789")

        buffer.didSend(5)
        buffer.bulk(String(repeating: "y", count: 100))

        #expect(buffer.unsent.text == "0123456789\r\n$100\r\n" + String(repeating: "y", count: 100) + "\r\n")
        buffer.didSend(buffer.count)
        #expect(buffer.isEmpty)
    }

    @Test func `forgets what was written since a mark`() {
        let buffer = ReplyBuffer()
        buffer.ok()
        let mark = buffer.mark
        buffer.error("ERR late" as StaticString)

        #expect(buffer.firstByte(since: mark) == UInt8(ascii: "-"))
        buffer.rewind(to: mark)

        #expect(buffer.unsent.text == "+OK\r\n")
        #expect(buffer.firstByte(since: mark) == nil)
    }

    @Test func `brings what was written last before something else`() {
        let buffer = ReplyBuffer()
        buffer.ok()
        let opening = buffer.mark
        buffer.bulk("second")
        let mark = buffer.mark
        buffer.integer(1)

        buffer.bringForward(since: mark, to: opening)

        #expect(buffer.unsent.text == "+OK\r\n:1\r\n$6\r\nsecond\r\n")
    }

    @Test func `gives back what one large reply needed`() {
        let buffer = ReplyBuffer(capacity: 64)
        buffer.bulk(String(repeating: "z", count: 3 << 20))
        #expect(buffer.allocatedByteCount > 3 << 20)

        buffer.clear()

        #expect(buffer.isEmpty)
        #expect(buffer.allocatedByteCount == 16 * 1024)
    }
}
