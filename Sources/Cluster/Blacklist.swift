// Who was told to be forgotten, so that gossip of those who still know them does not bring them back.

struct Blacklist: Sendable {
    private var listed: [(id: NodeID, until: Instant)] = []

    var count: Int { listed.count }

    mutating func insert(_ id: NodeID, until: Instant) {
        remove(id)
        listed.append((id, until))
    }

    mutating func remove(_ id: NodeID) { listed.removeAll { $0.id == id } }
    mutating func removeAll() { listed = [] }

    func contains(_ id: NodeID, at now: Instant) -> Bool { listed.contains { $0.id == id && $0.until > now } }

    /// Those that have not expired, in the order in which they were forgotten.
    mutating func entries(at now: Instant) -> [(id: NodeID, until: Instant)] {
        listed.removeAll { $0.until <= now }
        return listed
    }
}
