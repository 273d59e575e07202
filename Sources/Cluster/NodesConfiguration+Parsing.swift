// Reading nodes.conf, in the form of Redis 7.0 (`ip:port@busport,hostname`) and of Valkey 9.1 (with attributes).

extension NodesConfiguration {
    /// - Parameter busUsesTLS: which of the two client ports a file of Redis 7.0 means, as it does not say.
    public init(parsing bytes: [UInt8], busUsesTLS: Bool) throws(NodesConfigurationError) {
        (entries, currentEpoch, lastVoteEpoch) = ([], 0, 0)
        var names: Set<NodeID> = []
        var assigned = SlotSet()
        var hasMyself = false
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        for (position, line) in lines.enumerated() {
            let fields = line.split(separator: " ")
            guard let first = fields.first else { continue }
            do throws(Failure) {
                if first == "vars" {
                    try readVariables(fields)
                    continue
                }
                let entry = try Entry(parsing: fields, busUsesTLS: busUsesTLS)
                guard names.insert(entry.id).inserted else { throw Failure(.duplicateID(entry.id)) }
                let taken = assigned.intersection(entry.slots)
                if let slot = taken.first(where: { _ in true }) { throw Failure(.slotOwnedTwice(slot)) }
                assigned.formUnion(entry.slots)
                if entry.flags.contains(.myself) {
                    guard !hasMyself else { throw Failure(.severalMyselves) }
                    hasMyself = true
                }
                entries.append(entry)
            } catch {
                throw NodesConfigurationError(line: position + 1, reason: error.reason)
            }
        }
        guard hasMyself else { throw NodesConfigurationError(line: lines.count, reason: .noMyself) }
    }

    /// Names that are not known are passed over: a newer server may have written them.
    private mutating func readVariables(_ fields: [Substring]) throws(Failure) {
        var position = 1
        while position + 1 < fields.count {
            let (name, value) = (fields[position], fields[position + 1])
            if name == "currentEpoch" { currentEpoch = try number(value, "currentEpoch") }
            if name == "lastVoteEpoch" { lastVoteEpoch = try number(value, "lastVoteEpoch") }
            position += 2
        }
    }
}

/// A reason that does not know its line yet.
private struct Failure: Error {
    let reason: NodesConfigurationError.Reason

    init(_ reason: NodesConfigurationError.Reason) { self.reason = reason }
}

private func number<Number: FixedWidthInteger>(_ text: Substring, _ field: String) throws(Failure) -> Number {
    guard let number = Number(text) else { throw Failure(.invalidNumber(String(text), field: field)) }
    return number
}

extension NodesConfiguration.Entry {
    fileprivate init(parsing fields: [Substring], busUsesTLS: Bool) throws(Failure) {
        guard fields.count >= 8 else { throw Failure(.tooFewFields(fields.count)) }
        guard let id = NodeID(fields[0]) else { throw Failure(.invalidID(String(fields[0]))) }
        self.id = id
        (ip, port, tlsPort, busPort, announcement) = ("", 0, 0, 0, NodeAnnouncement())
        (slots, migrating, importing) = (SlotSet(), [], [])
        flags = []
        for word in fields[2].split(separator: ",") {
            guard let flag = NodeFlags(word: word) else { throw Failure(.unknownFlag(String(word))) }
            flags.insert(flag)
        }
        if fields[3] != "-" {
            guard let primary = NodeID(fields[3]) else { throw Failure(.invalidPrimary(String(fields[3]))) }
            self.primary = primary
        }
        pingSent = try number(fields[4], "ping-sent")
        pongReceived = try number(fields[5], "pong-received")
        configEpoch = try number(fields[6], "config-epoch")
        switch fields[7] {
        case "connected": isConnected = true
        case "disconnected": isConnected = false
        default: throw Failure(.invalidLinkState(String(fields[7])))
        }
        try readAddress(fields[1], busUsesTLS: busUsesTLS)
        for field in fields[8...] { try readSlots(field) }
        guard slots.isEmpty || !flags.contains(.replica) else { throw Failure(.replicaWithSlots) }
    }

    /// `ip:port@busport`, then a host name that may be empty, then `key=value`, all divided by commas.
    private mutating func readAddress(_ text: Substring, busUsesTLS: Bool) throws(Failure) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard let place = parts.first, let at = place.lastIndex(of: "@"), let colon = place[..<at].lastIndex(of: ":"),
            let shown = UInt16(place[place.index(after: colon)..<at]),
            let busPort = UInt16(place[place.index(after: at)...]),
            AnnouncedText.isAddress(String(place[..<colon]))
        else { throw Failure(.invalidAddress(String(text))) }
        ip = String(place[..<colon])
        self.busPort = busPort
        if busUsesTLS { tlsPort = shown } else { port = shown }
        if parts.count > 1 { announcement.hostname = try name(parts[1], in: text) }
        for attribute in parts.dropFirst(2) { try readAttribute(attribute, shownPort: shown) }
    }

    private mutating func readAttribute(_ text: Substring, shownPort: UInt16) throws(Failure) {
        guard let equals = text.firstIndex(of: "=") else { throw Failure(.invalidAttribute(String(text))) }
        let value = text[text.index(after: equals)...]
        switch text[..<equals] {
        case "availability-zone": announcement.availabilityZone = try name(value, in: text)
        case "client-tls-port": announcement.clientTLSPort = try number(value, "client-tls-port")
        case "client-tcp-port": announcement.clientPort = try number(value, "client-tcp-port")
        case "client-ipv6": announcement.clientIPv6 = try name(value, in: text)
        case "client-ipv4": announcement.clientIPv4 = try name(value, in: text)
        // Of the two ports, the one that is not before the @ stands here, so the one there is of the other kind.
        case "tls-port": (port, tlsPort) = (shownPort, try number(value, "tls-port"))
        case "tcp-port": (port, tlsPort) = (try number(value, "tcp-port"), shownPort)
        case "nodename": announcement.nodename = try name(value, in: text)
        case "shard-id":
            guard let name = NodeID(value) else { throw Failure(.invalidAttribute(String(text))) }
            shard = ShardID(name)
        default: throw Failure(.unknownAttribute(String(text)))
        }
    }

    private func name(_ value: Substring, in text: Substring) throws(Failure) -> String {
        guard AnnouncedText.isName(String(value)) else { throw Failure(.invalidAttribute(String(text))) }
        return String(value)
    }

    /// `a`, `a-b`, `[slot->-target]` or `[slot-<-source]`.
    private mutating func readSlots(_ text: Substring) throws(Failure) {
        if text.hasPrefix("["), text.hasSuffix("]") { return try readOpenSlot(text) }
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard bounds.count <= 2, let first = bounds[0], let last = bounds[bounds.count - 1],
            first >= 0, first <= last, last < Slot.count
        else { throw Failure(.invalidSlots(String(text))) }
        for slot in first...last { slots.insert(slot) }
    }

    private mutating func readOpenSlot(_ text: Substring) throws(Failure) {
        let inner = text.dropFirst().dropLast()
        guard let dash = inner.firstIndex(of: "-"), let slot = Int(inner[..<dash]), (0..<Slot.count).contains(slot),
            let peer = NodeID(inner[dash...].dropFirst(3))
        else { throw Failure(.invalidSlots(String(text))) }
        let openSlot = NodesConfiguration.OpenSlot(slot: slot, peer: peer)
        switch inner[dash...].prefix(3) {
        case "->-": migrating.append(openSlot)
        case "-<-": importing.append(openSlot)
        default: throw Failure(.invalidSlots(String(text)))
        }
    }
}
