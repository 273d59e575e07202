// A shard's clients: accepted, read, run, written to, lent to other shards, and closed.

internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol
internal import Synchronization

extension Shard {
    // MARK: Coming

    /// Accepts what waits, a bounded batch at a time, and deals it out to the shards.
    func acceptClients(from listener: Listener) {
        for _ in 0..<1000 {
            do {
                guard let file = try Socket.accept(listener.file) else { return }
                let target = node.nextHome()
                if target.index == index {
                    adopt(file, isUnixSocket: listener.isUnixSocket)
                } else {
                    target.mailbox.post(.adopt(file: file, isUnixSocket: listener.isUnixSocket))
                }
            } catch {
                return node.log.warning("Accepting client connection: \(error.reason)")
            }
        }
        // More may wait, and the poller tells of changes only.
        mailbox.post(.perform { $0.acceptClients(from: listener) })
    }

    func adopt(_ file: Int32, isUnixSocket: Bool) {
        let path = node.configuration.unixSocket
        let unixAddress = SocketAddress(host: path, port: 0)
        guard let peer = isUnixSocket ? unixAddress : Socket.peer(of: file),
            let local = isUnixSocket ? unixAddress : Socket.local(of: file)
        else {
            Glibc.close(file)
            return
        }
        if let refusal = node.refusal(of: peer, isUnixSocket: isUnixSocket) {
            counters.refused += 1
            _ = unsafe Array(refusal.utf8).withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
            Glibc.close(file)
            return
        }
        if !isUnixSocket {
            Socket.tune(file, keepAlive: node.configuration.tcpKeepAliveSeconds)
            if peer.isLoopback { Socket.expectNoCongestion(file) }
        }
        let client = Client(
            id: node.nextClientID(),
            file: file,
            peer: peer,
            local: local,
            isUnixSocket: isUnixSocket,
            home: index,
            now: keyspace.now,
            isAuthenticated: node.configuration.requirePass.isEmpty
        )
        counters.accepted += 1
        guard poller.watch(file, token: client.token) else {
            Glibc.close(file)
            node.clientDidClose()
            return
        }
        clients[client.id] = client
        noteMemory(of: client)
    }

    // MARK: Events

    @inline(__always)
    func handle(_ client: Client, _ readiness: Poller.Readiness) {
        guard !client.isClosed else { return }
        if readiness.contains(.peerClosed) || readiness.contains(.failed) { client.isPeerClosed = true }
        if readiness.contains(.readable) || client.isPeerClosed { client.isReadable = true }
        guard !client.isAway else {
            client.hasNews.store(true, ordering: .sequentiallyConsistent)
            return passOnNews(of: client)
        }
        if readiness.contains(.writable), client.pending != nil {
            flush(client)
            if client.isClosed { return }
        }
        if client.isReadable { serve(client) }
    }

    /// Reads what came and runs it.
    func serve(_ client: Client) {
        if client.obstacles.contains(.killed) { return close(client) }
        if client.isPostponed || client.obstacles.contains(.closing) { return drainWhileClosing(client) }
        if !client.isReadable { return runKept(client) }

        let wanted =
            client.input.isEmpty
            ? Self.readByteCount : client.partial.readSize(having: client.input.count, usual: Self.readByteCount)
        let count: Int
        if client.input.isEmpty {
            count = unsafe recv(client.file, readBuffer, wanted, 0)
            if count > 0 { received(client, count, wanted: wanted) }
            if count > 0 { runFresh(client, unsafe Bytes(base: readBuffer, count: count)) }
        } else {
            count = unsafe client.input.fill(atMost: wanted) { unsafe recv(client.file, $0, $1, 0) }
            if count > 0 { received(client, count, wanted: wanted) }
            // Now, as what has come is gone again once it was run.
            if count > 0 { noteMemory(of: client) }
            if count > 0, !client.isClosed { runKept(client) }
        }
        guard !client.isClosed else { return }
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return close(client) }
        if count < 0 { client.isReadable = false }
        if client.isReadable { makeReady(client) }
    }

    @inline(__always)
    private func received(_ client: Client, _ count: Int, wanted: Int) {
        // A short read has emptied the socket, unless the peer's farewell is in it still.
        client.isReadable = count == wanted || client.isPeerClosed
        client.receivedByteCount &+= Int64(count)
        counters.receivedBytes &+= Int64(count)
        gathering.noteRead(isFirst: client.lastInteraction != keyspace.now)
        client.lastInteraction = keyspace.now
    }

    /// A client that is to be closed, or must wait, is only listened to for its farewell.
    private func drainWhileClosing(_ client: Client) {
        if client.obstacles.contains(.closing), client.pending == nil || client.isPeerClosed { return close(client) }
        if client.isPostponed, client.isPeerClosed { return close(client) }
    }

    func makeReady(_ client: Client) {
        guard !client.isReady else { return }
        client.isReady = true
        ready.append(client)
    }

    // MARK: Running

    /// Runs bytes straight from the socket; only what cannot run yet is kept.
    @inline(__always)
    private func runFresh(_ client: Client, _ input: Bytes) {
        client.borrowedByteCount = input.count
        let (consumed, interruption) = executor.run(client, input)
        client.borrowedByteCount = 0
        if consumed < input.count { client.input.append(input[consumed..<input.count]) }
        finish(client, interruption)
    }

    /// Runs what a client brought along or had left.
    func runKept(_ client: Client) {
        let (consumed, interruption) = executor.run(client, client.input.bytes)
        client.input.consume(consumed)
        finish(client, interruption)
    }

    private func finish(_ client: Client, _ interruption: Interruption?) {
        switch interruption {
        case .travels(let seat): return lend(client, to: seat)
        case .errand:
            keepReplies(for: client)
            client.isAway = true
            return node.postOnErrand(client)
        case .waits:
            client.isAway = true
            return park(client)
        default: sendReplies(to: client)
        }
        if client.isClosed { return }
        noteMemory(of: client)
        if client.isClosed { return }
        switch interruption {
        case .breathes: makeReady(client)
        case .postponed: postpone(client)
        case .closes:
            client.obstacles.insert(.closing)
            if client.pending == nil || client.obstacles.contains(.killed) { close(client) }
        default: checkQueryLimit(client)
        }
    }

    private func checkQueryLimit(_ client: Client) {
        guard client.input.count > executor.settings.queryBufferByteCount else { return }
        counters.queryLimitDisconnections += 1
        node.log.warning(
            "Closing client that reached max query buffer length: \(client.description) (qbuf initial bytes: "
                + "\(escaped(client.input.bytes, limit: 64)))"
        )
        close(client)
    }

    private func postpone(_ client: Client) {
        client.isPostponed = true
        postponed.append(client)
    }

    /// While clients pause the data stays as it is: a stale key looks removed, and is removed when the pause is over.
    func pauseBegan() {
        executor.threadObstacles.insert(.paused)
        keyspace.lazyExpiry = .hide
    }

    func pauseEnded() {
        executor.threadObstacles.remove(.paused)
        keyspace.lazyExpiry = .remove
        resumePostponed()
    }

    /// Lets the clients try again that a pause, or keys in transit, held back.
    func resumePostponed() {
        executor.serveDeferred()
        let resumed = postponed
        postponed = []
        for client in resumed where !client.isClosed {
            client.isPostponed = false
            makeReady(client)
        }
    }

    // MARK: Travelling

    /// Runs a visitor's commands, and sends it on, or answers it and sends it home.
    func host(_ client: Client) {
        executor.completeErrand(of: client)
        while true {
            let (consumed, interruption) = executor.run(client, client.input.bytes)
            client.input.consume(consumed)
            tellKeyCount()
            switch interruption {
            case .travels(let seat):
                keepReplies(for: client)
                return node.post(client, to: seat)
            case .errand:
                keepReplies(for: client)
                return node.postOnErrand(client)
            case .waits: return park(client)
            case .breathes:
                answerVisitor(client)
                continue
            case .closes: client.obstacles.insert(.closing)
            case .postponed: client.comesBackPostponed = true
            case nil: break
            }
            answerVisitor(client)
            return node.sendHome(client)
        }
    }

    func welcome(_ client: Client) {
        client.isAway = false
        client.hasNews.store(false, ordering: .sequentiallyConsistent)
        guard !client.isClosed else { return }
        if client.errand != nil {
            executor.completeErrand(of: client)
            keepReplies(for: client)
        }
        if client.obstacles.contains(.killed) { return close(client) }
        for bytes in client.undelivered { bytes.withBytes { client.keep($0) } }
        client.undelivered.removeAll()
        // Where more is to be run, its replies go out together with these.
        let goesOn = !client.input.isEmpty && !client.comesBackPostponed && !client.obstacles.contains(.closing)
        if client.pending != nil, !goesOn { flush(client) }
        if client.isClosed { return }
        if client.obstacles.contains(.closing) { return drainWhileClosing(client) }
        if client.comesBackPostponed {
            client.comesBackPostponed = false
            return postpone(client)
        }
        noteMemory(of: client)
        if client.isClosed { return }
        if goesOn { runKept(client) }
        if !client.isClosed, !client.isAway, client.isReadable { serve(client) }
    }

    // MARK: Going

    func close(_ client: Client) {
        guard !client.isClosed else { return }
        precondition(!client.isAway, "a client is closed at home")
        client.isClosed = true
        clients[client.id] = nil
        clientBytes -= client.countedByteCount
        topologySubscribers.remove(client.id)
        closed.append(client)
        // The object may be named for a while; what it holds is free at once.
        client.pending = nil
        client.input.release()
        if client.isPostponed { postponed.removeAll { $0 === client } }
        poller.unwatch(client.file)
        Glibc.close(client.file)
        node.clientDidClose(client)
    }
}
