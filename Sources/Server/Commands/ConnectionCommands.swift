// Commands about the connection itself: greeting, proving who one is, choosing a database, leaving.

internal import Cluster
internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

enum ConnectionCommands {
    static let all = [ping, echo, hello, auth, quit, reset, select]

    static let ping = Command(
        "ping",
        "Answers PONG, or what it is given.",
        arity: .atLeast(1),
        flags: .fast,
        group: .connection,
        since: "1.0.0",
        categories: ["connection"],
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
        place: .anywhere,
        syntax: "[<message>]"
    ) { call throws(CommandError) in
        switch call.arguments.count {
        case 1: call.reply.simple("PONG")
        case 2: call.reply.bulk(call.arguments[1])
        default: throw .wrongArity
        }
    }

    static let echo = Command(
        "echo",
        "Answers what it is given.",
        arity: .exactly(2),
        flags: [.loading, .stale, .fast],
        group: .connection,
        since: "1.0.0",
        categories: ["connection"],
        place: .anywhere,
        syntax: "<message>"
    ) { call throws(CommandError) in
        call.reply.bulk(call.arguments[1])
    }

    static let quit = Command(
        "quit",
        "Closes the connection.",
        arity: .atLeast(1),
        flags: [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy, .transactional],
        group: .connection,
        since: "1.0.0",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        call.client.obstacles.insert(.closing)
        call.reply.ok()
    }

    static let select = Command(
        "select",
        "Chooses the database that the commands after it speak of.",
        arity: .exactly(2),
        flags: [.loading, .stale, .fast],
        group: .connection,
        since: "1.0.0",
        categories: ["connection"],
        place: .anywhere,
        syntax: "<index:integer>"
    ) { call throws(CommandError) in
        let index = try call.integer32(1)
        if call.node.isClusterEnabled, index != 0 { throw .text("ERR SELECT is not allowed in cluster mode") }
        guard index >= 0, index < call.keyspace.databaseCount else { throw .databaseOutOfRange }
        call.client.database = index
        call.database = index
        call.reply.ok()
    }

    static let auth = Command(
        "auth",
        "Proves who the client is.",
        arity: .atLeast(2),
        flags: [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy],
        group: .connection,
        since: "1.0.0",
        history: ["6.0.0": "Takes a user's name before the password."],
        complexity: "O(N) where N is the number of passwords defined for the user",
        categories: ["connection"],
        place: .anywhere,
        syntax: "[<username@6.0.0>] <password>",
        secrets: .from(1)
    ) { call throws(CommandError) in
        guard call.arguments.count <= 3 else { throw .syntax }
        let password = call.node.configuration.requirePass
        if call.arguments.count == 2, password.isEmpty {
            throw .text(
                """
                ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                configuration is correct?
                """
            )
        }
        let user = call.arguments.count == 3 ? call.arguments[1].array : Array("default".utf8)
        try authenticate(call, user: user, password: call.arguments[call.arguments.count - 1])
        call.reply.ok()
    }

    /// Lets the client in, or throws WRONGPASS.
    private static func authenticate(_ call: Call, user: [UInt8], password: Bytes) throws(CommandError) {
        let wanted = call.node.configuration.requirePass
        guard user == Array("default".utf8), wanted.isEmpty || isSameSecret(password, wanted) else {
            throw .text("WRONGPASS invalid username-password pair or user is disabled.")
        }
        call.client.isAuthenticated = true
        call.client.obstacles.remove(.unauthenticated)
    }

    /// Compares in a time that tells nothing about where the difference is.
    private static func isSameSecret(_ given: Bytes, _ wanted: [UInt8]) -> Bool {
        var difference = given.count ^ wanted.count
        for index in 0..<given.count { difference |= Int(given[index] ^ wanted[index % wanted.count]) }
        return difference == 0
    }

    static let hello = Command(
        "hello",
        "Greets, and chooses RESP2 or RESP3.",
        arity: .atLeast(1),
        flags: [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy],
        group: .connection,
        since: "6.0.0",
        history: [
            "8.1.0": "Shows `availability_zone` where the directive is set.",
            "6.2.0": "`protover` may be left out: nothing is changed.",
        ],
        categories: ["connection"],
        place: .anywhere,
        syntax: "[arguments{<protover:integer> [AUTH auth{<username> <password>}] [SETNAME <clientname>]}]",
        secrets: .behind("AUTH", count: 2)
    ) { call throws(CommandError) in
        let (arguments, client) = (call.arguments, call.client)
        var version = Int64(client.version)
        if arguments.count > 1 {
            version = try call.integer(1, orThrow: .text("ERR Protocol version is not an integer or out of range"))
            guard version == 2 || version == 3 else { throw .text("NOPROTO unsupported protocol version") }
        }
        var name: Bytes?
        var index = 2
        while index < arguments.count {
            let left = arguments.count - 1 - index
            if arguments[index].isWord("AUTH"), left >= 2 {
                try authenticate(call, user: arguments[index + 1].array, password: arguments[index + 2])
                index += 3
            } else if arguments[index].isWord("SETNAME"), left >= 1 {
                name = arguments[index + 1]
                try ClientCommands.checkName(arguments[index + 1])
                index += 2
            } else {
                return call.reply.error("ERR Syntax error in HELLO option '\(arguments[index].text)'")
            }
        }
        guard client.isAuthenticated else {
            throw .text(
                """
                NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
                <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
                the same time
                """
            )
        }
        if let name { client.name = name.array }
        client.version = UInt8(version)
        call.reply.version = client.version
        if client.version == 2 { call.node.unsubscribeFromTopology(client) }
        replyGreeting(call)
    }

    private static func replyGreeting(_ call: Call) {
        let reply = call.reply
        let zone = call.node.configuration.availabilityZone
        // One more than others say: a client sees at once whether the map of slots that it has is right.
        let topology = call.node.slotMaps.map?.topologyText
        reply.map(7 + (zone.isEmpty ? 0 : 1) + (topology == nil ? 0 : 1))
        reply.bulk("server")
        reply.bulk("redis")
        reply.bulk("version")
        reply.bulk(Product.compatibleVersion)
        reply.bulk("proto")
        reply.integer(Int(reply.version))
        reply.bulk("id")
        reply.integer(call.client.id)
        reply.bulk("mode")
        reply.bulk(call.node.isClusterEnabled ? "cluster" : "standalone")
        reply.bulk("role")
        reply.bulk("master")
        reply.bulk("modules")
        reply.array(0)
        if !zone.isEmpty {
            reply.bulk("availability_zone")
            reply.bulk(zone)
        }
        if let topology {
            reply.bulk("topology")
            reply.bulk(topology)
        }
    }

    static let reset = Command(
        "reset",
        "Makes the connection what it was when it was opened.",
        arity: .exactly(1),
        flags: [.noscript, .loading, .stale, .fast, .noAuth, .allowBusy, .transactional],
        group: .connection,
        since: "6.2.0",
        categories: ["connection"],
        place: .transaction
    ) { call throws(CommandError) in
        let client = call.client
        call.executor.endTransaction(client)
        if client.isMonitor { call.node.exclusively(call.executor) { call.node.removeMonitor(client) } }
        client.isAuthenticated = call.node.configuration.requirePass.isEmpty
        client.obstacles = client.isAuthenticated ? [] : .unauthenticated
        client.database = 0
        call.database = 0
        client.version = 2
        call.reply.version = 2
        client.name = []
        client.fieldsets = Fieldsets()
        client.isReadOnly = false
        call.node.unsubscribeFromTopology(client)
        client.isNoEvict = false
        client.isNoTouch = false
        client.replyMode = .on
        call.reply.simple("RESET")
    }
}
