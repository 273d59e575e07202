// What of the cluster outlives the process: to nodes.conf and back.

extension ClusterState {
    /// The text of nodes.conf as it must be written now.
    public var nodesConfiguration: String {
        NodesConfiguration(
            entries: nodes.indices.filter { !nodes[$0].isInHandshake }.map(entry(for:)),
            currentEpoch: currentEpoch,
            lastVoteEpoch: lastVoteEpoch
        ).text(busUsesTLS: configuration.usesTLS)
    }

    func entry(for index: NodeIndex) -> NodesConfiguration.Entry {
        let node = nodes[index]
        func openSlots(_ slots: [Int: NodeIndex]) -> [NodesConfiguration.OpenSlot] {
            guard index == .myself else { return [] }
            return slots.sorted { $0.key < $1.key }.map { .init(slot: $0.key, peer: nodes[$0.value].id) }
        }
        let times = times(of: index)
        return NodesConfiguration.Entry(
            id: node.id,
            ip: node.ip,
            port: node.port,
            tlsPort: node.tlsPort,
            busPort: node.busPort,
            announcement: node.announcement,
            shard: node.shard,
            flags: node.flags,
            primary: node.replicaOf.map { nodes[$0].id },
            pingSent: times.pingSent,
            pongReceived: times.pongReceived,
            configEpoch: times.configEpoch,
            isConnected: times.isConnected,
            slots: node.slots,
            migrating: openSlots(slots.migrating),
            importing: openSlots(slots.importing)
        )
    }

    func times(of index: NodeIndex) -> NodeTimes {
        let node = nodes[index]
        return NodeTimes(
            pingSent: node.pingSent?.milliseconds ?? 0,
            pongReceived: node.pongReceived?.milliseconds ?? 0,
            configEpoch: node.replicaOf.map { nodes[$0].configEpoch } ?? node.configEpoch,
            isConnected: index == .myself || (node.outbound.map { links[$0].isConnected } ?? false)
        )
    }

    /// A node that was here before.
    public init(
        restoring saved: NodesConfiguration,
        configuration: ClusterConfiguration,
        random: SeededGenerator,
        at now: Instant
    ) {
        guard let own = saved.entries.first(where: { $0.flags.contains(.myself) }) else {
            preconditionFailure("a parsed nodes.conf has a node that is “myself”")
        }
        var random = random
        let myself = ClusterNode(restoring: own, using: &random, at: now)
        self.init(myself: myself, configuration: configuration, random: random, at: now)
        for entry in saved.entries where entry.id != own.id && !entry.flags.contains(.handshake) {
            let node = ClusterNode(restoring: entry, using: &self.random, at: now)
            if nodes.insert(node) == nil { log(.warning, "nodes.conf has more nodes than a cluster may") }
        }
        for entry in saved.entries {
            guard let index = nodes.index(of: entry.id) else { continue }
            if entry.flags.contains(.replica), entry.primary != entry.id {
                nodes[index].replicaOf = entry.primary.flatMap { nodes.index(of: $0) }
            }
            for slot in entry.slots { setOwner(of: slot, to: index) }
        }
        for open in own.migrating { slots.migrating[open.slot] = nodes.index(of: open.peer) }
        for open in own.importing { slots.importing[open.slot] = nodes.index(of: open.peer) }
        for index in nodes.indices {
            guard let primary = nodes[index].replicaOf else { continue }
            nodes[index].shard = nodes[primary].shard
            nodes[primary].flags.insert(.attractsReplicas)
        }
        isOwnAddressOld = true
        lastVoteEpoch = saved.lastVoteEpoch
        currentEpoch = nodes.indices.reduce(saved.currentEpoch) { max($0, nodes[$1].configEpoch) }
    }
}

extension ClusterNode {
    fileprivate init(
        restoring entry: NodesConfiguration.Entry,
        using random: inout SeededGenerator,
        at now: Instant
    ) {
        self.init(
            id: entry.id,
            shard: entry.shard ?? .random(using: &random),
            flags: entry.flags,
            ip: entry.ip,
            port: entry.port,
            tlsPort: entry.tlsPort,
            busPort: entry.busPort,
            createdAt: now
        )
        announcement = entry.announcement
        if !entry.flags.contains(.replica) { configEpoch = entry.configEpoch }
        if flags.contains(.withoutAddress) { flags.insert(.failed) }
        if flags.contains(.myself) { flags.subtract([.suspected, .failed, .withoutAddress]) }
        if flags.contains(.failed) { failedAt = now }
        // How long the process was away is unknown: the clocks start anew.
        if entry.pingSent != 0 { pingSent = now }
        if entry.pongReceived != 0 { pongReceived = now }
    }
}
