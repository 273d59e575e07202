// Regions: pages from the kernel, two megabytes at a time, cut into chunks; and when they go back.
//
// Nothing here ever forks, so that huge pages do not cost what they cost a server that does, which then copies two
// megabytes for a changed byte; and who looks up among millions of keys waits less for the translation of addresses. But
// a kernel that has none at hand may move memory about first, and the shard waits: so they are used on request alone.

/// Two megabytes that begin at a multiple of two megabytes, cut into chunks of one size.
///
/// Invariant: a chunk is in use or in `free`; `touched` are those of the free ones whose pages may be present.
@safe
private struct Region {
    static let byteCount = Pages.hugeByteCount

    let base: UnsafeMutableRawPointer
    let chunkSize: ChunkSize
    var free: ChunkSet
    var touched = ChunkSet()
    /// Its place among the regions that have free chunks of this size.
    var place = 0

    init(_ size: ChunkSize, before neighbour: UnsafeMutableRawPointer?, huge: Bool) {
        unsafe base = Pages.map(Self.byteCount, alignment: Self.byteCount, before: neighbour)
        if huge { unsafe Pages.makeHuge(base, Self.byteCount) }
        chunkSize = size
        free = ChunkSet(first: Self.byteCount >> size.shift)
    }

    var isUnused: Bool { free.count == Self.byteCount >> chunkSize.shift }
    var touchedBytes: Int { touched.count << chunkSize.shift }

    subscript(index: Int) -> UnsafeMutableRawPointer { unsafe base + index << chunkSize.shift }

    func index(of chunk: UnsafeMutableRawPointer) -> Int { unsafe (chunk - base) >> chunkSize.shift }

    /// Gives the pages of all free chunks back.
    mutating func releaseTouched() {
        while let index = touched.first {
            touched.remove(index)
            unsafe Pages.release(self[index], chunkSize.byteCount)
        }
    }

    func unmap() { unsafe Pages.unmap(base, Self.byteCount) }
}

/// Some of the at most 128 chunks of a region.
struct ChunkSet {
    private var words: SIMD2<UInt64> = .zero

    init() {}

    /// The chunks 0 ..< `count`.
    init(first count: Int) {
        words[0] = UInt64.max >> UInt64(max(0, 64 - count))
        words[1] = count <= 64 ? 0 : UInt64.max >> UInt64(128 - count)
    }

    var count: Int { words[0].nonzeroBitCount + words[1].nonzeroBitCount }
    var isEmpty: Bool { words == .zero }
    var first: Int? {
        if words[0] != 0 { return words[0].trailingZeroBitCount }
        return words[1] == 0 ? nil : 64 + words[1].trailingZeroBitCount
    }

    func contains(_ index: Int) -> Bool { words[index >> 6] >> UInt64(index & 63) & 1 != 0 }
    mutating func insert(_ index: Int) { words[index >> 6] |= 1 << UInt64(index & 63) }
    mutating func remove(_ index: Int) { words[index >> 6] &= ~(1 << UInt64(index & 63)) }
}

/// The regions of one shard.
///
/// Memory: owns its regions; `dispose` gives back those of which no chunk is in use. Thread: the shard's.
@safe
struct RegionPool {
    /// By their numbers, which are given out anew; nil where there is none now.
    private var regions: [Region?] = []
    private var unusedNumbers: [Int] = []
    /// The numbers of regions with free chunks, by the size of these.
    private var withRoom = [[Int]](repeating: [], count: ChunkSize.allCases.count)
    /// Where the region that was made last begins, or began.
    private var newest: UnsafeMutableRawPointer?
    /// Bytes of the chunks that are in use.
    private(set) var chunkBytes = 0
    /// Bytes of free chunks whose pages may be present.
    private(set) var touchedBytes = 0
    /// Where `releasePages` goes on.
    private var hand = 0

    /// Whether to ask for huge pages.
    let hugePages: Bool
    /// A shard that holds as much does, if it is to.
    private static let hugeFrom = 64 << 20
    /// So much is kept for whoever asks next, and at least an eighth of what is in use.
    private static let leastKept = 4 << 20

    init(hugePages: Bool) { self.hugePages = hugePages }

    /// A chunk, whose pages may hold anything, and the number of the region that it is of.
    mutating func takeChunk(_ size: ChunkSize) -> (base: UnsafeMutableRawPointer, region: Int) {
        let number = withRoom[size.rawValue].last ?? makeRegion(size)
        guard var region = regions[number], let index = region.free.first else {
            preconditionFailure("a region without room is listed")
        }
        region.free.remove(index)
        if region.touched.contains(index) { touchedBytes -= size.byteCount }
        region.touched.remove(index)
        regions[number] = region
        if region.free.isEmpty { unlist(number) }
        chunkBytes += size.byteCount
        return unsafe (region[index], number)
    }

    mutating func giveBack(_ chunk: UnsafeMutableRawPointer, ofRegion number: Int) {
        guard var region = regions[number] else { preconditionFailure("a chunk of no region") }
        let index = unsafe region.index(of: chunk)
        assert(!region.free.contains(index))
        let wasFull = region.free.isEmpty
        region.free.insert(index)
        region.touched.insert(index)
        regions[number] = region
        if wasFull { list(number) }
        chunkBytes -= region.chunkSize.byteCount
        touchedBytes += region.chunkSize.byteCount
    }

    /// The numbers of all regions lie below.
    var numberLimit: Int { regions.count }

    /// The chunks of a region that are in use; none where there is no such region.
    func chunksInUse(ofRegion number: Int) -> [Chunk] {
        guard let region = regions[number] else { return [] }
        let indices = 0..<(Region.byteCount >> region.chunkSize.shift)
        return indices.filter { !region.free.contains($0) }.map { unsafe Chunk(at: region[$0]) }
    }

    /// Gives pages of free chunks back to the kernel, as far as more are kept than are likely to be wanted again.
    ///
    /// - Parameter limit: how many regions to give pages of, some 50 µs each.
    /// - Parameter keepsSome: false: nothing is kept.
    /// - Returns: whether there is more to give.
    mutating func releasePages(ofRegions limit: Int, keepsSome: Bool) -> Bool {
        let kept = keepsSome ? max(Self.leastKept, chunkBytes / 8) : 0
        var (left, seen) = (limit, 0)
        while touchedBytes > kept, left > 0, seen < regions.count {
            if hand >= regions.count { hand = 0 }
            if let region = regions[hand], !region.touched.isEmpty {
                releasePages(of: region, hand)
                left -= 1
            }
            hand += 1
            seen += 1
        }
        return touchedBytes > kept && left == 0
    }

    private mutating func releasePages(of region: Region, _ number: Int) {
        touchedBytes -= region.touchedBytes
        guard region.isUnused else {
            regions[number]?.releaseTouched()
            return
        }
        unlist(number)
        region.unmap()
        regions[number] = nil
        unusedNumbers.append(number)
    }

    func dispose() {
        for region in regions { if let region, region.isUnused { region.unmap() } }
    }

    // MARK: Regions

    private mutating func makeRegion(_ size: ChunkSize) -> Int {
        let region = unsafe Region(size, before: newest, huge: hugePages && chunkBytes >= Self.hugeFrom)
        unsafe newest = region.base
        let number: Int
        if let unused = unusedNumbers.popLast() {
            number = unused
            regions[number] = region
        } else {
            number = regions.count
            regions.append(region)
        }
        list(number)
        return number
    }

    private mutating func list(_ number: Int) {
        guard let kind = regions[number]?.chunkSize.rawValue else { preconditionFailure("no such region") }
        regions[number]?.place = withRoom[kind].count
        withRoom[kind].append(number)
    }

    private mutating func unlist(_ number: Int) {
        guard let region = regions[number] else { preconditionFailure("no such region") }
        let last = withRoom[region.chunkSize.rawValue].removeLast()
        guard last != number else { return }
        withRoom[region.chunkSize.rawValue][region.place] = last
        regions[last]?.place = region.place
    }
}
