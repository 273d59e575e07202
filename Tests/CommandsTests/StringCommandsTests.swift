// Strings without a server: time moved by the test, several shards in one hand, and what is said to have changed.

import Protocol
import Testing

@testable import Commands

@Suite struct `The longest common subsequence` {
    /// All of them, the plain way.
    private func length(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Int {
        guard let head = first.first, let other = second.first else { return 0 }
        if head == other { return 1 + length(first.dropFirst(), second.dropFirst()) }
        return max(length(first.dropFirst(), second), length(first, second.dropFirst()))
    }

    private func isSubsequence(_ part: [UInt8], of whole: [UInt8]) -> Bool {
        var rest = whole[...]
        for byte in part {
            guard let index = rest.firstIndex(of: byte) else { return false }
            rest = rest[(index + 1)...]
        }
        return true
    }

    @Test(arguments: 0..<200)
    func `is one, and none is longer`(seed: UInt64) {
        var generator = Seeded(state: seed)
        let strings = (0..<2).map { _ in
            [UInt8].random(count: .random(in: 0...9, using: &generator), of: Array("abc".utf8), using: &generator)
        }

        let common = LongestCommonSubsequence(of: strings[0], strings[1])

        let bytes = common.bytes(from: strings[0])
        #expect(isSubsequence(bytes, of: strings[0]) && isSubsequence(bytes, of: strings[1]))
        #expect(bytes.count == length(strings[0][...], strings[1][...]), "\(strings)")
        #expect(common.count == bytes.count)
        #expect(LongestCommonSubsequence.length(of: strings[0], strings[1]) == bytes.count)
        for match in common.matches {
            #expect(
                strings[0][match.first..<match.first + match.count]
                    == strings[1][match.second..<match.second + match.count]
            )
        }
    }
}

@Suite struct `Strings that die` {
    @Test(arguments: [
        "SET k v EX 2", "SET k v PX 2000", "SET k v EXAT 1002", "SET k v PXAT 1002000", "SETEX k 2 v",
        "PSETEX k 2000 v",
    ])
    func `live up to their time and no longer`(line: String) {
        let subject = Subject()
        subject.run(line)

        subject.move(to: 1_002_000)
        #expect(subject.run("GET k") == "$1 v")

        subject.move(to: 1_002_001)
        #expect(subject.run("GET k") == "$-1")
    }

    @Test func `keep their time where they are only changed`() {
        let subject = Subject()
        for line in [
            "APPEND k 1", "INCR k", "INCRBYFLOAT k 1.5", "SETRANGE k 1 2", "SETBIT k 7 1", "SET k 1 KEEPTTL",
            "BITFIELD k SET u8 0 50",
        ] {
            subject.run("SET k 1 PX 5000")

            subject.run(line)

            #expect(subject.run("PTTL k") == ":5000", "\(line)")
        }
    }

    @Test func `lose it where they are replaced`() {
        let subject = Subject()
        for line in [
            "SET k 2", "GETSET k 2", "MSET k 2", "GETEX k PERSIST", "PERSIST k", "BITOP NOT k k", "MSETEX 1 k 2",
        ] {
            subject.run("SET k 1 PX 5000")

            subject.run(line)

            #expect(subject.run("PTTL k") == ":-1", "\(line)")
        }
    }
}

@Suite struct `A change` {
    @Test(arguments: [
        ("SET a 2", ["a"]), ("SET a 2 NX", []), ("SET a 2 XX", ["a"]), ("SET b 2 XX", []), ("SET a 2 IFEQ 1", ["a"]),
        ("SET a 2 IFEQ 3", []), ("MSET a 1 b 2", ["a", "b"]), ("MSETNX a 1 b 2", []), ("GET a", []),
        ("GETDEL a", ["a"]),
        ("GETEX a", []), ("GETEX a PERSIST", []), ("GETEX a EX 10", ["a"]), ("INCR a", ["a"]), ("INCRBY a x", []),
        ("APPEND a x", ["a"]), ("SETRANGE b 0 x", ["b"]), ("SETBIT a 0 0", []), ("SETBIT a 0 1", ["a"]),
        ("SETBIT a 100 0", ["a"]), ("BITFIELD a SET u8 0 49", []), ("BITFIELD a SET u8 0 50", ["a"]),
        ("BITOP NOT b c", []), ("BITOP NOT a c", ["a"]), ("DEL a b", ["a"]), ("EXPIRE a 10", ["a"]),
        ("EXPIRE a 10 XX", []), ("EXPIRE a -1", ["a"]), ("PERSIST a", []), ("RENAME a b", ["a", "b"]),
        ("RENAME a a", []), ("COPY a b", ["b"]), ("MOVE a 1", ["a", "a"]), ("DELIFEQ a 2", []), ("DELIFEQ a 1", ["a"]),
        ("FLUSHDB", ["all of 0"]), ("FLUSHALL", ["all of all"]), ("FLUSHALL x", []),
    ])
    func `is told of the keys that it concerns, and only then`(line: String, keys: [String]) {
        let subject = Subject()
        subject.run("SET a 1")

        #expect(subject.changes(by: line) == keys)
    }
}

@Suite struct `Several shards in one hand` {
    @Test func `hold the keys of one command where they belong`() {
        let subject = Subject(shards: 3)
        let names = (0..<60).map { "key\($0)" }

        subject.run("MSET " + names.map { "\($0) \($0)" }.joined(separator: " "))

        #expect(subject.keyCounts.allSatisfy { $0 > 5 })
        #expect(
            subject.run("MGET " + names.joined(separator: " ")) == "*60 "
                + names.map { "$\($0.count) \($0)" }.joined(separator: " ")
        )
        #expect(subject.run("DBSIZE") == ":60")
        #expect(subject.run("DEL " + names.joined(separator: " ")) == ":60")
        #expect(subject.keyCounts == [0, 0, 0])
    }

    @Test func `exchange entries, with their expiry`() {
        let subject = Subject(shards: 3)
        subject.run("SET a value PX 5000")

        for (source, target) in zip("abcdefgh", "bcdefghi") { subject.run("RENAME \(source) \(target)") }
        subject.run("COPY i j")

        #expect(subject.run("PTTL i") == ":5000")
        #expect(subject.run("PTTL j") == ":5000")
        #expect(subject.run("MGET i j a") == "*3 $5 value $5 value $-1")
    }

    @Test func `are scanned one after the other`() {
        let subject = Subject(shards: 3)
        for number in 0..<100 { subject.run("SET key\(number) x") }

        var found: Set<Substring> = []
        var cursor = "0"
        repeat {
            let words = subject.run("SCAN \(cursor) COUNT 7").split(separator: " ")
            found.formUnion(words.filter { $0.hasPrefix("key") })
            cursor = String(words[2])
        } while cursor != "0"

        #expect(found.count == 100)
    }
}
