// OBJECT: how a key's value is kept, and when it was last used.

internal import Keyspace
internal import Protocol

extension KeyCommands {
    static let object = Command(
        "object",
        "Looks at how values are kept.",
        group: .generic,
        since: "2.2.3",
        helpSince: "6.2.0",
        helpCategories: ["keyspace"],
        subcommands: [encoding, frequency, idleTime, referenceCount]
    )

    private static let encoding = Command(
        "object|encoding",
        "Tells how the value under a key is encoded.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readOnly]),
        flags: .readonly,
        group: .generic,
        since: "2.2.3",
        categories: ["keyspace"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let entry = call.peek(call.key(2)) else { return call.reply.null() }
        call.reply.bulk(entry.encodingName)
    }

    private static let frequency = Command(
        "object|freq",
        "Tells how often a key is used, as the LFU policies count it.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readOnly]),
        flags: .readonly,
        group: .generic,
        since: "4.0.0",
        categories: ["keyspace"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(2)
        guard let entry = call.peek(key) else { return call.reply.null() }
        let keyspace = call.keyspace(of: key)
        guard keyspace.recordsFrequency else {
            throw .text(
                """
                ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                switching between policies at runtime LRU and LFU data will take some time to adjust.
                """
            )
        }
        call.reply.integer(keyspace.frequency(entry))
    }

    private static let idleTime = Command(
        "object|idletime",
        "Tells how many seconds ago a key was last used.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readOnly]),
        flags: .readonly,
        group: .generic,
        since: "2.2.3",
        categories: ["keyspace"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(2)
        guard let entry = call.peek(key) else { return call.reply.null() }
        let keyspace = call.keyspace(of: key)
        guard !keyspace.recordsFrequency else {
            throw .text(
                """
                ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching \
                between policies at runtime LRU and LFU data will take some time to adjust.
                """
            )
        }
        call.reply.integer(keyspace.idleSeconds(entry))
    }

    private static let referenceCount = Command(
        "object|refcount",
        "Tells how many times the value under a key is referred to.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readOnly]),
        flags: .readonly,
        group: .generic,
        since: "2.2.3",
        categories: ["keyspace"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let entry = call.peek(call.key(2)) else { return call.reply.null() }
        // Nothing is shared here: an integer costs no allocation. Redis shares small ones, and calls that INT_MAX; but not
        // where eviction goes by their use, as that is noted in each.
        if !call.keyspace(of: call.key(2)).evictsByUse, entry.isInteger, case .integer(let number) = entry.string,
            (0..<10_000).contains(number)
        {
            return call.reply.integer(Int64(Int32.max))
        }
        call.reply.integer(1)
    }
}
