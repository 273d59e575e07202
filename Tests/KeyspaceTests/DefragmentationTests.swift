// Defragmentation: what moves stays what it was, all that should move does, and memory becomes free.

import Protocol
import Testing

@testable import Keyspace

@Suite struct Defragmenting {
    @Test(arguments: [SlotUse.none, .tables])
    func `can move every block but those that are said to stay`(slots: SlotUse) {
        let keyspace = Keyspace(databaseCount: 2, slots: slots, seed: 4711)
        keyspace.now = 1_000_000
        for database in 0...1 {
            for kind in LargeValue.allCases {
                for count in [1, 40, 6000] {
                    kind.make("\(kind):\(count)", count: count, in: keyspace, database: database)
                }
            }
            for number in 0..<3000 { keyspace.set("string:\(number)", text(number), in: database) }
        }
        orderDeliveries(of: "stream:6000", in: keyspace)
        addGroups(100, to: "stream:40", in: keyspace)
        pushHugeElements(to: "list:40", in: keyspace)
        let before = contents(of: keyspace)
        keyspace.settle()
        check(keyspace)  // It looks for every member, and so ends what is still being resized.
        let bytes = keyspace.usedBytes

        let marked = markAllChunks(of: keyspace)
        keyspace.defragmentation = Defragmentation(stage: .walking)
        while keyspace.defragmentation?.stage == .walking { _ = keyspace.defragmentSlice(budget: 1) }
        let staying = marked.filter(\.isToBeEmptied).reduce(0) { $0 + $1.liveCount }
        finish(keyspace)

        #expect(contents(of: keyspace) == before)
        #expect(keyspace.usedBytes == bytes)
        check(keyspace)
        // What cannot: the keyspace's databases, and in each two arrays, of which those of all slots are pages; three
        // consumers in each of six streams, and those of the hundred groups.
        #expect(staying == 1 + (slots == .tables ? 2 : 4) + 6 * 3 + 100)
        #expect(keyspace.defragmentationTally.hits > 20_000)
    }

    @Test(arguments: 0..<12)
    func `leaves all as it was, in the memory that it needs, in short slices`(seed: UInt64) {
        var run = Run(seed: seed)
        run.fill()
        run.thinOut()
        let (before, spare) = (contents(of: run.keyspace), spareChunkCount(of: run.keyspace))

        run.defragment(whileChanging: false)

        #expect(contents(of: run.keyspace) == before, "seed \(seed)")
        check(run.keyspace)
        // The arrays of the databases cannot move, and may have a chunk each to themselves.
        #expect(spare > 30 && spareChunkCount(of: run.keyspace) <= 5, "seed \(seed): \(spare) at first")
        #expect(run.longestSlice < Run.budget + 300, "seed \(seed)")
    }

    @Test(arguments: 0..<12)
    func `goes on while keys come and go, and tables are resized`(seed: UInt64) {
        var run = Run(seed: seed)
        run.fill()
        run.thinOut()

        run.defragment(whileChanging: true)

        #expect(run.isAsModelled, "seed \(seed)")
        check(run.keyspace)
    }

    @Test func `packs strings until less than a tenth is lost, and then finds nothing more to do`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<60_000 { keyspace.set("key:\(number)", String(repeating: "x", count: 100)) }
        for number in 0..<60_000 where number % 4 != 0 { keyspace.remove("key:\(number)") }
        keyspace.settle()
        #expect(keyspace.fragmentation.unused > keyspace.fragmentation.used * 2)
        let held = heldBytes(of: keyspace)

        pass(keyspace)

        #expect(keyspace.fragmentation.unused * 10 < keyspace.fragmentation.used)
        #expect(heldBytes(of: keyspace) < held / 2)
        let hits = keyspace.defragmentationTally.hits
        #expect(hits > 5_000 && hits < 15_000)

        pass(keyspace)
        #expect(keyspace.defragmentationTally.hits == hits)
    }

    @Test func `can be cut short, and what was to be emptied serves again`() {
        let keyspace = Keyspace.standalone()
        for number in 0..<20_000 { keyspace.set("key:\(number)", String(repeating: "x", count: 100)) }
        for number in 0..<20_000 where number % 4 != 0 { keyspace.remove("key:\(number)") }
        let held = heldBytes(of: keyspace)
        keyspace.beginDefragmentation()
        while keyspace.defragmentationTally.hits < 500 { _ = keyspace.defragmentSlice(budget: 50) }

        keyspace.cutDefragmentationShort()
        while keyspace.defragmentSlice(budget: 50) {}

        #expect(!keyspace.isDefragmenting)
        #expect(keyspace.defragmentationTally.hits < 1000)
        for number in 20_000..<34_000 { keyspace.set("key:\(number)", String(repeating: "x", count: 100)) }
        #expect(heldBytes(of: keyspace) <= held + 64 << 10)
        check(keyspace)
    }

    @Test func `brings blocks home that another shard has given`() {
        let (giver, taker) = (Keyspace.standalone(), Keyspace.standalone())
        for number in 0..<20_000 {
            giver.set("key:\(number)", "some value")
            guard number % 10 == 0 else { continue }
            giver.with("key:\(number)") { key in
                if let taken = giver.take(key, in: 0) { taker.attach(taken, as: key, in: 0) }
            }
        }
        giver.flushAll(lazily: false)
        let (before, given) = (contents(of: taker), heldBytes(of: giver))

        taker.defragmentation = Defragmentation(stage: .walking)
        finish(taker)

        #expect(contents(of: taker) == before)
        #expect(taker.defragmentationTally.hits >= 2000)
        #expect(given > 500_000 && heldBytes(of: giver) < given / 2)
        check(giver)
        check(taker)
    }
}

// MARK: - A keyspace that is filled and thinned out

private struct Run {
    static let budget = 100

    let keyspace: Keyspace
    var random: SplitMix
    /// What strings there must be.
    var strings: [String: String] = [:]
    var longestSlice = 0

    init(seed: UInt64) {
        keyspace = Keyspace(databaseCount: 2, slots: seed % 3 == 2 ? .tables : .none, seed: seed)
        keyspace.now = 1_000_000
        random = SplitMix(state: seed)
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    /// Strings of all sizes, and collections that grow side by side, so that the blocks of one lie among those of others.
    mutating func fill() {
        for number in 0..<6000 { set("string:\(number)") }
        keyspace.limits.listNodeSize = 5
        for round in 0..<600 {
            for number in 0..<20 {
                let element = Array("element \(round) of \(number)".utf8)
                element.withBytes { add($0, round, to: number) }
            }
        }
    }

    private mutating func set(_ name: String) {
        let value = text(below(200_000))
        keyspace.set(name, value, expiry: below(3) == 0 ? .at(keyspace.now + 1_000_000) : .discard)
        strings[name] = value
    }

    private func add(_ element: Bytes, _ round: Int, to number: Int) {
        keyspace.with("collection:\(number)") { key in
            let entry = keyspace.lookup(key, in: 1)
            switch number % 5 {
            case 0: view(ListValue.self, key, entry).push(element, at: round % 3 == 0 ? .head : .tail)
            case 1: _ = view(SetValue.self, key, entry).insert(element)
            case 2: view(SortedSetValue.self, key, entry).insert(element, score: Double(round * 7 % 600))
            case 3:
                let hash = view(HashValue.self, key, entry)
                hash.set(element, to: element, expiry: round % 50 == 0 ? .at(keyspace.now + 1_000_000) : .discard)
                keyspace.noteFields(of: hash, under: key, in: 1)
            default:
                keyspace.limits.streamNodeCount = 5
                let fields = OwnedArguments([element.array, element.array])
                let stream = view(StreamValue.self, key, entry)
                withExtendedLifetime(fields) { stream.append(StreamID(UInt64(round + 1), 0), fields: fields.arguments) }
            }
        }
    }

    private func view<Value: AggregateValue>(_: Value.Type, _ key: Key, _ entry: Entry?) -> Value {
        entry.map { Value(entry: $0, keyspace: keyspace) } ?? keyspace.make(Value.self, under: key, in: 1)
    }

    mutating func thinOut() {
        for name in strings.keys.sorted() where below(5) > 0 { remove(name) }
        for number in 0..<20 where number >= 5 {
            keyspace.with("collection:\(number)") { _ = keyspace.remove($0, in: 1) }
        }
        keyspace.settle()
    }

    private mutating func remove(_ name: String) {
        keyspace.remove(name)
        strings[name] = nil
    }

    mutating func defragment(whileChanging isChanging: Bool) {
        keyspace.beginDefragmentation()
        var (seen, goesOn) = (0, true)
        while goesOn {
            goesOn = keyspace.defragmentSlice(budget: Self.budget)
            let tally = keyspace.defragmentationTally
            longestSlice = max(longestSlice, tally.hits + tally.misses - seen)
            seen = tally.hits + tally.misses
            if isChanging { for _ in 0..<below(60) { change() } }
        }
    }

    private mutating func change() {
        switch below(10) {
        case 0..<6: set("string:\(below(20_000))")
        case 6..<9: remove("string:\(below(20_000))")
        default: _ = keyspace.releaseMemory(budget: 3, keepsSome: false)
        }
    }

    var isAsModelled: Bool {
        keyspace.count(in: 0) == strings.count && strings.allSatisfy { keyspace.get($0) == $1 }
    }
}

// MARK: - What the tests ask of a keyspace

/// A text of a length that depends on `number`: within an entry, outside of it, or now and then larger than any chunk's block.
private func text(_ number: Int) -> String {
    let count = number % 50 == 0 ? 1000 + number % 9000 : number % 1001 == 0 ? 20_000 : number % 120
    return "\(number)" + String(repeating: "x", count: count)
}

/// What the kernel has given to hold, when all that can go back has.
private func heldBytes(of keyspace: Keyspace) -> Int {
    _ = keyspace.releaseMemory(budget: .max, keepsSome: false)
    return keyspace.usedBytes + keyspace.unusedChunkBytes
}

private func chunks(of memory: Memory) -> [Chunk] {
    unsafe (0..<memory.parts.pointee.pool.numberLimit).flatMap {
        unsafe memory.parts.pointee.pool.chunksInUse(ofRegion: $0)
    }
}

/// How many chunks could still be spared, as others of their class have room for what is in them.
private func spareChunkCount(of keyspace: Keyspace) -> Int {
    for index in 0..<SizeClass.count { keyspace.memory.tidyBin(index) }
    return Dictionary(grouping: chunks(of: keyspace.memory), by: \.blockByteCount).values.reduce(0) { sum, chunks in
        sum + chunks.reduce(0) { $0 + $1.capacity - $1.liveCount } / chunks[0].capacity
    }
}

private func pass(_ keyspace: Keyspace) {
    keyspace.beginDefragmentation()
    finish(keyspace)
}

private func finish(_ keyspace: Keyspace) {
    while keyspace.defragmentSlice(budget: 100) {}
}

/// Has a stream's first group keep its third tree.
private func orderDeliveries(of name: String, in keyspace: Keyspace) {
    keyspace.with(name) { key in
        guard let entry = keyspace.lookup(key, in: 0) else { return }
        StreamValue(entry: entry, keyspace: keyspace).forEachGroup { $0.orderDeliveries(memory: keyspace.memory) }
    }
}

/// Gives a stream groups with a consumer each.
private func addGroups(_ count: Int, to name: String, in keyspace: Keyspace) {
    keyspace.with(name) { key in
        guard let entry = keyspace.lookup(key, in: 0) else { return }
        let stream = StreamValue(entry: entry, keyspace: keyspace)
        for number in 0..<count {
            Array("group \(number)".utf8).withBytes { name in
                let group = stream.addGroup(name, lastID: .zero, entriesRead: nil)
                _ = stream.addConsumer(name, to: group, seen: 0, active: 0)
            }
        }
    }
}

/// Gives a list nodes with one element alone.
private func pushHugeElements(to name: String, in keyspace: Keyspace) {
    keyspace.with(name) { key in
        guard let entry = keyspace.lookup(key, in: 0) else { return }
        let list = ListValue(entry: entry, keyspace: keyspace)
        for number in 0..<20 { [UInt8](repeating: UInt8(number), count: 9000).withBytes { list.push($0, at: .tail) } }
    }
}

/// Wants every chunk emptied, also the full ones.
private func markAllChunks(of keyspace: Keyspace) -> [Chunk] {
    let memory = keyspace.memory
    for index in 0..<SizeClass.count { memory.returnRecent(index) }
    let chunks = chunks(of: memory)
    for chunk in chunks where chunk.liveCount > 0 {
        if unsafe chunk.head.pointee.isListed { memory.unlist(chunk, SizeClass.index(chunk.blockByteCount)) }
        unsafe chunk.head.pointee.isToBeEmptied = true
    }
    return chunks
}

extension Chunk {
    /// Of a chunk whose pages are still there.
    fileprivate var isToBeEmptied: Bool { unsafe head.pointee.isToBeEmptied && liveCount > 0 }
}

private func check(_ keyspace: Keyspace) {
    keyspace.checkInvariants()
    for database in 0..<keyspace.databaseCount {
        keyspace.forEachKey(in: database) { entry in
            switch entry.type {
            case .string: break
            case .list: ListValue(entry: entry, keyspace: keyspace).checkInvariants()
            case .set: SetValue(entry: entry, keyspace: keyspace).checkInvariants()
            case .sortedSet: SortedSetValue(entry: entry, keyspace: keyspace).checkInvariants()
            case .hash: HashValue(entry: entry, keyspace: keyspace).checkInvariants()
            case .stream: StreamValue(entry: entry, keyspace: keyspace).checkInvariants()
            }
        }
    }
}

/// All keys with all that they hold, element by element.
private func contents(of keyspace: Keyspace) -> [String: [String]] {
    var all: [String: [String]] = [:]
    for database in 0..<keyspace.databaseCount {
        keyspace.forEachKey(in: database) { entry in
            all["\(database) \(entry.key.text)"] =
                ["\(entry.type) \(entry.encoding) \(entry.expiry ?? 0)"] + elements(of: entry, in: keyspace)
        }
    }
    return all
}

private func elements(of entry: Entry, in keyspace: Keyspace) -> [String] {
    var found: [String] = []
    func add(_ parts: StringValue...) {
        found.append(parts.map { $0.withBytes { $0.text } }.joined(separator: "="))
    }
    switch entry.type {
    case .string: add(entry.string)
    case .list:
        let list = ListValue(entry: entry, keyspace: keyspace)
        list.forEach(in: 0..<list.count) { add($0) }
    case .set:
        SetValue(entry: entry, keyspace: keyspace).forEach {
            add($0)
            return true
        }
    case .sortedSet: SortedSetValue(entry: entry, keyspace: keyspace).forEach { found.append("\($1)=\($0.text)") }
    case .hash:
        HashValue(entry: entry, keyspace: keyspace).forEachWithExpiry { field, value, expiry in
            add(field, value)
            found.append("until \(expiry ?? 0)")
        }
    case .stream:
        let stream = StreamValue(entry: entry, keyspace: keyspace)
        stream.forEach { item in
            item.forEachField { add($0, $1) }
            found.append("\(item.id)")
            return true
        }
        stream.forEachGroup { group in
            found.append(group.name.text)
            group.forEachConsumer { found.append("\($0.name.text) has \($0.pendingCount)") }
            group.forEachPending { entry in
                found.append("\(entry.id) with \(entry.consumer?.name.text ?? "nobody")")
                return true
            }
        }
    }
    return found
}

extension StringValue {
    fileprivate var text: String { withBytes { $0.text } }
}
