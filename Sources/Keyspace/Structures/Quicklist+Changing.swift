// Putting elements into a long list and taking them out: nodes that fill, split, join, and are compressed.

internal import Protocol

extension Quicklist {
    // MARK: The ends

    func push(_ text: Bytes, at end: ListEnd, limit: ListNodeLimit, memory: Memory) {
        let element = ListpackElement(text)
        let outermost = end == .head ? 0 : nodeCount - 1
        if nodeCount > 0, hasRoom(in: outermost, for: element, limit) {
            return changePack(outermost, by: 1) { $0.push(element, at: end, memory: memory) }
        }
        let index = end == .head ? 0 : nodeCount
        insert(makeNode(text, element, limit, memory), at: index, memory)
        settle(index..<index + 1, memory)
    }

    /// Lends the first or last element, and takes it out; there is one.
    @inline(__always)
    func pop(at end: ListEnd, limit: ListNodeLimit, memory: Memory, _ body: (StringValue) -> Void) {
        let outermost = end == .head ? 0 : nodeCount - 1
        guard self[outermost].count > 1 else {
            body(element(at: end))
            removeNodes(outermost..<outermost + 1, memory)
            return settle(0..<0, memory)
        }
        let isSmall = changePack(outermost, by: -1) { pack in
            pack.pop(at: end, memory: memory, body)
            return pack.hasRoom(for: 0, inFull: limit.byteCount / 2)
        }
        // Nobody looks at the next node, which may be far from any cache, before they might be joined.
        if isSmall, nodeCount > 1, joinNext(to: end == .head ? 0 : nodeCount - 2, limit, memory) {
            settle(0..<0, memory)
        }
    }

    /// Puts a node with the elements of `pack`, which belongs to the list from now on, at the tail.
    func append(adopting pack: Listpack, memory: Memory) {
        insert(ListNode(pack, count: pack.count), at: nodeCount, memory)
        settle(nodeCount - 1..<nodeCount, memory)
    }

    // MARK: Anywhere

    /// Puts `text` before the element at `index`, or at the tail.
    func insert(_ text: Bytes, at index: Int, limit: ListNodeLimit, memory: Memory) {
        guard index > 0 else { return push(text, at: .head, limit: limit, memory: memory) }
        guard index < count else { return push(text, at: .tail, limit: limit, memory: memory) }
        let element = ListpackElement(text)
        var (node, position) = locate(index)
        if position > 0 {
            expand(node, memory)
            if !hasRoom(in: node, for: element, limit) {
                split(node, at: position, memory)
                (node, position) = (node + 1, 0)
            }
        }
        // Before the first element of a node is behind the last of the one before it.
        if position == 0, node > 0 {
            expand(node - 1, memory)
            if hasRoom(in: node - 1, for: element, limit) { (node, position) = (node - 1, self[node - 1].count) }
        }
        expand(node, memory)
        if hasRoom(in: node, for: element, limit) {
            changePack(node, by: 1) { $0.insert(element, beforeIndex: position, memory: memory) }
        } else {
            insert(makeNode(text, element, limit, memory), at: node, memory)
        }
        join(around: node, limit, memory)
    }

    /// Puts `text` in the place of the element at `index`.
    func replace(at index: Int, with text: Bytes, limit: ListNodeLimit, memory: Memory) {
        let element = ListpackElement(text)
        let (node, position) = locate(index)
        expand(node, memory)
        defer { settle(node..<node + 1, memory) }
        if self[node].kind == .listpack, !limit.isExceeded(by: element) {
            let pack = self[node].pack
            guard let offset = pack.offset(ofIndex: position) else { preconditionFailure("a node is miscounted") }
            let growth = element.byteCount(in: .full) - pack.fullByteCount(at: offset)
            if growth <= 0 || pack.hasRoom(for: growth, inFull: limit.byteCount) {
                return changePack(node, by: 0) { $0.exchange(at: offset, with: element, memory: memory) }
            }
        }
        remove(index..<index + 1, limit: limit, memory: memory)
        insert(text, at: index, limit: limit, memory: memory)
    }

    /// Takes out the elements in `range`: of whole nodes nothing is read.
    func remove(_ range: Range<Int>, limit: ListNodeLimit, memory: Memory) {
        guard !range.isEmpty else { return }
        var (node, position) = locate(range.lowerBound)
        var left = range.count
        if position > 0 {
            let taken = min(left, self[node].count - position)
            removeElements(position..<position + taken, ofNode: node, memory)
            left -= taken
            node += 1
        }
        let firstWhole = node
        while left > 0, left >= self[node].count {
            left -= self[node].count
            node += 1
        }
        removeNodes(firstWhole..<node, memory)
        if left > 0 { removeElements(0..<left, ofNode: firstWhole, memory) }
        join(around: firstWhole, limit, memory)
    }

    /// Takes out up to `most` elements that are `sought`, from the head or from the tail on; says how many.
    func remove(
        _ sought: SoughtText,
        atMost most: Int,
        backwards: Bool,
        limit: ListNodeLimit,
        memory: Memory
    ) -> Int {
        var removed = 0
        var node = backwards ? nodeCount - 1 : 0
        while removed < most, node >= 0, node < nodeCount {
            let present = self[node].count
            let taken = removeMatches(of: sought, atMost: most - removed, backwards: backwards, inNode: node, memory)
            removed += taken
            let isGone = taken == present
            if isGone { removeNodes(node..<node + 1, memory) }
            node += backwards ? -1 : isGone ? 0 : 1
        }
        guard removed > 0 else { return 0 }
        var index = 0
        while index < nodeCount - 1 {
            if !joinNext(to: index, limit, memory) { index += 1 }
        }
        settle(0..<nodeCount, memory)
        return removed
    }
}

// MARK: - Inside a node

extension Quicklist {
    private func makeNode(
        _ text: Bytes,
        _ element: ListpackElement,
        _ limit: ListNodeLimit,
        _ memory: Memory
    ) -> ListNode {
        if limit.isExceeded(by: element) { return ListNode(copying: text, memory: memory) }
        var pack = Listpack(.bare, memory: memory)
        pack.push(element, at: .tail, memory: memory)
        return ListNode(pack, count: 1)
    }

    private func hasRoom(in index: Int, for element: ListpackElement, _ limit: ListNodeLimit) -> Bool {
        let node = self[index]
        return node.kind == .listpack && limit.hasRoom(in: node.pack, count: node.count, for: element)
    }

    private func removeElements(_ range: Range<Int>, ofNode index: Int, _ memory: Memory) {
        expand(index, memory)
        changePack(index, by: -range.count) { $0.removeElements(range, memory: memory) }
    }

    /// - Returns: how many were taken out; a node that has no others is left as it is, to be removed by the caller.
    private func removeMatches(
        of sought: SoughtText,
        atMost most: Int,
        backwards: Bool,
        inNode index: Int,
        _ memory: Memory
    ) -> Int {
        var found = 0
        let start = backwards ? self[index].count - 1 : 0
        self[index].withContent { content in
            switch content {
            case .listpack(let pack):
                _ = pack.visit(from: start, backwards: backwards) { element in
                    if sought.isEqual(to: element) { found += 1 }
                    return found < most
                }
            case .element(let bytes): found = sought.isEqual(to: .bytes(bytes)) ? 1 : 0
            }
        }
        guard found > 0, found < self[index].count else { return found }
        expand(index, memory)
        changePack(index, by: -found) {
            _ = $0.remove(sought, atMost: found, backwards: backwards, memory: memory)
        }
        return found
    }

    /// Makes two nodes of one, the second beginning with the element at `position`.
    private func split(_ index: Int, at position: Int, _ memory: Memory) {
        let count = self[index].count - position
        let tail = changePack(index, by: -count) { $0.split(at: position, memory: memory) }
        insert(ListNode(tail, count: count), at: index + 1, memory)
    }
}

// MARK: - Nodes that are too small

extension Quicklist {
    /// Joins the node at `index` with its neighbours where they are small, and compresses those that are to be.
    private func join(around index: Int, _ limit: ListNodeLimit, _ memory: Memory) {
        var candidate = min(index + 1, nodeCount - 2)
        while candidate >= max(0, index - 2) {
            _ = joinNext(to: candidate, limit, memory)
            candidate = min(candidate - 1, nodeCount - 2)
        }
        settle(max(0, index - 2)..<index + 3, memory)
    }

    /// Puts the elements of the node behind `index` at the end of that one, if both together fill no more than half a
    /// node: else the next insertion would split them again.
    private func joinNext(to index: Int, _ limit: ListNodeLimit, _ memory: Memory) -> Bool {
        let (node, next, room) = (self[index], self[index + 1], limit.byteCount / 2)
        guard node.kind == .listpack, next.kind == .listpack, node.count + next.count <= limit.count / 2,
            // Without a walk, as most are too large.
            node.pack.fullByteCountBounds.lowerBound + next.pack.fullByteCountBounds.lowerBound <= room,
            node.pack.byteCount(in: .full) + next.pack.byteCount(in: .full) <= room
        else { return false }
        changePack(index, by: next.count) { $0.append(elementsOf: next.pack, memory: memory) }
        removeNodes(index + 1..<index + 2, memory)
        return true
    }
}

// MARK: - Compression

extension Quicklist {
    /// Whether the node at `index` is one that is not compressed.
    @inline(__always)
    func isOpen(_ index: Int) -> Bool {
        compressDepth == 0 || index < compressDepth || index >= nodeCount - compressDepth
    }

    /// Makes the node one that can be changed.
    private func expand(_ index: Int, _ memory: Memory) {
        guard self[index].isCompressed else { return }
        let previousBytes = self[index].usedBytes
        exchange(index, for: self[index].expanded(memory: memory), previousBytes: previousBytes)
    }

    /// Compresses the node, if there is one at `index` and it is to be.
    private func compress(_ index: Int, _ memory: Memory) {
        guard index >= 0, index < nodeCount, !isOpen(index) else { return }
        let previousBytes = self[index].usedBytes
        guard let compressed = self[index].compressed(memory: memory) else { return }
        exchange(index, for: compressed, previousBytes: previousBytes)
    }

    /// Compresses and expands nodes as their places ask for, after some came and went, and those at `touched` were changed.
    private func settle(_ touched: Range<Int>, _ memory: Memory) {
        guard compressDepth > 0 else { return }
        for index in 0..<min(compressDepth, nodeCount) {
            expand(index, memory)
            expand(nodeCount - 1 - index, memory)
        }
        // What was the last of an end may be an inner one now.
        compress(compressDepth, memory)
        compress(nodeCount - 1 - compressDepth, memory)
        for index in touched.clamped(to: 0..<nodeCount) { compress(index, memory) }
    }
}
