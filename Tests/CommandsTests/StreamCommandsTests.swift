import Protocol
import Testing

@testable import Commands

@Suite struct `Stream commands` {
    /// As Valkey 9.1: only what becomes of the entries is told to those who watch the key.
    @Test(arguments: [
        ("XADD s 9-0 a b", true), ("XDEL s 1-0", true), ("XDEL s 7-7", false), ("XTRIM s MAXLEN 1", true),
        ("XTRIM s MAXLEN 9", false), ("XADD no NOMKSTREAM 1-0 a b", false), ("XGROUP CREATE n g $ MKSTREAM", true),
        ("XGROUP CREATE s h $", false), ("XGROUP SETID s g 0", false), ("XREADGROUP GROUP g c STREAMS s >", false),
        ("XACK s g 1-0", false), ("XCLAIM s g d 0 1-0", false), ("XSETID s 9-0", false),
        ("XDELEX s ACKED IDS 1 1-0", false), ("XDELEX s IDS 1 1-0", true), ("XACKDEL s g IDS 1 1-0", true),
        ("XACKDEL s g IDS 1 2-0", false), ("XNACK s g FAIL IDS 1 1-0", false), ("XCFGSET s IDMP-MAXSIZE 5", false),
        ("XADD s IDMP p m * a b", true), ("XIDMPRECORD s p m 1-0", false),
    ])
    func `tell of entries that come and go`(line: String, isTold: Bool) {
        for shards in [1, 2] {
            let subject = Subject(shards: shards)
            for line in [
                "XADD s 1-0 a b", "XADD s 2-0 a b", "XGROUP CREATE s g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
            ] { subject.run(line) }

            #expect(subject.changes(by: line).isEmpty == !isTold)
        }
    }

    @Test func `read from several shards at once`() {
        let subject = Subject(shards: 3)
        for key in ["a", "b", "c", "d"] { subject.run("XADD \(key) 1-0 field \(key)") }

        #expect(
            subject.run("XREAD COUNT 1 STREAMS a none b c d 0 0 0 1-0 $")
                == "*2 *2 $1 a *1 *2 $3 1-0 *2 $5 field $1 a *2 $1 b *1 *2 $3 1-0 *2 $5 field $1 b"
        )
    }

    @Test func `give ids by the clock, and never an earlier one`() {
        let subject = Subject()
        #expect(subject.run("XADD s * a b") == "$9 1000000-0")
        #expect(subject.run("XADD s * a b") == "$9 1000000-1")
        subject.move(to: 999_999)
        #expect(subject.run("XADD s * a b") == "$9 1000000-2")
        subject.move(to: 1_000_001)
        #expect(subject.run("XADD s * a b") == "$9 1000001-0")
    }

    /// What is idle how long, in a time that the test moves.
    @Test func `claim what has been pending for long enough`() {
        let subject = Subject()
        for line in ["XADD s 1-0 a b", "XADD s 2-0 a b", "XGROUP CREATE s g 0"] { subject.run(line) }
        subject.run("XREADGROUP GROUP g c COUNT 1 STREAMS s >")
        subject.move(to: 1_000_500)
        subject.run("XREADGROUP GROUP g c STREAMS s >")
        subject.move(to: 1_001_000)

        #expect(subject.run("XPENDING s g IDLE 501 - + 9") == "*1 *4 $3 1-0 $1 c :1000 :1")
        #expect(subject.run("XAUTOCLAIM s g d 501 0 JUSTID") == "*3 $3 0-0 *1 $3 1-0 *0")
        #expect(subject.run("XCLAIM s g d 501 2-0 JUSTID") == "*0")
        #expect(subject.run("XCLAIM s g d 500 2-0 IDLE 10 RETRYCOUNT 4 JUSTID") == "*1 $3 2-0")
        #expect(subject.run("XPENDING s g - + 9") == "*2 *4 $3 1-0 $1 d :0 :1 *4 $3 2-0 $1 d :10 :4")
        #expect(
            subject.run("XINFO CONSUMERS s g")
                == "*2 *8 $4 name $1 c $7 pending :0 $4 idle :500 $8 inactive :500 *8 $4 name $1 d $7 pending :2 $4 idle :0 "
                + "$8 inactive :0"
        )
    }

    @Test(arguments: 0..<40)
    func `answer whatever they are asked`(seed: UInt64) {
        var random = Seeded(state: seed)
        let subject = Subject(shards: Int(seed % 2) + 1)
        let commands = StreamCommands.all.flatMap { $0.subcommands.isEmpty ? [$0] : $0.subcommands }
        let words = [
            "s", "t", "g", "h", "c", "d", "0", "1-1", "2", "3-*", "*", "$", ">", "+", "-", "(1", "=", "~", "IDS",
            "COUNT", "BLOCK", "SILENT", "FATAL", "RETRYCOUNT", "IDMP", "IDMPAUTO", "IDMP-DURATION", "IDMP-MAXSIZE",
            "STREAMS", "GROUP", "MAXLEN", "MINID", "LIMIT", "NOMKSTREAM", "MKSTREAM", "ENTRIESREAD", "IDLE", "FORCE",
            "JUSTID",
            "FULL", "ACKED", "DELREF", "LASTID", "18446744073709551615-18446744073709551615", "-9223372036854775808",
            "9223372036854775807", "", "\u{0}", "x",
        ]
        for number in 1...4 { subject.run("XADD s \(number)-1 a b") }
        for line in ["XGROUP CREATE s g 0", "XREADGROUP GROUP g c COUNT 2 STREAMS s >"] { subject.run(line) }
        for _ in 0..<400 {
            guard let command = commands.randomElement(using: &random) else { continue }
            var line = command.name.split(separator: "|").map(String.init)
            if Bool.random(using: &random) { line += ["s"] }
            if line.first == "xreadgroup" { line += ["GROUP", "g", "c", "STREAMS", "s"] }
            line += (0..<Int.random(in: 0..<7, using: &random)).map { _ in words.randomElement(using: &random) ?? "" }

            // Whoever runs commands asks for their arity first.
            guard command.arity.allows(line.count) else { continue }
            #expect(!subject.run(line.map { Array($0.utf8) }).isEmpty)
        }
    }
}
