// A node among liars. `apus-simulate fuzz` sends millions of packets; here are as many as a test may take.

import Simulator
import Testing

@testable import Cluster

@Suite struct `A node under hostile traffic` {
    @Test(arguments: 0..<4)
    func `keeps its tables in order, and strangers out of its slots and epochs`(seed: UInt64) throws {
        let cluster = try formedCluster(seed: seed, nodeCount: 4)
        var traffic = HostileTraffic(seed: seed, victim: cluster[0], at: cluster.time(of: 0))

        try traffic.run(packets: 600)
    }
}
