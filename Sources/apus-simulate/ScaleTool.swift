// Measures a large cluster and prints one line of JSON, which Tests/scale/plot.py makes tables and plots of.

import ArgumentParser
import Cluster
import Glibc
import Simulator

struct ScaleTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Measures traffic, the spread of news, and what a node costs in a cluster of many."
    )

    enum Rules: String, ExpressibleByArgument { case classic, frugal, mixed }

    @Option(help: "How many nodes.") var nodes = 100
    @Option(help: "classic: as Redis and Valkey gossip; frugal: as Apus does; mixed: every other node.")
    var rules = Rules.frugal
    @Option(help: "The seed.") var seed: UInt64 = 1
    @Option(help: "cluster-node-timeout in seconds.") var timeout: Int64 = 15
    @Option(help: "cluster-heartbeat-bandwidth in bytes per second, 0 for none.") var ceiling = 0
    @Flag(help: "With cluster-primary-lease, whose PINGs Redis and Valkey do not send.") var lease = false
    @Option(help: "How many nodes die at once, after the one.") var mass = 0
    @Option(help: "Seconds of steady traffic to measure.") var seconds: Int64 = 15
    @Flag(help: "Nothing but the traffic: neither newcomer nor failures.") var trafficOnly = false

    func run() async throws {
        let rules = rules
        let (ceiling, lease) = (ceiling, lease)
        var measurement = Measurement(nodeCount: nodes, seed: seed, nodeTimeout: .seconds(timeout)) {
            number,
            configuration in
            let isClassic = rules == .classic || rules == .mixed && number % 2 == 0
            configuration.gossipRules = isClassic ? .classic : .frugal
            configuration.needsLease = lease
            configuration.heartbeatBytesPerSecond = isClassic ? 0 : ceiling
        }
        measurement.run(for: .seconds(2 * timeout))
        let start = cpuSeconds
        let events = measurement.cluster.eventCount
        let traffic = measurement.traffic(over: seconds)
        let cpu = cpuSeconds - start
        let perEvent = cpu / Double(measurement.cluster.eventCount - events)
        let memory = Double(residentBytes) / Double(nodes)
        note(
            "traffic: \(Int(traffic.bytes)) bytes, \(traffic.packets) packets; \(cpu) s of CPU, \(perEvent * 1e6) µs an event"
        )
        var fields: [(String, String)] = [
            ("rules", "\"\(rules)\""), ("nodes", "\(nodes)"), ("timeout", "\(timeout)"), ("ceiling", "\(ceiling)"),
            ("lease", "\(lease)"),
            ("packets", rounded(traffic.packets)), ("bytes", rounded(traffic.bytes)),
            ("greatest_bytes", rounded(traffic.greatestBytes)),
            ("cpu_ms_per_second", rounded(cpu * 1000 / Double(nodes) / Double(seconds))),
            ("memory", rounded(memory)),
        ]
        if !trafficOnly { fields += news(&measurement) }
        if mass > 0 { fields += massFailure(&measurement) }
        print("{" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
    }

    private func news(_ measurement: inout Measurement) -> [(String, String)] {
        let newcomer = measurement.timeOfNewcomer()
        note("newcomer: \(text(newcomer.known)), knows all: \(text(newcomer.knowing))")
        let failed = measurement.timeToFail([nodes / 3], silently: true)
        note("silent failure: \(text(failed))")
        measurement.run(for: .seconds(timeout))
        let crashed = measurement.timeToFail([nodes / 2], silently: false)
        note("crash: \(text(crashed))")
        return [
            ("newcomer", text(newcomer.known)), ("newcomer_knows", text(newcomer.knowing)), ("failed", text(failed)),
            ("crashed", text(crashed)),
        ]
    }

    private func massFailure(_ measurement: inout Measurement) -> [(String, String)] {
        measurement.run(for: .seconds(timeout))
        let victims = measurement.cluster.running.filter { $0 > 0 && $0 < nodes }.suffix(mass)
        var copy = measurement
        let failed = copy.timeToFail(Array(victims), silently: true)
        note("\(mass) at once: \(text(failed))")
        for victim in victims { measurement.kill(victim) }
        // While it is noticed, reported and settled: what the ceiling is for.
        measurement.run(for: .seconds(timeout))
        let traffic = measurement.traffic(over: 2 * timeout)
        note(
            "traffic meanwhile: \(Int(traffic.heartbeatBytes)) bytes of heartbeats, at most \(Int(traffic.greatestHeartbeatBytes))"
        )
        return [
            ("mass", "\(mass)"), ("mass_failed", text(failed)), ("mass_bytes", rounded(traffic.heartbeatBytes)),
            ("mass_greatest_bytes", rounded(traffic.greatestHeartbeatBytes)),
        ]
    }

    private func text(_ duration: Duration?) -> String {
        guard let duration else { return "null" }
        return rounded(duration / .seconds(1))
    }

    private func rounded(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }

    private func note(_ text: String) {
        let line = Array("\(nodes) \(rules): \(text)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    }

    private var cpuSeconds: Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private var residentBytes: Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard unsafe fgets(&text, 128, file) != nil else { return 0 }
        let words = text.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        return words.count > 1 ? (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * 4096 : 0
    }
}
