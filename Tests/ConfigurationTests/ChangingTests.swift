import Configuration
import Testing

@Suite struct `CONFIG SET` {
    /// Asked of Redis 7.0; pairs in, the error's text out.
    @Test(arguments: [
        (["nope", "1"], "Unknown option or number of arguments for CONFIG SET - 'nope'"),
        (["timeout", "5", "nope", "1"], "Unknown option or number of arguments for CONFIG SET - 'nope'"),
        (["user", "x"], "Unknown option or number of arguments for CONFIG SET - 'user'"),
        (["include", "x"], "Unknown option or number of arguments for CONFIG SET - 'include'"),
        (
            ["list-max-ziplist-entries", "1"],
            "Unknown option or number of arguments for CONFIG SET - 'list-max-ziplist-entries'"
        ),
        (["timeout", "5", "timeout", "6"], failed("timeout", "duplicate parameter")),
        (
            ["nope", "1", "timeout", "5", "timeout", "6"],
            "Unknown option or number of arguments for CONFIG SET - 'nope'"
        ),
        (["timeout", "5", "port", "x"], failed("port", "argument couldn't be parsed into an integer")),
        (["timeout", "5", "daemonize", "yes"], failed("daemonize", "can't set immutable config")),
        (["daemonize", "yes", "nope", "1"], failed("daemonize", "can't set immutable config")),
        (["enable-protected-configs", "yes"], failed("enable-protected-configs", "can't set immutable config")),
        (["replicaof", "1 2"], failed("replicaof", "can't set immutable config")),
        (["dir", "/tmp"], failed("dir", "can't set protected config")),
        (["dir", "/tmp", "nope", "1"], failed("dir", "can't set protected config")),
        (["dbfilename", "a/b"], failed("dbfilename", "can't set protected config")),
        (["save", "900"], failed("save", "Invalid save parameters")),
        (["save", "0 1"], failed("save", "Invalid save parameters")),
        (["save", "5 6 "], failed("save", "Invalid save parameters")),
        (["save", "\"5 6\""], failed("save", "Invalid save parameters")),
        (["save", "1 2 3"], failed("save", "Invalid save parameters")),
        (["save", " "], failed("save", "Invalid save parameters")),
        (
            ["client-output-buffer-limit", "normal 1 2 3 foo 1 1 1"],
            failed("client-output-buffer-limit", "Invalid client class specified in buffer limit configuration.")
        ),
        (
            ["client-output-buffer-limit", "normal  1 2 3"],
            failed("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration.")
        ),
        (["oom-score-adj-values", "1 2"], failed("oom-score-adj-values", "wrong number of arguments")),
        (
            ["shutdown-on-sigint", "nosave save"],
            failed("shutdown-on-sigint", "shutdown options SAVE and NOSAVE can't be used simultaneously")
        ),
        (
            ["shutdown-on-sigint", ""],
            failed("shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force")
        ),
        (
            ["SLAVE-priority", "x", "timeout", "y"],
            failed("SLAVE-priority", "argument couldn't be parsed into an integer")
        ),
        (["maxmemory", "5 kb"], failed("maxmemory", "argument must be a memory value")),
        (["maxmemory-clients", "05%"], failed("maxmemory-clients", "argument must be a memory or percent value")),
        (
            ["latency-tracking-info-percentiles", "-1"],
            failed(
                "latency-tracking-info-percentiles",
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
            )
        ),
        (
            ["latency-tracking-info-percentiles", "50  60"],
            failed("latency-tracking-info-percentiles", "Invalid latency-tracking-info-percentiles parameters")
        ),
    ])
    func `fails with the words of Redis 7.0, and changes nothing`(arguments: [String], message: String) {
        var configuration = Configuration()

        let error = #expect(throws: ChangeError.self) { try change(&configuration, arguments) }

        #expect(error.map { text($0.text) } == message)
        #expect(everything(configuration) == everything(Configuration()))
    }

    @Test(arguments: [
        ("save", "900 1", "900 1"), ("save", "", ""), ("save", "10 0", "10 0"), ("TIMEOUT", "7", "7"),
        (
            "client-output-buffer-limit", "normal 1 2 3 normal 4 5 6",
            "normal 4 5 6 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
        ),
        ("client-output-buffer-limit", "", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        ("notify-keyspace-events", "KEg$lshzxetdAm", "AKEm"),
        ("latency-tracking-info-percentiles", "50.5 20", "50.5 20"),
        ("shutdown-on-sigint", "save now", "save now"), ("bind", "", ""), ("hash-max-listpack-value", "1k", "1000"),
    ])
    func `sets what Redis 7.0 then shows`(name: String, value: String, expected: String) throws {
        var configuration = Configuration()

        try change(&configuration, [name, value])

        #expect(shown(name.lowercased(), in: configuration) == expected)
    }

    @Test func `takes a directive and its alias side by side, and the later counts`() throws {
        var configuration = Configuration()

        try change(&configuration, ["hash-max-ziplist-entries", "1", "hash-max-listpack-entries", "2"])

        #expect(shown("hash-max-ziplist-entries", in: configuration) == "2")
    }

    @Test func `sets protected directives for those who may`() throws {
        var configuration = Configuration()

        try change(&configuration, ["dbfilename", "x.rdb"], allowsProtected: true)

        #expect(shown("dbfilename", in: configuration) == "x.rdb")
    }

    @Test func `tells the server once what changed, and takes its corrections`() throws {
        var configuration = Configuration()
        var told: [[String]] = []

        try configuration.change(
            pairs(["timeout", "5", "port", "6379", "dir", "x"]),
            allowsProtected: true
        ) { old, new, changed in
            #expect(old.timeoutSeconds == 0)
            told.append(changed.map(\.name))
            new.directory = "/start/x"
        }

        #expect(told == [["timeout", "dir"]])
        #expect(configuration.timeoutSeconds == 5)
        #expect(configuration.directory == "/start/x")
    }

    @Test func `is undone when the server cannot make it hold`() {
        var configuration = Configuration()
        var binds: [[String]] = []

        let error = #expect(throws: ChangeError.self) {
            try configuration.change(
                pairs(["timeout", "5", "BIND", "1.2.3.4"]),
                allowsProtected: false
            ) { (_, new, _) throws(ApplyError) in
                binds.append(new.binds)
                if new.binds == ["1.2.3.4"] {
                    throw ApplyError(directive: "bind", reason: "Failed to bind to specified addresses.")
                }
            }
        }

        #expect(error.map { text($0.text) } == failed("BIND", "Failed to bind to specified addresses."))
        #expect(binds == [["1.2.3.4"], ["*", "-::*"]])
        #expect(everything(configuration) == everything(Configuration()))
    }
}

@Suite struct `CONFIG GET` {
    @Test func `finds by patterns and names, each once, and spells names as they were asked for`() {
        let found = Configuration().values(
            matching: ["m[ai]*emory", "TIMEOUT", "timeout", "slave-prio*", "nope"].map(bytes)
        )

        #expect(found.map { text($0.name) } == ["TIMEOUT", "maxmemory", "slave-priority"])
        #expect(found.map { text($0.value) } == ["0", "0", "100"])
    }

    @Test func `ignores case in patterns`() {
        let found = Configuration().values(matching: [bytes("LOG*")]).map { text($0.name) }

        #expect(found == ["loglevel", "logfile", "log-format", "log-timestamp-format"])
    }

    @Test func `shows aliases beside the names`() {
        let names = Configuration().values(matching: [bytes("*")]).map { text($0.name) }

        #expect(names.contains("slaveof"))
        #expect(names.contains("replicaof"))
        #expect(Set(names).count == names.count)
    }
}

private func failed(_ name: String, _ reason: String) -> String {
    "CONFIG SET failed (possibly related to argument '\(name)') - \(reason)"
}

private func pairs(_ arguments: [String]) -> [(name: [UInt8], value: [UInt8])] {
    stride(from: 0, to: arguments.count, by: 2).map { (bytes(arguments[$0]), bytes(arguments[$0 + 1])) }
}

private func change(
    _ configuration: inout Configuration,
    _ arguments: [String],
    allowsProtected: Bool = false
) throws(ChangeError) {
    try configuration.change(pairs(arguments), allowsProtected: allowsProtected) { _, _, _ in }
}

/// All values, to compare two configurations.
private func everything(_ configuration: Configuration) -> [String] {
    Directive.all.map { $0.name + " " + (shown($0.name, in: configuration) ?? "") }
}
