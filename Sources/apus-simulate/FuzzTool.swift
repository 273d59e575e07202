// Hostile packets by the million, on all cores: what Tests/ClusterTests has room for a few thousand of.

import ArgumentParser
import Cluster
import Simulator

struct FuzzTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuzz",
        abstract: "Sends mutated packets of real servers to a node, from strangers and in the names of members."
    )

    @Option(help: "How many packets in all.") var packets = 1_000_000
    @Option(help: "The first seed; each victim has one of its own.") var first: UInt64 = 0
    @Option(help: "Packets to a victim.") var perVictim = 10_000
    @Option(help: "How many victims at a time.") var jobs = 2

    func run() async throws {
        let (perVictim, first) = (perVictim, first)
        let victims = UInt64((packets + perVictim - 1) / perVictim)
        var failures = 0
        await withTaskGroup(of: (UInt64, String?).self) { group in
            var next = first
            func add() {
                guard next < first + victims else { return }
                let seed = next
                next += 1
                group.addTask { (seed, FuzzTool.attack(seed: seed, packets: perVictim)) }
            }
            for _ in 0..<jobs { add() }
            while let (seed, finding) = await group.next() {
                add()
                guard let finding else { continue }
                failures += 1
                print("seed \(seed): \(finding)\nreplay: apus-simulate fuzz --first \(seed) --packets \(perVictim)")
            }
        }
        print("\(victims) seeds, \(victims * UInt64(perVictim)) packets, \(failures) failed")
        if failures > 0 { throw ExitCode.failure }
    }

    /// Nil if the victim bore it.
    private static func attack(seed: UInt64, packets: Int) -> String? {
        var cluster = Simulation(seed: seed, nodeCount: 4)
        do {
            for number in 0..<4 {
                let share = Array(Slot.count * number / 4..<Slot.count * (number + 1) / 4)
                try cluster.administer(number) { (state, now) throws(ClusterError) in
                    try state.addSlots(share, at: now)
                }
            }
            for number in 1..<4 { try cluster.meet(0, number) }
            guard cluster.run(within: .seconds(60), until: { $0.allKnow(4) && $0.allNodesAgree }) else {
                return "the cluster did not form"
            }
            var traffic = HostileTraffic(seed: seed, victim: cluster[0], at: cluster.time(of: 0))
            try traffic.run(packets: packets)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
