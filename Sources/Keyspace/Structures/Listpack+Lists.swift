// What lists ask of a listpack: its ends, a walk both ways, elements by their index, and those that are equal to a text.

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

extension Listpack {
    /// The first or last element; there is one.
    func element(at end: ListEnd) -> StringValue {
        guard let offset = end == .head ? first : last else { preconditionFailure("an empty listpack has no ends") }
        return self[offset]
    }

    /// Visits elements from `index` on, towards the end or backwards, until `body` says that it has enough.
    ///
    /// - Parameter mark: an element that the walk to `index` may begin at.
    /// - Returns: whether `body` would have gone on.
    @inline(__always)
    func visit(from index: Int, backwards: Bool, near mark: Mark = .first, _ body: (StringValue) -> Bool) -> Bool {
        if backwards { return visitBackwards(from: index, body) }
        guard var offset = offset(ofIndex: index, near: mark) else { return true }
        let endOffset = endOffset
        while offset < endOffset {
            guard body(self[offset]) else { return false }
            offset = end(of: offset)
        }
        return true
    }

    @inline(__always)
    private func visitBackwards(from index: Int, _ body: (StringValue) -> Bool) -> Bool {
        guard form == .full else {
            guard index < count else { return true }
            for offset in offsets(index + 1, from: Self.headerByteCount).reversed() {
                guard body(self[Int(offset)]) else { return false }
            }
            return true
        }
        var offset = offset(ofIndex: index)
        while let here = offset {
            guard body(self[here]) else { return false }
            offset = previous(before: here)
        }
        return true
    }

    mutating func insert(_ element: ListpackElement, at end: ListEnd, memory: Memory) {
        insert(element, at: end == .head ? Self.headerByteCount : endOffset, memory: memory)
    }

    /// Takes out the elements whose indices are in `range`, which lies within.
    mutating func removeElements(_ range: Range<Int>, memory: Memory) {
        guard !range.isEmpty, let start = offset(ofIndex: range.lowerBound) else { return }
        let end = range.upperBound == count ? endOffset : offset(range.count, elementsAfter: start)
        remove(start..<end, elements: range.count, memory: memory)
    }

    /// Takes out up to `most` elements that are `sought`, from the first or from the last on; says how many.
    mutating func remove(_ sought: SoughtText, atMost most: Int, backwards: Bool, memory: Memory) -> Int {
        var found: [Int] = []
        var offset = first
        while let here = offset, backwards || found.count < most {
            if sought.isEqual(to: self[here]) { found.append(here) }
            offset = next(after: here)
        }
        // From the last to the first: what is still to be taken out stays where it is.
        let removed = found.suffix(most)
        for offset in removed.reversed() { remove(at: offset, memory: memory) }
        return removed.count
    }
}
