// What is said on the connection to a target: bytes out, lines in; no socket and no clock.
//
// The rule: no key is sent before the target has accepted AUTH and SELECT. Redis sends all at once, and a key that arrives
// although AUTH was refused is then on both ends.

internal import Protocol

struct TransferConversation {
    /// A line that is no answer to anything that was said.
    struct UnknownAnswer: Error {}

    private let transfer: Transfer
    private(set) var result = Transfer.Result()
    /// Whether anything has come back.
    private(set) var isAnswered = false
    private(set) var isDone = false
    /// The database of the connection, as far as is known; nil: it should not be used again.
    private(set) var database: Int64?
    /// Bytes to be sent, a block at a time: a large payload is not copied.
    private(set) var output: [[UInt8]] = []
    private var expected: [Question] = []
    private var line: [UInt8] = []

    private enum Question: Equatable {
        case introduction
        case selection
        case parcel(Int)
    }

    private static let blockByteCount = 64 * 1024
    private static let longestLine = 64 * 1024

    /// - Parameters:
    ///   - database: the one that is selected on the connection.
    ///   - now: Unix milliseconds.
    init(_ transfer: Transfer, database: Int64, at now: Int64) {
        self.transfer = transfer
        self.database = database
        if !transfer.target.credentials.isEmpty {
            say([Array("AUTH".utf8)] + transfer.target.credentials)
            expected.append(.introduction)
        }
        if transfer.database != database {
            say([Array("SELECT".utf8), Array("\(transfer.database)".utf8)])
            expected.append(.selection)
        }
        if expected.isEmpty { sendParcels(at: now) }
    }

    /// Hands out what is to be sent next.
    mutating func takeOutput() -> [[UInt8]] {
        defer { output = [] }
        return output
    }

    /// Takes in what the target said.
    ///
    /// - Parameter now: Unix milliseconds.
    mutating func receive(_ bytes: some Sequence<UInt8>, at now: Int64) throws(UnknownAnswer) {
        for byte in bytes {
            isAnswered = true
            guard byte == UInt8(ascii: "\n") else {
                guard line.count < Self.longestLine else { throw UnknownAnswer() }
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            let answer = line
            line.removeAll(keepingCapacity: true)
            try receive(line: answer, at: now)
        }
    }

    private mutating func receive(line: [UInt8], at now: Int64) throws(UnknownAnswer) {
        guard !expected.isEmpty, let kind = line.first, kind == UInt8(ascii: "+") || kind == UInt8(ascii: "-") else {
            throw UnknownAnswer()
        }
        let question = expected.removeFirst()
        let isRefusal = kind == UInt8(ascii: "-")
        if isRefusal, result.failure == nil { result.failure = .refused(Array(line.dropFirst())) }
        switch question {
        case .introduction, .selection:
            if question == .selection { database = isRefusal ? nil : transfer.database }
            guard expected.isEmpty else { return }
            if result.failure == nil { sendParcels(at: now) } else { isDone = true }
        case .parcel(let index):
            if !isRefusal { result.arrived.append(index) }
            isDone = expected.isEmpty
        }
    }

    private mutating func sendParcels(at now: Int64) {
        for (index, parcel) in transfer.parcels.enumerated() {
            var lifetime: Int64 = 0
            if let expiry = parcel.expiry {
                // What has died on the way is not sent: a lifetime of 0 would mean for ever.
                guard expiry >= now else { continue }
                lifetime = max(1, expiry - now)
            }
            let name = transfer.asks ? "RESTORE-ASKING" : "RESTORE"
            var words = [Array(name.utf8), parcel.key, Array("\(lifetime)".utf8), parcel.payload]
            if transfer.replaces { words.append(Array("REPLACE".utf8)) }
            say(words)
            expected.append(.parcel(index))
        }
        isDone = expected.isEmpty
    }

    private mutating func say(_ words: [[UInt8]]) {
        add(Array("*\(words.count)\r\n".utf8))
        for word in words {
            add(Array("$\(word.count)\r\n".utf8))
            add(word)
            add([0x0d, 0x0a])
        }
    }

    private mutating func add(_ bytes: [UInt8]) {
        if bytes.count < Self.blockByteCount, let last = output.indices.last,
            output[last].count + bytes.count <= Self.blockByteCount
        {
            output[last] += bytes
        } else {
            output.append(bytes)
        }
    }
}
