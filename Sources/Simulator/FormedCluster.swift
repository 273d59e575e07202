// A cluster that was there before the simulation began: what its nodes find in their nodes.conf.

import Cluster

/// Primaries with equal shares of the slots and an epoch each.
struct FormedCluster {
    private var lines: [(head: String, tail: String)] = []

    init(nodeCount: Int, using random: inout SeededGenerator) {
        for number in 0..<nodeCount {
            let id = NodeID.random(using: &random)
            let shard = ShardID.random(using: &random)
            let (start, end) = (Slot.count * number / nodeCount, Slot.count * (number + 1) / nodeCount)
            lines.append(
                (
                    "\(id) \(Simulation.ip(of: number)):7000@17000,,tls-port=0,shard-id=\(shard) ",
                    "master - 0 0 \(number + 1) connected \(start)-\(end - 1)\n"
                )
            )
        }
    }

    func nodesConfiguration(of number: Int) -> String {
        var text = ""
        for (other, line) in lines.enumerated() {
            text += line.head + (other == number ? "myself," : "") + line.tail
        }
        return text + "vars currentEpoch \(lines.count) lastVoteEpoch 0\n"
    }
}
