// Making room where the process uses more memory than it may: before a command runs, and in idle time.

internal import CSystem
internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

/// How it stands with the memory after something was done about it.
enum Room {
    case enough
    /// There is too little, but more will be made: commands are not refused meanwhile.
    case working
    /// There is too little, and nothing that may be given up.
    case exhausted
}

extension Executor {
    /// Makes known what this shard uses, and learns how much it may.
    func updateAllowance() {
        guard let shard = homeShard else { return }
        node.shards[shard].publishMemory()
        node.shards[shard].memoryShare.canEvict = keyspace.canEvict
        allowance = node.memory.allowance(of: shard)
        if !isShortOfMemory { usedWhenEnough = keyspace.usedBytes }
    }

    /// There may be another limit: what a lower one makes too much is not what this shard has grown.
    func limitDidChange() {
        usedWhenEnough = keyspace.usedBytes
        updateAllowance()
    }

    /// Whether the shard uses more than it may: asked before every command, as any may have brought it there.
    var isShortOfMemory: Bool { @inline(__always) get { keyspace.usedBytes > allowance } }

    // MARK: Before a command

    /// Makes room before `command` runs; false if there is none for it.
    @inline(never)
    func makeRoom(for command: Command, _ client: Client) -> Bool {
        settle()
        defer { readClock() }
        guard makeRoom() == .exhausted else { return true }
        let flags = command.name == "exec" ? client.transaction?.flags ?? [] : command.flags
        return !flags.contains(.denyoom)
    }

    /// Refuses a command for which there is no room; with EXEC, which will have no second chance, goes the transaction.
    func refuseForMemory(_ command: Command, _ client: Client) -> Interruption? {
        guard let message = CommandError.outOfMemory.message?.description else { return nil }
        guard command.name == "exec" else { return refuse(command, client, message) }
        abandonTransaction(client)
        return refuse(command, client, "EXECABORT Transaction discarded because of: " + message)
    }

    private func makeRoom() -> Room {
        updateAllowance()
        guard isShortOfMemory, mayReclaim else { return .enough }
        let deadline = apus_ticks() &+ settings.evictionTicks
        var room = reclaim(downTo: keyspace.usedBytes - ownDuty, until: deadline)
        if room == .exhausted, let shard = homeShard, node.memory.canOthersEvict(than: shard) {
            room = reclaimFromOthers(until: deadline)
        }
        updateAllowance()
        if room == .enough, isShortOfMemory { room = .working }  // what is left to do was planned
        node.memory.noteExceeded(room != .enough)
        return room
    }

    /// What has to be freed before a command: all that is too much; or where other shards may have brought it there and
    /// there is something to give up, what this one has grown since there was enough.
    private var ownDuty: Int {
        let (used, excess) = (keyspace.usedBytes, keyspace.usedBytes - allowance)
        guard node.shardCount > 1, keyspace.canEvict else { return excess }
        return min(excess, max(0, used - usedWhenEnough))
    }

    /// Has the other shards give up keys, as this one has none: with all of them in hand.
    private func reclaimFromOthers(until deadline: UInt64) -> Room {
        var room = Room.exhausted
        node.exclusively(self) {
            for shard in node.shards where shard.executor !== self && room == .exhausted {
                shard.executor.updateAllowance()
                room = shard.executor.reclaim(downTo: shard.executor.allowance - node.memory.slack, until: deadline)
                shard.executor.updateAllowance()
            }
        }
        updateAllowance()
        return isShortOfMemory ? room : .enough
    }

    // MARK: In idle time

    /// Sees how much of what the process uses too much is this shard's part, as after `maxmemory` was lowered. From time to
    /// time: the others need some to do theirs.
    func planReclaiming() {
        updateAllowance()
        guard isShortOfMemory, mayReclaim else { return reclaimTarget = .max }
        guard node.memory.haveAllMoved(since: &turnsWhenPlanned) else { return }
        let (used, excess) = (keyspace.usedBytes, keyspace.usedBytes - allowance)
        let part = Double(excess) * Double(used) / Double(max(1, node.memory.keyspaceBytes))
        reclaimTarget = used - max(1, Int(part))
    }

    /// Does some of what was planned.
    ///
    /// - Returns: whether there is more to do at once.
    func reclaimInIdleTime() -> Bool {
        guard keyspace.usedBytes > reclaimTarget, isShortOfMemory else { return false }
        let room = reclaim(downTo: reclaimTarget, until: apus_ticks() &+ settings.evictionTicks)
        if room != .working { reclaimTarget = .max }
        updateAllowance()
        node.memory.noteExceeded(isShortOfMemory)
        return room == .working
    }

    // MARK: Reclaiming

    /// While clients pause the data stays as it is.
    private var mayReclaim: Bool { !threadObstacles.contains(.paused) }

    /// Gives up keys, and frees what is garbage already, until the keyspace uses no more than `target` or the time is over.
    private func reclaim(downTo target: Int, until deadline: UInt64) -> Room {
        var steps = 0
        while keyspace.usedBytes > target {
            guard reclaimSomething(downTo: target) else { return .exhausted }
            steps += 1
            if steps % 8 == 0, apus_ticks() >= deadline {
                return keyspace.evictionPolicy == nil ? .exhausted : .working
            }
        }
        return .enough
    }

    private func reclaimSomething(downTo target: Int) -> Bool {
        // For what will be free anyway no further key has to go.
        if keyspace.usedBytes - keyspace.garbageBytes > target, keyspace.evict() { return true }
        guard keyspace.hasGarbage else { return false }
        _ = keyspace.collectGarbage(budget: 200)
        return true
    }
}

extension EvictionPolicy {
    /// What `maxmemory`, `maxmemory-policy` and `maxmemory-samples` say; nil: nothing is given up.
    init?(_ configuration: Configuration) {
        guard configuration.maxMemory > 0 else { return nil }
        let (order, isVolatileOnly): (Order, Bool)
        switch configuration.maxMemoryPolicy {
        case .noEviction: return nil
        case .allKeysLRU, .allKeysLRM: (order, isVolatileOnly) = (.idleTime, false)
        case .allKeysLFU: (order, isVolatileOnly) = (.frequency, false)
        case .allKeysRandom: (order, isVolatileOnly) = (.random, false)
        case .volatileLRU, .volatileLRM: (order, isVolatileOnly) = (.idleTime, true)
        case .volatileLFU: (order, isVolatileOnly) = (.frequency, true)
        case .volatileRandom: (order, isVolatileOnly) = (.random, true)
        case .volatileTTL: (order, isVolatileOnly) = (.timeToLive, true)
        }
        self.init(order: order, isVolatileOnly: isVolatileOnly, sampleCount: configuration.maxMemorySamples)
    }
}
