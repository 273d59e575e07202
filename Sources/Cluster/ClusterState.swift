// The cluster as this node knows it: a value that takes events and the time in, and gives effects out.
//
// Whoever drives it hands in all events of one wakeup, then calls `settle`, then carries the effects out in their order.
// That nodes.conf is saved before a packet leaves that relies on it is so by construction: effects come out of `settle`
// alone, and a save is always the first of them. Several changes in one wakeup cost one save and one broadcast.
//
// What each question is answered with stands in the extensions: +Links, +Packets, +Handshake, +Gossip, +FailureDetection,
// +Epochs, +Voting, +Election, +ManualFailover, +Lease, +Roles, +Replication, +ReplicaMigration, +SlotOwnership, +Health, +Cron,
// +Administration, +Seeds, +Dismissal, +PubSub, +Views.

/// What happens to a node.
public enum ClusterEvent: Sendable {
    /// 100 ms have passed.
    case tick
    /// A link that was asked for stands; `localIP` is our end of it.
    case linkConnected(LinkID, localIP: String)
    /// A link that was asked for cannot be had, at once or later.
    case linkFailed(LinkID)
    /// The other side closed a link, or it broke.
    case linkClosed(LinkID)
    /// More waits to be sent on a link than `cluster-link-sendbuf-limit` allows.
    case linkOverflowed(LinkID)
    case received([UInt8], on: LinkID)
    case configured(ClusterConfiguration)
    /// Whether the shards are alive. While they are not, the node keeps silent, so that the others can fail it over.
    case vouching(Bool)
    /// What a seed's name stands for: literal addresses, none where the name is not known.
    case resolved(Seed, [String])
    /// How far the replication stream has come.
    case replicationOffset(UInt64)
    /// When something last came from the primary on the replication stream, data or a sign of life.
    case heardFromPrimary(Instant)
    /// What `pauseWrites` asked for is done: nothing is written beyond this offset.
    case writesPaused(at: UInt64)
}

public enum LogLevel: Sendable {
    case debug, verbose, notice, warning
}

/// What is to be done, in the order in which it is given.
public enum ClusterEffect: Equatable, Sendable {
    /// Write `nodesConfiguration`; `durably`: with fsync, before anything else is done.
    case saveNodesConfiguration(durably: Bool)
    /// Hand a new `slotMap` to the shards.
    case publishSlotMap
    case openLink(LinkID, ip: String, port: UInt16)
    case closeLink(LinkID)
    /// Find out which addresses the seed's name stands for, without waiting for them here.
    case resolve(Seed)
    case send([UInt8], on: LinkID)
    /// Another node owns these slots now: delete the keys in them.
    case dropKeys(of: SlotSet)
    /// The node starts anew: delete all keys.
    case dropAllKeys
    /// A member has published this: for the subscribers of this node.
    case deliver(Publication, sharded: Bool)
    /// Replicate from there from now on, whatever the node did before.
    case becomeReplica(of: ReplicationSource)
    /// Stop replicating: the data here is what the slots of this node hold from now on.
    case startPromotion
    /// Hold back all writers, say so with `writesPaused`, and let them go on by themselves at `until`.
    case pauseWrites(until: Instant)
    case resumeWrites
    /// From `until` on, on the clock of the events, clients must be refused even if this machine says nothing more; nil:
    /// they need not be.
    case renewLease(until: Instant?)
    case log(LogLevel, String)
}

public enum ClusterHealth: Sendable {
    case ok, fail
}

public struct ClusterState: Sendable {
    public internal(set) var configuration: ClusterConfiguration
    public internal(set) var nodes: NodeTable
    public internal(set) var currentEpoch: UInt64 = 0
    public internal(set) var lastVoteEpoch: UInt64 = 0
    public internal(set) var health = ClusterHealth.fail
    public internal(set) var statistics = ClusterStatistics()

    var random: SeededGenerator
    var links = LinkTable()
    var slots = SlotTable()
    var blacklist = Blacklist()
    var healthClock = HealthClock()
    var seedClock = SeedClock()
    var dismissals: [Dismissal] = []
    /// The address in nodes.conf is that of a former life: the first to reach this node shows the one of this life.
    var isOwnAddressOld = false

    var replicationOffset: UInt64 = 0 { didSet { if replicationOffset != oldValue { offsetCount += 1 } } }
    var replication: Replication
    var election = Election()
    var manualFailover: ManualFailover?
    var lease = Lease()
    var isVouched = true
    /// Which packets are lost on purpose, for tests; nil: none.
    public var lostPackets: PacketLoss?
    var tickCount: UInt64 = 0
    var heartbeatCount: UInt64 = 0
    var gossip = GossipMemory()
    /// How many nodes were suspected at the last tick: so many are added to every heartbeat's gossip.
    var suspectedCount = 0

    var now: Instant
    /// What views are made from: see `ViewVersion`.
    var structureCount: UInt64 = 0
    var offsetCount: UInt64 = 0
    var deferred = Deferred()
    private var effects: [ClusterEffect] = []

    /// What several events may ask for and is done once, when they are settled.
    struct Deferred: Sendable {
        var save = false
        var durableSave = false
        var healthCheck = false
        var election = false
        var pongBroadcast = false
        var slotMap = false
        /// Something that only views show.
        var view = false

        /// Whether what CLUSTER NODES, SLOTS and SHARDS show is about to change, or has changed.
        var changesViews: Bool { save || durableSave || slotMap || view }
    }

    /// A node that starts for the first time, with a name of its own invention.
    public init(configuration: ClusterConfiguration, random: SeededGenerator, at now: Instant) {
        var random = random
        let myself = ClusterNode(
            id: .random(using: &random),
            shard: .random(using: &random),
            flags: [.myself, .primary],
            ip: "",
            busPort: configuration.publicBusPort,
            createdAt: now
        )
        self.init(myself: myself, configuration: configuration, random: random, at: now)
        deferred.durableSave = true
    }

    init(myself: ClusterNode, configuration: ClusterConfiguration, random: SeededGenerator, at now: Instant) {
        (self.configuration, self.random, self.now) = (configuration, random, now)
        nodes = NodeTable(myself: myself)
        replication = Replication(role: myself.isPrimary ? .primary : .replica(of: nil))
        deferred.healthCheck = true
        deferred.slotMap = true
        applyConfiguration()
    }

    public var myself: ClusterNode { nodes[.myself] }

    /// Takes in what happened. What follows from it comes out of `settle`.
    public mutating func handle(_ event: ClusterEvent, at now: Instant) {
        self.now = now
        switch event {
        case .tick: tick()
        case .linkConnected(let link, let localIP): linkConnected(link, localIP: localIP)
        case .linkFailed(let link): linkFailed(link)
        case .linkClosed(let link): detach(link)
        case .linkOverflowed(let link): linkOverflowed(link)
        case .received(let bytes, let link): receive(bytes, on: link)
        case .configured(let configuration):
            self.configuration = configuration
            applyConfiguration()
        case .vouching(let isVouched): setVouching(isVouched)
        case .resolved(let seed, let addresses): resolved(seed, addresses)
        case .replicationOffset(let offset):
            replicationOffset = offset
            standIfCaughtUp()
        case .heardFromPrimary(let time): replication.heardAt = time
        case .writesPaused(let offset): writesPaused(at: offset)
        }
    }

    /// Appends what follows from the events since the last call, in the order in which it must be done.
    public mutating func settle(at now: Instant, into effects: inout [ClusterEffect]) {
        self.now = now
        if deferred.election { advanceElection() }
        if deferred.healthCheck { updateHealth() }
        if deferred.pongBroadcast { broadcastPong() }
        if deferred.save || deferred.durableSave {
            effects.append(.saveNodesConfiguration(durably: deferred.durableSave))
        }
        let change = changeOfReplication()
        // The shards must know a slot is theirs before others send clients here, and that it is gone before its keys go; and
        // nobody may write here what a primary could still overwrite.
        if change == .startPromotion { effects.append(.startPromotion) }
        if deferred.slotMap { effects.append(.publishSlotMap) }
        if let change, change != .startPromotion { effects.append(change) }
        if deferred.changesViews { structureCount += 1 }
        deferred = Deferred()
        effects += self.effects
        self.effects.removeAll(keepingCapacity: true)
    }

    mutating func add(_ effect: ClusterEffect) { effects.append(effect) }

    mutating func log(_ level: LogLevel, _ text: String) { effects.append(.log(level, text)) }

    private mutating func setVouching(_ isVouched: Bool) {
        guard self.isVouched != isVouched else { return }
        self.isVouched = isVouched
        log(
            .warning,
            isVouched
                ? "The shards answer again: the node speaks on the cluster bus again"
                : "The shards do not answer: the node keeps silent on the cluster bus, so that it can be failed over"
        )
    }

    /// Makes this node's own entry what the configuration says.
    private mutating func applyConfiguration() {
        var myself = nodes[.myself]
        if !configuration.announcedIP.isEmpty { myself.ip = configuration.announcedIP }
        myself.port = configuration.publicPort
        myself.tlsPort = configuration.publicTLSPort
        myself.busPort = configuration.publicBusPort
        myself.announcement = configuration.announcement
        myself.flags.formUnion(.capabilities)
        if configuration.hasNoFailover {
            myself.flags.insert(.noFailover)
        } else {
            myself.flags.remove(.noFailover)
        }
        nodes[.myself] = myself
        deferred.save = true
        deferred.slotMap = true
        deferred.healthCheck = true
    }

    /// Stops the run if the tables contradict each other. For tests, fuzzers and the simulator, after every step.
    public func checkInvariants() {
        nodes.checkInvariants()
        slots.checkInvariants(nodes)
        for index in nodes.indices {
            let node = nodes[index]
            precondition(index == .myself || !node.flags.contains(.myself), "two nodes are myself")
            precondition(!node.isReplica || node.slots.isEmpty, "a replica owns slots")
            if let primary = node.replicaOf {
                precondition(node.isReplica && nodes.contains(primary), "a replica of nobody")
            }
            if let link = node.outbound { precondition(links[link].node == index, "a link of another node") }
            if let link = node.inbound { precondition(links[link].node == index, "a link of another node") }
            for report in node.failureReports { precondition(nodes.contains(report.reporter), "a report by nobody") }
        }
        for member in dismissals.flatMap({ $0.untold + $0.deaf }) {
            precondition(nodes.contains(member), "nobody is to be told of a dismissal")
        }
        precondition(myself.isReplica || election.due == nil, "a primary stands for election")
        precondition(
            manualFailover.map { ($0.replica != nil) == myself.isPrimary } ?? true,
            "a failover by the wrong side"
        )
        for link in links.links {
            guard let node = link.node else { continue }
            precondition(nodes.contains(node), "a link to nobody")
            precondition(nodes[node].outbound == link.id || nodes[node].inbound == link.id, "a link its node has lost")
        }
    }
}
