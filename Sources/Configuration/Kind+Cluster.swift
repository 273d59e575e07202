// The kinds of values that only a cluster has: what a node announces of itself, and where it looks for others.

internal import Cluster

extension Kind where Value == [Seed] {
    /// Any number of `host:port[@bus-port]`; an empty argument takes all of them away.
    static var seeds: Kind {
        Kind(
            several: { (arguments, _) throws(Refusal) in
                if arguments == [[]] { return [] }
                var seeds: [Seed] = []
                for argument in arguments {
                    guard let seed = Seed(String(decoding: argument, as: UTF8.self)) else {
                        throw Refusal("A seed is host:port or host:port@bus-port, an IPv6 address in brackets")
                    }
                    seeds.append(seed)
                }
                return seeds
            },
            show: { Array($0.map(\.description).joined(separator: " ").utf8) },
            lines: { seeds, standard in
                let text = seeds.isEmpty ? "\"\"" : seeds.map(\.description).joined(separator: " ")
                return [Directive.Line(text: Array(text.utf8), isDefault: seeds == standard)]
            }
        )
    }
}

extension Kind where Value == String {
    /// A literal address of one family, or none.
    static func address(ipv6: Bool) -> Kind {
        text { text in
            let isLiteral = IPAddress.canonical(text) != nil && IPAddress.isIPv6(text) == ipv6
            return text.isEmpty || isLiteral ? nil : "Invalid \(ipv6 ? "IPv6" : "IPv4") address"
        }
    }

    /// A name for people, which stands in a line of nodes.conf.
    static var nodename: Kind {
        text { AnnouncedText.isName($0) ? nil : "Announced human node name contained invalid character" }
    }

    static var availabilityZone: Kind {
        text { AnnouncedText.isName($0) ? nil : "Availability zone contained invalid character" }
    }
}
