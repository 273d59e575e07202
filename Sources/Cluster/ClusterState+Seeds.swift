// A cluster from configuration: a node that reaches nobody asks its seeds, again and again, and meets who answers.
//
// So a new node joins without CLUSTER MEET, and members that all came back with new addresses find one another: whoever a
// seed turns out to be is known by name, and its new address is learnt from the handshake; gossip tells the rest.

/// When the seeds are asked.
struct SeedClock: Sendable {
    static let firstDelay = Duration.seconds(1)
    static let longestDelay = Duration.seconds(30)

    /// Since when nobody has been reached; nil while somebody is.
    var aloneSince: Instant?
    var nextTry: Instant?
    var delay = firstDelay
}

extension ClusterState {
    /// Asks the seeds if it is time to. Every tick.
    mutating func seekSeeds() {
        guard !configuration.seeds.isEmpty, !reachesSomebody else {
            seedClock = SeedClock()
            return
        }
        let aloneSince = seedClock.aloneSince ?? now
        seedClock.aloneSince = aloneSince
        // Stored addresses have their chance first: a node timeout, as for anybody who does not answer.
        let isNew = nodes.indices.allSatisfy { $0 == .myself || nodes[$0].isInHandshake }
        guard isNew || now - aloneSince > configuration.handshakeTimeout else { return }
        guard now >= seedClock.nextTry ?? now else { return }
        log(
            seedClock.nextTry == nil ? .notice : .verbose,
            isNew ? "This node knows no other: asking the seeds" : "None of the known nodes answers: asking the seeds"
        )
        for seed in configuration.seeds {
            if let ip = IPAddress.canonical(seed.host) { meet(seed, at: ip) } else { add(.resolve(seed)) }
        }
        // Up to a quarter more, so that members that start at once do not ask at once for ever.
        let jitter = Int64.random(in: 0...(seedClock.delay.wholeMilliseconds / 4), using: &random)
        seedClock.nextTry = now + seedClock.delay + .milliseconds(jitter)
        seedClock.delay = min(seedClock.delay * 2, SeedClock.longestDelay)
    }

    /// What became of `.resolve`: the addresses of a seed's name, none where it has none just now.
    mutating func resolved(_ seed: Seed, _ addresses: [String]) {
        guard configuration.seeds.contains(seed), !reachesSomebody else { return }
        if addresses.isEmpty { log(.verbose, "The seed \(seed.host) has no address just now") }
        for address in addresses {
            if let ip = IPAddress.canonical(address) { meet(seed, at: ip) }
        }
    }

    private mutating func meet(_ seed: Seed, at ip: String) {
        // One list of seeds serves all members, so this node is likely to be among them.
        guard ip != myself.ip || seed.busPort != configuration.listeningBusPort else { return }
        _ = startHandshake(ip: ip, port: seed.port, busPort: seed.busPort, flags: .meet)
    }

    /// Whether any member has been heard of since this node started, and not too long ago.
    private var reachesSomebody: Bool {
        nodes.indices.contains { index in
            guard index != .myself, !nodes[index].isInHandshake, let heard = nodes[index].bytesReceived else {
                return false
            }
            return now - heard <= configuration.nodeTimeout * 2
        }
    }
}
