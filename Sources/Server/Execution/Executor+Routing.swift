// Where a command has to run: on the shard of its keys, on all at once, on the cluster's thread — or on another node.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol

/// What routing decides about a command.
enum Destination {
    case here
    case elsewhere(Seat)
    /// In an exclusive section.
    case everywhere
    /// It was answered with a redirection or an error.
    case refused
}

extension Executor {
    /// Decides where `command` runs, and answers it where this node does not serve its keys.
    @inline(__always)
    func route(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client
    ) -> Destination {
        // Nearly every command has keys of one slot, which is served here without further questions.
        if let slot = call.preparedKeys[firstKey]?.slot, command.keyRange.isComplete {
            if slotMap.map({ $0.servesHere(slot) }) ?? true,
                command.keyRange.isSingle || Self.hasOnlyKeys(of: slot, command, arguments)
            {
                let shard = node.shard(ofSlot: slot)
                return seat == .shard(shard) || holdsEverything ? .here : .elsewhere(.shard(shard))
            }
        }
        return routeUnusual(command, arguments, client)
    }

    /// Whether every key of the call lies in `slot`, where its first one does.
    private static func hasOnlyKeys(of slot: Int, _ command: Command, _ arguments: Arguments) -> Bool {
        var isSame = true
        command.forEachKey(in: arguments) { isSame = isSame && hashSlot(of: arguments[$0]) == slot }
        return isSame
    }

    @inline(never)
    private func routeUnusual(_ command: Command, _ arguments: Arguments, _ client: Client) -> Destination {
        if let slotMap, let refusal = redirection(of: command, arguments, client, by: slotMap) {
            if command.name == "exec" { abandonTransaction(client) } else { client.transaction?.isAborted = true }
            statistics.countRefusal(command.index)
            let mark = reply.mark
            reply.error(refusal)
            countError(since: mark)
            return .refused
        }
        switch command.place {
        case .anywhere: return .here
        case .cluster:
            if client.transaction != nil || seat == .cluster || node.clusterThread == nil { return .here }
            return .elsewhere(.cluster)
        default: break
        }
        let reach = reach(of: command, arguments, client)
        if holdsEverything { return .here }
        if reach.needsEverything || reach.shards.count > 1 { return .everywhere }
        guard let shard = reach.shards.first, seat != .shard(shard) else { return .here }
        return .elsewhere(.shard(shard))
    }

    /// The shards whose keys a command touches.
    func reach(
        of command: Command,
        _ arguments: Arguments,
        _ client: Client? = nil
    ) -> (shards: Set<Int>, needsEverything: Bool) {
        switch command.place {
        case .anywhere, .cluster: return ([], false)
        case .everywhere: return ([], true)
        case .transaction:
            let watched = client?.watch?.shards ?? []
            guard command.name == "exec" else { return (watched, false) }
            return (watched.union(client?.transaction?.shards ?? []), client?.transaction?.needsEverything ?? false)
        case .slot(let index):
            guard index < arguments.count, let slot = parseInteger(arguments[index]),
                slot >= 0, slot < Int64(slotCount)
            else { return ([], false) }
            return ([node.shard(ofSlot: Int(slot))], false)
        case .cursor(let index):
            guard index < arguments.count, let cursor = ScanCursor(arguments[index]) else { return ([], false) }
            return ([cursor.shard(of: node.shardCount)], false)
        case .keysAndBeyond(let reachesBeyond) where !isClusterEnabled && reachesBeyond(arguments): return ([], true)
        case .keys, .keysAndBeyond:
            // WATCH replaces what was watched before.
            var shards = command.name == "watch" ? client?.watch?.shards ?? [] : []
            command.forEachKey(in: arguments) { shards.insert(node.shard(ofSlot: hashSlot(of: arguments[$0]))) }
            return (shards, false)
        }
    }
}

// MARK: - Cluster redirections

extension Executor {
    /// The error that sends the client of a command elsewhere; nil where its keys are served by this node, or it has none.
    private func redirection(
        of command: Command,
        _ arguments: Arguments,
        _ client: Client,
        by map: SlotMap
    ) -> String? {
        var keys: [Key] = []
        if command.name == "exec" {
            for queued in client.transaction?.queued ?? [] {
                let arguments = queued.arguments.arguments
                queued.command.forEachKey(in: arguments) { keys.append(keyspace.key(arguments[$0])) }
            }
        } else {
            command.forEachKey(in: arguments) { keys.append(keyspace.key(arguments[$0])) }
        }
        guard let slot = keys.first?.slot else { return nil }
        guard keys.allSatisfy({ $0.slot == slot }) else { return SlotMap.crossSlotError }

        var traits: RequestTraits = []
        let flags = command.name == "exec" ? client.transaction?.flags ?? [] : command.flags
        if flags.contains(.write) { traits.insert(.write) }
        if client.isReadOnly { traits.insert(.readOnlyClient) }
        if client.obstacles.contains(.asking) || command.flags.contains(.asking) { traits.insert(.asking) }
        if command.name == "migrate" { traits.insert(.migrate) }
        // An open slot's keys can be counted only where they live: there the question is asked again. What a transaction
        // queues may make and remove keys before EXEC, which asks for all of them.
        let shard = node.shard(ofSlot: slot)
        let isAtKeys = seat == .shard(shard) || holdsEverything
        let isQueued = client.transaction != nil && !command.flags.contains(.transactional)
        let route = map.route(slot, traits) { isAtKeys && !isQueued ? presence(of: keys) : Self.allPresent(keys) }
        return map.errorText(route, slot: slot, for: client.view)
    }

    private func presence(of keys: [Key]) -> KeyPresence {
        var seen: Set<[UInt8]> = []
        var missing = 0
        for key in keys where seen.insert(key.bytes.array).inserted {
            if !call.keyspace(of: key).contains(key, in: 0) { missing += 1 }
        }
        return KeyPresence(distinctCount: seen.count, missingCount: missing)
    }

    private static func allPresent(_ keys: [Key]) -> KeyPresence {
        KeyPresence(distinctCount: keys.count, missingCount: 0)
    }
}
