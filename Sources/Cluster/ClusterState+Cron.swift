// What is done every 100 ms: links opened, pings sent, handshakes given up, silence noticed.

extension ClusterState {
    mutating func tick() {
        tickCount += 1
        maintainLinks()
        if tickCount % 10 == 0 { pingLongestSilent() }
        watchForSilence()
        renewLease()
        pursueDismissals()
        seekSeeds()
        advanceManualFailover()
        if myself.isReplica {
            followWhomMyPrimaryFollows()
            advanceElection()
            migrateToOrphanedPrimary()
        }
        if health == .fail { deferred.healthCheck = true }
    }

    private mutating func maintainLinks() {
        let timeout = configuration.nodeTimeout
        let ticksInHalfTimeout = max(1, Int(timeout.wholeMilliseconds) / 2)
        var reconnections = 10 * (nodes.count * 100 / ticksInHalfTimeout)
        suspectedCount = 0
        for index in nodes.indices where index != .myself && !nodes[index].flags.contains(.withoutAddress) {
            let node = nodes[index]
            if node.isSuspected { suspectedCount += 1 }
            if node.isInHandshake, now - node.createdAt > configuration.handshakeTimeout {
                log(.verbose, "No handshake with \(node.ip):\(node.busPort) in time")
                removeNode(index)
                continue
            }
            guard node.outbound == nil else {
                meetAgainIfOneSided(index)
                continue
            }
            // A node that does not connect to us either is probably dead: it is tried less often, but never given up.
            if node.inbound == nil, let last = node.connectedAt, now - last < timeout / 20 {
                guard reconnections > 0 else { continue }
                reconnections -= 1
            }
            openLink(to: index)
        }
    }

    /// A member that answers us but opens no link to us has lost us from its table: MEET puts us there again.
    private mutating func meetAgainIfOneSided(_ index: NodeIndex) {
        let node = nodes[index]
        guard let link = node.outbound, links[link].isConnected, node.inbound == nil, !node.isInHandshake,
            node.flags.contains(.understandsLightModule),
            now - node.withoutInboundSince > configuration.handshakeTimeout,
            node.meetSent.map({ now - $0 > configuration.handshakeTimeout }) ?? true
        else { return }
        log(.verbose, "Node \(node.id) answers but opens no link: meeting it again")
        nodes[index].flags.insert(.meet)
        sendHeartbeat(.meet, on: link)
    }

    /// Once a second, of five nodes at random the one that was silent for longest is asked.
    private mutating func pingLongestSilent() {
        let candidates = nodes.indices
        var choice: NodeIndex?
        for _ in 0..<5 {
            guard let index = candidates.randomElement(using: &random), index != .myself else { continue }
            let node = nodes[index]
            guard node.outbound != nil, node.pingSent == nil, !node.isInHandshake else { continue }
            if let choice, isHeard(nodes[choice], before: node) { continue }
            choice = index
        }
        if let choice, let link = nodes[choice].outbound { sendHeartbeat(.ping, on: link) }
    }

    private func isHeard(_ node: ClusterNode, before other: ClusterNode) -> Bool {
        guard let pong = node.pongReceived else { return true }
        guard let otherPong = other.pongReceived else { return false }
        return pong <= otherPong
    }

    private mutating func watchForSilence() {
        let timeout = configuration.nodeTimeout
        for index in nodes.indices where index != .myself {
            guard nodes[index].flags.isDisjoint(with: [.withoutAddress, .handshake]) else { continue }
            let node = nodes[index]
            let sinceBytes = node.bytesReceived.map { now - $0 }
            if let link = node.outbound, now - links[link].createdAt > timeout, let ping = node.pingSent,
                now - ping > timeout / 2, sinceBytes.map({ $0 > timeout / 2 }) ?? true
            {
                // Perhaps the connection is dead, and not the node: there is time to try another before the timeout.
                closeLink(link)
            }
            guard let ping = nodes[index].pingSent else {
                let isDue = node.pongReceived.map { now - $0 > configuration.pingInterval ?? timeout / 2 } ?? true
                if let link = nodes[index].outbound, isDue { sendHeartbeat(.ping, on: link) }
                continue
            }
            let silence = min(now - ping, sinceBytes ?? now - ping)
            guard silence > timeout, nodes[index].flags.isDisjoint(with: [.suspected, .failed]) else { continue }
            suspect(index)
        }
    }
}
