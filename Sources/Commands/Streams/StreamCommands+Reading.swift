// Reading streams behind an id, also what is still to come: XREAD, and XREADGROUP for the consumers of a group.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xread = Command(
        "xread",
        "Hands out the entries of streams behind ids; waits for some where there are none.",
        arity: .atLeast(4),
        keys: .pairedBehindStreams(from: 1),
        flags: [.readonly, .blocking, .movableKeys],
        group: .stream,
        since: "5.0.0",
        complexity: "O(N) for N streams, and O(M) for M entries of each, which is O(1) for a fixed COUNT",
        categories: ["stream"],
        syntax: """
            [COUNT <count:integer>] [BLOCK <milliseconds:integer>] STREAMS streams{<key:key>... <id>...}
            """
    ) { call throws(CommandError) in
        let request = try ReadRequest(call, groupIsRequired: false)
        for index in request.keys {
            let value = try call.read(call.key(index), as: StreamValue.self)
            _ = try request.start(of: index, in: value, call)
        }
        let opening = call.reply.openArray()
        var served = 0
        for index in request.keys {
            guard let value = try call.find(call.key(index), as: StreamValue.self) else { continue }
            let start = try request.start(of: index, in: value, call)
            guard value.lastValidID > start, let first = start.next else { continue }
            call.reply.openStream(call.arguments[index])
            call.reply.entries(of: value, from: first, atMost: request.count)
            served += 1
        }
        if served > 0 { return call.reply.closeStreams(opening, count: served) }
        guard try request.waits(call) else { return call.reply.nullArray() }
    }

    static let xreadgroup = Command(
        "xreadgroup",
        "Hands out entries that no consumer of a group had yet, or those pending; waits for some where there are none.",
        arity: .atLeast(7),
        keys: .pairedBehindStreams(from: 4),
        flags: [.write, .blocking, .movableKeys],
        group: .stream,
        since: "5.0.0",
        history: ["8.4.0": "Takes `CLAIM`."],
        complexity:
            "O(M) for each stream, which is O(1) for a fixed COUNT; XADD then takes O(N) for N waiting consumers",
        categories: ["stream"],
        syntax: """
            GROUP group-block{<group> <consumer>} [COUNT <count:integer>] [BLOCK <milliseconds:integer>]
            [CLAIM <min-idle-time:integer@8.4.0>] [NOACK] STREAMS streams{<key:key>... <id>...}
            """
    ) { call throws(CommandError) in
        let request = try ReadRequest(call, groupIsRequired: true)
        for index in request.keys {
            let value = try call.read(call.key(index), as: StreamValue.self)
            guard value?.group(named: call.arguments[request.group]) != nil else {
                throw .noSuchKeyOrGroup(keyAt: index, groupAt: request.group)
            }
            _ = try request.groupStart(of: index, call)
        }
        let opening = call.reply.openArray()
        var served = 0
        for index in request.keys {
            let (value, group) = try call.findGroup(index, request.group)
            let reader = GroupReader(call, request, value, group, keyAt: index)
            let start = try request.groupStart(of: index, call)
            if start == .greatest {
                let idle = reader.claimIdle()
                guard !idle.isEmpty || value.lastValidID > group.lastID else { continue }
                call.reply.openStream(call.arguments[index])
                if request.leastIdle == nil { reader.replyNew() } else { reader.reply(idle) }
            } else {
                call.reply.openStream(call.arguments[index])
                reader.replyPending(behind: start)
            }
            call.noteChange(ofKeyAt: index)
            served += 1
        }
        if served > 0 { return call.reply.closeStreams(opening, count: served) }
        guard try request.waits(call) else { return call.reply.nullArray() }
    }
}

extension KeySpecification {
    /// The first half of what stands behind the word STREAMS, looked for from argument `index` on.
    fileprivate static func pairedBehindStreams(from index: Int) -> Self {
        Self(
            begin: .keyword("STREAMS", from: index),
            find: .range(last: -1, step: 1, limit: 2),
            access: [.readOnly, .access]
        )
    }
}

extension ReplyBuffer {
    /// Begins the reply of one stream among several.
    fileprivate func openStream(_ key: Bytes) {
        if version == 2 { array(2) }
        bulk(key)
    }

    fileprivate func closeStreams(_ opening: Int, count: Int) {
        if version == 2 { closeArray(opening, count: count) } else { closeMap(opening, pairs: count) }
    }
}

/// `[GROUP group consumer] [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key ... id ...`
private struct ReadRequest {
    /// The position of the group's name; that of the consumer is behind it.
    private(set) var group = 0
    /// 0: all.
    private(set) var count = 0
    private(set) var isAcknowledged = false
    /// For how many milliseconds an entry must have been pending to be handed out before new ones; nil: none is.
    private(set) var leastIdle: Int64?
    private(set) var keys = 0..<0
    private let isOfGroup: Bool
    private var mayWait = false
    private var deadline: Int64?

    init(_ call: Call, groupIsRequired: Bool) throws(CommandError) {
        isOfGroup = groupIsRequired
        var index = 1
        while index < call.arguments.count, keys.isEmpty { index = try read(call, at: index) }
        guard !keys.isEmpty else { throw .syntax }
        guard group > 0 || !isOfGroup else { throw .text("ERR Missing GROUP option for XREADGROUP") }
    }

    /// Takes the option at `index` in; returns where the next one stands.
    private mutating func read(_ call: Call, at index: Int) throws(CommandError) -> Int {
        let word = call.arguments[index]
        let wordCount = call.arguments.count - index - 1
        if word.isWord("BLOCK"), wordCount > 0 {
            (deadline, mayWait) = (try call.deadline(milliseconds: index + 1), true)
            return index + 2
        }
        if word.isWord("COUNT"), wordCount > 0 {
            count = Int(max(0, try call.integer(index + 1)))
            return index + 2
        }
        if word.isWord("STREAMS"), wordCount > 0 {
            guard wordCount % 2 == 0 else { throw isOfGroup ? ReadRequest.unbalancedOfGroup : ReadRequest.unbalanced }
            keys = index + 1..<index + 1 + wordCount / 2
            return call.arguments.count
        }
        if word.isWord("GROUP"), wordCount > 1 {
            guard isOfGroup else {
                throw .text("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
            }
            group = index + 1
            return index + 3
        }
        if word.isWord("CLAIM"), wordCount > 0 {
            leastIdle = try leastIdle(call, at: index + 1)
            return index + 2
        }
        guard word.isWord("NOACK") else { throw .syntax }
        guard isOfGroup else {
            throw .text("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
        }
        isAcknowledged = true
        return index + 1
    }

    private func leastIdle(_ call: Call, at index: Int) throws(CommandError) -> Int64 {
        guard isOfGroup else {
            throw .text("ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.")
        }
        let leastIdle = try call.integer(index, orThrow: .text("ERR min-idle-time is not an integer"))
        guard leastIdle >= 0 else { throw .text("ERR min-idle-time must be a positive integer") }
        return leastIdle
    }

    private static let unbalanced = CommandError.text(
        "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
    )
    private static let unbalancedOfGroup = CommandError.text(
        "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
    )

    private func idIndex(of key: Int) -> Int { key + keys.count }

    /// The id behind which XREAD reads the stream under the key at `index`.
    func start(of index: Int, in value: StreamValue?, _ call: Call) throws(CommandError) -> StreamID {
        let text = call.arguments[idIndex(of: index)]
        if text.isOnly("$") { return value?.state.lastID ?? .zero }
        if text.isOnly("+") {
            // The last entry and nothing before it; where there is none, the next to come.
            guard let value else { return .zero }
            return value.count > 0 ? value.state.lastID.previous ?? .zero : value.state.lastID
        }
        if text.isOnly(">") {
            throw .text(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
            )
        }
        return try call.streamID(idIndex(of: index))
    }

    /// The same for XREADGROUP: the greatest id stands for what nobody of the group had yet.
    func groupStart(of index: Int, _ call: Call) throws(CommandError) -> StreamID {
        let text = call.arguments[idIndex(of: index)]
        if text.isOnly(">") { return .greatest }
        if text.isOnly("$") {
            throw .text(
                """
                ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
                specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
                """
            )
        }
        if text.isOnly("+") {
            throw .text(
                """
                ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
                specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.
                """
            )
        }
        return try call.streamID(idIndex(of: index))
    }

    /// Has the client wait for entries, if it wants to, and may.
    func waits(_ call: Call) throws(CommandError) -> Bool {
        guard mayWait else { return false }
        var replacements: [(index: Int, text: [UInt8])] = []
        for index in keys where call.arguments[idIndex(of: index)].isOnly("$") {
            // What is the last entry now must not be it any more when the command is tried again.
            let value = try call.find(call.key(index), as: StreamValue.self)
            let start = try start(of: index, in: value, call)
            replacements.append((idIndex(of: index), start.withText { $0.array }))
        }
        return call.waits(
            for: keys,
            of: .stream,
            until: deadline,
            alsoWhenGone: isOfGroup,
            tryingAgainAt: try nextClaim(call),
            replacing: replacements
        )
    }

    /// When the first of what is pending now may be claimed, in Unix milliseconds.
    private func nextClaim(_ call: Call) throws(CommandError) -> Int64? {
        guard let leastIdle else { return nil }
        var next: Int64?
        for index in keys where call.arguments[idIndex(of: index)].isOnly(">") {
            let (value, group) = try call.findGroup(index, self.group)
            value.forEachPending(of: group, deliveredBy: .max) { pending in
                let (time, isNever) = pending.deliveryTime.addingReportingOverflow(leastIdle)
                if !isNever { next = min(next ?? .max, time) }
                return false
            }
        }
        return next
    }
}

/// A consumer of a group that reads a stream.
private struct GroupReader {
    private let call: Call
    private let value: StreamValue
    private let group: StreamGroup
    private let consumer: StreamConsumer
    private let keyIndex: Int
    private let count: Int
    private let isAcknowledged: Bool
    private let leastIdle: Int64?

    init(_ call: Call, _ request: ReadRequest, _ value: StreamValue, _ group: StreamGroup, keyAt index: Int) {
        (self.call, self.value, self.group) = (call, value, group)
        (count, isAcknowledged, leastIdle) = (request.count, request.isAcknowledged, request.leastIdle)
        keyIndex = index
        consumer = call.consumer(request.group + 1, of: group, in: value, under: index)
    }

    /// Replies what nobody of the group had yet; it is pending from then on, unless it counts as acknowledged at once.
    func replyNew() {
        let now = call.keyspace.now
        if !isAcknowledged { consumer.activeTime = now }
        guard let first = group.lastID.next else { return call.reply.array(0) }
        call.reply.entries(of: value, from: first, atMost: count) { noteRead($0.id, now: now) }
    }

    private func noteRead(_ id: StreamID, now: Int64) {
        value.noteRead(id, by: group)
        guard !isAcknowledged else { return }
        value.put(PendingEntry(id: id, deliveryTime: now, deliveryCount: 1, consumer: consumer), in: group)
    }

    /// Gives the consumer what was given back or has been pending for long enough, and hands out how it was before.
    ///
    /// What was deleted meanwhile counts as acknowledged: nobody can be given it any more.
    func claimIdle() -> [PendingEntry] {
        guard let leastIdle else { return [] }
        let now = call.keyspace.now
        var (idle, deleted) = ([PendingEntry](), [StreamID]())
        value.forEachPending(of: group, deliveredBy: now &- leastIdle) { pending in
            if value.contains(pending.id) { idle.append(pending) } else { deleted.append(pending.id) }
            return idle.count != count || count == 0
        }
        for id in deleted {
            value.acknowledge(id, in: group)
            call.noteChange(ofKeyAt: keyIndex)
        }
        let terms = ClaimTerms(leastIdle: leastIdle)
        for pending in idle { value.give(pending.id, pending, to: consumer, of: group, terms, now: now) }
        return idle
    }

    /// Replies what was claimed, and then what nobody of the group had yet: each with how long it has been pending, and how
    /// often it was handed out before.
    func reply(_ claimed: [PendingEntry]) {
        let now = call.keyspace.now
        let opening = call.reply.openArray()
        for pending in claimed {
            call.reply.entry(pending.id, of: value, more: 2)
            call.reply.integer(pending.idleTime(at: now))
            call.reply.integer(pending.deliveryCount)
        }
        var replied = claimed.count
        if count == 0 || replied < count, let first = group.lastID.next {
            if !isAcknowledged, value.lastValidID >= first { consumer.activeTime = now }
            value.forEach(from: first) { entry in
                call.reply.entry(entry, more: 2)
                call.reply.integer(0)
                call.reply.integer(0)
                noteRead(entry.id, now: now)
                replied += 1
                return replied != count
            }
        }
        call.reply.closeArray(opening, count: replied)
    }

    /// Replies what is pending with the consumer, with nothing in place of what was deleted since.
    func replyPending(behind start: StreamID) {
        let now = call.keyspace.now
        let opening = call.reply.openArray()
        var replied = 0
        group.forEachPending(from: start.next ?? .greatest, of: consumer) { pending in
            if call.reply.entry(pending.id, of: value) {
                var pending = pending
                pending.deliveryTime = now
                pending.countDelivery()
                value.update(pending, in: group)
            } else {
                call.reply.array(2)
                call.reply.bulk(pending.id)
                call.reply.nullArray()
            }
            replied += 1
            return replied != count
        }
        call.reply.closeArray(opening, count: replied)
    }
}
