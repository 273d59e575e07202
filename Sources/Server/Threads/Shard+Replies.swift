// Replies on their way out: written at once where the socket takes them, kept where it does not, bounded in any case.

internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol

extension Shard {
    /// Sends what the run has written: at once if the socket takes it, else when it does.
    func sendReplies(to client: Client) {
        let reply = executor.reply
        guard !reply.isEmpty || client.pending != nil else { return }
        if client.obstacles.contains(.killed) {
            reply.clear()
            return close(client)
        }
        if owesTooMuch(to: client) {
            reply.clear(keeping: 0)  // nobody wants so much at once again soon
            noteOutputLimit(client)
            return close(client)
        }
        if client.pending == nil {
            guard write(reply, of: client) else {
                reply.clear()  // the buffer serves all clients of the shard
                return close(client)
            }
            if reply.isEmpty { return }
        }
        client.keep(reply.unsent)
        reply.clear()
        flush(client)
    }

    /// Answers a client of another shard from here: its socket is lent with it. What goes wrong is its home's affair.
    func answerVisitor(_ client: Client) {
        keepReplies(for: client)
        guard let pending = client.pending, !client.obstacles.contains(.killed) else { return }
        if !write(pending, of: client) { client.obstacles.insert(.killed) }
        if pending.isEmpty { client.pending = nil }
    }

    /// Puts what the run has written behind what the client still has to get.
    func keepReplies(for client: Client) {
        if owesTooMuch(to: client) {
            noteOutputLimit(client)
            client.obstacles.insert(.killed)
        } else {
            client.keep(executor.reply.unsent)
        }
        executor.reply.clear()
    }

    /// Writes pending replies until the socket takes no more.
    func flush(_ client: Client) {
        guard let pending = client.pending else { return }
        guard write(pending, of: client) else { return close(client) }
        guard pending.isEmpty else {
            checkOutputLimit(client)
            if !client.isClosed { noteMemory(of: client) }
            return
        }
        client.pending = nil
        noteMemory(of: client)
        client.softLimitSince = nil
        if client.obstacles.contains(.closing) { close(client) }
    }

    /// Writes until the buffer is empty or the socket is full; false: the connection is broken.
    @inline(__always)
    private func write(_ buffer: ReplyBuffer, of client: Client) -> Bool {
        while !buffer.isEmpty {
            let bytes = buffer.unsent
            let count = unsafe Glibc.send(client.file, bytes.base, bytes.count, Int32(MSG_NOSIGNAL))
            guard count > 0 else {
                if count < 0, errno == EINTR { continue }
                return count < 0 && errno == EAGAIN
            }
            counters.sentBytes &+= Int64(count)
            client.sentByteCount &+= Int64(count)
            client.lastInteraction = keyspace.now
            buffer.didSend(count)
            // What was not taken at once will not be taken now.
            if count < bytes.count { return true }
        }
        return true
    }

    /// Whether the run has brought what a client is owed beyond the hard limit. What its socket might take at once counts
    /// too: replies wait in memory until the run ends.
    @inline(__always)
    private func owesTooMuch(to client: Client) -> Bool {
        client.pendingByteCount + executor.reply.unsent.count > executor.settings.owedByteCount
    }

    /// Closes a client whose replies pile up beyond `client-output-buffer-limit`.
    func checkOutputLimit(_ client: Client) {
        let limit = node.configuration.clientOutputBufferLimits[.normal]
        let size = client.pendingByteCount
        guard size > ExecutionSettings.leastOwedByteCount else { return }
        var isOver = limit.hardBytes > 0 && size > limit.hardBytes
        if limit.softBytes > 0, size > limit.softBytes {
            let since = client.softLimitSince ?? keyspace.now
            client.softLimitSince = since
            if keyspace.now - since > Int64(limit.softSeconds) * 1000 { isOver = true }
        } else {
            client.softLimitSince = nil
        }
        guard isOver else { return }
        noteOutputLimit(client)
        close(client)
    }

    private func noteOutputLimit(_ client: Client) {
        counters.outputLimitDisconnections += 1
        node.log.warning(
            "Client \(client.description) scheduled to be closed ASAP for overcoming of output buffer limits."
        )
    }

    /// Bytes from outside the conversation: monitoring, messages.
    func deliver(_ bytes: [UInt8], to id: Int64) {
        guard let client = clients[id], !client.isClosed else { return }
        guard !client.isAway else { return client.undelivered.append(bytes) }
        bytes.withBytes { client.keep($0) }
        flush(client)
    }
}
