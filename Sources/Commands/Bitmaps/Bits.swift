// The bits of a string, numbered from the highest bit of its first byte; read 64 at a time.

internal import Keyspace
internal import Protocol

/// Bits of bytes that somebody lends. Behind the last one everything is zero.
struct Bits {
    private let bytes: Bytes

    init(_ bytes: Bytes) { self.bytes = bytes }

    subscript(index: Int) -> Bool { integer(at: index, bitCount: 1) == 1 }

    /// How many ones there are.
    func onesCount(in range: Range<Int>) -> Int {
        guard !range.isEmpty else { return 0 }
        var (index, count) = (range.lowerBound & ~7, 0)
        var word = bytes.wordInOrder(at: index >> 3) & (.max >> (range.lowerBound & 7))
        while range.upperBound - index > 64 {
            count += word.nonzeroBitCount
            index += 64
            word = bytes.wordInOrder(at: index >> 3)
        }
        return count + (word & ~(.max >> (range.upperBound - index))).nonzeroBitCount
    }

    /// Where the first bit is that is `bit`.
    func firstIndex(of bit: Bool, in range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        // What is looked for becomes a one.
        let flip: UInt64 = bit ? 0 : .max
        var index = range.lowerBound & ~7
        var word = (bytes.wordInOrder(at: index >> 3) ^ flip) & (.max >> (range.lowerBound & 7))
        while word == 0, range.upperBound - index > 64 {
            index += 64
            word = bytes.wordInOrder(at: index >> 3) ^ flip
        }
        let found = index + word.leadingZeroBitCount
        return found < range.upperBound ? found : nil
    }

    /// The `bitCount` ≤ 64 bits from `index` on as a number.
    func integer(at index: Int, bitCount: Int) -> UInt64 {
        let (offset, shift) = (index >> 3, index & 7)
        var word = bytes.wordInOrder(at: offset) << shift
        if shift + bitCount > 64, offset + 8 < bytes.count { word |= UInt64(bytes[offset + 8]) >> (8 - shift) }
        return word >> (64 - bitCount)
    }
}

extension MutableBytes {
    /// Writes the lowest `bitCount` ≤ 64 bits of `number` from the bit at `index` on.
    func store(_ number: UInt64, atBit index: Int, bitCount: Int) {
        var (index, left) = (index, bitCount)
        while left > 0 {
            let room = 8 - index & 7
            let step = min(room, left)
            let mask = UInt8(truncatingIfNeeded: (1 << step - 1) << (room - step))
            let bits = UInt8(truncatingIfNeeded: (number >> (left - step)) << (room - step))
            self[index >> 3] = self[index >> 3] & ~mask | bits & mask
            index += step
            left -= step
        }
    }
}

extension Bytes {
    /// Eight bytes from `offset` on, the first one highest; zeros behind the end.
    @inline(__always)
    fileprivate func wordInOrder(at offset: Int) -> UInt64 { UInt64(bigEndian: word(at: offset)) }

    /// Eight bytes from `offset` on, as they lie in memory; zeros behind the end.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        if offset + 8 <= count { return unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        return lastWord(at: offset)
    }

    private func lastWord(at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in stride(from: offset, to: count, by: 1) { word |= UInt64(self[index]) << (8 * (index - offset)) }
        return UInt64(littleEndian: word)
    }
}
