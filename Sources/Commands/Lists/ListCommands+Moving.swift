// From one list to another: LMOVE and its older form.

internal import Keyspace
internal import Protocol

extension ListCommands {
    static let lmove = Command(
        "lmove",
        "Takes an element from an end of a list to an end of another.",
        arity: .exactly(5),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom],
        group: .list,
        since: "6.2.0",
        categories: ["list"],
        syntax: "<source:key> <destination:key> wherefrom(LEFT | RIGHT) whereto(LEFT | RIGHT)",
        isQuick: true
    ) { call throws(CommandError) in
        let (source, target) = (try call.listEnd(3), try call.listEnd(4))
        if try !move(call, from: source, to: target) { call.reply.null() }
    }

    static let rpoplpush = Command(
        "rpoplpush",
        "Takes the last element of a list to the head of another.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .denyoom],
        group: .list,
        since: "1.2.0",
        categories: ["list"],
        syntax: "<source:key> <destination:key>",
        isQuick: true
    ) { call throws(CommandError) in
        if try !move(call, from: .tail, to: .head) { call.reply.null() }
    }

    /// Takes an element from the list under the first key to that under the second, and replies with it; false where there
    /// is none.
    static func move(_ call: Call, from source: ListEnd, to target: ListEnd) throws(CommandError) -> Bool {
        let (sourceKey, targetKey) = (call.key(1), call.key(2))
        guard let list = try call.find(sourceKey, as: ListValue.self) else { return false }
        if sourceKey.bytes.isEqual(to: targetKey.bytes) {
            rotate(call, list, from: source, to: target)
            call.didChange(sourceKey)
            return true
        }
        let destination = try call.findOrMake(targetKey, as: ListValue.self)
        list.pop(at: source) { element in
            call.reply.bulk(element)
            element.withBytes { destination.push($0, at: target) }
        }
        call.removeIfEmpty(list, sourceKey)
        call.didChange(sourceKey)
        call.didChange(targetKey)
        return true
    }

    private static func rotate(_ call: Call, _ list: ListValue, from source: ListEnd, to target: ListEnd) {
        guard source != target else { return call.reply.bulk(list.element(at: source)) }
        // The list's own bytes cannot be pushed to it.
        var copy: [UInt8] = []
        list.pop(at: source) { element in
            call.reply.bulk(element)
            copy = element.withBytes { $0.array }
        }
        copy.withBytes { list.push($0, at: target) }
    }
}
