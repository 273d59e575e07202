// Where a node that knows nobody may ask for its cluster: the entries of `cluster-seeds`.

/// One seed: `host:port`, `host:port@bus-port`, an IPv6 address in brackets (`[::1]:7000`).
public struct Seed: Hashable, Sendable {
    /// A name or a literal address.
    public let host: String
    /// The client port of the bus's own kind.
    public let port: UInt16
    public let busPort: UInt16

    /// Nil where the text is no seed.
    public init?(_ text: String) {
        let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let colon = halves[0].lastIndex(of: ":") else { return nil }
        var host = halves[0][..<colon]
        if host.hasPrefix("[") || host.hasSuffix("]") {
            guard host.hasPrefix("["), host.hasSuffix("]"),
                IPAddress.canonical(String(host.dropFirst().dropLast())) != nil
            else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy({ $0 > 32 && $0 < 127 }),
            let port = UInt16(halves[0][halves[0].index(after: colon)...]), port != 0
        else { return nil }
        if halves.count == 2 {
            guard let busPort = UInt16(halves[1]), busPort != 0 else { return nil }
            self.busPort = busPort
        } else {
            guard let busPort = ClusterConfiguration.defaultBusPort(for: port) else { return nil }
            self.busPort = busPort
        }
        self.host = String(host)
        self.port = port
    }
}

extension Seed: CustomStringConvertible {
    public var description: String {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        return ClusterConfiguration.defaultBusPort(for: port) == busPort ? place : "\(place)@\(busPort)"
    }
}
