// Bytes that came from a client and are not yet understood.

internal import CSystem

/// Bytes received and not yet consumed, in one block that grows with what really arrives.
///
/// Memory: owns its block (none while nothing is kept); bytes are lent until the next change.
/// Invariant: `0 ≤ start ≤ end ≤ capacity`; bytes `start ..< end` are initialized. Thread: whoever holds the client.
@safe
public final class InputBuffer {
    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0

    public init() {}

    deinit { release() }

    public var count: Int { end - start }
    public var isEmpty: Bool { start == end }
    /// What the block takes from the allocator.
    public var allocatedByteCount: Int { capacity }

    /// The bytes not yet consumed.
    public var bytes: Bytes {
        guard let base = unsafe base else { return unsafe Bytes(base: UnsafeRawPointer(bitPattern: 8)!, count: 0) }
        return unsafe Bytes(base: base + start, count: end - start)
    }

    /// Forgets the first `count` bytes; gives the block back when nothing is left.
    public func consume(_ count: Int) {
        precondition(count >= 0 && count <= end - start, "more is consumed than there is")
        start += count
        if start == end { release() }
    }

    public func append(_ bytes: Bytes) {
        reserve(bytes.count)
        unsafe base.unsafelyUnwrapped.advanced(by: end).copyMemory(from: bytes.base, byteCount: bytes.count)
        end += bytes.count
    }

    /// Lets `fill` write at most `limit` bytes behind the last one; it says how many it wrote, or a negative number.
    public func fill(atMost limit: Int, _ fill: (UnsafeMutableRawPointer, Int) -> Int) -> Int {
        reserve(limit)
        let written = unsafe fill(base.unsafelyUnwrapped + end, limit)
        precondition(written <= limit, "more was written than there was room for")
        end += max(0, written)
        if start == end { release() }
        return written
    }

    /// Makes room for `count` more bytes, first by moving what is left to the front.
    public func reserve(_ count: Int) {
        if end + count <= capacity { return }
        let kept = end - start
        // Doubled, so that what comes bit by bit is not copied each time; a large argument gets what it needs.
        let wanted = kept + count <= capacity ? capacity : max(capacity * 2, kept + count, 1024)
        if wanted > capacity {
            let larger = unsafe apus_allocate(wanted).unsafelyUnwrapped
            if let base = unsafe base { unsafe larger.copyMemory(from: base + start, byteCount: kept) }
            release()
            unsafe base = larger
            capacity = wanted
        } else {
            unsafe base.unsafelyUnwrapped.copyMemory(from: base.unsafelyUnwrapped + start, byteCount: kept)
        }
        (start, end) = (0, kept)
    }

    /// Forgets everything and gives the block back.
    public func release() {
        if let base = unsafe base { unsafe apus_free(base, capacity) }
        unsafe base = nil
        (capacity, start, end) = (0, 0, 0)
    }
}
