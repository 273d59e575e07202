// Pending entries that their consumers give back, without having dealt with them: nobody has them then, and whoever claims
// entries can have them at once.
//
// Source: the documentation of Redis 8.8, which brought this command.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xnack = Command(
        "xnack",
        "Gives pending entries back to the group, to be claimed by any consumer.",
        arity: .atLeast(7),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .fast],
        group: .stream,
        since: "8.8.0",
        complexity: "O(1) for each entry",
        categories: ["stream"],
        syntax: """
            <key:key> <group> mode(SILENT | FAIL | FATAL) IDS ids{<numids:integer> <id>...}
            [RETRYCOUNT <count:integer>] [FORCE]
            """
    ) { call throws(CommandError) in
        let request = try ReleaseRequest(call)
        let key = call.key(1)
        let (value, group) = try call.findGroup(1, 2)
        var released = 0
        for index in request.ids {
            let id = try call.streamID(index)
            guard let pending = group.pendingEntry(id) ?? request.made(id, of: value) else { continue }
            value.release(request.counted(pending), in: group)
            released += 1
        }
        if released > 0 { call.noteChange(waking: key) }
        call.reply.integer(released)
    }
}

/// `SILENT | FAIL | FATAL  IDS count id ... [RETRYCOUNT count] [FORCE]`
private struct ReleaseRequest {
    private let mode: ReleaseMode
    private let deliveryCount: Int64?
    private let isForced: Bool
    /// The positions of the ids.
    let ids: Range<Int>

    init(_ call: Call) throws(CommandError) {
        guard let mode = ReleaseMode(call.arguments[3]) else { throw .syntax }
        var (deliveryCount, isForced) = (Int64?.none, false)
        ids = try call.streamIDs(amongWordsFrom: 4) { index throws(CommandError) in
            if call.arguments[index].isWord("FORCE") {
                isForced = true
                return index + 1
            }
            guard call.arguments[index].isWord("RETRYCOUNT"), index + 1 < call.arguments.count else { return nil }
            let count = try call.integer(index + 1)
            guard count >= 0 else { throw .valueMustBePositive }
            deliveryCount = count
            return index + 2
        }
        (self.mode, self.deliveryCount, self.isForced) = (mode, deliveryCount, isForced)
    }

    /// An entry that was never handed out, if it may be treated like one that was.
    func made(_ id: StreamID, of value: StreamValue) -> PendingEntry? {
        guard isForced, value.contains(id) else { return nil }
        return PendingEntry(id: id, deliveryTime: 0, deliveryCount: 0, consumer: nil)
    }

    /// The entry with as many deliveries as count when it is given back.
    func counted(_ pending: PendingEntry) -> PendingEntry {
        var released = pending
        released.deliveryCount =
            switch mode {
            case _ where deliveryCount != nil: deliveryCount ?? 0
            case .silent: max(pending.deliveryCount, 1) - 1
            case .fail: pending.deliveryCount
            case .fatal: .max
            }
        return released
    }
}

/// What a delivery that came to nothing counts.
private enum ReleaseMode {
    /// Nothing: the consumer alone is to blame.
    case silent
    case fail
    /// More than any number of others: the entry itself is to blame.
    case fatal

    init?(_ word: Bytes) {
        if word.isWord("SILENT") {
            self = .silent
        } else if word.isWord("FAIL") {
            self = .fail
        } else if word.isWord("FATAL") {
            self = .fatal
        } else {
            return nil
        }
    }
}
