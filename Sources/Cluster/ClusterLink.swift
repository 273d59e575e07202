// One connection of the bus. Each of two nodes opens one to the other: pings go out on one's own, pongs return on the same.

/// The name of a link between the machine and whoever holds its socket; never used twice.
public struct LinkID: Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (left: LinkID, right: LinkID) -> Bool { left.rawValue < right.rawValue }
}

public struct ClusterLink: Sendable {
    public enum Direction: Sendable { case inbound, outbound }

    public let id: LinkID
    public let direction: Direction
    public let createdAt: Instant
    /// Whose link it is: known from the start if outbound, from its first packet if inbound.
    public internal(set) var node: NodeIndex?
    public internal(set) var isConnected: Bool
    /// The address at the other end.
    public let peerIP: String
    /// The address at our end, empty until the connection stands.
    var localIP: String
    /// The peer sent extensions on it, so it understands ours.
    var carriesExtensions = false
    /// The peer has sent a PONG on it, so it knows whose link it is.
    var hasAnswered = false
    /// The peer was asked for a contact on it, to see whether it answers.
    var wasTried = false
    var inbox = BusInbox()
    /// When each PING and MEET was sent on it that has not been answered, oldest first: PONGs come in the same order.
    var unansweredSince: [Instant] = []
}

/// The open links, oldest first.
struct LinkTable: Sendable {
    /// Ascending by name, because names ascend.
    private(set) var links: [ClusterLink] = []
    /// The names alone, at the same places: small enough to search in for every packet.
    private var names: [UInt64] = []
    private var nextName: UInt64 = 1

    mutating func open(
        _ direction: ClusterLink.Direction,
        node: NodeIndex?,
        peerIP: String,
        localIP: String,
        at now: Instant
    ) -> LinkID {
        defer { nextName += 1 }
        let id = LinkID(rawValue: nextName)
        names.append(nextName)
        links.append(
            ClusterLink(
                id: id,
                direction: direction,
                createdAt: now,
                node: node,
                isConnected: direction == .inbound,
                peerIP: peerIP,
                localIP: localIP
            )
        )
        return id
    }

    func contains(_ id: LinkID) -> Bool { position(of: id) != nil }

    subscript(id: LinkID) -> ClusterLink {
        _read { yield links[requiredPosition(of: id)] }
        _modify { yield &links[requiredPosition(of: id)] }
    }

    mutating func remove(_ id: LinkID) {
        let position = requiredPosition(of: id)
        links.remove(at: position)
        names.remove(at: position)
    }

    private func requiredPosition(of id: LinkID) -> Int {
        guard let position = position(of: id) else { preconditionFailure("link \(id.rawValue) is closed") }
        return position
    }

    private func position(of id: LinkID) -> Int? {
        var (low, high) = (0, names.count)
        while low < high {
            let middle = (low + high) / 2
            if names[middle] < id.rawValue { low = middle + 1 } else { high = middle }
        }
        return low < names.count && names[low] == id.rawValue ? low : nil
    }
}
