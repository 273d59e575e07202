// Going backwards through a bare listpack, whose elements do not say where those before them begin.

extension Listpack {
    /// Visits offsets from the last to the first, while `body` answers true. They are written down first, in one walk from
    /// the first on; few of them on the stack.
    ///
    /// - Parameters:
    ///   - count: how many there are.
    ///   - next: leads from each to the one behind it.
    /// - Returns: whether `body` would have gone on.
    @inline(__always)
    static func visitBackwards(_ count: Int, from first: Int, next: (Int) -> Int, _ body: (Int) -> Bool) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { offsets in
            var offset = first
            for index in 0..<count {
                unsafe offsets[index] = UInt32(offset)
                offset = next(offset)
            }
            for index in stride(from: count - 1, through: 0, by: -1) {
                guard unsafe body(Int(offsets[index])) else { return false }
            }
            return true
        }
    }
}
