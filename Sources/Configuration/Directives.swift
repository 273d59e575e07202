// The declarations of the directives that this server acts on, by subject. Ranges and defaults are those of Redis 7.0.

private let int32 = 0...Int(Int32.max)
private let uint32 = 0...Int(UInt32.max)
private let ports = 0...65535

extension Directive {
    static let network: [Directive] = [
        Directive("bind", \.binds, .addresses),
        Directive("port", \.port, .integer(ports)),
        Directive("tcp-backlog", \.tcpBacklog, .integer(int32), .immutable),
        Directive("tcp-keepalive", \.tcpKeepAliveSeconds, .integer(int32)),
        Directive("timeout", \.timeoutSeconds, .integer(int32)),
        Directive("unixsocket", \.unixSocket, .text(), .immutable),
        Directive("unixsocketperm", \.unixSocketMode, .fileMode, .immutable),
        Directive("protected-mode", \.isProtectedModeOn, .boolean),
        .unbuilt("bind-source-addr", .text(), ""),
        .unbuilt("socket-mark-id", .integer(uint32), 0, .immutable),
        .unbuilt("unixsocketgroup", .text(), "", .immutable),
        .unbuilt("mptcp", .boolean, false, .immutable),
        .unbuilt("max-new-connections-per-cycle", .integer(1...1000), 10),
        .unbuilt("max-new-tls-connections-per-cycle", .integer(1...1000), 1),
        .unbuilt("rdma-bind", .text(), ""),
        .unbuilt("rdma-port", .integer(ports), 0),
        .unbuilt("rdma-rx-size", .integer(65536...16_777_216), 1_048_576, .immutable),
        .unbuilt("rdma-completion-vector", .integer(-1...1024), -1, .immutable),
    ]

    static let process: [Directive] = [
        Directive("daemonize", \.daemonizes, .boolean, .immutable),
        Directive("pidfile", \.pidFile, .text(), .immutable),
        Directive("dir", \.directory, .text(), .protected),
        Directive("loglevel", \.logLevel, .choice),
        Directive("logfile", \.logFile, .text(whenEmpty: .value), .immutable),
        Directive("always-show-logo", \.alwaysShowsLogo, .boolean, .immutable),
        Directive("set-proc-title", \.setsProcessTitle, .boolean, .immutable),
        Directive("proc-title-template", \.processTitleTemplate, .processTitle),
        Directive("shutdown-on-sigint", \.shutdownOnSIGINT, .shutdownOptions),
        Directive("shutdown-on-sigterm", \.shutdownOnSIGTERM, .shutdownOptions),
        Directive("shutdown-timeout", \.shutdownTimeoutSeconds, .integer(int32)),
        Directive("hz", \.hz, .integer(int32, stored: { min(max($0, 1), 500) })),
        Directive("shards", \.shards, .integer(0...Configuration.maximumShards), .immutable),
        Directive("wakeup-gathering-usec", \.wakeupGatheringMicroseconds, .integer(0...1000)),
        .unbuilt("supervised", .word("upstart", "systemd", "auto", "no"), "no", .immutable),
        .unbuilt("dynamic-hz", .boolean, true),
        .unbuilt("io-threads", .integer(1...128), 1, .immutable),
        .unbuilt("io-threads-do-reads", .boolean, false, .immutable),
        .unbuilt("prefetch-batch-max-size", .integer(0...128), 16),
        .unbuilt("locale-collate", .text(), ""),
        .unbuilt("syslog-enabled", .boolean, false, .immutable),
        .unbuilt("syslog-ident", .text(whenEmpty: .value), "apus", .immutable),
        .unbuilt(
            "syslog-facility",
            .word("user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
            "local0",
            .immutable
        ),
        .unbuilt("log-format", .word("legacy", "logfmt", "json"), "legacy"),
        .unbuilt("log-timestamp-format", .word("legacy", "iso8601", "milliseconds"), "legacy"),
        .unbuilt("hide-user-data-from-log", .boolean, true),
        .unbuilt("crash-log-enabled", .boolean, true),
        .unbuilt("crash-memcheck-enabled", .boolean, true),
        .unbuilt("jemalloc-bg-thread", .boolean, true),
        .unbuilt("oom-score-adj", .word("no", "yes", "relative", "absolute"), "no"),
        .unbuilt("oom-score-adj-values", .oomScores, [0, 200, 800]),
        .unbuilt("server_cpulist", .text(), "", aliases: ["server-cpulist"], .immutable),
        .unbuilt("bio_cpulist", .text(), "", aliases: ["bio-cpulist"], .immutable),
        .unbuilt("aof_rewrite_cpulist", .text(), "", aliases: ["aof-rewrite-cpulist"], .immutable),
        .unbuilt("bgsave_cpulist", .text(), "", aliases: ["bgsave-cpulist"], .immutable),
        .unbuilt("ignore-warnings", .text(whenEmpty: .value), ""),
        Directive("availability-zone", \.availabilityZone, .availabilityZone),
        .unbuilt("extended-redis-compatibility", .boolean, false),
    ]

    static let limits: [Directive] = [
        Directive("maxclients", \.maxClients, .integer(1...Int(UInt32.max))),
        Directive("proto-max-bulk-len", \.protoMaxBulkLength, .memory(1 << 20...Int.max)),
        Directive("client-query-buffer-limit", \.clientQueryBufferLimit, .memory(1 << 20...Int.max)),
        Directive("client-output-buffer-limit", \.clientOutputBufferLimits, .outputBufferLimits),
        Directive("maxmemory", \.maxMemory, .memory()),
        Directive("maxmemory-policy", \.maxMemoryPolicy, .choice),
        Directive("maxmemory-samples", \.maxMemorySamples, .integer(1...Int(Int32.max))),
        Directive("maxmemory-eviction-tenacity", \.maxMemoryEvictionTenacity, .integer(0...100)),
        Directive("maxmemory-clients", \.maxMemoryClients, .memoryOrPercent),
        .unbuilt("tracking-table-max-keys", .integer(0...Int.max), 1_000_000),
        .unbuilt("busy-reply-threshold", .integer(0...Int.max), 5000, aliases: ["lua-time-limit"]),
    ]

    static let keyspace: [Directive] = [
        Directive("databases", \.databases, .integer(1...Int(Int32.max)), .immutable),
        Directive("active-expire-effort", \.activeExpireEffort, .integer(1...10)),
        Directive("disable-thp", \.avoidsHugePages, .boolean, .immutable),
        Directive("activerehashing", \.isActiveRehashingOn, .boolean),
        Directive("lfu-log-factor", \.lfuLogFactor, .integer(int32)),
        Directive("lfu-decay-time", \.lfuDecayMinutes, .integer(int32)),
        Directive("notify-keyspace-events", \.keyspaceEvents, .keyspaceEvents, .inert),
        Directive(
            "hash-max-listpack-entries",
            \.hashMaxListpackEntries,
            .integer(0...Int.max),
            aliases: ["hash-max-ziplist-entries"]
        ),
        Directive("hash-max-listpack-value", \.hashMaxListpackValue, .memory(), aliases: ["hash-max-ziplist-value"]),
        Directive(
            "list-max-listpack-size",
            \.listMaxListpackSize,
            .integer(-1 - int32.upperBound...int32.upperBound),
            aliases: ["list-max-ziplist-size"]
        ),
        Directive("list-compress-depth", \.listCompressDepth, .integer(int32)),
        Directive("set-max-intset-entries", \.setMaxIntsetEntries, .integer(0...Int.max)),
        Directive("set-max-listpack-entries", \.setMaxListpackEntries, .integer(0...Int.max)),
        Directive("set-max-listpack-value", \.setMaxListpackValue, .integer(0...Int.max)),
        Directive(
            "zset-max-listpack-entries",
            \.zsetMaxListpackEntries,
            .integer(0...Int.max),
            aliases: ["zset-max-ziplist-entries"]
        ),
        Directive("zset-max-listpack-value", \.zsetMaxListpackValue, .memory(), aliases: ["zset-max-ziplist-value"]),
        Directive("stream-node-max-bytes", \.streamNodeMaxBytes, .memory()),
        Directive("stream-node-max-entries", \.streamNodeMaxEntries, .integer(0...Int.max)),
        Directive("stream-idmp-duration", \.streamIdmpDurationSeconds, .integer(1...86_400)),
        Directive("stream-idmp-maxsize", \.streamIdmpMaxSize, .integer(1...10_000)),
        Directive("hll-sparse-max-bytes", \.hllSparseMaxBytes, .memory()),
        .unbuilt("hash-seed", .text(), "", [.immutable, .hidden]),
        Directive("lazyfree-lazy-eviction", \.freesEvictedLazily, .boolean),
        Directive("lazyfree-lazy-expire", \.freesExpiredLazily, .boolean),
        Directive("lazyfree-lazy-server-del", \.freesReplacedLazily, .boolean),
        Directive("lazyfree-lazy-user-del", \.freesDeletedLazily, .boolean),
        Directive("lazyfree-lazy-user-flush", \.freesFlushedLazily, .boolean),
        Directive("activedefrag", \.isActiveDefragmentationOn, .boolean),
        Directive("active-defrag-ignore-bytes", \.defragmentationIgnoreBytes, .memory(1...Int.max)),
        Directive("active-defrag-threshold-lower", \.defragmentationThresholdLower, .integer(0...1000)),
        Directive("active-defrag-threshold-upper", \.defragmentationThresholdUpper, .integer(0...1000)),
        Directive("active-defrag-cycle-min", \.defragmentationCycleMin, .integer(1...99)),
        Directive("active-defrag-cycle-max", \.defragmentationCycleMax, .integer(1...99)),
        Directive("active-defrag-cycle-us", \.defragmentationCycleMicroseconds, .integer(0...100_000)),
        .unbuilt("active-defrag-max-scan-fields", .integer(1...Int.max), 1000),
        .unbuilt("import-mode", .boolean, false),
    ]

    static let observation: [Directive] = [
        Directive(
            "slowlog-log-slower-than",
            \.slowlogLogSlowerThanMicroseconds,
            .integer(-1...Int.max),
            aliases: ["commandlog-execution-slower-than"]
        ),
        Directive(
            "slowlog-max-len",
            \.slowlogMaxLength,
            .integer(0...Int.max),
            aliases: ["commandlog-slow-execution-max-len"]
        ),
        Directive("latency-monitor-threshold", \.latencyMonitorThresholdMilliseconds, .integer(0...Int.max)),
        Directive("latency-tracking", \.isLatencyTrackingOn, .boolean),
        Directive("latency-tracking-info-percentiles", \.latencyPercentiles, .percentiles),
        .unbuilt("commandlog-request-larger-than", .integer(-1...Int.max), 1_048_576),
        .unbuilt("commandlog-large-request-max-len", .integer(0...Int.max), 128),
        .unbuilt("commandlog-reply-larger-than", .integer(-1...Int.max), 1_048_576),
        .unbuilt("commandlog-large-reply-max-len", .integer(0...Int.max), 128),
        .unbuilt("watchdog-period", .integer(int32), 0, .hidden),
    ]

    static let cluster: [Directive] = [
        Directive("cluster-enabled", \.isClusterEnabled, .boolean, .immutable),
        Directive("cluster-config-file", \.clusterConfigFile, .text(whenEmpty: .value), .immutable),
        Directive("cluster-node-timeout", \.clusterNodeTimeoutMilliseconds, .integer(0...Int.max)),
        Directive("cluster-port", \.clusterPort, .integer(ports), .immutable),
        Directive("cluster-announce-ip", \.clusterAnnounceIP, .text()),
        Directive("cluster-announce-hostname", \.clusterAnnounceHostname, .hostname),
        Directive("cluster-announce-port", \.clusterAnnouncePort, .integer(ports)),
        Directive("cluster-announce-bus-port", \.clusterAnnounceBusPort, .integer(ports)),
        Directive("cluster-preferred-endpoint-type", \.clusterPreferredEndpointType, .choice),
        Directive("cluster-require-full-coverage", \.clusterRequiresFullCoverage, .boolean),
        Directive("cluster-allow-reads-when-down", \.clusterAllowsReadsWhenDown, .boolean),
        Directive("cluster-link-sendbuf-limit", \.clusterLinkSendBufferLimit, .memory()),
        Directive("cluster-blacklist-ttl", \.clusterBlacklistSeconds, .integer(0...Int(UInt32.max))),
        Directive("cluster-slot-stats-enabled", \.areSlotStatisticsOn, .boolean),
        Directive("cluster-seeds", \.clusterSeeds, .seeds),
        Directive("cluster-announce-tls-port", \.clusterAnnounceTLSPort, .integer(ports)),
        Directive("cluster-announce-client-port", \.clusterAnnounceClientPort, .integer(ports)),
        Directive("cluster-announce-client-tls-port", \.clusterAnnounceClientTLSPort, .integer(ports)),
        Directive("cluster-announce-client-ipv4", \.clusterAnnounceClientIPv4, .address(ipv6: false)),
        Directive("cluster-announce-client-ipv6", \.clusterAnnounceClientIPv6, .address(ipv6: true)),
        Directive("cluster-announce-human-nodename", \.clusterAnnounceNodename, .nodename),
        Directive("cluster-allow-pubsubshard-when-down", \.clusterAllowsShardPubSubWhenDown, .boolean),
        Directive(
            "cluster-replica-no-failover",
            \.clusterReplicaNoFailover,
            .boolean,
            aliases: ["cluster-slave-no-failover"]
        ),
        Directive(
            "cluster-replica-validity-factor",
            \.clusterReplicaValidityFactor,
            .integer(int32),
            aliases: ["cluster-slave-validity-factor"]
        ),
        Directive(
            "cluster-manual-failover-timeout",
            \.clusterManualFailoverTimeoutMilliseconds,
            .integer(1...int32.upperBound)
        ),
        Directive("cluster-allow-replica-migration", \.clusterAllowsReplicaMigration, .boolean),
        Directive("cluster-migration-barrier", \.clusterMigrationBarrier, .integer(int32)),
        Directive("cluster-primary-lease", \.clusterPrimaryLease, .boolean),
        Directive("cluster-heartbeat-bandwidth", \.clusterHeartbeatBandwidth, .memory()),
        .unbuilt("cluster-config-save-behavior", .word("sync", "best-effort"), "sync"),
        .unbuilt("cluster-databases", .integer(1...int32.upperBound), 1, .immutable),
        .unbuilt("cluster-slot-migration-log-max-len", .integer(0...Int.max), 1000),
        .unbuilt("slot-migration-max-failover-repl-bytes", .integer(-1...Int.max), 0),
        Directive("cluster-ping-interval", \.clusterPingIntervalMilliseconds, .integer(0...Int.max), .hidden),
        .unbuilt("cluster-message-gossip-perc", .integer(0...100), 10, .hidden),
    ]

    static let access: [Directive] = [
        Directive("requirepass", \.requirePass, .secret, .sensitive),
        Directive("enable-debug-command", \.debugCommandPermission, .choice, .immutable),
        Directive("enable-protected-configs", \.protectedConfigsPermission, .choice, .immutable),
        .unbuilt("enable-module-command", .word("no", "yes", "local"), "no", .immutable),
        .unbuilt("aclfile", .text(whenEmpty: .value), "", .immutable),
        .unbuilt("acllog-max-len", .integer(0...Int.max), 128),
        .unbuilt("acl-pubsub-default", .word("allchannels", "resetchannels"), "resetchannels"),
    ]
}
