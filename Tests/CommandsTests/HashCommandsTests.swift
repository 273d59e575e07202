// Hashes without a server: time moved by the test, what is said to have changed, and the books that the keyspace keeps.

import Testing

@testable import Commands

@Suite struct `Fields of hashes` {
    /// The subject's time at first is 1,000,000.
    @Test(arguments: [
        ("HEXPIRE h 10 FIELDS 1 f", 1_010_000), ("HPEXPIRE h 10 FIELDS 1 f", 1_000_010),
        ("HEXPIREAT h 1010 FIELDS 1 f", 1_010_000), ("HPEXPIREAT h 1000010 FIELDS 1 f", 1_000_010),
        ("HSETEX h EX 10 FIELDS 1 f v", 1_010_000), ("HSETEX h PX 10 FIELDS 1 f v", 1_000_010),
        ("HSETEX h EXAT 1010 FIELDS 1 f v", 1_010_000), ("HGETEX h PXAT 1000010 FIELDS 1 f", 1_000_010),
        ("HSETEX h PXAT 9223372036854775807 FIELDS 1 f v", .max),
    ])
    func `are there in their last millisecond, and gone in the next`(line: String, expiry: Int64) {
        let subject = Subject()
        subject.run("HSET h f v stays v")
        subject.run(line)

        #expect(subject.run("HPEXPIRETIME h FIELDS 1 f") == "*1 :\(expiry)")
        subject.move(to: expiry)
        #expect(subject.run("HGET h f") == "$1 v")
        #expect(subject.run("HPTTL h FIELDS 2 f stays") == "*2 :0 :-1")
        guard expiry < .max else { return }
        subject.move(to: expiry + 1)
        #expect(subject.run("HGET h f") == "$-1")
        #expect(subject.run("HGETALL h") == "*2 $5 stays $1 v")
        #expect(subject.run("HLEN h") == ":2")
    }

    @Test func `have their seconds told to the nearest`() {
        let subject = Subject()
        subject.run("HSETEX h PX 1500 FIELDS 1 f v")
        subject.run("HSETEX h PX 1499 FIELDS 1 g v")

        #expect(subject.run("HTTL h FIELDS 2 f g") == "*2 :2 :1")
        #expect(subject.run("HEXPIRETIME h FIELDS 2 f g") == "*2 :1002 :1001")
    }

    @Test(arguments: [
        ("HSET h f w", ["h"]), ("HSET h f v", ["h"]), ("HSETNX h f w", []), ("HSETNX h new w", ["h"]),
        ("HDEL h none", []),
        ("HDEL h f", ["h"]), ("HINCRBY h n 1", ["h"]), ("HINCRBY h f 1", []), ("HINCRBYFLOAT h f 1", []),
        ("HEXPIRE h 10 FIELDS 1 none", []), ("HEXPIRE h 10 FIELDS 1 f", ["h"]), ("HEXPIRE h 10 XX FIELDS 1 f", []),
        ("HEXPIRE h 0 FIELDS 2 f n", ["h"]), ("HEXPIRE none 10 FIELDS 1 f", []), ("HPERSIST h FIELDS 1 f", []),
        ("HPERSIST h FIELDS 1 x", ["h"]), ("HGETEX h FIELDS 1 x", []), ("HGETEX h PERSIST FIELDS 1 f", []),
        ("HGETEX h PERSIST FIELDS 1 x", ["h"]), ("HGETEX h EX 1 FIELDS 1 f", ["h"]),
        ("HGETEX h EX 1 FIELDS 1 none", []),
        ("HGETDEL h FIELDS 1 none", []), ("HGETDEL h FIELDS 1 f", ["h"]), ("HSETEX h FNX FIELDS 1 f v", []),
        ("HSETEX h FIELDS 1 f v", ["h"]), ("HSETEX h EX 0 FIELDS 1 f v", ["h"]), ("HSETEX h EX 0 FIELDS 1 none v", []),
        ("HSETEX none EX 0 FIELDS 1 f v", []), ("HGETALL h", []), ("HTTL h FIELDS 1 x", []),
    ])
    func `are told to have changed when they have`(line: String, expected: [String]) {
        let subject = Subject()
        subject.run("HSET h f v n 5")
        subject.run("HSETEX h EX 100 FIELDS 1 x v")

        #expect(subject.changes(by: line) == expected)
    }

    @Test(arguments: [1, 2])
    func `take their key with the last one`(shards: Int) {
        for line in [
            "HDEL h a b c", "HGETDEL h FIELDS 3 a b c", "HEXPIRE h 0 FIELDS 3 a b c", "HGETEX h PXAT 1 FIELDS 3 a b c",
            "HSETEX h EXAT 1 FIELDS 3 a x b x c x",
        ] {
            let subject = Subject(shards: shards)
            subject.run("HSETEX h EX 100 FIELDS 2 a 1 b 2")
            subject.run("HSET h c 3")

            subject.run(line)

            #expect(subject.run("EXISTS h") == ":0", "\(line)")
            #expect(subject.keyCounts.reduce(0, +) == 0)
        }
    }

    /// What any sequence of commands leaves behind: above all, the list of volatile hashes must be right after each.
    @Test(arguments: 0..<40)
    func `are kept account of, whatever is done with their keys`(seed: UInt64) {
        var random = Seeded(state: seed)
        let subject = Subject(shards: seed % 2 == 0 ? 1 : 2)
        var now: Int64 = 1_000_000
        func key() -> String { "k\(Int.random(in: 0..<6, using: &random))" }
        func fields() -> String {
            let count = Int.random(in: 1...4, using: &random)
            let names = (0..<count).map { _ in "f\(Int.random(in: 0..<8, using: &random))" }
            return "FIELDS \(count) " + names.joined(separator: " ")
        }
        func time() -> Int64 { now + .random(in: -20...200, using: &random) }
        let makers: [() -> String] = [
            { "HSET \(key()) f\(Int.random(in: 0..<8, using: &random)) v" }, { "HDEL \(key()) f1 f2 f3 f4" },
            { "HPEXPIREAT \(key()) \(time()) \(fields())" }, { "HPEXPIREAT \(key()) \(time()) \(fields())" },
            { "HPERSIST \(key()) \(fields())" }, { "HGETEX \(key()) PXAT \(time()) \(fields())" },
            { "HGETEX \(key()) PERSIST \(fields())" }, { "HGETDEL \(key()) \(fields())" },
            { "HSETEX \(key()) PXAT \(time()) FIELDS 2 f1 v f5 w" }, { "HSETEX \(key()) KEEPTTL FIELDS 2 f1 v f5 w" },
            { "HINCRBY \(key()) f7 1" }, { "HMSET \(key()) f1 v f2 v f3 v f4 v f5 v" },
            { "COPY \(key()) \(key()) REPLACE" }, { "RENAME \(key()) \(key())" }, { "MOVE \(key()) 1" },
            { "SET \(key()) text" }, { "DEL \(key())" }, { "PEXPIREAT \(key()) \(time())" }, { "PERSIST \(key())" },
            { "SWAPDB 0 1" }, { "HGETALL \(key())" }, { "SADD \(key()) member" },
        ]

        for step in 0..<600 {
            if let maker = makers.randomElement(using: &random) { subject.run(maker()) }
            if step % 100 == 99 { subject.run("FLUSHDB") }
            now += .random(in: 0...3, using: &random)
            subject.move(to: now)
            if step % 5 == 0 { subject.expireFields() }
            subject.checkInvariants()
        }
    }
}
