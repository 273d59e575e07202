// What groups have handed out and nobody has acknowledged: told, and acknowledged.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xack = Command(
        "xack",
        "Acknowledges entries: they are not pending any more.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .stream,
        since: "5.0.0",
        complexity: "O(1) for each entry",
        categories: ["stream"],
        syntax: "<key:key> <group> <id>..."
    ) { call throws(CommandError) in
        guard let value = try call.find(call.key(1), as: StreamValue.self),
            let group = value.group(named: call.arguments[2])
        else { return call.reply.integer(0) }
        let ids = 3..<call.arguments.count
        try call.checkStreamIDs(ids)
        var acknowledged = 0
        for index in ids where value.acknowledge(try call.streamID(index), in: group) { acknowledged += 1 }
        if acknowledged > 0 { call.noteChange(ofKeyAt: 1) }
        call.reply.integer(acknowledged)
    }

    // MARK: Telling

    static let xpending = Command(
        "xpending",
        "Tells what is pending in a group: how much, or entry by entry.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: ["6.2.0": "Takes `IDLE`, and ranges that leave out their ends."],
        complexity: "O(N) for N entries told, O(M) for M looked at with IDLE, O(1) for the summary",
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: """
            <key:key> <group> [filters{[IDLE <min-idle-time:integer@6.2.0>] <start> <end> <count:integer>
            [<consumer>]}]
            """
    ) { call throws(CommandError) in
        let filter = call.arguments.count == 3 ? nil : try PendingFilter(call)
        let value = try call.read(call.key(1), as: StreamValue.self)
        guard let group = value?.group(named: call.arguments[2]) else {
            throw .noSuchKeyOrGroup(keyAt: 1, groupAt: 2)
        }
        if let filter { filter.reply(call, group) } else { replySummary(call.reply, group) }
    }

    private static func replySummary(_ reply: ReplyBuffer, _ group: StreamGroup) {
        reply.array(4)
        reply.integer(group.pendingCount)
        guard let first = group.firstPendingID, let last = group.lastPendingID else {
            reply.null()
            reply.null()
            return reply.nullArray()
        }
        reply.bulk(first)
        reply.bulk(last)
        let opening = reply.openArray()
        var count = 0
        group.forEachConsumer { consumer in
            guard consumer.pendingCount > 0 else { return }
            reply.array(2)
            reply.bulk(consumer.name)
            reply.bulk(Int64(consumer.pendingCount))
            count += 1
        }
        reply.closeArray(opening, count: count)
    }
}

/// `[IDLE milliseconds] start end count [consumer]`
private struct PendingFilter {
    private var leastIdle: Int64 = 0
    private let first: StreamID
    private let last: StreamID
    private let count: Int64
    /// The position of the consumer's name.
    private let consumer: Int?

    init(_ call: Call) throws(CommandError) {
        let wordCount = call.arguments.count
        guard wordCount >= 6, wordCount <= 9 else { throw .syntax }
        var start = 3
        if call.arguments[3].isWord("IDLE") {
            leastIdle = try call.integer(4)
            guard wordCount >= 8 else { throw .syntax }
            start = 5
        }
        count = try call.integer(start + 2)
        first = try call.rangeStart(start)
        last = try call.rangeEnd(start + 1)
        consumer = start + 3 < wordCount ? start + 3 : nil
    }

    func reply(_ call: Call, _ group: StreamGroup) {
        let reply = call.reply
        let owner = consumer.flatMap { group.consumer(named: call.arguments[$0]) }
        guard count > 0, consumer == nil || owner != nil else { return reply.array(0) }
        let now = call.keyspace.now
        let opening = reply.openArray()
        var found = 0
        group.forEachPending(from: first, through: last, of: owner) { pending in
            let idle = now &- pending.deliveryTime
            if leastIdle != 0, idle < leastIdle, pending.consumer != nil { return true }
            reply.array(4)
            reply.bulk(pending.id)
            reply.owner(of: pending)
            reply.integer(pending.idleTime(at: now))
            reply.integer(pending.deliveryCount)
            found += 1
            return found < count
        }
        reply.closeArray(opening, count: found)
    }
}
