// nodes.conf as values: what a node must know again after a restart. +Parsing and +Writing have the text.

public struct NodesConfiguration: Equatable, Sendable {
    /// One known node; exactly one of a file is `myself`.
    public struct Entry: Equatable, Sendable {
        public var id: NodeID
        public var ip: String
        public var port: UInt16
        public var tlsPort: UInt16
        public var busPort: UInt16
        public var announcement: NodeAnnouncement
        /// Nil in files of servers that know no shards.
        public var shard: ShardID?
        public var flags: NodeFlags
        public var primary: NodeID?
        /// Milliseconds since 1970, 0 for never.
        public var pingSent: Int64
        public var pongReceived: Int64
        /// A replica shows its primary's.
        public var configEpoch: UInt64
        public var isConnected: Bool
        public var slots: SlotSet
        /// Only of `myself`, ascending by slot.
        public var migrating: [OpenSlot]
        public var importing: [OpenSlot]
    }

    /// A slot on its way to, or from, another node.
    public struct OpenSlot: Equatable, Sendable {
        public var slot: Int
        public var peer: NodeID
    }

    public var entries: [Entry]
    public var currentEpoch: UInt64
    public var lastVoteEpoch: UInt64
}

/// Why a nodes.conf cannot be read: the line, and what was found there.
public struct NodesConfigurationError: Error, Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        case tooFewFields(Int)
        case invalidID(String)
        case invalidAddress(String)
        case unknownAttribute(String)
        case invalidAttribute(String)
        case unknownFlag(String)
        case invalidPrimary(String)
        case invalidNumber(String, field: String)
        case invalidLinkState(String)
        case invalidSlots(String)
        case slotOwnedTwice(Int)
        case replicaWithSlots
        case duplicateID(NodeID)
        case severalMyselves
        case noMyself
    }

    /// Counted from 1; one past the last for what the whole file lacks.
    public let line: Int
    public let reason: Reason

    public var text: String { "nodes.conf, line \(line): \(reason.text)" }
}

extension NodesConfigurationError.Reason {
    fileprivate var text: String {
        switch self {
        case .tooFewFields(let count): "a node has at least 8 fields, here are \(count)"
        case .invalidID(let text): "“\(text)” is not a node id of 40 hexadecimal digits"
        case .invalidAddress(let text): "“\(text)” is not an address ip:port@busport[,hostname[,key=value…]]"
        case .unknownAttribute(let text): "unknown attribute “\(text)”"
        case .invalidAttribute(let text): "“\(text)” is not an attribute key=value"
        case .unknownFlag(let text): "unknown flag “\(text)”"
        case .invalidPrimary(let text): "“\(text)” is neither a node id nor “-”"
        case .invalidNumber(let text, let field): "“\(text)” is not a number, which the field \(field) needs"
        case .invalidLinkState(let text): "“\(text)” is neither “connected” nor “disconnected”"
        case .invalidSlots(let text): "“\(text)” is not a slot, a range of slots or an open slot"
        case .slotOwnedTwice(let slot): "slot \(slot) has an owner already"
        case .replicaWithSlots: "a replica owns slots"
        case .duplicateID(let id): "node \(id) stands here a second time"
        case .severalMyselves: "a second node is “myself”"
        case .noMyself: "no node is “myself”"
        }
    }
}
