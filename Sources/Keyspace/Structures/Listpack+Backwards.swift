// Going backwards through a bare listpack, whose elements do not say where those before them begin: by a list of offsets,
// written down in one walk.

extension Listpack {
    /// The offsets of `count` elements that stand `stride` elements apart, from the one at `first` on; there are as many.
    func offsets(_ count: Int, from first: Int, stride: Int = 1) -> [UInt32] {
        unsafe [UInt32](unsafeUninitializedCapacity: count) { offsets, initializedCount in
            var offset = first
            for index in 0..<count {
                unsafe offsets[index] = UInt32(truncatingIfNeeded: offset)  // no listpack is larger than a gigabyte
                offset = self.offset(stride, elementsAfter: offset)
            }
            initializedCount = count
        }
    }
}
