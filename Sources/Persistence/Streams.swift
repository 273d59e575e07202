// Streams as RDB has them: their blocks, what they remember, and their groups.
//
//     number of blocks, and for each its id (a string of 16 bytes) and its listpack
//     number of entries; last id
//     first id, greatest deleted id, number of entries ever       since version 10
//     number of groups, and for each
//         name; last id; how much was read                        the latter since version 10
//         number pending, and for each its id (16 bytes), delivery time (8 bytes) and delivery count
//         number of consumers, and for each
//             name; seen time (8 bytes); active time (8 bytes)     the latter since version 11
//             number pending, and for each its id (16 bytes)
//
// Ids without a size are two lengths. What is unknown of a group is −1, all bits of a length.
//
// Everything pending is with a consumer there. What was given back, and is nobody's, is written with one that has no name
// and was seen at the time 0, or with the consumer without a name that there is: it is known by its delivery time, 0. The
// messages of producers have no place.

internal import Keyspace
internal import Protocol

// MARK: - Writing

extension RDBEncoder {
    mutating func write(stream: StreamValue) {
        write(type: .streamWithCounts)
        write(length: UInt64(stream.blockCount))
        stream.forEachBlock { id, pack in
            write(length: UInt64(StreamID.byteCount))
            write(fixed: id)
            pack.withFullBytes { write(string: $0) }
        }
        let state = stream.state
        write(length: UInt64(state.count))
        write(id: state.lastID)
        write(id: state.firstID)
        write(id: state.maxDeletedID)
        write(length: UInt64(bitPattern: state.entriesAdded))
        write(length: UInt64(stream.groupCount))
        stream.forEachGroup { write($0) }
    }

    private mutating func write(_ group: StreamGroup) {
        write(string: group.name)
        write(id: group.lastID)
        write(length: UInt64(bitPattern: group.entriesRead ?? -1))
        write(length: UInt64(group.pendingCount))
        group.forEachPending { pending in
            write(fixed: pending.id)
            write(fixed: pending.deliveryTime)
            write(length: UInt64(bitPattern: pending.deliveryCount))
            return true
        }
        let released = group.releasedCount
        let nameless = [].withBytes { group.consumer(named: $0) }
        let isMadeUp = released > 0 && nameless == nil
        write(length: UInt64(group.consumerCount + (isMadeUp ? 1 : 0)))
        if isMadeUp {
            [].withBytes { write(string: $0) }
            write(fixed: Int64(0))
            write(length: UInt64(released))
            group.forEachReleased { write(fixed: $0.id) }
        }
        group.forEachConsumer { consumer in
            let alsoReleased = consumer == nameless
            write(string: consumer.name)
            write(fixed: consumer.seenTime)
            write(length: UInt64(consumer.pendingCount + (alsoReleased ? released : 0)))
            group.forEachPending(of: consumer) { pending in
                write(fixed: pending.id)
                return true
            }
            if alsoReleased { group.forEachReleased { write(fixed: $0.id) } }
        }
    }

    private mutating func write(id: StreamID) {
        write(length: id.milliseconds)
        write(length: id.sequence)
    }

    private mutating func write(fixed id: StreamID) {
        write(fixed: id.milliseconds.byteSwapped)
        write(fixed: id.sequence.byteSwapped)
    }
}

// MARK: - Reading

extension RDBDecoder {
    mutating func readStream(of type: RDBType, into stream: StreamValue) throws(RDBError) {
        let start = offset
        for _ in 0..<(try readLength()) { try readBlock(into: stream) }
        guard try readLength() == UInt64(stream.count) else { throw .brokenCollection(offset: start) }

        let lastID = try readID()
        var (maxDeletedID, entriesAdded) = (StreamID.zero, Int64(stream.count))
        if type != .stream {
            _ = try readID()  // The first entry is found.
            maxDeletedID = try readID()
            entriesAdded = Int64(bitPattern: try readLength())
        }
        guard stream.setState(lastID: lastID, maxDeletedID: maxDeletedID, entriesAdded: entriesAdded) else {
            throw .brokenCollection(offset: start)
        }
        for _ in 0..<(try readLength()) { try readGroup(of: type, into: stream) }
    }

    private mutating func readBlock(into stream: StreamValue) throws(RDBError) {
        let start = offset
        guard let id = try readString().withBytes({ StreamID(fixed: $0) }) else {
            throw .brokenCollection(offset: start)
        }
        guard try readString().withBytes({ stream.appendBlock(id, $0) }) else { throw .brokenCollection(offset: start) }
    }

    private mutating func readGroup(of type: RDBType, into stream: StreamValue) throws(RDBError) {
        let start = offset
        let name = try readString()
        let lastID = try readID()
        let entriesRead =
            type == .stream ? stream.entriesUpTo(lastID) : Int64(bitPattern: try readLength())
        guard name.withBytes({ stream.group(named: $0) }) == nil else { throw .brokenCollection(offset: start) }
        let group = name.withBytes {
            stream.addGroup($0, lastID: lastID, entriesRead: entriesRead == -1 ? nil : entriesRead)
        }
        var pending = PendingList()
        for _ in 0..<(try readLength()) {
            let id = try readFixedID()
            let time = try readFixed(Int64.self)
            let count = Int64(bitPattern: try readLength())
            guard pending.append(id, time: time, count: count) else { throw .brokenCollection(offset: start) }
        }
        for _ in 0..<(try readLength()) { try readConsumer(of: type, group, &pending, into: stream) }
        guard group.pendingCount == pending.count else { throw .brokenCollection(offset: start) }
    }

    private mutating func readConsumer(
        of type: RDBType,
        _ group: StreamGroup,
        _ pending: inout PendingList,
        into stream: StreamValue
    ) throws(RDBError) {
        let start = offset
        let name = try readString()
        let seenTime = try readFixed(Int64.self)
        let activeTime = type == .streamWithActivity ? try readFixed(Int64.self) : seenTime
        guard name.withBytes({ group.consumer(named: $0) }) == nil else { throw .brokenCollection(offset: start) }
        let consumer = name.withBytes { stream.addConsumer($0, to: group, seen: seenTime, active: activeTime) }
        let isNameless = consumer.name.isEmpty
        for _ in 0..<(try readLength()) {
            // Each is pending with one consumer.
            guard let delivery = pending.find(try readFixedID()), group.pendingEntry(delivery.id) == nil else {
                throw .brokenCollection(offset: start)
            }
            let entry = PendingEntry(
                id: delivery.id,
                deliveryTime: delivery.time,
                deliveryCount: delivery.count,
                consumer: isNameless && delivery.time == 0 ? nil : consumer
            )
            stream.put(entry, in: group)
        }
        if isNameless, seenTime == 0, consumer.pendingCount == 0 { stream.remove(consumer, from: group) }
    }

    private mutating func readID() throws(RDBError) -> StreamID {
        StreamID(try readLength(), try readLength())
    }

    private mutating func readFixedID() throws(RDBError) -> StreamID {
        let start = offset
        guard let id = StreamID(fixed: try read(byteCount: StreamID.byteCount)) else {
            throw .brokenCollection(offset: start)
        }
        return id
    }
}

/// What is pending in a group, before it is known with whom.
private struct PendingList {
    /// In the order of their ids.
    private var deliveries: [(id: StreamID, time: Int64, count: Int64)] = []

    var count: Int { deliveries.count }

    /// Says whether the id lies behind all others.
    mutating func append(_ id: StreamID, time: Int64, count: Int64) -> Bool {
        if let last = deliveries.last, last.id >= id { return false }
        deliveries.append((id, time, count))
        return true
    }

    func find(_ id: StreamID) -> (id: StreamID, time: Int64, count: Int64)? {
        var (low, high) = (0, deliveries.count)
        while low < high {
            let middle = (low + high) / 2
            if deliveries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < deliveries.count && deliveries[low].id == id ? deliveries[low] : nil
    }
}

extension StreamID {
    fileprivate static let byteCount = 16

    /// Both numbers, the highest bytes first.
    fileprivate init?(fixed bytes: Bytes) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(bytes.word64(at: 0).byteSwapped, bytes.word64(at: 8).byteSwapped)
    }
}
