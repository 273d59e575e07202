import Testing

@testable import Protocol

/// A connection's input: bytes come in pieces, requests are taken out as they become complete.
private final class Connection {
    private(set) var requests: [[String]] = []
    private(set) var error: ProtocolError?
    private(set) var kept: [UInt8] = []
    var partial = PartialRequest()
    private let limits: RequestLimits
    private let batch = RequestBatch()

    init(_ limits: RequestLimits = RequestLimits()) { self.limits = limits }

    convenience init(_ limits: RequestLimits = RequestLimits(), receiving pieces: [UInt8]...) {
        self.init(limits)
        for piece in pieces { receive(piece) }
    }

    func receive(_ piece: [UInt8]) {
        kept += piece
        while error == nil, !kept.isEmpty {
            let (end, stop) = kept.withBytes { input in
                let filled = batch.fill(from: input, at: 0, limits: limits, partial: &partial)
                for index in 0..<batch.count { requests.append(batch[index].arrays.map(text)) }
                #expect(batch.count == 0 || batch.endOffset(of: batch.count - 1) <= filled.end)
                return filled
            }
            kept.removeFirst(end)
            switch stop {
            case .more: #expect(end > 0, "a batch of no bytes would be parsed for ever")
            case .incomplete: return
            case .failed(let error): self.error = error
            }
        }
    }

    /// Spoils what the parser says that it has understood, but for the first byte, which tells arrays from lines.
    func spoilUnderstood() {
        for index in stride(from: 1, to: partial.position, by: 1) { kept[index] = UInt8(ascii: "!") }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func request(_ words: [String]) -> [UInt8] {
    bytes("*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined())
}

@Suite struct `Requests as arrays` {
    static let long = String(repeating: "v", count: 1000)
    static let pipeline = [
        ["GET", "key:000000000042"], ["SET", "k", ""], ["MSET", "a", long, "{b}\r\n$1", "12"], ["PING"],
    ]

    @Test func `are the same wherever the bytes are split`() {
        let whole = Self.pipeline.flatMap(request)

        for position in 0...whole.count {
            let connection = Connection(receiving: Array(whole[..<position]), Array(whole[position...]))

            #expect(connection.requests == Self.pipeline, "split at \(position)")
            #expect(connection.kept.isEmpty)
        }
    }

    @Test func `are the same byte by byte`() {
        let connection = Connection()

        for byte in Self.pipeline.flatMap(request) { connection.receive([byte]) }

        #expect(connection.requests == Self.pipeline)
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 999, 1000, 70_000])
    func `hold arguments of any length`(count: Int) {
        let words = ["SET", "k", String(repeating: "x", count: count)]

        #expect(Connection(receiving: request(words)).requests == [words])
    }

    @Test func `hold as many arguments as are asked for`() {
        let words = (0..<1500).map { "word\($0)" }

        #expect(Connection(receiving: request(words)).requests == [words])
    }

    /// Each case was answered by Redis 7.0.
    @Test(arguments: [
        ("*0\r\n", []), ("*-5\r\n", []), ("*0\r\n*1\r\n$4\r\nPING\r\n", [["PING"]]),  // none asks for nothing
        ("*1\r\n$4\r\nPINGxx", [["PING"]]),  // what stands for the line's end behind an argument is not looked at,
        ("*1\rX$4\rYPING\r\n", [["PING"]]),  // nor is what follows a carriage return
    ])
    func `are as Redis reads them`(text: String, expected: [[String]]) {
        let connection = Connection(receiving: bytes(text))

        #expect(connection.requests == expected)
        #expect(connection.error == nil && connection.kept.isEmpty)
    }

    @Test func `may be more than a batch holds`() {
        let requests = (0..<100).map { ["GET", "key:\($0)"] }

        #expect(Connection(receiving: requests.flatMap(request)).requests == requests)
    }

    @Test func `in many pieces are not read again from their beginning`() {
        let words = (0..<100_000).map { "argument \($0)" }
        let whole = request(words)
        let connection = Connection()

        for start in stride(from: 0, to: whole.count, by: 20_000) {
            connection.receive(Array(whole[start..<min(start + 20_000, whole.count)]))
            if connection.requests.isEmpty { connection.spoilUnderstood() }
        }

        #expect(connection.error == nil)
        #expect(connection.requests.first?.count == words.count)
        #expect(connection.requests.first?.last == words.last)
    }

    @Test func `with a large argument ask for all of it at one go`() {
        let connection = Connection(receiving: bytes("*2\r\n$3\r\nGET\r\n$200000\r\nbegin"))

        let have = connection.kept.count
        #expect(connection.partial.readSize(having: have, usual: 65536) == 200_002 - "begin".utf8.count)
    }
}

@Suite struct `Mistakes in requests` {
    static let line = String(repeating: "1", count: 70_000)

    /// Each case was answered with this text by Redis 7.0.
    @Test(arguments: [
        (line, "too big inline request"),
        ("*" + line, "too big mbulk count string"),
        ("*1\r\n$" + line, "too big bulk count string"),
        ("*1\r\n" + line, "too big bulk count string"),
        ("set \"a\r\n", "unbalanced quotes in request"),
        ("set 'a'b\r\n", "unbalanced quotes in request"),
        ("*abc\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("*01\r\n", "invalid multibulk length"),
        ("*+1\r\n$4\r\nPING\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$01\r\nxx", "invalid bulk length"),
        ("*1\r\n$1x\r\nx\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
    ])
    func `are told in Redis's words, however the bytes come`(text: String, expected: String) {
        let whole = bytes(text)

        for position in [0, 1, 4, 5, 6, whole.count - 1] where position < whole.count {
            let connection = Connection(receiving: Array(whole[..<position]), Array(whole[position...]))

            #expect(connection.error?.text == "ERR Protocol error: " + expected, "split at \(position)")
            #expect(connection.requests == [])
        }
    }

    @Test func `do not spoil the requests before them`() {
        let connection = Connection(receiving: request(["PING"]) + bytes("*x\r\n"))

        #expect(connection.requests == [["PING"]])
        #expect(connection.error == .invalidMultibulkLength)
    }

    /// Asked of Redis 7.0 with requirepass.
    @Test(
        arguments: [
            ("*10\r\n", nil), ("*11\r\n", .unauthenticatedMultibulkLength),
            ("*1\r\n$16384\r\n", nil), ("*1\r\n$16385\r\n", .unauthenticatedBulkLength),
        ] as [(String, ProtocolError?)]
    )
    func `are made sooner before authentication`(text: String, expected: ProtocolError?) {
        #expect(Connection(RequestLimits(isAuthenticated: false), receiving: bytes(text)).error == expected)
        #expect(Connection(receiving: bytes(text)).error == nil)
    }

    @Test func `are arguments beyond proto-max-bulk-len, even short ones`() {
        let limits = RequestLimits(bulkByteCount: 10)

        #expect(Connection(limits, receiving: request(["0123456789"])).requests == [["0123456789"]])
        #expect(Connection(limits, receiving: request(["0123456789x"])).error == .invalidBulkLength)
    }
}

@Suite struct `Requests as lines` {
    /// Each case was answered alike by Redis 7.0.
    @Test(arguments: [
        ("PING\r\n", ["PING"]), ("PING\n", ["PING"]), ("  \t set  a\tb \r\n", ["set", "a", "b"]),
        ("ECHO 'a\\'b'\r\n", ["ECHO", "a'b"]), ("ECHO \"\\x41\\n\\q\"\r\n", ["ECHO", "A\nq"]),
        ("SET k \"\"\r\n", ["SET", "k", ""]), ("ECHO '\\n'\r\n", ["ECHO", "\\n"]),
    ])
    func `are split into words as redis-cli writes them`(line: String, expected: [String]) {
        let connection = Connection()

        for byte in bytes(line) { connection.receive([byte]) }

        #expect(connection.requests == [expected])
    }

    @Test func `without words ask for nothing`() {
        #expect(Connection(receiving: bytes("\r\n \r\nPING\r\n")).requests == [["PING"]])
    }

    @Test func `and as arrays may alternate`() {
        let connection = Connection(receiving: bytes("PING\r\n") + request(["GET", "a"]) + bytes("ECHO b\n"))

        #expect(connection.requests == [["PING"], ["GET", "a"], ["ECHO", "b"]])
    }
}

@Suite struct `Any bytes` {
    private static let pieces = [
        "*", "$", "\r\n", "\n", "\r", "0", "1", "2", "3", "10", "-1", "999", "GET", "'", "\"", "\\x", " ", ":", "\0",
        "*1\r\n", "*2\r\n", "*3\r\n", "$0\r\n\r\n", "$1\r\na\r\n", "$3\r\nGET\r\n", "$12\r\nabcdefghijkl\r\n",
    ]

    private static func randomInput(_ random: inout SeededRandom) -> [UInt8] {
        var input: [UInt8] = []
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            input += bytes(pieces.randomElement(using: &random) ?? "")
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            input[Int.random(in: 0..<input.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
        }
        return input
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `end in requests, a mistake or a wait, and alike however they are split`(seed: UInt64) {
        var random = SeededRandom(state: seed)
        for _ in 0..<500 {
            let input = Self.randomInput(&random)
            let position = Int.random(in: 0...input.count, using: &random)

            let whole = Connection(receiving: input)
            let split = Connection(receiving: Array(input[..<position]), Array(input[position...]))

            #expect(whole.requests == split.requests, "seed \(seed), split at \(position): \(input)")
            #expect(whole.error == split.error, "seed \(seed), split at \(position): \(input)")
            #expect(whole.kept == split.kept, "seed \(seed), split at \(position): \(input)")
        }
    }
}

/// A generator that a seed decides: a failure can be run again.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
