// What the machine wants of replication, which it does not do itself: from where, and from when on no more.

/// Where a replica gets its data.
public struct ReplicationSource: Equatable, Sendable {
    public let id: NodeID
    public let ip: String
    public let port: UInt16
    public let tlsPort: UInt16
}

/// What whoever replicates was told, and what is known of how it fares.
struct Replication: Sendable {
    enum Role: Equatable, Sendable {
        case primary
        /// Nil: of a primary whose name or address is not known.
        case replica(of: ReplicationSource?)
    }

    /// As last told.
    var role: Role
    /// When the data here was last known to be the primary's; nil: there is none of this shard.
    var heardAt: Instant?

    init(role: Role) { self.role = role }
}

extension ClusterState {
    /// The effect that makes replication fit this node's role, if it does not: after any change of role, and also when a
    /// replica starts, or its primary's address changes.
    mutating func changeOfReplication() -> ClusterEffect? {
        let role: Replication.Role =
            myself.isPrimary ? .primary : .replica(of: myself.replicaOf.flatMap(source(at:)))
        // Where the primary is out of sight, what was told before is still the best.
        guard role != replication.role, role != .replica(of: nil) else { return nil }
        replication.role = role
        guard case .replica(let source?) = role else {
            replication.heardAt = nil
            return .startPromotion
        }
        return .becomeReplica(of: source)
    }

    private func source(at index: NodeIndex) -> ReplicationSource? {
        let node = nodes[index]
        guard !node.flags.contains(.withoutAddress), !node.ip.isEmpty else { return nil }
        return ReplicationSource(id: node.id, ip: node.ip, port: node.port, tlsPort: node.tlsPort)
    }
}
