// From the bytes of a packet to a message: nothing is believed before it is checked, and nothing is read beyond the packet.

/// Why a packet of the right signature and length is passed over. The link stays, as it does with the real servers.
public enum BusDecodingError: Error, Equatable {
    case unsupportedVersion(UInt16)
    case unknownType(UInt16)
    case needsFullHeader(BusMessageType)
    case wrongLength(BusMessageType, expected: Int, found: Int)
    case invalidName(offset: Int)
    case invalidAddress(offset: Int)
    case invalidExtension(offset: Int)

    public var text: String {
        switch self {
        case .unsupportedVersion(let version): "bus version \(version), this server speaks \(BusLayout.version)"
        case .unknownType(let type): "unknown message type \(type)"
        case .needsFullHeader(let type): "a \(type.name) message with a light header"
        case .wrongLength(let type, let expected, let found):
            "a \(type.name) message of \(found) bytes where \(expected) were expected"
        case .invalidName(let offset): "no node id of 40 hexadecimal digits at byte \(offset)"
        case .invalidAddress(let offset): "no address at byte \(offset)"
        case .invalidExtension(let offset): "an extension of impossible length at byte \(offset)"
        }
    }
}

extension BusMessage {
    /// Reads one whole packet, as `BusInbox` cuts them from the stream.
    public init(decoding bytes: ArraySlice<UInt8>) throws(BusDecodingError) {
        let packet = Packet(bytes: bytes)
        precondition(packet.count >= BusLayout.lightHeaderLength, "the inbox hands out whole packets")
        let version = packet.uint16(at: BusLayout.Header.version)
        guard version == BusLayout.version else { throw .unsupportedVersion(version) }
        let field = packet.uint16(at: BusLayout.Header.type)
        guard let type = BusMessageType(rawValue: field & ~BusLayout.lightBit) else { throw .unknownType(field) }
        guard field & BusLayout.lightBit == 0 else {
            guard type.mayBeLight else { throw .needsFullHeader(type) }
            self = .light(try BusBody(of: type, in: packet, from: BusLayout.lightHeaderLength))
            return
        }
        precondition(packet.count >= BusLayout.fullHeaderLength, "the inbox hands out whole packets")
        let body = try BusBody(of: type, in: packet, from: BusLayout.fullHeaderLength)
        self = .full(try BusHeader(in: packet), body)
    }
}

extension BusHeader {
    fileprivate init(in packet: Packet) throws(BusDecodingError) {
        typealias Header = BusLayout.Header
        sender = try packet.name(at: Header.sender)
        port = packet.uint16(at: Header.port)
        otherPort = packet.uint16(at: Header.otherPort)
        busPort = packet.uint16(at: Header.busPort)
        ip = try packet.address(at: Header.ip)
        currentEpoch = packet.uint64(at: Header.currentEpoch)
        configEpoch = packet.uint64(at: Header.configEpoch)
        replicationOffset = packet.uint64(at: Header.replicationOffset)
        slots = SlotSet(bitmap: packet.bytes(at: Header.slots, count: SlotSet.byteCount))
        let isPrimary = packet.bytes(at: Header.replicaOf, count: NodeID.textLength).allSatisfy { $0 == 0 }
        replicaOf = isPrimary ? nil : try packet.name(at: Header.replicaOf)
        flags = NodeFlags(rawValue: packet.uint16(at: Header.flags))
        seesClusterFailing = packet[Header.state] != 0
        traits = MessageTraits(rawValue: packet[Header.traits])
    }
}

extension BusBody {
    fileprivate init(of type: BusMessageType, in packet: Packet, from start: Int) throws(BusDecodingError) {
        switch type {
        case .ping: self = .ping(try Heartbeat(of: type, in: packet))
        case .pong: self = .pong(try Heartbeat(of: type, in: packet))
        case .meet: self = .meet(try Heartbeat(of: type, in: packet))
        case .fail:
            try packet.expect(start + BusLayout.failLength, for: type)
            self = .fail(try packet.name(at: start))
        case .publish: self = .publish(try Publication(of: type, in: packet, from: start))
        case .publishShard: self = .publishShard(try Publication(of: type, in: packet, from: start))
        case .authRequest:
            try packet.expect(start, for: type)
            self = .authRequest
        case .authAck:
            try packet.expect(start, for: type)
            self = .authAck
        case .update:
            try packet.expect(start + BusLayout.updateLength, for: type)
            self = .update(
                SlotClaim(
                    owner: try packet.name(at: start + 8),
                    configEpoch: packet.uint64(at: start),
                    slots: SlotSet(bitmap: packet.bytes(at: start + 8 + NodeID.textLength, count: SlotSet.byteCount))
                )
            )
        case .manualFailoverStart:
            try packet.expect(start, for: type)
            self = .manualFailoverStart
        case .module: self = .module(try ModuleMessage(in: packet, from: start))
        }
    }
}

extension Heartbeat {
    fileprivate init(of type: BusMessageType, in packet: Packet) throws(BusDecodingError) {
        let entryCount = Int(packet.uint16(at: BusLayout.Header.gossipCount))
        let hasExtensions = MessageTraits(rawValue: packet[BusLayout.Header.traits]).contains(.extensions)
        let extensionCount = hasExtensions ? Int(packet.uint16(at: BusLayout.Header.extensionCount)) : 0
        var offset = BusLayout.fullHeaderLength
        let gossipEnd = offset + entryCount * BusLayout.gossipEntryLength
        guard gossipEnd <= packet.count else {
            throw .wrongLength(type, expected: gossipEnd, found: packet.count)
        }
        gossip = []
        gossip.reserveCapacity(entryCount)
        while offset < gossipEnd {
            gossip.append(try GossipEntry(in: packet, at: offset))
            offset += BusLayout.gossipEntryLength
        }
        extensions = []
        for _ in 0..<extensionCount {
            let (item, length) = try PingExtension.read(in: packet, at: offset)
            extensions.append(item)
            offset += length
        }
        try packet.expect(offset, for: type)
    }
}

extension GossipEntry {
    fileprivate init(in packet: Packet, at offset: Int) throws(BusDecodingError) {
        typealias Gossip = BusLayout.Gossip
        id = try packet.name(at: offset)
        pingSentSeconds = packet.uint32(at: offset + Gossip.pingSent)
        pongReceivedSeconds = packet.uint32(at: offset + Gossip.pongReceived)
        ip = try packet.address(at: offset + Gossip.ip)
        port = packet.uint16(at: offset + Gossip.port)
        otherPort = packet.uint16(at: offset + Gossip.otherPort)
        busPort = packet.uint16(at: offset + Gossip.busPort)
        flags = NodeFlags(rawValue: packet.uint16(at: offset + Gossip.flags))
    }
}

extension PingExtension {
    /// Reads the extension at `offset`, and says how long it is with its head and padding.
    fileprivate static func read(
        in packet: Packet,
        at offset: Int
    ) throws(BusDecodingError) -> (item: PingExtension, length: Int) {
        let headLength = BusLayout.extensionHeadLength
        guard packet.count - offset >= headLength else { throw .invalidExtension(offset: offset) }
        let length = Int(packet.uint32(at: offset))
        guard length >= headLength, length % 8 == 0, length <= packet.count - offset else {
            throw .invalidExtension(offset: offset)
        }
        let type = packet.uint16(at: offset + 4)
        let content = packet.bytes(at: offset + headLength, count: length - headLength)
        let item = PingExtension(type: type, content: content)
        return (item ?? .unknown(type: type, content: Array(content)), length)
    }

    /// Nil where the type or what it holds is not understood.
    private init?(type: UInt16, content: ArraySlice<UInt8>) {
        let content = Packet(bytes: content)
        typealias Extension = BusLayout.Extension
        switch type {
        case Extension.hostname, Extension.nodename, Extension.clientIPv4, Extension.clientIPv6,
            Extension.availabilityZone:
            guard let text = content.announcedText else { return nil }
            switch type {
            case Extension.hostname: self = .hostname(text)
            case Extension.nodename: self = .nodename(text)
            case Extension.clientIPv4: self = .clientIPv4(text)
            case Extension.clientIPv6: self = .clientIPv6(text)
            default: self = .availabilityZone(text)
            }
        case Extension.forgotten:
            guard content.count == NodeID.textLength + 8, let id = try? content.name(at: 0) else { return nil }
            self = .forgotten(id, secondsLeft: content.uint64(at: NodeID.textLength))
        case Extension.shard:
            guard content.count == NodeID.textLength, let name = try? content.name(at: 0) else { return nil }
            self = .shard(ShardID(name))
        case Extension.clientPort where content.count == 8: self = .clientPort(content.uint16(at: 0))
        case Extension.clientTLSPort where content.count == 8: self = .clientTLSPort(content.uint16(at: 0))
        default: return nil
        }
    }
}

extension Publication {
    fileprivate init(of type: BusMessageType, in packet: Packet, from start: Int) throws(BusDecodingError) {
        let head = start + BusLayout.publicationHeadLength
        guard packet.count >= head else { throw .wrongLength(type, expected: head, found: packet.count) }
        let channelLength = Int(packet.uint32(at: start))
        let messageLength = Int(packet.uint32(at: start + 4))
        try packet.expect(head + channelLength + messageLength, for: type)
        channel = Array(packet.bytes(at: head, count: channelLength))
        message = Array(packet.bytes(at: head + channelLength, count: messageLength))
    }
}

extension ModuleMessage {
    fileprivate init(in packet: Packet, from start: Int) throws(BusDecodingError) {
        let head = start + BusLayout.moduleHeadLength
        guard packet.count >= head else { throw .wrongLength(.module, expected: head, found: packet.count) }
        let length = Int(packet.uint32(at: start + 8))
        try packet.expect(head + length, for: .module)
        module = packet.uint64(at: start).byteSwapped
        type = packet[start + 12]
        payload = Array(packet.bytes(at: head, count: length))
    }
}

/// The bytes of a packet by their offset in it; every access is checked against its end.
private struct Packet {
    private let slice: ArraySlice<UInt8>

    init(bytes: ArraySlice<UInt8>) { slice = bytes }

    var count: Int { slice.count }

    subscript(offset: Int) -> UInt8 { slice[slice.startIndex + offset] }

    func bytes(at offset: Int, count: Int) -> ArraySlice<UInt8> {
        let start = slice.startIndex + offset
        return slice[start..<start + count]
    }

    func uint16(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
    func uint32(at offset: Int) -> UInt32 { UInt32(uint16(at: offset)) << 16 | UInt32(uint16(at: offset + 2)) }
    func uint64(at offset: Int) -> UInt64 { UInt64(uint32(at: offset)) << 32 | UInt64(uint32(at: offset + 4)) }

    func expect(_ length: Int, for type: BusMessageType) throws(BusDecodingError) {
        guard count == length else { throw .wrongLength(type, expected: length, found: count) }
    }

    func name(at offset: Int) throws(BusDecodingError) -> NodeID {
        guard let name = NodeID(digits: bytes(at: offset, count: NodeID.textLength)) else {
            throw .invalidName(offset: offset)
        }
        return name
    }

    /// An address goes into nodes.conf and replies: what could break a line there is refused here.
    func address(at offset: Int) throws(BusDecodingError) -> String {
        let text = bytes(at: offset, count: BusLayout.ipLength).prefix { $0 != 0 }
        guard text.allSatisfy(AnnouncedText.mayStandInAddress) else { throw .invalidAddress(offset: offset) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The NUL-terminated text that fills the packet, nil if it is not closed or cannot be shown.
    var announcedText: String? {
        guard let end = slice.firstIndex(of: 0) else { return nil }
        let text = slice[..<end]
        guard text.allSatisfy(AnnouncedText.mayStandInLine) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}
