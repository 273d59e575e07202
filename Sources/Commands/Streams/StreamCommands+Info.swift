// What can be asked about a stream, its groups, and their consumers.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xinfo = Command(
        "xinfo",
        "A container for commands that tell about streams.",
        group: .stream,
        since: "5.0.0",
        helpCategories: ["stream"],
        subcommands: [stream, groups, consumers]
    )

    private static let stream = Command(
        "xinfo|stream",
        "Tells what a stream is like, and with FULL also its entries, groups and consumers.",
        arity: .atLeast(3),
        keys: .one(at: 2, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: [
            "6.0.0": "Takes `FULL`.",
            "7.0.0":
                "Shows `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
            "7.2.0": "Shows `active-time`; `seen-time` is that of the last attempt.",
        ],
        categories: ["stream"],
        syntax: "<key:key> [full-block{FULL [COUNT <count:integer>]}]"
    ) { call throws(CommandError) in
        guard let value = try call.read(call.key(2), as: StreamValue.self) else { throw .noSuchKey }
        let most = try fullCount(call)
        let now = call.keyspace.now
        guard let most else { return replyBrief(call.reply, value, now: now) }
        replyFull(call.reply, value, atMost: most, now: now)
    }

    private static let groups = Command(
        "xinfo|groups",
        "Tells of the groups of a stream.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: ["7.0.0": "Shows `entries-read` and `lag`."],
        categories: ["stream"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let value = try call.read(call.key(2), as: StreamValue.self) else { throw .noSuchKey }
        call.reply.array(value.groupCount)
        value.forEachGroup { group in
            call.reply.map(6)
            call.reply.bulk("name")
            call.reply.bulk(group.name)
            call.reply.bulk("consumers")
            call.reply.integer(group.consumerCount)
            call.reply.bulk("pending")
            call.reply.integer(group.pendingCount)
            replyProgress(call.reply, of: group, in: value)
        }
    }

    private static let consumers = Command(
        "xinfo|consumers",
        "Tells of the consumers of a group.",
        arity: .exactly(4),
        keys: .one(at: 2, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: ["7.2.0": "Shows `inactive`; `idle` counts from the last attempt."],
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> <group>"
    ) { call throws(CommandError) in
        guard let value = try call.read(call.key(2), as: StreamValue.self) else { throw .noSuchKey }
        guard let group = value.group(named: call.arguments[3]) else { throw .noSuchGroup(at: 3, ofKeyAt: 2) }
        let now = call.keyspace.now
        call.reply.array(group.consumerCount)
        group.forEachConsumer { consumer in
            call.reply.map(4)
            call.reply.bulk("name")
            call.reply.bulk(consumer.name)
            call.reply.bulk("pending")
            call.reply.integer(consumer.pendingCount)
            call.reply.bulk("idle")
            call.reply.integer(max(0, now &- consumer.seenTime))
            call.reply.bulk("inactive")
            call.reply.integer(consumer.activeTime < 0 ? -1 : max(0, now &- consumer.activeTime))
        }
    }

    /// How many of everything FULL shows, 0 being all; nil without FULL.
    private static func fullCount(_ call: Call) throws(CommandError) -> Int? {
        let arguments = call.arguments
        guard arguments.count > 3 else { return nil }
        guard arguments[3].isWord("FULL"), arguments.count == 4 || arguments.count == 6 else {
            throw .subcommandSyntax
        }
        guard arguments.count == 6 else { return 10 }
        guard arguments[4].isWord("COUNT") else { throw .subcommandSyntax }
        let count = try call.integer(5)
        return count < 0 ? 10 : Int(count)
    }

    // MARK: Parts of the answers

    /// Begins a map of what is told of every stream, and of `more`.
    private static func openMap(_ reply: ReplyBuffer, _ value: StreamValue, more: Int, now: Int64) {
        let state = value.state
        reply.map(7 + (value.messageLimits == nil ? 0 : 6) + more)
        reply.bulk("length")
        reply.integer(state.count)
        reply.bulk("radix-tree-keys")
        reply.integer(value.blockCount)
        reply.bulk("radix-tree-nodes")
        reply.integer(value.nodeCount)
        reply.bulk("last-generated-id")
        reply.bulk(state.lastID)
        reply.bulk("max-deleted-entry-id")
        reply.bulk(state.maxDeletedID)
        reply.bulk("entries-added")
        reply.integer(state.entriesAdded)
        reply.bulk("recorded-first-entry-id")
        reply.bulk(state.firstID)
        if let limits = value.messageLimits { replyMessages(reply, value, limits, now: now) }
    }

    /// What is remembered of messages that producers have sent.
    private static func replyMessages(_ reply: ReplyBuffer, _ value: StreamValue, _ limits: MessageLimits, now: Int64) {
        let (counts, remembered) = (value.messageCounts, value.remembered(at: now))
        reply.bulk("idmp-duration")
        reply.integer(limits.seconds)
        reply.bulk("idmp-maxsize")
        reply.integer(limits.count)
        reply.bulk("pids-tracked")
        reply.integer(remembered.producers)
        reply.bulk("iids-tracked")
        reply.integer(remembered.messages)
        reply.bulk("iids-added")
        reply.integer(counts.added)
        reply.bulk("iids-duplicates")
        reply.integer(counts.repeated)
    }

    private static func replyBrief(_ reply: ReplyBuffer, _ value: StreamValue, now: Int64) {
        openMap(reply, value, more: 3, now: now)
        reply.bulk("groups")
        reply.integer(value.groupCount)
        reply.bulk("first-entry")
        if !reply.entry(value.state.firstID, of: value) { reply.null() }
        reply.bulk("last-entry")
        if !reply.entry(value.lastValidID, of: value) { reply.null() }
    }

    private static func replyFull(_ reply: ReplyBuffer, _ value: StreamValue, atMost most: Int, now: Int64) {
        openMap(reply, value, more: 2, now: now)
        reply.bulk("entries")
        reply.entries(of: value, atMost: most)
        reply.bulk("groups")
        reply.array(value.groupCount)
        value.forEachGroup { group in
            let releasedCount = group.releasedCount
            reply.map(releasedCount == 0 ? 7 : 8)
            reply.bulk("name")
            reply.bulk(group.name)
            replyProgress(reply, of: group, in: value)
            reply.bulk("pel-count")
            reply.integer(group.pendingCount)
            reply.bulk("pending")
            replyPending(reply, of: group, atMost: most)
            reply.bulk("consumers")
            reply.array(group.consumerCount)
            group.forEachConsumer { replyFull(reply, $0, of: group, atMost: most) }
            guard releasedCount > 0 else { return }
            reply.bulk("nacked-count")
            reply.integer(releasedCount)
        }
    }

    private static func replyFull(
        _ reply: ReplyBuffer,
        _ consumer: StreamConsumer,
        of group: StreamGroup,
        atMost most: Int
    ) {
        reply.map(5)
        reply.bulk("name")
        reply.bulk(consumer.name)
        reply.bulk("seen-time")
        reply.integer(consumer.seenTime)
        reply.bulk("active-time")
        reply.integer(consumer.activeTime)
        reply.bulk("pel-count")
        reply.integer(consumer.pendingCount)
        reply.bulk("pending")
        replyPending(reply, of: group, consumer, atMost: most)
    }

    /// How far a group has come.
    private static func replyProgress(_ reply: ReplyBuffer, of group: StreamGroup, in value: StreamValue) {
        reply.bulk("last-delivered-id")
        reply.bulk(group.lastID)
        reply.bulk("entries-read")
        replyKnown(reply, group.entriesRead)
        reply.bulk("lag")
        replyKnown(reply, value.lag(of: group))
    }

    private static func replyKnown(_ reply: ReplyBuffer, _ number: Int64?) {
        if let number { reply.integer(number) } else { reply.null() }
    }

    /// What is pending, entry by entry; who has it is told where nobody is asked for.
    private static func replyPending(
        _ reply: ReplyBuffer,
        of group: StreamGroup,
        _ consumer: StreamConsumer? = nil,
        atMost most: Int
    ) {
        let opening = reply.openArray()
        var count = 0
        group.forEachPending(of: consumer) { pending in
            reply.array(consumer == nil ? 4 : 3)
            reply.bulk(pending.id)
            if consumer == nil { reply.owner(of: pending) }
            reply.integer(pending.deliveryTime)
            reply.integer(pending.deliveryCount)
            count += 1
            return count != most
        }
        reply.closeArray(opening, count: count)
    }
}
