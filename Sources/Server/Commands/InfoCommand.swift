// INFO: everything the node knows about itself, in Redis's sections and field names.

internal import CSystem
internal import Commands
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol

enum InfoCommand {
    static let all = [info]

    static let info = Command(
        "info",
        "Tells about the server, section by section.",
        arity: .atLeast(1),
        flags: [.loading, .stale],
        group: .server,
        since: "1.0.0",
        history: ["7.0.0": "Takes several sections."],
        categories: ["dangerous"],
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        place: .everywhere,
        syntax: "[<section>...]"
    ) { call throws(CommandError) in
        let names = call.arguments.from(1).arrays.map { $0.text.lowercased() }
        call.reply.verbatim(InfoReport(node: call.node).text(of: names))
    }
}

/// One look at the node. In an exclusive section.
struct InfoReport {
    let node: Node
    private let now: Int64

    init(node: Node) {
        self.node = node
        now = Clock.unixMilliseconds()
    }

    private typealias Fields = [(name: String, value: String)]

    private struct Section: Sendable {
        let name: String
        let isDefault: Bool
        let fields: @Sendable (InfoReport) -> Fields
    }

    private static let sections: [Section] = [
        Section(name: "Server", isDefault: true) { $0.server() },
        Section(name: "Clients", isDefault: true) { $0.clients() },
        Section(name: "Memory", isDefault: true) { $0.memory() },
        Section(name: "Persistence", isDefault: true) { $0.persistence() },
        Section(name: "Stats", isDefault: true) { $0.stats() },
        Section(name: "Replication", isDefault: true) { $0.replication() },
        Section(name: "CPU", isDefault: true) { $0.cpu() },
        Section(name: "Modules", isDefault: true) { _ in [] },
        Section(name: "Commandstats", isDefault: false) { $0.commands() },
        Section(name: "Errorstats", isDefault: true) { $0.errors() },
        Section(name: "Latencystats", isDefault: false) { $0.latencies() },
        Section(name: "Cluster", isDefault: true) { [("cluster_enabled", $0.node.isClusterEnabled ? "1" : "0")] },
        Section(name: "Keyspace", isDefault: true) { $0.keyspace() },
    ]

    /// The sections of these names (in small letters), or the usual ones where there is none.
    func text(of names: [String]) -> String {
        let wantsAll = !names.isEmpty && !Set(names).isDisjoint(with: ["all", "everything"])
        let wantsDefault = names.isEmpty || names.contains("default")
        let chosen = Self.sections.filter { section in
            wantsAll || (wantsDefault && section.isDefault) || names.contains(section.name.lowercased())
        }
        return chosen.map { section in
            "# \(section.name)\r\n" + section.fields(self).map { "\($0.name):\($0.value)\r\n" }.joined()
        }.joined(separator: "\r\n")
    }

    // MARK: Sections

    private func server() -> Fields {
        var system = utsname()
        unsafe uname(&system)
        let uptime = (now - node.startedAt) / 1000
        return [
            ("redis_version", Product.compatibleVersion), ("redis_git_sha1", "00000000"), ("redis_git_dirty", "0"),
            ("redis_build_id", "0"), ("apus_version", Product.version),
            ("redis_mode", node.isClusterEnabled ? "cluster" : "standalone"),
            ("os", "\(text(of: &system.sysname)) \(text(of: &system.release)) \(text(of: &system.machine))"),
            ("arch_bits", "64"), ("monotonic_clock", "processor counter, \(Int(node.ticks.perMicrosecond)) per us"),
            ("multiplexing_api", "epoll"), ("process_id", "\(getpid())"), ("process_supervised", "no"),
            ("run_id", node.runID), ("tcp_port", "\(node.configuration.port)"),
            ("server_time_usec", "\(Clock.unixMicroseconds())"), ("uptime_in_seconds", "\(uptime)"),
            ("uptime_in_days", "\(uptime / 86_400)"), ("hz", "\(node.configuration.hz)"),
            ("configured_hz", "\(node.configuration.hz)"), ("lru_clock", "\((now / 1000) & 0xFF_FFFF)"),
            ("shards", "\(node.shardCount)"), ("executable", Files.executable()),
            ("config_file", node.configurationPath ?? ""), ("io_threads_active", "0"),
        ]
    }

    private func text<Value>(of field: inout Value) -> String {
        unsafe withUnsafeBytes(of: &field) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private func clients() -> Fields {
        let clients = node.allClients
        let waits = node.shards.map(\.executor.waits)
        return [
            ("connected_clients", "\(clients.count)"), ("cluster_connections", "\(node.clusterLinkCount)"),
            ("maxclients", "\(node.configuration.maxClients)"),
            ("client_recent_max_input_buffer", "\(clients.map(\.input.allocatedByteCount).max() ?? 0)"),
            ("client_recent_max_output_buffer", "\(clients.map { $0.pending?.allocatedByteCount ?? 0 }.max() ?? 0)"),
            (
                "blocked_clients",
                "\(node.shards.reduce(0) { $0 + $1.postponed.count } + clients.count { $0.wait != nil })"
            ),
            ("tracking_clients", "0"),
            ("clients_in_timeout_table", "\(waits.reduce(0) { $0 + $1.deadlines.count })"),
            ("watching_clients", "\(clients.count { $0.watch != nil })"),
            ("total_watched_keys", "\(node.executors.reduce(0) { $0 + $1.watchers.keyCount })"),
            ("total_blocking_keys", "\(waits.reduce(0) { $0 + $1.keyCount })"),
            ("total_blocking_keys_on_nokey", "\(waits.reduce(0) { $0 + $1.goneKeyCount })"),
        ]
    }

    private func memory() -> Fields {
        let memory = MemoryReport(node: node)
        let (limit, clock) = (node.configuration.maxMemory, Clock.monotonicNanoseconds())
        return [
            ("used_memory", "\(memory.used)"), ("used_memory_human", human(memory.used)),
            ("used_memory_rss", "\(memory.resident)"), ("used_memory_rss_human", human(memory.resident)),
            ("used_memory_peak", "\(memory.peak)"), ("used_memory_peak_human", human(memory.peak)),
            ("used_memory_peak_perc", percent(memory.used, of: memory.peak)),
            ("used_memory_overhead", "\(memory.overhead)"), ("used_memory_startup", "\(memory.startup)"),
            ("used_memory_dataset", "\(memory.dataset)"),
            ("used_memory_dataset_perc", percent(memory.dataset, of: max(1, memory.used - memory.startup))),
            ("allocator_allocated", "\(memory.allocated)"), ("allocator_active", "\(memory.active)"),
            ("allocator_resident", "\(memory.allocatorResident)"),
            ("total_system_memory", "\(memory.system)"), ("total_system_memory_human", human(memory.system)),
            ("used_memory_lua", "0"), ("used_memory_vm_total", "0"), ("used_memory_functions", "0"),
            ("used_memory_scripts", "0"), ("number_of_cached_scripts", "0"), ("number_of_functions", "0"),
            ("number_of_libraries", "0"), ("maxmemory", "\(limit)"), ("maxmemory_human", human(limit)),
            ("maxmemory_policy", node.configuration.maxMemoryPolicy.rawValue),
            ("allocator_frag_ratio", ratio(memory.active, memory.allocated)),
            ("allocator_frag_bytes", "\(memory.active - memory.allocated)"),
            ("allocator_rss_ratio", ratio(memory.allocatorResident, memory.active)),
            ("allocator_rss_bytes", "\(memory.allocatorResident - memory.active)"),
            ("rss_overhead_ratio", ratio(memory.resident, memory.allocatorResident)),
            ("rss_overhead_bytes", "\(memory.resident - memory.allocatorResident)"),
            ("mem_fragmentation_ratio", ratio(memory.resident, memory.used)),
            ("mem_fragmentation_bytes", "\(memory.resident - memory.used)"),
            ("mem_not_counted_for_evict", "0"), ("mem_replication_backlog", "0"),
            ("mem_total_replication_buffers", "0"), ("mem_clients_slaves", "0"),
            ("mem_clients_normal", "\(memory.clients)"), ("mem_cluster_links", "0"), ("mem_aof_buffer", "0"),
            ("mem_allocator", "jemalloc-5.3.0"),
            ("active_defrag_running", "\(node.greatest { Int64($0.effortShown(at: clock)) })"),
            ("lazyfree_pending_objects", "\(node.shards.reduce(0) { $0 + $1.keyspace.garbageCount })"),
            ("lazyfreed_objects", "\(node.shards.reduce(0) { $0 + $1.keyspace.lazilyFreedCount })"),
        ]
    }

    private func persistence() -> Fields {
        [
            ("loading", "0"), ("async_loading", "0"), ("rdb_changes_since_last_save", "\(node.changeCount)"),
            ("rdb_bgsave_in_progress", "0"), ("rdb_last_save_time", "\(node.startedAt / 1000)"),
            ("rdb_last_bgsave_status", "ok"), ("rdb_last_bgsave_time_sec", "-1"),
            ("rdb_current_bgsave_time_sec", "-1"), ("aof_enabled", "0"), ("aof_rewrite_in_progress", "0"),
            ("aof_rewrite_scheduled", "0"), ("aof_last_write_status", "ok"),
        ]
    }

    private func stats() -> Fields {
        let counters = node.shards.map(\.counters)
        let keyspaces = node.shards.map(\.keyspace)
        func sum(_ value: (ConnectionCounters) -> Int64) -> Int64 { counters.reduce(0) { $0 + value($1) } }
        func rate(_ rate: (Rates) -> Rate) -> Double { node.shards.reduce(0) { $0 + rate($1.rates).perSecond } }
        let (moved, clock) = (node.defragmentationTally, Clock.monotonicNanoseconds())
        return [
            ("total_connections_received", "\(sum(\.accepted))"),
            ("total_commands_processed", "\(node.commandCount)"),
            ("instantaneous_ops_per_sec", "\(Int(rate(\.commands)))"),
            ("total_net_input_bytes", "\(sum(\.receivedBytes))"),
            ("total_net_output_bytes", "\(sum(\.sentBytes))"),
            ("instantaneous_input_kbps", decimal(rate(\.received) / 1024)),
            ("instantaneous_output_kbps", decimal(rate(\.sent) / 1024)),
            ("rejected_connections", "\(sum(\.refused))"), ("sync_full", "0"), ("sync_partial_ok", "0"),
            ("sync_partial_err", "0"), ("expired_keys", "\(keyspaces.reduce(0) { $0 + $1.expiredCount })"),
            ("expired_fields", "\(keyspaces.reduce(0) { $0 + $1.expiredFieldCount })"),
            ("evicted_keys", "\(keyspaces.reduce(0) { $0 + $1.evictedCount })"),
            ("evicted_clients", "\(node.evictedClientCount)"),
            ("total_eviction_exceeded_time", "\(node.memory.totallyExceeded)"),
            ("current_eviction_exceeded_time", "\(node.memory.currentlyExceeded)"),
            ("keyspace_hits", "\(node.executors.reduce(0) { $0 + $1.call.hitCount })"),
            ("keyspace_misses", "\(node.executors.reduce(0) { $0 + $1.call.missCount })"),
            ("pubsub_channels", "0"), ("pubsub_patterns", "0"), ("pubsubshard_channels", "0"),
            ("latest_fork_usec", "0"), ("total_forks", "0"),
            ("migrate_cached_sockets", "\(node.courier.connectionCount)"), ("active_defrag_hits", "\(moved.hits)"),
            ("active_defrag_misses", "\(moved.misses)"), ("active_defrag_key_hits", "\(moved.keyHits)"),
            ("active_defrag_key_misses", "\(moved.keyMisses)"),
            ("total_active_defrag_time", "\(node.greatest { $0.totalNanoseconds(at: clock) } / 1_000_000)"),
            ("current_active_defrag_time", "\(node.greatest { $0.currentNanoseconds(at: clock) } / 1_000_000)"),
            ("tracking_total_keys", "0"),
            ("unexpected_error_replies", "0"),
            ("total_error_replies", "\(node.executors.reduce(0) { $0 + $1.statistics.errorTotal })"),
            ("client_query_buffer_limit_disconnections", "\(sum(\.queryLimitDisconnections))"),
            ("client_output_buffer_limit_disconnections", "\(sum(\.outputLimitDisconnections))"),
            ("wakeup_gathering_pauses", "\(sum(\.pauses))"),
        ]
    }

    private func replication() -> Fields {
        [
            ("role", "master"), ("connected_slaves", "0"), ("master_failover_state", "no-failover"),
            ("master_replid", node.runID), ("master_replid2", String(repeating: "0", count: 40)),
            ("master_repl_offset", "0"), ("second_repl_offset", "-1"), ("repl_backlog_active", "0"),
        ]
    }

    private func cpu() -> Fields {
        func times(_ who: Int32) -> (system: Double, user: Double) {
            var usage = rusage()
            unsafe getrusage(who, &usage)
            func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
            return (seconds(usage.ru_stime), seconds(usage.ru_utime))
        }
        let (own, children) = (times(RUSAGE_SELF.rawValue), times(RUSAGE_CHILDREN.rawValue))
        return [
            ("used_cpu_sys", decimal(own.system, 6)), ("used_cpu_user", decimal(own.user, 6)),
            ("used_cpu_sys_children", decimal(children.system, 6)),
            ("used_cpu_user_children", decimal(children.user, 6)),
        ]
    }

    private func commands() -> Fields {
        node.table.all.compactMap { command in
            let counts = node.counts(of: command)
            guard counts.calls > 0 || counts.refused > 0 || counts.failed > 0 else { return nil }
            let time = node.ticks.microseconds(counts.ticks)
            let mean = counts.calls > 0 ? time / Double(counts.calls) : 0
            return (
                "cmdstat_\(command.name)",
                "calls=\(counts.calls),usec=\(Int64(time)),usec_per_call=\(decimal(mean)),"
                    + "rejected_calls=\(counts.refused),failed_calls=\(counts.failed)"
            )
        }
    }

    private func errors() -> Fields {
        var all: [String: Int64] = [:]
        for executor in node.executors { all.merge(executor.statistics.errors, uniquingKeysWith: +) }
        return all.sorted { $0.key < $1.key }.map { ("errorstat_\($0.key)", "count=\($0.value)") }
    }

    private func latencies() -> Fields {
        node.table.all.compactMap { command in
            guard let histogram = node.histogram(of: command) else { return nil }
            let percentiles = node.configuration.latencyPercentiles.map { percent in
                let time = histogram.percentile(percent) / node.ticks.perMicrosecond
                return "p\(trimmed(percent))=\(decimal(time, 3))"
            }
            return ("latency_percentiles_usec_\(command.name)", percentiles.joined(separator: ","))
        }
    }

    private func keyspace() -> Fields {
        let keyspaces = node.shards.map(\.keyspace)
        return (0..<(keyspaces.first?.databaseCount ?? 0)).compactMap { database in
            let keys = keyspaces.reduce(0) { $0 + $1.count(in: database) }
            guard keys > 0 else { return nil }
            let volatile = keyspaces.reduce(0) { $0 + $1.volatileCount(in: database) }
            let ages = keyspaces.map { $0.averageTTL(in: database) }.filter { $0 > 0 }
            let mean = ages.isEmpty ? 0 : ages.reduce(0, +) / Int64(ages.count)
            let volatileHashes = keyspaces.reduce(0) { $0 + $1.volatileHashCount(in: database) }
            return (
                "db\(database)",
                "keys=\(keys),expires=\(volatile),avg_ttl=\(mean),keys_with_volatile_items=\(volatileHashes)"
            )
        }
    }

    // MARK: Numbers

    private func percent(_ part: Int, of whole: Int) -> String {
        decimal(Double(part) * 100 / Double(max(1, whole))) + "%"
    }
    private func ratio(_ part: Int, _ whole: Int) -> String { decimal(Double(part) / Double(max(1, whole))) }
    private func trimmed(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }
}

/// `number` with so many digits behind the point.
func decimal(_ number: Double, _ places: Int = 2) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    guard number.isFinite, abs(number) < 1e12 else { return "0" }
    let scaled = Int((abs(number) * Double(scale)).rounded())
    return "\(number < 0 ? "-" : "")\(scaled / scale).\(padded(scaled % scale, places))"
}

/// A byte count as people read it: `1.50M`.
func human(_ byteCount: Int) -> String {
    let units = ["K", "M", "G", "T", "P"]
    guard byteCount >= 1024 else { return "\(byteCount)B" }
    var (number, unit) = (Double(byteCount) / 1024, 0)
    while number >= 1024, unit < units.count - 1 {
        number /= 1024
        unit += 1
    }
    return decimal(number) + units[unit]
}
