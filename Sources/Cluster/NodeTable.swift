// The known nodes, in an order that does not depend on hashing, so that a seed repeats a run.

/// Nodes by their place, which they keep as long as they are known, and by name.
///
/// Invariant: place 0 is this node; names are unique; `order` holds the places in use, oldest first.
public struct NodeTable: Sendable {
    /// A packet must be able to gossip about all that are suspected; nobody runs so many.
    static let capacity = 32_000

    /// A vacant place holds a node that nobody sees.
    private var cells: [ClusterNode]
    private var isUsed: [Bool]
    private var vacancies: [NodeIndex] = []
    private var order: [NodeIndex]
    private var places: [NodeID: NodeIndex]
    /// Counts nodes that came, went, or got another name.
    public private(set) var membershipCount: UInt64 = 0

    init(myself: ClusterNode) {
        cells = [myself]
        isUsed = [true]
        order = [.myself]
        places = [myself.id: .myself]
    }

    public var count: Int { order.count }
    /// The places in use, oldest first. To be walked while nodes come and go: it is a copy.
    public var indices: [NodeIndex] { order }

    /// Lent, not copied: a node is large, and every packet and tick looks at many.
    public subscript(index: NodeIndex) -> ClusterNode {
        _read {
            precondition(isUsed[Int(index.rawValue)], "no node has that place")
            yield cells[Int(index.rawValue)]
        }
        _modify {
            precondition(isUsed[Int(index.rawValue)], "no node has that place")
            yield &cells[Int(index.rawValue)]
        }
    }

    public func index(of id: NodeID) -> NodeIndex? { places[id] }
    public func contains(_ index: NodeIndex) -> Bool {
        Int(index.rawValue) < cells.count && isUsed[Int(index.rawValue)]
    }

    /// The place of the new node, nil when its name is taken or the table is full.
    mutating func insert(_ node: ClusterNode) -> NodeIndex? {
        guard places[node.id] == nil, order.count < NodeTable.capacity else { return nil }
        let index = vacancies.popLast() ?? NodeIndex(rawValue: UInt16(cells.count))
        if Int(index.rawValue) == cells.count {
            cells.append(node)
            isUsed.append(true)
        } else {
            cells[Int(index.rawValue)] = node
            isUsed[Int(index.rawValue)] = true
        }
        order.append(index)
        places[node.id] = index
        membershipCount += 1
        return index
    }

    mutating func remove(_ index: NodeIndex) {
        precondition(index != .myself, "a node cannot forget itself")
        places[self[index].id] = nil
        order.removeAll { $0 == index }
        cells[Int(index.rawValue)].forget()
        isUsed[Int(index.rawValue)] = false
        vacancies.append(index)
        membershipCount += 1
    }

    /// Gives the node another name, which must be free.
    mutating func rename(_ index: NodeIndex, to id: NodeID) {
        precondition(places[id] == nil, "the name \(id) is taken")
        places[self[index].id] = nil
        self[index].id = id
        places[id] = index
        membershipCount += 1
    }

    func checkInvariants() {
        precondition(order.first == .myself && order.count == places.count)
        precondition(order.count + vacancies.count == cells.count)
        for index in order { precondition(places[self[index].id] == index) }
    }
}
