// What a shard needs of the cluster to answer a client: an immutable picture, replaced whole when something changes.

/// Who serves which slot, as this node saw it at one moment.
///
/// A shard asks `servesHere` for every command: one byte is read. What is not simply served here goes to `route`.
public final class SlotMap: Sendable {
    /// What a slot needs before a command may touch it here.
    @usableFromInline
    enum Disposition: UInt8 {
        /// Nothing: it is mine, nobody is moving it, and the cluster is well.
        case served
        /// The rules.
        case examined
    }

    @usableFromInline let dispositions: [UInt8]
    private let owners: [UInt16]
    private let migrating: [Int: UInt16]
    private let importing: [Int: UInt16]

    /// By `NodeIndex.rawValue`; nil for a place that no node has.
    private let endpoints: [NodeEndpoint?]
    /// Whether this node is a primary; if not, whose replica it is (nil: not known yet).
    public let isPrimary: Bool
    public let primary: NodeIndex?
    public let health: ClusterHealth
    public let allowsReadsWhenDown: Bool
    public let allowsShardPubSubWhenDown: Bool
    public let preferredEndpoint: EndpointType
    /// The same on all nodes that agree who serves which slot, and where.
    public let topologyHash: UInt64

    init(_ state: ClusterState) {
        let places = Int(state.nodes.indices.max()?.rawValue ?? 0) + 1
        var endpoints = [NodeEndpoint?](repeating: nil, count: places)
        for index in state.nodes.indices { endpoints[Int(index.rawValue)] = state.nodes[index].endpoint }
        self.endpoints = endpoints
        isPrimary = state.myself.isPrimary
        primary = state.myself.replicaOf
        health = state.health
        allowsReadsWhenDown = state.configuration.allowsReadsWhenDown
        allowsShardPubSubWhenDown = state.configuration.allowsShardPubSubWhenDown
        preferredEndpoint = state.configuration.preferredEndpoint
        topologyHash = state.topologyHash
        owners = (0..<Slot.count).map { state.slots.owner(of: $0)?.rawValue ?? .max }
        migrating = state.slots.migrating.mapValues(\.rawValue)
        importing = state.slots.importing.mapValues(\.rawValue)

        var dispositions = [UInt8](repeating: Disposition.examined.rawValue, count: Slot.count)
        if state.health == .ok {
            for slot in state.myself.slots where state.slots.migrating[slot] == nil {
                dispositions[slot] = Disposition.served.rawValue
            }
        }
        self.dispositions = dispositions
    }

    /// The same picture of a cluster that is down.
    private init(withoutLease map: SlotMap) {
        endpoints = map.endpoints
        isPrimary = map.isPrimary
        primary = map.primary
        health = .fail
        allowsReadsWhenDown = map.allowsReadsWhenDown
        allowsShardPubSubWhenDown = map.allowsShardPubSubWhenDown
        preferredEndpoint = map.preferredEndpoint
        topologyHash = map.topologyHash
        owners = map.owners
        migrating = map.migrating
        importing = map.importing
        dispositions = [UInt8](repeating: Disposition.examined.rawValue, count: Slot.count)
    }

    /// What a shard goes by when this node can no longer be sure that its slots are its own.
    public var withoutLease: SlotMap { health == .fail ? self : SlotMap(withoutLease: self) }

    /// Whether every command on the slot is served here without further questions: the common case.
    @inlinable
    public func servesHere(_ slot: Int) -> Bool { dispositions[slot] == Disposition.served.rawValue }

    public func owner(of slot: Int) -> NodeIndex? {
        owners[slot] == .max ? nil : NodeIndex(rawValue: owners[slot])
    }

    /// Whether this node's shard owns the slot: the node itself, or the primary that it is a replica of.
    public func isMine(_ slot: Int) -> Bool {
        guard let owner = owner(of: slot) else { return false }
        return owner == .myself || owner == primary
    }

    /// Whether the slot's keys are of this node: its own, those that it is importing, or its primary's.
    public func holds(_ slot: Int) -> Bool {
        isMine(slot) || (owner(of: slot) != nil && importing[slot] != nil)
    }

    public func endpoint(of index: NodeIndex) -> NodeEndpoint? {
        Int(index.rawValue) < endpoints.count ? endpoints[Int(index.rawValue)] : nil
    }

    /// How many places of the node table the map knows of.
    var placeCount: Int { endpoints.count }

    func migrationTarget(of slot: Int) -> NodeIndex? { migrating[slot].map { NodeIndex(rawValue: $0) } }
    func importSource(of slot: Int) -> NodeIndex? { importing[slot].map { NodeIndex(rawValue: $0) } }
}

extension ClusterState {
    /// The picture for the shards, when `publishSlotMap` asks for one.
    public var slotMap: SlotMap { SlotMap(self) }
}
