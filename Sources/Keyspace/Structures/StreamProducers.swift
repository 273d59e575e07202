// What producers have sent to a stream: by which names, and which entries became of it. A message that comes again becomes
// none.
//
// A name is remembered for some time, and of each producer no more than some; those remembered longest go first. Nobody
// looks for what is stale: a producer forgets its own when it sends something, and then those of one other, in turn.

internal import Protocol

/// How long the names of messages are remembered, and how many of each producer.
public struct MessageLimits: Sendable, Equatable {
    public var seconds: Int
    public var count: Int

    public static let allowedSeconds: ClosedRange<Int64> = 1...86_400
    public static let allowedCounts: ClosedRange<Int64> = 1...10_000

    public init(seconds: Int, count: Int) { (self.seconds, self.count) = (seconds, count) }

    /// What was noted at this time, in Unix milliseconds, or before is stale.
    func horizon(at now: Int64) -> Int64 { now &- Int64(seconds) * 1000 }
}

/// Memory: one block, with the tree and the producers in it; belongs to the stream.
@safe
struct StreamProducers: BitwiseCopyable {
    private struct Parts {
        var limits: MessageLimits
        var counts = MessageCounts()
        var producers = OrderedTree<NameOrder<StreamProducer>>()
        /// The rank of the producer that forgets next, or one beyond them.
        var turn = 0
    }

    private let base: UnsafeMutablePointer<Parts>

    init(_ limits: MessageLimits, memory: Memory) {
        unsafe base = memory.allocate(MemoryLayout<Parts>.size).assumingMemoryBound(to: Parts.self)
        unsafe base.initialize(to: Parts(limits: limits))
    }

    private var parts: Parts {
        unsafeAddress { unsafe UnsafePointer(base) }
        nonmutating unsafeMutableAddress { unsafe base }
    }

    var limits: MessageLimits { parts.limits }
    var counts: MessageCounts {
        get { parts.counts }
        nonmutating set { parts.counts = newValue }
    }

    var usedBytes: Int {
        var sum = SizeClass.byteCount(MemoryLayout<Parts>.size) + parts.producers.usedBytes
        forEach { sum += $0.usedBytes }
        return sum
    }

    /// Stale ones too.
    var messageCount: Int {
        var sum = 0
        forEach { sum += $0.messageCount }
        return sum
    }

    func forEach(_ body: (StreamProducer) -> Void) { parts.producers.forEach(in: 0..<parts.producers.count, body) }

    // MARK: Messages

    func producer(named name: Bytes) -> StreamProducer? {
        guard let place = parts.producers.first(behind: NamePlace(name: name)), place.element.name.isEqual(to: name)
        else { return nil }
        return place.element
    }

    /// Notes which entry became of a message, whose name is not known.
    func note(_ message: Bytes, from name: Bytes, entry: StreamID, now: Int64, memory: Memory) {
        let producer = producer(named: name) ?? add(name, memory: memory)
        producer.append(message, entry: entry, now: now, memory: memory)
        while producer.messageCount > limits.count { producer.removeOldest(memory: memory) }
    }

    private func add(_ name: Bytes, memory: Memory) -> StreamProducer {
        let producer = StreamProducer(name: name, memory: memory)
        parts.producers.insert(producer, at: NamePlace(name: name), memory: memory)
        return producer
    }

    // MARK: Forgetting

    /// Forgets what is stale of the producer named, and of the one whose turn it is.
    func forgetStale(of name: Bytes, now: Int64, memory: Memory) {
        let horizon = limits.horizon(at: now)
        if let producer = producer(named: name), producer.forget(through: horizon, memory: memory) {
            remove(at: parts.producers.rank(of: NamePlace<StreamProducer>(name: name)), memory: memory)
        }
        if parts.turn >= parts.producers.count { parts.turn = 0 }
        guard !parts.producers.isEmpty else { return }
        if parts.producers[parts.turn].forget(through: horizon, memory: memory) {
            remove(at: parts.turn, memory: memory)
        } else {
            parts.turn += 1
        }
    }

    private func remove(at rank: Int, memory: Memory) {
        parts.producers.remove(rank..<rank + 1, memory: memory) { $0.free(to: memory) }
    }

    /// Remembers by other limits from now on, and nothing of what was noted before.
    func change(to limits: MessageLimits, memory: Memory) {
        guard limits != parts.limits else { return }
        parts.producers.remove(0..<parts.producers.count, memory: memory) { $0.free(to: memory) }
        parts.limits = limits
    }

    // MARK: All of it

    func freeSlice(budget: inout Int, memory: Memory) -> Bool {
        guard parts.producers.freeSlice(budget: &budget, memory: memory, { $0.free(to: memory) }) else { return false }
        unsafe memory.free(UnsafeMutableRawPointer(base), byteCount: MemoryLayout<Parts>.size)
        return true
    }

    func copy(to memory: Memory) -> StreamProducers {
        let copy = StreamProducers(limits, memory: memory)
        copy.counts = counts
        forEach { copy.parts.producers.append($0.copy(to: memory), memory: memory) }
        return copy
    }

    /// Stops the process when the producers contradict themselves.
    func checkInvariants() {
        parts.producers.checkInvariants { $0.name.precedes($1.name) }
        forEach { producer in
            producer.checkInvariants()
            precondition(1...limits.count ~= producer.messageCount, "a producer has too many messages, or none")
        }
    }
}

/// What a stream has counted of messages with names, ever.
public struct MessageCounts: Equatable, Sendable {
    public internal(set) var added: Int64 = 0
    public internal(set) var repeated: Int64 = 0
}
