// Consumer groups of a stream: how far each has read, who of it reads, and what was handed out and not acknowledged.
//
// What is pending stands in two trees: in that of the group with all that is known of it, and in that of its consumer by
// its id alone. What a consumer has given back is nobody's: it stands in the first tree only, until somebody claims it. A
// third tree has the order of the deliveries, in groups that need it (`DeliveryOrder.swift`).

public import Protocol

/// Something with a name, kept in a tree by that name.
protocol NamedRecord: BitwiseCopyable {
    var name: Bytes { get }
}

enum NameOrder<Record: NamedRecord>: TreeContent {
    typealias Element = Record
    typealias Separator = Record

    static func separator(of element: Record) -> Record { element }
}

/// Right before, or right behind, a name.
struct NamePlace<Record: NamedRecord>: TreeBound {
    typealias Content = NameOrder<Record>

    let name: Bytes
    var isBehindEqual = false

    func isBehind(_ record: Record) -> Bool {
        isBehindEqual ? !name.precedes(record.name) : record.name.precedes(name)
    }
}

/// An entry that was handed out and not acknowledged.
public struct PendingEntry: BitwiseCopyable {
    public let id: StreamID
    /// When it was handed out, in Unix milliseconds; of what was given back its number among all that was, which is less.
    private(set) var stamp: Int64
    public var deliveryCount: Int64
    /// nil: it was given back.
    public var consumer: StreamConsumer?

    public init(id: StreamID, deliveryTime: Int64, deliveryCount: Int64, consumer: StreamConsumer?) {
        (self.id, self.consumer) = (id, consumer)
        (stamp, self.deliveryCount) = (deliveryTime, deliveryCount)
    }

    /// Unix milliseconds; 0: it was given back.
    public var deliveryTime: Int64 {
        get { consumer == nil ? 0 : stamp }
        set { stamp = newValue }
    }

    /// How long nobody has been given it, in milliseconds; −1: it was given back.
    public func idleTime(at now: Int64) -> Int64 { consumer == nil ? -1 : max(0, now &- stamp) }

    /// The entry as it is when it was given back, as the one with this number.
    func released(number: Int64) -> PendingEntry {
        PendingEntry(id: id, deliveryTime: number, deliveryCount: deliveryCount, consumer: nil)
    }

    /// Counts one delivery more; the greatest count stands for any number, and stays.
    public mutating func countDelivery() {
        if deliveryCount < .max { deliveryCount += 1 }
    }
}

enum PendingOrder: TreeContent {
    typealias Element = PendingEntry
    typealias Separator = StreamID

    static func separator(of element: PendingEntry) -> StreamID { element.id }
}

enum IDOrder: TreeContent {
    typealias Element = StreamID
    typealias Separator = StreamID

    static func separator(of element: StreamID) -> StreamID { element }
}

// MARK: - Consumers

/// One who reads for a group.
///
/// Memory: one block and the tree in it; belongs to the group.
@safe
public struct StreamConsumer: NamedRecord, Equatable {
    private struct Parts {
        var name: StringBlock
        /// When it last asked for anything, and when it last got something; −1: never.
        var seenTime: Int64
        var activeTime: Int64
        var pending = OrderedTree<IDOrder>()
    }

    private let base: UnsafeMutablePointer<Parts>

    init(name: Bytes, seenTime: Int64, activeTime: Int64, memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size).assumingMemoryBound(to: Parts.self)
        let block = StringBlock(copying: name, memory: memory)
        unsafe base.initialize(to: Parts(name: block, seenTime: seenTime, activeTime: activeTime))
    }

    public var name: Bytes { unsafe base.pointee.name.bytes }
    public var pendingCount: Int { pending.count }
    /// When it last asked for anything, in Unix milliseconds.
    public var seenTime: Int64 {
        get { unsafe base.pointee.seenTime }
        nonmutating set { unsafe base.pointee.seenTime = newValue }
    }
    /// When it last got something; −1: never.
    public var activeTime: Int64 {
        get { unsafe base.pointee.activeTime }
        nonmutating set { unsafe base.pointee.activeTime = newValue }
    }
    var pending: OrderedTree<IDOrder> {
        get { unsafe base.pointee.pending }
        nonmutating _modify { yield unsafe &base.pointee.pending }
    }

    var usedBytes: Int {
        SizeClass.byteCount(MemoryLayout<Parts>.size) + (unsafe base.pointee.name.usedBytes) + pending.usedBytes
    }

    func free(to memory: Memory) {
        pending.free(to: memory)
        unsafe base.pointee.name.free(to: memory)
        unsafe memory.free(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size)
    }

    /// Moves its name, if that is to be moved. Its own block stays where it is, as all that is pending with it points there.
    fileprivate func evacuateName(in memory: Memory) {
        unsafe base.pointee.name.evacuate(in: memory) { unsafe base.pointee.name = $0 }
    }

    public static func == (one: StreamConsumer, other: StreamConsumer) -> Bool { unsafe one.base == other.base }
}

// MARK: - Groups

/// A consumer group; good until the stream loses it.
///
/// Memory: one block, with the trees and consumers that it has; belongs to the stream.
@safe
public struct StreamGroup: NamedRecord {
    private struct Parts {
        var name: StringBlock
        /// What was handed out last.
        var lastID: StreamID
        /// How many entries of all that the stream ever had stand up to `lastID`; nil where nobody can tell.
        var entriesRead: Int64?
        /// How many entries were given back so far.
        var releases: Int64 = 0
        var pending = OrderedTree<PendingOrder>()
        var deliveries: OrderedTree<DeliveryOrder>?
        var consumers = OrderedTree<NameOrder<StreamConsumer>>()
    }

    private let base: UnsafeMutablePointer<Parts>

    private init(base: UnsafeMutablePointer<Parts>) { unsafe self.base = base }

    init(name: Bytes, lastID: StreamID, entriesRead: Int64?, memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size).assumingMemoryBound(to: Parts.self)
        let block = StringBlock(copying: name, memory: memory)
        unsafe base.initialize(to: Parts(name: block, lastID: lastID, entriesRead: entriesRead))
    }

    public var name: Bytes { unsafe base.pointee.name.bytes }
    public var pendingCount: Int { pending.count }
    public var consumerCount: Int { consumers.count }
    /// What was handed out last.
    public var lastID: StreamID {
        get { unsafe base.pointee.lastID }
        nonmutating set { unsafe base.pointee.lastID = newValue }
    }
    /// How many entries of all that the stream ever had stand up to `lastID`; nil where nobody can tell.
    public var entriesRead: Int64? {
        get { unsafe base.pointee.entriesRead }
        nonmutating set { unsafe base.pointee.entriesRead = newValue }
    }
    var pending: OrderedTree<PendingOrder> {
        get { unsafe base.pointee.pending }
        nonmutating _modify { yield unsafe &base.pointee.pending }
    }
    /// What is pending, in the order of its deliveries; nil as long as nobody has asked for that.
    var deliveries: OrderedTree<DeliveryOrder>? {
        get { unsafe base.pointee.deliveries }
        nonmutating _modify { yield unsafe &base.pointee.deliveries }
    }
    var consumers: OrderedTree<NameOrder<StreamConsumer>> {
        get { unsafe base.pointee.consumers }
        nonmutating _modify { yield unsafe &base.pointee.consumers }
    }

    var usedBytes: Int {
        var sum = SizeClass.byteCount(MemoryLayout<Parts>.size) + (unsafe base.pointee.name.usedBytes)
        sum += pending.usedBytes + (deliveries?.usedBytes ?? 0) + consumers.usedBytes
        consumers.forEach(in: 0..<consumers.count) { sum += $0.usedBytes }
        return sum
    }

    /// Frees what is pending, with the consumers too, until `budget` is used up; a group once begun is good only to be freed.
    ///
    /// - Returns: whether all of it is gone.
    func freePending(budget: inout Int, memory: Memory) -> Bool {
        guard pending.freeSlice(budget: &budget, memory: memory),
            deliveries?.freeSlice(budget: &budget, memory: memory) ?? true
        else { return false }
        for rank in 0..<consumers.count {
            let consumer = consumers[rank]
            guard consumer.pending.freeSlice(budget: &budget, memory: memory) else { return false }
        }
        return true
    }

    func free(to memory: Memory) {
        consumers.forEach(in: 0..<consumers.count) { $0.free(to: memory) }
        consumers.free(to: memory)
        pending.free(to: memory)
        deliveries?.free(to: memory)
        unsafe base.pointee.name.free(to: memory)
        unsafe memory.free(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size)
    }

    // MARK: Defragmentation

    /// Moves its name, if that is to be moved; and the group where it is now, if it was.
    func evacuated(in memory: Memory) -> StreamGroup? {
        unsafe base.pointee.name.evacuate(in: memory) { unsafe base.pointee.name = $0 }
        var moved: StreamGroup?
        unsafe memory.evacuate(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size) {
            moved = unsafe StreamGroup(base: $0.assumingMemoryBound(to: Parts.self))
        }
        return moved
    }

    /// Goes on moving what is pending, and the names of consumers, while the budget lasts.
    ///
    /// - Returns: whether it came to the end.
    func evacuateSlice(from place: inout EvacuationPlace, budget: inout Int, memory: Memory) -> Bool {
        while place.tree < consumerCount + 3 {
            guard budget > 0, evacuateTree(place.tree, from: &place.index, budget: &budget, memory: memory) else {
                return false
            }
            budget -= 1
            place = EvacuationPlace(part: place.part, tree: place.tree + 1)
        }
        return true
    }

    /// Does that with one of the trees: all that is pending, the order of deliveries, the consumers, or what is pending with
    /// one of these.
    private func evacuateTree(_ number: Int, from index: inout Int, budget: inout Int, memory: Memory) -> Bool {
        switch number {
        case 0: return pending.evacuateSlice(from: &index, budget: &budget, memory: memory)
        case 1: return deliveries?.evacuateSlice(from: &index, budget: &budget, memory: memory) ?? true
        case 2:
            return consumers.evacuateSlice(from: &index, budget: &budget, memory: memory) {
                $0.evacuateName(in: memory)
                return nil
            }
        default:
            let consumer = consumers[number - 3]
            return consumer.pending.evacuateSlice(from: &index, budget: &budget, memory: memory)
        }
    }

    // MARK: Consumers

    public func consumer(named name: Bytes) -> StreamConsumer? {
        guard let place = consumers.first(behind: NamePlace(name: name)), place.element.name.isEqual(to: name) else {
            return nil
        }
        return place.element
    }

    /// Takes in a consumer of a name that the group does not have.
    func addConsumer(_ name: Bytes, seenTime: Int64, activeTime: Int64, memory: Memory) -> StreamConsumer {
        let consumer = StreamConsumer(name: name, seenTime: seenTime, activeTime: activeTime, memory: memory)
        consumers.insert(consumer, at: NamePlace(name: name), memory: memory)
        return consumer
    }

    /// Removes a consumer with all that is pending with it.
    func remove(_ consumer: StreamConsumer, memory: Memory) {
        consumer.pending.forEach(in: 0..<consumer.pending.count) { removeFromPending($0, memory: memory) }
        let path = consumers.path(toLastBefore: NamePlace(name: consumer.name, isBehindEqual: true))
        consumers.remove(at: path, memory: memory)
        consumer.free(to: memory)
    }

    // MARK: Pending entries

    public func pendingEntry(_ id: StreamID) -> PendingEntry? {
        guard let place = pending.first(behind: PendingOrder.Place(before: id)), place.element.id == id else {
            return nil
        }
        return place.element
    }

    /// Puts `entry` in, in place of what may be there under its id.
    func put(_ entry: PendingEntry, memory: Memory) {
        if let place = pending.first(behind: PendingOrder.Place(before: entry.id)), place.element.id == entry.id {
            let former = place.element
            place.leaf[place.index] = entry
            noteDelivery(of: entry, insteadOf: former, memory: memory)
            guard former.consumer != entry.consumer else { return }
            former.consumer?.remove(entry.id, memory: memory)
        } else {
            pending.insert(entry, at: PendingOrder.Place(before: entry.id), memory: memory)
            noteDelivery(of: entry, insteadOf: nil, memory: memory)
        }
        entry.consumer?.pending.insert(entry.id, at: IDOrder.Place(before: entry.id), memory: memory)
    }

    /// Puts `entry` in as one that was given back, behind all others that were.
    func release(_ entry: PendingEntry, memory: Memory) {
        unsafe base.pointee.releases += 1
        put(entry.released(number: unsafe base.pointee.releases), memory: memory)
    }

    /// - Returns: whether the entry was pending.
    @discardableResult
    func acknowledge(_ id: StreamID, memory: Memory) -> Bool {
        guard let entry = removeFromPending(id, memory: memory) else { return false }
        entry.consumer?.remove(id, memory: memory)
        return true
    }

    /// Takes an entry out of the trees of the group.
    @discardableResult
    private func removeFromPending(_ id: StreamID, memory: Memory) -> PendingEntry? {
        guard let entry = pendingEntry(id) else { return nil }
        pending.remove(at: pending.path(toLastBefore: PendingOrder.Place(behind: id)), memory: memory)
        noteDelivery(of: nil, insteadOf: entry, memory: memory)
        return entry
    }

    func copy(to memory: Memory) -> StreamGroup {
        let copy = StreamGroup(name: name, lastID: lastID, entriesRead: entriesRead, memory: memory)
        consumers.forEach(in: 0..<consumers.count) { consumer in
            let twin = copy.addConsumer(
                consumer.name,
                seenTime: consumer.seenTime,
                activeTime: consumer.activeTime,
                memory: memory
            )
            consumer.pending.forEach(in: 0..<consumer.pending.count) { id in
                guard var entry = pendingEntry(id) else { preconditionFailure("a consumer's entry is not the group's") }
                entry.consumer = twin
                copy.put(entry, memory: memory)
            }
        }
        forEachReleased { copy.put($0, memory: memory) }
        unsafe copy.base.pointee.releases = base.pointee.releases
        return copy
    }

    /// Stops the process when the trees contradict themselves or each other.
    func checkInvariants() {
        pending.checkInvariants { $0.id < $1.id }
        checkDeliveries()
        consumers.checkInvariants { $0.name.precedes($1.name) }
        var sum = 0
        consumers.forEach(in: 0..<consumers.count) { consumer in
            consumer.pending.checkInvariants { $0 < $1 }
            consumer.pending.forEach(in: 0..<consumer.pending.count) { id in
                precondition(
                    pendingEntry(id).map { $0.consumer == consumer } ?? false,
                    "an entry is another consumer's"
                )
            }
            sum += consumer.pending.count
        }
        var released = 0
        pending.forEach(in: 0..<pending.count) { released += $0.consumer == nil ? 1 : 0 }
        precondition(sum + released == pending.count, "a consumer does not know what is pending with it")
    }
}

extension StreamConsumer {
    fileprivate func remove(_ id: StreamID, memory: Memory) {
        pending.remove(at: pending.path(toLastBefore: IDOrder.Place(behind: id)), memory: memory)
    }
}
