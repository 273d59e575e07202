import Protocol
import Testing

@testable import Keyspace

@Suite struct `A batch of keys` {
    /// Of each type a small value and a large one, by name.
    private func filled(_ keyspace: Keyspace) -> Keyspace {
        keyspace.set("string", "value")
        for (size, count) in [("small", 3), ("large", 2000)] {
            keyspace.with("hash:\(size)") { key in
                let hash = keyspace.make(HashValue.self, under: key, in: 0)
                for index in 0..<count { Array("e\(index)".utf8).withBytes { _ = hash.set($0, to: $0) } }
            }
            keyspace.with("set:\(size)") { key in
                let set = keyspace.make(SetValue.self, under: key, in: 0)
                for index in 0..<count { Array("e\(index)".utf8).withBytes { _ = set.insert($0) } }
            }
            keyspace.with("zset:\(size)") { key in
                let set = keyspace.make(SortedSetValue.self, under: key, in: 0)
                for index in 0..<count { Array("e\(index)".utf8).withBytes { set.insert($0, score: Double(index)) } }
            }
        }
        return keyspace
    }

    @Test(arguments: [SlotUse.none, .routing, .tables])
    func `is hashed as single keys are, whatever elements are sought under them`(slots: SlotUse) {
        let keyspace = filled(Keyspace(databaseCount: 1, slots: slots, seed: 4711))
        let names = [
            "gone", "string", "hash:small", "hash:large", "set:small", "set:large", "zset:small", "zset:large",
        ]
        // Each key once alone and then in a row; of the elements the second of four is not there.
        let words = (names + names.flatMap { [$0, $0, $0] }).map { Array($0.utf8) }
        let elements = [[UInt8]]((0..<words.count).map { Array(($0 % 4 == 1 ? "none" : "e\($0)").utf8) })
        let (keys, sought) = (OwnedArguments(words), OwnedArguments(elements))
        let batch = KeyBatch()

        for index in 0..<words.count {
            _ = batch.append(keys.arguments[index])
            batch.seek(sought.arguments[index])
        }
        keyspace.prepare(batch, in: 0)

        #expect(batch.count == KeyBatch.capacity)
        for index in 0..<words.count {
            let single = keyspace.key(keys.arguments[index])
            #expect(batch[index].hash == single.hash && batch[index].slot == single.slot)
            #expect(keyspace.contains(batch[index], in: 0) == (words[index] != Array("gone".utf8)))
        }
        withExtendedLifetime((keys, sought)) {}
        batch.removeAll()
        #expect(batch[.none]?.hash == nil && batch.count == 0)
    }
}
