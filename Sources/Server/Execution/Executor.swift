// Runs the requests of one client at a time on one thread: parse a batch, fetch its keys near, run it, write the replies.

internal import CSystem
internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

/// A thread that can run commands.
enum Seat: Equatable, Sendable {
    case shard(Int)
    case cluster
}

/// Why a run of commands ended before its input did.
enum Interruption {
    /// The next command has to run elsewhere.
    case travels(to: Seat)
    /// The command has run, but for what has to be done elsewhere or later.
    case errand
    /// Enough was written for now: it is to be sent before more is run.
    case breathes
    /// The next command is held back by CLIENT PAUSE, or touches a key that is in transit.
    case postponed
    /// The command has run, and could not be served: its client waits for keys.
    case waits
    /// The connection ends once the replies are sent.
    case closes
}

/// Runs commands on one thread.
///
/// Thread: the seat's, or anyone's in an exclusive section.
final class Executor {
    let seat: Seat
    @safe unowned(unsafe) let node: Node
    let table: CommandTable
    let keyspace: Keyspace
    let reply = ReplyBuffer(capacity: 128 * 1024)
    var statistics: CommandStatistics
    var slowlog = Slowlog()
    var latency = LatencyMonitor()
    // While all registries are in one hand, `holdsEverything` says whether any of them has somebody.
    var watchers = WatchRegistry() { didSet { observersDidChange() } }
    var waits = WaitRegistry() { didSet { observersDidChange() } }
    var transit = KeysInTransit() {
        didSet { if transit.isEmpty { threadObstacles.remove(.inTransit) } else { threadObstacles.insert(.inTransit) } }
    }
    let call: Call

    /// The client whose commands run just now.
    var client: Client?
    /// Obstacles that every client meets on this thread.
    var threadObstacles: Client.Obstacles = []
    var settings: ExecutionSettings
    /// How many bytes the keyspace may use before something has to be done about it.
    var allowance = Int.max
    /// What it used when that was seen last to be no more than it may.
    var usedWhenEnough = 0
    /// What it is to use no more of, by what is done in idle time.
    var reclaimTarget = Int.max
    /// How often each shard had made its use known when that was planned.
    var turnsWhenPlanned: [Int] = []
    /// Nil while nobody asks for them.
    var slotStatistics: SlotStatistics?
    /// Who serves which slot; nil stand-alone.
    private(set) var slotMap: SlotMap?
    private(set) var slotMapVersion = 0
    /// Between MULTI's queue and the end of EXEC, which nothing interrupts.
    var isInTransaction = false
    /// Whether commands must be asked where they belong: more than one shard, or a cluster.
    private(set) var mustRoute = false
    /// In an exclusive section: everything is within reach.
    var holdsEverything = false {
        didSet {
            call.reachesAllShards = holdsEverything && node.shardCount > 1
            let registries = holdsEverything ? node.shards.map(\.executor) : [self]
            call.hasWatchers = registries.contains(where: \.isObserved)
            // A shard that slept until it was parked would take keys for alive whose time has come.
            for shard in node.shards where holdsEverything {
                shard.keyspace.now = max(shard.keyspace.now, keyspace.now)
            }
        }
    }

    /// The processor's counter when the last command had ended, and what is done between two had been: where the next one
    /// begins.
    private(set) var lastEnd: UInt64 = 0
    /// Quick commands that have run since, all of them calls of one.
    private(set) var untimed = UntimedCalls()

    private let requests = RequestBatch()
    /// One for each of `requests`.
    private let prepared = PreparedRequests()
    /// Why the last request that was executed ended the run, if it did.
    private var interruption: Interruption?
    /// Bytes of replies after which a run stops to have them sent: else one pipeline of large values fills the memory.
    private static let breath = 1 << 20

    init(seat: Seat, node: Node, keyspace: Keyspace) {
        self.seat = seat
        self.node = node
        table = node.table
        self.keyspace = keyspace
        settings = ExecutionSettings(node.configuration, node.ticks)
        call = Call(keyspace: keyspace, reply: reply, idle: node.table.all[0])
        statistics = CommandStatistics(commandCount: node.table.all.count)
    }

    /// Gives the executor its reach, once all shards exist.
    func connect(allKeyspaces: [Keyspace]) {
        call.connect(allKeyspaces: allKeyspaces, host: self)
        mustRoute = node.isClusterEnabled || node.shardCount > 1
        keyspace.onExpired = { [unowned self] database, key in noteExpired(key, database: database) }
    }

    /// The shard that the executor belongs to, if it is one's.
    var homeShard: Int? {
        guard case .shard(let index) = seat else { return nil }
        return index
    }

    var isClusterEnabled: Bool { node.isClusterEnabled }
    var longestString: Int { settings.bulkByteCount }

    // MARK: A run

    /// Runs the requests in `input` in order; their replies are written to `reply`.
    ///
    /// - Returns: how many bytes were consumed, and why the rest was not run, if not because it is incomplete.
    func run(_ client: Client, _ input: Bytes) -> (consumed: Int, interruption: Interruption?) {
        self.client = client
        if mustRoute { pickUpSlotMap() }
        reply.version = client.version
        call.database = client.database
        call.notesAccess = !client.isNoTouch
        defer {
            settle()
            self.client = nil
        }

        var offset = 0
        // What is parsed ahead is parsed in vain where the client has to travel on: it begins small, and doubles.
        var batchLimit = node.shardCount == 1 ? RequestBatch.capacity : 4
        while offset < input.count {
            let limits = RequestLimits(bulkByteCount: settings.bulkByteCount, isAuthenticated: client.isAuthenticated)
            let (end, stop) = requests.fill(
                from: input,
                at: offset,
                limits: limits,
                partial: &client.partial,
                atMost: batchLimit
            )
            batchLimit = min(batchLimit * 2, RequestBatch.capacity)
            prepared.prepare(requests, by: table, call.preparedKeys)
            keyspace.prepare(call.preparedKeys, in: call.database)
            readClock()
            for index in 0..<prepared.count where !execute(prepared[index], client) {
                client.partial = PartialRequest()
                switch interruption {
                case nil: break
                case .closes: return (input.count, interruption)
                case .errand, .waits: return (requests.endOffset(of: index), interruption)
                case .travels, .postponed, .breathes:
                    return (index > 0 ? requests.endOffset(of: index - 1) : offset, interruption)
                }
            }
            settle()
            offset = end
            if reply.unsent.count > settings.owedByteCount { return (input.count, .closes) }
            switch stop {
            case .more:
                if reply.count > Self.breath, offset < input.count { return (offset, .breathes) }
            case .incomplete: return (offset, nil)
            case .failed(let error):
                reply.error(error.text)
                countError(since: reply.mark - error.text.utf8.count - 3)
                node.log.verbose("\(error.text) from client: \(client.description)")
                return (input.count, .closes)
            }
        }
        return (offset, nil)
    }

    @inline(__always)
    func pickUpSlotMap() {
        let board = node.slotMaps
        let version = board.version
        if version != slotMapVersion {
            slotMapVersion = version
            let former = slotMap
            slotMap = board.map
            forgetStatisticsOfMovedSlots(from: former, to: slotMap)
        }
        let leaseEnd = board.leaseEnd
        guard leaseEnd != .max, Clock.bootMilliseconds() >= leaseEnd else { return }
        believeNoMap()
    }

    /// The lease has ended: others may own what the map says is ours. The next run looks again.
    @inline(never)
    private func believeNoMap() {
        slotMapVersion = -1
        slotMap = slotMap?.withoutLease
    }

    // MARK: One command

    /// Returns whether the run goes on; if not, `interruption` says why.
    private func execute(_ request: PreparedRequest, _ client: Client) -> Bool {
        guard let command = unsafe request.command else {
            interruption = refuseUnknown(request.arguments, client)
            return interruption == nil
        }
        let interruption = unsafe command._withUnsafeGuaranteedRef {
            execute($0, request.arguments, request.firstKey, client)
        }
        if interruption == nil { return true }
        self.interruption = interruption
        return false
    }

    @inline(__always)
    private func execute(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client
    ) -> Interruption? {
        guard command.arity.allows(arguments.count) else {
            return refuseCount(of: command, client)
        }
        let obstacles = client.obstacles.union(threadObstacles)
        if !obstacles.isEmpty || command.flags.contains(.protected) {
            return executeWithObstacles(command, arguments, firstKey, client, obstacles)
        }
        var everywhere = false
        if mustRoute {
            switch route(command, arguments, firstKey, client) {
            case .here: break
            case .elsewhere(let seat): return .travels(to: seat)
            case .everywhere: everywhere = true
            case .refused: return nil
            }
        }
        if isShortOfMemory, !makeRoom(for: command, client) { return refuseForMemory(command, client) }
        if command.isQuick, !everywhere, settings.timesTogether {
            return performQuickly(command, arguments, firstKey, client)
        }
        settle()
        return perform(command, arguments, firstKey, client, everywhere: everywhere)
    }

    /// Runs a command that is hardly worth a look at the clock: it is timed together with its like before and behind it.
    @inline(__always)
    func performQuickly(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client
    ) -> Interruption? {
        if untimed.index != command.index { settle() }
        let mark = reply.mark
        client.lastCommand = command
        call.run(command, arguments, preparedKey: firstKey)
        untimed.add(command.index)
        client.commandCount &+= 1
        let isUsual = !call.needsAttention && !reply.hasNewError && reply.mark &- mark <= Self.quickReplyByteCount
        return isUsual && client.obstacles.isDisjoint(with: [.closing, .killed]) ? nil : conclude(client, since: mark)
    }

    /// What is to be done after a quick command with an outcome that is not.
    @inline(never)
    private func conclude(_ client: Client, since mark: Int) -> Interruption? {
        settle()
        if call.needsAttention, attend(client, since: lastEnd) { return .waits }
        if reply.hasNewError { noteOutcome(client, ticks: 0, since: mark) }
        return client.obstacles.isDisjoint(with: [.closing, .killed]) ? nil : .closes
    }

    /// Counts what has run since the clock was read last, and reads it.
    @inline(__always)
    func settle() { if untimed.count > 0 { settleUntimed() } }

    @inline(never)
    private func settleUntimed() {
        let start = lastEnd
        readClock()
        statistics.count(
            untimed.index,
            calls: untimed.count,
            ticks: lastEnd &- start,
            isTracked: settings.tracksLatency
        )
        if lastEnd &- start >= settings.slowTicks, let client {
            noteSlow(call.command, call.arguments, lastEnd &- start, client)
            readClock()
        }
        untimed.removeAll()
    }

    /// Whoever writes more takes its time.
    private static let quickReplyByteCount = 4096

    /// Runs `command` at last, and counts it.
    ///
    /// It begins when the clock was read last, and nothing is untimed.
    @inline(__always)
    func perform(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client,
        everywhere: Bool
    ) -> Interruption? {
        let (mark, start) = (reply.mark, lastEnd)
        client.lastCommand = command
        if everywhere && !holdsEverything {
            guard performEverywhere(command, arguments, firstKey, client, since: start) else { return .postponed }
            if client.wait != nil { return .waits }
        } else {
            call.run(command, arguments, preparedKey: firstKey)
        }
        readClock()
        let elapsed = lastEnd &- start
        if call.needsAttention, attend(client, since: start) { return .waits }
        client.commandCount &+= 1
        statistics.count(command.index, ticks: elapsed, isTracked: settings.tracksLatency)
        if reply.hasNewError || elapsed >= settings.slowTicks { noteOutcome(client, ticks: elapsed, since: mark) }
        if !client.obstacles.isDisjoint(with: [.closing, .killed]) { return .closes }
        return client.errand == nil ? nil : .errand
    }

    /// Whatever takes its time between two commands ends with it: no command is to answer for that.
    @inline(__always)
    func readClock() { lastEnd = apus_ticks() }

    /// What is to be noted of the call when it has failed or was slow.
    @inline(never)
    private func noteOutcome(_ client: Client, ticks: UInt64, since mark: Int) {
        countFailure(of: call.command, since: mark)
        if ticks >= settings.slowTicks { noteSlow(call.command, call.arguments, ticks, client) }
        readClock()
    }

    /// Runs `command` with all shards in hand; false if it has to wait for a key of any.
    @inline(never)
    private func performEverywhere(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client,
        since start: UInt64
    ) -> Bool {
        var isHeld = false
        node.exclusively(self) {
            isHeld = waitsForTransit(command, arguments, client)
            guard !isHeld else { return }
            call.run(command, arguments, preparedKey: firstKey)
            if call.needsAttention { _ = attend(client, since: start) }
        }
        return !isHeld
    }

    /// Counts the error that `command`, which has been counted, has answered since `mark`, if it has.
    func countFailure(of command: Command, since mark: Int) {
        reply.hasNewError = false
        guard reply.firstByte(since: mark) == UInt8(ascii: "-") else { return }
        statistics.countFailure(command.index)
        countError(since: mark)
    }

    func countError(since mark: Int) {
        let line = reply.bytes(since: mark)
        var end = 1
        while end < line.count, line[end] != UInt8(ascii: " "), line[end] != UInt8(ascii: "\r") { end += 1 }
        statistics.countError(line[1..<end].text)
    }
}
