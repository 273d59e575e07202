// The stream of a link cut into packets, without believing a length before its bytes are there.

/// Why a stream is no cluster bus; the link is closed.
public enum BusFramingError: Error, Equatable {
    case wrongSignature
    case impossibleLength(Int)

    public var text: String {
        switch self {
        case .wrongSignature: "the packet does not begin with the signature of the cluster bus"
        case .impossibleLength(let length): "a packet of \(length) bytes is impossible"
        }
    }
}

/// What has arrived on a link and was not yet handed out.
///
/// It grows with what arrives, never to what a packet claims to be; and what only a broken or hostile peer would send is
/// refused when its head is seen.
struct BusInbox {
    /// Heartbeats grow with the size of the cluster: 65,535 entries are 6.8 MB, and extensions are small.
    static let longestHeartbeat = 16 << 20
    /// Channels and messages are as long as clients may send them: 512 MB each.
    static let longestPublication = (1 << 30) + (1 << 16)

    private var bytes: [UInt8] = []
    private var start = 0

    /// How much is held back for a packet that is not complete.
    var byteCount: Int { bytes.count - start }

    mutating func append(_ arrived: [UInt8]) {
        if start == bytes.count {
            bytes = arrived  // Nearly always: packets arrive whole, and are handed out before the next.
        } else {
            bytes.removeSubrange(..<start)
            bytes += arrived
        }
        start = 0
    }

    /// The next whole packet, nil when more must arrive first.
    mutating func next() throws(BusFramingError) -> ArraySlice<UInt8>? {
        guard byteCount >= BusLayout.prefixLength else { return nil }
        guard bytes[start..<start + 4].elementsEqual(BusLayout.signature) else { throw .wrongSignature }
        let length = bytes[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
        let typeStart = start + BusLayout.Header.type
        let type = UInt16(bytes[typeStart]) << 8 | UInt16(bytes[typeStart + 1])
        let isLight = type & BusLayout.lightBit != 0
        let shortest = isLight ? BusLayout.lightHeaderLength : BusLayout.fullHeaderLength
        let mayBeLong = BusMessageType(rawValue: type & ~BusLayout.lightBit)?.mayBeLight ?? false
        let longest = mayBeLong ? BusInbox.longestPublication : BusInbox.longestHeartbeat
        guard (shortest...longest).contains(length) else { throw .impossibleLength(length) }
        guard byteCount >= length else { return nil }
        let packet = bytes[start..<start + length]
        start += length
        // Thousands of links would keep their last packets alive for nothing.
        if start == bytes.count { (bytes, start) = ([], 0) }
        return packet
    }
}
