// A view of bytes that somebody else owns: how keys, arguments and values are handed down the floors without a copy.

internal import Glibc

/// Bytes lent for the length of a call, or for as long as their owner says; never kept beyond that.
///
/// Memory: owned by the lender (an input buffer, an entry, an array in `withBytes`).
/// Invariant: `base` is valid for `count` bytes, which do not change while they are lent.
@safe
public struct Bytes {
    public let base: UnsafeRawPointer
    public let count: Int

    @inlinable
    public init(base: UnsafeRawPointer, count: Int) {
        assert(count >= 0)
        unsafe self.base = base
        self.count = count
    }

    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable
    public subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < count)
        return unsafe base.load(fromByteOffset: index, as: UInt8.self)
    }

    /// Eight bytes as a number, the first the lowest.
    @inlinable
    public func word64(at offset: Int) -> UInt64 {
        assert(offset >= 0 && offset + 8 <= count)
        return unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Four bytes as a number, the first the lowest.
    @inlinable
    public func word32(at offset: Int) -> UInt32 {
        assert(offset >= 0 && offset + 4 <= count)
        return unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Two bytes as a number, the first the lowest.
    @inlinable
    public func word16(at offset: Int) -> UInt16 {
        assert(offset >= 0 && offset + 2 <= count)
        return unsafe UInt16(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The bytes at `range`, which lies within `0 ..< count`.
    @inlinable
    public subscript(range: Range<Int>) -> Bytes {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a slice reaches beyond its bytes")
        return unsafe Bytes(base: base + range.lowerBound, count: range.count)
    }

    /// Writes all of them at `destination`, which has room for them. Short ones, as keys and values mostly are, in two
    /// stores that may overlap: a call of `memcpy` takes three times as many instructions.
    @unsafe @inlinable @inline(__always)
    public func copy(to destination: UnsafeMutableRawPointer) {
        if count > 16 {
            unsafe destination.copyMemory(from: base, byteCount: count)
        } else if count >= 8 {
            let (head, tail) = unsafe (load(at: 0, as: UInt64.self), load(at: count &- 8, as: UInt64.self))
            unsafe destination.storeBytes(of: head, as: UInt64.self)
            unsafe destination.storeBytes(of: tail, toByteOffset: count &- 8, as: UInt64.self)
        } else if count >= 4 {
            let (head, tail) = unsafe (load(at: 0, as: UInt32.self), load(at: count &- 4, as: UInt32.self))
            unsafe destination.storeBytes(of: head, as: UInt32.self)
            unsafe destination.storeBytes(of: tail, toByteOffset: count &- 4, as: UInt32.self)
        } else if count > 0 {
            let (first, middle, last) = (self[0], self[count / 2], self[count &- 1])
            unsafe destination.storeBytes(of: first, as: UInt8.self)
            unsafe destination.storeBytes(of: middle, toByteOffset: count / 2, as: UInt8.self)
            unsafe destination.storeBytes(of: last, toByteOffset: count &- 1, as: UInt8.self)
        }
    }

    @unsafe @inlinable @inline(__always)
    func load<Word: BitwiseCopyable>(at offset: Int, as type: Word.Type) -> Word {
        unsafe base.loadUnaligned(fromByteOffset: offset, as: type)
    }

    /// An owned copy.
    @inlinable public var array: [UInt8] { unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: count)) }
    /// The bytes as text; what is not UTF-8 is replaced. For logs and error texts, not for the hot path.
    @inlinable public var text: String {
        unsafe String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self)
    }
}

extension Bytes {
    /// Negative, zero or positive as these bytes come before `other`, are the same, or come after it: byte by byte, and the
    /// shorter first.
    public func order(_ other: Bytes) -> Int {
        let difference = unsafe memcmp(base, other.base, min(count, other.count))
        return difference == 0 ? count - other.count : Int(difference)
    }
}

extension Array<UInt8> {
    /// Puts a copy of `bytes` at the end.
    @inlinable
    public mutating func append(_ bytes: Bytes) {
        unsafe append(contentsOf: UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
    }

    /// Lends the array's bytes for the length of `body`.
    @inlinable
    public func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (Bytes) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe span.withUnsafeBytes { (buffer) throws(Failure) -> Result in
            // No bytes have no address: any that is never read will do.
            let base = unsafe buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
            return try unsafe body(Bytes(base: base, count: buffer.count))
        }
    }
}
