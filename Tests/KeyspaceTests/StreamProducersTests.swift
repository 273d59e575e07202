import Protocol
import Testing

@testable import Keyspace

/// A message of the model.
private struct Sent: Equatable {
    let name: String
    let entry: StreamID
    let noted: Int64
}

extension StreamValue {
    fileprivate func entryID(_ name: String, from producer: String, now: Int64) -> StreamID? {
        withMessage(name, from: producer) { entryID(of: $0, now: now) }
    }

    fileprivate func note(_ name: String, from producer: String, as id: StreamID, now: Int64) {
        withMessage(name, from: producer) { note($0, as: id, now: now) }
    }

    private func withMessage<Result>(_ name: String, from producer: String, _ body: (StreamMessage) -> Result) -> Result
    {
        Array(name.utf8).withBytes { name in
            Array(producer.utf8).withBytes { body(StreamMessage(name, from: $0)) }
        }
    }
}

/// Producers beside a model of them: an array of messages for each.
private struct Run {
    let keyspace = Keyspace.standalone()
    var random: SplitMix
    var now: Int64 = 1_000_000
    var limits = MessageLimits(seconds: 100, count: 100)
    var producers: [String: [Sent]] = [:]
    var counts = (added: Int64(0), repeated: Int64(0))
    var lastID = StreamID.zero

    init(seed: UInt64) {
        random = SplitMix(state: seed)
        keyspace.limits.streamMessages = limits
        _ = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
    }

    var value: StreamValue {
        keyspace.with("key") { key in
            guard let entry = keyspace.lookup(key, in: 0) else { preconditionFailure("the key is gone") }
            return StreamValue(entry: entry, keyspace: keyspace)
        }
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    mutating func step() {
        switch below(60) {
        case 0: now += Int64(below(200_000))
        case 1: changeLimits()
        case 2: copy()
        default: send()
        }
    }

    private mutating func send() {
        now += Int64(below(500))
        let producer = "producer \(below(5))"
        let name = "\(below(300))" + String(repeating: "x", count: below(30) == 0 ? 2000 : 0)
        var sent = (producers[producer] ?? []).filter { $0.noted > now - Int64(limits.seconds) * 1000 }

        let known = value.entryID(name, from: producer, now: now)

        #expect(known == sent.first { $0.name == name }?.entry)
        if known != nil {
            value.noteRepetition()
            counts.repeated += 1
        } else {
            lastID = StreamID(lastID.milliseconds + 1, 0)
            value.note(name, from: producer, as: lastID, now: now)
            sent.append(Sent(name: name, entry: lastID, noted: now))
            counts.added += 1
        }
        producers[producer] = Array(sent.suffix(limits.count))
    }

    private mutating func changeLimits() {
        let seconds = [nil, limits.seconds, 1 + below(200)][below(3)]
        let count = [nil, limits.count, 1 + below(150)][below(3)]
        value.setMessageLimits(seconds: seconds, count: count)
        let changed = MessageLimits(seconds: seconds ?? limits.seconds, count: count ?? limits.count)
        if changed != limits { producers = [:] }
        limits = changed
    }

    /// Goes on with a copy in place of the original.
    private func copy() {
        keyspace.with("key") { key in
            guard let copy = keyspace.duplicate(key, in: 0) else { preconditionFailure("the key is gone") }
            keyspace.attach(copy, as: key, in: 0)
        }
    }

    func check() {
        value.checkInvariants()
        let fresh = producers.values.map { $0.filter { $0.noted > now - Int64(limits.seconds) * 1000 }.count }
        let remembered = value.remembered(at: now)
        #expect((remembered.producers, remembered.messages) == (fresh.count { $0 > 0 }, fresh.reduce(0, +)))
        #expect((value.messageCounts.added, value.messageCounts.repeated) == (counts.added, counts.repeated))
        #expect(value.messageLimits ?? limits == limits)
        let counted = keyspace.with("key") { keyspace.lookup($0, in: 0).map { $0.usedBytes } ?? 0 }
        let empty = Keyspace.standalone()
        let names = empty.with("key") { _ in empty.usedBytes }
        #expect(keyspace.usedBytes == names + Bucket.byteCount + counted)
    }
}

@Suite struct `What producers have sent` {
    @Test(arguments: 0..<20)
    func `is remembered as arrays remember it`(seed: UInt64) {
        var run = Run(seed: seed)
        for step in 0..<3000 {
            run.step()
            if step % 20 == 0 { run.check() }
        }
        run.check()
    }

    private static func makeStream() -> (Keyspace, StreamValue) {
        let keyspace = Keyspace.standalone()
        return (keyspace, keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) })
    }

    @Test func `is given back when others send, though its producer never comes again`() {
        let (keyspace, value) = Self.makeStream()
        value.note("m", from: "other", as: StreamID(1, 0), now: 0)
        let before = keyspace.usedBytes
        for number in 0..<500 { value.note("m", from: "\(number)", as: StreamID(1, 0), now: 0) }
        #expect(keyspace.usedBytes > before + 500 * 40)

        // One other producer is looked after with each message.
        for number in 0..<510 {
            #expect(value.entryID("\(number)", from: "new", now: 100_000) == nil)
            value.note("\(number)", from: "new", as: StreamID(2, 0), now: 100_000)
        }

        let remembered = value.remembered(at: 0)
        #expect((remembered.producers, remembered.messages) == (1, 100))
        keyspace.checkInvariants()
    }

    @Test func `is kept until the last millisecond of its time`() {
        let (keyspace, value) = Self.makeStream()
        value.setMessageLimits(seconds: 2, count: nil)
        value.note("m", from: "p", as: StreamID(1, 0), now: 5000)

        #expect(value.entryID("m", from: "p", now: 6999) == StreamID(1, 0))
        #expect(value.entryID("m", from: "p", now: 7000) == nil)
        keyspace.checkInvariants()
    }

    @Test func `is in order though the clock was set back`() {
        let (keyspace, value) = Self.makeStream()
        value.setMessageLimits(seconds: 2, count: nil)
        value.note("m", from: "p", as: StreamID(1, 0), now: 5000)
        value.note("n", from: "p", as: StreamID(2, 0), now: 1000)

        value.checkInvariants()
        #expect(value.entryID("n", from: "p", now: 6999) == StreamID(2, 0))
        #expect(value.entryID("n", from: "p", now: 7000) == nil)
        keyspace.checkInvariants()
    }

    @Test func `is freed with its stream, at once or by and by`() {
        for isLazy in [false, true] {
            let keyspace = Keyspace.standalone()
            let before = keyspace.usedBytes
            let value = keyspace.with("key") { keyspace.make(StreamValue.self, under: $0, in: 0) }
            value.setMessageLimits(seconds: nil, count: 1000)
            for number in 0..<3000 {
                value.note("\(number)", from: "\(number % 7)", as: StreamID(1, 0), now: 0)
            }

            keyspace.with("key") { _ = keyspace.remove($0, in: 0, lazily: isLazy) }
            #expect((keyspace.usedBytes > before + 3000 * 40) == isLazy)
            while keyspace.collectGarbage(budget: 50) {}
            keyspace.settle()

            #expect(keyspace.usedBytes == before)
        }
    }

    @Test func `is known by what it says, in any order of its fields`() {
        let (keyspace, value) = Self.makeStream()
        func known(_ words: String...) -> Bool {
            let fields = OwnedArguments(words.map { Array($0.utf8) })
            return withExtendedLifetime(fields) {
                [1].withBytes { producer in
                    let message = StreamMessage(saying: fields.arguments, from: producer, in: keyspace)
                    guard value.entryID(of: message, now: 0) == nil else { return true }
                    value.note(message, as: StreamID(1, 0), now: 0)
                    return false
                }
            }
        }

        #expect(!known("a", "1", "b", "2"))
        #expect(known("b", "2", "a", "1"))
        #expect(!known("a", "2", "b", "1"))
        #expect(!known("a", "1", "b", "2", "b", "2"))
        #expect(!known("a", "1"))
        #expect(!known("1", "a"))
        #expect(!known("a1", ""))
        #expect(!known("", "a1"))
        #expect(known("a", "1"))
        keyspace.checkInvariants()
    }
}
