// DUMP and RESTORE: values that travel between servers.

internal import Keyspace
internal import Persistence
internal import Protocol

extension KeyCommands {
    static let dump = Command(
        "dump",
        "Hands out the value under a key in the form that RESTORE takes.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .generic,
        since: "2.6.0",
        complexity: "O(1) to find the key, O(N*M) for a value of N elements of M bytes: O(1*M), so O(1), for a string",
        categories: ["keyspace"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let entry = call.read(key) else { return call.reply.null() }
        DumpPayload.encode(entry, in: call.keyspace(of: key)).withBytes { call.reply.bulk($0) }
    }

    static let restore = Command(
        "restore",
        "Makes a key of what DUMP handed out.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .generic,
        since: "2.6.0",
        history: restoreHistory,
        complexity: restoreComplexity,
        categories: ["keyspace", "dangerous"],
        syntax: restoreSyntax
    ) { call throws(CommandError) in
        try restore(call)
    }

    static let restoreAsking = Command(
        "restore-asking",
        "RESTORE while a slot moves: what MIGRATE sends.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.overwrite, .update]),
        flags: [.write, .denyoom, .asking],
        group: .server,
        since: "3.0.0",
        history: restoreHistory,
        standing: .system,
        complexity: restoreComplexity,
        categories: ["keyspace", "dangerous"],
        syntax: restoreSyntax
    ) { call throws(CommandError) in
        try restore(call)
    }

    private static let restoreComplexity = """
        O(1) to make the key, O(N*M) for a value of N elements of M bytes: O(1*M), so O(1), for a string, and \
        O(N*M*log(N)) for a sorted set, whose elements cost O(log(N)) each
        """

    private static let restoreHistory: Command.History = [
        "3.0.0": "Takes `REPLACE`.", "5.0.0": "Takes `ABSTTL`.", "5.0.0": "Takes `IDLETIME` and `FREQ`.",
    ]

    private static let restoreSyntax = """
        <key:key> <ttl:integer> <serialized-value> [REPLACE@3.0.0] [ABSTTL@5.0.0]
        [IDLETIME <seconds:integer@5.0.0>] [FREQ <frequency:integer@5.0.0>]
        """

    private static func restore(_ call: Call) throws(CommandError) {
        let options = try RestoreOptions(call)
        let key = call.key(1)
        let keyspace = call.keyspace(of: key)
        guard options.replaces || call.peek(key) == nil else {
            throw .text("BUSYKEY Target key name already exists.")
        }
        let lifetime = try call.integer(2)
        guard lifetime >= 0 else { throw .text("ERR Invalid TTL value, must be >= 0") }
        // A time beyond the end of all time wraps to one long past, in Redis as here.
        let expiry = options.isTimeAbsolute ? lifetime : lifetime &+ keyspace.now
        let entry = try decode(call.arguments[3], key, expiry: lifetime == 0 ? nil : expiry, in: keyspace)
        if lifetime != 0, expiry <= keyspace.now, keyspace.lazyExpiry == .remove {
            if keyspace.remove(key, in: call.database) { call.didChange(key) }
            return call.reply.ok()
        }
        keyspace.attach(entry, as: key, in: call.database)
        call.didChange(key)
        // Behind it: with some policies a change is what counts as a use.
        options.noteAccess(of: key, in: keyspace, database: call.database)
        call.reply.ok()
    }

    private static func decode(
        _ payload: Bytes,
        _ key: Key,
        expiry: Int64?,
        in keyspace: Keyspace
    ) throws(CommandError) -> DetachedEntry {
        do {
            return try DumpPayload.decode(payload, key: key.bytes, expiry: expiry, in: keyspace)
        } catch .versionOrChecksum {
            throw .text("ERR DUMP payload version or checksum are wrong")
        } catch {
            throw .text("ERR Bad data format")
        }
    }
}

/// The words behind RESTORE's payload.
private struct RestoreOptions {
    private(set) var replaces = false
    private(set) var isTimeAbsolute = false
    private var idleSeconds: Int64?
    private var frequency: UInt8?

    init(_ call: Call) throws(CommandError) {
        var index = 4
        while index < call.arguments.count {
            let word = call.arguments[index]
            let hasValue = index + 1 < call.arguments.count
            if word.isWord("REPLACE") {
                replaces = true
            } else if word.isWord("ABSTTL") {
                isTimeAbsolute = true
            } else if word.isWord("IDLETIME"), hasValue, frequency == nil {
                index += 1
                let seconds = try call.integer(index)
                guard seconds >= 0 else { throw .text("ERR Invalid IDLETIME value, must be >= 0") }
                idleSeconds = seconds
            } else if word.isWord("FREQ"), hasValue, idleSeconds == nil {
                index += 1
                guard let counter = UInt8(exactly: try call.integer(index)) else {
                    throw .text("ERR Invalid FREQ value, must be >= 0 and <= 255")
                }
                frequency = counter
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    /// Leaves in the new entry what the words say about its use; what the server does not record is ignored.
    func noteAccess(of key: Key, in keyspace: Keyspace, database: Int) {
        guard let entry = keyspace.lookup(key, in: database, touching: false) else { return }
        if let idleSeconds { keyspace.setIdleSeconds(Int(idleSeconds), of: entry) }
        if let frequency { keyspace.setFrequency(frequency, of: entry) }
    }
}
