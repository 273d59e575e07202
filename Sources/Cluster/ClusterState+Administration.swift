// What CLUSTER commands change about the membership. Slots are in +SlotAdministration; what they show is in +Views.

extension ClusterState {
    public enum EpochBump: Equatable, Sendable {
        case bumped(UInt64)
        case still(UInt64)
    }

    /// CLUSTER MEET: begins a handshake with whoever listens there, be it a member, this node itself or nobody.
    ///
    /// - Parameter busPort: nil: the client port + 10000.
    public mutating func meet(
        ip address: String,
        port portText: String,
        busPort busPortText: String?,
        at now: Instant
    ) throws(ClusterError) {
        self.now = now
        // In this order, and in these words, as Redis 7.0 looks at them.
        guard let givenPort = Int64(decimal: portText) else { throw .invalidBasePort(portText) }
        var givenBusPort = givenPort
        if let busPortText {
            guard let number = Int64(decimal: busPortText) else { throw .invalidBusPort(busPortText) }
            givenBusPort = number
        }
        guard let ip = IPAddress.canonical(address), let port = UInt16(exactly: givenPort), port != 0,
            let busPort = busPortText == nil
                ? ClusterConfiguration.defaultBusPort(for: port) : UInt16(exactly: givenBusPort),
            busPort != 0
        else { throw .invalidNodeAddress("\(address):\(portText)") }
        _ = startHandshake(ip: ip, port: port, busPort: busPort, flags: .meet)
    }

    /// CLUSTER FORGET: removes a node, and keeps gossip from bringing it back for a while.
    ///
    /// - Parameter everywhere: does not end before every member has been told, however long it is away.
    public mutating func forget(_ text: String, everywhere: Bool = false, at now: Instant) throws(ClusterError) {
        self.now = now
        guard let id = NodeID(text) else { throw .unknownNode(text) }
        guard let index = nodes.index(of: id) else {
            // Another node may have told us to forget it before the administrator could.
            guard blacklist.contains(id, at: now) else { throw .unknownNode(text) }
            if everywhere { dismiss(id) }
            return
        }
        guard index != .myself else { throw .cannotForgetMyself }
        guard index != myself.replicaOf else { throw .cannotForgetPrimary }
        log(.notice, "Forgetting node \(id), as an administrator says")
        blacklist.insert(id, until: now + configuration.blacklistTime)
        removeNode(index)
        if everywhere { dismiss(id) }
    }

    /// CLUSTER RESET: forgets the others and all slots; `hard`, also its own name and the epochs.
    ///
    /// - Parameter hasKeys: whether there is data here. A primary must be empty, a replica's copy is dropped.
    public mutating func reset(hard: Bool, hasKeys: Bool, at now: Instant) throws(ClusterError) {
        self.now = now
        if myself.isPrimary {
            guard !hasKeys else { throw .resetWithKeys }
        } else {
            standAlone()
        }
        slots.migrating = [:]
        slots.importing = [:]
        for slot in 0..<Slot.count where slots.owner(of: slot) != nil { setOwner(of: slot, to: nil) }
        for index in nodes.indices where index != .myself { removeNode(index) }
        nodes[.myself].flags.remove(.attractsReplicas)
        blacklist.removeAll()
        dismissals.removeAll()
        if hard {
            currentEpoch = 0
            lastVoteEpoch = 0
            nodes[.myself].configEpoch = 0
            let former = myself.id
            nodes.rename(.myself, to: .random(using: &random))
            nodes[.myself].shard = .random(using: &random)
            log(.notice, "Reset: node \(former) is node \(myself.id) from now on")
        }
        deferred.durableSave = true
        deferred.healthCheck = true
        deferred.slotMap = true
    }

    /// CLUSTER REPLICATE: becomes the replica of a primary, and gives up its own data for it.
    ///
    /// - Parameter hasKeys: whether there is data here; only a replica may lose it.
    public mutating func replicate(_ text: String, hasKeys: Bool, at now: Instant) throws(ClusterError) {
        self.now = now
        let primary = try node(named: text)
        guard primary != .myself else { throw .cannotReplicateMyself }
        guard nodes[primary].isPrimary else { throw .cannotReplicateReplica }
        guard myself.isReplica || (myself.slots.isEmpty && !hasKeys) else { throw .notEmptyEnoughToReplicate }
        guard configuration.replicatesData else { throw .replicationUnavailable }
        follow(primary)
    }

    /// CLUSTER REPLICATE NO ONE: becomes a primary without slots and without data.
    public mutating func replicateNoOne(at now: Instant) {
        self.now = now
        guard myself.isReplica else { return }
        log(.notice, "This node replicates no one from now on, as an administrator says")
        standAlone()
        deferred.durableSave = true
        deferred.pongBroadcast = true
    }

    /// CLUSTER SET-CONFIG-EPOCH: spares a new cluster the collisions of its first epochs.
    public mutating func setConfigEpoch(_ epoch: Int64, at now: Instant) throws(ClusterError) {
        self.now = now
        guard epoch >= 0 else { throw .invalidConfigEpoch(epoch) }
        guard nodes.count == 1 else { throw .otherNodesKnown }
        guard myself.configEpoch == 0 else { throw .configEpochSet }
        nodes[.myself].configEpoch = UInt64(epoch)
        currentEpoch = max(currentEpoch, UInt64(epoch))
        deferred.durableSave = true
        deferred.healthCheck = true
    }

    /// CLUSTER BUMPEPOCH.
    public mutating func bumpEpoch(at now: Instant) -> EpochBump {
        self.now = now
        return bumpEpochWithoutConsensus() ? .bumped(myself.configEpoch) : .still(myself.configEpoch)
    }

    /// CLUSTER SAVECONFIG.
    public mutating func saveConfiguration() { deferred.durableSave = true }

    /// CLUSTER COUNT-FAILURE-REPORTS.
    public mutating func countFailureReports(of text: String, at now: Instant) throws(ClusterError) -> Int {
        self.now = now
        return failureReportCount(of: try node(named: text))
    }

    /// CLUSTER REPLICAS.
    public func replicas(of text: String) throws(ClusterError) -> [NodeIndex] {
        let index = try node(named: text)
        guard nodes[index].isPrimary else { throw .notPrimary }
        return replicas(of: index)
    }

    func node(named text: String) throws(ClusterError) -> NodeIndex {
        guard let id = NodeID(text), let index = nodes.index(of: id) else { throw .unknownNode(text) }
        return index
    }
}

extension Int64 {
    /// A number as the real servers take one: no sign but a minus, no spaces, no leading zeros.
    fileprivate init?(decimal text: String) {
        guard let value = Int64(text), String(value) == text else { return nil }
        self = value
    }
}
