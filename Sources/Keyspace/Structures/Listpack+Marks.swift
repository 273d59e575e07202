// Marks: what a marked listpack has besides its elements, so that both ends are near and no walk is long, at a thirtieth of a
// byte for an element, where a full one takes a byte or more.
//
//     offset      bytes
//     6           …        room
//     first       …        the elements
//     end         …        room
//     …           2 each   marks: where every 64th element begins, the last one first
//     whole − 16  8        the bytes of the last eight elements, those of the last in the lowest byte; 0: more than 255, or
//                          not known
//     whole − 8   2        first
//     whole − 6   2        end
//     whole − 4   2        what lengths behind the elements would take in a full one beyond a byte for each
//     whole − 2   2        the ordinal of the last element
//
// Elements have ordinals in a row, of which the first is 1 … 64; the marks stand at 64, 128 and so on. What comes and goes at
// an end leaves the ordinals of all others alone, but for whole groups of 64, and does not move them: so the ends are changed
// without a walk.
//
// The block is a whole size class, so that the room costs nothing.

extension Listpack {
    /// What stands behind the marks.
    struct MarksEnd {
        static let byteCount = 16

        var lastByteCounts: UInt64 = 0
        var first: UInt16 = 0
        var end: UInt16 = 0
        var backLengthSurplus: UInt16 = 0
        var lastOrdinal: UInt16 = 0

        /// How many elements' bytes are known at most.
        static let knownCount = 8

        var markCount: Int { @inline(__always) get { Int(lastOrdinal) >> markShift } }

        /// Takes note of an element that becomes the last.
        @inline(__always)
        mutating func noteLast(byteCount: Int) {
            lastByteCounts = lastByteCounts << 8 | (byteCount < 256 ? UInt64(byteCount) : 0)
            lastOrdinal &+= 1
            backLengthSurplus &+= Self.surplus(of: byteCount)
        }

        /// What the length behind an element of so many bytes takes beyond a byte.
        @inline(__always)
        static func surplus(of byteCount: Int) -> UInt16 {
            byteCount <= 127 ? 0 : UInt16(backLengthByteCount(byteCount) - 1)
        }
    }

    /// Elements from one mark to the next, as a power of two.
    static let markShift = 6
    static let markStride = 1 << markShift
    static let markByteCount = 2
    /// What would take more bytes if it were full is never marked; no node of a list that grows does.
    static let greatestMarked = 1 << 16

    var marksEnd: MarksEnd {
        @inline(__always) get {
            assert(form == .marked)
            let end = unsafe base + (byteCount &- MarksEnd.byteCount)
            return unsafe MarksEnd(
                lastByteCounts: end.loadUnaligned(as: UInt64.self),
                first: end.loadUnaligned(fromByteOffset: 8, as: UInt16.self),
                end: end.loadUnaligned(fromByteOffset: 10, as: UInt16.self),
                backLengthSurplus: end.loadUnaligned(fromByteOffset: 12, as: UInt16.self),
                lastOrdinal: end.loadUnaligned(fromByteOffset: 14, as: UInt16.self)
            )
        }
        nonmutating set {
            let end = unsafe base + (byteCount &- MarksEnd.byteCount)
            unsafe end.storeBytes(of: newValue.lastByteCounts, as: UInt64.self)
            unsafe end.storeBytes(of: newValue.first, toByteOffset: 8, as: UInt16.self)
            unsafe end.storeBytes(of: newValue.end, toByteOffset: 10, as: UInt16.self)
            unsafe end.storeBytes(of: newValue.backLengthSurplus, toByteOffset: 12, as: UInt16.self)
            unsafe end.storeBytes(of: newValue.lastOrdinal, toByteOffset: 14, as: UInt16.self)
        }
    }

    private func marksField(_ offset: Int) -> Int {
        assert(form == .marked)
        let place = byteCount &- MarksEnd.byteCount &+ offset
        return Int(unsafe base.loadUnaligned(fromByteOffset: place, as: UInt16.self))
    }

    /// Where the first element begins.
    var markedFirst: Int { marksField(8) }

    /// Where the last element ends.
    var markedEnd: Int { marksField(10) }

    /// What it would take if it were bare.
    var markedBareByteCount: Int { Self.headerByteCount &+ markedEnd &- markedFirst }

    /// What it would take if it were full.
    var markedFullByteCount: Int {
        let marksEnd = marksEnd
        let elements = Int(marksEnd.end) &- Int(marksEnd.first) &+ Int(marksEnd.backLengthSurplus)
        return Self.headerByteCount &+ elements &+ storedCount &+ Self.endByteCount(.full)
    }

    /// The mark at `index`, counted from the head.
    func mark(_ index: Int) -> Int {
        Int(unsafe base.loadUnaligned(fromByteOffset: place(ofMark: index), as: UInt16.self))
    }

    func setMark(_ index: Int, to offset: Int) {
        unsafe base.storeBytes(of: UInt16(offset), toByteOffset: place(ofMark: index), as: UInt16.self)
    }

    private func place(ofMark index: Int) -> Int {
        byteCount &- MarksEnd.byteCount &- (index &+ 1) &* Self.markByteCount
    }

    /// Gives all marks from `index` on a place `count` further from the head, or nearer to it.
    func moveMarks(from index: Int, by count: Int, among markCount: Int) {
        let (lowest, end) = (place(ofMark: markCount - 1), place(ofMark: index - 1))
        guard lowest < end else { return }
        unsafe (base + lowest - count * Self.markByteCount).copyMemory(from: base + lowest, byteCount: end - lowest)
    }

    // MARK: Putting on and taking off

    /// Whether it is small enough for marks.
    var canBeMarked: Bool { hasRoom(for: 0, inFull: Self.greatestMarked) }

    /// Puts marks on a bare listpack, in one walk; one that is too large stays as it is.
    mutating func mark(memory: Memory) {
        precondition(form == .bare)
        guard canBeMarked else { return }
        let (end, count) = (byteCount, storedCount)
        let needed = end + count >> Self.markShift * Self.markByteCount + MarksEnd.byteCount
        let markedByteCount = SizeClass.byteCount(needed)
        unsafe base = memory.resize(base, from: end, to: markedByteCount)
        form = .marked
        byteCount = markedByteCount
        var marksEnd = MarksEnd(first: UInt16(Self.headerByteCount), end: UInt16(end))
        // What is read lies before the end.
        self.marksEnd = marksEnd
        var offset = Self.headerByteCount
        while offset < end {
            let next = contentEnd(of: offset)
            marksEnd.noteLast(byteCount: next - offset)
            if Int(marksEnd.lastOrdinal) % Self.markStride == 0 { setMark(marksEnd.markCount - 1, to: offset) }
            offset = next
        }
        self.marksEnd = marksEnd
    }

    /// Takes the marks off: then it is bare.
    mutating func unmark(memory: Memory) {
        let (previous, first, end) = (byteCount, markedFirst, markedEnd)
        move(first..<end, to: Self.headerByteCount)
        form = .bare
        byteCount = Self.headerByteCount + end - first
        unsafe base = memory.resize(base, from: previous, to: byteCount)
    }

    func move(_ range: Range<Int>, to offset: Int) {
        unsafe (base + offset).copyMemory(from: base + range.lowerBound, byteCount: range.count)
    }

    // MARK: Reading

    /// The element at `index`, which is there.
    func offset(ofMarkedIndex index: Int) -> Int {
        let behind = storedCount &- 1 &- index
        if behind == 0 { return lastOffset }
        if behind < MarksEnd.knownCount, let offset = offset(ofLast: behind, marksEnd) { return offset }
        let start = nearestMark(to: index)
        return offset(index &- start.index, elementsAfter: start.offset)
    }

    /// Where a walk to the element at `index` begins: at the mark there or before it, or at the first element.
    func nearestMark(to index: Int) -> (index: Int, offset: Int) {
        let marksEnd = marksEnd
        let ordinal = Int(marksEnd.lastOrdinal) &- (storedCount &- 1 &- index)
        let mark = ordinal >> Self.markShift &- 1
        guard mark >= 0 else { return (0, Int(marksEnd.first)) }
        return (index &- ordinal & (Self.markStride - 1), self.mark(mark))
    }

    /// Where the element begins behind which are `behind` others, if that is known without a walk.
    @inline(__always)
    private func offset(ofLast behind: Int, _ marksEnd: MarksEnd) -> Int? {
        var (offset, byteCounts) = (Int(marksEnd.end), marksEnd.lastByteCounts)
        for _ in 0...behind {
            let byteCount = Int(byteCounts & 0xFF)
            guard byteCount > 0 else { return nil }
            offset &-= byteCount
            byteCounts >>= 8
        }
        return offset
    }

    /// Where the last element begins; there is one.
    var lastOffset: Int {
        let marksEnd = marksEnd
        return offset(ofLast: 0, marksEnd) ?? findLast()
    }

    /// Where the last element begins; the bytes of those before it are known then.
    @inline(never)
    private func findLast() -> Int {
        var marksEnd = marksEnd
        var (offset, last, found) = (nearestMark(to: max(0, storedCount - MarksEnd.knownCount)).offset, 0, MarksEnd())
        while offset < Int(marksEnd.end) {
            last = offset
            offset = contentEnd(of: offset)
            found.noteLast(byteCount: offset - last)
        }
        marksEnd.lastByteCounts = found.lastByteCounts
        self.marksEnd = marksEnd
        return last
    }

    // MARK: Checking

    /// Whether marks, ordinals and byte counts are those of the elements.
    var hasRightMarks: Bool {
        let marksEnd = marksEnd
        var (offset, ordinal) = (Int(marksEnd.first), Int(marksEnd.lastOrdinal) - storedCount)
        var recounted = MarksEnd()
        guard offset >= Self.headerByteCount, 0..<Self.markStride ~= ordinal,
            place(ofMark: marksEnd.markCount - 1) >= Int(marksEnd.end)
        else { return false }
        while offset < Int(marksEnd.end) {
            let next = contentEnd(of: offset)
            ordinal += 1
            recounted.noteLast(byteCount: next - offset)
            if ordinal % Self.markStride == 0, mark(ordinal / Self.markStride - 1) != offset { return false }
            offset = next
        }
        let areKnown = (0..<MarksEnd.knownCount).allSatisfy { index in
            let known = marksEnd.lastByteCounts >> (8 * index) & 0xFF
            return known == 0 || known == recounted.lastByteCounts >> (8 * index) & 0xFF
        }
        return areKnown && recounted.backLengthSurplus == marksEnd.backLengthSurplus
    }
}
