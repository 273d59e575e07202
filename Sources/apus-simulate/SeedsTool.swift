// Seed after seed, on all cores: the first that fails is shown with what led to it and how to run it again.

import ArgumentParser
import Simulator

struct SeedsTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seeds",
        abstract: "Lets clusters suffer faults and administrators, by seeds, and checks what must hold."
    )

    @Option(help: "How many seeds to run.") var seeds: UInt64 = 200
    @Option(help: "The first seed.") var first: UInt64 = 0
    @Option(help: "How many nodes a cluster has; by default from 3 to 24, by the seed.") var nodes: Int?
    @Option(help: "Virtual minutes per seed.") var minutes: Int = 10
    @Option(help: "How many seeds to run at a time.") var jobs: Int = 2

    struct Outcome: Sendable {
        let seed: UInt64
        let failure: Ordeal.Failure?
        let fingerprint: UInt64
        let eventCount: UInt64
    }

    func run() async throws {
        var (events, fingerprint, failures) = (UInt64(0), UInt64(0), 0)
        await withTaskGroup(of: Outcome.self) { group in
            var next = first
            let end = first + seeds
            while next < min(end, first + UInt64(jobs)) {
                add(next, to: &group)
                next += 1
            }
            while let outcome = await group.next() {
                if next < end {
                    add(next, to: &group)
                    next += 1
                }
                events += outcome.eventCount
                // Whatever order the seeds end in, the sum is one.
                fingerprint &+= outcome.fingerprint
                guard let failure = outcome.failure else { continue }
                failures += 1
                print("\n== seed \(outcome.seed)\n\(failure)\nreplay: \(replay(outcome.seed))")
            }
        }
        let hexadecimal = String(fingerprint, radix: 16)
        print("\(seeds) seeds, \(events) events, \(failures) failed, fingerprint \(hexadecimal)")
        if failures > 0 { throw ExitCode.failure }
    }

    private func add(_ seed: UInt64, to group: inout TaskGroup<Outcome>) {
        let (nodes, minutes) = (nodes, minutes)
        group.addTask {
            var ordeal = Ordeal(seed: seed, nodeCount: nodes, duration: .seconds(60 * minutes))
            let failure = ordeal.run()
            return Outcome(
                seed: seed,
                failure: failure,
                fingerprint: ordeal.cluster.fingerprint,
                eventCount: ordeal.cluster.eventCount
            )
        }
    }

    private func replay(_ seed: UInt64) -> String {
        var command = "./test simulate --first \(seed) --seeds 1 --minutes \(minutes)"
        if let nodes { command += " --nodes \(nodes)" }
        return command
    }
}
