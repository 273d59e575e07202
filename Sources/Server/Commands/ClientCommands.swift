// CLIENT: the connections of the node, seen and steered.

internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

enum ClientCommands {
    static let all = [client]

    static let client = Command(
        "client",
        "Shows and steers connections.",
        group: .connection,
        since: "2.4.0",
        helpSince: "5.0.0",
        helpCategories: ["connection"],
        subcommands: [
            id, info, list, kill, setName, getName, setInfo, noEvict, noTouch, replies, pause, unpause, unblock,
        ]
    )

    private static let ordinary: CommandFlags = [.noscript, .loading, .stale]
    private static let administrative: CommandFlags = [.admin, .noscript, .loading, .stale]

    static let id = Command(
        "client|id",
        "Tells the number of this connection.",
        arity: .exactly(2),
        flags: ordinary,
        group: .connection,
        since: "5.0.0",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        call.reply.integer(call.client.id)
    }

    static let info = Command(
        "client|info",
        "Shows this connection.",
        arity: .exactly(2),
        flags: [.noscript, .loading, .stale],
        group: .connection,
        since: "6.2.0",
        categories: ["connection"],
        tips: ["nondeterministic_output"],
        place: .anywhere
    ) { call throws(CommandError) in
        call.reply.verbatim(call.client.line(now: call.keyspace.now) + "\n")
    }

    // MARK: Names

    /// Names are shown in lists, whose fields end with blanks.
    static func checkName(_ name: Bytes) throws(CommandError) {
        guard isPrintable(name) else {
            throw .text("ERR Client names cannot contain spaces, newlines or special characters.")
        }
    }

    private static func isPrintable(_ text: Bytes) -> Bool {
        (0..<text.count).allSatisfy { text[$0] >= UInt8(ascii: "!") && text[$0] <= UInt8(ascii: "~") }
    }

    static let setName = Command(
        "client|setname",
        "Gives this connection a name.",
        arity: .exactly(3),
        flags: ordinary,
        group: .connection,
        since: "2.6.9",
        categories: ["connection"],
        place: .anywhere,
        syntax: "<connection-name>"
    ) { call throws(CommandError) in
        try checkName(call.arguments[2])
        call.client.name = call.arguments[2].array
        call.reply.ok()
    }

    static let getName = Command(
        "client|getname",
        "Tells the name of this connection.",
        arity: .exactly(2),
        flags: ordinary,
        group: .connection,
        since: "2.6.9",
        categories: ["connection"],
        place: .anywhere
    ) { call throws(CommandError) in
        if call.client.name.isEmpty { return call.reply.null() }
        call.client.name.withBytes { call.reply.bulk($0) }
    }

    static let setInfo = Command(
        "client|setinfo",
        "Tells which library the client uses.",
        arity: .exactly(4),
        flags: ordinary.union(.allowBusy),
        group: .connection,
        since: "7.2.0",
        categories: ["connection"],
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        place: .anywhere,
        syntax: "attr(LIB-NAME <libname> | LIB-VER <libver>)"
    ) { call throws(CommandError) in
        let (field, value) = (call.arguments[2], call.arguments[3])
        let isName = field.isWord("LIB-NAME")
        guard isName || field.isWord("LIB-VER") else {
            return call.reply.error("ERR Unrecognized option '\(field.text)'")
        }
        guard isPrintable(value) else {
            return call.reply.error(
                "ERR \(isName ? "lib-name" : "lib-ver") cannot contain spaces, newlines or special characters."
            )
        }
        if isName { call.client.libraryName = value.array } else { call.client.libraryVersion = value.array }
        call.reply.ok()
    }

    // MARK: Switches

    static let noEvict = Command(
        "client|no-evict",
        "Keeps this connection when clients are evicted.",
        arity: .exactly(3),
        flags: [.admin, .noscript, .loading, .stale],
        group: .connection,
        since: "7.0.0",
        categories: ["connection"],
        place: .anywhere,
        syntax: "enabled(ON | OFF)"
    ) { call throws(CommandError) in
        call.client.isNoEvict = try isOn(call.arguments[2])
        call.reply.ok()
    }

    static let noTouch = Command(
        "client|no-touch",
        "Lets this connection read without counting as use.",
        arity: .exactly(3),
        flags: ordinary.union(.allowBusy),
        group: .connection,
        since: "7.2.0",
        categories: ["connection"],
        place: .anywhere,
        syntax: "enabled(ON | OFF)"
    ) { call throws(CommandError) in
        call.client.isNoTouch = try isOn(call.arguments[2])
        call.notesAccess = !call.client.isNoTouch
        call.reply.ok()
    }

    private static func isOn(_ word: Bytes) throws(CommandError) -> Bool {
        if word.isWord("ON") { return true }
        guard word.isWord("OFF") else { throw .syntax }
        return false
    }

    static let replies = Command(
        "client|reply",
        "Switches replies on or off, or leaves the next one out.",
        arity: .exactly(3),
        flags: [.noscript, .loading, .stale],
        group: .connection,
        since: "3.2.0",
        categories: ["connection"],
        place: .anywhere,
        syntax: "action(ON | OFF | SKIP)"
    ) { call throws(CommandError) in
        let (word, client) = (call.arguments[2], call.client)
        if word.isWord("ON") {
            client.replyMode = .on
            client.obstacles.remove(.repliesOff)
            call.reply.ok()
        } else if word.isWord("OFF") {
            client.replyMode = .off
            client.obstacles.insert(.repliesOff)
        } else if word.isWord("SKIP") {
            guard client.replyMode != .off else { return }
            client.replyMode = .skipNext
            client.obstacles.insert(.repliesOff)
        } else {
            throw .syntax
        }
    }

    // MARK: Pausing

    static let pause = Command(
        "client|pause",
        "Holds commands of all clients back for a time.",
        arity: .atLeast(3),
        flags: administrative,
        group: .connection,
        since: "2.9.50",
        history: ["6.2.0": "Takes `WRITE` and `ALL`."],
        categories: ["connection"],
        place: .everywhere,
        syntax: "<timeout:integer> [mode@6.2.0(WRITE | ALL)]"
    ) { call throws(CommandError) in
        var mode = Node.Pause.Mode.all
        switch call.arguments.count {
        case 3: break
        case 4 where call.arguments[3].isWord("ALL"): break
        case 4 where call.arguments[3].isWord("WRITE"): mode = .write
        case 4: throw .text("ERR CLIENT PAUSE mode must be WRITE or ALL")
        default: throw .wrongArity
        }
        let time = try call.integer(2, orThrow: .text("ERR timeout is not an integer or out of range"))
        guard time >= 0 else { throw .text("ERR timeout is negative") }
        let (until, overflows) = call.keyspace.now.addingReportingOverflow(time)
        guard !overflows else { throw .text("ERR timeout is out of range") }
        call.node.pause(mode, until: until)
        call.reply.ok()
    }

    static let unpause = Command(
        "client|unpause",
        "Lets held back commands go on.",
        arity: .exactly(2),
        flags: administrative,
        group: .connection,
        since: "6.2.0",
        complexity: "O(N) where N is the number of clients held back",
        categories: ["connection"],
        place: .everywhere
    ) { call throws(CommandError) in
        call.node.unpause()
        call.reply.ok()
    }

    // MARK: Waiting

    static let unblock = Command(
        "client|unblock",
        "Ends the wait of a client whose command waits for keys.",
        arity: .atLeast(3),
        flags: administrative,
        group: .connection,
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        categories: ["connection"],
        place: .everywhere,
        syntax: "<client-id:integer> [unblock-type(TIMEOUT | ERROR)]"
    ) { call throws(CommandError) in
        var isError = false
        if call.arguments.count > 3 {
            isError = call.arguments[3].isWord("ERROR")
            guard isError || call.arguments[3].isWord("TIMEOUT") else {
                throw .text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
            }
        }
        let id = try call.integer(2)
        let target = call.node.allClients.first { $0.id == id }
        guard let wait = target?.wait else { return call.reply.integer(0) }
        call.executor.end(wait) { reply in
            if isError {
                reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
            } else {
                reply.nullArray()
            }
        }
        call.reply.integer(1)
    }

    // MARK: Listing and killing

    static let list = Command(
        "client|list",
        "Shows all connections.",
        arity: .atLeast(2),
        flags: administrative,
        group: .connection,
        since: "2.4.0",
        history: [
            "2.8.12": "Shows `id`.",
            "5.0.0": "Takes `TYPE`.",
            "6.0.0": "Shows `user`.",
            "6.2.0": "Shows `argv-mem`, `tot-mem`, `laddr` and `redir`; takes `ID`.",
            "7.0.0": "Shows `resp`, `multi-mem`, `rbs` and `rbp`.",
            "7.0.3": "Shows `ssub`.",
            "8.0.0": "`TYPE` knows `primary`, and `master` still.",
            "8.1.0": "Takes `USER`, `ADDR`, `LADDR`, `SKIPME` and `MAXAGE`.",
            "9.0.0":
                "Takes `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, and `NOT-` before most.",
        ],
        complexity: "O(N) where N is the number of client connections",
        categories: ["connection"],
        tips: ["nondeterministic_output"],
        place: .everywhere,
        syntax: ClientFilter.listSyntax
    ) { call throws(CommandError) in
        guard let chosen = chosen(call, skipsAsker: false) else { return }
        let now = call.keyspace.now
        call.reply.verbatim(chosen.map { $0.line(now: now) + "\n" }.joined())
    }

    static let kill = Command(
        "client|kill",
        "Closes connections.",
        arity: .atLeast(3),
        flags: administrative,
        group: .connection,
        since: "2.4.0",
        history: [
            "2.8.12": "Takes filters, not only an address.",
            "2.8.12": "Takes `ID`.",
            "3.2.0": "`TYPE` knows `master`.",
            "5.0.0": "`TYPE` knows `replica`, and `slave` still.",
            "6.2.0": "Takes `LADDR`.",
            "8.0.0": "Takes `MAXAGE`.",
            "8.0.0": "`TYPE` knows `primary`, and `master` still.",
            "8.1.0": "`ID` takes several.",
            "9.0.0":
                "Takes `NAME`, `IDLE`, `FLAGS`, `LIB-NAME`, `LIB-VER`, `DB`, `CAPA`, `IP`, and `NOT-` before most.",
        ],
        complexity: "O(N) where N is the number of client connections",
        categories: ["connection"],
        place: .everywhere,
        syntax: ClientFilter.killSyntax
    ) { call throws(CommandError) in
        let arguments = call.arguments
        if arguments.count == 3 {
            let address = arguments[2].text
            guard let victim = call.node.allClients.first(where: { $0.address == address }) else {
                throw .text("ERR No such client")
            }
            call.node.kill(victim, by: call.client)
            return call.reply.ok()
        }
        guard let victims = chosen(call, skipsAsker: true) else { return }
        victims.forEach { call.node.kill($0, by: call.client) }
        call.reply.integer(victims.count)
    }

    /// The clients that the filter in the call means; nil: it was answered with an error.
    private static func chosen(_ call: Call, skipsAsker: Bool) -> [Client]? {
        do throws(ClientFilter.Mistake) {
            let filter = try ClientFilter(call, skipsAsker: skipsAsker)
            return call.node.allClients.filter(filter.matches)
        } catch {
            call.reply.error(error.text)
            return nil
        }
    }
}

extension Node {
    /// All clients in the order in which they came. In an exclusive section.
    var allClients: [Client] {
        // One that is to be closed as soon as it is given back is as good as gone.
        let clients = shards.flatMap { shard in shard.clients.values.filter { !$0.obstacles.contains(.killed) } }
        return clients.sorted { $0.id < $1.id }
    }

    /// Ends a connection: at once, or when the thread that has it gives it back; `me` is answered first.
    /// In an exclusive section.
    func kill(_ client: Client, by me: Client) {
        guard client !== me else {
            client.obstacles.insert(.closing)
            return
        }
        kill(client)
    }

    /// Ends a connection: at once, or when the thread that has it gives it back. In an exclusive section.
    func kill(_ client: Client) {
        if let wait = client.wait { return dismiss(wait) }
        client.obstacles.insert(.killed)
        guard !client.isAway else { return }
        shards[client.home].makeReady(client)
        shards[client.home].poller.wake()
    }

    /// In an exclusive section.
    func pause(_ mode: Pause.Mode, until: Int64) {
        // A pause under way is never made shorter or laxer by another.
        let isUnderWay = pause.map { $0.until > shards[0].keyspace.now } ?? false
        let stricter = isUnderWay && pause?.mode == .all ? .all : mode
        pause = Pause(mode: stricter, until: max(until, isUnderWay ? pause?.until ?? 0 : 0))
        clusterThread?.executor.threadObstacles.insert(.paused)
        for shard in shards { shard.pauseBegan() }
    }

    /// In an exclusive section.
    func unpause() {
        pause = nil
        clusterThread?.executor.threadObstacles.remove(.paused)
        for shard in shards {
            shard.pauseEnded()
            shard.poller.wake()
        }
    }
}
