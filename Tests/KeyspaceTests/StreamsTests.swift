import Protocol
import Testing

@testable import Keyspace

/// An entry of the model.
private struct Record: Equatable {
    let id: StreamID
    let fields: [[UInt8]]
}

private struct Pending: Equatable {
    /// nil: it was given back.
    var consumer: String?
    var time: Int64
    var count: Int64
}

private struct Group: Equatable {
    var lastID: StreamID
    var consumers: Set<String> = []
    var pending: [StreamID: Pending] = [:]
}

extension StreamValue {
    fileprivate func append(_ id: StreamID, _ fields: [[UInt8]]) {
        let owned = OwnedArguments(fields)
        withExtendedLifetime(owned) { append(id, fields: owned.arguments) }
    }
}

/// A stream beside a model of it: an array of entries, and dictionaries of groups.
private struct Run {
    let keyspace = Keyspace.standalone()
    var random: SplitMix
    var entries: [Record] = []
    var groups: [String: Group] = [:]
    var (lastID, maxDeletedID, added) = (StreamID.zero, StreamID.zero, Int64(0))
    /// Whether ids of deleted entries may lie behind those of entries after them; a trim by id stops there, as in Valkey 9.1.
    var wasSetBack = false
    let longest: Int

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        keyspace.limits.streamNodeCount = [0, 3, 20, 100][Int(seed % 4)]
        keyspace.limits.streamNodeByteCount = [0, 100, 4096][Int(seed / 4 % 3)]
        longest = [3, 40, 5000][Int(seed / 12 % 3)]
        _ = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
    }

    var value: StreamValue {
        keyspace.with("key") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { preconditionFailure("the key is gone") }
            return StreamValue(entry: entry, keyspace: keyspace)
        }
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func text() -> [UInt8] {
        switch below(4) {
        case 0: Array(String(below(100_000) - 50_000).utf8)
        case 1: [UInt8](repeating: UInt8(below(256)), count: below(longest))
        default: Array("v\(below(50))".utf8)
        }
    }

    mutating func fields() -> [[UInt8]] {
        if below(3) > 0 { return [Array("field".utf8), text(), Array("17".utf8), text()] }
        return (0..<2 * (1 + below(4))).map { _ in text() }
    }

    /// One that is there or was, or lies beside or beyond.
    mutating func someID() -> StreamID {
        guard let entry = entries.randomElement(using: &random), below(5) > 0 else {
            return StreamID(UInt64(below(Int(lastID.milliseconds) + 3)), UInt64(below(3)))
        }
        return [entry.id, entry.id, entry.id, entry.id.next ?? entry.id, entry.id.previous ?? entry.id][below(5)]
    }

    mutating func step() {
        switch below(40) {
        case 0..<18: append()
        case 18..<24: delete(someID())
        case 24, 25: trim()
        case 26..<29: compareRange()
        case 29: copy()
        case 30: reload()
        case 31: setState()
        default: changeGroups()
        }
        #expect(value.count == entries.count)
        #expect(value.lastValidID == entries.last?.id ?? .zero)
        #expect(value.state.firstID == entries.first?.id ?? .zero)
    }

    private mutating func append() {
        guard below(30) > 0 else { return }
        let id: StreamID
        switch below(3) {
        case 0: id = StreamID(lastID.milliseconds, lastID.sequence &+ 1 &+ UInt64(below(3)))
        case 1: id = StreamID(lastID.milliseconds + 1 + UInt64(below(1 << [1, 8, 20][below(3)])), UInt64(below(2)))
        default: id = StreamID(lastID.milliseconds + 1, .max - UInt64(below(2)))
        }
        guard id > lastID else { return }
        let fields = fields()
        value.append(id, fields)
        entries.append(Record(id: id, fields: fields))
        (lastID, added) = (id, added + 1)
    }

    private mutating func delete(_ id: StreamID) {
        let index = entries.firstIndex { $0.id == id }
        #expect(value.contains(id) == (index != nil))
        #expect(value.delete(id) == (index != nil))
        guard let index else { return }
        entries.remove(at: index)
        maxDeletedID = max(maxDeletedID, id)
    }

    private mutating func trim() {
        let isApproximate = below(2) == 0
        let (goal, surplus): (StreamValue.TrimGoal, Int)
        if below(2) == 0 {
            let most = below(entries.count + 2)
            (goal, surplus) = (.greatestCount(most), max(0, entries.count - most))
        } else {
            let least = someID()
            (goal, surplus) = (.leastID(least), entries.prefix { $0.id < least }.count)
        }
        let limit = isApproximate && below(2) == 0 ? below(30) : 0
        let removed = value.trim(to: goal, isApproximate: isApproximate, limit: limit)
        #expect(removed <= surplus && (limit == 0 || removed <= limit))
        #expect(removed == surplus || isApproximate || wasSetBack)
        entries.removeFirst(removed)
    }

    private mutating func compareRange() {
        let (first, last) = (someID(), someID())
        let most = 1 + below(20)
        for backwards in [false, true] {
            var expected = entries.filter { $0.id >= first && $0.id <= last }
            if backwards { expected.reverse() }
            #expect(read(from: first, through: last, backwards: backwards, most) == Array(expected.prefix(most)))
        }
    }

    private func read(
        from first: StreamID = .zero,
        through last: StreamID = .greatest,
        backwards: Bool = false,
        _ most: Int = .max
    ) -> [Record] {
        var found: [Record] = []
        value.forEach(from: first, through: last, backwards: backwards) { entry in
            var fields: [[UInt8]] = []
            entry.forEachField { field, value in
                fields.append(field.withBytes { $0.array })
                fields.append(value.withBytes { $0.array })
            }
            found.append(Record(id: entry.id, fields: fields))
            return found.count < most
        }
        return found
    }

    /// Goes on with a copy in place of the original.
    private mutating func copy() {
        keyspace.with("key") { key in
            guard let copy = keyspace.duplicate(key, in: 0) else { preconditionFailure("the key is gone") }
            keyspace.attach(copy, as: key, in: 0)
        }
    }

    /// Goes on with what its blocks say.
    private mutating func reload() {
        var blocks: [(StreamID, [UInt8])] = []
        value.forEachBlock { id, pack in pack.withFullBytes { blocks.append((id, $0.array)) } }
        groups = [:]
        keyspace.with("key") { key in
            let loaded = keyspace.makeDetached(StreamValue.self, key: key.bytes) { stream in
                for (id, bytes) in blocks { #expect(bytes.withBytes { stream.appendBlock(id, $0) }) }
                #expect(stream.setState(lastID: lastID, maxDeletedID: maxDeletedID, entriesAdded: added))
            }
            keyspace.attach(loaded, as: key, in: 0)
        }
    }

    /// Takes the last id back as far as the entries allow, or puts it forward.
    private mutating func setState() {
        let wanted = below(2) == 0 ? entries.last?.id ?? .zero : StreamID(lastID.milliseconds + UInt64(below(5)), 0)
        if let last = entries.last?.id, last > wanted {
            #expect(!value.setState(lastID: wanted, maxDeletedID: maxDeletedID, entriesAdded: added))
        } else {
            #expect(value.setState(lastID: wanted, maxDeletedID: maxDeletedID, entriesAdded: added))
            if wanted < lastID { wasSetBack = true }
            lastID = wanted
        }
    }

    // MARK: Groups

    private mutating func changeGroups() {
        let name = "group\(below(4))"
        guard var model = groups[name] else {
            groups[name] = Group(lastID: .zero)
            _ = Array(name.utf8).withBytes { value.addGroup($0, lastID: .zero, entriesRead: nil) }
            return
        }
        guard let group = Array(name.utf8).withBytes({ value.group(named: $0) }) else {
            preconditionFailure("a group is gone")
        }
        if below(60) == 0 {
            value.remove(group)
            groups[name] = nil
            return
        }
        change(group, &model)
        groups[name] = model
    }

    private mutating func change(_ group: StreamGroup, _ model: inout Group) {
        let name = "consumer\(below(30))"
        let found = Array(name.utf8).withBytes { group.consumer(named: $0) }
        #expect((found != nil) == model.consumers.contains(name))
        let consumer =
            found ?? Array(name.utf8).withBytes { value.addConsumer($0, to: group, seen: 0, active: -1) }
        model.consumers.insert(name)
        for _ in 0..<below(40) {
            let id = someID()
            let entry = PendingEntry(
                id: id,
                deliveryTime: Int64(below(1000)),
                deliveryCount: Int64(below(9)),
                consumer: consumer
            )
            value.put(entry, in: group)
            model.pending[id] = Pending(consumer: name, time: entry.deliveryTime, count: entry.deliveryCount)
        }
        // Sorted: the order of a dictionary is another in every process.
        let known = model.pending.keys.sorted()
        for _ in 0..<below(30) {
            let id = known.randomElement(using: &random) ?? someID()
            #expect(value.acknowledge(id, in: group) == (model.pending.removeValue(forKey: id) != nil))
        }
        if let id = known.randomElement(using: &random), var entry = group.pendingEntry(id) {
            entry.countDelivery()
            entry.deliveryTime = entry.consumer == nil ? 0 : Int64(below(1000))
            value.update(entry, in: group)
            model.pending[id]?.count += 1
            model.pending[id]?.time = entry.deliveryTime
        }
        if below(3) == 0 { expectOldest(of: group, model) }
        for _ in 0..<below(5) {
            let id = someID()
            value.put(PendingEntry(id: id, deliveryTime: 0, deliveryCount: 3, consumer: nil), in: group)
            model.pending[id] = Pending(consumer: nil, time: 0, count: 3)
        }
        group.lastID = someID()
        model.lastID = group.lastID
        if below(20) == 0 {
            value.remove(consumer, from: group)
            model.consumers.remove(name)
            model.pending = model.pending.filter { $0.value.consumer != name }
        }
    }

    /// Asks for the order of the deliveries, which the group keeps from then on.
    private mutating func expectOldest(of group: StreamGroup, _ model: Group) {
        let (time, count) = (Int64(below(1000)), 1 + below(20))
        var found: [StreamID] = []
        value.forEachPending(of: group, deliveredBy: time) { entry in
            found.append(entry.id)
            return found.count < count
        }
        let expected = model.pending.filter { $0.value.time <= time }
            .sorted { ($0.value.time, $0.key) < ($1.value.time, $1.key) }
        #expect(found == expected.prefix(count).map(\.key))
    }

    /// What the groups of the value are, in the model's form.
    private var groupsFound: [String: Group] {
        var found: [String: Group] = [:]
        value.forEachGroup { group in
            var model = Group(lastID: group.lastID)
            group.forEachConsumer { consumer in
                model.consumers.insert(consumer.name.text)
                group.forEachPending(of: consumer) { entry in
                    #expect(entry.consumer == consumer)
                    return true
                }
            }
            group.forEachPending { entry in
                model.pending[entry.id] = Pending(
                    consumer: entry.consumer?.name.text,
                    time: entry.deliveryTime,
                    count: entry.deliveryCount
                )
                return true
            }
            #expect(model.pending.count == group.pendingCount)
            var released: Set<StreamID> = []
            group.forEachReleased { released.insert($0.id) }
            #expect(released == Set(model.pending.filter { $0.value.consumer == nil }.keys))
            #expect(released.count == group.releasedCount)
            found[group.name.text] = model
        }
        return found
    }

    func check() {
        value.checkInvariants()
        #expect(read() == entries)
        #expect(read(backwards: true) == entries.reversed())
        #expect(groupsFound == groups)
        let state = value.state
        #expect((state.lastID, state.maxDeletedID, state.entriesAdded) == (lastID, maxDeletedID, added))
        let counted = keyspace.with("key") { keyspace.lookup($0, in: 0).map { $0.usedBytes } ?? 0 }
        let empty = Keyspace.standalone()
        let names = empty.with("key") { _ in empty.usedBytes }
        #expect(keyspace.usedBytes == names + Bucket.byteCount + counted)
    }
}

@Suite struct `A stream` {
    @Test(arguments: 0..<36)
    func `holds what an array of entries and dictionaries of groups hold`(seed: UInt64) {
        var run = Run(seed: seed)
        for step in 0..<1500 {
            run.step()
            if step % 50 == 0 { run.check() }
        }
        run.check()
    }

    @Test func `gives all its memory back`() {
        let keyspace = Keyspace.standalone()
        let before = keyspace.usedBytes
        let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
        for number in 1...1000 {
            value.append(StreamID(UInt64(number), 0), [[1], [2, 3]])
        }
        [UInt8(ascii: "g")].withBytes { name in
            let group = value.addGroup(name, lastID: .zero, entriesRead: 0)
            let consumer = value.addConsumer(name, to: group, seen: 0, active: 0)
            for number in 1...1000 {
                let id = StreamID(UInt64(number), 0)
                value.put(PendingEntry(id: id, deliveryTime: 0, deliveryCount: 1, consumer: consumer), in: group)
            }
        }
        #expect(keyspace.usedBytes > before + 1000 * 40)

        keyspace.remove("key")
        keyspace.settle()

        #expect(keyspace.usedBytes == before)
    }

    /// As Valkey 9.1 tells it, asked with the same entries: what was read of five, and how many are left to read.
    @Test func `knows how far a group has read where deletions do not hide it`() {
        func stream(_ body: (StreamValue, StreamGroup) -> Void) {
            let keyspace = Keyspace.standalone()
            let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
            for number in 1...5 {
                value.append(StreamID(UInt64(number), 0), [[1], [2]])
            }
            [UInt8(ascii: "g")].withBytes { body(value, value.addGroup($0, lastID: .zero, entriesRead: 0)) }
        }

        stream { value, group in
            _ = value.delete(StreamID(1, 0))
            #expect(value.lag(of: group) == 4)
            value.noteRead(StreamID(2, 0), by: group)
            #expect((group.entriesRead, value.lag(of: group)) == (2, 3))
        }
        stream { value, group in
            for number: UInt64 in 1...2 { value.noteRead(StreamID(number, 0), by: group) }
            _ = value.delete(StreamID(4, 0))
            #expect((group.entriesRead, value.lag(of: group)) == (2, nil))
            value.noteRead(StreamID(3, 0), by: group)
            #expect((group.entriesRead, value.lag(of: group)) == (nil, nil))
            value.noteRead(StreamID(5, 0), by: group)
            #expect((group.entriesRead, value.lag(of: group)) == (5, 0))
        }
        stream { value, group in
            value.trim(to: .greatestCount(3), isApproximate: false, limit: 0)
            #expect(value.lag(of: group) == 5)
        }
    }

    @Test func `takes numbers that nobody ever counts to`() {
        let keyspace = Keyspace.standalone()
        let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
        #expect(value.setState(lastID: StreamID(1, 0), maxDeletedID: .zero, entriesAdded: .max))
        let group = [UInt8(ascii: "g")].withBytes { value.addGroup($0, lastID: .zero, entriesRead: .max) }

        value.append(.greatest, [[1], [2]])
        value.noteRead(.greatest, by: group)

        #expect(value.state.entriesAdded == .min)
        #expect(StreamID.greatest.next == nil && StreamID.zero.previous == nil)
        value.checkInvariants()
    }

    /// A block of one entry, 1-0 with a field and a value, and what is wrong with each of the others.
    @Test(arguments: [
        (
            "1d0000000a00" + "0101" + "0001" + "0101" + "816602" + "0001" + "0201" + "0001" + "0001" + "817602" + "0401"
                + "ff", true
        ),
        (
            "1d0000000a00" + "0201" + "0001" + "0101" + "816602" + "0001" + "0201" + "0001" + "0001" + "817602" + "0401"
                + "ff", false
        ),
        (
            "1d0000000a00" + "0101" + "0101" + "0101" + "816602" + "0001" + "0201" + "0001" + "0001" + "817602" + "0401"
                + "ff", false
        ),
        (
            "1d0000000a00" + "0101" + "0001" + "0101" + "816602" + "0101" + "0201" + "0001" + "0001" + "817602" + "0401"
                + "ff", false
        ),
        (
            "1d0000000a00" + "0101" + "0001" + "0101" + "816602" + "0001" + "0401" + "0001" + "0001" + "817602" + "0401"
                + "ff", false
        ),
        (
            "1d0000000a00" + "0101" + "0001" + "0101" + "816602" + "0001" + "0201" + "0001" + "0001" + "817602" + "0501"
                + "ff", false
        ),
        (
            "1e0000000a00" + "0101" + "0001" + "0101" + "816602" + "0001" + "0201" + "dfff02" + "0001" + "817602"
                + "0401" + "ff", false
        ),
    ])
    func `takes only blocks that are some`(hex: String, isBlock: Bool) {
        let bytes = stride(from: 0, to: hex.utf8.count, by: 2).map {
            UInt8(hex.dropFirst($0).prefix(2), radix: 16) ?? 0
        }
        let keyspace = Keyspace.standalone()
        let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }

        #expect(bytes.withBytes { value.appendBlock(StreamID(1, 0), $0) } == isBlock)
        // None lies behind itself.
        #expect(!bytes.withBytes { value.appendBlock(StreamID(1, 0), $0) })
        #expect(value.setState(lastID: StreamID(1, 0), maxDeletedID: .zero, entriesAdded: 1))
        value.checkInvariants()
    }

    @Test func `of which nothing is left but its first block can begin anew`() {
        let keyspace = Keyspace.standalone()
        let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
        func append(_ number: UInt64) {
            value.append(StreamID(number, 0), [[1], [2]])
        }
        for number: UInt64 in 6...8 { append(number) }
        _ = value.delete(StreamID(8, 0))
        #expect(value.trim(to: .leastID(StreamID(8, 0)), isApproximate: false, limit: 0) == 2)
        #expect((value.count, value.blockCount) == (0, 1))  // as Valkey 9.1 keeps it
        value.checkInvariants()

        #expect(value.setState(lastID: StreamID(3, 0), maxDeletedID: .zero, entriesAdded: 3))
        append(4)

        #expect((value.count, value.state.firstID) == (1, StreamID(4, 0)))
        value.checkInvariants()
    }
}
