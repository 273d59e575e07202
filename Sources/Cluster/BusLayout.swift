// Where everything stands in a packet of the cluster bus: the one table that encoding and decoding share.
//
// All integers are big-endian but a module's id; texts are padded with NULs; slot s is bit s % 8 of byte s / 8.

enum BusLayout {
    static let signature = Array("RCmb".utf8)
    static let version: UInt16 = 1
    /// Bit 15 of the type: the header is the light one.
    static let lightBit: UInt16 = 0x8000
    /// So many bytes say what kind of packet comes and how long it is.
    static let prefixLength = 14
    static let lightHeaderLength = 16
    static let fullHeaderLength = 2256
    static let ipLength = 46
    static let gossipEntryLength = 104
    static let extensionHeadLength = 8
    static let failLength = NodeID.textLength
    static let updateLength = 8 + NodeID.textLength + SlotSet.byteCount
    static let publicationHeadLength = 8
    static let moduleHeadLength = 13

    /// Offsets in the full header; the first five also hold for the light one.
    enum Header {
        static let length = 4
        static let version = 8
        static let port = 10
        static let type = 12
        static let gossipCount = 14
        static let currentEpoch = 16
        static let configEpoch = 24
        static let replicationOffset = 32
        static let sender = 40
        static let slots = 80
        static let replicaOf = 2128
        static let ip = 2168
        static let extensionCount = 2214
        static let reserved = 2216
        static let otherPort = 2246
        static let busPort = 2248
        static let flags = 2250
        static let state = 2252
        static let traits = 2253
    }

    /// Offsets in a gossip entry.
    enum Gossip {
        static let pingSent = 40
        static let pongReceived = 44
        static let ip = 48
        static let port = 94
        static let busPort = 96
        static let flags = 98
        static let otherPort = 100
    }

    /// The numbers of the extensions.
    enum Extension {
        static let hostname: UInt16 = 0
        static let nodename: UInt16 = 1
        static let forgotten: UInt16 = 2
        static let shard: UInt16 = 3
        static let clientIPv4: UInt16 = 4
        static let clientIPv6: UInt16 = 5
        static let clientPort: UInt16 = 6
        static let clientTLSPort: UInt16 = 7
        static let availabilityZone: UInt16 = 8
    }
}
