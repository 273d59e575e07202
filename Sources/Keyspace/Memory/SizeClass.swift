// How many bytes a request really takes: the steps in which memory is given out.

/// The size classes of a shard's memory: multiples of 8 up to 128, then sixteen steps to each doubling, so that on average
/// a fortieth is left over behind a block; from `greatest` on it is jemalloc that serves, with four steps to a doubling.
enum SizeClass {
    /// Larger blocks come from jemalloc.
    static let greatest = 16 << 10
    /// How many classes there are up to `greatest`.
    static let count = 128

    /// The class that `byteCount` 1 … `greatest` falls into, 0 … `count` − 1.
    @inline(__always)
    static func index(_ byteCount: Int) -> Int {
        assert(byteCount > 0 && byteCount <= greatest)
        if byteCount <= 128 { return (byteCount &+ 7) &>> 3 &- 1 }
        let shift = stepShift(byteCount)
        return (byteCount &- 1) &>> shift &+ (shift &- 3) &* 16
    }

    /// Bytes of a block for `byteCount` > 0 bytes.
    @inline(__always)
    static func byteCount(_ byteCount: Int) -> Int {
        if byteCount <= 128 { return (byteCount &+ 7) & ~7 }
        let shift = byteCount <= greatest ? stepShift(byteCount) : stepShift(byteCount) &+ 2
        let step = 1 &<< shift
        return (byteCount &+ step &- 1) & ~(step &- 1)
    }

    /// The steps of a doubling have this many bytes, as a power of two: a sixteenth of where it begins.
    @inline(__always)
    private static func stepShift(_ byteCount: Int) -> Int {
        Int.bitWidth &- 5 &- (byteCount &- 1).leadingZeroBitCount
    }

    /// Bytes of the blocks of the class `index`.
    static func byteCount(ofIndex index: Int) -> Int {
        index < 16 ? (index + 1) * 8 : (index % 16 + 17) << (index / 16 + 2)
    }
}
