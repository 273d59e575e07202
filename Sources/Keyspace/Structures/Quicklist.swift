// A long list: nodes of some kilobytes in a ring, so that both ends are near, and the middle is found by counting nodes.
//
//     offset   bytes   of the head, which stays where it is
//     0        8       elements
//     8        8       what the blocks of the nodes take of the shard's memory
//     16       8       the ring
//     24       4       nodes
//     28       4       the place of the first node in the ring
//     32       4       places in the ring, a power of two
//     36       4       how many nodes at each end are never compressed; 0: none is anywhere
//
// Redis links its nodes; a ring of two words each is smaller, and walking it reads eight bytes in a row per node.

internal import Protocol

/// One of the two ends of a list.
public enum ListEnd: Sendable {
    case head, tail

    public var opposite: ListEnd { self == .head ? .tail : .head }
}

/// A view of a list's head, which is where it was made until it is freed.
///
/// Memory: head, ring and nodes belong to the entry that points here. Invariant: see `checkInvariants`.
@safe
struct Quicklist {
    let base: UnsafeMutableRawPointer

    static let headByteCount = 40
    private static let leastRoom = 2

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// One without nodes.
    init(compressDepth: Int, memory: Memory) {
        unsafe base = memory.allocate(Self.headByteCount)
        (count, blockBytes) = (0, 0)
        (nodeCount, firstPlace, room) = (0, 0, Self.leastRoom)
        self.compressDepth = compressDepth
        let byteCount = Self.leastRoom * MemoryLayout<ListNode>.stride
        unsafe ring = memory.allocate(byteCount).assumingMemoryBound(to: ListNode.self)
    }

    /// One with the elements of `pack`, which belongs to it from now on.
    init(adopting pack: Listpack, compressDepth: Int, memory: Memory) {
        self.init(compressDepth: compressDepth, memory: memory)
        if pack.isEmpty { pack.free(to: memory) } else { insert(ListNode(pack, count: pack.count), at: 0, memory) }
    }

    func free(to memory: Memory) {
        var budget = Int.max
        _ = freeSlice(budget: &budget, memory: memory)
    }

    /// Frees about `budget` nodes, from the tail on; a list once begun is good for nothing else.
    ///
    /// - Returns: whether all of it is gone.
    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        while nodeCount > 0 {
            guard budget > 0 else { return false }
            self[nodeCount - 1].free(to: memory)
            nodeCount -= 1
            budget -= 1
        }
        freeShell(to: memory)
        return true
    }

    private func freeShell(to memory: Memory) {
        unsafe memory.free(ring, byteCount: room * MemoryLayout<ListNode>.stride)
        unsafe memory.free(base, byteCount: Self.headByteCount)
    }

    func copy(to memory: Memory) -> Quicklist {
        let copy = Quicklist(compressDepth: compressDepth, memory: memory)
        for index in 0..<nodeCount { copy.insert(self[index].copy(to: memory), at: index, memory) }
        return copy
    }

    /// What all of it takes of the shard's memory.
    var usedBytes: Int {
        SizeClass.byteCount(Self.headByteCount) + SizeClass.byteCount(room * MemoryLayout<ListNode>.stride) + blockBytes
    }

    /// The listpack of the only node, if `limit` holds twice as much; the list itself is then gone.
    func unwrap(within limit: ListNodeLimit, memory: Memory) -> Listpack? {
        guard nodeCount == 1, self[0].kind == .listpack,
            self[0].pack.hasRoom(for: 0, inFull: limit.byteCount / 2), count <= limit.count / 2
        else { return nil }
        let pack = self[0].pack
        freeShell(to: memory)
        return pack
    }
}

// MARK: - Fields

extension Quicklist {
    private(set) var count: Int {
        get { unsafe base.load(as: Int.self) }
        nonmutating set { unsafe base.storeBytes(of: newValue, as: Int.self) }
    }

    private var blockBytes: Int {
        get { unsafe base.load(fromByteOffset: 8, as: Int.self) }
        nonmutating set { unsafe base.storeBytes(of: newValue, toByteOffset: 8, as: Int.self) }
    }

    private var ring: UnsafeMutablePointer<ListNode> {
        get {
            unsafe UnsafeMutablePointer(bitPattern: base.load(fromByteOffset: 16, as: UInt.self)).unsafelyUnwrapped
        }
        nonmutating set { unsafe base.storeBytes(of: UInt(bitPattern: newValue), toByteOffset: 16, as: UInt.self) }
    }

    private(set) var nodeCount: Int {
        get { field(24) }
        nonmutating set { setField(24, newValue) }
    }

    private var firstPlace: Int {
        get { field(28) }
        nonmutating set { setField(28, newValue) }
    }

    private var room: Int {
        get { field(32) }
        nonmutating set { setField(32, newValue) }
    }

    var compressDepth: Int {
        get { field(36) }
        nonmutating set { setField(36, newValue) }
    }

    private func field(_ offset: Int) -> Int { Int(unsafe base.load(fromByteOffset: offset, as: UInt32.self)) }

    private func setField(_ offset: Int, _ value: Int) {
        unsafe base.storeBytes(of: UInt32(value), toByteOffset: offset, as: UInt32.self)
    }
}

// MARK: - The ring

extension Quicklist {
    /// The node at `index`, counted from the head.
    private(set) subscript(index: Int) -> ListNode {
        @inline(__always) get {
            assert(index >= 0 && index < nodeCount)
            return unsafe ring[place(index)]
        }
        nonmutating set { unsafe ring[place(index)] = newValue }
    }

    private func place(_ index: Int) -> Int { (firstPlace &+ index) & (room &- 1) }

    /// Puts `node`, which has as many elements, in place of the one at `index`, whose block is gone.
    func exchange(_ index: Int, for node: ListNode, previousBytes: Int) {
        assert(node.count == self[index].count)
        self[index] = node
        blockBytes += node.usedBytes - previousBytes
    }

    /// Changes the listpack of the node at `index`, which gets `difference` elements more or fewer.
    @inline(__always)
    func changePack<Result>(_ index: Int, by difference: Int, _ body: (inout Listpack) -> Result) -> Result {
        let node = self[index]
        var pack = node.pack
        let previousByteCount = pack.byteCount
        let result = body(&pack)
        self[index] = ListNode(pack, count: node.count + difference)
        if pack.byteCount != previousByteCount {
            blockBytes += pack.usedBytes - SizeClass.byteCount(previousByteCount)
        }
        count += difference
        return result
    }

    /// Puts `node` before the one at `index`, or at the end.
    func insert(_ node: ListNode, at index: Int, _ memory: Memory) {
        if nodeCount == room { resizeRing(to: room * 2, memory) }
        let last = nodeCount
        nodeCount += 1
        if index < last / 2 {
            firstPlace = (firstPlace - 1) & (room - 1)
            for moved in stride(from: 0, to: index, by: 1) { self[moved] = self[moved + 1] }
        } else {
            for moved in stride(from: last, to: index, by: -1) { self[moved] = self[moved - 1] }
        }
        self[index] = node
        count += node.count
        blockBytes += node.usedBytes
    }

    /// Frees the nodes in `range`, and closes the gap from its shorter side.
    func removeNodes(_ range: Range<Int>, _ memory: Memory) {
        guard !range.isEmpty else { return }
        for index in range {
            count -= self[index].count
            blockBytes -= self[index].usedBytes
            self[index].free(to: memory)
        }
        let left = nodeCount - range.count
        if range.lowerBound < nodeCount - range.upperBound {
            for index in stride(from: range.lowerBound - 1, through: 0, by: -1) {
                self[index + range.count] = self[index]
            }
            firstPlace = (firstPlace + range.count) & (room - 1)
        } else {
            for index in range.upperBound..<nodeCount { self[index - range.count] = self[index] }
        }
        nodeCount = left
        var wanted = room
        while wanted > Self.leastRoom, left < wanted / 4 { wanted /= 2 }
        if wanted < room { resizeRing(to: wanted, memory) }
    }

    private func resizeRing(to newRoom: Int, _ memory: Memory) {
        let stride = MemoryLayout<ListNode>.stride
        let newRing = unsafe memory.allocate(newRoom * stride).assumingMemoryBound(to: ListNode.self)
        for index in 0..<nodeCount { unsafe newRing[index] = self[index] }
        unsafe memory.free(ring, byteCount: room * stride)
        unsafe ring = newRing
        (firstPlace, room) = (0, newRoom)
    }
}

// MARK: - Defragmentation

extension Quicklist {
    /// Moves the nodes from the one at `index` on, as far as they are to be moved, while the budget lasts.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from index: inout Int, budget: inout Int, memory: Memory) -> Bool {
        if index == 0 {
            unsafe memory.evacuate(ring, byteCount: room * MemoryLayout<ListNode>.stride) {
                unsafe ring = $0.assumingMemoryBound(to: ListNode.self)
            }
        }
        while index < nodeCount {
            guard budget > 0 else { return false }
            var node = self[index]
            node.evacuate(in: memory)
            self[index] = node
            index += 1
            budget -= 1
        }
        return true
    }
}

// MARK: - Reading

extension Quicklist {
    /// The node of the element at `index`, and its place there; sought from the nearer end.
    func locate(_ index: Int) -> (node: Int, position: Int) {
        assert(index >= 0 && index < count)
        if index < count / 2 {
            var (node, left) = (0, index)
            while left >= self[node].count {
                left -= self[node].count
                node += 1
            }
            return (node, left)
        }
        var (node, left) = (nodeCount - 1, count - index)
        while left > self[node].count {
            left -= self[node].count
            node -= 1
        }
        return (node, self[node].count - left)
    }

    /// The first or last element, lent until the next change; the nodes at the ends are never compressed.
    func element(at end: ListEnd) -> StringValue {
        let node = self[end == .head ? 0 : nodeCount - 1]
        return node.withContent { content in
            switch content {
            case .listpack(let pack): pack.element(at: end)
            case .element(let bytes): .bytes(bytes)
            }
        }
    }

    /// Lends the element at `index`, which is there.
    func withElement(at index: Int, _ body: (StringValue) -> Void) {
        let (node, position) = locate(index)
        self[node].withContent { content in
            switch content {
            case .listpack(let pack): body(pack.element(atIndex: position))
            case .element(let bytes): body(.bytes(bytes))
            }
        }
    }

    /// Visits elements from `index` on, towards the tail or backwards, until `body` says that it has enough.
    @inline(__always)
    func visit(from index: Int, backwards: Bool, _ body: (StringValue) -> Bool) {
        guard index >= 0, index < count else { return }
        var (node, position) = locate(index)
        while true {
            let goesOn = self[node].withContent { content in
                switch content {
                case .listpack(let pack): pack.visit(from: position, backwards: backwards, body)
                case .element(let bytes): body(.bytes(bytes))
                }
            }
            node += backwards ? -1 : 1
            guard goesOn, node >= 0, node < nodeCount else { return }
            position = backwards ? self[node].count - 1 : 0
        }
    }
}

// MARK: - What must always hold

extension Quicklist {
    /// Stops the process when the list contradicts itself.
    func checkInvariants() {
        precondition(room & (room - 1) == 0 && nodeCount <= room && firstPlace < room, "a ring out of its bounds")
        var (elements, bytes) = (0, 0)
        for index in 0..<nodeCount {
            let node = self[index]
            node.checkInvariants()
            precondition(!isOpen(index) || !node.isCompressed, "a node at an end is compressed")
            elements += node.count
            bytes += node.usedBytes
        }
        precondition(elements == count, "the elements of a list are miscounted")
        precondition(bytes == blockBytes, "the bytes of a list are miscounted")
    }
}
