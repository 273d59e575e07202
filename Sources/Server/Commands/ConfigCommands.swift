// CONFIG: the configuration read, changed for all shards at once, and written back to its file.

internal import Commands
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol

enum ConfigCommands {
    static let all = [config]

    static let config = Command(
        "config",
        "Reads and changes the configuration.",
        group: .server,
        since: "2.0.0",
        helpSince: "5.0.0",
        subcommands: [get, set, rewrite, resetStat]
    )

    private static let flags: CommandFlags = [.admin, .noscript, .loading, .stale]

    static let get = Command(
        "config|get",
        "Shows directives by name or pattern.",
        arity: .atLeast(3),
        flags: flags,
        group: .server,
        since: "2.0.0",
        history: ["7.0.0": "Takes several patterns."],
        complexity: "O(N) when N is the number of configuration parameters provided",
        place: .everywhere,
        syntax: "<parameter>..."
    ) { call throws(CommandError) in
        let found = call.node.configuration.values(matching: call.arguments.from(2).arrays)
        call.reply.map(found.count)
        for (name, value) in found {
            name.withBytes { call.reply.bulk($0) }
            value.withBytes { call.reply.bulk($0) }
        }
    }

    static let set = Command(
        "config|set",
        "Changes directives, all of them or none.",
        arity: .atLeast(4),
        flags: flags,
        group: .server,
        since: "2.0.0",
        history: ["7.0.0": "Takes several directives."],
        complexity: "O(N) when N is the number of configuration parameters provided",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        place: .everywhere,
        syntax: "data{<parameter> <value>}...",
        secrets: .values(from: 2) { Directive.named($0.text.lowercased())?.traits.contains(.sensitive) ?? false }
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 0 else { throw .wrongArity }
        let words = call.arguments.from(2).arrays
        let pairs = stride(from: 0, to: words.count, by: 2).map { (name: words[$0], value: words[$0 + 1]) }
        do throws(ChangeError) {
            try call.node.changeConfiguration(pairs, by: call.client)
            call.reply.ok()
        } catch {
            call.reply.error("ERR " + error.text.text)
        }
    }

    static let rewrite = Command(
        "config|rewrite",
        "Writes the configuration back to its file.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "2.8.0",
        place: .everywhere
    ) { call throws(CommandError) in
        try rewrite(call, everything: false)
    }

    /// - Parameter everything: also writes what is at its default.
    static func rewrite(_ call: Call, everything: Bool) throws(CommandError) {
        guard let path = call.node.configurationPath else {
            throw .text("ERR The server is running without a config file")
        }
        do throws(SystemError) {
            try call.node.rewriteConfiguration(at: path, everything: everything)
            call.node.log.notice("CONFIG REWRITE executed with success.")
            call.reply.ok()
        } catch {
            call.node.log.warning("CONFIG REWRITE failed: \(error.reason)")
            call.reply.error("ERR Rewriting config file: \(error.reason)")
        }
    }

    static let resetStat = Command(
        "config|resetstat",
        "Sets the counters of INFO back to zero.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "2.0.0",
        place: .everywhere
    ) { call throws(CommandError) in
        call.node.resetStatistics()
        call.reply.ok()
    }
}

extension Node {
    /// Changes directives and makes the change hold in all threads. In an exclusive section.
    func changeConfiguration(
        _ pairs: [(name: [UInt8], value: [UInt8])],
        by client: Client
    ) throws(ChangeError) {
        let isLocal = client.isUnixSocket || client.peer.isLoopback
        // On a copy, because what holds now is asked while the new values are tried.
        var changed = configuration
        try changed.change(
            pairs,
            allowsProtected: configuration.protectedConfigsPermission.allows(isLocal: isLocal)
        ) { (old, new, directives) throws(ApplyError) in
            try hold(old, &new, directives.map(\.name))
        }
        configuration = changed
        configurationDidChange()
    }

    /// What has to be done outside the process for new values to hold.
    private func hold(
        _ old: Configuration,
        _ new: inout Configuration,
        _ changed: [String]
    ) throws(ApplyError) {
        for name in changed {
            switch name {
            case "dir":
                guard unsafe chdir(new.directory) == 0, let path = Files.workingDirectory() else {
                    throw ApplyError(directive: name, reason: unsafe String(cString: strerror(errno)))
                }
                new.directory = path
            case "port", "bind", "tcp-backlog":
                do throws(SystemError) { try relisten(new) } catch {
                    let reason =
                        name == "bind"
                        ? "Failed to bind to specified addresses."
                        : "Unable to listen on this port. Check server logs."
                    throw ApplyError(directive: name, reason: reason)
                }
            case "maxclients":
                guard raiseFileLimit(for: new.maxClients) else {
                    throw ApplyError(
                        directive: name,
                        reason: "The operating system is not able to handle the specified number of clients, try with "
                            + "\(mostClients)"
                    )
                }
            case "maxmemory" where new.maxMemory > 0:
                let used = MemoryReport(node: self).used
                guard used > new.maxMemory else { break }
                log.warning(
                    "WARNING: the new maxmemory value set via CONFIG SET (\(new.maxMemory)) is smaller than the current memory "
                        + "usage (\(used)). This will result in key eviction and/or the inability to accept new write "
                        + "commands depending on the maxmemory-policy."
                )
            default: break
            }
        }
    }

    /// Hands the values on that threads keep copies of. In an exclusive section, or before the threads run.
    func configurationDidChange() {
        log.level = Log.Level(configuration.logLevel)
        log.setPath(configuration.logFile)
        showTitle()
        memory.setLimit(configuration.maxMemory)
        for executor in executors { executor.settings = ExecutionSettings(configuration, ticks) }
        for shard in shards {
            shard.configurationDidChange(configuration)
            shard.executor.limitDidChange()
            shard.executor.setSlotStatistics(isOn: isClusterEnabled && configuration.areSlotStatisticsOn)
        }
        clusterThread?.configurationDidChange()
        evictClients()
    }

    /// Replaces the file at `path` with one that says what is in force now.
    func rewriteConfiguration(at path: String, everything: Bool = false) throws(SystemError) {
        let file = Files.read(path) ?? []
        try Files.replace(path, with: configuration.rewritten(file, everything: everything))
    }

    /// In an exclusive section.
    func resetStatistics() {
        for executor in executors {
            executor.statistics.reset()
            executor.slotStatistics?.reset()
            executor.call.resetStatistics()
            executor.keyspace.resetStatistics()
        }
        memory.resetStatistics()
        evictedClientCount = 0
        for shard in shards {
            shard.counters = ConnectionCounters()
            shard.rates = Rates()
            shard.defragmenter.resetStatistics(at: Clock.monotonicNanoseconds())
        }
    }
}
