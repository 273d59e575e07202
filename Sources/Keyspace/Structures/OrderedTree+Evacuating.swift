// Moving the nodes of an ordered tree, and what its elements point to, out of sparsely used chunks.

extension OrderedTree {
    /// Moves nodes from the leaf of the element with `rank` on, as far as they are to be moved, while the budget lasts.
    ///
    /// - Parameter evacuate: moves what an element points to; returns the element as it is then, nil where it is the same.
    /// - Returns: whether it came to the end.
    mutating func evacuateSlice(
        from rank: inout Int,
        budget: inout Int,
        memory: Memory,
        _ evacuate: ((Element) -> Element?)? = nil
    ) -> Bool {
        while rank < count {
            guard budget > 0 else { return false }
            var path = path(toRank: rank)
            evacuateNodes(on: &path, memory: memory)
            let leafCount = path.leaf.count
            rank += leafCount - path.index
            budget -= 1
            guard let evacuate else { continue }
            for index in 0..<leafCount {
                path.indices[0] = index
                guard let moved = evacuate(path.leaf[index]) else { continue }
                path.leaf[index] = moved
                noteChanged(at: path)
            }
            budget -= leafCount
        }
        return true
    }

    /// Moves the leaf, and those of the nodes above it of which it is the first leaf: so each node has one turn.
    private mutating func evacuateNodes(on path: inout Path, memory: Memory) {
        // From above, as what points to a node must be where it stays when it is corrected.
        for level in stride(from: height, through: 1, by: -1) {
            let isFirst = (1...level).allSatisfy { path.indices[$0] == 0 }
            guard isFirst, let node = unsafe path.nodes[level] else { continue }
            unsafe memory.evacuate(node, byteCount: Inner.byteCount) { unsafe replaceNode(level, on: &path, with: $0) }
        }
        let leaf = path.leaf
        unsafe memory.evacuate(leaf.base, byteCount: Leaf.byteCount) { base in
            let moved = unsafe Leaf(base: base)
            leaf.previous?.next = moved
            leaf.next?.previous = moved
            unsafe replaceNode(0, on: &path, with: base)
        }
    }

    /// Has what points to a node of `path` point to `node`, which is like it.
    @unsafe
    private mutating func replaceNode(_ level: Int, on path: inout Path, with node: UnsafeMutableRawPointer) {
        unsafe path.nodes[level] = node
        if level == height {
            unsafe root = node
        } else {
            unsafe path.inner(level + 1).setChild(node, at: path.indices[level + 1])
        }
    }
}
