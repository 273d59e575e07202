// Where clients find a node: the same answer in redirections, CLUSTER SLOTS, SHARDS and NODES.

/// What decides how a node's address is shown to a client.
public struct ClientView: Hashable, Sendable {
    public var usesTLS: Bool
    public var isIPv6: Bool

    public init(usesTLS: Bool = false, isIPv6: Bool = false) {
        self.usesTLS = usesTLS
        self.isIPv6 = isIPv6
    }
}

public struct NodeEndpoint: Equatable, Sendable {
    public let id: NodeID
    /// The address other nodes use.
    public let ip: String
    public let port: UInt16
    public let tlsPort: UInt16
    public let announcement: NodeAnnouncement

    /// The address for this client: one announced for clients goes before the one that nodes use.
    public func ip(for client: ClientView) -> String {
        let announced = client.isIPv6 ? announcement.clientIPv6 : announcement.clientIPv4
        return announced.isEmpty ? ip : announced
    }

    public func port(for client: ClientView) -> UInt16 {
        let announced = client.usesTLS ? announcement.clientTLSPort : announcement.clientPort
        if announced != 0 { return announced }
        return client.usesTLS ? tlsPort : port
    }

    /// What MOVED, ASK and CLUSTER SHARDS call the node: `?` for a name that is not known, empty for “the host you asked”.
    public func host(_ type: EndpointType, for client: ClientView) -> String {
        switch type {
        case .ip: ip(for: client)
        case .hostname: announcement.hostname.isEmpty ? "?" : announcement.hostname
        case .unknown: ""
        }
    }
}
