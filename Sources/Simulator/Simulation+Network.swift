// The network between the nodes. Connections behave as TCP's: bytes arrive in order or not at all; where the way is cut they
// wait, as retransmissions would, until it opens again or the connection is given up.

import Cluster

extension Simulation {
    struct Network {
        var connections: [Connection] = []
        /// Places of connections that neither end nor any event refers to any more.
        var vacancies: [Int] = []
        /// What waits for a way to open, in the order in which it was sent.
        var held: [Event] = []
        /// Ways that are cut in one direction only. Asked, never walked: a set has no order to repeat.
        var cuts: Set<Way> = []
        /// How much longer packets from a node take, in milliseconds.
        var lag: [Int: Int64] = [:]
    }

    struct Way: Hashable {
        let from: Int
        let to: Int
    }

    /// A node's end of a connection.
    struct End {
        let node: Int
        let incarnation: Int
        var link: LinkID
    }

    struct Connection {
        var client: End
        /// Whom it leads to, and its end there once the process has taken it in.
        var target: Int?
        var server: End?
        /// Reset: what is on its way is lost.
        var isBroken = false
        /// When the last event in each direction is due: none may overtake it.
        var lastToServer: Moment
        var lastToClient: Moment
        /// How many events and ends refer to it.
        var references = 1
    }

    // MARK: Sending

    mutating func open(_ link: LinkID, of number: Int, to ip: String, port: UInt16) {
        let client = End(node: number, incarnation: nodes[number].incarnation, link: link)
        let target = Simulation.number(at: ip).flatMap { candidate in
            nodes.indices.contains(candidate) && configurations[candidate].listeningBusPort == port ? candidate : nil
        }
        let connection = Connection(client: client, target: target, lastToServer: now, lastToClient: now)
        let place = network.vacancies.popLast() ?? network.connections.count
        if place == network.connections.count {
            network.connections.append(connection)
        } else {
            network.connections[place] = connection
        }
        nodes[number].connections[link] = place
        post(.connect(place), on: place, toServer: true)
    }

    mutating func close(_ link: LinkID, of number: Int) {
        guard let connection = nodes[number].connections[link] else { return }
        let isClient = isClient(number, link, of: connection)
        post(.closed(connection, toServer: isClient), on: connection, toServer: isClient)
        detach(link, of: number)
    }

    mutating func send(_ bytes: [UInt8], on link: LinkID, of number: Int) {
        guard let connection = nodes[number].connections[link] else { return }
        let isClient = isClient(number, link, of: connection)
        var sent = now
        if let uplinkBytesPerSecond {
            let microseconds = Int64(bytes.count) * 1_000_000 / uplinkBytesPerSecond
            sent = max(now, nodes[number].uplinkIsFreeAt) + .microseconds(microseconds)
            nodes[number].uplinkIsFreeAt = sent
        }
        post(.bytes(bytes, connection: connection, toServer: isClient), on: connection, toServer: isClient, after: sent)
    }

    /// The other end of a machine that fell silently: its kernel notices after a while without signs of life (keepalive).
    mutating func abandon(_ link: LinkID, of number: Int) {
        guard let connection = nodes[number].connections[link] else { return }
        let isClient = isClient(number, link, of: connection)
        let noticed = now + configurations[number].nodeTimeout * 2
        post(.closed(connection, toServer: isClient), on: connection, toServer: isClient, after: noticed)
        detach(link, of: number)
    }

    /// Both ends learn that the connection is gone; what was on its way is lost.
    mutating func reset(_ connection: Int) {
        network.connections[connection].isBroken = true
        post(.closed(connection, toServer: true), on: connection, toServer: true)
        post(.closed(connection, toServer: false), on: connection, toServer: false)
    }

    private func isClient(_ number: Int, _ link: LinkID, of connection: Int) -> Bool {
        let client = network.connections[connection].client
        return client.node == number && client.link == link
    }

    /// Takes a node's end off its connection.
    mutating func detach(_ link: LinkID, of number: Int) {
        guard let connection = nodes[number].connections.removeValue(forKey: link) else { return }
        release(connection)
    }

    private mutating func release(_ connection: Int) {
        network.connections[connection].references -= 1
        if network.connections[connection].references == 0 { network.vacancies.append(connection) }
    }

    /// Puts an event on its way along a connection, behind what is on its way already.
    private mutating func post(_ event: Event, on connection: Int, toServer: Bool, after sent: Moment? = nil) {
        let delay = Int64.random(
            in: (delayMilliseconds.lowerBound * 1000)...(delayMilliseconds.upperBound * 1000),
            using: &random
        )
        var due = (sent ?? now) + .microseconds(delay)
        if !network.lag.isEmpty, let way = way(of: event), let lag = network.lag[way.from] {
            due = due + .milliseconds(lag)
        }
        if toServer {
            due = max(due, network.connections[connection].lastToServer)
            network.connections[connection].lastToServer = due
        } else {
            due = max(due, network.connections[connection].lastToClient)
            network.connections[connection].lastToClient = due
        }
        network.connections[connection].references += 1
        queue.insert(event, at: due)
    }

    // MARK: Arriving

    /// Brings an event to the node that it is for, unless the way is cut or the node is paused.
    mutating func deliver(_ event: Event) {
        if let way = way(of: event) {
            guard isOpen(way) else { return network.held.append(event) }
            if nodes[way.to].isPaused, nodes[way.to].state != nil, isForProcess(event) {
                return nodes[way.to].waiting.append(event)
            }
        }
        takeIn(event)
    }

    /// Gives the process what has arrived for it.
    mutating func takeIn(_ event: Event) {
        if keepsHistory { record(event) }
        switch event {
        case .tick: preconditionFailure("a tick does not travel")
        case .connect(let connection): connect(connection)
        case .accepted(let connection, let number, let incarnation): accept(connection, by: number, incarnation)
        case .connected(let connection):
            if let (number, link) = living(network.connections[connection].client) {
                handle(.linkConnected(link, localIP: Simulation.ip(of: number)), on: number)
            }
        case .refused(let connection):
            if let (number, link) = living(network.connections[connection].client) {
                detach(link, of: number)
                handle(.linkFailed(link), on: number)
            }
        case .bytes(let bytes, let connection, let toServer): arrive(bytes, connection, toServer: toServer)
        case .closed(let connection, let toServer):
            if let (number, link) = living(end(of: connection, atServer: toServer)) {
                detach(link, of: number)
                handle(.linkClosed(link), on: number)
            }
        }
        if let connection = connection(of: event) { release(connection) }
    }

    /// A connection is established by the kernel; the process takes it in when it runs.
    private mutating func connect(_ connection: Int) {
        guard living(network.connections[connection].client) != nil else { return }
        guard let target = network.connections[connection].target, nodes[target].state != nil else {
            return post(.refused(connection), on: connection, toServer: false)
        }
        network.connections[connection].references += 1
        let incarnation = nodes[target].incarnation
        if nodes[target].isPaused {
            nodes[target].waiting.append(.accepted(connection, by: target, incarnation: incarnation))
        } else {
            accept(connection, by: target, incarnation)
            release(connection)
        }
        post(.connected(connection), on: connection, toServer: false)
    }

    private mutating func accept(_ connection: Int, by number: Int, _ incarnation: Int) {
        guard nodes[number].incarnation == incarnation, nodes[number].state != nil else { return }
        let client = network.connections[connection].client.node
        let time = time(of: number)
        let link = nodes[number].state?.acceptLink(
            peerIP: Simulation.ip(of: client),
            localIP: Simulation.ip(of: number),
            at: time
        )
        guard let link else { return }
        nodes[number].connections[link] = connection
        network.connections[connection].references += 1
        network.connections[connection].server = End(node: number, incarnation: incarnation, link: link)
    }

    private mutating func arrive(_ bytes: [UInt8], _ connection: Int, toServer: Bool) {
        guard !network.connections[connection].isBroken else { return }
        guard let end = end(of: connection, atServer: toServer) else { return }
        guard let (number, link) = living(end) else {
            // A process that was started again knows nothing of the connections of its former life: the kernel resets them.
            guard nodes[end.node].state != nil, nodes[end.node].incarnation != end.incarnation else { return }
            return post(.closed(connection, toServer: !toServer), on: connection, toServer: !toServer)
        }
        handle(.received(bytes, on: link), on: number)
    }

    /// The node and its link at an end that still exists.
    private func living(_ end: End?) -> (node: Int, link: LinkID)? {
        guard let end, nodes[end.node].incarnation == end.incarnation, nodes[end.node].connections[end.link] != nil,
            nodes[end.node].state != nil
        else { return nil }
        return (end.node, end.link)
    }

    private func end(of connection: Int, atServer: Bool) -> End? {
        atServer ? network.connections[connection].server : network.connections[connection].client
    }

    // MARK: Ways

    func isOpen(_ way: Way) -> Bool {
        guard nodes[way.from].side == nodes[way.to].side else { return false }
        return network.cuts.isEmpty || !network.cuts.contains(way)
    }

    /// From whom to whom it travels, nil where that is nowhere.
    func way(of event: Event) -> Way? {
        switch event {
        case .tick, .accepted: return nil
        case .connect(let connection): return way(connection, toServer: true)
        case .connected(let connection), .refused(let connection): return way(connection, toServer: false)
        case .bytes(_, let connection, let toServer), .closed(let connection, let toServer):
            return way(connection, toServer: toServer)
        }
    }

    private func way(_ connection: Int, toServer: Bool) -> Way? {
        guard let server = network.connections[connection].target else { return nil }
        let client = network.connections[connection].client.node
        return toServer ? Way(from: client, to: server) : Way(from: server, to: client)
    }

    private func isForProcess(_ event: Event) -> Bool {
        if case .connect = event { return false }
        return true
    }

    private func connection(of event: Event) -> Int? {
        switch event {
        case .tick: nil
        case .connect(let connection), .connected(let connection), .accepted(let connection, _, _),
            .refused(let connection), .bytes(_, let connection, _), .closed(let connection, _):
            connection
        }
    }

    private mutating func record(_ event: Event) {
        trace.mix(UInt64(truncatingIfNeeded: now.microseconds))
        guard let way = way(of: event) else { return }
        trace.mix(UInt64(way.from) << 32 | UInt64(way.to))
        switch event {
        case .tick, .accepted: break
        case .connect: trace.note(.link("connects", from: way.from, to: way.to), at: now)
        case .connected: trace.note(.link("has the connection", from: way.from, to: way.to), at: now)
        case .refused: trace.note(.link("refuses the connection", from: way.from, to: way.to), at: now)
        case .closed: trace.note(.link("closes the connection", from: way.from, to: way.to), at: now)
        case .bytes(let bytes, _, _):
            trace.mix(bytes)
            trace.note(.packet(bytes, from: way.from, to: way.to), at: now)
        }
    }
}
