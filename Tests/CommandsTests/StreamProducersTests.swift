import Testing

@testable import Commands

@Suite struct `Messages of producers` {
    private let subject = Subject()
    private var told: [String] { told(by: subject) }

    /// What XINFO STREAM says of messages: the limits, producers and messages tracked, messages added and repeated.
    private func told(by subject: Subject) -> [String] {
        let words = subject.run("XINFO STREAM s").split(separator: " ").map(String.init)
        guard let start = words.firstIndex(of: "idmp-duration") else { return [] }
        return (0..<6).map { String(words[start + 1 + 3 * $0].dropFirst()) }
    }

    @Test func `are taken in once, though they come again`() {
        #expect(subject.run("XADD s IDMP p m * a 1") == "$9 1000000-0")
        #expect(subject.run("XADD s IDMP p m * a 2") == "$9 1000000-0")
        #expect(subject.run("XADD s IDMP q m * a 1") == "$9 1000000-1")
        #expect(subject.run("XADD s MAXLEN 9 idmp p n NOMKSTREAM * a 1") == "$9 1000000-2")
        #expect(subject.run("XADD s IDMPAUTO p * a 1 b 2") == "$9 1000000-3")
        #expect(subject.run("XADD s IDMPAUTO p * b 2 a 1") == "$9 1000000-3")
        #expect(subject.run("XADD s IDMPAUTO p * b 1 a 2") == "$9 1000000-4")
        #expect(subject.run("XLEN s") == ":5")
        #expect(told == ["100", "100", "2", "5", "5", "2"])
        subject.checkInvariants()
    }

    @Test func `are known though their entry is gone, and trim nothing when they come again`() {
        subject.run("XADD s IDMP p m * a 1")
        subject.run("XADD s IDMP p n * a 1")
        subject.run("XDEL s 1000000-0")

        #expect(subject.run("XADD s IDMP p m MAXLEN 0 * a 1") == "$9 1000000-0")
        #expect(subject.run("XLEN s") == ":1")
    }

    @Test func `are forgotten in time`() {
        subject.run("XADD s IDMP p m * a 1")
        subject.run("XADD s IDMP q m * a 1")
        subject.move(to: 1_099_999)
        #expect(subject.run("XADD s IDMP p m * a 1") == "$9 1000000-0")
        subject.move(to: 1_100_000)
        #expect(told == ["100", "100", "0", "0", "2", "1"])
        #expect(subject.run("XADD s IDMP p m * a 1") == "$9 1100000-0")
        #expect(told == ["100", "100", "1", "1", "3", "1"])
    }

    @Test func `are no more than the stream is set to remember`() {
        subject.run("XADD s 1-0 a 1")
        #expect(told == [])
        #expect(subject.run("XCFGSET s IDMP-DURATION 7 IDMP-MAXSIZE 2") == "+OK")
        #expect(told == ["7", "2", "0", "0", "0", "0"])
        for name in ["m", "n", "o"] { subject.run("XADD s IDMP p \(name) * a 1") }

        #expect(told == ["7", "2", "1", "2", "3", "0"])
        #expect(subject.run("XADD s IDMP p n * a 1") == "$9 1000000-1")
        #expect(subject.run("XADD s IDMP p m * a 1") == "$9 1000000-3")
    }

    @Test func `are forgotten when the stream is set to another time or number`() {
        subject.run("XADD s IDMP p m * a 1")
        #expect(subject.run("XCFGSET s IDMP-DURATION 100") == "+OK")
        #expect(told == ["100", "100", "1", "1", "1", "0"])
        #expect(subject.run("XCFGSET s IDMP-MAXSIZE 99") == "+OK")
        #expect(told == ["100", "99", "0", "0", "1", "0"])
        #expect(subject.run("XADD s IDMP p m * a 1") == "$9 1000000-1")
    }

    @Test func `are noted of entries that are there`() {
        subject.run("XADD s 1-0 a 1")
        subject.run("XADD s 2-0 a 1")

        #expect(subject.run("XIDMPRECORD s p m 1-0") == "+OK")
        #expect(subject.run("XIDMPRECORD s p m 1-0") == "+OK")
        #expect(subject.run("XIDMPRECORD s p n 1-0") == "+OK")
        #expect(subject.run("XIDMPRECORD s p m 2-0") == "-ERR The idempotent ID stands for another entry of the stream")
        #expect(subject.run("XADD s IDMP p m * a 1") == "$3 1-0")
        #expect(told == ["100", "100", "1", "2", "2", "1"])
    }

    @Test(arguments: [1, 2])
    func `are known to the copy of a stream, and each for itself from then on`(shards: Int) {
        let subject = Subject(shards: shards)
        subject.run("XADD s IDMP p m * a 1")
        subject.run("XADD s IDMPAUTO q * a 1 b 2")
        for copy in ["t", "u", "v", "w"] {  // on both shards
            #expect(subject.run("COPY s \(copy)") == ":1")

            #expect(subject.run("XADD \(copy) IDMP p m * a 1") == "$9 1000000-0")
            #expect(subject.run("XADD \(copy) IDMPAUTO q * b 2 a 1") == "$9 1000000-1")
            #expect(subject.run("XADD \(copy) IDMP p \(copy) * a 1") == "$9 1000000-2")
        }
        #expect(told(by: subject) == ["100", "100", "2", "2", "2", "0"])
        #expect(subject.keyCounts.allSatisfy { $0 > 0 })
        subject.checkInvariants()
    }

    @Test(arguments: [
        ("XADD s IDMP p * f v", "-ERR Invalid stream ID specified as stream command argument"),
        ("XADD s IDMP p m 1-1 f v", "-ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"),
        ("XADD s IDMPAUTO p 1-* f v", "-ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"),
        ("XADD s IDMP p m IDMP q n * f v", "-ERR IDMP/IDMPAUTO specified multiple times"),
        ("XADD s IDMPAUTO p IDMP q n * f v", "-ERR IDMP/IDMPAUTO specified multiple times"),
        ("XADD s IDMP p m * f", "-ERR wrong number of arguments for 'xadd' command"),
        ("XADD none NOMKSTREAM IDMP p m * f v", "$-1"),
        ("XCFGSET s", "-ERR At least one parameter must be specified"),
        ("XCFGSET s IDMP-DURATION", "-ERR syntax error"),
        ("XCFGSET s OTHER 1", "-ERR syntax error"), ("XCFGSET none IDMP-DURATION 1", "-ERR no such key"),
        ("XCFGSET s IDMP-DURATION x", "-ERR value is not an integer or out of range"),
        ("XCFGSET s IDMP-DURATION IDMP-DURATION IDMP-DURATION", "-ERR value is not an integer or out of range"),
        ("XCFGSET s IDMP-DURATION 0", "-ERR IDMP-DURATION must be between 1 and 86400 seconds"),
        ("XCFGSET s IDMP-DURATION 86401", "-ERR IDMP-DURATION must be between 1 and 86400 seconds"),
        ("XCFGSET s IDMP-MAXSIZE 0", "-ERR IDMP-MAXSIZE must be between 1 and 10000 entries"),
        ("XCFGSET s IDMP-MAXSIZE 10001", "-ERR IDMP-MAXSIZE must be between 1 and 10000 entries"),
        ("XIDMPRECORD none p m 1-0", "-ERR no such key"),
        ("XIDMPRECORD s p m 7-0", "-ERR The stream has no entry with this ID"),
        ("XIDMPRECORD s p m x", "-ERR Invalid stream ID specified as stream command argument"),
    ])
    func `are named as it must be`(line: String, reply: String) {
        subject.run("XADD s 1-0 a b")

        #expect(subject.run(line) == reply)
        #expect(subject.run("XLEN s") == ":1")
    }

    @Test(arguments: [
        (["XADD", "s", "IDMP", "", "m", "*", "f", "v"], "-ERR IDMP requires a non-empty producer ID"),
        (["XADD", "s", "IDMP", "p", "", "*", "f", "v"], "-ERR IDMP requires a non-empty idempotent ID"),
        (["XADD", "s", "IDMPAUTO", "", "*", "f", "v"], "-ERR IDMPAUTO requires a non-empty producer ID"),
        (["XIDMPRECORD", "s", "", "m", "1-0"], "-ERR IDMP requires a non-empty producer ID"),
        (["XIDMPRECORD", "s", "p", "", "1-0"], "-ERR IDMP requires a non-empty idempotent ID"),
    ])
    func `have names`(words: [String], error: String) {
        #expect(subject.run(words.map { Array($0.utf8) }) == error)
    }
}
