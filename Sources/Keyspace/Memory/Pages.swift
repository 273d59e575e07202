// Pages straight from the kernel.

internal import Glibc

enum Pages {
    /// What a huge page has.
    static let hugeByteCount = 2 << 20

    /// An array of as many bytes is large enough for them.
    static let hugeFrom = 8 << 20

    /// Fresh zeroed pages, which cost nothing until they are touched.
    ///
    /// - Parameter wish: where they should begin, if nothing is there.
    @unsafe
    static func map(_ byteCount: Int, at wish: UnsafeMutableRawPointer? = nil) -> UnsafeMutableRawPointer {
        let pages = unsafe mmap(wish, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pages = unsafe pages, unsafe pages != MAP_FAILED else { preconditionFailure("out of memory") }
        return unsafe pages
    }

    /// The same, beginning at a multiple of `alignment`, a power of two.
    ///
    /// - Parameter neighbour: pages that they should end at, as the kernel then sees one range: it has a limit for their number.
    @unsafe
    static func map(
        _ byteCount: Int,
        alignment: Int,
        before neighbour: UnsafeMutableRawPointer? = nil
    ) -> UnsafeMutableRawPointer {
        if let neighbour = unsafe neighbour {
            let pages = unsafe map(byteCount, at: neighbour - byteCount)
            if Int(bitPattern: pages) & (alignment - 1) == 0 { return unsafe pages }
            unsafe unmap(pages, byteCount)
        }
        let pages = unsafe map(byteCount + alignment)
        let before = -Int(bitPattern: pages) & (alignment - 1)
        if before > 0 { unsafe unmap(pages, before) }
        unsafe unmap(pages + before + byteCount, alignment - before)
        return unsafe pages + before
    }

    @unsafe
    static func unmap(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
        let result = unsafe munmap(pages, byteCount)
        precondition(result == 0, "munmap refused a range of our own")
    }

    /// Gives the pages back, and keeps the addresses: they are fresh again when they are touched.
    @unsafe
    static func release(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
        unsafe madvise(pages, byteCount, MADV_DONTNEED)
    }

    /// Asks for huge pages; where there are none, the pages are small ones.
    @unsafe
    static func makeHuge(_ pages: UnsafeMutableRawPointer, _ byteCount: Int) {
        unsafe madvise(pages, byteCount, MADV_HUGEPAGE)
    }
}
