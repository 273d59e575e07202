// Bringing near what a batch of commands will look up, so that the waits for memory overlap.

internal import CSystem
internal import Protocol

extension Keyspace {
    /// Hashes `keys`, and brings near what they will soon be looked up in: first all their buckets, then by the tags in
    /// these all their entries, and at last where the elements are that will be sought in large collections.
    public func prepare(_ keys: KeyBatch, in database: Int) {
        // Two loops, as one with a call in it has fewer registers.
        if slotUse == .none {
            prepare(keys, in: database) { _ in 0 }
        } else {
            prepare(keys, in: database) { hashSlot(of: $0) }
        }
        guard keys.count > 1 else { return }
        for index in 0..<keys.count {
            let (slot, hash) = unsafe (keys.base[index].slot, keys.base[index].hash)
            self[database][slot].prefetchEntry(hash)
        }
        if keys.elementCount > 1 { prefetchElements(of: keys, in: database) }
    }

    @inline(__always)
    private func prepare(_ keys: KeyBatch, in database: Int, slot: (Bytes) -> Int) {
        let hasher = environment.hasher
        for index in 0..<keys.count {
            let bytes = unsafe keys.base[index].bytes
            let (slot, hash) = (slot(bytes), hasher.hash(of: bytes))
            unsafe keys.base[index].slot = slot
            unsafe keys.base[index].hash = hash
            self[database][slot].prefetchBucket(hash)
        }
    }

    /// Does for elements what is done for keys, where some in a row are sought in the same collection: else there is nothing
    /// to do meanwhile while the first waits for the entry.
    @inline(never)
    private func prefetchElements(of keys: KeyBatch, in database: Int) {
        var start = 0
        while start < keys.elementCount {
            let key = unsafe keys[keys.elements[start].keyIndex]
            var end = start &+ 1
            while end < keys.elementCount, unsafe keys.base[keys.elements[end].keyIndex].hash == key.hash { end &+= 1 }
            if end - start > 1, let entry = glimpse(key, in: database) { prefetch(start..<end, of: keys, in: entry) }
            start = end
        }
    }

    private func prefetch(_ range: Range<Int>, of keys: KeyBatch, in entry: Entry) {
        switch entry.encoding {
        case .hashTable:
            let table = unsafe ElementTable(base: entry.structure)
            for index in range { table.prefetchSlot(hashElement(index, of: keys)) }
            for index in range { unsafe table.prefetchBucket(keys.elements[index].hash) }
        case .skiplist:
            let members = unsafe SortedMembers(base: entry.structure)
            for index in range { members.prefetchBucket(hashElement(index, of: keys)) }
            for index in range { unsafe members.prefetchMember(keys.elements[index].hash) }
        default: break  // What is small is read from its beginning.
        }
    }

    @inline(__always)
    private func hashElement(_ index: Int, of keys: KeyBatch) -> UInt64 {
        let hash = unsafe environment.hasher.hash(of: keys.elements[index].bytes)
        unsafe keys.elements[index].hash = hash
        return hash
    }
}

extension ElementTable {
    /// Brings near the directory's word for the bucket of `hash`.
    @inline(__always)
    fileprivate func prefetchSlot(_ hash: UInt64) { unsafe apus_prefetch(slot(of: hash)) }

    /// Brings near the bucket of `hash`, of which few have more than three lines.
    @inline(__always)
    fileprivate func prefetchBucket(_ hash: UInt64) {
        guard let bucket = unsafe Bucket(slot(of: hash)) else { return }
        for offset in stride(from: 0, to: 3 * 64, by: 64) { unsafe apus_prefetch(bucket.base + offset) }
    }
}
