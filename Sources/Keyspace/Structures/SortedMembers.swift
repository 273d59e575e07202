// A large sorted set: its members in order of score, and a hash table that finds them by name.
//
// A member is an entry like those of the keyspace: its key is the member, its value the score's bits. So the table of keys
// serves as the index as it is, with its incremental resizing, its cursor for scans and its accounting. Tree and table
// point to the same entries; the table owns them.

internal import Protocol

/// A member and its score: one allocation, which stays where it is while the member is in the set.
@safe
struct ScoredMember: BitwiseCopyable {
    private let base: UnsafeMutableRawPointer

    init(_ entry: Entry) { unsafe base = entry.base }

    init(_ member: Bytes, score: Double, memory: Memory) {
        let bits = Int64(bitPattern: score.bitPattern)
        self.init(Entry.make(member, expiry: nil, payload: .integer(bits), memory: memory))
    }

    var entry: Entry { @inline(__always) get { unsafe Entry(base: base) } }

    var member: Bytes { @inline(__always) get { entry.key } }

    var score: Double {
        @inline(__always) get { Double(bitPattern: UInt64(bitPattern: entry.integer)) }
        nonmutating set { entry.integer = Int64(bitPattern: newValue.bitPattern) }
    }
}

/// The order of a sorted set: by score, and where that is the same by the bytes of the members.
enum ScoreOrder: TreeContent {
    typealias Element = ScoredMember

    struct Separator: BitwiseCopyable {
        /// Here too, because most comparisons end with it.
        let score: Double
        let element: ScoredMember
    }

    @inline(__always)
    static func separator(of element: ScoredMember) -> Separator { Separator(score: element.score, element: element) }

    /// Addresses have 48 bits at the most: without the rest a leaf has room for a third more of them.
    static var elementByteCount: Int { 6 }

    @inline(__always)
    static func load(from place: UnsafeRawPointer) -> ScoredMember {
        let address = unsafe UInt(littleEndian: place.loadUnaligned(as: UInt.self)) & (1 << 48 - 1)
        return unsafe ScoredMember(Entry(base: UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped))
    }

    @inline(__always)
    static func store(_ element: ScoredMember, at place: UnsafeMutableRawPointer) {
        let address = unsafe UInt(bitPattern: element.entry.base)
        precondition(address >> 48 == 0, "an address of more than 48 bits")
        unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: address).littleEndian, as: UInt32.self)
        unsafe place.storeBytes(of: UInt16(address >> 32).littleEndian, toByteOffset: 4, as: UInt16.self)
    }
}

/// Memory: one block with the parts, which own nodes, buckets and members; `free` it before it is forgotten.
/// Invariant: see `checkInvariants`. Thread: that of the keyspace.
@safe
struct SortedMembers {
    private struct Parts {
        var index = Table()
        var tree = OrderedTree<ScoreOrder>()
        /// What the members take of the shard's memory.
        var memberBytes = 0
    }

    let base: UnsafeMutableRawPointer

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    init(memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size)
        unsafe base.assumingMemoryBound(to: Parts.self).initialize(to: Parts())
    }

    /// In place: read and changed where they are.
    private var parts: Parts {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(base.assumingMemoryBound(to: Parts.self)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe base.assumingMemoryBound(to: Parts.self) }
    }

    var tree: OrderedTree<ScoreOrder> { @inline(__always) get { parts.tree } }

    var count: Int { parts.tree.count }

    /// What it takes of the shard's memory.
    var usedBytes: Int {
        SizeClass.byteCount(MemoryLayout<Parts>.size) + parts.tree.usedBytes + parts.index.bucketBytes
            + parts.memberBytes
    }

    // MARK: Members

    @inline(__always)
    func find(_ member: Bytes, in environment: TableEnvironment) -> ScoredMember? {
        let hash = environment.hasher.hash(of: member)
        return parts.index.find(member, hash: hash, in: environment).map { ScoredMember($0.entry) }
    }

    /// Brings near the bucket in which the member with `hash` will be sought.
    func prefetchBucket(_ hash: UInt64) { parts.index.prefetchBucket(hash) }

    /// Brings near the member that has `hash`, by the tag in its bucket.
    func prefetchMember(_ hash: UInt64) { parts.index.prefetchEntry(hash) }

    /// Takes in `member`, which is not there.
    func insert(_ member: Bytes, score: Double, in environment: TableEnvironment) {
        let element = ScoredMember(member, score: score, memory: environment.memory)
        parts.tree.insert(element, at: MemberPlace(beforeScore: score, member), memory: environment.memory)
        noteInserted(element, in: environment)
    }

    /// The same for a member that comes behind all others.
    func append(_ member: Bytes, score: Double, in environment: TableEnvironment) {
        let element = ScoredMember(member, score: score, memory: environment.memory)
        parts.tree.append(element, memory: environment.memory)
        noteInserted(element, in: environment)
    }

    private func noteInserted(_ element: ScoredMember, in environment: TableEnvironment) {
        parts.memberBytes += element.entry.usedBytes
        parts.index.insert(element.entry, hash: environment.hasher.hash(of: element.member), in: environment)
    }

    func setScore(_ score: Double, of element: ScoredMember, memory: Memory) {
        let path = parts.tree.path(toLastBefore: MemberPlace(behind: element))
        assert(path.leaf[path.index].score == element.score, "a member is not where its score says")
        if staysInPlace(element, withScore: score, at: path) {
            element.score = score
            return parts.tree.noteChanged(at: path)
        }
        parts.tree.remove(at: path, memory: memory)
        element.score = score
        parts.tree.insert(element, at: MemberPlace(before: element), memory: memory)
    }

    /// Whether the neighbours of a member in its leaf leave its place to it when its score changes.
    private func staysInPlace(_ element: ScoredMember, withScore score: Double, at path: OrderedTree<ScoreOrder>.Path)
        -> Bool
    {
        let (leaf, index) = (path.leaf, path.index)
        guard index > 0, index + 1 < leaf.count else { return false }
        let place = MemberPlace(beforeScore: score, element.member)
        return place.isBehind(leaf[index - 1]) && !place.isBehind(leaf[index + 1])
    }

    func remove(_ element: ScoredMember, in environment: TableEnvironment) {
        parts.tree.remove(at: parts.tree.path(toLastBefore: MemberPlace(behind: element)), memory: environment.memory)
        forget(element, in: environment)
    }

    func remove(_ ranks: Range<Int>, in environment: TableEnvironment) {
        // The separators of the tree point to members: these are freed when the tree has let go of them.
        var removed: [ScoredMember] = []
        removed.reserveCapacity(ranks.count)
        parts.tree.remove(ranks, memory: environment.memory) { removed.append($0) }
        for element in removed { forget(element, in: environment) }
        parts.index.shrinkIfSparse(in: environment)
    }

    private func forget(_ element: ScoredMember, in environment: TableEnvironment) {
        let hash = environment.hasher.hash(of: element.member)
        guard let place = parts.index.find(element.member, hash: hash, in: environment) else {
            preconditionFailure("a member of the tree is not in the table")
        }
        parts.memberBytes -= element.entry.usedBytes
        parts.index.remove(at: place, in: environment).free(to: environment.memory)
        parts.index.shrinkIfSparse(in: environment)
    }

    /// How many members come before `element`.
    func rank(of element: ScoredMember) -> Int { tree.rank(of: MemberPlace(before: element)) }

    /// Hands over the members that the cursor stands for, and returns the cursor after it, 0 at the end.
    func scan(from cursor: UInt64, _ body: (ScoredMember) -> Void) -> UInt64 {
        let index = parts.index
        return index.scan(from: cursor) { chain in
            chain.forEachPlace { place in
                body(ScoredMember(place.entry))
                return true
            }
        }
    }

    // MARK: Defragmentation

    static var headByteCount: Int { MemoryLayout<Parts>.size }

    /// Moves members and nodes from the member with the rank `place.index` on, then buckets, as far as they are to be moved,
    /// while the budget lasts.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from place: inout EvacuationPlace, budget: inout Int, in environment: TableEnvironment) -> Bool {
        if place.part == 0 {
            let isDone = parts.tree.evacuateSlice(from: &place.index, budget: &budget, memory: environment.memory) {
                evacuated($0, in: environment)
            }
            guard isDone else { return false }
            place = EvacuationPlace(part: 1)
            parts.index.evacuateArrays(in: environment.memory)
        }
        while place.index < parts.index.chainCount {
            guard budget > 0 else { return false }
            parts.index.chain(place.index).evacuateChain(in: environment.memory)
            place.index += 1
            budget -= 1
        }
        return true
    }

    /// Moves a member, if it is to be moved, and lets the table know; the tree must be told of what is returned.
    private func evacuated(_ element: ScoredMember, in environment: TableEnvironment) -> ScoredMember? {
        var moved: ScoredMember?
        let (entry, memory) = (element.entry, environment.memory)
        unsafe memory.evacuate(entry.base, byteCount: entry.byteCount) { base in
            let hash = environment.hasher.hash(of: element.member)
            guard let place = parts.index.find(element.member, hash: hash, in: environment) else {
                preconditionFailure("a member of the tree is not in the table")
            }
            place.bucket[place.position] = unsafe Entry(base: base)
            moved = ScoredMember(place.entry)
        }
        return moved
    }

    // MARK: All of it

    func free(to memory: Memory) {
        var budget = Int.max
        _ = freeSlice(budget: &budget, memory: memory)
    }

    /// Frees about `budget` blocks of memory; a set once begun is good for nothing else.
    ///
    /// - Returns: whether all of it is gone.
    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        // The tree first: it points to the members, which the table owns.
        guard parts.tree.freeSlice(budget: &budget, memory: memory),
            parts.index.freeSlice(budget: &budget, memory: memory, { $0.free(to: memory) })
        else { return false }
        unsafe memory.free(base, byteCount: MemoryLayout<Parts>.size)
        return true
    }

    func copy(in environment: TableEnvironment) -> SortedMembers {
        let copy = SortedMembers(memory: environment.memory)
        tree.forEach(in: 0..<count) { copy.append($0.member, score: $0.score, in: environment) }
        return copy
    }

    /// Stops the process when tree and table contradict themselves or each other.
    func checkInvariants(in environment: TableEnvironment) {
        tree.checkInvariants { MemberPlace(before: $1).isBehind($0) }
        parts.index.checkInvariants(in: environment)
        precondition(parts.index.count == count, "tree and table have different numbers of members")
        var bytes = 0
        tree.forEach(in: 0..<count) { element in
            bytes += element.entry.usedBytes
            let found = find(element.member, in: environment)
            precondition(unsafe found?.entry.base == element.entry.base, "the table has another member")
        }
        precondition(bytes == parts.memberBytes, "the bytes of the members are miscounted")
    }
}

// MARK: - Places

/// Right before, or right behind, a member with a score, whether or not it is there.
struct MemberPlace: TreeBound {
    typealias Content = ScoreOrder

    private let score: Double
    private let member: Bytes
    private let isBehindEqual: Bool

    init(beforeScore score: Double, _ member: Bytes) {
        (self.score, self.member, isBehindEqual) = (score, member, false)
    }

    init(before element: ScoredMember) { self.init(beforeScore: element.score, element.member) }

    init(behind element: ScoredMember) { (score, member, isBehindEqual) = (element.score, element.member, true) }

    @inline(__always)
    func isBehind(_ element: ScoredMember) -> Bool { isBehind(element.score, element) }

    @inline(__always)
    func isBehind(_ separator: ScoreOrder.Separator) -> Bool { isBehind(separator.score, separator.element) }

    @inline(__always)
    private func isBehind(_ other: Double, _ element: ScoredMember) -> Bool {
        if other != score { return other < score }
        return isBehindEqual ? !member.precedes(element.member) : element.member.precedes(member)
    }
}

extension Bytes {
    /// Whether these bytes come before `other` in a dictionary: byte by byte, and the shorter first.
    @inline(__always)
    func precedes(_ other: Bytes) -> Bool {
        if count >= 8, other.count >= 8 {
            let (mine, theirs) = (word64(at: 0).byteSwapped, other.word64(at: 0).byteSwapped)
            if mine != theirs { return mine < theirs }
        }
        return order(other) < 0
    }
}
