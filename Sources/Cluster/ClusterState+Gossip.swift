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
        let entries =
            !withGossip
            ? [] : configuration.gossipRules == .classic ? classicGossip(for: addressee) : frugalGossip(for: addressee)
        send(type, with: entries, on: id, to: addressee)
    }

    mutating func send(_ type: BusMessageType, with entries: [GossipEntry], on id: LinkID, to addressee: NodeIndex?) {
        if type != .pong { links[id].unansweredSince.append(now) }
        var heartbeat = Heartbeat(gossip: entries)
        let isCapable = addressee.map { nodes[$0].flags.contains(.understandsExtensions) } ?? false
        if isCapable || links[id].carriesExtensions { heartbeat.extensions = extensions() }
        let body: BusBody =
            switch type {
            case .ping: .ping(heartbeat)
            case .meet: .meet(heartbeat)
            default: .pong(heartbeat)
            }
        let packet = BusMessage.full(header(.extensions), body).encoded()
        gossip.allowance.take(packet.count)
        send(packet, of: type, on: id)
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
    private mutating func classicGossip(for addressee: NodeIndex?) -> [GossipEntry] {
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
            let isUseless = nodes[index].outbound == nil && nodes[index].slots.isEmpty
            guard nodes[index].flags.isDisjoint(with: [.handshake, .withoutAddress]), !isUseless else {
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

    func gossipEntry(about index: NodeIndex) -> GossipEntry {
        let ports = nodes[index].ports(onTLSBus: configuration.usesTLS)
        return GossipEntry(
            id: nodes[index].id,
            pingSentSeconds: nodes[index].pingSent?.gossipSeconds ?? 0,
            pongReceivedSeconds: lastSign(of: index)?.gossipSeconds ?? 0,
            ip: nodes[index].ip,
            port: ports.first,
            otherPort: ports.second,
            busPort: nodes[index].busPort,
            flags: nodes[index].flags
        )
    }

    /// When the node was last known to live. Whatever it sent proves that, also to those whom we tell: with each PING, both
    /// sides learn what one of them asked for, and the other need not ask. But only an answer to our own PING takes back
    /// that it is dead.
    func lastSign(of index: NodeIndex) -> Instant? {
        let isAnswerNeeded = configuration.gossipRules == .classic || nodes[index].isFailed
        return isAnswerNeeded ? nodes[index].pongReceived : nodes[index].lastHeard
    }

    /// Learns from a member what it says about others.
    mutating func receive(_ gossip: [GossipEntry], from sender: NodeIndex) {
        for entry in gossip {
            guard let index = nodes.index(of: entry.id) else {
                noteMention(of: entry.id, by: sender)
                addNode(gossiped: entry)
                continue
            }
            guard index != .myself, !nodes[index].isInHandshake else { continue }
            let isFailing = !entry.flags.isDisjoint(with: [.failed, .suspected])
            if nodes[sender].isVotingPrimary, index != sender { note(isFailing: isFailing, index, reportedBy: sender) }
            if !isFailing {
                adoptPongTime(of: index, from: entry, toldBy: sender)
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
        guard let index = nodes.insert(node) else { return }
        spreadNews(of: index)
        log(.verbose, "Learnt of node \(entry.id) at \(entry.ip):\(entry.port)@\(entry.busPort) by gossip")
        deferred.save = true
    }

    /// Somebody heard from the node later than we did: then we need not ask so soon.
    private mutating func adoptPongTime(of index: NodeIndex, from entry: GossipEntry, toldBy sender: NodeIndex) {
        let pong = Instant(gossipSeconds: entry.pongReceivedSeconds)
        guard nodes[index].pingSent == nil, nodes[index].failureReports.isEmpty,
            nodes[index].flags.isDisjoint(with: [.failed, .suspected, .withoutAddress]),
            pong <= now + .milliseconds(500)
        else { return }
        if let known = nodes[index].pongReceived, known >= pong { return }
        nodes[index].pongReceived = pong
        nodes[index].heardThrough = sender
    }

    /// We cannot reach the node, but somebody else can, elsewhere.
    private mutating func adoptAddress(of index: NodeIndex, from entry: GossipEntry) {
        guard nodes[index].isFailed || nodes[index].isSuspected, !entry.flags.contains(.withoutAddress),
            !entry.ip.isEmpty,
            entry.busPort != 0
        else { return }
        let port = nodes[index].ports(onTLSBus: configuration.usesTLS).first
        guard entry.ip != nodes[index].ip || entry.port != port || entry.busPort != nodes[index].busPort else { return }
        setAddress(of: index, ip: entry.ip, port: entry.port, otherPort: entry.otherPort, busPort: entry.busPort)
    }
}
