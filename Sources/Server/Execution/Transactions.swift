// MULTI, EXEC and WATCH: the queue that a client fills, and the keys whose change makes it void.

internal import Commands
internal import Keyspace
internal import Protocol
internal import Synchronization

/// Commands that wait for EXEC.
final class Transaction {
    struct Queued {
        let command: Command
        let arguments: OwnedArguments
    }

    private(set) var queued: [Queued] = []
    /// The flags of all queued commands together.
    private(set) var flags: CommandFlags = []
    /// The shards that hold the queued commands' keys.
    private(set) var shards: Set<Int> = []
    private(set) var needsEverything = false
    /// What it takes of the memory.
    private(set) var byteCount = 0
    /// Of a queued command besides its arguments.
    private static let ownByteCount = 96
    /// A command was refused while it was queued: EXEC will refuse them all.
    var isAborted = false

    func append(_ command: Command, _ arguments: Arguments, shards: Set<Int>, needsEverything: Bool) {
        let owned = OwnedArguments(copying: arguments)
        queued.append(Queued(command: command, arguments: owned))
        flags.formUnion(command.flags)
        self.shards.formUnion(shards)
        if needsEverything { self.needsEverything = true }
        byteCount += owned.byteCount + Self.ownByteCount + arguments.count * MemoryLayout<Bytes>.stride
    }
}

/// The keys that one client watches. The shards of the keys know it; any of them may say that it is void.
final class Watch: Sendable {
    struct WatchedKey: Hashable, Sendable {
        let database: Int
        let bytes: [UInt8]
    }

    struct Item: Sendable {
        let key: WatchedKey
        let shard: Int
        /// If it was there and is not any more, it has died of age, which voids the watch like a change.
        let wasThere: Bool
    }

    private let void = Atomic<Bool>(false)
    let items: [Item]
    /// What it takes of the memory, its places in the registries included; an estimate.
    let byteCount: Int

    init(items: [Item], isVoid: Bool) {
        self.items = items
        byteCount = items.reduce(0) { $0 + $1.key.bytes.count + 200 }
        if isVoid { void.store(true, ordering: .relaxed) }
    }

    /// Whether a watched key was changed.
    var isVoid: Bool { void.load(ordering: .acquiring) }
    func markVoid() { void.store(true, ordering: .releasing) }

    var shards: Set<Int> { Set(items.map(\.shard)) }
}

/// Who watches which key of one shard. Thread: the shard's.
struct WatchRegistry {
    private var watches: [Watch.WatchedKey: [Watch]] = [:]

    var isEmpty: Bool { watches.isEmpty }
    var keyCount: Int { watches.count }

    mutating func add(_ watch: Watch, shard: Int) {
        for item in watch.items where item.shard == shard { watches[item.key, default: []].append(watch) }
    }

    mutating func remove(_ watch: Watch, shard: Int) {
        for item in watch.items where item.shard == shard {
            watches[item.key]?.removeAll { $0 === watch }
            if watches[item.key]?.isEmpty == true { watches[item.key] = nil }
        }
    }

    func keyDidChange(_ key: Bytes, database: Int) {
        watches[Watch.WatchedKey(database: database, bytes: key.array)]?.forEach { $0.markVoid() }
    }

    /// All keys of a database (of all, where nil) may have changed.
    func databaseDidChange(_ database: Int?, exists: (Watch.WatchedKey) -> Bool) {
        for (key, list) in watches where (database == nil || key.database == database) && exists(key) {
            list.forEach { $0.markVoid() }
        }
    }
}

extension Executor {
    /// Puts a command into the client's queue instead of running it.
    func queue(_ command: Command, _ arguments: Arguments, _ client: Client) {
        guard let transaction = client.transaction else { return }
        let reach = reach(of: command, arguments)
        transaction.append(command, arguments, shards: reach.shards, needsEverything: reach.needsEverything)
        reply.append("+QUEUED\r\n")
    }

    /// Makes `items` what the client watches, in the registries of their shards, all of which the caller reaches.
    func watch(_ items: [Watch.Item], _ client: Client) {
        unwatch(client)
        let watch = Watch(items: items, isVoid: false)
        client.watch = watch
        for shard in watch.shards { node.shards[shard].executor.watchers.add(watch, shard: shard) }
    }

    /// Leaves the transaction and the watch, as EXEC, DISCARD and RESET do.
    func endTransaction(_ client: Client) {
        client.transaction = nil
        client.obstacles.remove(.transaction)
        unwatch(client)
    }

    /// Leaves the transaction and the watch from wherever the client is: an EXEC that was redirected will not run.
    func abandonTransaction(_ client: Client) {
        client.transaction = nil
        client.obstacles.remove(.transaction)
        guard let watch = client.watch else { return }
        client.watch = nil
        node.forgetLater(watch)
    }

    /// - Precondition: the executor reaches the shards of all watched keys.
    func unwatch(_ client: Client) {
        guard let watch = client.watch else { return }
        client.watch = nil
        node.forget(watch)
    }

    /// Runs the queue of `client` without a break and writes all replies as one array.
    func runTransaction(_ client: Client) {
        guard let transaction = client.transaction else { return reply.error("ERR EXEC without MULTI") }
        let isVoid = client.watch.map { $0.isVoid || hasExpired($0) } ?? false
        endTransaction(client)
        client.obstacles.remove(.asking)
        if transaction.isAborted {
            return reply.error("EXECABORT Transaction discarded because of previous errors.")
        }
        if isVoid { return reply.nullArray() }

        let exec = call.command
        let arguments = call.arguments
        isInTransaction = true
        defer { isInTransaction = false }
        reply.array(transaction.queued.count)
        for queued in transaction.queued {
            if case .cluster = queued.command.place, let thread = node.clusterThread {
                thread.performAndWait(queued, client, answering: reply)
            } else {
                readClock()
                _ = perform(queued.command, queued.arguments.arguments, .none, client, everywhere: false)
                completeErrandInTransaction(of: client)
            }
            if threadObstacles.contains(.monitored) {
                node.feedMonitors(queued.command, queued.arguments.arguments, client, from: self)
            }
        }
        call.restore(exec, arguments)
    }

    /// Does at once what is left of a queued command, and waits for it: a transaction is not to be left half done by its
    /// client's travelling.
    private func completeErrandInTransaction(of client: Client) {
        guard let errand = client.errand else { return }
        if let transfer = errand.transfer { node.courier.carryAndWait(transfer) }
        switch errand.seat {
        case .shard: runErrand(of: client)
        case .cluster: node.clusterThread?.performAndWait(nil, client, answering: reply)
        }
    }

    private func hasExpired(_ watch: Watch) -> Bool {
        watch.items.contains { item in
            item.wasThere
                && item.key.bytes.withBytes { bytes in
                    let key = keyspace.key(bytes)
                    return !call.keyspace(of: key).contains(key, in: item.key.database)
                }
        }
    }
}
