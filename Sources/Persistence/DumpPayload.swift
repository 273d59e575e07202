// What DUMP gives and RESTORE takes: one value as RDB, then the version (2 bytes) and a CRC-64 of all before (8 bytes).

public import Keyspace
public import Protocol

/// Why a payload is refused; Redis has one error text for each.
public enum DumpError: Error, Equatable {
    /// It was cut, changed, or made by a version that means something else.
    case versionOrChecksum
    /// Its frame is right, its content is not.
    case content(RDBError)
}

/// A key's value in the form in which it travels.
public enum DumpPayload {
    private static let footerByteCount = 10
    /// What a payload has besides the value: its type and the footer.
    public static let frameByteCount = 1 + footerByteCount

    /// The value of `entry`.
    public static func encode(_ entry: Entry, in keyspace: Keyspace, compressing: Bool = true) -> [UInt8] {
        var encoder = RDBEncoder(compresses: compressing)
        encoder.write(typeAndValueOf: entry, in: keyspace)
        encoder.write(fixed: UInt16(encoder.version))
        encoder.write(fixed: encoder.bytes.withBytes { CRC64.checksum(of: $0) })
        return encoder.bytes
    }

    /// The value that `payload` holds, as an entry of `key` that is still to be attached to `keyspace`.
    public static func decode(
        _ payload: Bytes,
        key: Bytes,
        expiry: Int64?,
        in keyspace: Keyspace
    ) throws(DumpError) -> DetachedEntry {
        guard payload.count >= footerByteCount else { throw .versionOrChecksum }
        let contentEnd = payload.count - footerByteCount
        let version = Int(payload[contentEnd]) | Int(payload[contentEnd + 1]) << 8
        let summed = payload[0..<contentEnd + 2]
        let checksum = unsafe payload.base.loadUnaligned(fromByteOffset: summed.count, as: UInt64.self)
        guard RDBVersion.isReadable(version), UInt64(littleEndian: checksum) == CRC64.checksum(of: summed) else {
            throw .versionOrChecksum
        }
        do {
            return try decode(content: payload[0..<contentEnd], key: key, expiry: expiry, in: keyspace)
        } catch {
            throw .content(error)
        }
    }

    private static func decode(
        content: Bytes,
        key: Bytes,
        expiry: Int64?,
        in keyspace: Keyspace
    ) throws(RDBError) -> DetachedEntry {
        var decoder = RDBDecoder(content)
        let entry = try decoder.readValue(of: try decoder.readType(), key: key, expiry: expiry, in: keyspace)
        guard decoder.isAtEnd else { throw .bytesLeft(content.count - decoder.offset, offset: decoder.offset) }
        return entry
    }
}
