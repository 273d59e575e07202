// What can go wrong: processes that die or stop, power that fails, networks that divide, and clocks that lie.

import Cluster

extension Simulation {
    // MARK: Processes

    /// Ends a node's process; its connections break, unless its whole machine fell `silently`.
    ///
    /// nodes.conf stays as it was written: the kernel lives on.
    public mutating func crash(_ number: Int, silently: Bool = false) {
        nodes[number].state = nil
        nodes[number].isPaused = false
        nodes[number].waiting = []
        nodes[number].effectsBeforePowerLoss = nil
        for link in nodes[number].connections.keys.sorted() {
            if silently { abandon(link, of: number) } else { close(link, of: number) }
        }
        note("node \(number) crashes\(silently ? " silently" : "")")
    }

    /// The machine falls: nobody is told, and what was written but not synced may be lost.
    ///
    /// - Parameter count: after how many more effects; nil: now.
    public mutating func losePower(_ number: Int, afterEffects count: Int? = nil) {
        if let count {
            nodes[number].effectsBeforePowerLoss = count
            return
        }
        crash(number, silently: true)
        if Bool.random(using: &random) { nodes[number].disk.written = nodes[number].disk.synced }
        nodes[number].disk.synced = nodes[number].disk.written
        watch.forgetUnsynced(number)
        note("node \(number) has lost its power")
    }

    /// The power does not fail after all.
    public mutating func cancelPowerLoss(of number: Int) { nodes[number].effectsBeforePowerLoss = nil }

    /// SIGSTOP: the process does nothing, and the kernel keeps what arrives.
    public mutating func pause(_ number: Int) {
        guard nodes[number].state != nil else { return }
        nodes[number].isPaused = true
        note("node \(number) is paused")
    }

    /// SIGCONT: the overdue tick comes first, then what has arrived.
    public mutating func resume(_ number: Int) {
        guard nodes[number].isPaused else { return }
        nodes[number].isPaused = false
        note("node \(number) goes on")
        let waiting = nodes[number].waiting
        nodes[number].waiting = []
        for event in waiting {
            // Nothing that is cut now is in the way of what has arrived already.
            if case .tick = event { carryOut(event) } else { takeIn(event) }
        }
    }

    public func isPaused(_ number: Int) -> Bool { nodes[number].isPaused }

    // MARK: Network

    /// Divides the network: nodes reach only those of their own group; those that are not named form one.
    public mutating func partition(_ groups: [Int]...) { partition(groups) }

    public mutating func partition(_ groups: [[Int]]) {
        for number in nodes.indices { nodes[number].side = 0 }
        for (side, group) in groups.enumerated() {
            for number in group { nodes[number].side = side + 1 }
        }
        note("the network is divided: \(groups) and the rest")
        releaseHeld()
    }

    /// Cuts the way in one direction: what `number` sends does not reach `other`.
    public mutating func cut(from number: Int, to other: Int) {
        network.cuts.insert(Way(from: number, to: other))
        note("nothing gets from node \(number) to node \(other)")
    }

    /// Makes what a node sends later by so much.
    public mutating func slow(_ number: Int, byMilliseconds lag: Int64) {
        network.lag[number] = lag
        note("what node \(number) sends takes \(lag) ms longer")
    }

    /// Joins the network again, as fast as ever: what was on its way arrives.
    public mutating func heal() {
        for number in nodes.indices { nodes[number].side = 0 }
        network.cuts = []
        network.lag = [:]
        note("the network is whole")
        releaseHeld()
    }

    private mutating func releaseHeld() {
        let held = network.held
        network.held = []
        for event in held {
            if let way = way(of: event), !isOpen(way) {
                network.held.append(event)
            } else {
                queue.insert(event, at: now)  // In their order, and before what is sent from now on.
            }
        }
    }

    /// Resets one of the node's connections, by chance, and with it what is on its way.
    public mutating func resetConnection(of number: Int) {
        let links = nodes[number].connections.keys.sorted()
        guard let link = links.randomElement(using: &random), let connection = nodes[number].connections[link] else {
            return
        }
        note("a connection of node \(number) is reset")
        reset(connection)
    }

    // MARK: Clocks

    /// A node's clock gains so many microseconds per second from now on.
    public mutating func driftClock(of number: Int, perMillion drift: Int64) {
        nodes[number].clock.drift(by: drift, at: now)
        note("the clock of node \(number) gains \(drift) µs per second")
    }

    /// A node's clock is set. While it runs, a node goes by a clock that only jumps forward (a suspended machine's).
    public mutating func jumpClock(of number: Int, by duration: Duration) {
        precondition(duration >= .zero || nodes[number].state == nil, "a running node's clock does not go back")
        nodes[number].clock.jump(by: duration, at: now)
        note("the clock of node \(number) jumps by \(duration)")
    }

    mutating func note(_ text: String) {
        guard keepsHistory else { return }
        trace.note(.fault(text), at: now)
    }
}
