// What happens with the bytes of a link: cut into packets, decoded, and each given to the rule that it is for.

/// What a test has the machine pass over, as if the network had lost it (DEBUG DROP-CLUSTER-PACKET-FILTER).
public enum PacketLoss: Equatable, Sendable {
    case all
    /// The number of a type on the wire.
    case type(UInt16)

    func covers(_ type: BusMessageType) -> Bool { self == .all || self == .type(type.rawValue) }
}

extension ClusterState {
    mutating func receive(_ bytes: [UInt8], on id: LinkID) {
        guard links.contains(id) else { return }  // Closed by us while they were on their way.
        statistics.bytesReceived += UInt64(bytes.count)
        links[id].inbox.append(bytes)
        // A packet may make us close the link it came on: then the rest is nobody's.
        while links.contains(id) {
            do {
                guard let packet = try links[id].inbox.next() else { return }
                receive(packet: packet, on: id)
            } catch {
                log(.warning, "Closing the link \(describe(id)): \(error.text)")
                return closeLink(id)
            }
        }
    }

    private mutating func receive(packet: ArraySlice<UInt8>, on id: LinkID) {
        do throws(BusDecodingError) {
            let message = try BusMessage(decoding: packet)
            statistics.noteReceived(message.body.type, byteCount: packet.count)
            guard lostPackets?.covers(message.body.type) != true else { return }
            switch message {
            case .full(let header, let body): receive(body, from: header, on: id)
            case .light(let body): receiveLight(body, on: id)
            }
        } catch {
            log(.verbose, "Passing over a packet on the link \(describe(id)): \(error.text)")
        }
    }

    /// A light message names no sender: without a member bound to its link, it comes from nobody.
    private mutating func receiveLight(_ body: BusBody, on id: LinkID) {
        guard let index = links[id].node, !nodes[index].isInHandshake else {
            log(.warning, "Closing the link \(describe(id)): a light \(body.type.name) before a full message")
            return closeLink(id)
        }
        nodes[index].bytesReceived = now
        switch body {
        case .publish(let publication): receive(publication, sharded: false)
        case .publishShard(let publication): receive(publication, sharded: true)
        case .module(let message): receive(message, from: index, on: id)
        default: break
        }
    }

    private mutating func receive(_ body: BusBody, from header: BusHeader, on id: LinkID) {
        let sender = member(named: header.sender)
        if header.traits.contains(.extensions) { links[id].carriesExtensions = true }
        if let sender {
            if links[id].direction == .inbound { bind(id, to: sender) }
            adopt(header, from: sender)
        }
        switch body {
        case .ping(let heartbeat): receive(heartbeat, as: .ping, from: header, member: sender, on: id)
        case .pong(let heartbeat): receive(heartbeat, as: .pong, from: header, member: sender, on: id)
        case .meet(let heartbeat): receive(heartbeat, as: .meet, from: header, member: sender, on: id)
        case .fail(let failed): if sender != nil { receiveFailure(of: failed, from: header.sender) }
        case .update(let claim): if sender != nil { receive(claim) }
        case .publish(let publication): if sender != nil { receive(publication, sharded: false) }
        case .publishShard(let publication): if sender != nil { receive(publication, sharded: true) }
        case .authRequest: if let sender { receiveVoteRequest(from: sender, header) }
        case .authAck: if let sender { receiveVote(from: sender, header) }
        case .manualFailoverStart: if let sender { receiveManualFailoverStart(from: sender) }
        case .module:
            break  // Counted, and a sign of life; nothing on this floor acts on them.
        }
    }

    /// The known node of that name, unless it is ourselves, or a stranger under a name that we made up.
    private func member(named id: NodeID) -> NodeIndex? {
        guard let index = nodes.index(of: id), index != .myself, !nodes[index].isInHandshake else { return nil }
        return index
    }

    /// Takes from a member's header what holds whatever the message is.
    mutating func adopt(_ header: BusHeader, from index: NodeIndex) {
        nodes[index].bytesReceived = now
        noteOffset(header.replicationOffset, of: index)
        let testimony = header.flags.intersection(.ownTestimony)
        if nodes[index].flags.intersection(.ownTestimony) != testimony {
            nodes[index].flags = nodes[index].flags.subtracting(.ownTestimony).union(testimony)
            deferred.view = true
        }
        if header.flags.contains(.understandsExtensions) || header.traits.contains(.extensions) {
            nodes[index].flags.insert(.understandsExtensions)
        }
        adoptEpochs(header, from: index)
        if header.traits.contains(.paused), index == myself.replicaOf { primaryPaused(header) }
    }

    /// PING, PONG and MEET.
    private mutating func receive(
        _ heartbeat: Heartbeat,
        as type: BusMessageType,
        from header: BusHeader,
        member: NodeIndex?,
        on id: LinkID
    ) {
        if type != .pong {
            learnOwnAddress(from: id, type: type)
            if type == .meet { receiveMeet(from: header, member: member, on: id) }
            guard links.contains(id) else { return }  // A member that says MEET on a link of our making has closed it.
            // Strangers get their answer too: it is how they learn our name.
            sendHeartbeat(.pong, on: id)
        }
        var sender = member
        if links[id].direction == .outbound, let index = links[id].node {
            if nodes[index].isInHandshake {
                guard completeHandshake(of: index, with: header, on: id) else { return }
                sender = index
            } else if nodes[index].id != header.sender {
                return loseAddress(of: index, answeredBy: header.sender)
            }
            if type == .pong {
                links[id].hasAnswered = true
                noteTold(index)
                receivePong(from: index, on: id)
            }
        }
        guard let sender else { return }
        nodes[sender].flags.remove(.meet)
        if type == .ping { learnAddress(of: sender, from: header, on: id) }
        guard adoptRole(of: sender, from: header) else { return }
        adoptSlots(of: sender, from: header)
        resolveEpochCollision(with: sender)
        receive(heartbeat.gossip, from: sender)
        receive(heartbeat.extensions, from: sender)
    }
}
