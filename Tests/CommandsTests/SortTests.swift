// SORT against the obvious way to do it. The expected texts of refusals are those of Valkey 9.1.

import Protocol
import Testing

@testable import Commands

@Suite struct `SORT` {
    private func array(_ elements: [[UInt8]]) -> String {
        (["*\(elements.count)"] + elements.flatMap { ["$\($0.count)", String(decoding: $0, as: UTF8.self)] })
            .joined(separator: " ")
    }

    private func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    @Test(arguments: 0..<20)
    func `hands out any part of any elements in order`(seed: UInt64) {
        var random = Seeded(state: seed)
        let subject = Subject(shards: seed % 2 == 0 ? 1 : 3)
        let count = [1, 5, 40, 3000].randomElement(using: &random) ?? 1
        let numbers = (0..<count).map { _ in Int.random(in: -500...500, using: &random) }
        let texts = numbers.map { Array("\($0)".utf8) }
        subject.run(words("RPUSH l") + texts)

        for _ in 0..<20 {
            let start = Int.random(in: 0...count, using: &random)
            let length = Int.random(in: 0...count, using: &random)
            let (isAlphabetic, isDescending) = (Bool.random(using: &random), Bool.random(using: &random))
            let ordered =
                isAlphabetic
                ? texts.sorted { $0.lexicographicallyPrecedes($1) } : numbers.sorted().map { Array("\($0)".utf8) }
            let expected = (isDescending ? ordered.reversed() : ordered).dropFirst(start).prefix(length)
            let options = (isAlphabetic ? " ALPHA" : "") + (isDescending ? " DESC" : "")

            #expect(
                subject.run("SORT l LIMIT \(start) \(length)" + options) == array(Array(expected)),
                "seed \(seed): LIMIT \(start) \(length)\(options)"
            )
        }
    }

    @Test(arguments: [1, 3])
    func `weighs by keys and fetches keys, on whatever shard they are`(shards: Int) {
        let subject = Subject(shards: shards)
        subject.run("RPUSH l 1 2 3 4")
        subject.run("MSET w_1 30 w_2 20 w_3 10 name_1 one name_3 three")

        #expect(subject.run("SORT l BY w_*") == "*4 $1 4 $1 3 $1 2 $1 1")  // no weight is zero
        #expect(subject.run("SORT l BY w_* GET name_* LIMIT 1 3") == "*3 $5 three $-1 $3 one")
        #expect(subject.run("SORT l BY w_* GET # GET w_* LIMIT 0 2") == "*4 $1 4 $-1 $1 3 $2 10")
        #expect(subject.run("SORT l BY w_* GET name_* STORE d") == ":4")
        #expect(subject.run("LRANGE d 0 -1") == "*4 $0  $5 three $0  $3 one")
    }

    @Test func `compares all bytes where the first eight are the same, and what is missing comes first`() {
        let subject = Subject()
        subject.run("RPUSH l a b c d")
        subject.run("MSET w_a 12345678z w_b 12345678 w_c 12345678a")

        #expect(subject.run("SORT l BY w_* ALPHA") == "*4 $1 d $1 b $1 c $1 a")
        #expect(subject.run("SORT l BY w_* ALPHA DESC") == "*4 $1 a $1 c $1 b $1 d")
    }

    @Test func `leaves alone what no pattern sorts`() {
        let subject = Subject()
        subject.run("RPUSH l c a b")
        subject.run("ZADD z 2 x 1 y 3 w")
        subject.run("SADD s c a b")

        #expect(subject.run("SORT l BY nosort") == "*3 $1 c $1 a $1 b")
        #expect(subject.run("SORT l BY nosort DESC LIMIT 0 2") == "*2 $1 b $1 a")
        #expect(subject.run("SORT z BY nosort LIMIT 1 2") == "*2 $1 x $1 w")
        #expect(subject.run("SORT z BY nosort DESC LIMIT 0 1") == "*1 $1 w")
        #expect(subject.run("SORT s BY nosort STORE d") == ":3")
        #expect(subject.run("LRANGE d 0 -1") == "*3 $1 a $1 b $1 c")
    }

    @Test(arguments: [
        ("SORT l", "-ERR One or more scores can't be converted into double"),
        ("SORT l LIMIT 1", "-ERR syntax error"),
        ("SORT l LIMIT 1 x", "-ERR value is not an integer or out of range"),
        ("SORT l GET", "-ERR syntax error"),
        ("SORT_RO l STORE d", "-ERR syntax error"),
        ("SORT text", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SORT text FOO", "-ERR syntax error"),
    ])
    func `refuses what it cannot do`(line: String, expected: String) {
        let subject = Subject()
        subject.run("RPUSH l 1 one")
        subject.run("SET text x")

        #expect(subject.run(line) == expected)
    }

    @Test(arguments: [
        ("BY {a}w*", true), ("BY x{a}*", true), ("BY nosort", true), ("GET #", true), ("GET {a}x", true),
        ("GET x{a}[*", true), ("BY w*", false), ("BY *{a}", false), ("BY {a*}", false), ("GET x", false),
        ("GET ?{a}*", false), ("GET {}a*", false), ("GET {{a}*", false),
    ])
    func `stays in the slot of its key in a cluster`(options: String, isAllowed: Bool) {
        let subject = Subject(shards: 2)
        subject.isClusterEnabled = true
        subject.run("RPUSH {a}l 1")

        let reply = subject.run("SORT {a}l " + options)

        #expect(
            reply.hasSuffix("denied in Cluster mode when keys formed by the pattern may be in different slots.")
                != isAllowed,
            "\(reply)"
        )
    }

    @Test func `says what it has changed`() {
        let subject = Subject()
        subject.run("RPUSH l 2 1")

        #expect(subject.changes(by: "SORT l STORE d") == ["d"])
        #expect(subject.changes(by: "SORT none STORE d") == ["d"])
        #expect(subject.changes(by: "SORT none STORE d") == [])
        #expect(subject.changes(by: "SORT l") == [])
    }
}
