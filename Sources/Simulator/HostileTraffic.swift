// What a node must bear: the packets of real servers, mutated, from strangers and in the name of members.

public import Cluster

/// A node under fire. Every packet is one step, drawn from the seed; what must hold is checked after each.
///
/// Strangers change nothing: neither slots nor epochs. In the name of a member, which the bus cannot tell from the member
/// itself, much may change, but the node's tables stay in order, and what it keeps and sends stays bounded.
public struct HostileTraffic {
    /// What went wrong, for whoever prints it with the seed.
    public struct Finding: Error, CustomStringConvertible {
        public let description: String
    }

    private var victim: ClusterState
    private let members: [NodeID]
    private let originals = CapturedPacket.all.map(\.bytes)
    private var random: SeededGenerator
    private var now: Instant
    private var links: [LinkID] = []
    private var effects: [ClusterEffect] = []

    /// - Parameter victim: a node with members, at the time `now`.
    public init(seed: UInt64, victim: ClusterState, at now: Instant) {
        (self.victim, self.now) = (victim, now)
        random = SeededGenerator(seed: seed)
        members = victim.nodes.indices.filter { $0 != .myself }.map { victim.nodes[$0].id }
    }

    /// Sends `count` mutated packets.
    public mutating func run(packets count: Int) throws(Finding) {
        for number in 0..<count {
            // Time passes, so that handshakes with those who were never there end.
            if number % 50 == 0 {
                now = now + .milliseconds(100)
                victim.handle(.tick, at: now)
                try settle(number)
            }
            let isStranger = Int.random(in: 0..<4, using: &random) > 0
            var packet = mutated()
            sign(&packet, asStranger: isStranger)
            let before = claims
            let link = link(fresh: isStranger)
            victim.handle(.received(packet, on: link), at: now)
            try settle(number)
            guard !isStranger || claims == before else {
                throw Finding(description: "packet \(number): a stranger has changed slots or epochs")
            }
            guard victim.nodes.count < 5000, links.count < 200 else {
                throw Finding(description: "packet \(number): the node keeps \(victim.nodes.count) nodes")
            }
        }
    }

    /// What only members may change.
    private struct Claims: Equatable {
        let currentEpoch: UInt64
        let lastVoteEpoch: UInt64
        let owners: [NodeID: SlotSet]
        let epochs: [NodeID: UInt64]
    }

    private var claims: Claims {
        let known = victim.nodes.indices.map { victim.nodes[$0] }.filter { !$0.isInHandshake }
        return Claims(
            currentEpoch: victim.currentEpoch,
            lastVoteEpoch: victim.lastVoteEpoch,
            owners: Dictionary(uniqueKeysWithValues: known.map { ($0.id, $0.slots) }),
            epochs: Dictionary(uniqueKeysWithValues: known.map { ($0.id, $0.configEpoch) })
        )
    }

    /// One of the originals with bytes changed, cut, added or repeated; its length is true or not.
    private mutating func mutated() -> [UInt8] {
        var bytes = originals.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            case 1:
                bytes += (0..<Int.random(in: 1...200, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            case 2:
                // A wrong count or length anywhere is worse than a wrong byte.
                let offset = Int.random(in: 0..<max(1, bytes.count - 4), using: &random)
                for index in offset..<min(offset + 4, bytes.count) { bytes[index] = 0xff }
            default:
                guard !bytes.isEmpty else { break }
                // The slots are any bits at all: changes are aimed at the rest.
                let isBehind = bytes.count > 2128 && Bool.random(using: &random)
                let range = isBehind ? 2128..<bytes.count : 0..<min(bytes.count, 80)
                bytes[Int.random(in: range, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if bytes.isEmpty { break }
        }
        if bytes.count >= 8, Int.random(in: 0..<4, using: &random) > 0 {
            for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * index)) }
        }
        return bytes
    }

    /// Puts a name under a packet that has room for one.
    private mutating func sign(_ packet: inout [UInt8], asStranger: Bool) {
        guard packet.count >= 80, packet[12] & 0x80 == 0 else { return }
        let name = asStranger ? NodeID.random(using: &random) : members.randomElement(using: &random)
        guard let name else { return }
        packet.replaceSubrange(40..<80, with: Array(name.description.utf8))
    }

    /// A connection that somebody opened, an old one or a new one.
    private mutating func link(fresh: Bool) -> LinkID {
        if !fresh, let old = links.randomElement(using: &random) { return old }
        let link = victim.acceptLink(
            peerIP: "10.66.0.\(Int.random(in: 1...250, using: &random))",
            localIP: "10.0.0.1",
            at: now
        )
        links.append(link)
        return link
    }

    /// Carries out what concerns links, and looks at the rest.
    private mutating func settle(_ number: Int) throws(Finding) {
        effects.removeAll(keepingCapacity: true)
        victim.settle(at: now, into: &effects)
        victim.checkInvariants()
        var sentByteCount = 0
        for effect in effects {
            switch effect {
            case .closeLink(let link): links.removeAll { $0 == link }
            case .openLink(let link, _, _): victim.handle(.linkFailed(link), at: now)
            case .send(let bytes, _): sentByteCount += bytes.count
            default: break
            }
        }
        // One answer, and one broadcast at the most.
        guard sentByteCount < 1 << 20 else {
            throw Finding(description: "packet \(number): \(sentByteCount) bytes are sent for it")
        }
        // Strangers come and go.
        while links.count > 100 { victim.handle(.linkClosed(links.removeFirst()), at: now) }
    }
}
