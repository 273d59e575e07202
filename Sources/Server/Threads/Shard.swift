// A shard: one thread with an event loop, the clients that it took in, and the keys of its slots.

internal import Commands
internal import Glibc
internal import Keyspace
internal import Protocol

/// What other threads may ask of a shard.
enum ShardMessage: Sendable {
    /// Run this client's next commands here: their keys live here. It is away from its home until it comes back.
    case visit(Client)
    /// A client of this shard is back.
    case comeHome(Client)
    /// A new connection, to be this shard's client.
    case adopt(file: Int32, isUnixSocket: Bool)
    /// Bytes for a client of this shard from outside its conversation.
    case deliver([UInt8], clientID: Int64)
    /// Something else to do at a safe point.
    case perform(@Sendable (Shard) -> Void)
}

/// Memory: owns the block that it reads into. Thread: whose hand its helm is in, from `run` on; anyone's in an exclusive
/// section.
@safe
final class Shard: @unchecked Sendable {
    let index: Int
    @safe unowned(unsafe) let node: Node
    let executor: Executor
    let keyspace: Keyspace
    let poller = Poller()
    let mailbox: Mailbox<ShardMessage>
    var clients: [Int64: Client] = [:]
    /// What they take of the memory.
    var clientBytes = 0
    let memoryShare: MemoryBudget.Share
    /// Clients with more to do than one turn allows.
    var ready: [Client] = []
    /// Clients whose next command is held back by CLIENT PAUSE, or by keys in transit.
    var postponed: [Client] = []
    /// Clients of this shard that are told when slots move.
    var topologySubscribers: Set<Int64> = []
    /// Closed clients: the last events of this round may still name them.
    var closed: [Client] = []
    /// Listening sockets by their token; only the first shard has any.
    var listeners: [Listener] = []
    var isStopped = false
    var counters = ConnectionCounters()
    var rates = Rates()
    let pulse = Pulse()
    let helm = Helm()
    /// How many changes of place of one client are under way, one inside the other.
    var chainLength = 0
    var gathering = Gathering()
    /// What is read at once, and where it is read to.
    static let readByteCount = 64 * 1024
    let readBuffer = UnsafeMutableRawPointer.allocate(byteCount: Shard.readByteCount, alignment: 64)
    var nextCron: Int64 = 0
    /// When something is to be done by the clock, if it is not the time of a client who waits.
    var nextDue: Int64 = 0
    var defragmenter = Defragmenter()
    /// More keys are stale than should be.
    var isExpiryBehind = false
    /// The second in which idle clients were looked for last.
    var lastTimeoutCheck: Int64 = 0
    private var mail: [ShardMessage] = []

    /// No object lies in the first page of memory.
    static let firstClientToken: Poller.Token = 4096

    struct Listener {
        /// Below every client's, which are addresses.
        let token: Poller.Token
        let file: Int32
        let isUnixSocket: Bool
    }

    init(index: Int, node: Node, keyspace: Keyspace) {
        self.index = index
        self.node = node
        self.keyspace = keyspace
        memoryShare = node.memory.shares[index]
        executor = Executor(seat: .shard(index), node: node, keyspace: keyspace)
        let poller = poller
        mailbox = Mailbox { poller.wake() }
        keyspace.onEvicted = { [unowned executor] in executor.keyWasEvicted($1, database: $0) }
    }

    deinit { unsafe readBuffer.deallocate() }

    /// The shard's life: until `isStopped` is set by a message.
    func run() {
        Thread.sharpenTimers()
        helm.take()
        defer { helm.leave() }
        updateClock()
        while !isStopped {
            node.section.pass()
            takeMail()
            continueReady()
            if keyspace.now >= nextDue { doDueWork() }
            if keyspace.now >= executor.waits.deadlines.first { executor.lookAfterDueWaits() }
            // What was changed by no command of this shard: by an errand, or by who held all shards.
            if executor.waits.hasReady { executor.serveReady() }
            let count = waitForEvents()
            mailbox.didWake()
            updateClock()
            accountForMemory()
            if count > 0 {
                node.section.pass()
                takeMail()
            }
            for index in 0..<count {
                guard let (token, readiness) = poller.event(at: index) else { continue }
                if token < Self.firstClientToken {
                    listeners.first { $0.token == token }.map { acceptClients(from: $0) }
                } else {
                    handle(Client.of(token), readiness)
                }
            }
            closed.removeAll(keepingCapacity: true)
        }
    }

    private func updateClock() {
        keyspace.now = Clock.unixMilliseconds()
        gathering.tick(keyspace.now)
    }

    /// Whether a node has keys decides what the cluster may do with it: told before a client goes on that may have set some.
    func tellKeyCount() {
        if node.isClusterEnabled { pulse.keyCount = keyspace.totalCount }
    }

    /// Makes known what this shard uses, and learns how far it may grow.
    func accountForMemory() {
        if executor.settings.isMemoryLimited { executor.updateAllowance() } else { publishMemory() }
    }

    private func waitForEvents() -> Int {
        let milliseconds = timeToSleep()
        if node.shardCount > 1 { helm.leaveToSleep() }
        let count = poller.wait(milliseconds: milliseconds)
        if node.shardCount > 1 { helm.take() }
        guard gathering.pays(having: count) else { return count }
        counters.pauses &+= 1
        gathering.didPause(nanoseconds: Thread.pause(microseconds: gathering.pauseMicroseconds))
        return count + poller.more(after: count)
    }

    private func timeToSleep() -> Int32 {
        pulse.mark(Clock.coarseMonotonicMilliseconds())
        tellKeyCount()
        guard ready.isEmpty, !idleWork(), mailbox.prepareToSleep() else { return 0 }
        return Int32(clamping: max(0, min(nextDue, executor.waits.deadlines.first) - keyspace.now))
    }

    private func takeMail() {
        mailbox.takeAll(swapping: &mail)
        guard !mail.isEmpty else { return }
        gathering.noteMail()
        for message in mail {
            switch message {
            case .visit(let client): host(client)
            case .comeHome(let client): welcome(client)
            case .adopt(let file, let isUnixSocket): adopt(file, isUnixSocket: isUnixSocket)
            case .deliver(let bytes, let id): deliver(bytes, to: id)
            case .perform(let body): body(self)
            }
            node.section.pass()
        }
        mail.removeAll(keepingCapacity: true)
    }

    private func continueReady() {
        guard !ready.isEmpty else { return }
        let turn = ready
        ready.removeAll(keepingCapacity: true)
        for client in turn {
            client.isReady = false
            if clients[client.id] != nil, !client.isAway { serve(client) }
        }
    }
}

/// What happened on the connections of one shard.
struct ConnectionCounters {
    var accepted: Int64 = 0
    var refused: Int64 = 0
    var receivedBytes: Int64 = 0
    var sentBytes: Int64 = 0
    var outputLimitDisconnections: Int64 = 0
    var queryLimitDisconnections: Int64 = 0
    var timeouts: Int64 = 0
    /// How often requests were let gather.
    var pauses: Int64 = 0
}
