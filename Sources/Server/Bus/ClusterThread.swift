// The thread on which the cluster thinks: bus links and their packets, the cron, the administrator's commands.
//
// It serves no clients and touches no key, so that a slow command can delay a reply but never a heartbeat.

internal import Cluster
internal import Commands
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol

/// Drives the cluster's state machine. Thread: its own, from `run` on.
final class ClusterThread: @unchecked Sendable {
    enum Message: Sendable {
        /// Run this client's CLUSTER command.
        case visit(Client)
        case perform(@Sendable (ClusterThread) -> Void)
    }

    @safe unowned(unsafe) let node: Node
    let executor: Executor
    var state: ClusterState
    private let mailbox: Mailbox<Message>
    private let poller = Poller()
    private var sockets: [LinkID: BusSocket] = [:]
    private var listeners: [Int32] = []
    private let file: NodesFile
    private var mail: [Message] = []
    private var effects: [ClusterEffect] = []
    private var nodesText = NodesTextCache()
    let replies = ClusterReplyCache()
    private var nextTick: Int64
    private var watchdog: Watchdog
    /// Wall clock at the start less the clock since boot: no step of the wall clock makes a peer look dead, and a lease
    /// ends also while the machine is suspended.
    private let clockOffset: Int64
    private var received = [UInt8](repeating: 0, count: 64 * 1024)

    /// Tokens below are listeners'.
    private static let firstLinkToken: UInt64 = 1 << 16

    /// - Parameter file: nodes.conf, locked for this process.
    init(node: Node, file: NodesFile, state: ClusterState, clockOffset: Int64) {
        self.node = node
        self.file = file
        self.state = state
        self.clockOffset = clockOffset
        nextTick = Clock.monotonicNanoseconds() / 1_000_000
        watchdog = Watchdog(shards: node.shards.map(\.pulse))
        let poller = poller
        mailbox = Mailbox { poller.wake() }
        let keyless = Keyspace(databaseCount: 1, slots: .none, seed: 0)
        executor = Executor(seat: .cluster, node: node, keyspace: keyless)
    }

    var now: Instant { Instant(milliseconds: Clock.bootMilliseconds() + clockOffset) }

    // MARK: From other threads

    func visit(_ client: Client) { mailbox.post(.visit(client)) }

    /// Runs a command of a transaction, or the client's errand where it is nil, while the shard waits: a transaction is
    /// not to be left half done by its client's travelling.
    func performAndWait(_ queued: Transaction.Queued?, _ client: Client, answering reply: ReplyBuffer) {
        let done = Semaphore()
        let work = Handover(queued: queued, client: client, reply: reply)
        mailbox.post(
            .perform { thread in
                thread.perform(work)
                thread.settle()
                done.signal()
            }
        )
        done.wait()
    }

    /// What a waiting shard lends until it is told that all is done.
    private final class Handover: @unchecked Sendable {
        let queued: Transaction.Queued?
        let client: Client
        let reply: ReplyBuffer

        init(queued: Transaction.Queued?, client: Client, reply: ReplyBuffer) {
            (self.queued, self.client, self.reply) = (queued, client, reply)
        }
    }

    private func perform(_ work: Handover) {
        executor.reply.version = work.client.version
        if let queued = work.queued {
            executor.client = work.client
            executor.readClock()
            _ = executor.perform(queued.command, queued.arguments.arguments, .none, work.client, everywhere: false)
            executor.client = nil
        } else {
            executor.runErrand(of: work.client)
        }
        work.reply.append(executor.reply.unsent)
        executor.reply.clear()
    }

    func configurationDidChange() {
        let configuration = node.clusterConfiguration
        mailbox.post(.perform { $0.state.handle(.configured(configuration), at: $0.now) })
    }

    /// `pauseWrites` is done in all shards.
    func writesDidPause(at offset: UInt64) {
        mailbox.post(.perform { $0.state.handle(.writesPaused(at: offset), at: $0.now) })
    }

    // MARK: The loop

    /// Listens on the bus port, and makes the first effects happen; before the thread runs.
    func open(hosts: [String], port: Int, backlog: Int) throws(SystemError) {
        for host in hosts {
            let listener: Int32
            do throws(SystemError) {
                listener = try Socket.listen(
                    host: host.hasPrefix("-") ? String(host.dropFirst()) : host,
                    port: port,
                    backlog: backlog
                )
            } catch {
                if host.hasPrefix("-"), error.isAboutMissingAddress { continue }
                throw error
            }
            listeners.append(listener)
            _ = poller.watch(listener, token: UInt64(listeners.count), for: .readable)
        }
        settle()
    }

    func run() {
        while true {
            let monotonic = Clock.monotonicNanoseconds() / 1_000_000
            if monotonic >= nextTick { tick(monotonic) }
            takeMail()
            settle()
            let sleep = mailbox.prepareToSleep() ? Int32(clamping: max(0, nextTick - monotonic)) : 0
            let count = poller.wait(milliseconds: sleep)
            mailbox.didWake()
            for index in 0..<count {
                guard let (token, readiness) = poller.event(at: index) else { continue }
                if token < Self.firstLinkToken {
                    acceptLinks(listeners[Int(token) - 1])
                } else {
                    handle(LinkID(rawValue: token - Self.firstLinkToken), readiness)
                }
            }
            settle()
        }
    }

    private func tick(_ monotonic: Int64) {
        nextTick = max(nextTick + 100, monotonic)
        let limit = node.watchdogMilliseconds
        if let change = watchdog.check(at: monotonic, limit: limit) {
            let stuck = change.stuckShards.map(String.init).joined(separator: ", ")
            node.log.warning(
                change.isAlive
                    ? "All shards run again: this node answers heartbeats again."
                    : "Shard \(stuck) has been busy for more than \(limit) ms: this node keeps silent on the cluster bus, "
                        + "so that the others can replace it."
            )
            state.handle(.vouching(change.isAlive), at: now)
        }
        state.handle(.tick, at: now)
    }

    private func takeMail() {
        mailbox.takeAll(swapping: &mail)
        for message in mail {
            switch message {
            case .visit(let client): host(client)
            case .perform(let body): body(self)
            }
        }
        mail.removeAll(keepingCapacity: true)
    }

    /// Runs a client's CLUSTER command; what follows from it is done before its reply leaves.
    private func host(_ client: Client) {
        executor.keyspace.now = Clock.unixMilliseconds()
        executor.completeErrand(of: client)
        settle()
        client.keep(executor.reply.unsent)
        executor.reply.clear()
        let (consumed, interruption) = executor.run(client, client.input.bytes)
        client.input.consume(consumed)
        settle()
        client.keep(executor.reply.unsent)
        executor.reply.clear()
        switch interruption {
        case .travels(.shard(let index)): return node.post(client, to: .shard(index))
        case .closes: client.obstacles.insert(.closing)
        case .postponed: client.comesBackPostponed = true
        case .waits: preconditionFailure("in a cluster, all keys of a command that waits are of one shard")
        default: break
        }
        node.sendHome(client)
    }

    // MARK: Effects

    /// Does what the state machine asks for, in its order.
    func settle() {
        state.settle(at: now, into: &effects)
        while !effects.isEmpty {
            let batch = effects
            effects.removeAll(keepingCapacity: true)
            for effect in batch { carryOut(effect) }
            state.settle(at: now, into: &effects)
        }
    }

    private func carryOut(_ effect: ClusterEffect) {
        switch effect {
        case .saveNodesConfiguration(let durably): save(durably: durably)
        case .publishSlotMap: node.publish(state.slotMap)
        case .openLink(let link, let ip, let port): open(link, ip, Int(port))
        case .resolve(let seed): resolve(seed)
        case .closeLink(let link): sockets.removeValue(forKey: link)?.close(poller)
        case .send(let bytes, let link): send(bytes, on: link)
        case .dropKeys(let slots): node.dropKeys(of: slots)
        case .dropAllKeys: node.dropAllKeys()
        case .deliver: break  // No client can subscribe yet.
        case .becomeReplica(let source):
            // The machine knows that this server does not replicate; but another server's nodes.conf may say otherwise.
            node.log.warning("This node is a replica of \(source.id), whose data it cannot copy: it stays empty.")
        case .startPromotion: break  // Nothing was replicated that would have to stop.
        case .pauseWrites(let until): node.pauseWrites(milliseconds: (until - now) / .milliseconds(1))
        case .resumeWrites: node.resumeWrites()
        case .renewLease(let end): node.slotMaps.leaseEnd = end.map { $0.milliseconds - clockOffset } ?? .max
        case .log(let level, let text): node.log.write(Log.Level(level)) { text }
        }
    }

    private func save(durably: Bool) {
        do throws(SystemError) {
            try file.write(Array(state.nodesConfiguration.utf8), durably: durably)
        } catch {
            // A vote or an epoch that is not on disk must not be promised to anybody.
            node.log.warning("Fatal: can't update cluster config file: \(error)")
            exit(1)
        }
    }

    /// A resolver may take its time: it gets a thread of its own.
    private func resolve(_ seed: Seed) {
        Thread.start("resolver") { [mailbox] in
            let addresses = Socket.addresses(of: seed.host)
            mailbox.post(.perform { $0.state.handle(.resolved(seed, addresses), at: $0.now) })
        }
    }

    // MARK: Links

    private func open(_ link: LinkID, _ ip: String, _ port: Int) {
        do throws(SystemError) {
            let file = try Socket.connect(host: ip, port: port)
            Socket.tune(file, keepAlive: 0)
            sockets[link] = BusSocket(file: file, isConnecting: true)
            _ = poller.watch(file, token: link.rawValue + Self.firstLinkToken)
        } catch {
            node.log.debug("Unable to connect to Cluster Node [\(ip)]:\(port) -> \(error.reason)")
            state.handle(.linkFailed(link), at: now)
        }
    }

    private func acceptLinks(_ listener: Int32) {
        while let file = try? Socket.accept(listener) {
            guard let peer = Socket.peer(of: file), let local = Socket.local(of: file) else {
                Glibc.close(file)
                continue
            }
            let keepAlive = max(2, node.configuration.clusterNodeTimeoutMilliseconds * 2 / 1000)
            Socket.tune(file, keepAlive: keepAlive)
            let link = state.acceptLink(peerIP: peer.host, localIP: local.host, at: now)
            sockets[link] = BusSocket(file: file, isConnecting: false)
            _ = poller.watch(file, token: link.rawValue + Self.firstLinkToken)
        }
    }

    private func handle(_ link: LinkID, _ readiness: Poller.Readiness) {
        guard let socket = sockets[link] else { return }
        if socket.isConnecting {
            guard readiness.contains(.writable) || readiness.contains(.failed) else { return }
            let code = Socket.pendingError(socket.file)
            guard code == 0 else { return drop(link, because: .linkFailed(link)) }
            socket.isConnecting = false
            let local = Socket.local(of: socket.file)?.host ?? ""
            state.handle(.linkConnected(link, localIP: local), at: now)
        }
        if readiness.contains(.writable), !socket.flush() { return drop(link, because: .linkClosed(link)) }
        if readiness.contains(.readable) || readiness.contains(.peerClosed) || readiness.contains(.failed) {
            receive(link, socket)
        }
    }

    private func receive(_ link: LinkID, _ socket: BusSocket) {
        while sockets[link] === socket {
            let count = unsafe received.withUnsafeMutableBytes { unsafe read(socket.file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { return drop(link, because: .linkClosed(link)) }
            state.handle(.received(Array(received[..<count]), on: link), at: now)
            settle()
        }
    }

    private func drop(_ link: LinkID, because event: ClusterEvent) {
        sockets.removeValue(forKey: link)?.close(poller)
        state.handle(event, at: now)
    }

    private func send(_ bytes: [UInt8], on link: LinkID) {
        guard let socket = sockets[link] else { return }
        guard socket.send(bytes) else { return drop(link, because: .linkClosed(link)) }
        let limit = node.configuration.clusterLinkSendBufferLimit
        if limit > 0, socket.unsentByteCount > limit { state.handle(.linkOverflowed(link), at: now) }
    }

    /// What waits to be sent on a link, and the room for it, in bytes.
    func sendBuffer(of link: LinkID) -> (used: Int, allocated: Int) {
        sockets[link].map { ($0.unsentByteCount, $0.allocatedByteCount) } ?? (0, 0)
    }

    var linkCount: Int { sockets.count }

    /// CLUSTER NODES.
    func nodesText(for view: ClientView) -> String { nodesText.text(of: state, for: view) }
}

/// The socket of one link. Thread: the cluster's.
final class BusSocket {
    let file: Int32
    var isConnecting: Bool
    /// What the socket did not take at once; the buffer lives only as long as it is needed.
    private var pending: ReplyBuffer?

    init(file: Int32, isConnecting: Bool) {
        self.file = file
        self.isConnecting = isConnecting
    }

    var unsentByteCount: Int { pending?.count ?? 0 }
    var allocatedByteCount: Int { pending?.allocatedByteCount ?? 0 }

    /// Sends `bytes` behind everything before them; false: the connection is broken.
    func send(_ bytes: [UInt8]) -> Bool {
        let buffer = pending ?? ReplyBuffer(capacity: max(4096, bytes.count))
        bytes.withBytes { buffer.append($0) }
        pending = buffer
        return isConnecting || flush()
    }

    func flush() -> Bool {
        guard let pending else { return true }
        while !pending.isEmpty {
            let bytes = pending.unsent
            let count = unsafe write(file, bytes.base, bytes.count)
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            pending.didSend(count)
        }
        self.pending = nil
        return true
    }

    func close(_ poller: Poller) {
        poller.unwatch(file)
        Glibc.close(file)
    }
}
