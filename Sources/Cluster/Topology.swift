// What of the cluster a client must know to find its keys, as one number, and what has changed of it between two slot maps.

internal import Protocol

extension ClusterState {
    /// A number that is the same on all nodes that agree who serves which slot, where, and with which replicas.
    ///
    /// CRC64 over the primaries that own slots, in the order of their names, each with its address, host name and slots,
    /// and behind it its replicas likewise. Health, epochs and times are left out: they change without moving anything.
    var topologyHash: UInt64 {
        let members = nodes.indices.filter { !nodes[$0].isInHandshake }.sorted { nodes[$0].id < nodes[$1].id }
        var replicas: [NodeIndex: [NodeIndex]] = [:]
        for index in members {
            if let primary = nodes[index].replicaOf { replicas[primary, default: []].append(index) }
        }
        var text: [UInt8] = []
        for index in members where nodes[index].isVotingPrimary {
            appendTopology(of: index, to: &text)
            text += Array(nodes[index].slots.description.utf8)
            for replica in replicas[index] ?? [] { appendTopology(of: replica, to: &text) }
        }
        return text.withBytes { CRC64.checksum(of: $0) }
    }

    var topologyText: String { SlotMap.text(ofTopology: topologyHash) }

    private func appendTopology(of index: NodeIndex, to text: inout [UInt8]) {
        let node = nodes[index]
        text += Array("\n\(node.id) \(node.ip):\(node.port):\(node.tlsPort) \(node.announcement.hostname) ".utf8)
    }
}

extension SlotMap {
    /// The topology hash as clients see it: 16 hexadecimal digits.
    public var topologyText: String { SlotMap.text(ofTopology: topologyHash) }

    static func text(ofTopology hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Runs of slots that another node serves than in `previous`, or the same at another address, with who it is now.
    public func changes(since previous: SlotMap) -> [(slots: Range<Int>, owner: NodeEndpoint?)] {
        // A place in the table may have become another node's.
        let hasMoved = (0..<placeCount).map { place in
            let index = NodeIndex(rawValue: UInt16(place))
            return endpoint(of: index) != previous.endpoint(of: index)
        }
        var changes: [(slots: Range<Int>, owner: NodeEndpoint?)] = []
        for slot in 0..<Slot.count {
            let owner = self.owner(of: slot)
            guard owner != previous.owner(of: slot) || owner.map({ hasMoved[Int($0.rawValue)] }) ?? false else {
                continue
            }
            if let last = changes.last, last.slots.upperBound == slot, self.owner(of: slot - 1) == owner {
                changes[changes.count - 1].slots = last.slots.lowerBound..<(slot + 1)
            } else {
                changes.append((slot..<(slot + 1), owner.flatMap { endpoint(of: $0) }))
            }
        }
        return changes
    }
}
