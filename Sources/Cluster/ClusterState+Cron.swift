// What is done every 100 ms: links opened, pings sent, handshakes given up, silence noticed.

extension ClusterState {
    mutating func tick() {
        tickCount += 1
        gossip.allowance.fill(rate: configuration.heartbeatBytesPerSecond, at: now)
        maintainLinks()
        if tickCount % 10 == 0 { pingLongestSilent() }
        watchForSilence()
        tellAuditors()
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
        let (oldest, recent) = (now - configuration.handshakeTimeout, now - timeout / 20)
        suspectedCount = 0
        for index in nodes.indices where index != .myself && !nodes[index].flags.contains(.withoutAddress) {
            if nodes[index].isSuspected { suspectedCount += 1 }
            if nodes[index].isInHandshake, nodes[index].createdAt < oldest {
                log(.verbose, "No handshake with \(nodes[index].ip):\(nodes[index].busPort) in time")
                removeNode(index)
                continue
            }
            guard nodes[index].outbound == nil else {
                if nodes[index].inbound == nil { meetAgainIfOneSided(index) }
                continue
            }
            // A node that does not connect to us either is probably dead: it is tried less often, but never given up.
            if nodes[index].inbound == nil, let last = nodes[index].connectedAt, last > recent {
                guard reconnections > 0 else { continue }
                reconnections -= 1
            }
            openLink(to: index)
        }
    }

    /// A member that answers us but opens no link to us has lost us from its table: MEET puts us there again.
    private mutating func meetAgainIfOneSided(_ index: NodeIndex) {
        let node = nodes[index]
        guard let link = node.outbound, links[link].isConnected, !node.isInHandshake,
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
            guard nodes[index].outbound != nil, nodes[index].pingSent == nil, !nodes[index].isInHandshake else {
                continue
            }
            if let choice, isHeard(choice, before: index) { continue }
            choice = index
        }
        if let choice, let link = nodes[choice].outbound { sendHeartbeat(.ping, on: link) }
    }

    private func isHeard(_ node: NodeIndex, before other: NodeIndex) -> Bool {
        guard let sign = lastSign(of: node) else { return true }
        guard let otherSign = lastSign(of: other) else { return false }
        return sign <= otherSign
    }

    private mutating func watchForSilence() {
        let timeout = configuration.nodeTimeout
        let (whole, half) = (now - timeout, now - timeout / 2)
        // Who gossips well knows longer that a node was alive, and would notice later that it is not: so it asks sooner.
        let interval = configuration.gossipRules == .classic ? timeout / 2 : timeout * 3 / 8
        let due = now - (configuration.pingInterval ?? interval)
        let overdue = due - timeout / 4
        let candidates = nodes.indices
        // Not always the same wait when the ceiling lets some wait.
        let first = gossip.allowance.isLimited ? Int(tickCount &* 7919) % candidates.count : 0
        for step in candidates.indices {
            let index = candidates[(first + step) % candidates.count]
            guard index != .myself, nodes[index].flags.isDisjoint(with: [.withoutAddress, .handshake]) else { continue }
            guard let ping = nodes[index].pingSent else {
                let isDue = lastSign(of: index).map { $0 < (gossip.allowance.isExhausted ? overdue : due) } ?? true
                if isDue, let link = nodes[index].outbound { sendHeartbeat(.ping, on: link) }
                continue
            }
            // Any byte proves life: a long message can hold the PONG back.
            let silentSince = max(ping, nodes[index].bytesReceived ?? ping)
            guard silentSince < half else { continue }
            if let link = nodes[index].outbound, links[link].createdAt < whole {
                // Perhaps the connection is dead, and not the node: there is time to try another before the timeout.
                closeLink(link)
            }
            guard silentSince < whole, nodes[index].flags.isDisjoint(with: [.suspected, .failed]) else { continue }
            suspect(index)
        }
    }
}
