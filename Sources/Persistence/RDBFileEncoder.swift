// Writing a whole RDB file: what stands around the keys.
//
//     REDIS0010                   or VALKEY080, if there are hashes whose fields have an expiry
//     0xFA name value             what is good to know of the writer, as often as it likes
//     0xFE number                 a database begins
//     0xFB keys keys-with-expiry  how much is to come
//     [0xFC milliseconds] type key value    a key, as often as there are
//     0xFF checksum               the end; the checksum covers all before it

public import Keyspace
internal import Protocol

/// An RDB file in memory, written from its beginning to its end.
public struct RDBFileEncoder {
    private enum Opcode {
        static let auxiliary: UInt8 = 250
        static let sizes: UInt8 = 251
        static let expiry: UInt8 = 252
        static let database: UInt8 = 254
        static let end: UInt8 = 255
    }

    private var encoder: RDBEncoder

    /// - Parameters:
    ///   - compresses: whether long strings are compressed (`rdbcompression`).
    ///   - facts: what the file says of its writer, in this order.
    public init(compresses: Bool = true, facts: [(name: String, value: String)]) {
        encoder = RDBEncoder(compresses: compresses)
        Self.magic(of: RDBVersion.written).withBytes { encoder.write(raw: $0) }
        for fact in facts {
            encoder.write(byte: Opcode.auxiliary)
            Array(fact.name.utf8).withBytes { encoder.write(string: $0) }
            Array(fact.value.utf8).withBytes { encoder.write(string: $0) }
        }
    }

    /// How a file of `version` begins: nine bytes in any version.
    private static func magic(of version: Int) -> [UInt8] {
        let (name, digits) = (version < RDBVersion.ofVolatileHashes ? "REDIS" : "VALKEY", String(version))
        return Array((name + String(repeating: "0", count: 9 - name.utf8.count - digits.utf8.count) + digits).utf8)
    }

    /// A database that has keys begins; the counts are hints for who reads.
    public mutating func begin(database: Int, keyCount: Int, volatileCount: Int) {
        encoder.write(byte: Opcode.database)
        encoder.write(length: UInt64(database))
        encoder.write(byte: Opcode.sizes)
        encoder.write(length: UInt64(keyCount))
        encoder.write(length: UInt64(volatileCount))
    }

    /// The next key of the database that has begun.
    public mutating func write(_ entry: Entry, in keyspace: Keyspace) {
        if let expiry = entry.expiry {
            encoder.write(byte: Opcode.expiry)
            encoder.write(fixed: expiry)
        }
        encoder.write(keyAndValueOf: entry, in: keyspace)
    }

    /// The whole file.
    public consuming func finish() -> [UInt8] {
        // Only now it is known what the version had to have.
        encoder.overwriteStart(with: Self.magic(of: encoder.version))
        encoder.write(byte: Opcode.end)
        encoder.write(fixed: encoder.bytes.withBytes { CRC64.checksum(of: $0) })
        return encoder.bytes
    }
}
