// Moving the buckets of a table of elements, its directory, and what lies outside, out of sparsely used chunks.

extension ElementTable {
    /// Moves the buckets from number `index` on, as far as they are to be moved, while the budget lasts.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from index: inout Int, budget: inout Int, memory: Memory) -> Bool {
        while index < bucketCount {
            guard budget > 0 else { return false }
            if index == 0 { evacuateDirectory(in: memory) }
            if index % Self.pageSlots == 0, bucketCount > Self.pageSlots {
                evacuatePage(index / Self.pageSlots, in: memory)
            }
            budget -= unsafe evacuateBucket(slot(at: index), in: memory)
            index += 1
        }
        return true
    }

    private func evacuateDirectory(in memory: Memory) {
        unsafe memory.evacuate(head.pointee.directory, byteCount: head.pointee.directoryCapacity * 8) {
            unsafe head.pointee.directory = $0
        }
    }

    private func evacuatePage(_ number: Int, in memory: Memory) {
        unsafe memory.evacuate(page(number), byteCount: Self.pageSlots * 8) {
            unsafe head.pointee.directory.storeBytes(
                of: UInt(bitPattern: $0),
                toByteOffset: number * 8,
                as: UInt.self
            )
        }
    }

    /// Returns how many blocks it has looked at.
    @unsafe
    private func evacuateBucket(_ slot: UnsafeMutablePointer<UInt>, in memory: Memory) -> Int {
        guard let bucket = unsafe Bucket(slot) else { return 1 }
        unsafe memory.evacuate(bucket.base, byteCount: bucket.byteCount) { unsafe slot.pointee = UInt(bitPattern: $0) }
        guard unsafe head.pointee.outsideCount > 0, let bucket = unsafe Bucket(slot) else { return 1 }
        var count = 1
        _ = bucket.forEach(holdsValue: holdsValues) { _, stored in
            stored.evacuateBlock(in: memory)
            count += 1
            return true
        }
        return count
    }
}
