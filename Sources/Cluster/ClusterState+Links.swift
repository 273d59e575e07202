// Links: one outbound to every known node, and those that others opened to us.

extension ClusterState {
    /// Takes in a connection that another node opened; its name is that of all later events about it.
    public mutating func acceptLink(peerIP: String, localIP: String, at now: Instant) -> LinkID {
        self.now = now
        return links.open(.inbound, node: nil, peerIP: peerIP, localIP: localIP, at: now)
    }

    mutating func openLink(to index: NodeIndex) {
        let node = nodes[index]
        let link = links.open(.outbound, node: index, peerIP: node.ip, localIP: "", at: now)
        nodes[index].outbound = link
        nodes[index].connectedAt = now
        add(.openLink(link, ip: node.ip, port: node.busPort))
    }

    mutating func linkConnected(_ id: LinkID, localIP: String) {
        guard links.contains(id), let index = links[id].node else { return }
        links[id].isConnected = true
        links[id].localIP = localIP
        let pendingSince = nodes[index].pingSent
        sendHeartbeat(nodes[index].flags.contains(.meet) ? .meet : .ping, on: id)
        // A PING that was due before the link broke is still unanswered: reconnecting must not hide that.
        if let pendingSince { nodes[index].pingSent = pendingSince }
    }

    mutating func linkFailed(_ id: LinkID) {
        guard links.contains(id) else { return }
        if let index = links[id].node, nodes[index].pingSent == nil, isVouched {
            // As good as a PING without answer: otherwise a node that refuses connections would never be suspected.
            nodes[index].pingSent = now
        }
        detach(id)
    }

    mutating func linkOverflowed(_ id: LinkID) {
        guard links.contains(id) else { return }
        statistics.overflowedLinks += 1
        log(.warning, "Closing the link \(describe(id)): too much waits to be sent on it")
        closeLink(id)
    }

    mutating func closeLink(_ id: LinkID) {
        add(.closeLink(id))
        detach(id)
    }

    /// Forgets a link whose socket is gone or about to be closed.
    mutating func detach(_ id: LinkID) {
        guard links.contains(id) else { return }
        unbind(id)
        links.remove(id)
    }

    mutating func closeOutboundLink(of index: NodeIndex) {
        if let link = nodes[index].outbound { closeLink(link) }
    }

    /// Makes an inbound link that of `index`. A node has one: an older one is what is left of a connection it gave up.
    mutating func bind(_ id: LinkID, to index: NodeIndex) {
        guard links[id].node != index else { return }
        unbind(id)
        if let older = nodes[index].inbound { closeLink(older) }
        links[id].node = index
        nodes[index].inbound = id
    }

    private mutating func unbind(_ id: LinkID) {
        guard let index = links[id].node else { return }
        links[id].node = nil
        if nodes[index].outbound == id { nodes[index].outbound = nil }
        if nodes[index].inbound == id {
            nodes[index].inbound = nil
            nodes[index].withoutInboundSince = now
        }
    }

    /// Sends a packet, if the link stands and the node may speak at all.
    mutating func send(_ packet: [UInt8], of type: BusMessageType, on id: LinkID) {
        // Any packet proves life, so a node whose shards hang must send none.
        guard isVouched, links[id].isConnected else { return }
        statistics.noteSent(type, byteCount: packet.count)
        add(.send(packet, on: id))
    }

    mutating func send(_ body: BusBody, on id: LinkID) {
        send(BusMessage.full(header(), body).encoded(), of: body.type, on: id)
    }

    /// Sends one packet to every member that we have a link to.
    mutating func broadcast(_ body: BusBody, _ traits: MessageTraits = []) {
        let packet = BusMessage.full(header(traits), body).encoded()
        for index in nodes.indices where index != .myself && !nodes[index].isInHandshake {
            if let link = nodes[index].outbound { send(packet, of: body.type, on: link) }
        }
    }

    /// What this node says of itself at the head of every packet.
    func header(_ traits: MessageTraits = []) -> BusHeader {
        let spokesman = nodes[.myself].replicaOf ?? .myself
        let ports = nodes[.myself].ports(onTLSBus: configuration.usesTLS)
        let primaryFailed: NodeFlags = nodes[spokesman].isFailed ? .primaryFailed : []
        let paused: MessageTraits = frozenOffset == nil ? [] : .paused
        return BusHeader(
            sender: nodes[.myself].id,
            port: ports.first,
            otherPort: ports.second,
            busPort: nodes[.myself].busPort,
            ip: configuration.announcedIP,
            currentEpoch: currentEpoch,
            configEpoch: nodes[spokesman].configEpoch,
            replicationOffset: frozenOffset ?? replicationOffset,
            slots: nodes[spokesman].slots,
            replicaOf: nodes[.myself].replicaOf.map { nodes[$0].id },
            flags: nodes[.myself].flags.union(primaryFailed),
            seesClusterFailing: health == .fail,
            traits: traits.union(paused)
        )
    }

    func describe(_ id: LinkID) -> String {
        let link = links[id]
        let node = link.node.map { nodes[$0].id.description } ?? "a stranger"
        return link.direction == .outbound ? "to \(node) at \(link.peerIP)" : "from \(node) at \(link.peerIP)"
    }
}
