// Changing a listpack without marks: elements are put in, exchanged and taken out, and the block moves where it has to.

extension Listpack {
    /// Whether the listpack stays within its bounds, also those of a full one, when `byteCount` bytes come to it.
    func hasRoom(for byteCount: Int) -> Bool { fullByteCountBounds.upperBound + byteCount <= Self.greatestByteCount }

    /// Puts `element` before the one at `offset`, or at the end.
    ///
    /// - Parameter element: must not lie in this very listpack.
    mutating func insert(_ element: ListpackElement, at offset: Int, memory: Memory) {
        open(element.byteCount(in: form), at: offset, memory: memory)
        unsafe element.write(to: base + offset, in: form)
        noteCount(1)
    }

    /// Puts two elements, one behind the other, before the one at `offset`, or at the end: the block is moved once.
    mutating func insert(_ first: ListpackElement, _ second: ListpackElement, at offset: Int, memory: Memory) {
        let firstByteCount = first.byteCount(in: form)
        open(firstByteCount + second.byteCount(in: form), at: offset, memory: memory)
        unsafe first.write(to: base + offset, in: form)
        unsafe second.write(to: base + offset + firstByteCount, in: form)
        noteCount(2)
    }

    @inline(__always)
    mutating func append(_ element: ListpackElement, memory: Memory) {
        insert(element, at: endOffset, memory: memory)
    }

    /// Puts `element` where the one at `offset` is.
    mutating func replace(at offset: Int, with element: ListpackElement, memory: Memory) {
        let previous = end(of: offset) - offset
        let difference = element.byteCount(in: form) - previous
        if difference > 0 { open(difference, at: offset, memory: memory) }
        if difference < 0 { close(-difference, at: offset, memory: memory) }
        unsafe element.write(to: base + offset, in: form)
    }

    /// Takes out `count` elements from `offset` on, fewer where there are no more; then the next one is at `offset`.
    mutating func remove(at offset: Int, count: Int = 1, memory: Memory) {
        var (end, removed) = (offset, 0)
        while removed < count, end < endOffset {
            end = self.end(of: end)
            removed += 1
        }
        close(end - offset, at: offset, memory: memory)
        noteCount(-removed)
    }

    /// Takes out everything before `offset`, or from it on: `count` elements.
    mutating func remove(_ range: Range<Int>, elements count: Int, memory: Memory) {
        close(range.count, at: range.lowerBound, memory: memory)
        noteCount(-count)
    }

    /// Puts the `count` elements in `range` of `other`, which is full if this one is, at the end.
    mutating func append(_ range: Range<Int>, of other: Listpack, elements count: Int, memory: Memory) {
        precondition((other.form == .full) == (form == .full), "elements of another form")
        let offset = endOffset
        open(range.count, at: offset, memory: memory)
        unsafe (base + offset).copyMemory(from: other.base + range.lowerBound, byteCount: range.count)
        noteCount(count)
    }

    func noteCount(_ change: Int) {
        let stored = storedCount
        if stored < Self.manyElements { storedCount = stored + change }
    }

    /// Makes room for `count` bytes at `offset`.
    private mutating func open(_ count: Int, at offset: Int, memory: Memory) {
        assert(form != .marked)
        let previous = byteCount
        precondition(previous + count <= Self.greatestByteCount, "a listpack larger than any may be")
        unsafe base = memory.resize(base, from: previous, to: previous + count)
        unsafe (base + offset + count).copyMemory(from: base + offset, byteCount: previous - offset)
        byteCount = previous + count
    }

    /// Takes `count` bytes at `offset` away.
    private mutating func close(_ count: Int, at offset: Int, memory: Memory) {
        guard count > 0 else { return }
        assert(form != .marked)
        let previous = byteCount
        unsafe (base + offset).copyMemory(from: base + offset + count, byteCount: previous - offset - count)
        byteCount = previous - count
        unsafe base = memory.resize(base, from: previous, to: previous - count)
    }
}
