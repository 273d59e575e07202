// CLUSTER's slots: given out, taken back, moved; and the keys in them.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

enum ClusterSlotCommands {
    static let all = [
        keySlot, addSlots, addSlotsRange, delSlots, delSlotsRange, flushSlots, setSlot, flushSlot, countKeys,
        getKeys,
    ]

    private static let flags: CommandFlags = [.admin, .stale, .noAsyncLoading]

    static let keySlot = Command(
        "cluster|keyslot",
        "Tells the slot of a key.",
        arity: .exactly(3),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        complexity: "O(N) where N is the number of bytes in the key",
        place: .anywhere,
        syntax: "<key>"
    ) { call throws(CommandError) in
        try call.requireCluster()
        call.reply.integer(hashSlot(of: call.arguments[2]))
    }

    private static func listed(_ call: Call) throws(ClusterError) -> [Int] {
        var slots: [Int] = []
        for index in 2..<call.arguments.count { slots.append(try call.slot(index)) }
        return slots
    }

    private static func ranged(_ call: Call) throws(ClusterError) -> [Int] {
        var slots: [Int] = []
        for index in stride(from: 2, to: call.arguments.count, by: 2) {
            let (start, end) = (try call.slot(index), try call.slot(index + 1))
            guard start <= end else { throw .reversedRange(start: start, end: end) }
            slots += start...end
        }
        return slots
    }

    static let addSlots = aboutSlots(
        "cluster|addslots",
        "Takes slots that nobody serves."
    ) { call throws(CommandError) in
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.addSlots(try listed(call), at: thread.now)
        }
    }

    static let delSlots = aboutSlots(
        "cluster|delslots",
        "Leaves slots to nobody."
    ) { call throws(CommandError) in
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.deleteSlots(try listed(call), at: thread.now)
        }
    }

    /// A command that lists slots.
    private static func aboutSlots(_ name: String, _ summary: String, _ body: @escaping Command.Body) -> Command {
        Command(
            name,
            summary,
            arity: .atLeast(3),
            flags: flags,
            group: .cluster,
            since: "3.0.0",
            complexity: "O(N) where N is the total number of hash slot arguments",
            place: .cluster,
            syntax: "<slot:integer>...",
            body
        )
    }

    static let addSlotsRange = aboutRanges(
        "cluster|addslotsrange",
        "Takes ranges of slots that nobody serves."
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 0 else { throw .wrongArity }
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.addSlots(try ranged(call), at: thread.now)
        }
    }

    static let delSlotsRange = aboutRanges(
        "cluster|delslotsrange",
        "Leaves ranges of slots to nobody."
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 0 else { throw .wrongArity }
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.deleteSlots(try ranged(call), at: thread.now)
        }
    }

    /// A command that lists ranges of slots.
    private static func aboutRanges(_ name: String, _ summary: String, _ body: @escaping Command.Body) -> Command {
        Command(
            name,
            summary,
            arity: .atLeast(4),
            flags: flags,
            group: .cluster,
            since: "7.0.0",
            complexity: "O(N) where N is the total number of the slots between the start slot and end slot arguments.",
            place: .cluster,
            syntax: "range{<start-slot:integer> <end-slot:integer>}...",
            body
        )
    }

    static let flushSlots = Command(
        "cluster|flushslots",
        "Leaves all slots of this node to nobody.",
        arity: .exactly(2),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        place: .cluster
    ) { call throws(CommandError) in
        let isEmpty = !call.node.hasKeys
        try call.administer { (thread) throws(ClusterError) in
            try thread.state.flushSlots(databaseIsEmpty: isEmpty, at: thread.now)
        }
    }

    static let setSlot = Command(
        "cluster|setslot",
        "Opens a slot for moving, closes it, or gives it to a node.",
        arity: .atLeast(4),
        flags: flags,
        group: .cluster,
        since: "3.0.0",
        history: ["8.0.0": "Takes `TIMEOUT`."],
        place: .slot(at: 2),
        syntax: """
            <slot:integer> subcommand(IMPORTING <importing=node-id> | MIGRATING <migrating=node-id> | NODE
            <node=node-id> | STABLE) [TIMEOUT <timeout:integer@8.0.0>]
            """
    ) { call throws(CommandError) in
        try call.requireCluster()
        let slot: Int
        do throws(ClusterError) {
            guard call.executor.slotMap?.isPrimary ?? true else { throw .setSlotOnReplica }
            slot = try call.slot(2)
        } catch {
            return call.reply.error("ERR \(error.text)")
        }
        // The keys are counted here, where they are; what they mean is decided where the cluster thinks.
        let holdsKeys = call.keyspace(ofSlot: slot).count(inSlot: slot, of: 0) > 0
        let action = try slotAction(call, holdsKeys: holdsKeys)
        call.client.errand = Errand(at: .cluster) { call throws(CommandError) in
            try call.administer { (thread) throws(ClusterError) in
                try thread.state.setSlot(slot, action, at: thread.now)
            }
        }
    }

    private static func slotAction(_ call: Call, holdsKeys: Bool) throws(CommandError) -> SlotAction {
        let arguments = call.arguments
        let word = arguments[3]
        var rest = 4
        let action: SlotAction
        if word.isWord("STABLE") {
            action = .stable
        } else {
            guard arguments.count > 4 else { throw invalidSetSlot }
            rest = 5
            let name = arguments[4].text
            if word.isWord("MIGRATING") {
                action = .migrating(to: name)
            } else if word.isWord("IMPORTING") {
                action = .importing(from: name)
            } else if word.isWord("NODE") {
                action = .node(name, holdsKeys: holdsKeys)
            } else {
                throw invalidSetSlot
            }
        }
        try checkTimeout(call, from: rest)
        return action
    }

    /// Valkey waits so long until the replicas have taken note. Without replicas there is nothing to wait for, but its
    /// tools say it all the same.
    private static func checkTimeout(_ call: Call, from index: Int) throws(CommandError) {
        let arguments = call.arguments
        guard index < arguments.count else { return }
        guard arguments[index].isWord("TIMEOUT"), arguments.count <= index + 2 else { throw invalidSetSlot }
        guard index + 1 < arguments.count else { throw .text("ERR Missing timeout value") }
        let timeout = try call.integer(index + 1, orThrow: .text("ERR timeout is not an integer or out of range"))
        guard timeout >= 0 else { throw .text("ERR timeout is negative") }
    }

    private static let invalidSetSlot = CommandError.text(
        "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"
    )

    static let flushSlot = Command(
        "cluster|flushslot",
        "Removes all keys of a slot.",
        arity: .atLeast(3),
        flags: [.write, .admin, .noAsyncLoading],
        group: .cluster,
        since: "9.0.0",
        complexity: "O(N) where N is the number of keys in the slot",
        categories: ["keyspace"],
        place: .slot(at: 2),
        syntax: "<slot:integer> [flush-type(ASYNC | SYNC)]"
    ) { call throws(CommandError) in
        try call.requireCluster()
        let slot: Int
        do throws(ClusterError) { slot = try call.slot(2) } catch { return call.reply.error("ERR \(error.text)") }
        var isLazy = call.keyspace.lazyFreeing.contains(.flush)
        switch call.arguments.count {
        case 3: break
        case 4 where call.arguments[3].isWord("ASYNC"): isLazy = true
        case 4 where call.arguments[3].isWord("SYNC"): isLazy = false
        case 4: throw .syntax
        default:
            return call.reply.error(
                "ERR unknown subcommand or wrong number of arguments for 'FLUSHSLOT'. Try CLUSTER HELP."
            )
        }
        let executor = call.executor.holdsEverything ? call.node.executor(ofSlot: slot) : call.executor
        if executor.flush(slot: slot, lazily: isLazy) > 0 { call.noteChange() }
        call.reply.ok()
    }

    static let countKeys = Command(
        "cluster|countkeysinslot",
        "Tells how many keys a slot has here.",
        arity: .exactly(3),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        place: .slot(at: 2),
        syntax: "<slot:integer>"
    ) { call throws(CommandError) in
        try call.requireCluster()
        let slot = try call.integer(2, orThrow: .notAnInteger)
        guard slot >= 0, slot < Int64(slotCount) else { throw .text("ERR Invalid slot") }
        call.reply.integer(call.keyspace(ofSlot: Int(slot)).count(inSlot: Int(slot), of: 0))
    }

    static let getKeys = Command(
        "cluster|getkeysinslot",
        "Shows keys of a slot.",
        arity: .exactly(4),
        flags: .stale,
        group: .cluster,
        since: "3.0.0",
        complexity: "O(log(N)) where N is the number of requested keys",
        tips: ["nondeterministic_output"],
        place: .slot(at: 2),
        syntax: "<slot:integer> <count:integer>"
    ) { call throws(CommandError) in
        try call.requireCluster()
        let (slot, limit) = (try call.integer(2), try call.integer(3))
        guard slot >= 0, slot < Int64(slotCount), limit >= 0 else {
            throw .text("ERR Invalid slot or number of keys")
        }
        let opening = call.reply.openArray()
        var count = 0
        if limit > 0 {
            call.keyspace(ofSlot: Int(slot)).forEachKey(inSlot: Int(slot), of: 0) { entry in
                call.reply.bulk(entry.key)
                count += 1
                return count < limit
            }
        }
        call.reply.closeArray(opening, count: count)
    }
}

extension Executor {
    /// Empties a slot of this shard, and tells those who watch one of its keys.
    ///
    /// - Returns: how many keys it had.
    @discardableResult
    func flush(slot: Int, lazily: Bool) -> Int {
        watchers.databaseDidChange(0) { watched in
            watched.bytes.withBytes { bytes in
                let key = keyspace.key(bytes)
                return key.slot == slot && keyspace.contains(key, in: 0)
            }
        }
        return keyspace.flush(slot: slot, of: 0, lazily: lazily)
    }
}
