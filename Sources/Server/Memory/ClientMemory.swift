// What clients take of the memory, and which of them are closed where that is more than `maxmemory-clients`.

internal import Commands
internal import Keyspace
internal import Protocol

extension Client {
    /// The object with what belongs to it, and its places in the lists: an estimate.
    private static let ownByteCount = 1024

    /// What the client takes: itself, what it has sent and was not run yet, and what it is still owed.
    var memoryByteCount: Int {
        var sum = Self.ownByteCount + input.allocatedByteCount + fieldsets.byteCount
        if let pending { sum += pending.allocatedByteCount }
        if let transaction { sum += transaction.byteCount }
        if let watch { sum += watch.byteCount }
        return sum
    }

    /// Clients are closed by classes of size, each twice the one before; the least and the greatest have no other end.
    var sizeClass: Int { Int.bitWidth - min(max(memoryByteCount, 1 << 15), 1 << 33).leadingZeroBitCount }

    /// Whether it may be closed because clients take too much.
    var isEvictable: Bool { !isNoEvict && !isReplica && obstacles.isDisjoint(with: [.closing, .killed]) }
}

extension Shard {
    /// Makes known what this shard uses.
    @inline(__always)
    func publishMemory() {
        memoryShare.publish(keyspace: keyspace.usedBytes, mapped: keyspace.mappedBytes, clients: clientBytes)
    }

    /// Counts what a client takes. Wherever that may have changed, with the client at home.
    @inline(__always)
    func noteMemory(of client: Client) {
        if client.memoryByteCount != client.countedByteCount { recountMemory(of: client) }
    }

    @inline(never)
    private func recountMemory(of client: Client) {
        let change = client.memoryByteCount - client.countedByteCount
        client.countedByteCount += change
        clientBytes += change
        if change > 0 { checkClientMemory() }
    }

    /// Closes clients if all together take more than they may.
    func checkClientMemory() {
        guard executor.settings.clientByteCount != .max else { return }
        executor.updateAllowance()
        guard node.memory.clientBytes >= executor.settings.clientByteCount else { return }
        node.exclusively(executor) { node.evictClients() }
    }
}

extension Node {
    /// Closes clients, the largest first, until the others take less than they may. In an exclusive section.
    func evictClients() {
        let limit = shards[0].executor.settings.clientByteCount
        let clients = allClients
        var sum = clients.reduce(0) { $0 + $1.memoryByteCount }
        guard sum >= limit else { return }
        for client in clients.filter(\.isEvictable).sorted(by: { $0.sizeClass > $1.sizeClass }) where sum >= limit {
            log.notice("Evicting client: \(client.description)")
            sum -= client.memoryByteCount
            evictedClientCount += 1
            evict(client)
        }
        for shard in shards { shard.executor.updateAllowance() }
    }

    /// Closes a client at once, so that its memory is free before a key has to go for it; or as soon as it can be.
    private func evict(_ client: Client) {
        let isRunning = shards.contains { $0.executor.client === client }
        // To close a monitor takes an exclusive section of its own.
        guard !client.isAway, !isRunning, !client.isMonitor else { return kill(client) }
        shards[client.home].close(client)
    }
}
