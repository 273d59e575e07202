// Writing nodes.conf, in the form of Valkey 9.1; a line without its attributes is also that of CLUSTER NODES.

extension NodesConfiguration {
    /// The whole file.
    public func text(busUsesTLS: Bool) -> String {
        var text = ""
        for entry in entries {
            text += entry.line(address: entry.address(busUsesTLS: busUsesTLS))
            text += "\n"
        }
        return text + "vars currentEpoch \(currentEpoch) lastVoteEpoch \(lastVoteEpoch)\n"
    }
}

/// What of a line changes all the time.
struct NodeTimes {
    /// Milliseconds since 1970, 0 for never.
    let pingSent: Int64
    let pongReceived: Int64
    let configEpoch: UInt64
    let isConnected: Bool

    var text: String { "\(pingSent) \(pongReceived) \(configEpoch) \(isConnected ? "connected" : "disconnected")" }
}

extension NodesConfiguration.Entry {
    /// The line without its end.
    func line(address: String) -> String {
        let times = NodeTimes(
            pingSent: pingSent,
            pongReceived: pongReceived,
            configEpoch: configEpoch,
            isConnected: isConnected
        )
        return head(address: address) + times.text + tail
    }

    /// What stands before the times, with the blank between them.
    func head(address: String) -> String { "\(id) \(address) \(flags.text) \(primary?.description ?? "-") " }

    /// What stands behind the state of the link, with the blank between them: slots.
    var tail: String {
        var tail = ""
        for run in slots.ranges { tail += " " + SlotSet.text(of: run) }
        for open in migrating { tail += " [\(open.slot)->-\(open.peer)]" }
        for open in importing { tail += " [\(open.slot)-<-\(open.peer)]" }
        return tail
    }

    fileprivate func address(busUsesTLS: Bool) -> String {
        var text = "\(ip):\(busUsesTLS ? tlsPort : port)@\(busPort),\(announcement.hostname)"
        func add(_ key: String, _ value: String) {
            if !value.isEmpty { text += ",\(key)=\(value)" }
        }
        func add(_ key: String, _ port: UInt16) {
            if port != 0 { text += ",\(key)=\(port)" }
        }
        add("availability-zone", announcement.availabilityZone)
        add("client-tls-port", announcement.clientTLSPort)
        add("client-tcp-port", announcement.clientPort)
        add("client-ipv6", announcement.clientIPv6)
        add("client-ipv4", announcement.clientIPv4)
        // The port of the other kind is written even where there is none.
        text += busUsesTLS ? ",tcp-port=\(port)" : ",tls-port=\(tlsPort)"
        add("nodename", announcement.nodename)
        if let shard { add("shard-id", shard.description) }
        return text
    }
}
