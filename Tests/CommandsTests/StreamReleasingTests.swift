import Testing

@testable import Commands

@Suite struct `Entries that are given back` {
    /// Two entries pending with c since 1000000; then it is half a second later.
    private let subject = Subject()

    init() {
        for line in [
            "XADD s 1-0 a b", "XADD s 2-0 a b", "XADD s 3-0 a b", "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g c COUNT 2 STREAMS s >",
        ] { subject.run(line) }
        subject.move(to: 1_000_500)
    }

    private func pending(_ filter: String = "") -> String { subject.run("XPENDING s g \(filter) - + 9") }

    @Test(arguments: [
        ("SILENT IDS 1 1-0", 0), ("FAIL IDS 1 1-0", 1), ("FATAL IDS 1 1-0", Int.max),
        ("fatal IDS 1 1-0 RETRYCOUNT 7", 7),
        ("SILENT FORCE RETRYCOUNT 0 IDS 1 1-0", 0),
    ])
    func `count what their mode says`(words: String, count: Int) {
        #expect(subject.run("XNACK s g \(words)") == ":1")
        #expect(pending() == "*2 *4 $3 1-0 $0  :-1 :\(count) *4 $3 2-0 $1 c :500 :1")
    }

    @Test func `are never counted down below nothing, nor up beyond everything`() {
        subject.run("XNACK s g SILENT IDS 1 1-0")
        #expect(subject.run("XNACK s g SILENT IDS 1 1-0") == ":1")
        #expect(pending().hasPrefix("*2 *4 $3 1-0 $0  :-1 :0"))

        subject.run("XNACK s g FATAL IDS 1 1-0")
        subject.run("XCLAIM s g d 0 1-0")
        #expect(pending().hasPrefix("*2 *4 $3 1-0 $1 d :0 :9223372036854775807"))
    }

    @Test func `are pending with nobody`() {
        subject.run("XNACK s g FAIL IDS 1 1-0")

        #expect(subject.run("XPENDING s g") == "*4 :2 $3 1-0 $3 2-0 *1 *2 $1 c $1 1")
        #expect(subject.run("XPENDING s g - + 9 c") == "*1 *4 $3 2-0 $1 c :500 :1")
        #expect(pending("IDLE 9000000000000").hasPrefix("*1 *4 $3 1-0"))
        #expect(subject.run("XREADGROUP GROUP g c STREAMS s 0").contains("$3 2-0"))
        #expect(!subject.run("XREADGROUP GROUP g c STREAMS s 0").contains("$3 1-0"))
        #expect(subject.run("XREADGROUP GROUP g c STREAMS s >") == "*1 *2 $1 s *1 *2 $3 3-0 *2 $1 a $1 b")
        let full = subject.run("XINFO STREAM s FULL")
        #expect(full.contains("$7 pending *3 *4 $3 1-0 $0  :0 :1 *4 $3 2-0 $1 c"))
        #expect(full.hasSuffix("$12 nacked-count :1"))
    }

    @Test(arguments: ["XCLAIM s g d 900000 1-0 JUSTID", "XAUTOCLAIM s g d 900000 0 JUSTID"])
    func `can be claimed at once`(line: String) {
        subject.run("XNACK s g FAIL IDS 1 1-0")

        #expect(subject.run(line).contains("*1 $3 1-0"))
        #expect(pending() == "*2 *4 $3 1-0 $1 d :0 :1 *4 $3 2-0 $1 c :500 :1")
        #expect(!subject.run("XINFO STREAM s FULL").contains("nacked-count"))
        #expect(!subject.run(line).contains("1-0 $"))
    }

    @Test func `are acknowledged and deleted like others`() {
        subject.run("XNACK s g FAIL IDS 2 1-0 2-0")

        #expect(subject.run("XDELEX s ACKED IDS 1 1-0") == "*1 :2")
        #expect(subject.run("XACK s g 1-0") == ":1")
        #expect(subject.run("XACKDEL s g IDS 1 2-0") == "*1 :1")
        #expect(subject.run("XPENDING s g") == "*4 :0 $-1 $-1 *-1")
        subject.checkInvariants()
    }

    @Test func `outlive their consumer, and follow the copy of their stream`() {
        subject.run("XNACK s g FAIL IDS 1 1-0")

        #expect(subject.run("XGROUP DELCONSUMER s g c") == ":1")
        #expect(pending() == "*1 *4 $3 1-0 $0  :-1 :1")
        subject.run("COPY s t")
        subject.run("DEL s")
        #expect(subject.run("XPENDING t g - + 9") == "*1 *4 $3 1-0 $0  :-1 :1")
        subject.checkInvariants()
    }

    @Test func `are those alone that are pending, or are forced`() {
        #expect(subject.run("XNACK s g FAIL IDS 3 3-0 9-0 1-0") == ":1")
        #expect(subject.run("XNACK s g FAIL IDS 3 3-0 9-0 1-0 FORCE") == ":2")
        #expect(subject.run("XNACK s g FATAL IDS 1 3-0 FORCE") == ":1")
        #expect(pending().hasSuffix("*4 $3 3-0 $0  :-1 :9223372036854775807"))
        subject.run("XDEL s 2-0")
        #expect(subject.run("XNACK s g FAIL IDS 1 2-0") == ":1")
        #expect(subject.run("XAUTOCLAIM s g d 0 2 COUNT 1 JUSTID") == "*3 $3 3-0 *0 *1 $3 2-0")
    }

    @Test(arguments: [
        ("XNACK s none FAIL IDS 1 1", "-NOGROUP No such key 's' or consumer group 'none'"),
        ("XNACK none g FAIL IDS 1 1", "-NOGROUP No such key 'none' or consumer group 'g'"),
        ("XNACK s g SOFT IDS 1 1", "-ERR syntax error"), ("XNACK s g IDS 1 1-0 FAIL", "-ERR syntax error"),
        ("XNACK s g FAIL FORCE FORCE FORCE", "-ERR syntax error"), ("XNACK s g FAIL IDS 1 1 2", "-ERR syntax error"),
        ("XNACK s g FAIL IDS 1 1 RETRYCOUNT", "-ERR syntax error"),
        ("XNACK s g FAIL IDS 1 1 IDS 1 1", "-ERR syntax error"),
        ("XNACK s g FAIL IDS 0 1", "-ERR Number of IDs must be a positive integer"),
        ("XNACK s g FAIL IDS 2 1", "-ERR The `numids` parameter must match the number of arguments"),
        ("XNACK s g FAIL IDS 9223372036854775807 1", "-ERR The `numids` parameter must match the number of arguments"),
        ("XNACK s g FAIL IDS 1 x", "-ERR Invalid stream ID specified as stream command argument"),
        ("XNACK s g FAIL IDS 1 1 RETRYCOUNT x", "-ERR value is not an integer or out of range"),
        ("XNACK s g FAIL IDS 1 1 RETRYCOUNT -1", "-ERR value is out of range, must be positive"),
    ])
    func `are not given back by a command that is none`(line: String, error: String) {
        let before = pending()
        #expect(subject.run(line) == error)
        #expect(pending() == before)
    }
}
