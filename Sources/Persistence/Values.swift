// Which RDB type a value is written as, and what each type is read into.

public import Keyspace
public import Protocol

extension RDBEncoder {
    /// The type of the value of `entry`, and the value.
    public mutating func write(typeAndValueOf entry: Entry) {
        switch entry.type {
        case .string:
            write(type: .string)
            write(stringOf: entry)
        case .list, .set, .sortedSet, .hash, .stream: preconditionFailure("no value is a \(entry.type)")
        }
    }

    private mutating func write(stringOf entry: Entry) {
        switch entry.string {
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
        case .string: try readString().withBytes { keyspace.makeDetached($0, key: key, expiry: expiry) }
        }
    }
}
