// Streams: entries that are appended, counted, read by range, deleted and trimmed.

internal import Keyspace
internal import Protocol

public enum StreamCommands {
    public static let all = [
        xadd, xlen, xrange, xrevrange, xdel, xtrim, xsetid, xread, xreadgroup, xack, xpending, xclaim, xautoclaim,
        xgroup, xinfo, xdelex, xackdel, xnack, xcfgset, xidmprecord,
    ]

    // MARK: Appending

    static let xadd = Command(
        "xadd",
        "Appends an entry to a stream.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom, .fast],
        group: .stream,
        since: "5.0.0",
        history: [
            "6.2.0": "Takes `NOMKSTREAM`, `MINID` and `LIMIT`.",
            "7.0.0": "`<ms>-*` lets the server choose the rest of the identifier.",
            "8.2.0": "Takes `KEEPREF`, `DELREF` and `ACKED`.",
            "8.6.0": "Takes `IDMP` and `IDMPAUTO`.",
        ],
        complexity: "O(1), and O(N) where entries are trimmed",
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: """
            <key:key> [NOMKSTREAM@6.2.0] [references@8.2.0(KEEPREF | DELREF | ACKED)]
            [idempotency@8.6.0(IDMPAUTO idmpauto{<producer-id>} | IDMP idmp{<producer-id> <idempotent-id>})]
            [trim{strategy(MAXLEN | MINID@6.2.0) [operator(equal="=" | approximately="~")] <threshold>
            [LIMIT <count:integer@6.2.0>]}] id-selector(auto-id="*" | <id>) data{<field> <value>}...
            """
    ) { call throws(CommandError) in
        let request = try AppendRequest(call)
        let key = call.key(1)
        let present = try call.find(key, as: StreamValue.self)
        guard present != nil || request.makesStream else { return call.reply.null() }
        let (fields, now) = (call.arguments.from(request.firstField), call.keyspace.now)
        let message = request.producer.message(call, saying: fields)
        if let message, let present, let id = present.entryID(of: message, now: now) {
            present.noteRepetition()
            call.noteChange(ofKeyAt: 1)
            return call.reply.bulk(id)
        }
        let id = try request.id(after: present?.state.lastID ?? .zero, now: now)
        guard !StreamValue.isTooLarge(fields) else { throw .text("ERR Elements are too large to be stored") }

        let value = present ?? call.make(key, as: StreamValue.self)
        value.append(id, fields: fields)
        if let message { value.note(message, as: id, now: now) }
        _ = request.trimming.trim(value, call.keyspace.limits)
        call.didChange(key)
        call.reply.bulk(id)
    }

    // MARK: Reading

    static let xlen = Command(
        "xlen",
        "Counts the entries of a stream.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .stream,
        since: "5.0.0",
        categories: ["stream"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try call.read(call.key(1), as: StreamValue.self)?.count ?? 0)
    }

    static let xrange = Command(
        "xrange",
        "Hands out entries of a range of ids.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: ["6.2.0": "Ranges may leave out their ends."],
        complexity: "O(N), which is O(1) for a fixed COUNT",
        categories: ["stream"],
        syntax: "<key:key> <start> <end> [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        try range(call, startAt: 2, endAt: 3)
    }

    static let xrevrange = Command(
        "xrevrange",
        "Hands out entries of a range of ids, the last first.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly],
        group: .stream,
        since: "5.0.0",
        history: ["6.2.0": "Ranges may leave out their ends."],
        complexity: "O(N), which is O(1) for a fixed COUNT",
        categories: ["stream"],
        syntax: "<key:key> <end> <start> [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        try range(call, startAt: 3, endAt: 2)
    }

    private static func range(_ call: Call, startAt start: Int, endAt end: Int) throws(CommandError) {
        let (first, last) = (try call.rangeStart(start), try call.rangeEnd(end))
        var count: Int64?
        for index in stride(from: 4, to: call.arguments.count, by: 2) {
            guard call.arguments[index].isWord("COUNT"), index + 1 < call.arguments.count else { throw .syntax }
            count = try call.integer(index + 1)
        }
        guard let value = try call.read(call.key(1), as: StreamValue.self) else { return call.reply.array(0) }
        guard count ?? 1 > 0 else { return call.reply.nullArray() }
        call.reply.entries(of: value, from: first, through: last, backwards: start > end, atMost: Int(count ?? 0))
    }

    // MARK: Removing

    static let xdel = Command(
        "xdel",
        "Deletes entries.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: [.write, .fast],
        group: .stream,
        since: "5.0.0",
        complexity: "O(1) for each entry",
        categories: ["stream"],
        syntax: "<key:key> <id>..."
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let value = try call.find(key, as: StreamValue.self) else { return call.reply.integer(0) }
        let ids = 2..<call.arguments.count
        try call.checkStreamIDs(ids)
        var deleted = 0
        for index in ids where value.delete(try call.streamID(index)) { deleted += 1 }
        if deleted > 0 { call.didChange(key) }
        call.reply.integer(deleted)
    }

    static let xtrim = Command(
        "xtrim",
        "Removes the oldest entries.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: [.write],
        group: .stream,
        since: "5.0.0",
        history: ["6.2.0": "Takes `MINID` and `LIMIT`.", "8.2.0": "Takes `KEEPREF`, `DELREF` and `ACKED`."],
        complexity: "O(N)",
        categories: ["stream"],
        tips: ["nondeterministic_output"],
        syntax: """
            <key:key> trim{strategy(MAXLEN | MINID@6.2.0) [operator(equal="=" | approximately="~")] <threshold>
            [LIMIT <count:integer@6.2.0>] [references@8.2.0(KEEPREF | DELREF | ACKED)]}
            """
    ) { call throws(CommandError) in
        var options = TrimOptions()
        var index = 2
        while index < call.arguments.count {
            guard let next = try options.read(call, at: index) else { throw .syntax }
            index = next
        }
        try options.check(isRequired: true)

        let key = call.key(1)
        guard let value = try call.find(key, as: StreamValue.self) else { return call.reply.integer(0) }
        let removed = options.trim(value, call.keyspace.limits)
        if removed > 0 { call.didChange(key) }
        call.reply.integer(removed)
    }

    // MARK: What is remembered

    static let xsetid = Command(
        "xsetid",
        "Sets what a stream remembers: its last id, and what it ever had.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom, .fast],
        group: .stream,
        since: "5.0.0",
        history: ["7.0.0": "Takes `ENTRIESADDED` and `MAXDELETEDID`."],
        categories: ["stream"],
        syntax: """
            <key:key> <last-id> [ENTRIESADDED <entries-added:integer@7.0.0>]
            [MAXDELETEDID <max-deleted-id@7.0.0>]
            """
    ) { call throws(CommandError) in
        let lastID = try call.streamID(2)
        var (added, maxDeletedID) = (Int64?.none, StreamID.zero)
        for index in stride(from: 3, to: call.arguments.count, by: 2) {
            guard index + 1 < call.arguments.count else { throw .syntax }
            if call.arguments[index].isWord("ENTRIESADDED") {
                let number = try call.integer(index + 1)
                guard number >= 0 else { throw .text("ERR entries_added must be positive") }
                added = number
            } else if call.arguments[index].isWord("MAXDELETEDID") {
                maxDeletedID = try call.streamID(index + 1)
                guard lastID >= maxDeletedID else {
                    throw .text("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
                }
            } else {
                throw .syntax
            }
        }

        guard let value = try call.find(call.key(1), as: StreamValue.self) else { throw .noSuchKey }
        let state = value.state
        guard lastID >= state.maxDeletedID else {
            throw .text("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
        }
        guard lastID >= value.lastValidID else {
            throw .text("ERR The ID specified in XSETID is smaller than the target stream top item")
        }
        if let added, added < Int64(state.count) {
            throw .text("ERR The entries_added specified in XSETID is smaller than the target stream length")
        }
        _ = value.setState(
            lastID: lastID,
            maxDeletedID: maxDeletedID == .zero ? state.maxDeletedID : maxDeletedID,
            entriesAdded: added ?? state.entriesAdded
        )
        call.noteChange(ofKeyAt: 1)
        call.reply.ok()
    }
}

/// `[NOMKSTREAM] [producer] [trimming] id field value ...`
private struct AppendRequest {
    private enum Wish {
        /// `*`
        case automatic
        /// `1234-*`
        case numbered(milliseconds: UInt64)
        case given(StreamID)
    }

    private(set) var trimming = TrimOptions()
    private(set) var producer = ProducerOptions()
    private(set) var makesStream = true
    private var wish = Wish.automatic
    let firstField: Int

    init(_ call: Call) throws(CommandError) {
        var index = 2
        while index < call.arguments.count {
            if let next = try trimming.read(call, at: index) {
                index = next
            } else if let next = try producer.read(call, at: index) {
                index = next
            } else if call.arguments[index].isWord("NOMKSTREAM") {
                makesStream = false
                index += 1
            } else {
                break
            }
        }
        firstField = index + 1
        if index < call.arguments.count { wish = try AppendRequest.wish(call, at: index) }
        if producer.isGiven, index < call.arguments.count, !call.arguments[index].isOnly("*") {
            throw .text("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs")
        }
        try trimming.check(isRequired: false)

        let wordCount = call.arguments.count - firstField
        guard wordCount >= 2, wordCount % 2 == 0 else { throw .wrongArity }
        if case .given(.zero) = wish { throw .text("ERR The ID specified in XADD must be greater than 0-0") }
    }

    private static func wish(_ call: Call, at index: Int) throws(CommandError) -> Wish {
        let text = call.arguments[index]
        if text.isOnly("*") { return .automatic }
        if let milliseconds = StreamID.milliseconds(withoutSequence: text) {
            return .numbered(milliseconds: milliseconds)
        }
        return .given(try call.streamID(index))
    }

    /// The id of the new entry, which must lie behind `last`.
    func id(after last: StreamID, now: Int64) throws(CommandError) -> StreamID {
        guard let next = last.next else {
            throw .text("ERR The stream has exhausted the last possible ID, unable to add more items")
        }
        let id =
            switch wish {
            case .automatic: UInt64(now) > last.milliseconds ? StreamID(UInt64(now), 0) : next
            case .numbered(last.milliseconds): next
            case .numbered(let milliseconds): StreamID(milliseconds, 0)
            case .given(let id): id
            }
        let isRight = if case .numbered(let milliseconds) = wish { id.milliseconds == milliseconds } else { true }
        guard id > last, isRight else {
            throw .text("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        }
        return id
    }
}
