// Heartbeats: what they say about others and about oneself, and what is learnt from those of others.

extension ClusterState {
    /// Sends a PING, PONG or MEET with gossip that fits the one it goes to.
    ///
    /// - Parameter withGossip: whether others are spoken of, too. Without, it is a fifth as long in a large cluster.
    mutating func sendHeartbeat(_ type: BusMessageType, on id: LinkID, withGossip: Bool = true) {
        guard isVouched else { return }
        let addressee = links[id].node
        if let addressee {
            // Also when the link is still being opened: waiting for it is waiting for the PONG.
            if type == .ping { nodes[addressee].pingSent = now }
            if type == .meet { nodes[addressee].meetSent = now }
        }
        guard links[id].isConnected else { return }
        if type != .pong { links[id].unansweredSince.append(now) }
        var heartbeat = Heartbeat(gossip: withGossip ? gossip(for: addressee) : [])
        let isCapable = addressee.map { nodes[$0].flags.contains(.understandsExtensions) } ?? false
        if isCapable || links[id].carriesExtensions { heartbeat.extensions = extensions() }
        let body: BusBody =
            switch type {
            case .ping: .ping(heartbeat)
            case .meet: .meet(heartbeat)
            default: .pong(heartbeat)
            }
        send(BusMessage.full(header(.extensions), body).encoded(), of: type, on: id)
    }

    /// Tells every member at once what has changed here, rather than with the next PING.
    mutating func broadcastPong() {
        for index in nodes.indices where index != .myself && !nodes[index].isInHandshake {
            if let link = nodes[index].outbound { sendHeartbeat(.pong, on: link) }
        }
    }

    /// A tenth of the nodes, at least three, picked at random, and all suspected ones.
    ///
    /// With a tenth in each of the packets that two nodes exchange in twice the node timeout, a majority's reports about a
    /// dead node reach everyone in that time.
    private mutating func gossip(for addressee: NodeIndex?) -> [GossipEntry] {
        heartbeatCount += 1
        let candidates = nodes.indices
        var entries: [GossipEntry] = []
        var fresh = max(0, candidates.count - 2)
        let wanted = min(max(3, candidates.count / 10), fresh)
        var tries = 3 * wanted
        while entries.count < wanted, fresh > 0, tries > 0 {
            tries -= 1
            guard let index = candidates.randomElement(using: &random), index != .myself, index != addressee,
                !nodes[index].isSuspected, nodes[index].lastGossip != heartbeatCount
            else { continue }
            let node = nodes[index]
            let isUseless = node.outbound == nil && node.slots.isEmpty
            guard !node.isInHandshake, !node.flags.contains(.withoutAddress), !isUseless else {
                fresh -= 1
                continue
            }
            nodes[index].lastGossip = heartbeatCount
            entries.append(gossipEntry(about: index))
        }
        guard suspectedCount > 0 else { return entries }
        var room = suspectedCount
        for index in candidates where room > 0 && nodes[index].isSuspected {
            guard nodes[index].flags.isDisjoint(with: [.handshake, .withoutAddress]) else { continue }
            room -= 1
            entries.append(gossipEntry(about: index))
        }
        return entries
    }

    private func gossipEntry(about index: NodeIndex) -> GossipEntry {
        let node = nodes[index]
        let ports = node.ports(onTLSBus: configuration.usesTLS)
        return GossipEntry(
            id: node.id,
            pingSentSeconds: node.pingSent?.gossipSeconds ?? 0,
            pongReceivedSeconds: node.pongReceived?.gossipSeconds ?? 0,
            ip: node.ip,
            port: ports.first,
            otherPort: ports.second,
            busPort: node.busPort,
            flags: node.flags
        )
    }

    /// Learns from a member what it says about others.
    mutating func receive(_ gossip: [GossipEntry], from sender: NodeIndex) {
        for entry in gossip {
            guard let index = nodes.index(of: entry.id) else {
                addNode(gossiped: entry)
                continue
            }
            guard index != .myself, !nodes[index].isInHandshake else { continue }
            let isFailing = !entry.flags.isDisjoint(with: [.failed, .suspected])
            if nodes[sender].isVotingPrimary, index != sender { note(isFailing: isFailing, index, reportedBy: sender) }
            if !isFailing {
                adoptPongTime(of: index, from: entry)
                adoptAddress(of: index, from: entry)
            }
        }
    }

    /// A node that a member knows needs no handshake: we connect to it and say who we are.
    private mutating func addNode(gossiped entry: GossipEntry) {
        guard !entry.flags.contains(.withoutAddress), !entry.ip.isEmpty, entry.busPort != 0,
            !blacklist.contains(entry.id, at: now)
        else { return }
        var node = ClusterNode(
            id: entry.id,
            shard: .random(using: &random),
            // That we cannot reach it, we shall have to find ourselves.
            flags: entry.flags.subtracting([.myself, .handshake, .suspected]),
            ip: entry.ip,
            busPort: entry.busPort,
            createdAt: now
        )
        node.setPorts(first: entry.port, second: entry.otherPort, onTLSBus: configuration.usesTLS)
        guard nodes.insert(node) != nil else { return }
        log(.verbose, "Learnt of node \(entry.id) at \(entry.ip):\(entry.port)@\(entry.busPort) by gossip")
        deferred.save = true
    }

    /// Somebody heard from the node later than we did: then we need not ask so soon.
    private mutating func adoptPongTime(of index: NodeIndex, from entry: GossipEntry) {
        let pong = Instant(gossipSeconds: entry.pongReceivedSeconds)
        guard nodes[index].pingSent == nil, nodes[index].failureReports.isEmpty,
            nodes[index].flags.isDisjoint(with: [.failed, .suspected, .withoutAddress]),
            pong <= now + .milliseconds(500)
        else { return }
        if let known = nodes[index].pongReceived, known >= pong { return }
        nodes[index].pongReceived = pong
    }

    /// We cannot reach the node, but somebody else can, elsewhere.
    private mutating func adoptAddress(of index: NodeIndex, from entry: GossipEntry) {
        let node = nodes[index]
        guard node.isFailed || node.isSuspected, !entry.flags.contains(.withoutAddress), !entry.ip.isEmpty,
            entry.busPort != 0
        else { return }
        let port = node.ports(onTLSBus: configuration.usesTLS).first
        guard entry.ip != node.ip || entry.port != port || entry.busPort != node.busPort else { return }
        setAddress(of: index, ip: entry.ip, port: entry.port, otherPort: entry.otherPort, busPort: entry.busPort)
    }
}
