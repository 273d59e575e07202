// Reading the elements of the RDB format from bytes that nobody vouches for.
//
// The rule: a length is believed only as far as there are bytes for it. Nothing is allocated by a number that was read
// before it is known that what follows can fill it.

public import Protocol

/// What is wrong with bytes that should be RDB, and where.
public enum RDBError: Error, Equatable, CustomStringConvertible {
    case truncated(offset: Int, missing: Int)
    case unknownType(UInt8, offset: Int)
    case unknownLengthForm(UInt8, offset: Int)
    case unknownStringForm(UInt8, offset: Int)
    /// A special form of a string stands where a number should.
    case stringInPlaceOfLength(offset: Int)
    case lengthTooLarge(UInt64, offset: Int)
    case brokenCompression(LZFError, offset: Int)
    case bytesLeft(Int, offset: Int)
    /// Its elements contradict its head, or it has none.
    case brokenCollection(offset: Int)

    public var description: String {
        switch self {
        case .truncated(let offset, let missing):
            "the data ends at byte \(offset), at least \(missing) bytes too early"
        case .unknownType(let type, let offset):
            "byte \(offset) says type \(type), which this server does not read"
        case .unknownLengthForm(let form, let offset):
            "byte \(offset) begins a length with \(form), which no version does"
        case .unknownStringForm(let form, let offset):
            "byte \(offset) begins a string of form \(form); 0 to 3 are known"
        case .stringInPlaceOfLength(let offset):
            "byte \(offset) begins a string, where a length was expected"
        case .lengthTooLarge(let length, let offset):
            "byte \(offset) begins a length of \(length), which nothing can fill"
        case .brokenCompression(let error, let offset):
            "the compressed string at byte \(offset) is broken: \(error)"
        case .bytesLeft(let count, let offset):
            "\(count) bytes are left from byte \(offset) on, behind the value"
        case .brokenCollection(let offset):
            "the collection at byte \(offset) contradicts itself, or has no elements"
        }
    }
}

/// Goes through `bytes` element by element; after an error it is good for nothing.
///
/// Memory: the bytes belong to the caller, and outlive the decoder.
public struct RDBDecoder {
    private let bytes: Bytes
    /// Where the next element begins.
    public private(set) var offset = 0

    /// What three bytes of a compressed block can become at most, divided by three.
    private static let greatestExpansion = 88

    public init(_ bytes: Bytes) { self.bytes = bytes }

    public var isAtEnd: Bool { offset == bytes.count }

    public mutating func readByte() throws(RDBError) -> UInt8 { try read(byteCount: 1)[0] }

    public mutating func readType() throws(RDBError) -> RDBType {
        let start = offset
        let byte = try readByte()
        guard let type = RDBType(rawValue: byte) else { throw .unknownType(byte, offset: start) }
        return type
    }

    /// Bytes as they are, lent.
    public mutating func read(byteCount: Int) throws(RDBError) -> Bytes {
        precondition(byteCount >= 0, "fewer than no bytes are read")
        guard byteCount <= bytes.count - offset else {
            throw .truncated(offset: bytes.count, missing: byteCount - (bytes.count - offset))
        }
        defer { offset += byteCount }
        return bytes[offset..<offset + byteCount]
    }

    /// A count or another number that is not negative; what it counts is not there yet.
    public mutating func readLength() throws(RDBError) -> UInt64 {
        let start = offset
        switch try readLengthOrForm() {
        case .length(let length): return length
        case .special: throw .stringInPlaceOfLength(offset: start)
        }
    }

    /// Milliseconds, versions and checksums: fixed width, lowest byte first.
    public mutating func readFixed<Number: FixedWidthInteger>(_: Number.Type) throws(RDBError) -> Number {
        let raw = try read(byteCount: Number.bitWidth / 8)
        return Number(littleEndian: unsafe raw.base.loadUnaligned(as: Number.self))
    }

    /// A string in any form.
    public mutating func readString() throws(RDBError) -> [UInt8] {
        let start = offset
        switch try readLengthOrForm() {
        case .length(let length): return try read(byteCount: byteCount(length, at: start)).array
        case .special(let byte):
            guard let form = StringForm(rawValue: byte) else { throw .unknownStringForm(byte, offset: start) }
            switch form {
            case .int8: return text(of: try readFixed(Int8.self))
            case .int16: return text(of: try readFixed(Int16.self))
            case .int32: return text(of: try readFixed(Int32.self))
            case .compressed: return try readCompressed(from: start)
            }
        }
    }

    private enum LengthOrForm {
        case length(UInt64)
        case special(UInt8)
    }

    private mutating func readLengthOrForm() throws(RDBError) -> LengthOrForm {
        let start = offset
        let first = try readByte()
        let low = first & ~LengthForm.mask
        switch first & LengthForm.mask {
        case LengthForm.six: return .length(UInt64(low))
        case LengthForm.fourteen: return .length(UInt64(low) << 8 | UInt64(try readByte()))
        case LengthForm.special: return .special(low)
        default:
            switch first {
            case LengthForm.thirtyTwo: return .length(UInt64(try readFixed(UInt32.self).byteSwapped))
            case LengthForm.sixtyFour: return .length(try readFixed(UInt64.self).byteSwapped)
            default: throw .unknownLengthForm(first, offset: start)
            }
        }
    }

    private mutating func readCompressed(from start: Int) throws(RDBError) -> [UInt8] {
        let blockLength = try readLength()
        let blockCount = try byteCount(blockLength, at: start)
        let plainStart = offset
        let plainLength = try readLength()
        let block = try read(byteCount: blockCount)
        // The block is there; it cannot become more than this, whatever it promises.
        guard plainLength <= UInt64(blockCount * RDBDecoder.greatestExpansion) else {
            throw .lengthTooLarge(plainLength, offset: plainStart)
        }
        do {
            return try decompressLZF(block, byteCount: Int(plainLength))
        } catch {
            throw .brokenCompression(error, offset: start)
        }
    }

    /// A length of bytes that must follow.
    private func byteCount(_ length: UInt64, at start: Int) throws(RDBError) -> Int {
        guard let count = Int(exactly: length) else { throw .lengthTooLarge(length, offset: start) }
        guard count <= bytes.count - offset else {
            throw .truncated(offset: bytes.count, missing: count - (bytes.count - offset))
        }
        return count
    }

    private func text(of number: some FixedWidthInteger) -> [UInt8] { withIntegerText(Int64(number)) { $0.array } }
}
