// One node as this node sees it.

/// Where a node stands in the table of known nodes, for as long as it is known.
public struct NodeIndex: Hashable, Comparable, Sendable {
    public let rawValue: UInt16

    /// This node is always the first.
    public static let myself = NodeIndex(rawValue: 0)

    public static func < (left: NodeIndex, right: NodeIndex) -> Bool { left.rawValue < right.rawValue }
}

/// What a primary said about another node: “I cannot reach it”.
struct FailureReport: Equatable, Sendable {
    let reporter: NodeIndex
    var time: Instant
}

/// A known node: this one, a member of the cluster, or a stranger in handshake under a name of our invention.
public struct ClusterNode: Sendable {
    public internal(set) var id: NodeID
    public internal(set) var shard: ShardID
    public internal(set) var flags: NodeFlags
    public internal(set) var ip: String
    public internal(set) var port: UInt16
    public internal(set) var tlsPort: UInt16
    public internal(set) var busPort: UInt16
    public internal(set) var announcement = NodeAnnouncement()

    public internal(set) var configEpoch: UInt64 = 0
    /// What the node owns; always empty for a replica.
    public internal(set) var slots = SlotSet()
    /// The primary of a replica, nil as long as it is not known.
    public internal(set) var replicaOf: NodeIndex?
    public internal(set) var replicationOffset: UInt64 = 0

    let createdAt: Instant
    /// When the PING was sent that has had no PONG yet.
    var pingSent: Instant?
    var pongReceived: Instant?
    /// When anything at all came from it: a long message can hold a PONG back for longer than the timeout.
    var bytesReceived: Instant?
    /// When we sent what it has answered last: since then it has heard from us.
    var contactedAt: Instant?
    /// Whether it answers questions for a contact (`ContactQuery`), and when it was asked one that it has not answered.
    var answersContactQueries = false
    var contactAsked: Instant?
    /// Who told us of the last PONG, if it was not sent to us.
    var heardThrough: NodeIndex?
    var failedAt: Instant?
    /// The last vote of this node for one of its replicas.
    var vote: Vote?
    /// Since when it has been a primary without replicas that had some, as a replica sees it that could go to it.
    var orphanedSince: Instant?
    var failureReports: [FailureReport] = []
    /// The number of the heartbeat in which it was last picked for gossip, so that none names a node twice.
    var lastGossip: UInt64 = 0

    /// The link that we opened to it, also while it is being opened.
    var outbound: LinkID?
    /// The link that it opened to us.
    var inbound: LinkID?
    var connectedAt: Instant?
    /// Since when it has had no link to us.
    var withoutInboundSince: Instant
    var meetSent: Instant?

    init(
        id: NodeID,
        shard: ShardID,
        flags: NodeFlags,
        ip: String,
        port: UInt16 = 0,
        tlsPort: UInt16 = 0,
        busPort: UInt16,
        createdAt: Instant
    ) {
        (self.id, self.shard, self.flags) = (id, shard, flags)
        (self.ip, self.port, self.tlsPort, self.busPort) = (ip, port, tlsPort, busPort)
        self.createdAt = createdAt
        withoutInboundSince = createdAt
    }

    /// Gives up what it holds on to, when its place in the table is vacated.
    mutating func forget() {
        slots = SlotSet()
        announcement = NodeAnnouncement()
        failureReports = []
    }

    public var isPrimary: Bool { flags.contains(.primary) }
    public var isReplica: Bool { flags.contains(.replica) }
    public var isFailed: Bool { flags.contains(.failed) }
    public var isSuspected: Bool { flags.contains(.suspected) }
    public var isInHandshake: Bool { flags.contains(.handshake) }
    /// Whether its word counts for epochs and failures.
    public var isVotingPrimary: Bool { isPrimary && !slots.isEmpty }

    /// When we, or somebody who told us, last had a sign of life from it.
    var lastHeard: Instant? {
        guard let pongReceived, let bytesReceived else { return pongReceived ?? bytesReceived }
        return max(pongReceived, bytesReceived)
    }

    /// The client port of the bus's own kind, which headers and gossip name first, and the other one.
    func ports(onTLSBus: Bool) -> (first: UInt16, second: UInt16) {
        onTLSBus ? (tlsPort, port) : (port, tlsPort)
    }

    mutating func setPorts(first: UInt16, second: UInt16, onTLSBus: Bool) {
        (port, tlsPort) = onTLSBus ? (second, first) : (first, second)
    }

    /// Where clients reach the node.
    public var endpoint: NodeEndpoint {
        NodeEndpoint(id: id, ip: ip, port: port, tlsPort: tlsPort, announcement: announcement)
    }
}
