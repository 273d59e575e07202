// Whether bytes are a listpack: those from outside, which nobody vouches for, and those in memory, which tests ask.

public import Protocol

extension Listpack {
    /// Whether `bytes` are a listpack through and through: every length within, every length from behind the same, the
    /// number of elements right.
    public static func isValid(_ bytes: Bytes) -> Bool {
        guard bytes.count > headerByteCount, bytes.count <= greatestByteCount,
            Int(bytes.word32(at: 0)) == bytes.count, bytes[bytes.count - 1] == end
        else { return false }
        return hasElements(bytes, headerByteCount..<bytes.count - 1, .full)
    }

    /// The same of one that is in memory, in its form.
    var isIntact: Bool {
        if form == .full { return Self.isValid(block) }
        return byteCount <= Self.greatestByteCount && Self.hasElements(block, firstOffset..<endOffset, form)
            && (form == .bare || hasRightMarks)
    }

    private static func hasElements(_ bytes: Bytes, _ range: Range<Int>, _ form: Form) -> Bool {
        var (offset, count, end) = (range.lowerBound, 0, range.upperBound)
        while offset < end {
            guard let contentByteCount = contentByteCount(at: offset, of: bytes) else { return false }
            let contentEnd = offset + contentByteCount
            offset = form == .full ? contentEnd + backLengthByteCount(contentByteCount) : contentEnd
            guard offset <= end, form != .full || hasBackLength(contentByteCount, at: contentEnd, of: bytes) else {
                return false
            }
            count += 1
        }
        let stored = Int(bytes[4]) | Int(bytes[5]) << 8
        return offset == end && (stored == manyElements || stored == count)
    }

    /// Bytes of head and content at `offset`, if the head is one and its length does not lie beyond all measure.
    private static func contentByteCount(at offset: Int, of bytes: Bytes) -> Int? {
        let head = bytes[offset]
        switch head {
        case 0..<0x80: return 1
        case 0x80..<0xC0: return 1 + Int(head & 0x3F)
        case 0xC0..<0xE0: return 2
        case 0xE0..<0xF0:
            guard offset + 1 < bytes.count else { return nil }
            return 2 + (Int(head & 0x0F) << 8 | Int(bytes[offset + 1]))
        case 0xF0:
            guard offset + 4 < bytes.count else { return nil }
            return 5 + Int(bytes.word32(at: offset + 1))
        case 0xF1: return 3
        case 0xF2: return 4
        case 0xF3: return 5
        case 0xF4: return 9
        default: return nil
        }
    }

    private static func hasBackLength(_ byteCount: Int, at offset: Int, of bytes: Bytes) -> Bool {
        var rest = byteCount
        let width = backLengthByteCount(byteCount)
        for position in stride(from: width - 1, through: 0, by: -1) {
            guard bytes[offset + position] == UInt8(rest & 0x7F) | (position == 0 ? 0 : 0x80) else { return false }
            rest >>= 7
        }
        return true
    }
}
