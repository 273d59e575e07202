// An element on its way into a listpack: its head, its content, and its length behind them where that is full.

internal import Protocol

/// An element on its way into a listpack: how it is written, and how much room that takes.
struct ListpackElement {
    private let value: StringValue
    /// Head and content: all of it where the listpack is not full.
    private let contentByteCount: Int

    init(_ text: Bytes) { self.init(parseInteger(text).map(StringValue.integer) ?? .bytes(text)) }

    init(_ number: Int64) { self.init(.integer(number)) }

    /// - Parameter value: bytes that are the text of an integer must come as the integer.
    init(_ value: StringValue) {
        self.value = value
        contentByteCount =
            switch value {
            case .integer(0...127): 1
            case .integer(-4096...4095): 2
            case .integer(-1 << 15..<1 << 15): 3
            case .integer(-1 << 23..<1 << 23): 4
            case .integer(-1 << 31..<1 << 31): 5
            case .integer: 9
            case .bytes(let bytes): bytes.count + (bytes.count < 64 ? 1 : bytes.count < 4096 ? 2 : 5)
            }
    }

    @inline(__always)
    func byteCount(in form: Listpack.Form) -> Int {
        form == .full ? contentByteCount + Listpack.backLengthByteCount(contentByteCount) : contentByteCount
    }

    @unsafe
    func write(to destination: UnsafeMutableRawPointer, in form: Listpack.Form) {
        switch value {
        case .integer(let number): unsafe write(number, to: destination)
        case .bytes(let bytes): unsafe write(bytes, to: destination)
        }
        if form == .full { unsafe Listpack.writeBackLength(contentByteCount, to: destination + contentByteCount) }
    }

    @unsafe
    private func write(_ number: Int64, to destination: UnsafeMutableRawPointer) {
        let bits = UInt64(bitPattern: number)
        switch contentByteCount {
        case 1: unsafe destination.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
        case 2:
            let word = UInt16(truncatingIfNeeded: bits) & 0x1FFF | 0xC000
            unsafe destination.storeBytes(of: word.bigEndian, as: UInt16.self)
        default:
            // 2, 3, 4 or 8 bytes are told by the heads from 0xF1 on.
            let width = contentByteCount - 1
            let head: UInt8 = width == 8 ? 0xF4 : 0xEF + UInt8(width)
            unsafe destination.storeBytes(of: head, as: UInt8.self)
            unsafe withUnsafeBytes(of: bits.littleEndian) {
                unsafe (destination + 1).copyMemory(from: $0.baseAddress!, byteCount: width)
            }
        }
    }

    @unsafe
    private func write(_ bytes: Bytes, to destination: UnsafeMutableRawPointer) {
        let count = bytes.count
        if count < 64 {
            unsafe destination.storeBytes(of: 0x80 | UInt8(count), as: UInt8.self)
        } else if count < 4096 {
            unsafe destination.storeBytes(of: (0xE000 | UInt16(count)).bigEndian, as: UInt16.self)
        } else {
            unsafe destination.storeBytes(of: 0xF0, as: UInt8.self)
            unsafe destination.storeBytes(of: UInt32(count).littleEndian, toByteOffset: 1, as: UInt32.self)
        }
        unsafe (destination + contentByteCount - count).copyMemory(from: bytes.base, byteCount: count)
    }
}

extension Listpack {
    /// How many bytes the length behind takes of an element whose head and content take `byteCount`. The borders are Redis's:
    /// 16383 and its like, which would fit, take one byte more.
    @inline(__always)
    static func backLengthByteCount(_ byteCount: Int) -> Int {
        if byteCount <= 127 { return 1 }
        if byteCount < 16383 { return 2 }
        if byteCount < 2_097_151 { return 3 }
        return byteCount < 268_435_455 ? 4 : 5
    }

    @unsafe @inline(__always)
    static func writeBackLength(_ byteCount: Int, to destination: UnsafeMutableRawPointer) {
        guard byteCount > 127 else { return unsafe destination.storeBytes(of: UInt8(byteCount), as: UInt8.self) }
        unsafe writeLongBackLength(byteCount, to: destination)
    }

    @unsafe
    private static func writeLongBackLength(_ byteCount: Int, to destination: UnsafeMutableRawPointer) {
        var rest = byteCount
        let width = backLengthByteCount(byteCount)
        for position in stride(from: width - 1, through: 0, by: -1) {
            let byte = UInt8(rest & 0x7F) | (position == 0 ? 0 : 0x80)
            unsafe destination.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
            rest >>= 7
        }
    }
}
