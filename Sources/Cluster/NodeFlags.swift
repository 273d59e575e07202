// What a node is and how it fares, as the 16 bits that headers and gossip carry.

/// The flags of a node. Bits that this server does not know are kept and gossiped on, as the peers do.
public struct NodeFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let primary = NodeFlags(rawValue: 0x0001)
    public static let replica = NodeFlags(rawValue: 0x0002)
    /// PFAIL: this node alone holds it to be dead.
    public static let suspected = NodeFlags(rawValue: 0x0004)
    /// FAIL: a majority holds it to be dead.
    public static let failed = NodeFlags(rawValue: 0x0008)
    public static let myself = NodeFlags(rawValue: 0x0010)
    /// Its true name is not known yet; never gossiped.
    public static let handshake = NodeFlags(rawValue: 0x0020)
    public static let withoutAddress = NodeFlags(rawValue: 0x0040)
    /// The first packet to it is a MEET.
    public static let meet = NodeFlags(rawValue: 0x0080)
    /// A primary that had replicas, so that one may migrate to it when it has none left.
    public static let attractsReplicas = NodeFlags(rawValue: 0x0100)
    public static let noFailover = NodeFlags(rawValue: 0x0200)
    public static let understandsExtensions = NodeFlags(rawValue: 0x0400)
    public static let understandsLightPublish = NodeFlags(rawValue: 0x0800)
    /// Light MODULE messages, and a MEET on a link that is in use.
    public static let understandsLightModule = NodeFlags(rawValue: 0x1000)
    public static let primaryFailed = NodeFlags(rawValue: 0x2000)

    /// What every node of this make says of itself.
    static let capabilities: NodeFlags = [.understandsExtensions, .understandsLightPublish, .understandsLightModule]
    /// What only the node itself can know; taken from its header with every packet, set or cleared.
    static let ownTestimony: NodeFlags = [
        .noFailover, .understandsLightPublish, .understandsLightModule, .primaryFailed,
    ]

    /// The words of CLUSTER NODES and nodes.conf, in the order in which they are written.
    private static let words: [(flag: NodeFlags, word: String)] = [
        (.myself, "myself"), (.primary, "master"), (.replica, "slave"), (.suspected, "fail?"), (.failed, "fail"),
        (.handshake, "handshake"), (.withoutAddress, "noaddr"), (.noFailover, "nofailover"),
    ]

    /// The comma-separated words, `noflags` where there are none.
    public var text: String {
        let words = NodeFlags.words.filter { contains($0.flag) }.map(\.word)
        return words.isEmpty ? "noflags" : words.joined(separator: ",")
    }

    /// The flag of a word, also of the newer `primary` and `replica`; none for `noflags`, nil for a word that is none.
    init?(word: some StringProtocol) {
        switch word {
        case "noflags": self = []
        case "primary": self = .primary
        case "replica": self = .replica
        default:
            guard let known = NodeFlags.words.first(where: { $0.word == word }) else { return nil }
            self = known.flag
        }
    }
}
