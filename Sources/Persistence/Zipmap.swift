// Zipmaps: what small hashes were before ziplists, in files of Redis 2.4 and before. They are only read.
//
//     1       how many pairs; 254: more than fit here
//     …       the pairs: field, value, field, value, …
//     1       0xFF
//
// A field is its length (one byte; 0xFE and four more from 254 on) and its bytes. A value is the same, with one more byte
// behind its length that tells how many bytes behind it are unused.
//
// Source: the zipmap specification; the bytes in `HashesTests` were taken by redis-server 7.0 and valkey-server 9.1.

internal import Keyspace
internal import Protocol

/// A zipmap that nobody vouches for, gone through from its first field; fields and values come in turn.
struct ZipmapReader {
    private let bytes: Bytes
    /// Where the zipmap begins in what is decoded, for errors.
    private let start: Int
    private var offset = 1
    private var isAtValue = false

    private static let end: UInt8 = 0xFF
    private static let longLength: UInt8 = 0xFE

    init(_ bytes: Bytes, at start: Int) throws(RDBError) {
        guard bytes.count >= 2, bytes[bytes.count - 1] == Self.end else { throw .brokenCollection(offset: start) }
        self.bytes = bytes
        self.start = start
    }

    /// The next field or value, or nil behind the last.
    mutating func next() throws(RDBError) -> StringValue? {
        guard offset < bytes.count - 1 else { return nil }
        var count = Int(try take(1)[0])
        guard count < Int(Self.end) else { throw .brokenCollection(offset: start) }
        if count == Int(Self.longLength) { count = Int(try take(4).word32(at: 0)) }
        let unusedCount = isAtValue ? Int(try take(1)[0]) : 0
        let content = try take(count)
        _ = try take(unusedCount)
        isAtValue.toggle()
        return .bytes(content)
    }

    /// Bytes that must lie before the end mark.
    private mutating func take(_ count: Int) throws(RDBError) -> Bytes {
        guard count <= bytes.count - 1 - offset else { throw .brokenCollection(offset: start) }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }
}
