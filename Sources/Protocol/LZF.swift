// LZF: the light compression of strings in RDB.
//
// A block is a row of runs. A control byte below 32 says how many literal bytes follow, less one. Another one begins a
// reference: its upper three bits are the length less two (7: the next byte adds to it), its lower five and one more byte
// the distance back, less one. A reference may reach into what it is just writing.

private let longestLiteral = 32
private let longestReference = 7 + 255 + 2
private let farthest = 1 << 13

/// What is wrong with a compressed block.
public enum LZFError: Error, Equatable {
    /// It ends inside a run that begins at this byte.
    case truncated(offset: Int)
    /// A reference at this byte reaches back before the beginning.
    case referenceBeforeStart(offset: Int)
    /// It holds more, or less, than was promised.
    case wrongByteCount(expected: Int)
}

/// `bytes` compressed into at most `limit` bytes, or nil where that is not possible.
///
/// - Complexity: O(*n*).
public func compressLZF(_ bytes: Bytes, limit: Int) -> [UInt8]? {
    guard bytes.count >= 4, limit > 0 else { return nil }
    return unsafe [UInt8](unsafeUninitializedCapacity: min(limit, bytes.count)) { buffer, count in
        var output = unsafe BoundedOutput(base: buffer.baseAddress.unsafelyUnwrapped, capacity: buffer.count)
        count = compress(bytes, into: &output) ? output.count : 0
    }.nonEmpty
}

/// What the compressed `block` holds: exactly `byteCount` bytes, or it is broken.
///
/// - Parameter byteCount: believed by whoever calls; this much is allocated.
public func decompressLZF(_ block: Bytes, byteCount: Int) throws(LZFError) -> [UInt8] {
    var failure: LZFError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
        guard let base = buffer.baseAddress, byteCount > 0 else {
            failure = block.isEmpty ? nil : .wrongByteCount(expected: byteCount)
            return
        }
        var output = unsafe BoundedOutput(base: base, capacity: byteCount)
        do throws(LZFError) { try decompress(block, into: &output) } catch { failure = error }
        count = output.count
    }
    if let failure { throw failure }
    return bytes
}

private func compress(_ bytes: Bytes, into output: inout BoundedOutput) -> Bool {
    // Where three bytes were last seen, by their hash; the offset plus one, so that zero is "never".
    let hashBits = bytes.count < 4096 ? 10 : 14
    return unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << hashBits) { seen in
        unsafe seen.initialize(repeating: 0)
        var offset = 0
        var literalStart = 0
        while offset + 2 < bytes.count {
            let three = UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
            let slot = Int((three &* 0x9E37_79B1) >> UInt32(32 - hashBits))
            let candidate = unsafe Int(seen[slot]) - 1
            unsafe seen[slot] = UInt32(truncatingIfNeeded: offset + 1)
            let length = candidate < 0 ? 0 : matchLength(in: bytes, candidate, offset)
            guard length >= 3 else {
                offset += 1
                continue
            }
            guard output.putLiterals(bytes[literalStart..<offset]),
                output.putReference(length: length, distance: offset - candidate)
            else { return false }
            offset += length
            literalStart = offset
        }
        return output.putLiterals(bytes[literalStart..<bytes.count])
    }
}

/// How many bytes at `offset` are the same as at `candidate` before it; 0 where no reference reaches.
private func matchLength(in bytes: Bytes, _ candidate: Int, _ offset: Int) -> Int {
    guard candidate < offset, offset - candidate <= farthest else { return 0 }
    let most = min(longestReference, bytes.count - offset)
    var length = 0
    while length < most, bytes[candidate + length] == bytes[offset + length] { length += 1 }
    return length
}

private func decompress(_ block: Bytes, into output: inout BoundedOutput) throws(LZFError) {
    var offset = 0
    while offset < block.count {
        let start = offset
        let control = Int(block[offset])
        offset += 1
        if control < longestLiteral {
            guard block.count - offset > control else { throw .truncated(offset: start) }
            guard output.put(block[offset..<offset + control + 1]) else {
                throw .wrongByteCount(expected: output.capacity)
            }
            offset += control + 1
            continue
        }
        var length = control >> 5 + 2
        if control >> 5 == 7 {
            guard offset < block.count else { throw .truncated(offset: start) }
            length += Int(block[offset])
            offset += 1
        }
        guard offset < block.count else { throw .truncated(offset: start) }
        let distance = (control & 0x1F) << 8 + Int(block[offset]) + 1
        offset += 1
        guard distance <= output.count else { throw .referenceBeforeStart(offset: start) }
        guard output.putCopy(distance: distance, length: length) else {
            throw .wrongByteCount(expected: output.capacity)
        }
    }
    guard output.count == output.capacity else { throw .wrongByteCount(expected: output.capacity) }
}

/// Memory: lent by an array that is being made. Invariant: `0 ≤ count ≤ capacity`, bytes before `count` are written.
@safe
private struct BoundedOutput {
    private let base: UnsafeMutablePointer<UInt8>
    let capacity: Int
    private(set) var count = 0

    init(base: UnsafeMutablePointer<UInt8>, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
    }

    /// Each answers whether there was room; if not, nothing is written.
    mutating func put(_ byte: UInt8) -> Bool {
        guard count < capacity else { return false }
        unsafe base[count] = byte
        count += 1
        return true
    }

    mutating func put(_ bytes: Bytes) -> Bool {
        guard bytes.count <= capacity - count else { return false }
        unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: bytes.base, byteCount: bytes.count)
        count += bytes.count
        return true
    }

    /// Repeats `length` bytes from `distance` ≤ `count` back, which may run into themselves.
    mutating func putCopy(distance: Int, length: Int) -> Bool {
        precondition(distance > 0 && distance <= count, "a copy from before the beginning")
        guard length <= capacity - count else { return false }
        for _ in 0..<length {
            unsafe base[count] = base[count - distance]
            count += 1
        }
        return true
    }

    mutating func putLiterals(_ bytes: Bytes) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = min(longestLiteral, bytes.count - start)
            guard put(UInt8(count - 1)), put(bytes[start..<start + count]) else { return false }
            start += count
        }
        return true
    }

    mutating func putReference(length: Int, distance: Int) -> Bool {
        let (short, back) = (length - 2, distance - 1)
        guard put(UInt8(min(short, 7) << 5 | back >> 8)) else { return false }
        if short >= 7, !put(UInt8(short - 7)) { return false }
        return put(UInt8(back & 0xFF))
    }
}

extension Array {
    fileprivate var nonEmpty: Self? { isEmpty ? nil : self }
}
