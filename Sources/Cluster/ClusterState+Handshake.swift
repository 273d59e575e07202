// How two nodes get to know each other, and learn where they are.
//
// CLUSTER MEET makes a node under a name of our invention, in handshake. We connect and send MEET; the other side makes such
// a node of us likewise, answers PONG, connects back and sends PING. The PONG on its own link tells each the other's name.

extension ClusterState {
    /// How many strangers may be in handshake at a time: each is a connection that anyone can make us open.
    private static let handshakeLimit = 1024

    /// Begins a handshake with whoever listens there, unless one is under way.
    mutating func startHandshake(
        ip: String,
        port: UInt16,
        otherPort: UInt16 = 0,
        busPort: UInt16,
        flags: NodeFlags
    ) -> NodeIndex? {
        let strangers = nodes.indices.filter { nodes[$0].isInHandshake }
        let isUnderWay = strangers.contains {
            let node = nodes[$0]
            return node.ip == ip && node.busPort == busPort && node.ports(onTLSBus: configuration.usesTLS).first == port
        }
        guard !isUnderWay, strangers.count < ClusterState.handshakeLimit else { return nil }
        var node = ClusterNode(
            id: .random(using: &random),
            shard: .random(using: &random),
            flags: flags.union(.handshake),
            ip: ip,
            busPort: busPort,
            createdAt: now
        )
        node.setPorts(first: port, second: otherPort, onTLSBus: configuration.usesTLS)
        return nodes.insert(node)
    }

    /// A MEET from a stranger begins a handshake in the other direction; from a member, it says that it misses our link.
    mutating func receiveMeet(from header: BusHeader, member: NodeIndex?, on id: LinkID) {
        if let member {
            if now - nodes[member].createdAt > configuration.handshakeTimeout { closeOutboundLink(of: member) }
            return
        }
        guard header.sender != myself.id else { return }
        let stranger = startHandshake(
            ip: header.ip.isEmpty ? links[id].peerIP : header.ip,
            port: header.port,
            otherPort: header.otherPort,
            busPort: header.busPort,
            flags: []
        )
        if let stranger, links[id].direction == .inbound { bind(id, to: stranger) }
    }

    /// The answer to the first packet of a handshake. False if it ends the handshake rather than completing it.
    mutating func completeHandshake(of index: NodeIndex, with header: BusHeader, on id: LinkID) -> Bool {
        if let known = nodes.index(of: header.sender) {
            if known == .myself {
                log(.verbose, "Node \(nodes[index].id) at \(nodes[index].ip) is this node itself: no handshake")
            } else {
                log(.verbose, "Handshake: node \(header.sender) is known already")
                updateAddress(of: known, from: header, on: id)
            }
            removeNode(index)
            return false
        }
        log(.notice, "Handshake with \(nodes[index].ip):\(header.port) completed: it is node \(header.sender)")
        nodes.rename(index, to: header.sender)
        nodes[index].flags.remove(.handshake)
        nodes[index].flags.formUnion(header.flags.intersection([.primary, .replica]))
        // Meeting a node is a decision of its own, later than that of forgetting it.
        blacklist.remove(header.sender)
        dismissals.removeAll { $0.id == header.sender }
        adopt(header, from: index)
        spreadNews(of: index)
        deferred.durableSave = true
        return true
    }

    /// At this node's address, another one answers: the node that we meant is somewhere else, or no more.
    mutating func loseAddress(of index: NodeIndex, answeredBy stranger: NodeID) {
        let node = nodes[index]
        log(
            .warning,
            "At \(node.ip):\(node.busPort), node \(stranger) answers instead of \(node.id): its address is lost"
        )
        nodes[index].flags.insert(.withoutAddress)
        nodes[index].ip = ""
        nodes[index].setPorts(first: 0, second: 0, onTLSBus: configuration.usesTLS)
        nodes[index].busPort = 0
        closeOutboundLink(of: index)
        // Nobody can ping a node without address, so no timeout would ever find it dead.
        if !nodes[index].isFailed { fail(index) }
        deferred.save = true
        deferred.slotMap = true
    }

    /// A node learns its own address from those who reach it, unless it is told which to announce.
    mutating func learnOwnAddress(from id: LinkID, type: BusMessageType) {
        guard configuration.announcedIP.isEmpty else { return }
        let localIP = links[id].localIP
        guard !localIP.isEmpty, type == .meet || myself.ip.isEmpty || isOwnAddressOld else { return }
        isOwnAddressOld = false
        guard localIP != myself.ip else { return }
        nodes[.myself].ip = localIP
        log(.notice, "This node's address is \(localIP)")
        deferred.save = true
        deferred.slotMap = true
    }

    /// A PING on a link of the member's own making shows where it is now.
    mutating func learnAddress(of index: NodeIndex, from header: BusHeader, on id: LinkID) {
        guard links[id].direction == .inbound else { return }
        updateAddress(of: index, from: header, on: id)
    }

    private mutating func updateAddress(of index: NodeIndex, from header: BusHeader, on id: LinkID) {
        let ip = header.ip.isEmpty ? links[id].peerIP : header.ip
        let node = nodes[index]
        let ports = node.ports(onTLSBus: configuration.usesTLS)
        guard ip != node.ip || header.port != ports.first || header.busPort != node.busPort else {
            guard header.otherPort != ports.second else { return }
            // The port of the other kind is the clients' alone: our link stays right.
            nodes[index].setPorts(first: header.port, second: header.otherPort, onTLSBus: configuration.usesTLS)
            deferred.save = true
            deferred.slotMap = true
            return
        }
        setAddress(
            of: index,
            ip: ip,
            port: header.port,
            otherPort: header.otherPort,
            busPort: header.busPort
        )
    }

    /// Writes down where a member is now; the link to the old place is closed, and the next tick opens one to the new.
    mutating func setAddress(of index: NodeIndex, ip: String, port: UInt16, otherPort: UInt16, busPort: UInt16) {
        nodes[index].ip = ip
        nodes[index].setPorts(first: port, second: otherPort, onTLSBus: configuration.usesTLS)
        nodes[index].busPort = busPort
        nodes[index].flags.remove(.withoutAddress)
        closeOutboundLink(of: index)
        log(.notice, "The address of node \(nodes[index].id) is now \(ip):\(port)@\(busPort)")
        deferred.save = true
        deferred.slotMap = true
    }

    /// Forgets a node and everything that refers to it.
    mutating func removeNode(_ index: NodeIndex) {
        let node = nodes[index]
        for slot in node.slots { setOwner(of: slot, to: nil) }
        slots.migrating = slots.migrating.filter { $0.value != index }
        slots.importing = slots.importing.filter { $0.value != index }
        for other in nodes.indices {
            nodes[other].failureReports.removeAll { $0.reporter == index }
            if nodes[other].replicaOf == index { nodes[other].replicaOf = nil }
        }
        if let primary = node.replicaOf { replicaLeft(primary, except: index) }
        dropFromDismissals(index)
        if let link = node.outbound { closeLink(link) }
        if let link = nodes[index].inbound { closeLink(link) }
        nodes.remove(index)
        gossip.news.removeAll { $0.index == index }
        gossip.audit.untold.removeAll { $0 == index }
        gossip.audit.auditors.removeAll { $0 == index }
        guard !node.isInHandshake else { return }
        deferred.save = true
        deferred.healthCheck = true
        deferred.slotMap = true
    }
}
