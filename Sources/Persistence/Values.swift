// Which RDB type a value is written as, and what each type is read into.

public import Keyspace
public import Protocol

extension RDBEncoder {
    /// The type of the value of `entry`, and the value.
    public mutating func write(typeAndValueOf entry: Entry, in keyspace: Keyspace) {
        switch entry.type {
        case .string:
            write(type: .string)
            write(string: entry.string)
        case .list: write(list: ListValue(entry: entry, keyspace: keyspace))
        case .set: write(set: SetValue(entry: entry, keyspace: keyspace))
        case .sortedSet: write(sortedSet: SortedSetValue(entry: entry, keyspace: keyspace))
        case .hash: write(hash: HashValue(entry: entry, keyspace: keyspace))
        case .stream: write(stream: StreamValue(entry: entry, keyspace: keyspace))
        }
    }

    mutating func write(string: StringValue) {
        switch string {
        case .integer(let number): write(string: number)
        case .bytes(let bytes): write(string: bytes)
        }
    }
}

extension RDBDecoder {
    /// A value of `type`, as an entry of `key` that is still to be attached to `keyspace`.
    public mutating func readValue(
        of type: RDBType,
        key: Bytes,
        expiry: Int64?,
        in keyspace: Keyspace
    ) throws(RDBError) -> DetachedEntry {
        switch type {
        case .string: return try readString().withBytes { keyspace.makeDetached($0, key: key, expiry: expiry) }
        case .list, .listAsZiplist, .listOfZiplists, .listOfListpacks:
            return try keyspace.makeDetached(ListValue.self, key: key, expiry: expiry) { (list) throws(RDBError) in
                try readList(of: type, into: list)
            }
        case .set, .setOfIntegers, .setAsListpack:
            return try keyspace.makeDetached(SetValue.self, key: key, expiry: expiry) { (set) throws(RDBError) in
                try readSet(of: type, into: set)
            }
        case .sortedSet, .sortedSetAsText, .sortedSetAsZiplist, .sortedSetAsListpack:
            return try keyspace.makeDetached(SortedSetValue.self, key: key, expiry: expiry) { (set) throws(RDBError) in
                try readSortedSet(of: type, into: set)
            }
        case .hash, .hashAsZipmap, .hashAsZiplist, .hashAsListpack, .volatileHash:
            return try keyspace.makeDetached(HashValue.self, key: key, expiry: expiry) { (hash) throws(RDBError) in
                try readHash(of: type, into: hash)
            }
        case .stream, .streamWithCounts, .streamWithActivity:
            return try keyspace.makeDetached(StreamValue.self, key: key, expiry: expiry) { (stream) throws(RDBError) in
                try readStream(of: type, into: stream)
            }
        }
    }
}
