// Values of every kind that is made of more than one block, for tests of what is done to them in slices.

import Protocol

@testable import Keyspace

/// Large values of every kind that is made of more than one block.
enum LargeValue: CaseIterable {
    case list, compressedList, set, setOfLongMembers, sortedSet, hash, stream

    /// Puts one with `count` elements under `name`.
    func make(_ name: String, count: Int, in keyspace: Keyspace, database: Int = 0) {
        keyspace.with(name) { key in
            switch self {
            case .list, .compressedList:
                keyspace.limits.listNodeSize = 4
                keyspace.limits.listCompressDepth = self == .compressedList ? 1 : 0
                let list = keyspace.make(ListValue.self, under: key, in: database)
                for number in 0..<count { element(number, padding: 20).withBytes { list.push($0, at: .tail) } }
            case .set, .setOfLongMembers:
                let set = keyspace.make(SetValue.self, under: key, in: database)
                let padding = self == .set ? 0 : 200
                for number in 0..<count { _ = element(number, padding: padding).withBytes { set.insert($0) } }
            case .sortedSet:
                let set = keyspace.make(SortedSetValue.self, under: key, in: database)
                set.expand()
                for number in 0..<count {
                    element(number, padding: 0).withBytes { set.insert($0, score: Double(number)) }
                }
            case .hash:
                let hash = keyspace.make(HashValue.self, under: key, in: database)
                for number in 0..<count {
                    let rule: ExpiryRule = number % 7 == 0 ? .at(keyspace.now + 3) : .discard
                    element(number, padding: 30).withBytes { _ = hash.set($0, to: $0, expiry: rule) }
                }
                keyspace.noteFields(of: hash, under: key, in: database)
            case .stream: makeStream(under: key, count: count, in: keyspace, database)
            }
        }
    }

    /// A stream of which all is pending with one of three consumers.
    private func makeStream(under key: Key, count: Int, in keyspace: Keyspace, _ database: Int) {
        keyspace.limits.streamNodeCount = 10
        let stream = keyspace.make(StreamValue.self, under: key, in: database)
        let group = element(0, padding: 0).withBytes { stream.addGroup($0, lastID: .zero, entriesRead: nil) }
        let consumers = (0..<3).map { number in
            element(number, padding: 0).withBytes { stream.addConsumer($0, to: group, seen: 0, active: 0) }
        }
        for number in 0..<count {
            let id = StreamID(UInt64(number + 1), 0)
            let fields = OwnedArguments([element(number, padding: 0), element(number, padding: 20)])
            withExtendedLifetime(fields) { stream.append(id, fields: fields.arguments) }
            let consumer = consumers[number % 3]
            stream.put(PendingEntry(id: id, deliveryTime: 1, deliveryCount: 1, consumer: consumer), in: group)
        }
    }

    private func element(_ number: Int, padding: Int) -> [UInt8] {
        Array(("element:\(number)" + String(repeating: "x", count: padding)).utf8)
    }
}
