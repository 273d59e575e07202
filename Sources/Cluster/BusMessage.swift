// What nodes say to each other on the cluster bus, as values. BusMessage+Decoding and +Encoding have the bytes.

/// One message of the bus.
public enum BusMessage: Equatable, Sendable {
    /// With the full header: it says who speaks and how the speaker sees itself.
    case full(BusHeader, BusBody)
    /// With the 16-byte header, which names no sender: the node is the one that the link is bound to.
    case light(BusBody)

    public var body: BusBody {
        switch self {
        case .full(_, let body), .light(let body): body
        }
    }
}

/// The number of a message's kind on the wire, and its name in the statistics.
public enum BusMessageType: UInt16, CaseIterable, Sendable {
    case ping, pong, meet, fail, publish, authRequest, authAck, update, manualFailoverStart, module, publishShard

    public var name: String {
        switch self {
        case .ping: "ping"
        case .pong: "pong"
        case .meet: "meet"
        case .fail: "fail"
        case .publish: "publish"
        case .authRequest: "auth-req"
        case .authAck: "auth-ack"
        case .update: "update"
        case .manualFailoverStart: "mfstart"
        case .module: "module"
        case .publishShard: "publishshard"
        }
    }

    /// Whether a light header may stand before it.
    var mayBeLight: Bool { self == .publish || self == .publishShard || self == .module }
}

/// The speaker about itself.
public struct BusHeader: Equatable, Sendable {
    public var sender: NodeID
    /// The client port: the TLS one on a bus that uses TLS, else the plain one.
    public var port: UInt16
    /// The client port of the other kind, 0 where there is none.
    public var otherPort: UInt16
    public var busPort: UInt16
    /// Empty: “the address you see me at”.
    public var ip: String
    public var currentEpoch: UInt64
    /// The speaker's own, or its primary's where it is a replica.
    public var configEpoch: UInt64
    public var replicationOffset: UInt64
    /// The speaker's own, or its primary's where it is a replica.
    public var slots: SlotSet
    /// The primary; nil where the speaker is one.
    public var replicaOf: NodeID?
    public var flags: NodeFlags
    public var seesClusterFailing: Bool
    public var traits: MessageTraits
}

/// The first byte of a message's own flags.
public struct MessageTraits: OptionSet, Hashable, Sendable {
    public var rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The primary holds back its writers for a manual failover.
    public static let paused = MessageTraits(rawValue: 0x01)
    /// Vote even if the primary is well.
    public static let forceAck = MessageTraits(rawValue: 0x02)
    /// The speaker understands extensions; only then may the message have some.
    public static let extensions = MessageTraits(rawValue: 0x04)
}

/// What a message says beyond its header.
public enum BusBody: Equatable, Sendable {
    case ping(Heartbeat)
    case pong(Heartbeat)
    case meet(Heartbeat)
    case fail(NodeID)
    case publish(Publication)
    case publishShard(Publication)
    case authRequest
    case authAck
    case update(SlotClaim)
    case manualFailoverStart
    case module(ModuleMessage)

    public var type: BusMessageType {
        switch self {
        case .ping: .ping
        case .pong: .pong
        case .meet: .meet
        case .fail: .fail
        case .publish: .publish
        case .publishShard: .publishShard
        case .authRequest: .authRequest
        case .authAck: .authAck
        case .update: .update
        case .manualFailoverStart: .manualFailoverStart
        case .module: .module
        }
    }
}

/// What PING, PONG and MEET carry: gossip about others, and what the header has no room for about oneself.
public struct Heartbeat: Equatable, Sendable {
    public var gossip: [GossipEntry]
    public var extensions: [PingExtension]

    public init(gossip: [GossipEntry] = [], extensions: [PingExtension] = []) {
        self.gossip = gossip
        self.extensions = extensions
    }
}

/// One node as the speaker sees another.
public struct GossipEntry: Equatable, Sendable {
    public var id: NodeID
    /// Seconds since 1970, 0 where no ping is pending.
    public var pingSentSeconds: UInt32
    public var pongReceivedSeconds: UInt32
    public var ip: String
    public var port: UInt16
    public var otherPort: UInt16
    public var busPort: UInt16
    public var flags: NodeFlags
}

/// UPDATE: “this node owns these slots since that epoch”.
public struct SlotClaim: Equatable, Sendable {
    public var owner: NodeID
    public var configEpoch: UInt64
    public var slots: SlotSet
}

/// PUBLISH and PUBLISHSHARD.
public struct Publication: Equatable, Sendable {
    public var channel: [UInt8]
    public var message: [UInt8]

    public init(channel: [UInt8], message: [UInt8]) { (self.channel, self.message) = (channel, message) }
}

/// MODULE: bytes from one module to its like elsewhere.
public struct ModuleMessage: Equatable, Sendable {
    /// Little-endian on the wire: the peers send the raw integer of the machines they run on.
    public var module: UInt64
    public var type: UInt8
    public var payload: [UInt8]
}

/// A statement of the speaker about itself (or of whom it forgot) that older headers have no field for.
public enum PingExtension: Equatable, Sendable {
    case hostname(String)
    case nodename(String)
    case forgotten(NodeID, secondsLeft: UInt64)
    case shard(ShardID)
    case clientIPv4(String)
    case clientIPv6(String)
    case clientPort(UInt16)
    case clientTLSPort(UInt16)
    case availabilityZone(String)
    /// Of a type that this server does not know, or with a content that it cannot take: passed over.
    case unknown(type: UInt16, content: [UInt8])
}
