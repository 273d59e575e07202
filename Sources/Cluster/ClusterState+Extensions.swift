// Ping extensions: what nodes say about themselves beyond the header, and whom they have forgotten.

extension ClusterState {
    /// As many extensions about forgotten nodes as a packet takes without strain; the rest go when these have expired.
    private static let forgottenLimit = 512

    /// What this node announces, in the order of Valkey 9.1; what is empty is left out.
    mutating func extensions() -> [PingExtension] {
        let announcement = configuration.announcement
        var extensions: [PingExtension] = []
        if !announcement.hostname.isEmpty { extensions.append(.hostname(announcement.hostname)) }
        if !announcement.nodename.isEmpty { extensions.append(.nodename(announcement.nodename)) }
        if !announcement.clientIPv4.isEmpty { extensions.append(.clientIPv4(announcement.clientIPv4)) }
        if !announcement.clientIPv6.isEmpty { extensions.append(.clientIPv6(announcement.clientIPv6)) }
        if announcement.clientPort != 0 { extensions.append(.clientPort(announcement.clientPort)) }
        if announcement.clientTLSPort != 0 { extensions.append(.clientTLSPort(announcement.clientTLSPort)) }
        if !announcement.availabilityZone.isEmpty {
            extensions.append(.availabilityZone(announcement.availabilityZone))
        }
        let dismissed = Set(dismissals.map(\.id))
        let listed = blacklist.entries(at: now)
        // Those whom somebody still has to be told of come first, in case there is no room for all.
        let ordered = listed.filter { dismissed.contains($0.id) } + listed.filter { !dismissed.contains($0.id) }
        for entry in ordered.prefix(ClusterState.forgottenLimit) {
            // Rounded down: if each teller added a little, nodes would remind each other for ever. Only who was told by an
            // administrator, and counts on having told others, always says it.
            let whole = (entry.until - now).wholeMilliseconds / 1000
            let secondsLeft = dismissed.contains(entry.id) ? max(1, whole) : whole
            guard secondsLeft > 0 else { continue }
            extensions.append(.forgotten(entry.id, secondsLeft: UInt64(secondsLeft)))
        }
        extensions.append(.shard(myself.shard))
        return extensions
    }

    mutating func receive(_ extensions: [PingExtension], from sender: NodeIndex) {
        var announcement = NodeAnnouncement()  // What is not said is not so any more.
        var shard: ShardID?
        var forgotten: [(NodeID, Duration)] = []
        for item in extensions {
            switch item {
            case .hostname(let text): announcement.hostname = text
            case .nodename(let text): announcement.nodename = text
            case .clientIPv4(let text): announcement.clientIPv4 = text
            case .clientIPv6(let text): announcement.clientIPv6 = text
            case .clientPort(let port): announcement.clientPort = port
            case .clientTLSPort(let port): announcement.clientTLSPort = port
            case .availabilityZone(let text): announcement.availabilityZone = text
            case .shard(let name): shard = name
            case .forgotten(let id, let secondsLeft):
                forgotten.append((id, .seconds(Int64(clamping: min(secondsLeft, UInt64(UInt32.max))))))
            case .unknown: break
            }
        }
        if announcement != nodes[sender].announcement {
            nodes[sender].announcement = announcement
            deferred.save = true
            deferred.slotMap = true
        }
        adopt(shard, of: sender)
        for (id, time) in forgotten { forget(id, for: time) }
    }

    /// A shard is named by its primary; what a replica says only holds as long as its primary is not known.
    private mutating func adopt(_ shard: ShardID?, of index: NodeIndex) {
        if let primary = nodes[index].replicaOf { return setShard(nodes[primary].shard, of: index) }
        guard let shard, nodes[index].shard != shard else { return }
        setShard(shard, of: index)
        guard nodes[index].isPrimary else { return }
        for replica in replicas(of: index) { setShard(shard, of: replica) }
    }

    mutating func setShard(_ shard: ShardID, of index: NodeIndex) {
        guard nodes[index].shard != shard else { return }
        nodes[index].shard = shard
        deferred.save = true
    }

    /// Another member was told to forget a node, and spares its administrator to say so everywhere.
    private mutating func forget(_ id: NodeID, for time: Duration) {
        guard let index = nodes.index(of: id), index != .myself, index != myself.replicaOf else { return }
        log(.notice, "Forgetting node \(id), as another node was told to")
        blacklist.insert(id, until: now + time)
        removeNode(index)
    }
}
