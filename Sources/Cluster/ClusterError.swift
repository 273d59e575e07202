// What an administrator can get wrong, and what the real servers say to it, byte for byte (behind `-ERR `).

public enum ClusterError: Error, Equatable, Sendable {
    case invalidBasePort(String)
    case invalidBusPort(String)
    case invalidNodeAddress(String)
    case invalidSlot
    case slotBusy(Int)
    case slotUnassigned(Int)
    case slotGivenTwice(Int)
    case reversedRange(start: Int, end: Int)
    case databaseNotEmpty
    case setSlotOnReplica
    case notSlotOwner(Int)
    case alreadySlotOwner(Int)
    case unknownSlotPeer(String)
    case targetIsMyself
    case targetNotPrimary
    case slotHoldsKeys(Int)
    case unknownNode(String)
    case cannotForgetMyself
    case cannotForgetPrimary
    case notPrimary
    case otherNodesKnown
    case configEpochSet
    case invalidConfigEpoch(Int64)
    case resetWithKeys
    case failoverOnPrimary
    case primaryUnknown
    case primaryDown
    case cannotReplicateMyself
    case cannotReplicateReplica
    case notEmptyEnoughToReplicate
    case replicationUnavailable

    public var text: String {
        switch self {
        case .invalidBasePort(let text): "Invalid TCP base port specified: \(text)"
        case .invalidBusPort(let text): "Invalid TCP bus port specified: \(text)"
        case .invalidNodeAddress(let text): "Invalid node address specified: \(text)"
        case .invalidSlot: "Invalid or out of range slot"
        case .slotBusy(let slot): "Slot \(slot) is already busy"
        case .slotUnassigned(let slot): "Slot \(slot) is already unassigned"
        case .slotGivenTwice(let slot): "Slot \(slot) specified multiple times"
        case .reversedRange(let start, let end): "start slot number \(start) is greater than end slot number \(end)"
        case .databaseNotEmpty: "DB must be empty to perform CLUSTER FLUSHSLOTS."
        case .setSlotOnReplica: "Please use SETSLOT only with masters."
        case .notSlotOwner(let slot): "I'm not the owner of hash slot \(slot)"
        case .alreadySlotOwner(let slot): "I'm already the owner of hash slot \(slot)"
        case .unknownSlotPeer(let id): "I don't know about node \(id)"
        case .targetIsMyself: "Target node is myself"
        case .targetNotPrimary: "Target node is not a master"
        case .slotHoldsKeys(let slot):
            "Can't assign hashslot \(slot) to a different node while I still hold keys for this hash slot."
        case .unknownNode(let id): "Unknown node \(id)"
        case .cannotForgetMyself: "I tried hard but I can't forget myself..."
        case .cannotForgetPrimary: "Can't forget my master!"
        case .notPrimary: "The specified node is not a master"
        case .otherNodesKnown:
            "The user can assign a config epoch only when the node does not know any other node."
        case .configEpochSet: "Node config epoch is already non-zero"
        case .invalidConfigEpoch(let epoch): "Invalid config epoch specified: \(epoch)"
        case .resetWithKeys: "CLUSTER RESET can't be called with master nodes containing keys"
        case .failoverOnPrimary: "You should send CLUSTER FAILOVER to a replica"
        case .primaryUnknown: "I'm a replica but my master is unknown to me"
        case .primaryDown: "Master is down or failed, please use CLUSTER FAILOVER FORCE"
        case .cannotReplicateMyself: "Can't replicate myself"
        case .cannotReplicateReplica: "I can only replicate a master, not a replica."
        case .notEmptyEnoughToReplicate: "To set a master the node must be empty and without assigned slots."
        case .replicationUnavailable: "Data replication is not built yet: this node cannot be a replica"
        }
    }
}
