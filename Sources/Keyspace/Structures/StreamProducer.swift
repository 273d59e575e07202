// One producer of a stream: the names of the messages that it has sent, found by name, and in the order of their coming.

internal import Protocol

/// A message by the name that its producer gave it.
///
/// Memory: one block and that of the name; belongs to the producer.
@safe
struct SentMessage: NamedRecord {
    private struct Parts {
        let name: StringBlock
        let entry: StreamID
        let noted: Int64
        var next: SentMessage?
    }

    private let base: UnsafeMutablePointer<Parts>

    init(name: Bytes, entry: StreamID, noted: Int64, memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size).assumingMemoryBound(to: Parts.self)
        let block = StringBlock(copying: name, memory: memory)
        unsafe base.initialize(to: Parts(name: block, entry: entry, noted: noted))
    }

    var name: Bytes { unsafe base.pointee.name.bytes }
    /// What became of it.
    var entry: StreamID { unsafe base.pointee.entry }
    /// When, in Unix milliseconds.
    var noted: Int64 { unsafe base.pointee.noted }
    /// The one noted after it.
    var next: SentMessage? {
        get { unsafe base.pointee.next }
        nonmutating set { unsafe base.pointee.next = newValue }
    }

    var usedBytes: Int { SizeClass.byteCount(MemoryLayout<Parts>.size) + (unsafe base.pointee.name.usedBytes) }

    func free(to memory: Memory) {
        unsafe base.pointee.name.free(to: memory)
        unsafe memory.free(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size)
    }
}

/// Memory: one block, with the tree and the messages in it; belongs to the producers of the stream.
/// Invariant: the messages are linked from the oldest to the newest, and none was noted before an older one.
@safe
struct StreamProducer: NamedRecord {
    private struct Parts {
        let name: StringBlock
        var messages = OrderedTree<NameOrder<SentMessage>>()
        /// What they take beside the tree.
        var messageBytes = 0
        var oldest: SentMessage?
        var newest: SentMessage?
    }

    private let base: UnsafeMutablePointer<Parts>

    init(name: Bytes, memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size).assumingMemoryBound(to: Parts.self)
        let block = StringBlock(copying: name, memory: memory)
        unsafe base.initialize(to: Parts(name: block))
    }

    private var parts: Parts {
        unsafeAddress { unsafe UnsafePointer(base) }
        nonmutating unsafeMutableAddress { unsafe base }
    }

    var name: Bytes { parts.name.bytes }
    var messageCount: Int { parts.messages.count }
    var usedBytes: Int {
        SizeClass.byteCount(MemoryLayout<Parts>.size) + parts.name.usedBytes + parts.messages.usedBytes
            + parts.messageBytes
    }

    func message(named name: Bytes) -> SentMessage? {
        guard let place = parts.messages.first(behind: NamePlace(name: name)), place.element.name.isEqual(to: name)
        else { return nil }
        return place.element
    }

    /// How many messages were noted after `horizon`.
    func count(since horizon: Int64) -> Int {
        var count = messageCount
        forEach { message in
            if message.noted <= horizon { count -= 1 }
            return message.noted <= horizon
        }
        return count
    }

    /// Visits the messages, the oldest first, as long as `body` wants more.
    private func forEach(_ body: (SentMessage) -> Bool) {
        var next = parts.oldest
        while let message = next, body(message) { next = message.next }
    }

    /// Takes in a message of a name that it does not have. A clock that was set back does not make it older than others.
    func append(_ name: Bytes, entry: StreamID, now: Int64, memory: Memory) {
        let noted = max(now, parts.newest?.noted ?? now)
        let message = SentMessage(name: name, entry: entry, noted: noted, memory: memory)
        parts.messages.insert(message, at: NamePlace(name: name), memory: memory)
        parts.messageBytes += message.usedBytes
        if let newest = parts.newest { newest.next = message } else { parts.oldest = message }
        parts.newest = message
    }

    func removeOldest(memory: Memory) {
        guard let message = parts.oldest else { preconditionFailure("a producer without messages is to forget one") }
        let path = parts.messages.path(toLastBefore: NamePlace(name: message.name, isBehindEqual: true))
        parts.messages.remove(at: path, memory: memory)
        parts.messageBytes -= message.usedBytes
        parts.oldest = message.next
        if parts.oldest == nil { parts.newest = nil }
        message.free(to: memory)
    }

    /// Forgets what was noted at `horizon` or before; says whether nothing is left.
    func forget(through horizon: Int64, memory: Memory) -> Bool {
        while let oldest = parts.oldest, oldest.noted <= horizon { removeOldest(memory: memory) }
        return parts.oldest == nil
    }

    func free(to memory: Memory) {
        var next = parts.oldest
        while let message = next {
            next = message.next
            message.free(to: memory)
        }
        parts.messages.free(to: memory)
        parts.name.free(to: memory)
        unsafe memory.free(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size)
    }

    func copy(to memory: Memory) -> StreamProducer {
        let copy = StreamProducer(name: name, memory: memory)
        forEach { message in
            copy.append(message.name, entry: message.entry, now: message.noted, memory: memory)
            return true
        }
        return copy
    }

    /// Stops the process when it contradicts itself.
    func checkInvariants() {
        parts.messages.checkInvariants { $0.name.precedes($1.name) }
        var (count, bytes, last) = (0, 0, Int64.min)
        forEach { message in
            precondition(
                self.message(named: message.name)?.entry == message.entry,
                "a message is not found by its name"
            )
            precondition(message.noted >= last, "a message was noted before an older one")
            (count, bytes, last) = (count + 1, bytes + message.usedBytes, message.noted)
            if message.next == nil {
                precondition(parts.newest?.name.isEqual(to: message.name) ?? false, "the newest message is another")
            }
            return true
        }
        precondition(count == messageCount && bytes == parts.messageBytes, "the messages of a producer are miscounted")
    }
}
