// A node's life: it listens, serves until a signal or SHUTDOWN comes, and ends cleanly.

internal import CSystem
internal import Cluster
internal import Configuration
internal import Glibc
internal import Protocol

extension Node {
    /// Starts all threads and serves until the process ends.
    func run(withoutEffect: [String]) -> Never {
        var signals = Self.handledSignals()
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)

        logStart(withoutEffect)
        adjustFileLimit()
        do throws(SystemError) {
            try listenAtStart()
        } catch {
            log.warning("Failed listening on port \(configuration.port) (tcp), aborting.")
            exit(1)
        }
        for shard in shards { shard.executor.updateAllowance() }
        memory.setBase()
        for shard in shards { Thread.start("shard-\(shard.index)") { shard.run() } }
        if let clusterThread { Thread.start("cluster") { clusterThread.run() } }
        Thread.start("courier") { [courier] in courier.run() }
        log.notice("Server initialized")
        if configuration.port != 0 { log.notice("Ready to accept connections tcp") }
        if !configuration.unixSocket.isEmpty { log.notice("Ready to accept connections unix") }
        if configuration.port == 0, configuration.unixSocket.isEmpty { log.notice("Ready to accept connections") }
        obeySignals(&signals)
    }

    private static func handledSignals() -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGTERM)
        unsafe sigaddset(&signals, SIGINT)
        return signals
    }

    /// The first signal asks the server to end; a second one does not ask.
    private func obeySignals(_ signals: inout sigset_t) -> Never {
        var isEnding = false
        while true {
            var received: Int32 = 0
            unsafe sigwait(&signals, &received)
            if isEnding {
                log.warning("You insist... exiting now.")
                exit(1)
            }
            isEnding = true
            log.warning("Received \(received == SIGINT ? "SIGINT" : "SIGTERM") scheduling shutdown...")
            shards[0].mailbox.post(.perform { shard in shard.node.exclusively(shard.executor) { shard.node.end() } })
        }
    }

    /// Ends the process. In an exclusive section, so that no command is cut in two.
    func end() -> Never {
        log.warning("User requested shutdown...")
        for shard in shards { shard.stopListening() }
        if !configuration.unixSocket.isEmpty { Files.remove(configuration.unixSocket) }
        if isPIDFileWritten {
            log.notice("Removing the pid file.")
            Files.remove(pidFilePath)
        }
        log.warning("\(Product.name) is now ready to exit, bye bye...")
        _exit(0)  // other threads still run: what exit() tears down is theirs, too
    }

    // MARK: Start

    private func logStart(_ withoutEffect: [String]) {
        log.notice("oO0OoO0OoO0Oo \(Product.name) is starting oO0OoO0OoO0Oo")
        log.notice(
            "\(Product.name) version=\(Product.version), bits=64, compatible with Redis \(Product.compatibleVersion), "
                + "pid=\(getpid()), just started"
        )
        let mode = isClusterEnabled ? "cluster" : "standalone"
        if configuration.alwaysShowsLogo || log.goesToTerminal {
            log.picture(Logo(mode: mode, port: configuration.port, shardCount: shardCount).text)
        } else {
            log.notice("Running mode=\(mode), port=\(configuration.port), shards=\(shardCount). PID: \(getpid())")
        }
        if !withoutEffect.isEmpty {
            log.warning(
                "These directives are accepted, but the parts that they steer are not built yet: "
                    + withoutEffect.joined(separator: ", ")
            )
        }
    }

    /// As many descriptors as clients and links may need.
    private func adjustFileLimit() {
        guard !raiseFileLimit(for: configuration.maxClients) else { return }
        let most = mostClients
        log.warning(
            "You requested maxclients of \(configuration.maxClients) requiring at least "
                + "\(configuration.maxClients + Self.reservedFiles) max file descriptors. Server can't set maximum open "
                + "files because of OS error; maxclients has been reduced to \(most)."
        )
        configuration.maxClients = most
    }

    /// Descriptors for everything but clients.
    private static let reservedFiles = 32

    /// Raises the limit of open files if need be; false where the system refuses.
    func raiseFileLimit(for clients: Int) -> Bool {
        var limit = rlimit()
        let wanted = rlim_t(clients + Self.reservedFiles)
        guard unsafe getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return false }
        guard limit.rlim_cur < wanted else { return true }
        var raised = rlimit(rlim_cur: wanted, rlim_max: max(limit.rlim_max, wanted))
        return unsafe setrlimit(__rlimit_resource_t(7), &raised) == 0
    }

    /// How many clients the present limit leaves room for.
    var mostClients: Int {
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(7), &limit)
        return max(1, Int(clamping: limit.rlim_cur) - Self.reservedFiles)
    }

    // MARK: Listening

    private func listenAtStart() throws(SystemError) {
        if configuration.port != 0 { shards[0].listen(on: try tcpListeners(configuration)) }
        if !configuration.unixSocket.isEmpty {
            let file = try Socket.listen(
                path: configuration.unixSocket,
                permissions: UInt32(configuration.unixSocketMode),
                backlog: configuration.tcpBacklog
            )
            shards[0].listen(on: [file], isUnixSocket: true)
        }
        if let clusterThread {
            let bus = Int(clusterConfiguration.listeningBusPort)
            guard bus != 0 else {
                log.warning(
                    "Cluster bus port number is too high: the port must be lower than 55536, or cluster-port be set."
                )
                exit(1)
            }
            try clusterThread.open(hosts: configuration.binds, port: bus, backlog: configuration.tcpBacklog)
        }
    }

    /// Opens a listening socket for each address of `bind`; those with a minus sign may be missing on this machine.
    private func tcpListeners(_ configuration: Configuration) throws(SystemError) -> [Int32] {
        var files: [Int32] = []
        do throws(SystemError) {
            for bind in configuration.binds {
                let isOptional = bind.hasPrefix("-")
                let host = isOptional ? String(bind.dropFirst()) : bind
                do throws(SystemError) {
                    files.append(
                        try Socket.listen(host: host, port: configuration.port, backlog: configuration.tcpBacklog)
                    )
                } catch {
                    guard isOptional, error.isAboutMissingAddress else {
                        log.warning(
                            "Warning: Could not create server TCP listening socket \(host):\(configuration.port): "
                                + error.description
                        )
                        throw error
                    }
                }
            }
        } catch {
            files.forEach { close($0) }
            throw error
        }
        return files
    }

    /// Listens where `configuration` says instead of where it was. In an exclusive section.
    func relisten(_ configuration: Configuration) throws(SystemError) {
        // Old and new addresses may be the same: the old sockets make room first, and come back if that was in vain.
        shards[0].stopListening(keepingUnixSocket: true)
        do throws(SystemError) {
            if configuration.port != 0 { shards[0].listen(on: try tcpListeners(configuration)) }
        } catch {
            if self.configuration.port != 0, let old = try? tcpListeners(self.configuration) {
                shards[0].listen(on: old)
            }
            throw error
        }
    }
}

extension SystemError {
    /// The address, or its whole family, does not exist on this machine.
    var isAboutMissingAddress: Bool {
        [ENOENT, EADDRNOTAVAIL, EPROTONOSUPPORT, EAFNOSUPPORT, EPFNOSUPPORT, ENOPROTOOPT].contains(code)
    }
}

extension Shard {
    /// Before the shard runs, or in an exclusive section.
    func listen(on files: [Int32], isUnixSocket: Bool = false) {
        for file in files {
            let token = (listeners.map(\.token).max() ?? 0) + 1
            listeners.append(Listener(token: token, file: file, isUnixSocket: isUnixSocket))
            _ = poller.watch(file, token: token, for: .readable)
        }
    }

    func stopListening(keepingUnixSocket: Bool = false) {
        for listener in listeners where !(keepingUnixSocket && listener.isUnixSocket) {
            poller.unwatch(listener.file)
            Glibc.close(listener.file)
        }
        listeners.removeAll { !(keepingUnixSocket && $0.isUnixSocket) }
    }
}
