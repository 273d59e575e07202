// What CLUSTER INFO counts.

public struct ClusterStatistics: Equatable, Sendable {
    public private(set) var sent = [UInt64](repeating: 0, count: BusMessageType.allCases.count)
    public private(set) var received = [UInt64](repeating: 0, count: BusMessageType.allCases.count)
    public private(set) var bytesSent: UInt64 = 0
    public internal(set) var bytesReceived: UInt64 = 0
    public private(set) var pubsubBytesSent: UInt64 = 0
    public private(set) var pubsubBytesReceived: UInt64 = 0
    public private(set) var moduleBytesSent: UInt64 = 0
    public private(set) var moduleBytesReceived: UInt64 = 0
    /// By type, in the order of the types' numbers; those received once they were understood.
    public private(set) var sentBytes = [UInt64](repeating: 0, count: BusMessageType.allCases.count)
    public private(set) var receivedBytes = [UInt64](repeating: 0, count: BusMessageType.allCases.count)
    public internal(set) var overflowedLinks: UInt64 = 0

    public init() {}

    /// PING, PONG and MEET.
    public var heartbeatBytesSent: UInt64 { sentBytes[0] + sentBytes[1] + sentBytes[2] }

    mutating func noteSent(_ type: BusMessageType, byteCount: Int) {
        sent[Int(type.rawValue)] += 1
        sentBytes[Int(type.rawValue)] += UInt64(byteCount)
        bytesSent += UInt64(byteCount)
        switch type {
        case .publish, .publishShard: pubsubBytesSent += UInt64(byteCount)
        case .module: moduleBytesSent += UInt64(byteCount)
        default: break
        }
    }

    /// The bytes as such were counted when they arrived.
    mutating func noteReceived(_ type: BusMessageType, byteCount: Int) {
        received[Int(type.rawValue)] += 1
        receivedBytes[Int(type.rawValue)] += UInt64(byteCount)
        switch type {
        case .publish, .publishShard: pubsubBytesReceived += UInt64(byteCount)
        case .module: moduleBytesReceived += UInt64(byteCount)
        default: break
        }
    }
}
