// From a message to the bytes of a packet, exactly as the real servers write them.

extension BusMessage {
    /// The whole packet.
    public func encoded() -> [UInt8] {
        switch self {
        case .full(let header, let body):
            var packet: [UInt8] = []
            packet.reserveCapacity(BusLayout.fullHeaderLength + body.reservation)
            header.append(for: body, to: &packet)
            body.append(to: &packet)
            packet.setPacketLength()
            return packet
        case .light(let body):
            precondition(body.type.mayBeLight, "a \(body.type.name) needs its full header")
            var packet = BusLayout.signature
            packet.appendZeros(4)
            packet.append(bigEndian: BusLayout.version)
            packet.appendZeros(2)
            packet.append(bigEndian: body.type.rawValue | BusLayout.lightBit)
            packet.appendZeros(2)
            body.append(to: &packet)
            packet.setPacketLength()
            return packet
        }
    }
}

extension BusHeader {
    fileprivate func append(for body: BusBody, to packet: inout [UInt8]) {
        packet += BusLayout.signature
        packet.appendZeros(4)  // the length, set when it is known
        packet.append(bigEndian: BusLayout.version)
        packet.append(bigEndian: port)
        packet.append(bigEndian: body.type.rawValue)
        packet.append(bigEndian: UInt16(body.heartbeat?.gossip.count ?? 0))
        packet.append(bigEndian: currentEpoch)
        packet.append(bigEndian: configEpoch)
        packet.append(bigEndian: replicationOffset)
        sender.appendDigits(to: &packet)
        slots.appendBitmap(to: &packet)
        if let replicaOf {
            replicaOf.appendDigits(to: &packet)
        } else {
            packet.appendZeros(NodeID.textLength)
        }
        packet.append(text: ip, paddedTo: BusLayout.ipLength)
        packet.append(bigEndian: UInt16(body.heartbeat?.extensions.count ?? 0))
        packet.appendZeros(BusLayout.Header.otherPort - BusLayout.Header.reserved)
        packet.append(bigEndian: otherPort)
        packet.append(bigEndian: busPort)
        packet.append(bigEndian: flags.rawValue)
        packet.append(seesClusterFailing ? 1 : 0)
        packet.append(traits.rawValue)
        packet.appendZeros(2)
    }
}

extension BusBody {
    fileprivate var heartbeat: Heartbeat? {
        switch self {
        case .ping(let heartbeat), .pong(let heartbeat), .meet(let heartbeat): heartbeat
        default: nil
        }
    }

    /// About how many bytes the body takes.
    fileprivate var reservation: Int {
        switch self {
        case .ping(let heartbeat), .pong(let heartbeat), .meet(let heartbeat):
            heartbeat.gossip.count * BusLayout.gossipEntryLength + heartbeat.extensions.count * 64
        case .update: BusLayout.updateLength
        case .publish(let publication), .publishShard(let publication):
            BusLayout.publicationHeadLength + publication.channel.count + publication.message.count
        case .module(let message): BusLayout.moduleHeadLength + message.payload.count
        case .fail: BusLayout.failLength
        case .authRequest, .authAck, .manualFailoverStart: 0
        }
    }

    fileprivate func append(to packet: inout [UInt8]) {
        switch self {
        case .ping(let heartbeat), .pong(let heartbeat), .meet(let heartbeat):
            for entry in heartbeat.gossip { entry.append(to: &packet) }
            for item in heartbeat.extensions { item.append(to: &packet) }
        case .fail(let id):
            id.appendDigits(to: &packet)
        case .publish(let publication), .publishShard(let publication):
            packet.append(bigEndian: UInt32(publication.channel.count))
            packet.append(bigEndian: UInt32(publication.message.count))
            packet += publication.channel
            packet += publication.message
        case .update(let claim):
            packet.append(bigEndian: claim.configEpoch)
            claim.owner.appendDigits(to: &packet)
            claim.slots.appendBitmap(to: &packet)
        case .module(let message):
            packet.append(bigEndian: message.module.byteSwapped)
            packet.append(bigEndian: UInt32(message.payload.count))
            packet.append(message.type)
            packet += message.payload
        case .authRequest, .authAck, .manualFailoverStart:
            break
        }
    }
}

extension GossipEntry {
    fileprivate func append(to packet: inout [UInt8]) {
        id.appendDigits(to: &packet)
        packet.append(bigEndian: pingSentSeconds)
        packet.append(bigEndian: pongReceivedSeconds)
        packet.append(text: ip, paddedTo: BusLayout.ipLength)
        packet.append(bigEndian: port)
        packet.append(bigEndian: busPort)
        packet.append(bigEndian: flags.rawValue)
        packet.append(bigEndian: otherPort)
        packet.appendZeros(2)
    }
}

extension PingExtension {
    fileprivate func append(to packet: inout [UInt8]) {
        let start = packet.count
        packet.appendZeros(4)  // the length, set below
        packet.append(bigEndian: number)
        packet.appendZeros(2)
        switch self {
        case .hostname(let text), .nodename(let text), .clientIPv4(let text), .clientIPv6(let text),
            .availabilityZone(let text):
            packet += text.utf8
            packet.append(0)
        case .forgotten(let id, let secondsLeft):
            id.appendDigits(to: &packet)
            packet.append(bigEndian: secondsLeft)
        case .shard(let shard):
            shard.name.appendDigits(to: &packet)
        case .clientPort(let port), .clientTLSPort(let port):
            packet.append(bigEndian: port)
        case .unknown(_, let content):
            packet += content
        }
        packet.appendZeros((8 - (packet.count - start) % 8) % 8)
        packet.set(bigEndian: UInt32(packet.count - start), at: start)
    }

    private var number: UInt16 {
        switch self {
        case .hostname: BusLayout.Extension.hostname
        case .nodename: BusLayout.Extension.nodename
        case .forgotten: BusLayout.Extension.forgotten
        case .shard: BusLayout.Extension.shard
        case .clientIPv4: BusLayout.Extension.clientIPv4
        case .clientIPv6: BusLayout.Extension.clientIPv6
        case .clientPort: BusLayout.Extension.clientPort
        case .clientTLSPort: BusLayout.Extension.clientTLSPort
        case .availabilityZone: BusLayout.Extension.availabilityZone
        case .unknown(let type, _): type
        }
    }
}

extension Array<UInt8> {
    fileprivate mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(bigEndian value: Integer) {
        unsafe Swift.withUnsafeBytes(of: value.bigEndian) { unsafe append(contentsOf: $0) }
    }

    fileprivate mutating func appendZeros(_ count: Int) { append(contentsOf: repeatElement(0, count: count)) }

    fileprivate mutating func append(text: String, paddedTo width: Int) {
        precondition(text.utf8.count <= width, "“\(text)” does not fit into \(width) bytes of a packet")
        append(contentsOf: text.utf8)
        appendZeros(width - text.utf8.count)
    }

    fileprivate mutating func set(bigEndian value: UInt32, at offset: Int) {
        for byte in 0..<4 { self[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * byte)) }
    }

    fileprivate mutating func setPacketLength() { set(bigEndian: UInt32(count), at: BusLayout.Header.length) }
}
