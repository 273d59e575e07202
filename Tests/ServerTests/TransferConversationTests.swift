// What MIGRATE says to a target, and what it makes of the answers.

import Testing

@testable import Server

@Suite struct `A transfer's conversation` {
    private static let now: Int64 = 1_000_000

    private func transfer(
        keys: [String],
        expiry: Int64? = nil,
        database: Int64 = 0,
        credentials: [String] = [],
        replaces: Bool = false,
        asks: Bool = false
    ) -> Transfer {
        Transfer(
            to: TransferTarget(host: "target", port: "6379", credentials: credentials.map { Array($0.utf8) }),
            database: database,
            timeoutMilliseconds: 1000,
            replaces: replaces,
            asks: asks,
            parcels: keys.map { Parcel(key: Array($0.utf8), expiry: expiry, payload: Array("dump".utf8)) }
        )
    }

    private func conversation(_ transfer: Transfer, connectionDatabase: Int64 = 0) -> TransferConversation {
        TransferConversation(transfer, database: connectionDatabase, at: Self.now)
    }

    private func said(_ conversation: inout TransferConversation) -> String {
        String(decoding: conversation.takeOutput().joined(), as: UTF8.self)
    }

    private func restore(_ key: String, lifetime: String = "0", name: String = "RESTORE", more: String...) -> String {
        let words = [name, key, lifetime, "dump"] + more
        return "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    @Test func `sends all keys at once where nothing has to be asked first`() throws {
        var conversation = conversation(transfer(keys: ["a", "b"]))

        #expect(said(&conversation) == restore("a") + restore("b"))
        try conversation.receive(Array("+OK\r\n+O".utf8), at: Self.now)
        #expect(!conversation.isDone)
        try conversation.receive(Array("K\r\n".utf8), at: Self.now)

        #expect(conversation.isDone)
        #expect(conversation.result == .init(arrived: [0, 1], failure: nil))
    }

    @Test func `says what the options ask for`() {
        var asking = conversation(transfer(keys: ["a"], replaces: true, asks: true))
        #expect(said(&asking) == restore("a", name: "RESTORE-ASKING", more: "REPLACE"))

        var mortal = conversation(transfer(keys: ["a"], expiry: Self.now + 5))
        #expect(said(&mortal) == restore("a", lifetime: "5"))

        // A lifetime of nothing would be one without end.
        var dying = conversation(transfer(keys: ["a"], expiry: Self.now))
        #expect(said(&dying) == restore("a", lifetime: "1"))
    }

    @Test func `leaves out what has died, and is done if that was all`() {
        var conversation = conversation(transfer(keys: ["a"], expiry: Self.now - 1))

        #expect(said(&conversation) == "")
        #expect(conversation.isDone)
        #expect(conversation.result == .init(arrived: [], failure: nil))
    }

    @Test func `sends no key before the target has accepted AUTH and SELECT`() throws {
        var conversation = conversation(transfer(keys: ["a"], database: 3, credentials: ["user", "secret"]))

        #expect(
            said(&conversation)
                == "*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$6\r\nsecret\r\n" + "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
        )
        try conversation.receive(Array("+OK\r\n".utf8), at: Self.now)
        #expect(said(&conversation) == "")
        try conversation.receive(Array("+OK\r\n".utf8), at: Self.now)
        #expect(said(&conversation) == restore("a"))
        #expect(conversation.database == 3)
    }

    @Test(arguments: [
        ("-WRONGPASS no\r\n+OK\r\n", "WRONGPASS no", true),
        ("-ERR first\r\n-ERR second\r\n", "ERR first", false),
        ("+OK\r\n-ERR DB index is out of range\r\n", "ERR DB index is out of range", false),
    ])
    func `ends when the target refuses AUTH or SELECT`(answers: String, text: String, keepsConnection: Bool) throws {
        var conversation = conversation(transfer(keys: ["a"], database: 3, credentials: ["secret"]))
        _ = conversation.takeOutput()

        try conversation.receive(Array(answers.utf8), at: Self.now)

        #expect(conversation.isDone)
        #expect(said(&conversation) == "")
        #expect(conversation.result == .init(arrived: [], failure: .refused(Array(text.utf8))))
        #expect((conversation.database != nil) == keepsConnection)
    }

    @Test func `goes on after a refused key, and tells of the first refusal`() throws {
        var conversation = conversation(transfer(keys: ["a", "b", "c"]))

        try conversation.receive(Array("-BUSYKEY x\r\n+OK\r\n-ERR y\r\n".utf8), at: Self.now)

        #expect(conversation.isDone)
        #expect(conversation.result == .init(arrived: [1], failure: .refused(Array("BUSYKEY x".utf8))))
        #expect(conversation.database == 0)
    }

    @Test(arguments: ["$2\r\nOK\r\n", ":1\r\n", "\r\n", "HTTP/1.1 400 Bad Request\r\n"])
    func `takes nothing but a status or an error for an answer`(answer: String) {
        var conversation = conversation(transfer(keys: ["a"]))

        #expect(throws: TransferConversation.UnknownAnswer.self) {
            try conversation.receive(Array(answer.utf8), at: Self.now)
        }
        #expect(conversation.result.arrived.isEmpty)
    }

    @Test func `does not take more answers than questions`() throws {
        var conversation = conversation(transfer(keys: ["a"]))
        try conversation.receive(Array("+OK\r\n".utf8), at: Self.now)

        #expect(throws: TransferConversation.UnknownAnswer.self) {
            try conversation.receive(Array("+OK\r\n".utf8), at: Self.now)
        }
    }

    @Test func `does not take a line without end`() {
        var conversation = conversation(transfer(keys: ["a"]))

        #expect(throws: TransferConversation.UnknownAnswer.self) {
            try conversation.receive([UInt8](repeating: UInt8(ascii: "+"), count: 100_000), at: Self.now)
        }
    }

    @Test func `gives a large payload away without copying it into others`() {
        let payload = [UInt8](repeating: 7, count: 1 << 20)
        let transfer = Transfer(
            to: TransferTarget(host: "target", port: "6379", credentials: []),
            database: 0,
            timeoutMilliseconds: 1000,
            replaces: false,
            asks: false,
            parcels: [Parcel(key: [1], expiry: nil, payload: payload)]
        )
        var conversation = TransferConversation(transfer, database: 0, at: Self.now)

        let blocks = conversation.takeOutput()

        #expect(blocks.contains(payload))
        #expect(blocks.reduce(0) { $0 + $1.count } < payload.count + 100)
    }
}
