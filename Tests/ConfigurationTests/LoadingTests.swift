import Configuration
import Testing

@Suite struct `A configuration file` {
    @Test(arguments: [
        ("nonsense 1", "Bad directive or wrong number of arguments"),
        ("port", "wrong number of arguments"),
        ("port 1 2", "wrong number of arguments"),
        (#"port "a""#, "argument couldn't be parsed into an integer"),
        (#"timeout 1""#, "Unbalanced quotes in configuration line"),
        (#"timeout "1"2"#, "Unbalanced quotes in configuration line"),
        ("loglevel --bla", "argument(s) must be one of the following: debug, verbose, notice, warning"),
        ("maxmemory 1x", "argument must be a memory value"),
        ("save a", "Invalid save parameters"),
        ("save 900", "Invalid save parameters"),
        ("save -1 1", "Invalid save parameters"),
        ("save 900 -1", "Invalid save parameters"),
        ("save 900 1 300", "Invalid save parameters"),
        ("client-output-buffer-limit normal 1 1", "Wrong number of arguments in buffer limit configuration."),
        ("client-output-buffer-limit foo 1 1 1", "Invalid client class specified in buffer limit configuration."),
        (
            "client-output-buffer-limit normal a 1 1",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        ),
        ("client-output-buffer-limit master 1 1 1", "Invalid client class specified in buffer limit configuration."),
        (
            "client-output-buffer-limit normal 1 1 -1",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        ),
        ("oom-score-adj-values 1 2", "wrong number of arguments"),
        ("oom-score-adj-values a b c", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        ("oom-score-adj-values 3000 1 2", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        ("notify-keyspace-events Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ("latency-tracking-info-percentiles a", "Invalid latency-tracking-info-percentiles parameters"),
        (
            "latency-tracking-info-percentiles 101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
        ),
        ("unixsocketperm 999", "argument couldn't be parsed as an octal number"),
        ("unixsocketperm 1000", "argument must be between 0 and 777 inclusive"),
        ("unixsocketperm 8", "argument couldn't be parsed as an octal number"),
        ("replicaof a", "wrong number of arguments"),
        ("replicaof a b", "Invalid master port"),
        ("replicaof a 70000", "Invalid master port"),
        ("rename-command foo", "Bad directive or wrong number of arguments"),
        ("rename-command foo bar", "No such command in rename-command"),
        ("rename-command get set", "Target command name already exists"),
        ("loadmodule", "Bad directive or wrong number of arguments"),
        ("user", "Bad directive or wrong number of arguments"),
        ("appendfilename a/b", "appendfilename can't be a path, just a filename"),
        (#"appendfilename """#, "appendfilename can't be empty"),
        ("appenddirname a/b", "appenddirname can't be a path, just a dirname"),
        (#"appenddirname """#, "appenddirname can't be empty"),
        ("dbfilename a/b", "dbfilename can't be a path, just a filename"),
        ("dir /nonexistent", "No such file or directory"),
        ("proc-title-template {x}", "template format is invalid or contains unknown variables"),
        (#"proc-title-template """#, "template format is invalid or contains unknown variables"),
        ("cluster-announce-hostname a_b", "Hostnames may only contain alphanumeric characters, hyphens or dots"),
        ("list-max-ziplist-entries", "Bad directive or wrong number of arguments"),
        (
            "shutdown-on-sigint force nope",
            "argument(s) must be one of the following: default, save, nosave, now, force"
        ),
        ("hz a", "argument couldn't be parsed into an integer"),
        ("daemonize maybe", "argument must be 'yes' or 'no'"),
        ("appendfsync X", "argument(s) must be one of the following: everysec, always, no"),
        ("maxclients 0", "argument must be between 1 and 4294967295 inclusive"),
        ("maxclients 99999999999", "argument must be between 1 and 4294967295 inclusive"),
        ("databases 0", "argument must be between 1 and 2147483647 inclusive"),
        ("timeout -1", "argument must be between 0 and 2147483647 inclusive"),
        ("timeout 1k", "argument couldn't be parsed into an integer"),
        ("timeout 9999999999", "argument must be between 0 and 2147483647 inclusive"),
        ("maxmemory -1", "argument must be a memory value"),
        ("maxmemory 1.5gb", "argument must be a memory value"),
        ("repl-backlog-size 0", "argument must be between 1 and 9223372036854775807 inclusive"),
        ("maxmemory-clients 101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients a%", "argument must be a memory or percent value"),
        ("maxmemory-clients -5%", "argument must be a memory or percent value"),
        ("maxmemory-clients 5%%", "argument must be a memory or percent value"),
        ("enable-debug-command x", "argument(s) must be one of the following: no, yes, local"),
        ("watchdog-period -1", "argument must be between 0 and 2147483647 inclusive"),
        ("sentinel foo", "sentinel directive while not in sentinel mode"),
        ("port 'a", "Unbalanced quotes in configuration line"),
        ("port 'a'b", "Unbalanced quotes in configuration line"),
        (#"port a\"#, "argument couldn't be parsed into an integer"),
        (#""\x41" 1"#, "Bad directive or wrong number of arguments"),
        (#"port """#, "argument couldn't be parsed into an integer"),
        (#""" 1"#, "Bad directive or wrong number of arguments"),
        (#""""#, "Bad directive or wrong number of arguments"),
        ("io-threads 129", "argument must be between 1 and 128 inclusive"),
        ("maxmemory-samples 0", "argument must be between 1 and 2147483647 inclusive"),
        ("client-query-buffer-limit 1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("proto-max-bulk-len 1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        ("supervised x", "argument(s) must be one of the following: upstart, systemd, auto, no"),
        ("include", "Bad directive or wrong number of arguments"),
        ("masterauth", "wrong number of arguments"),
        ("min-slaves-to-write -1", "argument must be between 0 and 2147483647 inclusive"),
        ("slowlog-log-slower-than -2", "argument must be between -1 and 9223372036854775807 inclusive"),
        ("hz -1", "argument must be between 0 and 2147483647 inclusive"),
        ("tcp-backlog -1", "argument must be between 0 and 2147483647 inclusive"),
        ("socket-mark-id 5000000000", "argument must be between 0 and 4294967295 inclusive"),
        ("replica-priority -1", "argument must be between 0 and 2147483647 inclusive"),
    ])
    func `is refused with the reasons of Redis 7.0`(line: String, reason: String) {
        #expect(throws: LoadingError.line(number: 1, text: bytes(line), reason: reason)) { try load(line) }
    }

    @Test(arguments: [
        ("maxmemory 1k", "maxmemory", "1000"),
        ("maxmemory 1KB", "maxmemory", "1024"),
        ("maxmemory 700mb", "maxmemory", "734003200"),
        ("maxmemory 1b", "maxmemory", "1"),
        ("maxmemory 01k", "maxmemory", "1000"),
        ("maxmemory k", "maxmemory", "0"),
        (#"maxmemory """#, "maxmemory", "0"),
        ("client-query-buffer-limit 1G", "client-query-buffer-limit", "1000000000"),
        ("maxmemory-clients 5%", "maxmemory-clients", "5%"),
        ("maxmemory-clients 1gb", "maxmemory-clients", "1073741824"),
        ("maxmemory-clients 0%", "maxmemory-clients", "0"),
        ("TIMEOUT 5", "timeout", "5"),
        ("  timeout\t5\r", "timeout", "5"),
        ("loglevel VERBOSE", "loglevel", "verbose"),
        ("appendonly YES", "appendonly", "yes"),
        ("hz 1000", "hz", "500"),
        ("hz 0", "hz", "1"),
        ("repl-backlog-size 1k", "repl-backlog-size", "16384"),
        ("unixsocketperm 0700", "unixsocketperm", "700"),
        ("oom-score-adj-values -1 2 3", "oom-score-adj-values", "-1 2 3"),
        (#"oom-score-adj-values "1 2 3""#, "oom-score-adj-values", "1 2 3"),
        ("latency-tracking-info-percentiles 50 99.0 99.99 100", "latency-tracking-info-percentiles", "50 99 99.99 100"),
        (
            "latency-tracking-info-percentiles 99.9999 1e1 33.33333333", "latency-tracking-info-percentiles",
            "99.9999 10 33.333333"
        ),
        ("latency-tracking-info-percentiles", "latency-tracking-info-percentiles", ""),
        ("notify-keyspace-events KEA", "notify-keyspace-events", "AKE"),
        ("notify-keyspace-events Kx$n", "notify-keyspace-events", "$xnK"),
        ("notify-keyspace-events gxeEKm", "notify-keyspace-events", "gxeKEm"),
        ("shutdown-on-sigterm now save", "shutdown-on-sigterm", "save now"),
        (#"shutdown-on-sigterm "save now""#, "shutdown-on-sigterm", "save now"),
        ("shutdown-on-sigint default save", "shutdown-on-sigint", "save"),
        ("bind 127.0.0.1 -::1", "bind", "127.0.0.1 -::1"),
        (#"bind "127.0.0.1 ::1""#, "bind", "127.0.0.1 ::1"),
        (#"bind """#, "bind", ""),
        ("bind 127.0.0.1\nbind ::1", "bind", "::1"),
        ("replicaof a 1", "replicaof", "a 1"),
        ("slaveof no one", "slaveof", ""),
        ("replicaof NO 1", "replicaof", "NO 1"),
        ("save 900 1\nsave 300 10", "save", "900 1 300 10"),
        ("save 900 1 300 10\nsave \"\"\nsave 3 4", "save", "3 4"),
        (#"save """#, "save", ""),
        (#"save " 1  2 ""#, "save", "1 2"),
        (#"save " ""#, "save", ""),
        (
            "client-output-buffer-limit normal 1 2 3 slave 4 5 6", "client-output-buffer-limit",
            "normal 1 2 3 slave 4 5 6 pubsub 33554432 8388608 60"
        ),
        (
            "client-output-buffer-limit replica 1mb 2mb 3", "client-output-buffer-limit",
            "normal 0 0 0 slave 1048576 2097152 3 pubsub 33554432 8388608 60"
        ),
        (#"masteruser "a\x41\n\t\"b""#, "masteruser", "aA\n\t\"b"),
        (#"masterauth 'a\'b\n'"#, "masterauth", #"a'b\n"#),
        ("slave-priority 5", "replica-priority", "5"),
        ("dir ./x", "dir", "/start/./x"),
        ("shards 2", "shards", "2"),
        ("# timeout 5\n\n", "timeout", "0"),
    ])
    func `gives the values that Redis 7.0 shows for it`(file: String, name: String, value: String) throws {
        #expect(shown(name, in: try load(file)) == value)
    }

    @Test(arguments: [
        "dbfilename \"\"", "cluster-config-file a/b", "list-max-ziplist-entries 1", "lua-replicate-commands yes",
        "tls-protocols foo", "ignore-warnings ARM64-COW-BUG", "include /nonexist/*.conf", "rename-command get getx",
        "rename-command get \"\"\nrename-command set get", "rename-command get get", "user foo on >pass ~*",
        "oom-score-adj-values 3 2 1", "proc-title-template a}", "proc-title-template {{title}",
        "proc-title-template \"{title} {config-file} {port} {tls-port} {unixsocket} {listen-addr} {server-mode}\"",
    ])
    func `is accepted where Redis 7.0 accepts it`(file: String) throws {
        _ = try load(file)
    }

    @Test func `is blamed with the line's number, its trimmed text and the reason`() {
        let expected = """

            *** FATAL CONFIG FILE ERROR (Apus 1.2.3) ***
            Reading the configuration file, at line 4
            >>> 'port   a'
            argument couldn't be parsed into an integer

            """

        let error = #expect(throws: LoadingError.self) { try load("\n\n  # x\n  port   a   \n") }
        #expect(error?.text(product: "Apus 1.2.3") == expected)
    }

    @Test func `defines a user once`() {
        let reason =
            "Error in user declaration 'foo': Duplicate user found. A user can only be defined once in config files"

        #expect(throws: LoadingError.line(number: 2, text: bytes("user foo"), reason: reason)) {
            try load("user foo on\nuser foo")
        }
    }

    @Test func `cannot make a cluster node a replica`() {
        let error = #expect(throws: LoadingError.self) { try load("replicaof a 1\ncluster-enabled yes") }

        #expect(error == .contradiction("replicaof directive not allowed in cluster mode"))
        #expect(
            error?.text(product: "Apus 1") == """

                *** FATAL CONFIG FILE ERROR (Apus 1) ***
                replicaof directive not allowed in cluster mode

                """
        )
    }

    @Test func `keeps what it renames, its users and its modules`() throws {
        let configuration = try load("rename-command GET fetch\nuser foo on\nuser bar\nloadmodule /m.so a b")

        #expect(configuration.renamedCommands == [RenamedCommand(from: "get", to: "fetch")])
        #expect(configuration.users == [[bytes("foo"), bytes("on")], [bytes("bar")]])
        #expect(configuration.modules == [[bytes("/m.so"), bytes("a"), bytes("b")]])
    }

    @Test func `includes files where the line stands, and patterns in order`() throws {
        let files = ["/a.conf": "timeout 1\nport 1\n", "/d/1.conf": "hz 20\n", "/d/2.conf": "hz 30\n"]

        let configuration = try load("port 5\ninclude /a.conf\ninclude /d/*.conf\ntimeout 9\n", files: files)

        #expect(configuration.port == 1)
        #expect(configuration.timeoutSeconds == 9)
        #expect(configuration.hz == 30)
    }

    @Test func `that includes a faulty one is told the line of that one`() {
        let files = ["/a.conf": "# c\n\nport x\n"]

        #expect(
            throws: LoadingError.line(
                number: 3,
                text: bytes("port x"),
                reason: "argument couldn't be parsed into an integer"
            )
        ) { try load("include /a.conf", files: files) }
    }

    @Test func `that includes a missing one names it`() {
        let error = #expect(throws: LoadingError.self) { try load("include /nonexistent") }

        #expect(
            error?.text(product: "")
                == "Fatal error, can't open config file '/nonexistent': No such file or directory\n"
        )
    }

    @Test func `may not include itself for ever`() {
        #expect(
            throws: LoadingError.line(
                number: 1,
                text: bytes("include /a"),
                reason: "Files include each other too deeply"
            )
        ) { try load("include /a", files: ["/a": "include /a"]) }
    }

    @Test func `is told which of its directives have no effect yet, each once and in order`() throws {
        let file = bytes("save 1 2\nport 1\nsave 3 4\nslave-read-only no\nuser a\nuser b\nlua-replicate-commands yes")

        let withoutEffect = try Configuration.load(file, in: environment()).withoutEffect

        #expect(withoutEffect == ["save", "replica-read-only", "user", "lua-replicate-commands"])
    }
}
