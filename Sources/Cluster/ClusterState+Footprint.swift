// How much a node keeps: what the simulator bounds, and a measurement reports.

/// Counts of what grows with the cluster, or could.
public struct ClusterFootprint: Equatable, Sendable {
    public var nodes = 0
    /// Those in handshake, which anyone can make us keep for a while.
    public var strangers = 0
    public var links = 0
    public var failureReports = 0
    public var forgotten = 0
    /// What has arrived of packets that are not complete.
    public var unreadBytes = 0
}

extension ClusterState {
    /// How many slots have an owner, as far as this node knows.
    public var assignedSlotCount: Int { slots.assignedCount }

    /// The slots on their way to or from this node, ascending.
    public var openSlots: [Int] { (Array(slots.migrating.keys) + slots.importing.keys).sorted() }

    /// - Complexity: O(*n*) in nodes and links.
    public var footprint: ClusterFootprint {
        var footprint = ClusterFootprint()
        footprint.nodes = nodes.count
        for index in nodes.indices {
            if nodes[index].isInHandshake { footprint.strangers += 1 }
            footprint.failureReports += nodes[index].failureReports.count
        }
        footprint.links = links.links.count
        footprint.unreadBytes = links.links.reduce(0) { $0 + $1.inbox.byteCount }
        footprint.forgotten = blacklist.count
        return footprint
    }
}

extension BusMessage {
    /// How long a heartbeat can be that tells of so many nodes, with every extension there is.
    public static func longestHeartbeat(_ nodeCount: Int) -> Int {
        BusLayout.fullHeaderLength + nodeCount * (BusLayout.gossipEntryLength + 56) + 8 * (256 + 16)
    }

    /// The epoch of the claim in a packet's header, read without the rest; nil where the header is a light one.
    public static func claimedEpoch(in packet: [UInt8]) -> UInt64? {
        guard packet.count >= BusLayout.fullHeaderLength, packet[BusLayout.Header.type] & 0x80 == 0 else { return nil }
        return packet[BusLayout.Header.configEpoch...].prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
