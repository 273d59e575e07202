// Which hash slot a key belongs to: the one rule that clients, nodes and shards must agree on.

internal import Glibc

/// How many hash slots a cluster shares out.
public let slotCount = 16384

/// The hash slot of `key`: CRC16 of its hash tag, or of the whole key where it has none, modulo 16384.
///
/// The hash tag is the bytes between the first `{` and the first `}` after it, unless there are none.
///
/// - Parameter key: any bytes, also none; not kept.
/// - Returns: `0 ..< slotCount`.
/// - Complexity: O(*n*) in the bytes of the key.
/// - Source: Redis Cluster specification, “Hash tags”; every case in `HashSlotTests` was asked of Redis 7.0.
public func hashSlot(of key: Bytes) -> Int {
    guard let open = firstOffset(of: UInt8(ascii: "{"), in: key, from: 0),
        let close = firstOffset(of: UInt8(ascii: "}"), in: key, from: open + 1),
        close > open + 1
    else { return Int(crc16(key)) % slotCount }
    return Int(crc16(key[open + 1..<close])) % slotCount
}

private func firstOffset(of byte: UInt8, in bytes: Bytes, from start: Int) -> Int? {
    guard let found = unsafe memchr(bytes.base + start, Int32(byte), bytes.count - start) else { return nil }
    return unsafe UnsafeRawPointer(found) - bytes.base
}

/// CRC-16/XMODEM (polynomial 0x1021, most significant bit first, from zero), eight bytes at a step.
///
/// One table lookup per byte is a chain of dependent loads, about five cycles each; eight tables, of which table *k*
/// carries a byte past *k* more bytes, let eight lookups run at once ("slicing by eight", Kounavis and Berry 2005).
func crc16(_ bytes: Bytes) -> UInt16 {
    let tables = CRC16Tables.shared
    var crc: UInt16 = 0
    var offset = 0
    while bytes.count - offset >= 8 {
        let word = unsafe bytes.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        let first = UInt16(truncatingIfNeeded: word).byteSwapped ^ crc
        crc = tables.step(first >> 8, past: 7) ^ tables.step(first, past: 6)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 16), past: 5)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 24), past: 4)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 32), past: 3)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 40), past: 2)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 48), past: 1)
        crc ^= tables.step(UInt16(truncatingIfNeeded: word >> 56), past: 0)
        offset += 8
    }
    while offset < bytes.count {
        crc = crc << 8 ^ tables.step(crc >> 8 ^ UInt16(bytes[offset]), past: 0)
        offset += 1
    }
    return crc
}

/// Memory: 4 KiB made once and never freed. Thread: any; nobody writes after `init`.
@safe
private struct CRC16Tables: @unchecked Sendable {
    static let shared = CRC16Tables()

    private let entries: UnsafeMutablePointer<UInt16>

    private init() {
        unsafe entries = .allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt16(byte) << 8
            for _ in 0..<8 { crc = crc << 1 ^ (crc >> 15) &* 0x1021 }
            unsafe entries[byte] = crc
        }
        for index in 256..<8 * 256 {
            let shorter = unsafe entries[index - 256]
            unsafe entries[index] = shorter << 8 ^ entries[Int(shorter >> 8)]
        }
    }

    /// What the low byte of `byte` leaves in the remainder after `count` ≤ 7 further bytes.
    @inline(__always)
    func step(_ byte: UInt16, past count: Int) -> UInt16 {
        unsafe entries[count * 256 + Int(byte & 0xFF)]
    }
}
