// What the tests of this floor share: keyspaces of known seed, and arrays where the keyspace has lent bytes.

import Protocol

@testable import Keyspace

extension Keyspace {
    static func standalone(databases: Int = 2) -> Keyspace {
        let keyspace = Keyspace(databaseCount: databases, slots: .none, seed: 4711)
        keyspace.now = 1_000_000
        return keyspace
    }

    static func slotted() -> Keyspace {
        let keyspace = Keyspace(databaseCount: 1, slots: .tables, seed: 4711)
        keyspace.now = 1_000_000
        return keyspace
    }

    /// Runs `body` with the key of `text`.
    func with<Result>(_ text: [UInt8], _ body: (Key) -> Result) -> Result { text.withBytes { body(key($0)) } }

    func with<Result>(_ text: String, _ body: (Key) -> Result) -> Result { with(Array(text.utf8), body) }

    @discardableResult
    func set(_ name: String, _ value: String, expiry: ExpiryRule = .discard, in database: Int = 0) -> Bool {
        with(name) { key in Array(value.utf8).withBytes { set(key, in: database, to: $0, expiry: expiry) } }
    }

    func get(_ name: String, in database: Int = 0) -> String? {
        with(name) { key in lookup(key, in: database)?.string.withBytes { $0.text } }
    }

    @discardableResult
    func remove(_ name: String, in database: Int = 0) -> Bool { with(name) { remove($0, in: database) } }

    /// Finishes everything that is done in slices.
    func settle() {
        while rehashSlice(budget: 1000) {}
        while collectGarbage(budget: 1000) {}
    }
}
