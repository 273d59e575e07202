// What the tests of this floor share: a call with keyspaces of known seed, whose time the test moves.

import Keyspace
import Protocol

@testable import Commands

/// Runs commands as a shard would, or as one that holds all shards in its hands.
final class Subject: CallHost {
    private let table = CommandTable(families: [
        StringCommands.all, BitmapCommands.all, ListCommands.all, SetCommands.all, SortedSetCommands.all,
        HashCommands.all, StreamCommands.all, KeyCommands.all, SortCommands.all,
    ])
    private let reply = ReplyBuffer()
    private let keyspaces: [Keyspace]
    private let call: Call

    var isClusterEnabled = false
    var longestString = 1 << 20
    var mayWait: Bool { false }
    /// Keys that were said to have changed.
    private(set) var changedKeys: [String] = []

    /// Sets the time, in Unix milliseconds.
    func move(to now: Int64) {
        for keyspace in keyspaces { keyspace.now = now }
    }

    init(shards: Int = 1) {
        keyspaces = (0..<shards).map { _ in
            Keyspace(databaseCount: 2, slots: shards > 1 ? .routing : .none, seed: 4711)
        }
        call = Call(keyspace: keyspaces[0], reply: reply, idle: StringCommands.get)
        call.connect(allKeyspaces: keyspaces, host: self)
        call.reachesAllShards = shards > 1
        call.hasWatchers = true
        move(to: 1_000_000)
    }

    func keyDidChange(_ key: Key, database: Int) { changedKeys.append(key.bytes.text) }
    func keyMayServe(_ key: Key, database: Int) {}
    func databaseDidChange(_ database: Int?) { changedKeys.append("all of \(database.map(String.init) ?? "all")") }

    /// The reply to a line of words, its line ends written as blanks.
    @discardableResult
    func run(_ line: String) -> String { run(line.split(separator: " ").map { Array($0.utf8) }) }

    @discardableResult
    func run(_ words: [[UInt8]]) -> String {
        let owned = OwnedArguments(words)
        guard let command = table.command(for: owned.arguments) else { return "no such command" }
        reply.clear()
        call.run(command, owned.arguments)
        return reply.unsent.text.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast()
            .joined(separator: " ")
    }

    /// What the words of a line change.
    func changes(by line: String) -> [String] {
        changedKeys = []
        run(line)
        return changedKeys
    }

    /// Lets the search for stale fields go on a little.
    func expireFields() {
        for keyspace in keyspaces { _ = keyspace.expireFieldsSlice(budget: 20) }
    }

    /// Stops the process when a keyspace contradicts itself.
    func checkInvariants() {
        for keyspace in keyspaces { keyspace.checkInvariants() }
    }

    var keyCounts: [Int] { keyspaces.map { $0.count(in: 0) } }
}

/// The same numbers in every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

extension [UInt8] {
    static func random(count: Int, of alphabet: [UInt8], using generator: inout some RandomNumberGenerator) -> [UInt8] {
        (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
    }
}
