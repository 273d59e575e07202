// Messages that producers may send twice: a stream knows them by name, for a while, and takes each in once.

public import Protocol

/// A message as its producer knows it: by a name of its own, or by what it says.
public struct StreamMessage {
    private enum Name {
        case given(Bytes)
        /// Of fields and values, in whatever order the fields stand.
        case fingerprint(UInt64, UInt64)
    }

    let producer: Bytes
    private let name: Name

    public init(_ name: Bytes, from producer: Bytes) { (self.name, self.producer) = (.given(name), producer) }

    /// - Parameter fields: field, value, field, value, …
    public init(saying fields: Arguments, from producer: Bytes, in keyspace: Keyspace) {
        let (first, second) = keyspace.fingerprint(of: fields)
        (name, self.producer) = (.fingerprint(first, second), producer)
    }

    /// Lends the name for the length of `body`.
    func withName<Result>(_ body: (Bytes) -> Result) -> Result {
        switch name {
        case .given(let bytes): body(bytes)
        case .fingerprint(let first, let second): withWords(first, second, body)
        }
    }
}

extension StreamValue {
    /// How long messages are remembered, and how many; nil where the stream has never been asked to.
    public var messageLimits: MessageLimits? { log.producers?.limits }
    public var messageCounts: MessageCounts { log.producers?.counts ?? MessageCounts() }

    /// What is remembered at the time `now`: of how many producers, and how many messages of all of them.
    public func remembered(at now: Int64) -> (producers: Int, messages: Int) {
        guard let producers = log.producers else { return (0, 0) }
        let horizon = producers.limits.horizon(at: now)
        var sum = (producers: 0, messages: 0)
        producers.forEach { producer in
            let count = producer.count(since: horizon)
            if count > 0 { sum = (sum.producers + 1, sum.messages + count) }
        }
        return sum
    }

    /// Sets how long messages are remembered, and how many of each producer. What was remembered by other limits is
    /// forgotten.
    public func setMessageLimits(seconds: Int?, count: Int?) {
        let producers = producersInUse()
        var limits = producers.limits
        limits.seconds = seconds ?? limits.seconds
        limits.count = count ?? limits.count
        producers.change(to: limits, memory: memory)
    }

    /// Which entry became of the message, if it is remembered at the time `now`. The entry itself may be gone.
    public func entryID(of message: StreamMessage, now: Int64) -> StreamID? {
        guard let producers = log.producers else { return nil }
        producers.forgetStale(of: message.producer, now: now, memory: memory)
        guard let producer = producers.producer(named: message.producer) else { return nil }
        return message.withName { producer.message(named: $0)?.entry }
    }

    /// Notes that the message, which is not remembered, became the entry with `id`.
    public func note(_ message: StreamMessage, as id: StreamID, now: Int64) {
        let producers = producersInUse()
        message.withName {
            producers.note($0, from: message.producer, entry: id, now: now, memory: memory)
        }
        producers.counts.added &+= 1
    }

    /// Counts that a message came again.
    public func noteRepetition() { log.producers?.counts.repeated &+= 1 }

    private func producersInUse() -> StreamProducers {
        if let producers = log.producers { return producers }
        let producers = StreamProducers(keyspace.limits.streamMessages, memory: memory)
        log.producers = producers
        return producers
    }
}

extension Keyspace {
    /// The same for the same pairs of field and value, in any order; not to be foreseen from outside.
    fileprivate func fingerprint(of fields: Arguments) -> (UInt64, UInt64) {
        let first = environment.hasher
        let second = KeyHasher(seed: withWords(0, 0) { first.hash(of: $0) })
        var sum: (UInt64, UInt64) = (0, 0)
        for index in stride(from: 0, to: fields.count, by: 2) {
            let (field, value) = (fields[index], fields[index + 1])
            sum.0 &+= withWords(first.hash(of: field), first.hash(of: value)) { first.hash(of: $0) }
            sum.1 &+= withWords(second.hash(of: field), second.hash(of: value)) { second.hash(of: $0) }
        }
        return sum
    }
}

/// Lends two words as sixteen bytes.
private func withWords<Result>(_ first: UInt64, _ second: UInt64, _ body: (Bytes) -> Result) -> Result {
    unsafe withUnsafeBytes(of: (first, second)) { buffer in
        unsafe body(Bytes(base: buffer.baseAddress.unsafelyUnwrapped, count: buffer.count))
    }
}
