// The nodes of an ordered tree: leaves with elements, and inner nodes with children.
//
//     leaf     offset 0: how many elements; 8, 16: the leaves before and after; 24: the elements
//     inner    offset 0: how many children; 8: for each child how many elements it has below it; then the children; then
//              for each child the separator of its first element
//
// The counts stand together, and so do the separators: what a search reads lies in few cache lines.

/// Memory: belongs to its tree, which frees it.
@safe
struct TreeLeaf<Content: TreeContent>: Equatable {
    typealias Element = Content.Element

    /// One size class, whatever the elements are.
    static var byteCount: Int { 512 }
    private static var headerByteCount: Int { 24 }
    /// The last element, too, has eight bytes from its first on.
    static var capacity: Int {
        let width = Content.elementByteCount
        return (byteCount - headerByteCount - max(0, 8 - width)) / width
    }

    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    init(memory: Memory) {
        unsafe base = memory.allocate(Self.byteCount)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.headerByteCount)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: Self.byteCount) }

    static func == (one: Self, other: Self) -> Bool { unsafe one.base == other.base }

    var count: Int {
        @inline(__always) get { unsafe base.load(as: Int.self) }
        nonmutating set {
            assert(newValue >= 0 && newValue <= Self.capacity)
            unsafe base.storeBytes(of: newValue, as: Int.self)
        }
    }

    var previous: Self? {
        get { unsafe link(at: 8) }
        nonmutating set {
            unsafe base.storeBytes(of: newValue?.base, toByteOffset: 8, as: UnsafeMutableRawPointer?.self)
        }
    }

    var next: Self? {
        get { unsafe link(at: 16) }
        nonmutating set {
            unsafe base.storeBytes(of: newValue?.base, toByteOffset: 16, as: UnsafeMutableRawPointer?.self)
        }
    }

    @unsafe
    private func link(at offset: Int) -> Self? {
        guard let other = unsafe base.load(fromByteOffset: offset, as: UnsafeMutableRawPointer?.self) else {
            return nil
        }
        return unsafe Self(base: other)
    }

    /// Where the element at `index` lies, or would lie behind the last.
    @unsafe @inline(__always)
    private func place(_ index: Int) -> UnsafeMutableRawPointer {
        unsafe base + (Self.headerByteCount + index * Content.elementByteCount)
    }

    subscript(index: Int) -> Element {
        @inline(__always) get {
            assert(index >= 0 && index < count)
            return unsafe Content.load(from: place(index))
        }
        nonmutating set {
            assert(index >= 0 && index < count)
            unsafe Content.store(newValue, at: place(index))
        }
    }

    /// Copies elements to `index` of `other`, which may be this leaf.
    private func copy(_ range: Range<Int>, to index: Int, of other: Self) {
        assert(index >= 0 && index + range.count <= Self.capacity)
        unsafe other.place(index).copyMemory(
            from: place(range.lowerBound),
            byteCount: range.count * Content.elementByteCount
        )
    }

    /// The first element that `bound` does not lie behind, or the end.
    @inline(__always)
    func index(for bound: some TreeBound<Content>) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low &+ high) >> 1
            if bound.isBehind(self[middle]) { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// Puts `element` before the one at `index`; there is room.
    func insert(_ element: Element, at index: Int) {
        let count = count
        assert(index >= 0 && index <= count && count < Self.capacity)
        copy(index..<count, to: index + 1, of: self)
        self.count = count + 1
        self[index] = element
    }

    func remove(_ range: Range<Int>) {
        let count = count
        assert(range.lowerBound >= 0 && range.upperBound <= count)
        copy(range.upperBound..<count, to: range.lowerBound, of: self)
        self.count = count - range.count
    }

    /// Gives its last elements, from `index` on, to the front of `other`, which has room for them.
    func moveEnd(from index: Int, toFrontOf other: Self) {
        let (moved, present) = (count - index, other.count)
        assert(moved >= 0 && moved + present <= Self.capacity)
        other.copy(0..<present, to: moved, of: other)
        copy(index..<count, to: 0, of: other)
        other.count = present + moved
        count = index
    }

    /// Gives its first `moved` elements to the end of `other`, which has room for them.
    func moveFront(_ moved: Int, toEndOf other: Self) {
        let present = other.count
        assert(moved <= count && moved + present <= Self.capacity)
        copy(0..<moved, to: present, of: other)
        other.count = present + moved
        remove(0..<moved)
    }
}

/// Memory: belongs to its tree, which frees it.
@safe
struct TreeInner<Content: TreeContent> {
    typealias Separator = Content.Separator

    static var byteCount: Int { 2048 }
    static var capacity: Int { (byteCount - 8) / (16 + MemoryLayout<Separator>.stride) }

    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    init(memory: Memory) {
        unsafe base = memory.allocate(Self.byteCount)
        unsafe base.storeBytes(of: 0, as: Int.self)
    }

    func free(to memory: Memory) { unsafe memory.free(base, byteCount: Self.byteCount) }

    /// How many children there are.
    private(set) var count: Int {
        @inline(__always) get { unsafe base.load(as: Int.self) }
        nonmutating set {
            assert(newValue >= 0 && newValue <= Self.capacity)
            unsafe base.storeBytes(of: newValue, as: Int.self)
        }
    }

    private var counts: UnsafeMutablePointer<Int> {
        @inline(__always) get { unsafe (base + 8).assumingMemoryBound(to: Int.self) }
    }
    private var children: UnsafeMutablePointer<UnsafeMutableRawPointer> {
        @inline(__always) get {
            unsafe (base + 8 + 8 * Self.capacity).assumingMemoryBound(to: UnsafeMutableRawPointer.self)
        }
    }
    private var separators: UnsafeMutablePointer<Separator> {
        @inline(__always) get { unsafe (base + 8 + 16 * Self.capacity).assumingMemoryBound(to: Separator.self) }
    }

    @inline(__always)
    func child(_ index: Int) -> UnsafeMutableRawPointer {
        assert(index >= 0 && index < count)
        return unsafe children[index]
    }

    func setChild(_ child: UnsafeMutableRawPointer, at index: Int) {
        assert(index >= 0 && index < count)
        unsafe children[index] = child
    }

    /// How many elements the child at `index` has below it.
    func elementCount(at index: Int) -> Int {
        assert(index >= 0 && index < count)
        return unsafe counts[index]
    }

    /// How many elements the children before `index` have.
    @inline(__always)
    func elementCount(before index: Int) -> Int {
        assert(index >= 0 && index <= count)
        var sum = 0
        for position in 0..<index { unsafe sum &+= counts[position] }
        return sum
    }

    /// How many elements all children have.
    var elementCount: Int { elementCount(before: count) }

    func addElements(_ change: Int, at index: Int) {
        assert(index >= 0 && index < count)
        unsafe counts[index] += change
    }

    func separator(_ index: Int) -> Separator {
        assert(index >= 0 && index < count)
        return unsafe separators[index]
    }

    func setSeparator(_ separator: Separator, at index: Int) {
        assert(index >= 0 && index < count)
        unsafe separators[index] = separator
    }

    /// The child that `bound` leads to: the last one whose first element it lies behind, or the first child.
    @inline(__always)
    func index(for bound: some TreeBound<Content>) -> Int {
        var (low, high) = (1, count)
        while low < high {
            let middle = (low &+ high) >> 1
            if unsafe bound.isBehind(separators[middle]) { low = middle &+ 1 } else { high = middle }
        }
        return low &- 1
    }

    /// The child that has the element number `rest` of all, which becomes its number in that child; a number beyond the
    /// end leads to the last child.
    @inline(__always)
    func index(ofElement rest: inout Int) -> Int {
        var index = 0
        while unsafe index < count - 1 && rest >= counts[index] {
            unsafe rest -= counts[index]
            index += 1
        }
        return index
    }

    /// Puts a child before the one at `index`; there is room.
    func insert(_ child: UnsafeMutableRawPointer, elementCount: Int, separator: Separator, at index: Int) {
        let count = count
        assert(index >= 0 && index <= count && count < Self.capacity)
        unsafe (counts + index + 1).update(from: counts + index, count: count - index)
        unsafe (children + index + 1).update(from: children + index, count: count - index)
        unsafe (separators + index + 1).update(from: separators + index, count: count - index)
        unsafe counts[index] = elementCount
        unsafe children[index] = child
        unsafe separators[index] = separator
        self.count = count + 1
    }

    func remove(_ index: Int) {
        let count = count
        assert(index >= 0 && index < count)
        let rest = count - index - 1
        unsafe (counts + index).update(from: counts + index + 1, count: rest)
        unsafe (children + index).update(from: children + index + 1, count: rest)
        unsafe (separators + index).update(from: separators + index + 1, count: rest)
        self.count = count - 1
    }

    /// Gives its last children, from `index` on, to the end of `other`, which has room for them.
    func moveEnd(from index: Int, toEndOf other: Self) {
        let (moved, present) = (count - index, other.count)
        assert(moved >= 0 && moved + present <= Self.capacity)
        unsafe (other.counts + present).update(from: counts + index, count: moved)
        unsafe (other.children + present).update(from: children + index, count: moved)
        unsafe (other.separators + present).update(from: separators + index, count: moved)
        other.count = present + moved
        count = index
    }
}
