// The declarations of the directives whose parts are still to come: replication, persistence, TLS, and the peers' knobs
// for their own tests. A part that gets built gives its directives fields and moves them to `Directives.swift`.

private let int32 = 0...Int(Int32.max)
private let ports = 0...65535

extension Directive {
    static let replication: [Directive] = [
        Directive("replicaof", \.primary, .primaryAddress, aliases: ["slaveof"], [.immutable, .inert]),
        .unbuilt("masteruser", .secret, [], aliases: ["primaryuser"], .sensitive),
        .unbuilt("masterauth", .secret, [], aliases: ["primaryauth"], .sensitive),
        .unbuilt("replica-announce-ip", .text(), "", aliases: ["slave-announce-ip"]),
        .unbuilt("replica-announce-port", .integer(ports), 0, aliases: ["slave-announce-port"]),
        .unbuilt("replica-announced", .boolean, true),
        .unbuilt("replica-ignore-disk-write-errors", .boolean, false),
        .unbuilt("replica-ignore-maxmemory", .boolean, true, aliases: ["slave-ignore-maxmemory"]),
        .unbuilt("replica-lazy-flush", .boolean, false, aliases: ["slave-lazy-flush"]),
        .unbuilt("replica-priority", .integer(int32), 100, aliases: ["slave-priority"]),
        .unbuilt("replica-read-only", .boolean, true, aliases: ["slave-read-only"]),
        .unbuilt("replica-serve-stale-data", .boolean, true, aliases: ["slave-serve-stale-data"]),
        .unbuilt("min-replicas-to-write", .integer(int32), 0, aliases: ["min-slaves-to-write"]),
        .unbuilt("min-replicas-max-lag", .integer(int32), 10, aliases: ["min-slaves-max-lag"]),
        .unbuilt("repl-ping-replica-period", .integer(1...int32.upperBound), 10, aliases: ["repl-ping-slave-period"]),
        .unbuilt("repl-timeout", .integer(1...int32.upperBound), 60),
        .unbuilt("repl-disable-tcp-nodelay", .boolean, false),
        .unbuilt("repl-mptcp", .boolean, false, .immutable),
        .unbuilt("repl-diskless-sync", .boolean, true),
        .unbuilt("repl-diskless-sync-delay", .integer(int32), 5),
        .unbuilt("repl-diskless-sync-max-replicas", .integer(int32), 0),
        .unbuilt("repl-diskless-load", .word("disabled", "on-empty-db", "swapdb"), "disabled"),
        // Redis never keeps a backlog below 16 kB.
        .unbuilt("repl-backlog-size", .memory(1...Int.max, stored: { max($0, 16 << 10) }), 1 << 20),
        .unbuilt("repl-backlog-ttl", .integer(0...Int.max), 3600),
        .unbuilt("dual-channel-replication-enabled", .boolean, false),
        .unbuilt("propagation-error-behavior", .word("ignore", "panic", "panic-on-replicas"), "ignore"),
    ]

    static let persistence: [Directive] = [
        Directive("save", \.savePoints, .savePoints, .inert),
        .unbuilt("dbfilename", .fileName(of: "dbfilename", mayBeEmpty: true), "dump.rdb", .protected),
        .unbuilt("rdbcompression", .boolean, true),
        .unbuilt("rdbchecksum", .boolean, true, .immutable),
        .unbuilt("rdb-del-sync-files", .boolean, false),
        .unbuilt("rdb-save-incremental-fsync", .boolean, true),
        .unbuilt("rdb-version-check", .word("strict", "relaxed"), "strict"),
        .unbuilt("sanitize-dump-payload", .word("no", "yes", "clients"), "no"),
        .unbuilt("stop-writes-on-bgsave-error", .boolean, true),
        .unbuilt("appendonly", .boolean, false),
        .unbuilt("appendfilename", .fileName(of: "appendfilename"), "appendonly.aof", .immutable),
        .unbuilt("appenddirname", .fileName(of: "appenddirname", as: "dirname"), "appendonlydir", .immutable),
        .unbuilt("appendfsync", .word("everysec", "always", "no"), "everysec"),
        .unbuilt("no-appendfsync-on-rewrite", .boolean, false),
        .unbuilt("auto-aof-rewrite-percentage", .integer(int32), 100),
        .unbuilt("auto-aof-rewrite-min-size", .memory(), 64 << 20),
        .unbuilt("aof-load-truncated", .boolean, true),
        .unbuilt("aof-use-rdb-preamble", .boolean, true),
        .unbuilt("aof-timestamp-enabled", .boolean, false),
        .unbuilt("aof-rewrite-incremental-fsync", .boolean, true),
        .unbuilt("aof-disable-auto-gc", .boolean, false),
    ]

    static let transportSecurity: [Directive] = [
        .unbuilt("tls-port", .integer(ports), 0),
        .unbuilt("tls-cluster", .boolean, false),
        .unbuilt("tls-replication", .boolean, false),
        .unbuilt("tls-auth-clients", .word("no", "yes", "optional"), "yes"),
        .unbuilt("tls-auth-clients-user", .word("cn", "uri", "off"), "off"),
        .unbuilt("tls-auto-reload-interval", .integer(int32), 0),
        .unbuilt("tls-ca-cert-dir", .text(), ""),
        .unbuilt("tls-ca-cert-file", .text(), ""),
        .unbuilt("tls-cert-file", .text(), ""),
        .unbuilt("tls-key-file", .text(), ""),
        .unbuilt("tls-key-file-pass", .secret, [], .sensitive),
        .unbuilt("tls-client-cert-file", .text(), ""),
        .unbuilt("tls-client-key-file", .text(), ""),
        .unbuilt("tls-client-key-file-pass", .secret, [], .sensitive),
        .unbuilt("tls-dh-params-file", .text(), ""),
        .unbuilt("tls-protocols", .text(), ""),
        .unbuilt("tls-ciphers", .text(), ""),
        .unbuilt("tls-ciphersuites", .text(), ""),
        .unbuilt("tls-prefer-server-ciphers", .boolean, false),
        .unbuilt("tls-session-caching", .boolean, true),
        .unbuilt("tls-session-cache-size", .integer(int32), 20480),
        .unbuilt("tls-session-cache-timeout", .integer(int32), 300),
    ]

    /// What only the peers' own test suites set.
    static let internals: [Directive] = [
        .unbuilt("enable-debug-assert", .boolean, false, [.immutable, .hidden]),
        .unbuilt("debug-context", .text(), "", .hidden),
        .unbuilt("use-exit-on-panic", .boolean, false, .hidden),
        .unbuilt("key-load-delay", .integer(-1 - int32.upperBound...int32.upperBound), 0, .hidden),
        .unbuilt("rdb-key-save-delay", .integer(-1 - int32.upperBound...int32.upperBound), 0, .hidden),
        .unbuilt("loading-process-events-interval-bytes", .integer(1024...int32.upperBound), 2 << 20, .hidden),
        .unbuilt("lua-enable-deprecated-api", .boolean, false, [.immutable, .hidden]),
        .unbuilt("lua-enable-insecure-api", .boolean, false, .hidden),
        .unbuilt("events-per-io-thread", .integer(0...int32.upperBound), 2, .hidden),
        .unbuilt("io-threads-always-active", .boolean, false, .hidden),
        .unbuilt("min-io-threads-avoid-copy-reply", .integer(0...int32.upperBound), 7, .hidden),
        .unbuilt("min-string-size-avoid-copy-reply", .integer(0...int32.upperBound), 16384, .hidden),
        .unbuilt("min-string-size-avoid-copy-reply-threaded", .integer(0...int32.upperBound), 65536, .hidden),
        .unbuilt("client-default-resp", .integer(2...3), 2, .hidden),
    ]
}
