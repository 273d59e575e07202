// Changing a marked listpack: at its ends without moving anything, but for when the room there is used up, and inside it
// without a walk.

extension Listpack {
    // MARK: The ends

    /// Puts `element` behind the last one.
    mutating func appendMarked(_ element: ListpackElement, memory: Memory) {
        let elementByteCount = element.byteCount(in: .marked)
        makeRoom(for: elementByteCount, at: .tail, memory)
        var marksEnd = marksEnd
        let offset = Int(marksEnd.end)
        unsafe element.write(to: base + offset, in: .marked)
        marksEnd.end &+= UInt16(elementByteCount)
        marksEnd.noteLast(byteCount: elementByteCount)
        if Int(marksEnd.lastOrdinal) % Self.markStride == 0 { setMark(marksEnd.markCount - 1, to: offset) }
        self.marksEnd = marksEnd
        storedCount &+= 1
    }

    /// Puts `element` before the first one.
    mutating func prependMarked(_ element: ListpackElement, memory: Memory) {
        let elementByteCount = element.byteCount(in: .marked)
        makeRoom(for: elementByteCount, at: .head, memory)
        var marksEnd = marksEnd
        marksEnd.first &-= UInt16(elementByteCount)
        unsafe element.write(to: base + Int(marksEnd.first), in: .marked)
        marksEnd.backLengthSurplus &+= MarksEnd.surplus(of: elementByteCount)
        let count = storedCount
        if Int(marksEnd.lastOrdinal) == count { addFirstMark(&marksEnd) }
        self.marksEnd = marksEnd
        storedCount = count &+ 1
    }

    /// What would have the ordinal 0 is marked: all ordinals grow.
    private func addFirstMark(_ marksEnd: inout MarksEnd) {
        moveMarks(from: 0, by: 1, among: marksEnd.markCount)
        setMark(0, to: Int(marksEnd.first))
        marksEnd.lastOrdinal += UInt16(Self.markStride)
    }

    /// Takes out the first `count` elements, which end at `cut`.
    mutating func removeFirstMarked(_ count: Int, upTo cut: Int, memory: Memory) {
        var marksEnd = marksEnd
        let left = storedCount &- count
        if marksEnd.backLengthSurplus > 0 { marksEnd.backLengthSurplus -= surplus(of: Int(marksEnd.first)..<cut) }
        marksEnd.first = UInt16(cut)
        // The first ordinal, less one, tells how many marks are gone.
        let removedMarks = (Int(marksEnd.lastOrdinal) &- left) >> Self.markShift
        if removedMarks > 0 {
            moveMarks(from: removedMarks, by: -removedMarks, among: marksEnd.markCount)
            marksEnd.lastOrdinal -= UInt16(removedMarks << Self.markShift)
        }
        marksEnd.forgetLast(but: left)
        self.marksEnd = marksEnd
        storedCount = left
        giveBackRoom(memory)
    }

    /// Takes out the last `count` elements, which begin at `cut`.
    mutating func removeLastMarked(_ count: Int, from cut: Int, memory: Memory) {
        var marksEnd = marksEnd
        if marksEnd.backLengthSurplus > 0 { marksEnd.backLengthSurplus -= surplus(of: cut..<Int(marksEnd.end)) }
        marksEnd.end = UInt16(cut)
        marksEnd.lastOrdinal &-= UInt16(count)
        marksEnd.lastByteCounts >>= UInt64(8 * count)
        self.marksEnd = marksEnd
        storedCount &-= count
        giveBackRoom(memory)
    }

    /// The part of the surplus that the elements in `range` have.
    private func surplus(of range: Range<Int>) -> UInt16 {
        var (offset, surplus) = (range.lowerBound, UInt16(0))
        while offset < range.upperBound {
            let next = contentEnd(of: offset)
            surplus += MarksEnd.surplus(of: next - offset)
            offset = next
        }
        return surplus
    }

    // MARK: Inside

    /// Puts `element` before the one at `offset`, which is not the first.
    ///
    /// The ordinals of those before it are then less by one, so that their marks stand at the next elements.
    mutating func insertMarked(_ element: ListpackElement, at offset: Int, memory: Memory) {
        let elementByteCount = element.byteCount(in: .marked)
        let behind = markedEnd - offset
        makeRoom(for: elementByteCount, at: .tail, memory)
        var marksEnd = marksEnd
        let offset = Int(marksEnd.end) - behind
        let marksBefore = firstMark(from: offset, marksEnd)
        move(offset..<Int(marksEnd.end), to: offset + elementByteCount)
        unsafe element.write(to: base + offset, in: .marked)
        for mark in 0..<marksBefore { setMark(mark, to: contentEnd(of: self.mark(mark))) }
        for mark in marksBefore..<marksEnd.markCount { setMark(mark, to: self.mark(mark) + elementByteCount) }
        if let index = marksEnd.indexOfLast(at: offset) {
            marksEnd.noteInsertion(byteCount: elementByteCount, at: index + 1)
        }
        marksEnd.end += UInt16(elementByteCount)
        marksEnd.backLengthSurplus += MarksEnd.surplus(of: elementByteCount)
        if Int(marksEnd.lastOrdinal) == storedCount { addFirstMark(&marksEnd) }
        self.marksEnd = marksEnd
        storedCount += 1
    }

    /// Takes out the element at `offset`.
    ///
    /// The ordinals of those behind it are then less by one, so that their marks stand at the next elements.
    mutating func removeMarked(at offset: Int, memory: Memory) {
        var marksEnd = marksEnd
        let next = contentEnd(of: offset)
        let elementByteCount = next - offset
        for mark in firstMark(from: offset, marksEnd)..<marksEnd.markCount {
            let next = contentEnd(of: self.mark(mark))
            setMark(mark, to: next - elementByteCount)
        }
        move(next..<Int(marksEnd.end), to: offset)
        if let index = marksEnd.indexOfLast(at: offset) { marksEnd.noteRemoval(at: index) }
        marksEnd.end -= UInt16(elementByteCount)
        marksEnd.backLengthSurplus -= MarksEnd.surplus(of: elementByteCount)
        marksEnd.lastOrdinal -= 1
        self.marksEnd = marksEnd
        storedCount -= 1
        giveBackRoom(memory)
    }

    /// Puts `element` where the one at `offset` is.
    mutating func replaceMarked(at offset: Int, with element: ListpackElement, memory: Memory) {
        let (previous, elementByteCount) = (contentEnd(of: offset) - offset, element.byteCount(in: .marked))
        guard elementByteCount != previous else { return unsafe element.write(to: base + offset, in: .marked) }
        let (behind, difference) = (markedEnd - offset, elementByteCount - previous)
        if difference > 0 { makeRoom(for: difference, at: .tail, memory) }
        var marksEnd = marksEnd
        let offset = Int(marksEnd.end) - behind
        move(offset + previous..<Int(marksEnd.end), to: offset + elementByteCount)
        unsafe element.write(to: base + offset, in: .marked)
        for mark in firstMark(from: offset + 1, marksEnd)..<marksEnd.markCount {
            setMark(mark, to: self.mark(mark) + difference)
        }
        if let index = marksEnd.indexOfLast(at: offset) {
            marksEnd.noteRemoval(at: index)
            marksEnd.noteInsertion(byteCount: elementByteCount, at: index)
        }
        marksEnd.end = UInt16(Int(marksEnd.end) + difference)
        marksEnd.backLengthSurplus += MarksEnd.surplus(of: elementByteCount)
        marksEnd.backLengthSurplus -= MarksEnd.surplus(of: previous)
        self.marksEnd = marksEnd
        giveBackRoom(memory)
    }

    /// The first mark that stands at `offset` or behind it, or how many there are.
    private func firstMark(from offset: Int, _ marksEnd: MarksEnd) -> Int {
        var index = marksEnd.markCount
        while index > 0, mark(index - 1) >= offset { index -= 1 }
        return index
    }

    // MARK: Room

    /// Offsets have sixteen bits, which suffice for all elements, but not for all room of the largest.
    private static let greatestMarkedEnd = Int(UInt16.max)

    /// Makes sure that `byteCount` bytes, and a mark, have room at that end of the elements.
    @inline(__always)
    private mutating func makeRoom(for byteCount: Int, at end: ListEnd, _ memory: Memory) {
        let marksEnd = marksEnd
        let marks = (marksEnd.markCount &+ 1) &* Self.markByteCount &+ MarksEnd.byteCount
        let roomBehind = min(self.byteCount &- marks, Self.greatestMarkedEnd) &- Int(marksEnd.end)
        switch end {
        case .head:
            if Int(marksEnd.first) &- Self.headerByteCount >= byteCount, roomBehind >= 0 { return }
        case .tail:
            if roomBehind >= byteCount { return }
        }
        moveElements(toMakeRoomFor: byteCount, at: end, memory)
    }

    /// Gives all room to that end, in a larger block where there is too little.
    ///
    /// Where there is enough, but at the other end, elements come here and go there: then they get a sixteenth to pass
    /// through, so that this is seldom.
    @inline(never)
    private mutating func moveElements(toMakeRoomFor byteCount: Int, at end: ListEnd, _ memory: Memory) {
        let needed = neededByteCount + byteCount + Self.markByteCount
        let isPassage = needed <= self.byteCount
        let wholeByteCount = max(self.byteCount, SizeClass.byteCount(isPassage ? needed + needed / 16 : needed))
        let room = end == .tail ? 0 : byteCount + wholeByteCount - needed
        let greatestFirst = Self.greatestMarkedEnd - (markedEnd - markedFirst)
        relocate(to: wholeByteCount, first: min(Self.headerByteCount + room, greatestFirst), memory)
    }

    /// Gives what is not needed back where that is much.
    @inline(__always)
    private mutating func giveBackRoom(_ memory: Memory) {
        let byteCount = byteCount
        // More than `moveElements` leaves, or the next change would ask for it again.
        guard byteCount &- neededByteCount > byteCount >> 2 else { return }
        relocate(to: SizeClass.byteCount(neededByteCount), first: Self.headerByteCount, memory)
    }

    /// The bytes that it takes without any room.
    private var neededByteCount: Int {
        @inline(__always) get {
            let marksEnd = marksEnd
            let elements = Int(marksEnd.end) &- Int(marksEnd.first)
            return Self.headerByteCount &+ elements &+ marksEnd.markCount &* Self.markByteCount &+ MarksEnd.byteCount
        }
    }

    /// Moves the elements so that the first is at `first`, in a block of `newByteCount` bytes.
    @inline(never)
    private mutating func relocate(to newByteCount: Int, first: Int, _ memory: Memory) {
        var marksEnd = marksEnd
        let (previous, count, shift) = (self, storedCount, first - Int(marksEnd.first))
        let elements = Int(marksEnd.first)..<Int(marksEnd.end)
        if newByteCount == byteCount {
            move(elements, to: first)
        } else {
            unsafe base = memory.allocate(newByteCount)
            unsafe (base + first).copyMemory(from: previous.base + elements.lowerBound, byteCount: elements.count)
            byteCount = newByteCount
            storedCount = count
        }
        for mark in 0..<marksEnd.markCount { setMark(mark, to: previous.mark(mark) + shift) }
        marksEnd.first = UInt16(first)
        marksEnd.end = UInt16(first + elements.count)
        self.marksEnd = marksEnd
        if newByteCount != previous.byteCount { previous.free(to: memory) }
    }
}

// MARK: - The bytes of the last elements

extension Listpack.MarksEnd {
    /// Which of the last elements begins at `offset`, the last being 0, if it is among those whose bytes are known; those of
    /// others that might be it are forgotten.
    mutating func indexOfLast(at offset: Int) -> Int? {
        var (position, index) = (Int(end), 0)
        while index < Self.knownCount {
            let byteCount = Int(lastByteCounts >> UInt64(8 * index) & 0xFF)
            guard byteCount > 0 else {
                forgetLast(but: index)
                return nil
            }
            position -= byteCount
            if position == offset { return index }
            index += 1
        }
        return nil
    }

    /// An element of `byteCount` bytes comes, so that it is the one at `index` from the last.
    mutating func noteInsertion(byteCount: Int, at index: Int) {
        let kept = lastByteCounts & Self.mask(index)
        let coming = byteCount < 256 ? UInt64(byteCount) << UInt64(8 * index) : 0
        lastByteCounts = kept | coming | (lastByteCounts & ~Self.mask(index)) << 8
    }

    /// The element at `index` from the last is taken out.
    mutating func noteRemoval(at index: Int) {
        lastByteCounts = lastByteCounts & Self.mask(index) | (lastByteCounts & ~Self.mask(index + 1)) >> 8
    }

    /// The bits of `count` elements.
    @inline(__always)
    private static func mask(_ count: Int) -> UInt64 { 1 << UInt64(8 * count) &- 1 }

    /// Forgets the bytes of what is not among the last `count` elements: else they would be taken for those of what comes to
    /// the head later.
    @inline(__always)
    mutating func forgetLast(but count: Int) {
        if count < Self.knownCount { lastByteCounts &= Self.mask(count) }
    }
}
