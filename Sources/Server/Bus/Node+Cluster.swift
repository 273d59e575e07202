// What the node and its cluster thread have to do with each other: configuration, slot map, keys of lost slots.

internal import Cluster
internal import Configuration
internal import Glibc
internal import Keyspace
internal import Synchronization

/// Where the newest slot map lies for the shards to pick up.
final class SlotMapBoard: Sendable {
    private let newest: Mutex<SlotMap?> = Mutex(nil)
    private let number = Atomic<Int>(0)
    private let end = Atomic<Int64>(.max)

    /// Changes whenever another map is put up: what a shard looks at before every run of commands.
    @inline(__always) var version: Int { number.load(ordering: .acquiring) }

    /// From when on the map is not to be believed, on the clock since boot; `Int64.max`: it always is.
    ///
    /// The shards look at it themselves: a process that was stopped would serve what it owned before it was, until its
    /// cluster thread comes to tell them.
    var leaseEnd: Int64 {
        @inline(__always) get { end.load(ordering: .acquiring) }
        set { end.store(newValue, ordering: .releasing) }
    }

    func put(_ map: SlotMap) {
        newest.withLock { $0 = map }
        number.add(1, ordering: .releasing)
    }

    var map: SlotMap? { newest.withLock { $0 } }
}

extension Node {
    /// Deletes the keys of slots that are another node's now, on each slot's shard.
    func dropKeys(of slots: SlotSet) {
        for shard in shards {
            let own = slots.filter { self.shard(ofSlot: $0) == shard.index }
            guard !own.isEmpty else { continue }
            shard.mailbox.post(
                .perform { shard in
                    for slot in own { shard.executor.flush(slot: slot, lazily: true) }
                }
            )
        }
    }

    func dropAllKeys() {
        for shard in shards {
            shard.mailbox.post(
                .perform { shard in
                    shard.keyspace.flushAll(lazily: true)
                    shard.executor.databaseDidChange(nil)
                }
            )
        }
    }

    /// Holds all writers back for a failover that an administrator asked for. A shard does it: the cluster's thread waits
    /// for nobody.
    func pauseWrites(milliseconds: Double) {
        shards[0].mailbox.post(
            .perform { shard in
                let node = shard.node
                node.exclusively(shard.executor) {
                    node.pause(.write, until: shard.keyspace.now + Int64(milliseconds))
                    node.failoverPause = node.pause
                }
                // There is no change log yet, and so no offset but the first.
                node.clusterThread?.writesDidPause(at: 0)
            }
        )
    }

    /// Ends that pause, unless an administrator has asked for a longer or a stricter one meanwhile.
    func resumeWrites() {
        shards[0].mailbox.post(
            .perform { shard in
                let node = shard.node
                node.exclusively(shard.executor) {
                    if let pause = node.failoverPause, pause == node.pause { node.unpause() }
                    node.failoverPause = nil
                }
            }
        )
    }

    /// Whether any shard has keys, as of its last turn, or of when its last client went on elsewhere.
    var hasKeys: Bool { shards.contains { $0.pulse.keyCount > 0 } }

    /// How long a shard may be busy with one thing before the node keeps silent on the bus. Never less than five
    /// seconds: a short node timeout is for dead nodes, not for a long command.
    var watchdogMilliseconds: Int64 { Int64(max(configuration.clusterNodeTimeoutMilliseconds, 5000)) }

    var clusterConfiguration: ClusterConfiguration {
        var cluster = ClusterConfiguration(port: UInt16(clamping: configuration.port))
        cluster.busPort = UInt16(clamping: configuration.clusterPort)
        cluster.announcedIP = configuration.clusterAnnounceIP
        cluster.announcedPort = UInt16(clamping: configuration.clusterAnnouncePort)
        cluster.announcedBusPort = UInt16(clamping: configuration.clusterAnnounceBusPort)
        cluster.announcedTLSPort = UInt16(clamping: configuration.clusterAnnounceTLSPort)
        cluster.announcement.hostname = configuration.clusterAnnounceHostname
        cluster.announcement.nodename = configuration.clusterAnnounceNodename
        cluster.announcement.clientIPv4 = configuration.clusterAnnounceClientIPv4
        cluster.announcement.clientIPv6 = configuration.clusterAnnounceClientIPv6
        cluster.announcement.clientPort = UInt16(clamping: configuration.clusterAnnounceClientPort)
        cluster.announcement.clientTLSPort = UInt16(clamping: configuration.clusterAnnounceClientTLSPort)
        cluster.announcement.availabilityZone = configuration.availabilityZone
        cluster.seeds = configuration.clusterSeeds
        let pingInterval = configuration.clusterPingIntervalMilliseconds
        cluster.pingInterval = pingInterval > 0 ? .milliseconds(pingInterval) : nil
        cluster.allowsShardPubSubWhenDown = configuration.clusterAllowsShardPubSubWhenDown
        cluster.nodeTimeout = .milliseconds(configuration.clusterNodeTimeoutMilliseconds)
        cluster.blacklistTime = .seconds(configuration.clusterBlacklistSeconds)
        cluster.hasNoFailover = configuration.clusterReplicaNoFailover
        cluster.replicaValidityFactor = configuration.clusterReplicaValidityFactor
        cluster.manualFailoverTimeout = .milliseconds(configuration.clusterManualFailoverTimeoutMilliseconds)
        cluster.allowsReplicaMigration = configuration.clusterAllowsReplicaMigration
        cluster.migrationBarrier = configuration.clusterMigrationBarrier
        cluster.needsLease = configuration.clusterPrimaryLease
        cluster.heartbeatBytesPerSecond = configuration.clusterHeartbeatBandwidth
        // There is no change log to copy from yet: a replica would be empty, and might win an election.
        cluster.replicatesData = false
        cluster.requiresFullCoverage = configuration.clusterRequiresFullCoverage
        cluster.allowsReadsWhenDown = configuration.clusterAllowsReadsWhenDown
        cluster.preferredEndpoint =
            switch configuration.clusterPreferredEndpointType {
            case .ip: .ip
            case .hostname: .hostname
            case .unknownEndpoint: .unknown
            }
        return cluster
    }

    /// Reads nodes.conf, or invents a new node; ends the process where that cannot be.
    func makeClusterThread() -> ClusterThread {
        let path = configuration.clusterConfigFile
        let seed = UInt64.random(in: .min ... .max)
        let wallClock = Clock.unixMilliseconds()
        let offset = wallClock - Clock.bootMilliseconds()
        let now = Instant(milliseconds: wallClock)
        do {
            guard let file = try NodesFile(path: path) else {
                log.warning(
                    "Sorry, the cluster configuration file \(path) is already used by a different Redis Cluster node. "
                        + "Please make sure that different nodes use different cluster configuration files."
                )
                exit(1)
            }
            let random = SeededGenerator(seed: seed)
            let state: ClusterState
            if let bytes = file.bytes, !bytes.isEmpty {
                let saved = try NodesConfiguration(parsing: bytes, busUsesTLS: false)
                state = ClusterState(restoring: saved, configuration: clusterConfiguration, random: random, at: now)
                log.notice("Node configuration loaded, I'm \(state.myself.id)")
            } else {
                state = ClusterState(configuration: clusterConfiguration, random: random, at: now)
                log.notice("No cluster configuration found, I'm \(state.myself.id)")
            }
            return ClusterThread(node: self, file: file, state: state, clockOffset: offset)
        } catch {
            log.warning("Unrecoverable error: corrupted or unreadable cluster config file \(path): \(error)")
            exit(1)
        }
    }
}
