// The forms of a listpack: full ones, which RDB has, are made of others, and bare ones of full ones.

public import Protocol

extension Listpack {
    /// What it takes in that form, O(*n*) where it is another one.
    func byteCount(in form: Form) -> Int {
        guard form != self.form else { return byteCount }
        if self.form == .marked { return form == .full ? markedFullByteCount : markedBareByteCount }
        var sum = Self.headerByteCount + Self.endByteCount(form)
        var offset = Self.headerByteCount
        let endOffset = endOffset
        while offset < endOffset {
            let contentEnd = contentEnd(of: offset)
            let contentByteCount = contentEnd &- offset
            sum &+= form == .bare ? contentByteCount : contentByteCount &+ Self.backLengthByteCount(contentByteCount)
            offset = end(of: offset, contentEnd: contentEnd)
        }
        return sum
    }

    /// Between what `byteCount(in: .full)` lies, without a walk.
    var fullByteCountBounds: ClosedRange<Int> {
        let (byteCount, count) = (byteCount, storedCount)
        if form == .full { return byteCount...byteCount }
        if form == .marked { return markedFullByteCount...markedFullByteCount }
        // A length behind takes one byte, and no more than one besides for each 128 that it counts.
        let mostElements = count < Self.manyElements ? count : byteCount
        return byteCount + count + 1...byteCount + mostElements + byteCount / 128 + 1
    }

    /// Whether a full one with these elements and `byteCount` bytes more, or fewer, takes at most `limit`.
    func hasRoom(for byteCount: Int, inFull limit: Int) -> Bool {
        if form == .marked { return markedFullByteCount + byteCount <= limit }
        let bounds = fullByteCountBounds
        guard bounds.lowerBound + byteCount <= limit else { return false }
        return bounds.upperBound + byteCount <= limit || self.byteCount(in: .full) + byteCount <= limit
    }

    /// What the element at `offset` takes in a full one.
    func fullByteCount(at offset: Int) -> Int {
        let contentByteCount = contentEnd(of: offset) - offset
        return contentByteCount + Self.backLengthByteCount(contentByteCount)
    }

    /// The same elements in that form, in a block of their own.
    ///
    /// - Parameter form: bare or full; marks are put on what is bare.
    func copy(in form: Form, to memory: Memory) -> Listpack {
        let byteCount = byteCount(in: form)
        let block = unsafe memory.allocate(byteCount)
        unsafe write(to: block, in: form, byteCount: byteCount)
        return unsafe Listpack(base: block)
    }

    /// The same elements in that form; where it is another one, this listpack is gone.
    func converted(to form: Form, memory: Memory) -> Listpack {
        guard form != self.form else { return self }
        defer { free(to: memory) }
        return copy(in: form, to: memory)
    }

    /// Lends the bytes of a full one, as RDB has it.
    public func withFullBytes<Result>(_ body: (Bytes) -> Result) -> Result { withBytes(in: .full, body) }

    /// Lends the bytes of one in that form.
    func withBytes<Result>(in form: Form, _ body: (Bytes) -> Result) -> Result {
        if form == self.form { return body(block) }
        let byteCount = byteCount(in: form)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            guard let base = buffer.baseAddress else { preconditionFailure("no room for a listpack") }
            unsafe write(to: UnsafeMutableRawPointer(base), in: form, byteCount: byteCount)
            count = byteCount
        }
        return bytes.withBytes(body)
    }

    /// - Parameter byteCount: what it takes in that form.
    @unsafe
    private func write(to destination: UnsafeMutableRawPointer, in form: Form, byteCount: Int) {
        _ = unsafe Listpack(form, in: destination, byteCount: byteCount, count: storedCount)
        var (offset, written) = (firstOffset, Self.headerByteCount)
        let endOffset = endOffset
        while offset < endOffset {
            let contentEnd = contentEnd(of: offset)
            let content = block[offset..<contentEnd]
            unsafe content.copy(to: destination + written)
            written &+= content.count
            if form == .full {
                unsafe Self.writeBackLength(content.count, to: destination + written)
                written &+= Self.backLengthByteCount(content.count)
            }
            offset = end(of: offset, contentEnd: contentEnd)
        }
    }
}
