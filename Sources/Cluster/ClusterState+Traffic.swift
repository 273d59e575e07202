// What CLUSTER INFO shows beyond Valkey's fields: what the bus costs, and how old the news is that the node lives by.

extension ClusterState {
    /// How long ago there was a sign of life from each node that is not held for dead, ours or passed on by gossip; ascending.
    /// A cluster whose gossip keeps up has none much older than half the node timeout.
    var newsAges: [(node: NodeIndex, age: Duration)] {
        nodes.indices.filter {
            $0 != .myself && nodes[$0].flags.isDisjoint(with: [.failed, .handshake, .withoutAddress])
        }.map { ($0, now - (nodes[$0].lastHeard ?? nodes[$0].createdAt)) }.sorted {
            ($0.age, $0.node) < ($1.age, $1.node)
        }
    }

    var trafficFields: [(name: String, value: String)] {
        var fields: [(String, String)] = []
        for (direction, bytes) in [("sent", statistics.sentBytes), ("received", statistics.receivedBytes)] {
            for type in BusMessageType.allCases where bytes[Int(type.rawValue)] > 0 {
                fields.append(("cluster_stats_bytes_\(type.name)_\(direction)", "\(bytes[Int(type.rawValue)])"))
            }
        }
        fields.append(("cluster_heartbeat_bandwidth", "\(configuration.heartbeatBytesPerSecond)"))
        let ages = newsAges
        guard let oldest = ages.last else { return fields }
        fields.append(("cluster_news_age_ms_median", "\(ages[ages.count / 2].age.wholeMilliseconds)"))
        fields.append(("cluster_news_age_ms_max", "\(oldest.age.wholeMilliseconds)"))
        fields.append(("cluster_news_oldest_node", "\(nodes[oldest.node].id)"))
        return fields
    }
}
