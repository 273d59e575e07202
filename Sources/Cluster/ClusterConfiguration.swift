// What the administrator decides about this node's part in the cluster; the field's names of redis.conf in brackets.

/// What clients are told to connect to.
public enum EndpointType: Sendable {
    case ip, hostname, unknown
}

/// What a node tells the others about itself in ping extensions; empty and 0 mean “nothing”.
public struct NodeAnnouncement: Equatable, Sendable {
    public var hostname = ""
    public var nodename = ""
    public var clientIPv4 = ""
    public var clientIPv6 = ""
    public var clientPort: UInt16 = 0
    public var clientTLSPort: UInt16 = 0
    public var availabilityZone = ""

    public init() {}
}

/// How a node gossips. The wire is the same; nodes of both kinds get along in one cluster.
public enum GossipRules: Sendable {
    /// As Redis and Valkey do: a tenth of the nodes by chance, and all suspected ones. What `frugal` is measured against.
    case classic
    /// What the addressee has use for, and no more: see `Gossip`.
    case frugal
}

public struct ClusterConfiguration: Equatable, Sendable {
    /// Where clients connect, 0 where they cannot (`port`, `tls-port`).
    public var port: UInt16
    public var tlsPort: UInt16 = 0
    /// 0: the client port + 10000 (`cluster-port`).
    public var busPort: UInt16 = 0
    /// Whether the bus itself speaks TLS (`tls-cluster`).
    public var usesTLS = false

    /// Empty: whatever others see (`cluster-announce-ip`). Must be `AnnouncedText.isAddress`.
    public var announcedIP = ""
    /// 0: the port itself (`cluster-announce-port`, `-tls-port`, `-bus-port`).
    public var announcedPort: UInt16 = 0
    public var announcedTLSPort: UInt16 = 0
    public var announcedBusPort: UInt16 = 0
    /// `cluster-announce-hostname` and its like. Texts must be `AnnouncedText.isName`.
    public var announcement = NodeAnnouncement()

    public var nodeTimeout: Duration = .seconds(15)
    /// How long a link may be silent before a PING; nil: half the node timeout (`cluster-ping-interval`).
    public var pingInterval: Duration?
    /// How long a forgotten node stays forgotten (`cluster-blacklist-ttl`).
    public var blacklistTime: Duration = .seconds(60)
    public var requiresFullCoverage = true
    public var allowsReadsWhenDown = false
    public var allowsShardPubSubWhenDown = true
    /// `cluster-replica-no-failover`.
    public var hasNoFailover = false
    /// How many node timeouts old a replica's data may be for it to stand for election; 0: any age
    /// (`cluster-replica-validity-factor`).
    public var replicaValidityFactor = 10
    /// How often a primary says something on the replication stream (`repl-ping-replica-period`).
    public var replicaPingPeriod: Duration = .seconds(10)
    /// `cluster-manual-failover-timeout`.
    public var manualFailoverTimeout: Duration = .seconds(5)
    /// Whether replicas go where they are needed, and primaries that have lost all slots follow who took the last
    /// (`cluster-allow-replica-migration`).
    public var allowsReplicaMigration = true
    /// How many replicas a primary keeps for itself (`cluster-migration-barrier`).
    public var migrationBarrier = 1
    /// Whether a primary refuses clients when it has not heard from a majority for so long that it may have been replaced
    /// (`cluster-primary-lease`).
    public var needsLease = true
    /// Whether whoever drives the machine can copy a primary's data. Where not, this node never becomes a replica: an empty
    /// one could win an election.
    public var replicatesData = true
    public var preferredEndpoint: EndpointType = .ip
    /// Whom to meet when nobody is known, or reached (`cluster-seeds`).
    public var seeds: [Seed] = []

    /// What heartbeats say about others, and how often they are sent.
    public var gossipRules = GossipRules.frugal
    /// The most that heartbeats may take per second, 0: no limit (`cluster-heartbeat-bandwidth`).
    public var heartbeatBytesPerSecond = 0

    public init(port: UInt16) { self.port = port }

    /// How long a handshake may take, and how long a link may be one-sided.
    var handshakeTimeout: Duration { max(nodeTimeout, .seconds(1)) }

    /// What other nodes and clients are told.
    var publicPort: UInt16 { announcedPort != 0 ? announcedPort : port }
    var publicTLSPort: UInt16 { announcedTLSPort != 0 ? announcedTLSPort : tlsPort }
    var publicBusPort: UInt16 { announcedBusPort != 0 ? announcedBusPort : listeningBusPort }

    /// Where the bus listens.
    public var listeningBusPort: UInt16 {
        if busPort != 0 { return busPort }
        return ClusterConfiguration.defaultBusPort(for: usesTLS ? tlsPort : port) ?? 0
    }

    /// The bus port of a node that names none; nil if its client port leaves no room for it.
    public static func defaultBusPort(for port: UInt16) -> UInt16? {
        let (busPort, overflows) = port.addingReportingOverflow(10000)
        return overflows ? nil : busPort
    }
}
