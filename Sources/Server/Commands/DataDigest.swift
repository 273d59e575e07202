// A sum over data that does not depend on its order: equal data, equal digest, on any number of shards.

internal import Keyspace
internal import Protocol

/// 160 bits; no data has the digest zero.
struct DataDigest {
    private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)

    init() {}

    /// Of a key with its value and expiry.
    init(of entry: Entry, in keyspace: Keyspace, database: Int) {
        absorb(entry.key)
        absorb(UInt64(database))
        if let expiry = entry.expiry { absorb(UInt64(bitPattern: expiry)) }
        add(DataDigest(ofValue: entry, in: keyspace))
    }

    init(ofValue entry: Entry, in keyspace: Keyspace) {
        absorb(UInt64(entry.type.rawValue))
        switch entry.type {
        case .string: entry.string.withBytes { absorb($0) }
        case .list:
            ListValue(entry: entry, keyspace: keyspace).visit(from: 0) { element in
                element.withBytes { absorb($0) }
                return true
            }
        case .set:
            SetValue(entry: entry, keyspace: keyspace).forEach { member in
                add(DataDigest(ofElement: member))
                return true
            }
        case .sortedSet:
            SortedSetValue(entry: entry, keyspace: keyspace).forEach { member, score in
                var element = DataDigest(ofElement: member)
                element.absorb((score + 0).bitPattern)  // a listpack has no negative zero
                add(element)
            }
        case .hash:
            HashValue(entry: entry, keyspace: keyspace).forEach { field, value in
                add(DataDigest(ofElement: field, value))
                return true
            }
        case .stream:
            // As in Redis the entries alone, not who reads them.
            StreamValue(entry: entry, keyspace: keyspace).forEach { item in
                item.id.withText { absorb($0) }
                item.forEachField { field, value in
                    field.withBytes { absorb($0) }
                    value.withBytes { absorb($0) }
                }
                return true
            }
        }
    }

    /// Of what is in no order: to be added to what it belongs to.
    private init(ofElement parts: StringValue...) {
        for part in parts { part.withBytes { absorb($0) } }
    }

    mutating func add(_ other: DataDigest) {
        words.0 &+= other.words.0
        words.1 &+= other.words.1
        words.2 &+= other.words.2
    }

    private mutating func absorb(_ bytes: Bytes) {
        for index in 0..<bytes.count { absorb(UInt64(bytes[index]) &+ 1) }
        absorb(UInt64(bytes.count))
    }

    private mutating func absorb(_ word: UInt64) {
        words.0 = mixed(words.0 ^ word)
        words.1 = mixed(words.1 &+ words.0 &+ word)
        words.2 = mixed(words.2 ^ words.1 &* 0x9E37_79B9_7F4A_7C15)
    }

    /// SplitMix64's finish.
    private func mixed(_ word: UInt64) -> UInt64 {
        var word = word &+ 0x9E37_79B9_7F4A_7C15
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }

    /// 40 hexadecimal digits.
    var text: String {
        func digits(_ word: UInt64, _ count: Int) -> String {
            let text = String(word, radix: 16)
            return String(repeating: "0", count: max(0, 16 - text.count)) + text
        }
        return String((digits(words.0, 16) + digits(words.1, 16) + digits(words.2, 16)).suffix(40))
    }
}
