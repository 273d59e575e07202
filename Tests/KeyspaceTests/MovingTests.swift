import Protocol
import Testing

@testable import Keyspace

@Suite struct `A detached entry` {
    private let values = ["12", "short", String(repeating: "x", count: 900), String(repeating: "y", count: 100_000)]

    /// Takes `name` from one keyspace and puts it as `newName` into another.
    private func move(_ name: String, from source: Keyspace, _ database: Int, to target: Keyspace, as newName: String) {
        target.with(newName) { newKey in
            source.with(name) { key in
                guard let detached = source.take(key, in: database) else { return }
                target.attach(detached, as: newKey, in: 1)
            }
        }
    }

    @Test func `keeps value, encoding, expiry and access under a new key`() {
        for value in values {
            let keyspace = Keyspace.standalone()
            keyspace.set("a", value, expiry: .at(2_000_000))
            let encoding = keyspace.with("a") { keyspace.lookup($0, in: 0)?.encoding }
            keyspace.now += 5000

            move("a", from: keyspace, 0, to: keyspace, as: "a much longer name than before")

            #expect(keyspace.get("a") == nil)
            keyspace.with("a much longer name than before") { key in
                guard let entry = keyspace.lookup(key, in: 1, touching: false) else { Issue.record("lost"); return }
                #expect(entry.expiry == 2_000_000)
                #expect(entry.encoding == encoding)
                #expect(keyspace.idleSeconds(entry) == 5)
                #expect(entry.string.withBytes { $0.text } == value)
            }
            keyspace.checkInvariants()
        }
    }

    @Test(arguments: ["a", "another name"])
    func `goes to the keyspace of another shard with its bytes`(newName: String) {
        let source = Keyspace.standalone()
        let target = Keyspace.standalone()
        let bytes = source.usedBytes
        for value in values {
            source.set("a", value)
            target.with(newName) { key in _ = Array("replaced".utf8).withBytes { target.set(key, in: 1, to: $0) } }

            move("a", from: source, 0, to: target, as: newName)

            #expect(source.usedBytes == bytes)
            #expect(target.get(newName, in: 1) == value)
            target.remove(newName, in: 1)
            #expect(target.usedBytes == bytes)
        }
        source.checkInvariants()
        target.checkInvariants()
    }

    @Test func `of a copy leaves the original alone`() {
        for value in values {
            let keyspace = Keyspace.standalone()
            keyspace.set("a", value, expiry: .at(2_000_000))

            keyspace.with("b") { newKey in
                keyspace.with("a") { key in
                    guard let copy = keyspace.duplicate(key, in: 0) else { return }
                    keyspace.attach(copy, as: newKey, in: 0)
                }
            }
            keyspace.with("b") { key in _ = keyspace.append(key.bytes, to: key, in: 0) }

            #expect(keyspace.get("a") == value)
            #expect(keyspace.get("b") == value + "b")
            #expect(keyspace.volatileCount(in: 0) == 2)
            keyspace.checkInvariants()
        }
    }

    @Test func `is freed when nobody attaches it`() {
        for value in values {
            let keyspace = Keyspace.standalone()
            let bytes = keyspace.usedBytes
            keyspace.set("a", value)

            let isDetached = keyspace.with("a") { key in
                if case .some(let detached) = keyspace.take(key, in: 0) {
                    return detached.withEntry { $0.key.text == "a" }
                }
                return false
            }
            #expect(isDetached)

            #expect(keyspace.usedBytes == bytes)
        }
    }
}

@Suite struct `The access record` {
    @Test func `tells how long a key was idle`() {
        let keyspace = Keyspace.standalone()
        keyspace.set("k", "v")
        keyspace.now += 10_000
        keyspace.with("k") { key in
            #expect(keyspace.lookup(key, in: 0, touching: false).map(keyspace.idleSeconds) == 10)
            #expect(keyspace.lookup(key, in: 0).map(keyspace.idleSeconds) == 0)
            #expect(keyspace.lookup(key, in: 0).map(keyspace.frequency) == 0)
        }
    }

    @Test func `counts frequent keys higher than rare ones, and forgets`() {
        let keyspace = Keyspace.standalone()
        keyspace.accessRecord = .frequency(logFactor: 10, decayMinutes: 1)
        keyspace.set("rare", "v")
        keyspace.set("frequent", "v")
        for _ in 0..<10_000 { _ = keyspace.get("frequent") }
        func frequency(_ name: String) -> Int? {
            keyspace.with(name) { keyspace.lookup($0, in: 0, touching: false).map(keyspace.frequency) }
        }

        #expect(frequency("rare") == 5)
        // Redis's documentation gives 49 after 10,000 hits with factor 10 as the order of magnitude.
        #expect((30...70).contains(frequency("frequent") ?? 0))

        let counted = frequency("frequent") ?? 0
        keyspace.now += 3 * 60_000
        #expect(frequency("frequent") == counted - 3)
        keyspace.now += 300 * 60_000
        #expect(frequency("frequent") == 0)
    }
}
