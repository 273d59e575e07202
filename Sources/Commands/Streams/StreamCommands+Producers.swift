// Producers that may send a message twice, and want it in the stream once: what XADD is told of them, and for how long a
// stream remembers what they sent.
//
// Source: the documentation of Redis 8.6 and 8.8, which brought this.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xcfgset = Command(
        "xcfgset",
        "Sets how long a stream remembers the messages of producers, and how many of each.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .stream,
        since: "8.6.0",
        complexity: "O(1), and O(N) where N messages are forgotten",
        categories: ["stream"],
        syntax: "<key:key> [IDMP-DURATION <idmp-duration:integer>] [IDMP-MAXSIZE <idmp-maxsize:integer>]"
    ) { call throws(CommandError) in
        let key = call.key(1)
        var (seconds, count) = (Int?.none, Int?.none)
        for index in stride(from: 2, to: call.arguments.count, by: 2) {
            guard index + 1 < call.arguments.count else { throw .syntax }
            if call.arguments[index].isWord("IDMP-DURATION") {
                let invalid = CommandError.text("ERR IDMP-DURATION must be between 1 and 86400 seconds")
                seconds = try call.integer(index + 1, in: MessageLimits.allowedSeconds, orThrow: invalid)
            } else if call.arguments[index].isWord("IDMP-MAXSIZE") {
                let invalid = CommandError.text("ERR IDMP-MAXSIZE must be between 1 and 10000 entries")
                count = try call.integer(index + 1, in: MessageLimits.allowedCounts, orThrow: invalid)
            } else {
                throw .syntax
            }
        }
        guard seconds != nil || count != nil else { throw .text("ERR At least one parameter must be specified") }

        guard let value = try call.find(key, as: StreamValue.self) else { throw .noSuchKey }
        value.setMessageLimits(seconds: seconds, count: count)
        call.noteChange(ofKeyAt: 1)
        call.reply.ok()
    }

    static let xidmprecord = Command(
        "xidmprecord",
        "Has a stream remember the message that an entry was.",
        arity: .exactly(5),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom, .fast],
        group: .stream,
        since: "8.6.2",
        complexity: "O(1)",
        categories: ["stream"],
        syntax: "<key:key> <pid> <iid> <stream-id>"
    ) { call throws(CommandError) in
        let (producer, name, now) = (call.arguments[2], call.arguments[3], call.keyspace.now)
        let id = try call.streamID(4)
        guard !producer.isEmpty else { throw ProducerOptions.namelessProducer }
        guard !name.isEmpty else { throw ProducerOptions.namelessMessage }
        guard let value = try call.find(call.key(1), as: StreamValue.self) else { throw .noSuchKey }
        guard value.contains(id) else { throw .text("ERR The stream has no entry with this ID") }

        let message = StreamMessage(name, from: producer)
        if let known = value.entryID(of: message, now: now) {
            guard known == id else { throw .text("ERR The idempotent ID stands for another entry of the stream") }
        } else {
            value.note(message, as: id, now: now)
            call.noteChange(ofKeyAt: 1)
        }
        call.reply.ok()
    }
}

/// `IDMP producer message | IDMPAUTO producer`
struct ProducerOptions {
    /// The position of the producer's name.
    private var producer: Int?
    private var namesMessages = false

    var isGiven: Bool { producer != nil }

    static let namelessProducer = CommandError.text("ERR IDMP requires a non-empty producer ID")
    static let namelessMessage = CommandError.text("ERR IDMP requires a non-empty idempotent ID")

    /// Takes the option at `index` in; returns where the next word stands, or nil where that is no option of these.
    mutating func read(_ call: Call, at index: Int) throws(CommandError) -> Int? {
        let namesMessage = call.arguments[index].isWord("IDMP")
        let wordCount = namesMessage ? 3 : 2
        guard namesMessage || call.arguments[index].isWord("IDMPAUTO"), index + wordCount <= call.arguments.count else {
            return nil
        }
        guard producer == nil else { throw .text("ERR IDMP/IDMPAUTO specified multiple times") }
        guard !call.arguments[index + 1].isEmpty else {
            throw namesMessage
                ? ProducerOptions.namelessProducer : .text("ERR IDMPAUTO requires a non-empty producer ID")
        }
        if namesMessage, call.arguments[index + 2].isEmpty { throw ProducerOptions.namelessMessage }
        (producer, namesMessages) = (index + 1, namesMessage)
        return index + wordCount
    }

    /// The message that says `fields`, if a producer is named.
    func message(_ call: Call, saying fields: Arguments) -> StreamMessage? {
        guard let producer else { return nil }
        let name = call.arguments[producer]
        return namesMessages
            ? StreamMessage(call.arguments[producer + 1], from: name)
            : StreamMessage(saying: fields, from: name, in: call.keyspace)
    }
}
