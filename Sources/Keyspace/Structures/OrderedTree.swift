// A B+tree that knows how many elements stand before each: found by comparison or by rank, in order both ways.
//
// Elements have a fixed width and lie in leaves, which are linked; above them are inner nodes (`TreeNodes.swift`). Sorted
// sets keep pointers to their members in one, streams their blocks and pending entries. What is compared is known when
// this is compiled, so that a comparison is a few instructions in place.

/// What a tree is made of, how it lies in leaves, and how inner nodes tell the elements apart.
protocol TreeContent {
    associatedtype Element: BitwiseCopyable
    /// What an inner node keeps of an element, to be compared without a look at the element itself.
    associatedtype Separator: BitwiseCopyable

    static func separator(of element: Element) -> Separator

    /// Bytes of an element in a leaf.
    static var elementByteCount: Int { get }
    /// - Parameter place: eight bytes from there on may be read, however few the element has.
    @unsafe static func load(from place: UnsafeRawPointer) -> Element
    @unsafe static func store(_ element: Element, at place: UnsafeMutableRawPointer)
}

extension TreeContent {
    @inline(__always) static var elementByteCount: Int { MemoryLayout<Element>.stride }

    @unsafe @inline(__always)
    static func load(from place: UnsafeRawPointer) -> Element { unsafe place.loadUnaligned(as: Element.self) }

    @unsafe @inline(__always)
    static func store(_ element: Element, at place: UnsafeMutableRawPointer) {
        unsafe place.storeBytes(of: element, as: Element.self)
    }
}

/// A place between the elements of a tree: behind those for which it says so, and before all others. If it lies behind an
/// element, it lies behind all elements before that one.
protocol TreeBound<Content> {
    associatedtype Content: TreeContent

    func isBehind(_ element: Content.Element) -> Bool
    func isBehind(_ separator: Content.Separator) -> Bool
}

extension TreeContent where Separator: Comparable {
    typealias Place = SeparatorPlace<Self>
}

/// Right before, or right behind, the element that has a separator, whether or not there is one.
struct SeparatorPlace<Content: TreeContent>: TreeBound where Content.Separator: Comparable {
    private let separator: Content.Separator
    private let isBehindEqual: Bool

    init(before separator: Content.Separator) { (self.separator, isBehindEqual) = (separator, false) }
    init(behind separator: Content.Separator) { (self.separator, isBehindEqual) = (separator, true) }

    @inline(__always)
    func isBehind(_ element: Content.Element) -> Bool { isPassed(Content.separator(of: element)) }
    @inline(__always)
    func isBehind(_ separator: Content.Separator) -> Bool { isPassed(separator) }

    @inline(__always)
    private func isPassed(_ other: Content.Separator) -> Bool {
        isBehindEqual ? other <= separator : other < separator
    }
}

/// Memory: owns its nodes, which come from the `Memory` that every change is given, but nothing that elements point to;
/// `free` it before it is forgotten. Invariant: see `checkInvariants`. Thread: that of the keyspace.
@safe
struct OrderedTree<Content: TreeContent> {
    typealias Element = Content.Element
    typealias Leaf = TreeLeaf<Content>
    typealias Inner = TreeInner<Content>

    /// A leaf where `height` is 0, else an inner node; none in an empty tree.
    var root: UnsafeMutableRawPointer?
    /// Levels of inner nodes.
    var height = 0
    private(set) var count = 0
    var leafCount = 0
    var innerCount = 0

    /// More levels than fit into any memory: a node has seldom fewer than twenty children.
    static var greatestHeight: Int { 12 }

    var isEmpty: Bool { count == 0 }

    /// What it takes of the shard's memory.
    var usedBytes: Int {
        leafCount * SizeClass.byteCount(Leaf.byteCount) + innerCount * SizeClass.byteCount(Inner.byteCount)
    }

    /// An element's place; good until the next change of the tree.
    struct Place {
        var leaf: Leaf
        var index: Int

        var element: Element { leaf[index] }
    }

    // MARK: Finding

    /// The first element behind `bound`.
    @inline(__always)
    func first(behind bound: some TreeBound<Content>) -> Place? {
        guard var node = unsafe root else { return nil }
        for _ in 0..<height {
            let inner = unsafe Inner(base: node)
            unsafe node = inner.child(inner.index(for: bound))
        }
        let leaf = unsafe Leaf(base: node)
        let index = leaf.index(for: bound)
        if index < leaf.count { return Place(leaf: leaf, index: index) }
        return leaf.next.map { Place(leaf: $0, index: 0) }
    }

    /// How many elements stand before `bound`.
    @inline(__always)
    func rank(of bound: some TreeBound<Content>) -> Int {
        guard var node = unsafe root else { return 0 }
        var rank = 0
        for _ in 0..<height {
            let inner = unsafe Inner(base: node)
            let index = inner.index(for: bound)
            rank += inner.elementCount(before: index)
            unsafe node = inner.child(index)
        }
        return rank + (unsafe Leaf(base: node).index(for: bound))
    }

    /// The element with `rank`, 0 ..< `count`.
    func place(atRank rank: Int) -> Place {
        precondition(rank >= 0 && rank < count, "a tree is asked for an element beyond its end")
        var (node, rest) = unsafe (root.unsafelyUnwrapped, rank)
        for _ in 0..<height {
            let inner = unsafe Inner(base: node)
            let index = inner.index(ofElement: &rest)
            unsafe node = inner.child(index)
        }
        return Place(leaf: unsafe Leaf(base: node), index: rest)
    }

    subscript(rank: Int) -> Element { place(atRank: rank).element }

    func next(after place: Place) -> Place? {
        if place.index + 1 < place.leaf.count { return Place(leaf: place.leaf, index: place.index + 1) }
        return place.leaf.next.map { Place(leaf: $0, index: 0) }
    }

    func previous(before place: Place) -> Place? {
        if place.index > 0 { return Place(leaf: place.leaf, index: place.index - 1) }
        return place.leaf.previous.map { Place(leaf: $0, index: $0.count - 1) }
    }

    /// Visits the elements whose ranks are in `ranks`, the last first where `reversed`; `body` changes nothing here.
    @inline(__always)
    func forEach(in ranks: Range<Int>, reversed: Bool = false, _ body: (Element) -> Void) {
        visit(in: ranks, reversed: reversed) { element in
            body(element)
            return true
        }
    }

    /// The same while `body` answers true.
    @inline(__always)
    func visit(in ranks: Range<Int>, reversed: Bool = false, _ body: (Element) -> Bool) {
        guard !ranks.isEmpty else { return }
        var place = place(atRank: reversed ? ranks.upperBound - 1 : ranks.lowerBound)
        var left = ranks.count
        while true {
            guard body(place.element) else { return }
            left -= 1
            guard left > 0, let next = reversed ? previous(before: place) : next(after: place) else { return }
            place = next
        }
    }

    // MARK: Ways from the root to a leaf

    /// The nodes on the way to a place, with the index of the child that the way takes: level 0 is the leaf.
    @safe
    struct Path {
        var nodes = unsafe InlineArray<12, UnsafeMutableRawPointer?>(repeating: nil)
        var indices = InlineArray<12, Int>(repeating: 0)

        func inner(_ level: Int) -> Inner { unsafe Inner(base: nodes[level].unsafelyUnwrapped) }
        var leaf: Leaf { unsafe Leaf(base: nodes[0].unsafelyUnwrapped) }
        /// In the leaf.
        var index: Int { indices[0] }
    }

    /// The way to where `bound` lies: its index may be the end of its leaf. The tree is not empty.
    @inline(__always)
    func path(to bound: some TreeBound<Content>) -> Path {
        var path = Path()
        var node = unsafe root.unsafelyUnwrapped
        var level = height
        while level > 0 {
            let inner = unsafe Inner(base: node)
            let index = inner.index(for: bound)
            unsafe path.nodes[level] = node
            path.indices[level] = index
            unsafe node = inner.child(index)
            level -= 1
        }
        unsafe path.nodes[0] = node
        path.indices[0] = unsafe Leaf(base: node).index(for: bound)
        return path
    }

    /// The way to the last element before `bound`; there is one.
    ///
    /// Not that to the first element behind a bound: between two leaves such a bound leads to the end of the left one.
    @inline(__always)
    func path(toLastBefore bound: some TreeBound<Content>) -> Path {
        var path = path(to: bound)
        path.indices[0] -= 1
        precondition(path.index >= 0, "a tree is asked for an element before its beginning")
        return path
    }

    /// The way to the element with `rank`, or behind the last one.
    func path(toRank rank: Int) -> Path {
        precondition(rank >= 0 && rank <= count && count > 0, "a tree is asked for an element beyond its end")
        var path = Path()
        var (node, rest) = unsafe (root.unsafelyUnwrapped, rank)
        var level = height
        while level > 0 {
            let inner = unsafe Inner(base: node)
            let index = inner.index(ofElement: &rest)
            unsafe path.nodes[level] = node
            path.indices[level] = index
            unsafe node = inner.child(index)
            level -= 1
        }
        unsafe path.nodes[0] = node
        path.indices[0] = rest
        return path
    }

    mutating func noteCount(_ change: Int) { count += change }
}

// MARK: - Whole trees

extension OrderedTree {
    /// Gives all nodes back; what elements point to is its owner's business.
    mutating func free(to memory: Memory) {
        var budget = Int.max
        _ = freeSlice(budget: &budget, memory: memory)
    }

    /// Gives nodes back, the last ones first, until `budget` is used up; a tree once begun is good for nothing else.
    ///
    /// - Parameter dispose: is given every element before it is gone, and frees what it points to.
    /// - Returns: whether all of it is gone.
    mutating func freeSlice(budget: inout Int, memory: Memory, _ dispose: ((Element) -> Void)? = nil) -> Bool {
        while let root = unsafe root {
            guard budget > 0 else { return false }
            if unsafe freeLastLeaf(below: root, level: height, &budget, memory, dispose) { self = OrderedTree() }
        }
        return true
    }

    /// Gives back the last leaf, and the inner nodes that have no child without it; says whether `node` is gone.
    private func freeLastLeaf(
        below node: UnsafeMutableRawPointer,
        level: Int,
        _ budget: inout Int,
        _ memory: Memory,
        _ dispose: ((Element) -> Void)?
    ) -> Bool {
        budget -= 1
        guard level > 0 else {
            let leaf = unsafe Leaf(base: node)
            if let dispose {
                for index in 0..<leaf.count { dispose(leaf[index]) }
                budget -= leaf.count
            }
            leaf.free(to: memory)
            return true
        }
        let inner = unsafe Inner(base: node)
        let last = inner.count - 1
        guard unsafe freeLastLeaf(below: inner.child(last), level: level - 1, &budget, memory, dispose) else {
            return false
        }
        inner.remove(last)
        guard inner.count == 0 else { return false }
        inner.free(to: memory)
        return true
    }

    /// Puts `element` behind all others.
    mutating func append(_ element: Element, memory: Memory) {
        guard !isEmpty else { return insertFirst(element, memory: memory) }
        insert(element, at: path(toRank: count), memory: memory)
    }
}

// MARK: - Invariants

extension OrderedTree {
    /// Stops the process when the tree contradicts itself.
    ///
    /// - Parameter isBefore: the order of the elements.
    /// - Complexity: O(*n*).
    func checkInvariants(_ isBefore: (Element, Element) -> Bool) {
        var check = Check()
        guard let root = unsafe root else {
            precondition(count == 0 && height == 0 && leafCount == 0 && innerCount == 0, "an empty tree has nodes")
            return
        }
        let total = unsafe self.check(root, level: height, &check, isBefore)
        precondition(total == count, "the elements of a tree are miscounted")
        precondition(check.leaves == leafCount && check.inners == innerCount, "the nodes of a tree are miscounted")
        precondition(check.lastLeaf.map { $0.next == nil } ?? false, "the last leaf has a next one")
    }

    private struct Check {
        var (leaves, inners) = (0, 0)
        var lastLeaf: Leaf?
        var last: Element?
    }

    private func check(
        _ node: UnsafeMutableRawPointer,
        level: Int,
        _ check: inout Check,
        _ isBefore: (Element, Element) -> Bool
    ) -> Int {
        guard level > 0 else { return self.check(unsafe Leaf(base: node), &check, isBefore) }
        let inner = unsafe Inner(base: node)
        check.inners += 1
        precondition(
            inner.count > 0 && inner.count <= Inner.capacity,
            "an inner node with too few or too many children"
        )
        precondition(level < height || inner.count > 1, "a root with a single child")
        var total = 0
        for index in 0..<inner.count {
            let counted = unsafe self.check(inner.child(index), level: level - 1, &check, isBefore)
            precondition(counted == inner.elementCount(at: index), "the elements of a child are miscounted")
            let first = unsafe OrderedTree.firstElement(of: inner.child(index), level: level - 1)
            let (told, found) = (inner.separator(index), Content.separator(of: first))
            let isSame = unsafe withUnsafeBytes(of: told) { told in
                unsafe withUnsafeBytes(of: found) { unsafe told.elementsEqual($0) }
            }
            precondition(isSame, "a separator is not that of the first element behind it")
            total += counted
        }
        return total
    }

    private func check(_ leaf: Leaf, _ check: inout Check, _ isBefore: (Element, Element) -> Bool) -> Int {
        check.leaves += 1
        precondition(leaf.count > 0 && leaf.count <= Leaf.capacity, "a leaf with too few or too many elements")
        precondition(leaf.previous == check.lastLeaf, "a leaf is not linked to the one before it")
        precondition(check.lastLeaf.map { $0.next == leaf } ?? true, "a leaf is not linked to the one after it")
        for index in 0..<leaf.count {
            if let last = check.last { precondition(isBefore(last, leaf[index]), "elements out of order") }
            check.last = leaf[index]
        }
        check.lastLeaf = leaf
        return leaf.count
    }

    static func firstElement(of node: UnsafeMutableRawPointer, level: Int) -> Element {
        var node = unsafe node
        for _ in 0..<level { unsafe node = Inner(base: node).child(0) }
        return unsafe Leaf(base: node)[0]
    }
}
