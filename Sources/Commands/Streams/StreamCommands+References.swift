// Deleting entries with regard to the groups that refer to them: XDELEX, and XACKDEL, which acknowledges them first.
//
// Source: the documentation of Redis 8.2, which brought these commands.

internal import Keyspace
internal import Protocol

extension StreamCommands {
    static let xdelex = Command(
        "xdelex",
        "Deletes entries, and says what becomes of references to them.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: [.write, .fast],
        group: .stream,
        since: "8.2.0",
        complexity: "O(1) for each entry and group",
        categories: ["stream"],
        syntax: "<key:key> [condition(KEEPREF | DELREF | ACKED)] IDS ids{<numids:integer> <id>...}"
    ) { call throws(CommandError) in
        let request = try DeletionRequest(call, from: 2)
        let key = call.key(1)
        let value = try call.find(key, as: StreamValue.self)
        call.reply.array(request.ids.count)
        var isChanged = false
        for index in request.ids {
            let deletion = value?.delete(try call.streamID(index), request.rule) ?? .notThere
            call.reply.integer(deletion.number)
            if deletion == .deleted { isChanged = true }
        }
        if isChanged { call.didChange(key) } else if request.rule == .remove { call.noteChange(ofKeyAt: 1) }
    }

    static let xackdel = Command(
        "xackdel",
        "Acknowledges entries, and deletes them.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readWrite, .update, .delete]),
        flags: [.write, .fast],
        group: .stream,
        since: "8.2.0",
        complexity: "O(1) for each entry and group",
        categories: ["stream"],
        syntax: "<key:key> <group> [condition(KEEPREF | DELREF | ACKED)] IDS ids{<numids:integer> <id>...}"
    ) { call throws(CommandError) in
        let request = try DeletionRequest(call, from: 3)
        let key = call.key(1)
        let value = try call.find(key, as: StreamValue.self)
        let group = value?.group(named: call.arguments[2])
        call.reply.array(request.ids.count)
        var isChanged = false
        for index in request.ids {
            let id = try call.streamID(index)
            guard let value, let group, value.acknowledge(id, in: group) else {
                // What is not pending in the group is none of its business.
                call.reply.integer(StreamValue.Deletion.notThere.number)
                continue
            }
            isChanged = true
            // An entry that was gone before is deleted as well as can be.
            let deletion = value.delete(id, request.rule)
            call.reply.integer(deletion == .isReferenced ? deletion.number : StreamValue.Deletion.deleted.number)
        }
        if isChanged { call.didChange(key) }
    }
}

extension StreamValue.Deletion {
    fileprivate var number: Int {
        switch self {
        case .deleted: 1
        case .notThere: -1
        case .isReferenced: 2
        }
    }
}

/// `[KEEPREF | DELREF | ACKED] IDS count id ...`, in any order
private struct DeletionRequest {
    let rule: ReferenceRule
    /// The positions of the ids.
    let ids: Range<Int>

    init(_ call: Call, from start: Int) throws(CommandError) {
        var chosen: ReferenceRule?
        ids = try call.streamIDs(amongWordsFrom: start) { index in
            guard chosen == nil, let rule = ReferenceRule(call.arguments[index]) else { return nil }
            chosen = rule
            return index + 1
        }
        rule = chosen ?? .keep
    }
}
