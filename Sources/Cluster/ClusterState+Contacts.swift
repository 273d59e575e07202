// Contacts: proof that another primary has heard from this one. What the lease rests on.
//
// Any node's answer to a PING is a contact. A PING is 2.3 kB, its answer more, so nodes of this kind ask each other in 37
// bytes: a light MODULE message, which whoever does not know the module passes over in silence, as Valkey does. Who answers
// one is asked so from then on; who does not is sent PINGs.

/// The question “do you hear me?” and its answer, as a MODULE message.
struct ContactQuery: Equatable {
    /// “apuslease” in six bits a character; the version is 0.
    static let module = moduleID("apuslease")

    enum Kind: UInt8 { case question, answer }

    let kind: Kind
    /// Of the asker's own clock, in milliseconds: it comes back as it was sent.
    let askedAt: Int64

    init(_ kind: Kind, askedAt: Int64) { (self.kind, self.askedAt) = (kind, askedAt) }

    /// Nil where the message is another module's, or none that this version knows.
    init?(_ message: ModuleMessage) {
        guard message.module == Self.module, let kind = Kind(rawValue: message.type), message.payload.count == 8 else {
            return nil
        }
        self.kind = kind
        askedAt = message.payload.reduce(0) { $0 << 8 | Int64($1) }
    }

    var message: ModuleMessage {
        let payload = (0..<8).map { UInt8(truncatingIfNeeded: askedAt >> (56 - 8 * $0)) }
        return ModuleMessage(module: Self.module, type: kind.rawValue, payload: payload)
    }

    /// - Source: Redis's documentation of module names: nine characters of six bits, the first highest, ten bits below.
    static func moduleID(_ name: String) -> UInt64 {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return name.reduce(0) { $0 << 6 | UInt64(alphabet.firstIndex(of: $1) ?? 0) } << 10
    }
}

extension ClusterState {
    /// Heartbeats spare those of whom somebody else has heard, so they make too few contacts: what is missing is asked for
    /// half a node timeout before it is needed, first from those who answered last.
    mutating func seekContacts(among voters: [NodeIndex], needed: Int) {
        let timeout = configuration.nodeTimeout
        // A question that is not answered for long will not count in time: then another node is asked.
        var missing =
            needed
            - voters.count {
                isRecent(nodes[$0].contactedAt, within: timeout / 2)
                    || isRecent(nodes[$0].pingSent, within: timeout / 8)
                    || isRecent(nodes[$0].contactAsked, within: timeout / 8)
            }
        guard missing > 0 else { return }
        let latestFirst = voters.enumerated().sorted { one, other in
            let (left, right) = (nodes[one.element].contactedAt, nodes[other.element].contactedAt)
            guard left != right else { return one.offset < other.offset }
            return left.map { left in right.map { left > $0 } ?? true } ?? false
        }
        for (_, voter) in latestFirst where missing > 0 {
            guard !isRecent(nodes[voter].contactedAt, within: timeout / 2),
                !isRecent(nodes[voter].contactAsked, within: timeout / 8),
                let link = nodes[voter].outbound, links[link].isConnected
            else { continue }
            guard !asksForContact(voter, on: link) else {
                missing -= 1
                continue
            }
            // What is only kept ready has to wait where heartbeats have a ceiling.
            guard nodes[voter].pingSent == nil, myself.isVotingPrimary || !gossip.allowance.isExhausted else {
                continue
            }
            sendHeartbeat(.ping, on: link, withGossip: false)
            missing -= 1
        }
    }

    private func isRecent(_ instant: Instant?, within limit: Duration) -> Bool {
        instant.map { now - $0 < limit } ?? false
    }

    /// Asks `voter` in the short form, if it is one that answers, and tells so. Who has not been asked on this link before
    /// is asked on trial, besides the PING that it gets.
    private mutating func asksForContact(_ voter: NodeIndex, on link: LinkID) -> Bool {
        guard nodes[voter].flags.contains(.understandsLightModule), links[link].hasAnswered else { return false }
        if let asked = nodes[voter].contactAsked, now - asked >= configuration.nodeTimeout / 8 {
            nodes[voter].answersContactQueries = false
            nodes[voter].contactAsked = nil
        }
        let isKnownToAnswer = nodes[voter].answersContactQueries
        guard isKnownToAnswer || !links[link].wasTried else { return false }
        links[link].wasTried = true
        if isKnownToAnswer { nodes[voter].contactAsked = now }
        send(ContactQuery(.question, askedAt: now.milliseconds), on: link)
        return isKnownToAnswer
    }

    /// A question is answered, an answer counts from when its question was asked.
    mutating func receive(_ message: ModuleMessage, from sender: NodeIndex, on link: LinkID) {
        guard let query = ContactQuery(message) else { return }  // This server has no modules.
        switch query.kind {
        case .question: send(ContactQuery(.answer, askedAt: query.askedAt), on: link)
        case .answer:
            let asked = Instant(milliseconds: query.askedAt)
            // Nobody can have heard from us in times to come, or on a connection that was made later.
            guard link == nodes[sender].outbound, asked <= now, asked >= links[link].createdAt else { return }
            nodes[sender].answersContactQueries = true
            nodes[sender].contactAsked = nil
            noteContact(with: sender, at: asked)
        }
    }

    private mutating func send(_ query: ContactQuery, on link: LinkID) {
        send(BusMessage.light(.module(query.message)).encoded(), of: .module, on: link)
    }

    /// `node` has heard from us at `time` or later.
    mutating func noteContact(with node: NodeIndex, at time: Instant) {
        nodes[node].contactedAt = max(time, nodes[node].contactedAt ?? time)
    }
}
