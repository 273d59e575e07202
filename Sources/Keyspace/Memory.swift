// Where a shard's bytes come from: jemalloc, and fresh pages for large bucket arrays; every byte is counted.

internal import CSystem
internal import Glibc

/// A shard's allocator: counts what the system really gives, the size class and not the wish.
///
/// Memory: a copy is a reference; `dispose` ends them all. Thread: the shard's, or whoever holds all shards in an
/// exclusive section.
@safe
struct Memory {
    private let used: UnsafeMutablePointer<Int>
    /// Right behind `used`: its part that are pages, which jemalloc does not know of.
    private var mapped: UnsafeMutablePointer<Int> { unsafe used + 1 }

    init() {
        unsafe used = .allocate(capacity: 2)
        unsafe used.initialize(repeating: 0, count: 2)
    }

    func dispose() { unsafe used.deallocate() }

    /// Bytes now held, by size class or by page.
    var usedBytes: Int { unsafe used.pointee }

    /// Bytes held in pages of their own.
    var mappedBytes: Int { unsafe mapped.pointee }

    /// A block of at least `byteCount` > 0 bytes, not initialised; goes back through `free` with the same count.
    @inline(__always)
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let block = unsafe apus_allocate(byteCount) else { preconditionFailure("out of memory") }
        unsafe used.pointee += Memory.sizeClass(byteCount)
        return unsafe block
    }

    @inline(__always)
    func free(_ block: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe used.pointee -= Memory.sizeClass(byteCount)
        unsafe apus_free(block, byteCount)
    }

    /// The block with room for `newCount` > 0 bytes instead of `count`, where it is or elsewhere; what both have room for stays.
    @inline(__always)
    func resize(_ block: UnsafeMutableRawPointer, from count: Int, to newCount: Int) -> UnsafeMutableRawPointer {
        let (previous, wanted) = (Memory.sizeClass(count), Memory.sizeClass(newCount))
        guard previous != wanted else { return unsafe block }
        guard let moved = unsafe apus_reallocate(block, newCount) else { preconditionFailure("out of memory") }
        unsafe used.pointee += wanted - previous
        return unsafe moved
    }

    /// Fresh zeroed pages, which cost nothing until they are touched: there is no pause for clearing a large array.
    func mapPages(byteCount: Int) -> UnsafeMutableRawPointer {
        let pages = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages = unsafe pages, unsafe pages != MAP_FAILED else { preconditionFailure("out of memory") }
        unsafe used.pointee += byteCount
        unsafe mapped.pointee += byteCount
        return unsafe pages
    }

    /// Gives back a part of what `mapPages` gave, in whole pages.
    func unmapPages(_ pages: UnsafeMutableRawPointer, byteCount: Int) {
        let result = unsafe munmap(pages, byteCount)
        precondition(result == 0, "munmap refused a range of our own")
        unsafe used.pointee -= byteCount
        unsafe mapped.pointee -= byteCount
    }

    /// Blocks of `byteCount` counted bytes now belong to the shard of `other`.
    func handOver(_ byteCount: Int, to other: Memory) {
        unsafe used.pointee -= byteCount
        unsafe other.used.pointee += byteCount
    }

    /// What a request for `byteCount` > 0 bytes really takes in jemalloc: multiples of 16 up to 128, then four steps to
    /// each doubling. Computed here because a call per allocation and free was a tenth of a SET; a test asks jemalloc.
    @inline(__always)
    static func sizeClass(_ byteCount: Int) -> Int {
        if byteCount <= 128 { return byteCount <= 8 ? 8 : (byteCount + 15) & ~15 }
        let step = 1 << (Int.bitWidth - 3 - (byteCount - 1).leadingZeroBitCount)
        return (byteCount + step - 1) & ~(step - 1)
    }
}
