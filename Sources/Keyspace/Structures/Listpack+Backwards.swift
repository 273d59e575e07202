// Going backwards through a listpack whose elements do not say where those before them begin: by their offsets, written down
// in one walk.

extension Listpack {
    /// Hands the offsets of `count` elements that stand `stride` elements apart, from the one at `first` on, to `body`, the
    /// last one first, until it says that it has enough; there are as many.
    ///
    /// - Returns: whether `body` would have gone on.
    @inline(__always)
    func visitBackwards(_ count: Int, from first: Int, stride: Int = 1, _ body: (Int) -> Bool) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { offsets in
            var offset = first
            for index in 0..<count {
                // No listpack is larger than a gigabyte.
                unsafe offsets.initializeElement(at: index, to: UInt32(truncatingIfNeeded: offset))
                offset = self.offset(stride, elementsAfter: offset)
            }
            for index in (0..<count).reversed() {
                guard body(Int(unsafe offsets[index])) else { return false }
            }
            return true
        }
    }
}
