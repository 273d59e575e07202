// What an administrator decides: the values of redis.conf, each in a field that the server reads directly.

public import Cluster

/// The values in force. A value type: a change is prepared on a copy, and takes hold as a whole or not at all.
///
/// A field's initial value is the directive's default, that of Redis 7.0 where Redis has the directive, but for lazy
/// freeing, which Valkey has switched on. Which directive sets a field, and what it accepts, is declared in the tables of
/// `Directives.swift` and its neighbours. Units are in the names; 0 means “no limit” or “never” where the directive says so.
public struct Configuration: Sendable {
    // Network
    public var binds = ["*", "-::*"]
    public var port = 6379
    public var tcpBacklog = 511
    public var tcpKeepAliveSeconds = 300
    public var timeoutSeconds = 0
    public var unixSocket = ""
    public var unixSocketMode = 0
    public var isProtectedModeOn = true

    // Process
    public var daemonizes = false
    public var pidFile = ""
    public var directory = ""
    public var logLevel = LogLevel.notice
    public var logFile = ""
    public var alwaysShowsLogo = false
    public var setsProcessTitle = true
    public var processTitleTemplate = "{title} {listen-addr} {server-mode}"
    public var shutdownOnSIGINT: ShutdownOptions = []
    public var shutdownOnSIGTERM: ShutdownOptions = []
    public var shutdownTimeoutSeconds = 10
    /// How often a shard's cron runs, per second.
    public var hz = 10
    /// Shards of this node; 0 chooses: see `shardCount(cores:)`.
    public var shards = 0
    /// How long a busy shard lets requests gather before it serves the first; 0: not at all.
    public var wakeupGatheringMicroseconds = 30

    // Limits
    public var maxClients = 10_000
    public var protoMaxBulkLength = 512 << 20
    public var clientQueryBufferLimit = 1 << 30
    public var clientOutputBufferLimits = OutputBufferLimits()
    public var maxMemory = 0
    public var maxMemoryPolicy = MaxMemoryPolicy.noEviction
    public var maxMemorySamples = 5
    public var maxMemoryEvictionTenacity = 10
    public var maxMemoryClients = MemoryOrPercent.bytes(0)

    // Keyspace
    public var databases = 16
    public var activeExpireEffort = 1
    public var avoidsHugePages = true
    public var isActiveRehashingOn = true
    public var freesEvictedLazily = true
    public var freesExpiredLazily = true
    public var freesReplacedLazily = true
    public var freesDeletedLazily = true
    public var freesFlushedLazily = true
    public var isActiveDefragmentationOn = false
    public var defragmentationIgnoreBytes = 100 << 20
    /// In percent of the bytes in use.
    public var defragmentationThresholdLower = 10
    public var defragmentationThresholdUpper = 100
    /// In percent of a shard's time.
    public var defragmentationCycleMin = 1
    public var defragmentationCycleMax = 25
    public var defragmentationCycleMicroseconds = 500
    public var lfuLogFactor = 10
    public var lfuDecayMinutes = 1
    public var hashMaxListpackEntries = 512
    public var hashMaxListpackValue = 64
    public var listMaxListpackSize = -2
    public var listCompressDepth = 0
    public var setMaxIntsetEntries = 512
    public var setMaxListpackEntries = 128
    public var setMaxListpackValue = 64
    public var zsetMaxListpackEntries = 128
    public var zsetMaxListpackValue = 64
    public var streamNodeMaxBytes = 4096
    public var streamNodeMaxEntries = 100
    public var streamIdmpDurationSeconds = 100
    public var streamIdmpMaxSize = 100
    public var hllSparseMaxBytes = 3000

    // Observation
    public var slowlogLogSlowerThanMicroseconds = 10_000
    public var slowlogMaxLength = 128
    public var latencyMonitorThresholdMilliseconds = 0
    public var isLatencyTrackingOn = true
    public var latencyPercentiles: [Double] = [50, 99, 99.9]

    // Access
    public var requirePass: [UInt8] = []
    public var debugCommandPermission = Permission.no
    public var protectedConfigsPermission = Permission.no

    // Cluster
    public var isClusterEnabled = false
    public var clusterConfigFile = "nodes.conf"
    public var clusterNodeTimeoutMilliseconds = 15_000
    /// The port of the bus; 0 is `port` + 10000.
    public var clusterPort = 0
    public var clusterAnnounceIP = ""
    public var clusterAnnounceHostname = ""
    public var clusterAnnouncePort = 0
    public var clusterAnnounceBusPort = 0
    public var clusterPreferredEndpointType = PreferredEndpointType.ip
    public var clusterRequiresFullCoverage = true
    public var clusterAllowsReadsWhenDown = false
    public var clusterLinkSendBufferLimit = 0
    public var clusterBlacklistSeconds = 60
    public var clusterSeeds: [Seed] = []
    public var clusterAnnounceNodename = ""
    public var clusterAnnounceTLSPort = 0
    public var clusterAnnounceClientIPv4 = ""
    public var clusterAnnounceClientIPv6 = ""
    public var clusterAnnounceClientPort = 0
    public var clusterAnnounceClientTLSPort = 0
    public var availabilityZone = ""
    public var clusterAllowsShardPubSubWhenDown = true
    /// 0: half the node timeout.
    public var clusterPingIntervalMilliseconds = 0
    public var clusterReplicaNoFailover = false
    /// In node timeouts; 0: a replica's data is never too old for it to stand for election.
    public var clusterReplicaValidityFactor = 10
    public var clusterManualFailoverTimeoutMilliseconds = 5000
    public var clusterAllowsReplicaMigration = true
    public var clusterMigrationBarrier = 1
    public var clusterPrimaryLease = true
    public var areSlotStatisticsOn = false
    /// Bytes per second; 0: no ceiling.
    public var clusterHeartbeatBandwidth = 0

    // Parts that are still to come, but whose values have more to them than a word or a number
    public var savePoints = [
        SavePoint(seconds: 3600, changes: 1), SavePoint(seconds: 300, changes: 100),
        SavePoint(seconds: 60, changes: 10_000),
    ]
    public var keyspaceEvents: KeyspaceEvents = []
    public var primary: PrimaryAddress?

    // Directives that only a file or the command line has
    public internal(set) var renamedCommands: [RenamedCommand] = []
    /// The arguments of each `user` line; the first is the name. Checked for duplicates only.
    public internal(set) var users: [[[UInt8]]] = []
    /// The arguments of each `loadmodule` line; the first is the path.
    public internal(set) var modules: [[[UInt8]]] = []

    /// Values of directives of parts that are not built, by name; what is not here is at its default.
    var kept: [String: any Sendable] = [:]

    public init() {}

    /// The values where nobody decided anything.
    public static let standard = Configuration()

    /// How many shards to run: what `shards` says, else one stand-alone (as Redis) and one per core in a cluster.
    public func shardCount(cores: Int) -> Int {
        guard shards == 0 else { return shards }
        return isClusterEnabled ? min(max(cores, 1), Self.maximumShards) : 1
    }

    static let maximumShards = 128
}
