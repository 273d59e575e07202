// Pending entries that are given to another consumer, because the one that had them does not answer any more.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xclaim = Command(
        "xclaim",
        "Gives pending entries to a consumer, as if they were handed out to it.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .stream,
        since: "5.0.0",
        complexity: "O(log N) for N pending entries",
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: """
            <key:key> <group> <consumer> <min-idle-time> <id>... [IDLE <ms:integer>]
            [TIME <unix-time-milliseconds:unix-time>] [RETRYCOUNT <count:integer>] [FORCE] [JUSTID] [LASTID <lastid>]
            """
    ) { call throws(CommandError) in
        let key = call.key(1)
        let (value, group) = try call.findGroup(1, 2)
        let request = try ClaimRequest(call)
        if request.lastID > group.lastID {
            group.lastID = request.lastID
            call.noteChange(ofKeyAt: 1)
        }
        let consumer = call.consumer(3, of: group, in: value, under: 1)
        let opening = call.reply.openArray()
        var claimed = 0
        for index in request.ids {
            let id = try call.streamID(index)
            let pending = group.pendingEntry(id)
            guard value.contains(id) else {
                // It was deleted meanwhile: nobody can be given it any more.
                if value.acknowledge(id, in: group) { call.noteChange(ofKeyAt: 1) }
                continue
            }
            if let pending, request.terms.isTooFresh(pending, now: call.keyspace.now) { continue }
            guard pending != nil || request.isForced else { continue }
            value.give(id, pending, to: consumer, of: group, request.terms, now: call.keyspace.now)
            if request.terms.isBrief { call.reply.bulk(id) } else { call.reply.entry(id, of: value) }
            // It may be idle for longer by now than anybody who waits for that could know.
            call.noteChange(waking: key)
            claimed += 1
        }
        call.reply.closeArray(opening, count: claimed)
    }

    static let xautoclaim = Command(
        "xautoclaim",
        "Gives entries that have been pending for long to a consumer, from an id on.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: [.write, .fast],
        group: .stream,
        since: "6.2.0",
        history: ["7.0.0": "Tells which entries were no longer there."],
        complexity: "O(1) for a small COUNT",
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> <group> <consumer> <min-idle-time> <start> [COUNT <count:integer>] [JUSTID]"
    ) { call throws(CommandError) in
        let request = try AutomaticClaim(call)
        let (value, group) = try call.findGroup(1, 2)
        let consumer = call.consumer(3, of: group, in: value, under: 1)
        let now = call.keyspace.now
        var next = Optional(request.start)
        var (claimed, deleted) = (0, [StreamID]())
        var attempts = request.count * 10

        let opening = call.reply.openArray()
        while attempts > 0, claimed + deleted.count < request.count, let from = next,
            let pending = group.pendingEntry(from: from)
        {
            attempts -= 1
            next = pending.id.next
            guard value.contains(pending.id) else {
                value.acknowledge(pending.id, in: group)
                deleted.append(pending.id)
                continue
            }
            if request.terms.isTooFresh(pending, now: now) { continue }
            value.give(pending.id, pending, to: consumer, of: group, request.terms, now: now)
            if request.terms.isBrief {
                call.reply.bulk(pending.id)
            } else {
                call.reply.entry(pending.id, of: value)
            }
            claimed += 1
        }
        call.reply.closeArray(opening, count: claimed)
        if claimed + deleted.count > 0 { call.noteChange(ofKeyAt: 1) }

        // Where to go on comes first, but is known only now.
        let mark = call.reply.mark
        call.reply.array(3)
        call.reply.bulk(next.flatMap { group.pendingEntry(from: $0)?.id } ?? .zero)
        call.reply.bringForward(since: mark, to: opening)
        call.reply.array(deleted.count)
        for id in deleted { call.reply.bulk(id) }
    }
}

/// What a claim asks of entries, and what is then noted of them.
struct ClaimTerms {
    /// Milliseconds since the last delivery; not more than 0: any.
    let leastIdle: Int64
    /// Unix milliseconds; nil: now.
    var deliveryTime: Int64?
    var deliveryCount: Int64?
    /// Only ids are replied, and that is no delivery to be counted.
    var isBrief = false

    /// What was given back never is.
    func isTooFresh(_ pending: PendingEntry, now: Int64) -> Bool {
        leastIdle > 0 && pending.consumer != nil && now &- pending.deliveryTime < leastIdle
    }
}

extension StreamValue {
    /// Makes an entry, `pending` or not yet, pending with `consumer`.
    func give(
        _ id: StreamID,
        _ pending: PendingEntry?,
        to consumer: StreamConsumer,
        of group: StreamGroup,
        _ terms: ClaimTerms,
        now: Int64
    ) {
        var entry = pending ?? PendingEntry(id: id, deliveryTime: now, deliveryCount: 1, consumer: consumer)
        entry.consumer = consumer
        entry.deliveryTime = terms.deliveryTime ?? now
        if let count = terms.deliveryCount {
            entry.deliveryCount = count
        } else if !terms.isBrief {
            entry.countDelivery()
        }
        put(entry, in: group)
        consumer.activeTime = now
    }
}

/// `min-idle-time id ... [options]` of XCLAIM
private struct ClaimRequest {
    private(set) var terms: ClaimTerms
    /// The positions of the ids.
    let ids: Range<Int>
    private(set) var isForced = false
    private(set) var lastID = StreamID.zero

    init(_ call: Call) throws(CommandError) {
        let leastIdle = try call.integer(4, orThrow: .text("ERR Invalid min-idle-time argument for XCLAIM"))
        terms = ClaimTerms(leastIdle: leastIdle)
        // What is no id begins the options.
        var index = 5
        while index < call.arguments.count, StreamID(call.arguments[index]) != nil { index += 1 }
        ids = 5..<index
        while index < call.arguments.count { index = try read(call, at: index) }
    }

    private mutating func read(_ call: Call, at index: Int) throws(CommandError) -> Int {
        let word = call.arguments[index]
        if word.isWord("FORCE") {
            isForced = true
            return index + 1
        }
        if word.isWord("JUSTID") {
            terms.isBrief = true
            return index + 1
        }
        guard index + 1 < call.arguments.count else { throw .unrecognizedOption(at: index) }
        let now = call.keyspace.now
        if word.isWord("IDLE") {
            let idle = try call.integer(index + 1, orThrow: .text("ERR Invalid IDLE option argument for XCLAIM"))
            setDeliveryTime(now &- idle, now: now)
        } else if word.isWord("TIME") {
            let time = try call.integer(index + 1, orThrow: .text("ERR Invalid TIME option argument for XCLAIM"))
            setDeliveryTime(time, now: now)
        } else if word.isWord("RETRYCOUNT") {
            let invalid = CommandError.text("ERR Invalid RETRYCOUNT option argument for XCLAIM")
            let count = try call.integer(index + 1, orThrow: invalid)
            terms.deliveryCount = count < 0 ? nil : count
        } else if word.isWord("LASTID") {
            lastID = try call.streamID(index + 1)
        } else {
            throw .unrecognizedOption(at: index)
        }
        return index + 2
    }

    /// A time that is none, or has not come yet, is as good as none: clients compute it by clocks of their own.
    private mutating func setDeliveryTime(_ time: Int64, now: Int64) {
        terms.deliveryTime = time < 0 || time > now ? nil : time
    }
}

/// `min-idle-time start [COUNT count] [JUSTID]` of XAUTOCLAIM
private struct AutomaticClaim {
    private(set) var terms: ClaimTerms
    let start: StreamID
    private(set) var count = 100

    /// Ten times as many entries are looked at, and sixteen bytes for each must be a length.
    private static let greatestCount = Int64.max / 16

    init(_ call: Call) throws(CommandError) {
        let leastIdle = try call.integer(4, orThrow: .text("ERR Invalid min-idle-time argument for XAUTOCLAIM"))
        terms = ClaimTerms(leastIdle: leastIdle)
        start = try call.rangeStart(5)
        var index = 6
        while index < call.arguments.count {
            if call.arguments[index].isWord("COUNT"), index + 1 < call.arguments.count {
                let notPositive = CommandError.text("ERR COUNT must be > 0")
                count = try call.integer(
                    index + 1,
                    in: 1...AutomaticClaim.greatestCount,
                    orThrow: notPositive,
                    otherwise: notPositive
                )
                index += 2
            } else if call.arguments[index].isWord("JUSTID") {
                terms.isBrief = true
                index += 1
            } else {
                throw .syntax
            }
        }
    }
}
