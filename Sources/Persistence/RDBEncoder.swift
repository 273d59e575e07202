// Writing the elements of the RDB format: lengths, strings, numbers; values are made of these.

public import Keyspace
public import Protocol

/// Appends elements of RDB to bytes in memory; where these go is its caller's business.
public struct RDBEncoder {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    /// The least version of the format that has all that was written so far.
    private(set) var version = RDBVersion.written
    private let compresses: Bool
    /// What stands between the next type and its value: in a file the key, in a payload nothing.
    private var key: Bytes?

    /// Shorter strings are not worth the attempt.
    private static let compressedFrom = 21
    private static let leastSaving = 4
    /// The longest text that can be a 32-bit integer: "-2147483648".
    private static let longestInteger = 11

    /// - Parameter compresses: whether long strings are compressed (`rdbcompression`).
    public init(compresses: Bool = true) { self.compresses = compresses }

    public mutating func write(byte: UInt8) { bytes.append(byte) }

    public mutating func write(type: RDBType) {
        bytes.append(type.rawValue)
        if type == .volatileHash { version = RDBVersion.ofVolatileHashes }
        if let key {
            self.key = nil
            write(string: key)
        }
    }

    /// The key of `entry` with its value, as a file has them.
    public mutating func write(keyAndValueOf entry: Entry, in keyspace: Keyspace) {
        key = entry.key
        write(typeAndValueOf: entry, in: keyspace)
        assert(key == nil, "a value begins with its type")
    }

    /// Bytes as they are, without a length.
    public mutating func write(raw: Bytes) {
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: raw.base, count: raw.count))
    }

    /// Puts `start` in place of the first bytes, of which there are as many.
    mutating func overwriteStart(with start: [UInt8]) { bytes.replaceSubrange(0..<start.count, with: start) }

    /// A count or another number that is not negative, in the shortest of four forms.
    public mutating func write(length: UInt64) {
        switch length {
        case 0..<(1 << 6):
            bytes.append(LengthForm.six | UInt8(length))
        case 0..<(1 << 14):
            bytes.append(LengthForm.fourteen | UInt8(length >> 8))
            bytes.append(UInt8(length & 0xFF))
        case 0...UInt64(UInt32.max):
            bytes.append(LengthForm.thirtyTwo)
            write(bits: UInt32(length).byteSwapped)
        default:
            bytes.append(LengthForm.sixtyFour)
            write(bits: length.byteSwapped)
        }
    }

    /// A string: as an integer if it is the text of a small one, compressed if that saves something, else as it is.
    public mutating func write(string: Bytes) {
        if string.count <= RDBEncoder.longestInteger, let number = parseInteger(string), write(small: number) { return }
        if compresses, string.count >= RDBEncoder.compressedFrom,
            let block = compressLZF(string, limit: string.count - RDBEncoder.leastSaving)
        {
            write(form: .compressed)
            write(length: UInt64(block.count))
            write(length: UInt64(string.count))
            bytes.append(contentsOf: block)
            return
        }
        write(length: UInt64(string.count))
        write(raw: string)
    }

    /// The string that is the text of `integer`.
    public mutating func write(string integer: Int64) {
        if write(small: integer) { return }
        withIntegerText(integer) { text in
            write(length: UInt64(text.count))
            write(raw: text)
        }
    }

    /// Milliseconds, versions and checksums: fixed width, lowest byte first.
    public mutating func write<Number: FixedWidthInteger>(fixed number: Number) { write(bits: number.littleEndian) }

    /// Writes `number` in one of the forms for small integers, if it is one.
    private mutating func write(small number: Int64) -> Bool {
        if let number = Int8(exactly: number) {
            write(form: .int8)
            write(fixed: number)
        } else if let number = Int16(exactly: number) {
            write(form: .int16)
            write(fixed: number)
        } else if let number = Int32(exactly: number) {
            write(form: .int32)
            write(fixed: number)
        } else {
            return false
        }
        return true
    }

    private mutating func write(form: StringForm) { bytes.append(LengthForm.special | form.rawValue) }

    private mutating func write<Number: FixedWidthInteger>(bits: Number) {
        unsafe withUnsafeBytes(of: bits) { unsafe bytes.append(contentsOf: $0) }
    }
}
