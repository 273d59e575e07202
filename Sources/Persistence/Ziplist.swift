// Ziplists: what small collections were before listpacks, still to be found in old files. They are only read.
//
//     offset   bytes
//     0        4       bytes of the whole, lowest byte first
//     4        4       where the last entry begins
//     8        2       how many entries; 65535: more than fit here
//     10       …       the entries
//     end − 1  1       0xFF
//
// An entry is the length of the one before it (one byte; from 254 on 0xFE and four more), a head, and its content:
//
//     00xxxxxx               up to 63 bytes              0xC0, 0xD0, 0xE0   a number of 2, 4 or 8 bytes
//     01xxxxxx xxxxxxxx      up to 16383 bytes           0xF0, 0xFE         a number of 3 bytes, or of one
//     0x80, 4 bytes          more, highest byte first    0xF1 … 0xFD        a number 0 … 12
//
// Source: the ziplist specification; the bytes in `ListsTests` are from the field's own old files.

internal import Keyspace
internal import Protocol

/// A ziplist that nobody vouches for, gone through from its first entry.
struct ZiplistReader {
    private let bytes: Bytes
    /// Where the ziplist begins in what is decoded, for errors.
    private let start: Int
    private var offset = ZiplistReader.headerByteCount
    private var previousByteCount = 0

    private static let headerByteCount = 10
    private static let end: UInt8 = 0xFF

    init(_ bytes: Bytes, at start: Int) throws(RDBError) {
        guard bytes.count > Self.headerByteCount, Int(bytes.word32(at: 0)) == bytes.count,
            bytes[bytes.count - 1] == Self.end
        else { throw .brokenCollection(offset: start) }
        self.bytes = bytes
        self.start = start
    }

    /// The next entry, or nil behind the last.
    mutating func next() throws(RDBError) -> StringValue? {
        guard offset < bytes.count - 1 else {
            guard offset == bytes.count - 1 else { throw .brokenCollection(offset: start) }
            return nil
        }
        let entryStart = offset
        try checkPreviousByteCount()
        let value = try readContent()
        previousByteCount = offset - entryStart
        return value
    }

    private mutating func checkPreviousByteCount() throws(RDBError) {
        var said = Int(try take(1)[0])
        if said == 0xFE { said = Int(try take(4).word32(at: 0)) }
        guard said == previousByteCount else { throw .brokenCollection(offset: start) }
    }

    private mutating func readContent() throws(RDBError) -> StringValue {
        let head = try take(1)[0]
        switch head {
        case 0..<0x40: return .bytes(try take(Int(head)))
        case 0x40..<0x80: return .bytes(try take(Int(head & 0x3F) << 8 | Int(try take(1)[0])))
        case 0x80: return .bytes(try take(Int(try take(4).word32(at: 0).byteSwapped)))
        case 0xC0: return .integer(Int64(try number(Int16.self)))
        case 0xD0: return .integer(Int64(try number(Int32.self)))
        case 0xE0: return .integer(try number(Int64.self))
        case 0xF0:
            let raw = try take(3)
            let bits = UInt32(raw[0]) | UInt32(raw[1]) << 8 | UInt32(raw[2]) << 16
            return .integer(Int64(Int32(bitPattern: bits << 8) >> 8))
        case 0xF1...0xFD: return .integer(Int64(head & 0x0F) - 1)
        case 0xFE: return .integer(Int64(try number(Int8.self)))
        default: throw .brokenCollection(offset: start)
        }
    }

    private mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws(RDBError) -> Number {
        let raw = try take(Number.bitWidth / 8)
        return Number(littleEndian: unsafe raw.base.loadUnaligned(as: Number.self))
    }

    /// Bytes that must lie before the end mark.
    private mutating func take(_ count: Int) throws(RDBError) -> Bytes {
        guard count <= bytes.count - 1 - offset else { throw .brokenCollection(offset: start) }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }
}
