// Changing an ordered tree: what splits, what is joined, and how the nodes above hear of it.
//
// A full leaf gives elements to the emptier of its neighbours before it is split, so that leaves are seven eighths full even
// where elements come in any order; one that grows at an end, as with rising scores, stays full. A node is joined with a
// neighbour when both together fill three quarters of one: not as soon as they fit, or the next insertion would split them
// again.

extension OrderedTree {
    mutating func insertFirst(_ element: Element, memory: Memory) {
        assert(isEmpty)
        let leaf = Leaf(memory: memory)
        leaf.insert(element, at: 0)
        unsafe root = leaf.base
        leafCount = 1
        noteCount(1)
    }

    /// Puts `element` where `bound` lies.
    @inline(__always)
    mutating func insert(_ element: Element, at bound: some TreeBound<Content>, memory: Memory) {
        guard !isEmpty else { return insertFirst(element, memory: memory) }
        insert(element, at: path(to: bound), memory: memory)
    }

    /// Puts `element` before the place that `path` leads to.
    mutating func insert(_ element: Element, at path: Path, memory: Memory) {
        let leaf = path.leaf
        if leaf.count < Leaf.capacity {
            leaf.insert(element, at: path.index)
            return noteInserted(on: path)
        }
        if isAtAnEnd(path) { return insert(element, splittingAt: path, memory: memory) }
        let rank = rank(of: path)
        if !shiftToNeighbour(on: path) { split(path, memory: memory) }
        // The place may be in another leaf now: no element has passed another, so its rank tells where.
        insert(element, at: self.path(toRank: rank), memory: memory)
    }

    /// Counts the new element in all nodes on the way to it.
    private mutating func noteInserted(on path: Path) {
        noteCount(1)
        for level in 0..<height {
            let (parent, index) = (path.inner(level + 1), path.indices[level + 1])
            parent.addElements(1, at: index)
            guard path.index == 0 else { continue }
            parent.setSeparator(unsafe separator(of: parent.child(index), level: level), at: index)
        }
    }

    // MARK: Splitting

    private mutating func makeLeaf(after previous: Leaf, memory: Memory) -> Leaf {
        let leaf = Leaf(memory: memory)
        leafCount += 1
        link(leaf, after: previous)
        return leaf
    }

    /// Whether a place is at the beginning or at the end of the tree, or not far from it, as with scores that mostly rise.
    private func isAtAnEnd(_ path: Path) -> Bool {
        if path.leaf.next == nil { return path.index >= Leaf.capacity * 3 / 4 }
        return path.leaf.previous == nil && path.index <= Leaf.capacity / 4
    }

    /// Puts `element` in at an end of the tree, with little else beside it, so that the rest of the full leaf stays together.
    private mutating func insert(_ element: Element, splittingAt path: Path, memory: Memory) {
        let (leaf, isLast) = (path.leaf, path.leaf.next == nil)
        let right = makeLeaf(after: leaf, memory: memory)
        leaf.moveEnd(from: path.index, toFrontOf: right)
        if isLast { right.insert(element, at: 0) } else { leaf.insert(element, at: path.index) }
        noteInserted(on: path)
        add(right, rightOf: path, memory: memory)
    }

    /// Makes room in a full leaf by a new one, which gets half of it.
    private mutating func split(_ path: Path, memory: Memory) {
        let leaf = path.leaf
        let right = makeLeaf(after: leaf, memory: memory)
        leaf.moveEnd(from: leaf.count / 2, toFrontOf: right)
        add(right, rightOf: path, memory: memory)
    }

    /// Puts `leaf`, whose elements were counted as those of the leaf of `path`, right of that one into the node above.
    private mutating func add(_ leaf: Leaf, rightOf path: Path, memory: Memory) {
        var added = unsafe leaf.base
        for level in 0..<height {
            let (parent, index) = (path.inner(level + 1), path.indices[level + 1])
            let addedCount = unsafe elementCount(of: added, level: level)
            parent.addElements(-addedCount, at: index)
            let sibling = unsafe insertChild(
                added,
                elementCount: addedCount,
                separator: separator(of: added, level: level),
                into: parent,
                at: index + 1,
                memory: memory
            )
            guard let sibling = unsafe sibling else { return }
            unsafe added = sibling
        }
        unsafe grow(with: added, memory: memory)
    }

    /// Returns the new node right of `parent`, if that had to be split.
    private mutating func insertChild(
        _ child: UnsafeMutableRawPointer,
        elementCount: Int,
        separator: Content.Separator,
        into parent: Inner,
        at index: Int,
        memory: Memory
    ) -> UnsafeMutableRawPointer? {
        guard parent.count == Inner.capacity else {
            unsafe parent.insert(child, elementCount: elementCount, separator: separator, at: index)
            return nil
        }
        let right = Inner(memory: memory)
        innerCount += 1
        // One that grows at its end stays nearly full.
        let half = index == parent.count ? parent.count - 1 : parent.count / 2
        parent.moveEnd(from: half, toEndOf: right)
        if index <= half {
            unsafe parent.insert(child, elementCount: elementCount, separator: separator, at: index)
        } else {
            unsafe right.insert(child, elementCount: elementCount, separator: separator, at: index - half)
        }
        return unsafe right.base
    }

    /// Puts a new root above the present one and `sibling`.
    private mutating func grow(with sibling: UnsafeMutableRawPointer, memory: Memory) {
        precondition(height + 1 < Self.greatestHeight, "a tree higher than any memory")
        let top = Inner(memory: memory)
        innerCount += 1
        unsafe add(root.unsafelyUnwrapped, to: top)
        unsafe add(sibling, to: top)
        unsafe root = top.base
        height += 1
    }

    /// Makes a node of the present height the last child of `top`.
    private func add(_ node: UnsafeMutableRawPointer, to top: Inner) {
        unsafe top.insert(
            node,
            elementCount: elementCount(of: node, level: height),
            separator: separator(of: node, level: height),
            at: top.count
        )
    }

    /// Gives a part of a full leaf to the emptier of its neighbours under the same node, if that has room.
    private func shiftToNeighbour(on path: Path) -> Bool {
        guard height > 0 else { return false }
        let (parent, index, leaf) = (path.inner(1), path.indices[1], path.leaf)
        let (roomLeft, roomRight) = (room(in: index - 1, under: parent), room(in: index + 1, under: parent))
        // With room for one, the neighbour would be as full as the leaf was, and might have to take the new element.
        guard max(roomLeft, roomRight) >= 2 else { return false }
        if roomRight >= roomLeft {
            let right = unsafe Leaf(base: parent.child(index + 1))
            var moved = (roomRight + 1) / 2
            // The last leaf fills up by itself where the tree grows at its end; then this one is to stay full.
            if right.next == nil { moved = min(moved, max(1, leaf.count - path.index)) }
            leaf.moveEnd(from: leaf.count - moved, toFrontOf: right)
            noteMoved(moved, from: index, to: index + 1, under: parent)
        } else {
            let moved = (roomLeft + 1) / 2
            leaf.moveFront(moved, toEndOf: unsafe Leaf(base: parent.child(index - 1)))
            noteMoved(moved, from: index, to: index - 1, under: parent)
        }
        return true
    }

    /// How many elements more the leaf that is the child at `index` can take; none where there is no such child.
    private func room(in index: Int, under parent: Inner) -> Int {
        guard index >= 0, index < parent.count else { return 0 }
        return Leaf.capacity - parent.elementCount(at: index)
    }

    private func noteMoved(_ moved: Int, from source: Int, to target: Int, under parent: Inner) {
        parent.addElements(-moved, at: source)
        parent.addElements(moved, at: target)
        let later = max(source, target)
        parent.setSeparator(unsafe separator(of: parent.child(later), level: 0), at: later)
    }

    /// The rank of the place that `path` leads to.
    private func rank(of path: Path) -> Int {
        var rank = path.indices[0]
        for level in stride(from: 1, through: height, by: 1) {
            rank += path.inner(level).elementCount(before: path.indices[level])
        }
        return rank
    }

    private func link(_ leaf: Leaf, after previous: Leaf) {
        leaf.previous = previous
        leaf.next = previous.next
        previous.next?.previous = leaf
        previous.next = leaf
    }

    private func unlink(_ leaf: Leaf) {
        leaf.previous?.next = leaf.next
        leaf.next?.previous = leaf.previous
    }

    func elementCount(of node: UnsafeMutableRawPointer, level: Int) -> Int {
        level == 0 ? unsafe Leaf(base: node).count : unsafe Inner(base: node).elementCount
    }

    /// The separator of the first element below `node`, which its own children know.
    private func separator(of node: UnsafeMutableRawPointer, level: Int) -> Content.Separator {
        level == 0 ? Content.separator(of: unsafe Leaf(base: node)[0]) : unsafe Inner(base: node).separator(0)
    }
}

// MARK: - Changing an element in place

extension OrderedTree {
    /// Says that the element that `path` leads to was changed, and stands where it stood.
    func noteChanged(at path: Path) {
        guard path.index == 0 else { return }
        for level in 0..<height {
            let (parent, index) = (path.inner(level + 1), path.indices[level + 1])
            parent.setSeparator(unsafe separator(of: parent.child(index), level: level), at: index)
        }
    }
}

// MARK: - Removing

extension OrderedTree {
    /// Takes out the element that `path` leads to, and up to `count` − 1 behind it in the same leaf; returns how many.
    @discardableResult
    mutating func remove(at path: Path, count wanted: Int = 1, memory: Memory) -> Int {
        let leaf = path.leaf
        precondition(path.index < leaf.count, "an element is removed where none is")
        let removed = min(wanted, leaf.count - path.index)
        leaf.remove(path.index..<path.index + removed)
        noteCount(-removed)
        for level in 0..<height { path.inner(level + 1).addElements(-removed, at: path.indices[level + 1]) }
        for level in 0..<height { settleChild(on: path, level: level, memory: memory) }
        lowerRoot(memory: memory)
        return removed
    }

    /// Takes out the elements whose ranks are in `ranks`, handing each to `body` first.
    mutating func remove(_ ranks: Range<Int>, memory: Memory, _ body: (Element) -> Void) {
        precondition(ranks.lowerBound >= 0 && ranks.upperBound <= count, "elements are removed where none are")
        var left = ranks.count
        while left > 0 {
            let path = path(toRank: ranks.lowerBound)
            let leaf = path.leaf
            for index in path.index..<min(leaf.count, path.index + left) { body(leaf[index]) }
            left -= remove(at: path, count: left, memory: memory)
        }
    }

    /// Puts the parent of the node at `level` in order after elements below it went: its separator, and whether it stays.
    private mutating func settleChild(on path: Path, level: Int, memory: Memory) {
        let (parent, index) = (path.inner(level + 1), path.indices[level + 1])
        let child = unsafe parent.child(index)
        let (size, capacity) = unsafe size(of: child, level: level)
        if size == 0 {
            unsafe discard(child, level: level, memory: memory)
            return parent.remove(index)
        }
        parent.setSeparator(unsafe separator(of: child, level: level), at: index)
        guard size < capacity / 2 else { return }
        if index + 1 < parent.count,
            unsafe size + self.size(of: parent.child(index + 1), level: level).0 <= capacity * 3 / 4
        {
            join(index, under: parent, level: level, memory: memory)
        } else if index > 0, unsafe size + self.size(of: parent.child(index - 1), level: level).0 <= capacity * 3 / 4 {
            join(index - 1, under: parent, level: level, memory: memory)
        }
    }

    /// How many elements or children a node has, and how many it can have.
    private func size(of node: UnsafeMutableRawPointer, level: Int) -> (Int, capacity: Int) {
        level == 0
            ? (unsafe Leaf(base: node).count, Leaf.capacity) : (unsafe Inner(base: node).count, Inner.capacity)
    }

    /// Gives all that the child behind `index` has to the one at `index`.
    private mutating func join(_ index: Int, under parent: Inner, level: Int, memory: Memory) {
        let (left, right) = unsafe (parent.child(index), parent.child(index + 1))
        let moved = parent.elementCount(at: index + 1)
        if level == 0 {
            let source = unsafe Leaf(base: right)
            source.moveFront(source.count, toEndOf: unsafe Leaf(base: left))
        } else {
            unsafe Inner(base: right).moveEnd(from: 0, toEndOf: Inner(base: left))
        }
        parent.addElements(moved, at: index)
        unsafe discard(right, level: level, memory: memory)
        parent.remove(index + 1)
    }

    private mutating func discard(_ node: UnsafeMutableRawPointer, level: Int, memory: Memory) {
        if level == 0 {
            let leaf = unsafe Leaf(base: node)
            unlink(leaf)
            leaf.free(to: memory)
            leafCount -= 1
        } else {
            unsafe Inner(base: node).free(to: memory)
            innerCount -= 1
        }
    }

    /// Makes a root's only child the root, and an empty tree one without nodes.
    private mutating func lowerRoot(memory: Memory) {
        while height > 0, let node = unsafe root, unsafe Inner(base: node).count <= 1 {
            let inner = unsafe Inner(base: node)
            unsafe root = inner.count == 1 ? inner.child(0) : nil
            height = unsafe root == nil ? 0 : height - 1
            unsafe discard(node, level: 1, memory: memory)
        }
        if height == 0, let node = unsafe root, unsafe Leaf(base: node).count == 0 {
            unsafe discard(node, level: 0, memory: memory)
            unsafe root = nil
        }
    }
}
