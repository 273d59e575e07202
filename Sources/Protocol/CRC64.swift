// The checksum of RDB files and of DUMP payloads.

/// CRC-64 with the polynomial of David T. Jones, reflected, from zero and without a final inversion.
///
/// A value type for bytes that come in pieces: `update` with each, read `value` at the end.
///
/// - Source: the check value of "123456789" is E9C6D914C4B8D9CA.
public struct CRC64 {
    public private(set) var value: UInt64 = 0

    public init() {}

    /// The checksum of `bytes` alone.
    public static func checksum(of bytes: Bytes) -> UInt64 {
        var crc = CRC64()
        crc.update(with: bytes)
        return crc.value
    }

    /// Takes `bytes` in, eight at a step: table *k* carries a byte past *k* more bytes (see `crc16`).
    public mutating func update(with bytes: Bytes) {
        let tables = CRC64Tables.shared
        var crc = value
        var offset = 0
        while bytes.count - offset >= 8 {
            let word = unsafe bytes.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
            crc ^= word
            var next: UInt64 = 0
            for step in 0..<8 { next ^= tables.step(crc >> UInt64(8 * step), past: 7 - step) }
            crc = next
            offset += 8
        }
        while offset < bytes.count {
            crc = crc >> 8 ^ tables.step(crc ^ UInt64(bytes[offset]), past: 0)
            offset += 1
        }
        value = crc
    }
}

/// Memory: 16 KiB made once and never freed. Thread: any; nobody writes after `init`.
@safe
private struct CRC64Tables: @unchecked Sendable {
    static let shared = CRC64Tables()

    private let entries: UnsafeMutablePointer<UInt64>

    private init() {
        let polynomial: UInt64 = 0x95AC_9329_AC4B_C9B5
        unsafe entries = .allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt64(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1) &* polynomial }
            unsafe entries[byte] = crc
        }
        for index in 256..<8 * 256 {
            let shorter = unsafe entries[index - 256]
            unsafe entries[index] = shorter >> 8 ^ entries[Int(shorter & 0xFF)]
        }
    }

    /// What the low byte of `byte` leaves in the remainder after `count` ≤ 7 further bytes.
    @inline(__always)
    func step(_ byte: UInt64, past count: Int) -> UInt64 {
        unsafe entries[count * 256 + Int(byte & 0xFF)]
    }
}
