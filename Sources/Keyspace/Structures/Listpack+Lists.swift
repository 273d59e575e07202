// What lists ask of a listpack: its ends, a walk both ways, elements by their index, and those that are equal to a text.
//
// A list's listpack is bare while it is short, as a walk to the last element then costs next to nothing, and marked from
// some hundred bytes on.

public import Protocol

/// A text that is sought among elements: the text of an integer is compared as the number that it is kept as.
public struct SoughtText {
    private let text: Bytes
    private let number: Int64?

    public init(_ text: Bytes) {
        self.text = text
        number = parseInteger(text)
    }

    @inline(__always)
    public func isEqual(to element: StringValue) -> Bool {
        switch element {
        case .integer(let element): element == number
        case .bytes(let element): element.isEqual(to: text)
        }
    }
}

// MARK: - Reading

extension Listpack {
    /// The first or last element; there is one.
    func element(at end: ListEnd) -> StringValue { self[offset(at: end)] }

    /// The element at `index`; there is one.
    func element(atIndex index: Int) -> StringValue {
        guard let offset = offset(ofIndex: index) else { preconditionFailure("no such element in a listpack") }
        return self[offset]
    }

    private func offset(at end: ListEnd) -> Int {
        guard let offset = end == .head ? first : last else { preconditionFailure("an empty listpack has no ends") }
        return offset
    }

    /// Visits elements from `index` on, towards the end or backwards, until `body` says that it has enough.
    ///
    /// - Returns: whether `body` would have gone on.
    @inline(__always)
    func visit(from index: Int, backwards: Bool, _ body: (StringValue) -> Bool) -> Bool {
        if backwards { return index >= count || visitBackwards(from: index, body) }
        guard var offset = offset(ofIndex: index) else { return true }
        let endOffset = endOffset
        while offset < endOffset {
            guard body(self[offset]) else { return false }
            offset = end(of: offset)
        }
        return true
    }

    /// Goes from mark to mark, and between them by what one walk has written down.
    @inline(__always)
    private func visitBackwards(from index: Int, _ body: (StringValue) -> Bool) -> Bool {
        var left = index + 1
        while left > 0 {
            let start = form == .marked ? nearestMark(to: left - 1) : (index: 0, offset: Self.headerByteCount)
            guard visitBackwards(left - start.index, from: start.offset, { body(self[$0]) }) else { return false }
            left = start.index
        }
        return true
    }
}

// MARK: - Changing

extension Listpack {
    /// A list's listpack takes no more bytes without marks.
    private static let greatestUnmarkedByteCount = 256
    /// One that has marks loses them when it would take no more bytes without: half of those with which it got them, or the
    /// next change would give them back.
    private static let leastMarkedByteCount = 128

    /// One for a list, with the elements of `other`, which may be lent bytes.
    init(ofList other: Listpack, memory: Memory) {
        self = other.copy(in: .bare, to: memory)
        markIfLarge(memory)
    }

    private mutating func markIfLarge(with byteCount: Int = 0, _ memory: Memory) {
        if form == .bare, self.byteCount + byteCount > Self.greatestUnmarkedByteCount { mark(memory: memory) }
    }

    private mutating func unmarkIfSmall(_ memory: Memory) {
        if form == .marked, byteCount(in: .bare) <= Self.leastMarkedByteCount { unmark(memory: memory) }
    }

    /// Changes it without marks, which are then put on again.
    ///
    /// - Parameter body: is told how much nearer to the head all elements then are.
    private mutating func changeWithoutMarks(_ memory: Memory, _ body: (inout Listpack, _ shift: Int) -> Void) {
        let shift = firstOffset - Self.headerByteCount
        if form == .marked { unmark(memory: memory) }
        body(&self, shift)
        markIfLarge(memory)
    }

    /// - Parameter element: must not lie in this very listpack.
    mutating func push(_ element: ListpackElement, at end: ListEnd, memory: Memory) {
        markIfLarge(with: element.byteCount(in: .bare), memory)
        switch (form, end) {
        case (.marked, .head): prependMarked(element, memory: memory)
        case (.marked, .tail): appendMarked(element, memory: memory)
        case (_, .head): insert(element, at: Self.headerByteCount, memory: memory)
        case (_, .tail): insert(element, at: endOffset, memory: memory)
        }
    }

    /// Lends the first or last element, and takes it out; there is one.
    @inline(__always)
    mutating func pop(at end: ListEnd, memory: Memory, _ body: (StringValue) -> Void) {
        let offset = offset(at: end)
        body(self[offset])
        switch (form, end) {
        case (.marked, .head): removeFirstMarked(1, upTo: contentEnd(of: offset), memory: memory)
        case (.marked, .tail): removeLastMarked(1, from: offset, memory: memory)
        default: remove(at: offset, memory: memory)
        }
        unmarkIfSmall(memory)
    }

    /// Puts `element` before the one at `index`, or at the end.
    mutating func insert(_ element: ListpackElement, beforeIndex index: Int, memory: Memory) {
        guard index > 0 else { return push(element, at: .head, memory: memory) }
        guard let offset = offset(ofIndex: index) else { return push(element, at: .tail, memory: memory) }
        markIfLarge(with: element.byteCount(in: .bare), memory)
        if form == .marked {
            insertMarked(element, at: self.offset(ofIndex: index) ?? offset, memory: memory)
        } else {
            insert(element, at: offset, memory: memory)
        }
    }

    /// Puts `element` where the one at `offset` is.
    mutating func exchange(at offset: Int, with element: ListpackElement, memory: Memory) {
        if form == .marked, byteCount + element.byteCount(in: .bare) < Self.greatestMarked {
            replaceMarked(at: offset, with: element, memory: memory)
            unmarkIfSmall(memory)
        } else {
            changeWithoutMarks(memory) { $0.replace(at: offset - $1, with: element, memory: memory) }
        }
    }

    /// Takes out the elements whose indices are in `range`, which lies within.
    mutating func removeElements(_ range: Range<Int>, memory: Memory) {
        guard !range.isEmpty, let start = offset(ofIndex: range.lowerBound) else { return }
        let isToEnd = range.upperBound == count
        let end = isToEnd ? endOffset : offset(ofIndex: range.upperBound) ?? endOffset
        if form == .marked, range.lowerBound == 0 {
            removeFirstMarked(range.count, upTo: end, memory: memory)
        } else if form == .marked, isToEnd {
            removeLastMarked(range.count, from: start, memory: memory)
        } else {
            changeWithoutMarks(memory) { pack, shift in
                pack.remove(start - shift..<end - shift, elements: range.count, memory: memory)
            }
        }
        unmarkIfSmall(memory)
    }

    /// Takes out the elements from `index` on, which is there, and makes another listpack of them.
    mutating func split(at index: Int, memory: Memory) -> Listpack {
        guard let offset = offset(ofIndex: index) else { preconditionFailure("a listpack is split behind its end") }
        let range = index..<count
        var tail = Listpack(.bare, memory: memory)
        tail.append(offset..<endOffset, of: self, elements: range.count, memory: memory)
        tail.markIfLarge(memory)
        removeElements(range, memory: memory)
        return tail
    }

    /// Puts the elements of `other` at the end.
    mutating func append(elementsOf other: Listpack, memory: Memory) {
        changeWithoutMarks(memory) { pack, _ in
            pack.append(other.firstOffset..<other.endOffset, of: other, elements: other.count, memory: memory)
        }
    }

    /// Takes out up to `most` elements that are `sought`, from the first or from the last on; says how many.
    mutating func remove(_ sought: SoughtText, atMost most: Int, backwards: Bool, memory: Memory) -> Int {
        // Behind the first element, as the block may move.
        var found: [Int] = []
        var offset = first
        while let here = offset, backwards || found.count < most {
            if sought.isEqual(to: self[here]) { found.append(here - firstOffset) }
            offset = next(after: here)
        }
        // From the last to the first: what is still to be taken out stays where it is.
        let removed = found.suffix(most)
        for offset in removed.reversed() {
            if form == .marked {
                removeMarked(at: firstOffset + offset, memory: memory)
            } else {
                remove(at: firstOffset + offset, memory: memory)
            }
        }
        unmarkIfSmall(memory)
        return removed.count
    }

    /// Whether it is in the form that a list gives it, and intact.
    var isIntactInList: Bool {
        guard isIntact else { return false }
        switch form {
        case .full: return false
        case .bare: return byteCount <= Self.greatestUnmarkedByteCount || !canBeMarked
        case .marked: return byteCount(in: .bare) > Self.leastMarkedByteCount
        }
    }
}
