// DEBUG: what tests and post-mortems need; allowed only where `enable-debug-command` says so.

internal import Cluster
internal import Commands
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Persistence
internal import Protocol

enum DebugCommands {
    static let all = [debug]

    static let flags: CommandFlags = [.admin, .noscript, .loading, .stale, .protected]

    static let debug = Command(
        "debug",
        "Looks behind the scenes, and plays tricks on the server.",
        flags: flags,
        group: .server,
        since: "1.0.0",
        standing: .system,
        subcommands: [
            sleep, object, setActiveExpire, log, protocols, stringMatchLength, populate, changeReplicationID, jmap,
            digest, digestValue, segfault, reload, rewriteAll, losePackets,
            packedThreshold, allocatorFigure, allocatorAction,
        ]
    )

    static let sleep = Command(
        "debug sleep",
        "Makes the shard that runs the command sleep.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "1.0.0",
        place: .anywhere,
        syntax: "<seconds:double>"
    ) { call throws(CommandError) in
        guard let seconds = Double(call.arguments[2].text), seconds >= 0, seconds < 1e6 else { throw .notAFloat }
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
        var left = time
        while unsafe nanosleep(&time, &left) != 0, errno == EINTR { time = left }
        call.reply.ok()
    }

    static let object = Command(
        "debug object",
        "Shows how a key's value is kept.",
        arity: .atLeast(3),
        keys: .one(at: 2, [.readOnly]),
        flags: flags,
        group: .server,
        since: "1.0.0",
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        let key = call.key(2)
        let keyspace = call.keyspace(of: key)
        guard let entry = keyspace.lookup(key, in: call.database, touching: false) else { throw .noSuchKey }
        call.reply.simple(
            "Value at:0x\(String(UInt(bitPattern: key.hash.hashValue), radix: 16)) refcount:1 "
                + "encoding:\(entry.encodingName) serializedlength:\(serializedByteCount(entry, in: keyspace)) "
                + "lru:\(entry.accessField) lru_seconds_idle:\(keyspace.idleSeconds(entry))"
        )
    }

    private static func serializedByteCount(_ entry: Entry, in keyspace: Keyspace) -> Int {
        if entry.type == .string { return entry.string.byteCount }
        return DumpPayload.encode(entry, in: keyspace).count - DumpPayload.frameByteCount
    }

    static let setActiveExpire = Command(
        "debug set-active-expire",
        "Switches the search for stale keys on or off.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "1.0.0",
        place: .everywhere,
        syntax: "<flag:integer>"
    ) { call throws(CommandError) in
        let isOn = try call.integer(2) != 0
        for shard in call.node.shards { shard.keyspace.isActiveExpiryEnabled = isOn }
        call.reply.ok()
    }

    static let losePackets = Command(
        "debug drop-cluster-packet-filter",
        "Loses what comes on the cluster bus: packets of a type; -1 loses none, -2 all.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .cluster,
        syntax: "<packet-type:integer>"
    ) { call throws(CommandError) in
        let number = try call.integer(2, in: -2...Int64(UInt16.max))
        try call.administer { (thread) throws(ClusterError) in
            thread.state.lostPackets =
                switch number {
                case -1: nil
                case -2: .all
                default: .type(UInt16(number))
                }
        }
    }

    static let packedThreshold = Command(
        "debug quicklist-packed-threshold",
        "Keeps elements of lists from a size on in nodes of their own; 0: the usual.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .everywhere,
        syntax: "<size>"
    ) { call throws(CommandError) in
        guard let size = memorySize(call.arguments[2].array), size < 1 << 32 - 1 << 20 else {
            throw .text("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
        }
        for shard in call.node.shards { shard.keyspace.limits.listAloneByteCount = size == 0 ? .max : Int(size) }
        call.reply.ok()
    }

    static let log = Command(
        "debug log",
        "Writes a line to the log.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .anywhere,
        syntax: "<message>"
    ) { call throws(CommandError) in
        call.node.log.warning("DEBUG LOG: \(call.arguments[2].text)")
        call.reply.ok()
    }

    static let stringMatchLength = Command(
        "debug stringmatch-len",
        "Matches a pattern against a long text.",
        arity: .exactly(4),
        flags: flags,
        group: .server,
        since: "1.0.0",
        place: .anywhere,
        syntax: "<length:integer> <pattern:pattern>"
    ) { call throws(CommandError) in
        let count = try call.integer(2, in: 0...(1 << 24))
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
        let matches = text.withBytes { globMatches(call.arguments[3], $0, ignoringCase: false) }
        call.reply.integer(matches ? 1 : 0)
    }

    static let populate = Command(
        "debug populate",
        "Makes many keys.",
        arity: .atLeast(3),
        flags: flags,
        group: .server,
        since: "1.0.0",
        place: .everywhere,
        syntax: "<count:integer> [<prefix>] [<size:integer>]"
    ) { call throws(CommandError) in
        guard call.arguments.count <= 5 else { throw .syntax }
        let count = try call.integer(2, in: 0...(1 << 40))
        let prefix = call.arguments.count > 3 ? call.arguments[3].text : "key"
        let size = call.arguments.count > 4 ? try call.integer(4, in: 0...(1 << 29)) : 0
        for number in 0..<count {
            var value = Array("value:\(number)".utf8)
            if size > 0 {
                value = Array(value.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - value.count))
            }
            Array("\(prefix):\(number)".utf8).withBytes { name in
                let key = call.keyspace.key(name)
                let keyspace = call.keyspace(of: key)
                guard !keyspace.contains(key, in: call.database) else { return }
                _ = value.withBytes { keyspace.set(key, in: call.database, to: $0) }
                call.didChange(key)
            }
        }
        call.reply.ok()
    }

    static let rewriteAll = Command(
        "debug config-rewrite-force-all",
        "Writes every directive to the configuration file.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .everywhere
    ) { call throws(CommandError) in
        try ConfigCommands.rewrite(call, everything: true)
    }

    // MARK: The protocol's types

    static let protocols = Command(
        "debug protocol",
        "Answers with a value of a type of the protocol.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "6.0.0",
        place: .anywhere,
        syntax: """
            type(STRING | INTEGER | DOUBLE | NULL | ARRAY | SET | MAP | ATTRIB | PUSH | VERBATIM | TRUE | FALSE |
            BIGNUM)
            """
    ) { call throws(CommandError) in
        let (reply, name) = (call.reply, call.arguments[2])
        switch name.text.lowercased() {
        case "string": reply.bulk("Hello World")
        case "integer": reply.integer(12345)
        case "double": reply.double(3.141)
        case "null": reply.null()
        case "true": reply.boolean(true)
        case "false": reply.boolean(false)
        case "verbatim": reply.verbatim("This is a verbatim\nstring")
        case "bignum": reply.bigNumber("1234567999999999999999999999999999999")
        case "array":
            reply.array(3)
            for number in 0..<3 { reply.integer(number) }
        case "set":
            reply.set(3)
            for number in 0..<3 { reply.integer(number) }
        case "map":
            reply.map(3)
            for number in 0..<3 {
                reply.integer(number)
                reply.boolean(number == 1)
            }
        case "attrib":
            guard reply.version == 3 else { return reply.bulk("Some real reply following the attribute") }
            reply.attribute(1)
            reply.bulk("key-popularity")
            reply.array(2)
            reply.bulk("key:123")
            reply.integer(90)
            reply.bulk("Some real reply following the attribute")
        case "push":
            guard reply.version == 3 else { throw .text("ERR RESP2 is not supported by this command") }
            reply.push(2)
            reply.bulk("server-cpu-usage")
            reply.integer(42)
            reply.bulk("Some real reply following the push reply")
        default:
            throw .text(
                """
                ERR Wrong protocol type name. Please use one of the following: \
                string|integer|double|null|array|set|map|attrib|push|verbatim|true|false
                """
            )
        }
    }

    // MARK: Refusals in clear words

    private static func refusal(_ name: String, _ reason: StaticString) -> Command {
        Command(
            "debug \(name)",
            "Not available here: the answer says why.",
            arity: .atLeast(2),
            flags: flags,
            group: .server,
            since: "1.0.0",
            place: .anywhere
        ) { call throws(CommandError) in throw .text(reason) }
    }

    static let jmap = refusal("jmap", "ERR DEBUG JMAP is not available: Apus has no such memory map")
    static let segfault = refusal("segfault", "ERR DEBUG SEGFAULT is not available: Apus does not crash on request")
    static let reload = refusal("reload", "ERR DEBUG RELOAD is not available: persistence is not built yet")
    static let changeReplicationID = refusal(
        "change-repl-id",
        "ERR DEBUG CHANGE-REPL-ID is not available: replication is not built yet"
    )

    // MARK: Digests

    static let digest = Command(
        "debug digest",
        "Sums all data up, so that two servers can be compared.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "1.0.0",
        place: .everywhere
    ) { call throws(CommandError) in
        var sum = DataDigest()
        for keyspace in call.keyspaces {
            for database in 0..<keyspace.databaseCount {
                keyspace.forEachKey(in: database) { sum.add(DataDigest(of: $0, in: keyspace, database: database)) }
            }
        }
        call.reply.simple(sum.text)
    }

    static let digestValue = Command(
        "debug digest-value",
        "Sums up the values of keys.",
        arity: .atLeast(2),
        keys: .all(from: 2, [.readOnly]),
        flags: flags,
        group: .server,
        since: "1.0.0",
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        call.reply.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count {
            let key = call.key(index)
            let keyspace = call.keyspace(of: key)
            let entry = keyspace.lookup(key, in: call.database, touching: false)
            call.reply.bulk((entry.map { DataDigest(ofValue: $0, in: keyspace) } ?? DataDigest()).text)
        }
    }
}
