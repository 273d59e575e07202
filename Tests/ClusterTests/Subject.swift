// One node under test, and peers of any make whose packets the test writes by hand.

@testable import Cluster

/// A peer as the tests pretend it: its header says what they want.
struct Peer {
    var header: BusHeader
    var ip: String

    init(_ name: Character, ip: String = "10.0.0.2", port: UInt16 = 7000) {
        guard let id = NodeID(String(repeating: name, count: 40)) else { preconditionFailure("not a digit: \(name)") }
        self.ip = ip
        header = BusHeader(
            sender: id,
            port: port,
            otherPort: 0,
            busPort: port + 10000,
            ip: "",
            currentEpoch: 0,
            configEpoch: 0,
            replicationOffset: 0,
            slots: SlotSet(),
            replicaOf: nil,
            flags: [.myself, .primary],
            seesClusterFailing: false,
            traits: []
        )
    }

    var id: NodeID { header.sender }

    func gossipEntry(_ flags: NodeFlags = .primary) -> GossipEntry {
        GossipEntry(
            id: id,
            pingSentSeconds: 0,
            pongReceivedSeconds: 0,
            ip: ip,
            port: header.port,
            otherPort: 0,
            busPort: header.busPort,
            flags: flags
        )
    }
}

struct Subject {
    var state: ClusterState
    var now = Instant(milliseconds: 1_800_000_000_000)
    /// What the last step brought about.
    var effects: [ClusterEffect] = []

    init(nodeTimeout: Duration = .seconds(2), configure: (inout ClusterConfiguration) -> Void = { _ in }) {
        var configuration = ClusterConfiguration(port: 7000)
        configuration.nodeTimeout = nodeTimeout
        configure(&configuration)
        state = ClusterState(configuration: configuration, random: SeededGenerator(seed: 1), at: now)
        settle()
    }

    mutating func settle() {
        effects = []
        state.settle(at: now, into: &effects)
        state.checkInvariants()
    }

    mutating func handle(_ event: ClusterEvent) {
        state.handle(event, at: now)
        settle()
    }

    /// Lets time pass in ticks; the effects are those of all of them.
    mutating func wait(_ duration: Duration) {
        var all: [ClusterEffect] = []
        for _ in 0..<max(1, duration.wholeMilliseconds / 100) {
            now = now + .milliseconds(100)
            handle(.tick)
            all += effects
        }
        effects = all
    }

    mutating func accept(from ip: String = "10.0.0.2", at localIP: String = "10.0.0.1") -> LinkID {
        state.acceptLink(peerIP: ip, localIP: localIP, at: now)
    }

    mutating func receive(_ body: BusBody, from peer: Peer, on link: LinkID) {
        handle(.received(BusMessage.full(peer.header, body).encoded(), on: link))
    }

    /// Makes a peer a member: it is met, answers on the link that we open, and opens one to us, which is returned.
    mutating func join(_ peer: Peer) throws -> LinkID {
        try state.meet(ip: peer.ip, port: "\(peer.header.port)", busPort: nil, at: now)
        wait(.milliseconds(100))
        guard let outbound = opened.last else { throw NothingOpened() }
        handle(.linkConnected(outbound.link, localIP: "10.0.0.1"))
        receive(.pong(Heartbeat()), from: peer, on: outbound.link)
        let inbound = accept(from: peer.ip)
        receive(.ping(Heartbeat()), from: peer, on: inbound)
        return inbound
    }

    struct NothingOpened: Error {}

    /// Answers the PINGs of the last step on behalf of these peers.
    mutating func answer(as peers: [Peer]) {
        for case .send(let bytes, let link) in effects {
            guard case .full(_, .ping) = try? BusMessage(decoding: bytes[...]), state.links.contains(link),
                let index = state.links[link].node,
                let peer = peers.first(where: { $0.id == state.nodes[index].id })
            else { continue }
            receive(.pong(Heartbeat()), from: peer, on: link)
        }
    }

    /// Lets time pass while these peers are alive and answer, and nobody else is.
    mutating func live(_ duration: Duration, with peers: [Peer]) {
        for _ in 0..<max(1, duration.wholeMilliseconds / 100) {
            wait(.milliseconds(100))
            let tickEffects = effects
            for link in opened {
                guard let index = state.links[link.link].node,
                    peers.contains(where: { $0.id == state.nodes[index].id })
                else { continue }
                handle(.linkConnected(link.link, localIP: "10.0.0.1"))
                answer(as: peers)
            }
            effects = tickEffects
            answer(as: peers)
        }
    }

    func node(_ peer: Peer) -> ClusterNode? { state.nodes.index(of: peer.id).map { state.nodes[$0] } }

    // MARK: What the last step brought about

    var opened: [(link: LinkID, ip: String, port: UInt16)] {
        effects.compactMap { effect in
            guard case .openLink(let link, let ip, let port) = effect else { return nil }
            return (link, ip, port)
        }
    }

    var closed: [LinkID] {
        effects.compactMap { effect in
            guard case .closeLink(let link) = effect else { return nil }
            return link
        }
    }

    var sent: [(header: BusHeader, body: BusBody, link: LinkID)] {
        effects.compactMap { effect in
            guard case .send(let bytes, let link) = effect,
                case .full(let header, let body)? = try? BusMessage(decoding: bytes[...])
            else { return nil }
            return (header, body, link)
        }
    }

    func sent(_ type: BusMessageType) -> [LinkID] { sent.filter { $0.body.type == type }.map(\.link) }
}
