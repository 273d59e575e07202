// Commands that wait: how a client comes to wait, and how its command is tried again when a key may serve it.
//
// What a command changes is noted while it runs; when it is done (a transaction: all of it), the clients that wait for
// what was changed are served, in the order in which they came, before anything else runs.

internal import CSystem
internal import Commands
internal import Keyspace
internal import Protocol
internal import Synchronization

extension Executor {
    /// Whether commands may wait: not in a transaction, which is done in one go.
    var mayWait: Bool { client != nil && !isInTransaction }

    /// What the call leaves behind: its client waits, or others need not wait any longer.
    ///
    /// - Returns: whether its client waits.
    @inline(never)
    func attend(_ client: Client, since start: UInt64) -> Bool {
        if let request = call.waitRequest {
            call.waitRequest = nil
            let wait = Wait(request, call.command, call.arguments, client, on: self)
            wait.ticks = apus_ticks() &- start
            client.wait = wait
            for executor in executorsInReach {
                if let shard = executor.homeShard { executor.waits.add(wait, shard: shard) }
            }
            call.needsAttention = executorsInReach.contains { $0.waits.hasReady }
            return true
        }
        if !isInTransaction {
            let (command, arguments) = (call.command, call.arguments)
            serveReady()
            call.restore(command, arguments)
        }
        readClock()
        return false
    }

    private var executorsInReach: [Executor] { holdsEverything ? node.shards.map(\.executor) : [self] }

    // MARK: Serving

    /// Serves those who wait for keys that are ready, and those for whom their commands then make keys ready.
    func serveReady() {
        if holdsEverything {
            while let executor = executorsInReach.first(where: { $0.waits.hasReady }) {
                for item in executor.waits.takeReady() { serve(item, of: executor) }
            }
        } else {
            while waits.hasReady {
                if waits.needsEverything { return node.exclusively(self) { serveReady() } }
                for item in waits.takeReady() { serve(item, of: self) }
            }
        }
        call.needsAttention = false
    }

    /// Lets those try again who were held back by keys in transit.
    func serveDeferred() {
        guard waits.hasDeferred else { return }
        waits.resumeDeferred()
        serveReady()
    }

    private func serve(_ item: Wait.Item, of executor: Executor) {
        item.bytes.withBytes { bytes in
            let key = executor.keyspace.key(bytes)
            let held = { executor.keyspace.lookup(key, in: item.key.database, touching: false)?.type }
            var (index, type) = (0, held())
            while let wait = executor.waits.wait(at: index, for: item.key, isGone: type == nil) {
                if type == wait.type || wait.alsoWhenGone, tryAgain(wait, item, of: executor) {
                    type = held()
                } else {
                    index += 1
                }
            }
        }
    }

    /// Runs a waiting command again; false if it still has to wait.
    private func tryAgain(_ wait: Wait, _ item: Wait.Item, of executor: Executor) -> Bool {
        if holdsEverything || !transit.isEmpty, waitsForTransit(wait.command, wait.arguments, wait.client) {
            executor.waits.putOff(item)
            return false
        }
        return speak(to: wait.client) { mark in
            let start = apus_ticks()
            call.run(wait.command, wait.arguments)
            wait.ticks &+= apus_ticks() &- start
            if let request = call.waitRequest {
                call.waitRequest = nil
                node.shards[wait.keeper].executor.waits.setRetryTime(request.retryTime, of: wait)
                return false
            }
            end(wait, since: mark)
            return true
        }
    }

    // MARK: Ending

    /// Ends a wait that was not served, with the answer that `reply` writes.
    func end(_ wait: Wait, _ write: (ReplyBuffer) -> Void) {
        speak(to: wait.client) { mark in
            write(reply)
            end(wait, since: mark)
        }
    }

    /// Ends the waits whose ends have come, and has those look again whose time for that has.
    func lookAfterDueWaits() {
        while let wait = waits.deadlines.due(at: keyspace.now) {
            touch(wait) { wait in
                if let time = wait.end, time <= keyspace.now { return end(wait) { $0.nullArray() } }
                lookAgain(wait)
            }
        }
    }

    /// Has all those look again who wait for a key of this wait: who came first is served first.
    private func lookAgain(_ wait: Wait) {
        node.shards[wait.keeper].executor.waits.setRetryTime(nil, of: wait)
        for item in wait.items { node.shards[item.shard].executor.waits.makeReady(item) }
        serveReady()
    }

    /// Does something to a wait that this shard keeps, with everything in hand if it is spread.
    func touch(_ wait: Wait, _ body: (Wait) -> Void) {
        guard wait.isSpread else { return body(wait) }
        // It may be served while this thread waits for the others.
        node.exclusively(self) { if wait.client.wait === wait { body(wait) } }
    }

    /// Runs `body` while this thread speaks to another client than the one whose commands it runs.
    private func speak<Result>(to client: Client, _ body: (_ mark: Int) -> Result) -> Result {
        let former = (self.client, call.database, reply.version, call.notesAccess)
        (self.client, call.database) = (client, client.database)
        (reply.version, call.notesAccess) = (client.version, !client.isNoTouch)
        defer { (self.client, call.database, reply.version, call.notesAccess) = former }
        return body(reply.mark)
    }

    /// Counts the command, whose answer was written since `mark`, and sends its client home with it.
    private func end(_ wait: Wait, since mark: Int) {
        let client = wait.client
        node.forget(wait)
        client.commandCount &+= 1
        statistics.count(wait.command.index, ticks: wait.ticks, isTracked: settings.tracksLatency)
        countFailure(of: wait.command, since: mark)
        if wait.ticks >= settings.slowTicks { noteSlow(wait.command, wait.arguments, wait.ticks, client) }
        countForSlot(wait, sentByteCount: reply.mark - mark)
        mute(client, since: mark)
        client.keep(reply.bytes(since: mark))
        reply.rewind(to: mark)
        node.sendHome(client)
    }
}

extension Node {
    /// Takes a wait out of the registries of its shards, all of which the caller reaches: its client waits no longer.
    func forget(_ wait: Wait) {
        for shard in Set(wait.items.map(\.shard)) { shards[shard].executor.waits.remove(wait, shard: shard) }
        wait.client.wait = nil
        wait.client.waitsAt.store(-1, ordering: .sequentiallyConsistent)
    }

    /// Ends a wait whose client is to be closed, without an answer.
    func dismiss(_ wait: Wait) {
        wait.client.obstacles.insert(.killed)
        forget(wait)
        sendHome(wait.client)
    }
}
