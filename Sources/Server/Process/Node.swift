// The node: one process, its threads and what they share.

internal import CSystem
internal import Cluster
internal import Commands
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Protocol
internal import Synchronization

/// Everything there is one of per process.
///
/// Thread: what is set once before the threads start may be read by all; `configuration`, `pause` and `monitors` change
/// only in an exclusive section; the rest is atomic.
final class Node: @unchecked Sendable {
    var configuration: Configuration
    /// The absolute path of redis.conf; nil where there was none.
    let configurationPath: String?
    let log: Log
    private let title: ProcessTitle?
    let table: CommandTable
    let ticks = Ticks.calibrated()
    let shardCount: Int
    let isClusterEnabled: Bool
    let startedAt = Clock.unixMilliseconds()
    /// 40 hexadecimal digits, new at every start.
    let runID: String
    private(set) var shards: [Shard] = []
    private(set) var section: ExclusiveSection!
    private(set) var clusterThread: ClusterThread?
    let courier = Courier()

    let memory: MemoryBudget
    let slotMaps = SlotMapBoard()
    var peakMemory = 0
    var isPIDFileWritten = false
    /// Clients that were closed as all took too much; changes in exclusive sections.
    var evictedClientCount = 0
    var pause: Pause?
    /// The pause that a failover asked for, as it was then.
    var failoverPause: Pause?
    var monitors: [Client] = []

    private let lastClientID = Atomic<Int64>(0)
    private let lastSlowlogNumber = Atomic<Int64>(-1)
    private let clientCount = Atomic<Int>(0)
    private let homes = Atomic<Int>(0)

    /// Commands held back by CLIENT PAUSE.
    struct Pause: Equatable {
        enum Mode { case write, all }
        var mode: Mode
        /// Unix milliseconds.
        var until: Int64
    }

    /// - Parameter title: where the process's title is shown; nil leaves it alone.
    init(configuration: Configuration, path: String? = nil, log: Log, title: ProcessTitle? = nil) {
        self.configuration = configuration
        configurationPath = path
        self.log = log
        self.title = title
        isClusterEnabled = configuration.isClusterEnabled
        shardCount = configuration.shardCount(cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        memory = MemoryBudget(shardCount: shardCount)
        let renamed = configuration.renamedCommands.map { ($0.from, $0.to) }
        table = CommandTable(
            families: CommandFamilies.all,
            renaming: Dictionary(renamed, uniquingKeysWith: { $1 })
        )
        var generator = SystemRandomNumberGenerator()
        runID = (0..<20).map { _ in hexText(UInt8.random(in: 0...255, using: &generator)) }.joined()

        let seed = generator.next()
        let slots: SlotUse = isClusterEnabled ? .tables : shardCount > 1 ? .routing : .none
        let databaseCount = isClusterEnabled ? 1 : configuration.databases
        shards = (0..<shardCount).map { index in
            let keyspace = Keyspace(
                databaseCount: databaseCount,
                slots: slots,
                seed: seed,
                hugePages: !configuration.avoidsHugePages
            )
            return Shard(index: index, node: self, keyspace: keyspace)
        }
        let mailboxes = shards.map(\.poller)
        section = ExclusiveSection(shardCount: shardCount) { mailboxes.forEach { $0.wake() } }
        let keyspaces = shards.map(\.keyspace)
        if isClusterEnabled { clusterThread = makeClusterThread() }
        for executor in executors { executor.connect(allKeyspaces: keyspaces) }
        configurationDidChange()
    }

    /// Shows what the process is, by its configuration.
    func showTitle() {
        title?.show(
            configuration.processTitle(program: CommandLine.arguments[0], configurationPath: configurationPath)
        )
    }

    var executors: [Executor] { shards.map(\.executor) + (clusterThread.map { [$0.executor] } ?? []) }

    // MARK: Sharding

    /// The shard that holds a slot's keys.
    @inline(__always)
    func shard(ofSlot slot: Int) -> Int { shardCount == 1 ? 0 : slot % shardCount }

    func executor(ofSlot slot: Int) -> Executor { shards[shard(ofSlot: slot)].executor }

    /// Runs `body` while nothing else runs on any shard.
    func exclusively(_ executor: Executor, _ body: () -> Void) {
        guard !executor.holdsEverything else { return body() }
        let isShard = executor.seat != .cluster
        section.run(asShard: isShard) {
            executor.holdsEverything = true
            body()
            executor.holdsEverything = false
        }
    }

    /// Gives a client to the thread that runs its next commands.
    func post(_ client: Client, to seat: Seat) {
        switch seat {
        case .shard(let index) where index == client.home: sendHome(client)
        case .shard(let index): shards[index].mailbox.post(.visit(client))
        case .cluster: clusterThread?.visit(client)
        }
    }

    /// Gives a client back. Its home need not be woken for one that is quite done: the next thing that happens on the
    /// socket wakes it, and mail is taken before events are handled. If something has happened already, the home may have
    /// gone to sleep over it; either it sees the mail before it sleeps, or the news are seen here.
    func sendHome(_ client: Client) {
        let isDone =
            client.pending == nil && client.input.isEmpty && !client.comesBackPostponed && client.errand == nil
            && client.obstacles.isDisjoint(with: [.closing, .killed])
        let home = shards[client.home].mailbox
        home.post(.comeHome(client), quietly: isDone)
        if isDone, client.hasNews.load(ordering: .sequentiallyConsistent) { home.knockIfAsleep() }
    }

    // MARK: Clients

    func nextClientID() -> Int64 { lastClientID.add(1, ordering: .relaxed).newValue }
    func nextSlowlogNumber() -> Int64 { lastSlowlogNumber.add(1, ordering: .relaxed).newValue }
    var connectedClientCount: Int { clientCount.load(ordering: .relaxed) }

    /// The shard that the next client is dealt to.
    func nextHome() -> Shard {
        shardCount == 1 ? shards[0] : shards[homes.add(1, ordering: .relaxed).newValue % shardCount]
    }

    /// Why a new connection is turned away, as the line to send; nil counts it in.
    func refusal(of peer: SocketAddress, isUnixSocket: Bool) -> String? {
        if configuration.isProtectedModeOn, configuration.requirePass.isEmpty, !isUnixSocket, !peer.isLoopback {
            return """
                -DENIED Apus runs in protected mode: no password is set for the default user, and so only connections \
                from this machine itself are taken. To accept others, set a password (requirepass), or switch the mode \
                off from this machine with 'CONFIG SET protected-mode no'.\r\n
                """
        }
        guard clientCount.add(1, ordering: .relaxed).newValue <= configuration.maxClients else {
            clientCount.subtract(1, ordering: .relaxed)
            return isClusterEnabled
                ? "-ERR max number of clients + cluster connections reached\r\n"
                : "-ERR max number of clients reached\r\n"
        }
        return nil
    }

    func clientDidClose(_ client: Client? = nil) {
        clientCount.subtract(1, ordering: .relaxed)
        guard let client else { return }
        if let watch = client.watch { forgetLater(watch) }
        if client.isMonitor { section.run(asShard: true) { removeMonitor(client) } }
    }

    /// Whether a client may use DEBUG and the like.
    func allowsDebug(_ client: Client) -> Bool {
        configuration.debugCommandPermission.allows(isLocal: client.isUnixSocket || client.peer.isLoopback)
    }

    // MARK: Figures (in an exclusive section)

    var commandCount: Int64 { executors.reduce(0) { $0 + $1.statistics.total } }
    var changeCount: Int { executors.reduce(0) { $0 + $1.call.changeCount } }
    var clusterLinkCount: Int { clusterThread?.linkCount ?? 0 }

    /// What all threads together counted for a command.
    func counts(of command: Command) -> CommandStatistics.Counts {
        executors.reduce(into: CommandStatistics.Counts()) { sum, executor in
            let counts = executor.statistics[command.index]
            sum.calls += counts.calls
            sum.ticks += counts.ticks
            sum.refused += counts.refused
            sum.failed += counts.failed
        }
    }

    // MARK: Watching

    /// Takes a watch out of the registries of its shards, all of which the caller reaches.
    func forget(_ watch: Watch) {
        for shard in watch.shards { shards[shard].executor.watchers.remove(watch, shard: shard) }
    }

    /// The same from a thread that reaches only its own shard: the others are asked.
    func forgetLater(_ watch: Watch) {
        for shard in watch.shards {
            shards[shard].mailbox.post(.perform { $0.executor.watchers.remove(watch, shard: shard) })
        }
    }
}

/// Two hexadecimal digits.
func hexText(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
}
