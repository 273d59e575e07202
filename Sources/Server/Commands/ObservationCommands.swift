// SLOWLOG, LATENCY and MONITOR: what the server did, and how long it took.

internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

enum ObservationCommands {
    static let all = [slowlog, latency, monitor]

    private static let flags: CommandFlags = [.admin, .loading, .stale]

    static let monitor = Command(
        "monitor",
        "Shows every command that runs from now on.",
        arity: .exactly(1),
        flags: [.admin, .noscript, .loading, .stale],
        group: .server,
        since: "1.0.0",
        complexity: "",
        place: .everywhere
    ) { call throws(CommandError) in
        call.node.addMonitor(call.client)
        call.reply.ok()
    }

    // MARK: SLOWLOG

    static let slowlog = Command(
        "slowlog",
        "Shows commands that took long.",
        group: .server,
        since: "2.2.12",
        helpSince: "6.2.0",
        subcommands: [slowlogGet, slowlogLength, slowlogReset]
    )

    static let slowlogGet = Command(
        "slowlog|get",
        "Shows the newest slow commands; -1 for all.",
        arity: .atLeast(2),
        flags: flags,
        group: .server,
        since: "2.2.12",
        history: ["4.0.0": "Shows the client's address and name."],
        complexity: "O(N) where N is the number of entries returned",
        tips: ["request_policy:all_nodes", "nondeterministic_output"],
        place: .everywhere,
        syntax: "[<count:integer>]"
    ) { call throws(CommandError) in
        guard call.arguments.count <= 3 else { return call.replySubcommandSyntax() }
        var limit = Int64(10)
        if call.arguments.count == 3 {
            limit = try call.integer(2)
            guard limit >= -1 else { throw .text("ERR count should be greater than or equal to -1") }
        }
        let entries = call.node.slowlogEntries.prefix(limit < 0 ? .max : Int(limit))
        call.reply.array(entries.count)
        for entry in entries {
            call.reply.array(6)
            call.reply.integer(entry.number)
            call.reply.integer(entry.unixSeconds)
            call.reply.integer(entry.microseconds)
            call.reply.array(entry.arguments.count)
            for argument in entry.arguments { argument.withBytes { call.reply.bulk($0) } }
            call.reply.bulk(entry.address)
            entry.clientName.withBytes { call.reply.bulk($0) }
        }
    }

    static let slowlogLength = Command(
        "slowlog|len",
        "Tells how many slow commands are kept.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "2.2.12",
        tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        place: .everywhere
    ) { call throws(CommandError) in
        call.reply.integer(call.node.slowlogEntries.count)
    }

    static let slowlogReset = Command(
        "slowlog|reset",
        "Forgets the slow commands.",
        arity: .exactly(2),
        flags: flags,
        group: .server,
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries in the slowlog",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        place: .everywhere
    ) { call throws(CommandError) in
        for executor in call.node.executors { executor.slowlog.clear() }
        call.reply.ok()
    }

    // MARK: LATENCY

    static let latency = Command(
        "latency",
        "Shows what held the server up.",
        group: .server,
        since: "2.8.13",
        subcommands: [latencyLatest, latencyHistory, latencyReset, latencyGraph, latencyDoctor, latencyHistogram]
    )

    /// A subcommand of LATENCY: all are about every shard.
    private static func latencySubcommand(
        _ name: String,
        _ summary: String,
        arity: Command.Arity,
        since: String = "2.8.13",
        complexity: String = "O(1)",
        tips: [StaticString] = ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        syntax: String = "",
        _ body: @escaping Command.Body
    ) -> Command {
        Command(
            name,
            summary,
            arity: arity,
            flags: [.admin, .noscript, .loading, .stale],
            group: .server,
            since: since,
            complexity: complexity,
            tips: tips,
            place: .everywhere,
            syntax: syntax,
            body
        )
    }

    static let latencyLatest = latencySubcommand(
        "latency|latest",
        "Shows the last stall of every kind, and the longest.",
        arity: .exactly(2)
    ) { call throws(CommandError) in
        let events = call.node.latencyEvents.sorted { $0.key < $1.key }
        call.reply.array(events.count)
        for (name, event) in events {
            call.reply.array(4)
            call.reply.bulk(name)
            call.reply.integer(event.samples.last?.unixSeconds ?? 0)
            call.reply.integer(event.samples.last?.milliseconds ?? 0)
            call.reply.integer(event.longest)
        }
    }

    static let latencyHistory = latencySubcommand(
        "latency|history",
        "Shows the stalls of one kind.",
        arity: .exactly(3),
        syntax: "<event>"
    ) { call throws(CommandError) in
        let samples = call.node.latencyEvents[call.arguments[2].text]?.samples ?? []
        call.reply.array(samples.count)
        for sample in samples {
            call.reply.array(2)
            call.reply.integer(sample.unixSeconds)
            call.reply.integer(sample.milliseconds)
        }
    }

    static let latencyReset = latencySubcommand(
        "latency|reset",
        "Forgets the stalls of some kinds, or of all.",
        arity: .atLeast(2),
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        syntax: "[<event>...]"
    ) { call throws(CommandError) in
        let names = call.arguments.from(2).arrays.map(\.text)
        let known = names.isEmpty ? Array(call.node.latencyEvents.keys) : names
        var count = 0
        for name in known {
            let counts = call.node.executors.map { $0.latency.reset(name) }
            count += counts.contains { $0 > 0 } ? 1 : 0
        }
        call.reply.integer(count)
    }

    static let latencyGraph = latencySubcommand(
        "latency|graph",
        "Draws the stalls of one kind.",
        arity: .exactly(3),
        syntax: "<event>"
    ) { call throws(CommandError) in
        let name = call.arguments[2].text
        guard let event = call.node.latencyEvents[name] else {
            return call.reply.error("ERR No samples available for event '\(name)'")
        }
        call.reply.verbatim(LatencyReport.graph(name, event, now: call.keyspace.now / 1000))
    }

    static let latencyDoctor = latencySubcommand(
        "latency|doctor",
        "Says in words what held the server up.",
        arity: .exactly(2)
    ) { call throws(CommandError) in
        let node = call.node
        let isOn = node.configuration.latencyMonitorThresholdMilliseconds > 0
        call.reply.verbatim(LatencyReport.advice(node.latencyEvents, isMonitorOn: isOn))
    }

    static let latencyHistogram = latencySubcommand(
        "latency|histogram",
        "Shows how long calls of commands took.",
        arity: .atLeast(2),
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands with latency information being retrieved.",
        syntax: "[<command>...]"
    ) { call throws(CommandError) in
        let node = call.node
        let asked = call.arguments.from(2).arrays.map { $0.text.lowercased() }
        let chosen =
            asked.isEmpty
            ? node.table.all
            : asked.flatMap { name -> [Command] in
                guard let command = node.table.all.first(where: { $0.name == name }) else { return [] }
                return command.shownSubcommands.isEmpty ? [command] : command.shownSubcommands
            }
        let opening = call.reply.openArray()
        var count = 0
        for command in chosen {
            guard let histogram = node.histogram(of: command) else { continue }
            count += 1
            call.reply.bulk(command.name)
            replyHistogram(call, histogram)
        }
        call.reply.closeMap(opening, pairs: count)
    }

    private static func replyHistogram(_ call: Call, _ histogram: LatencyHistogram) {
        call.reply.map(2)
        call.reply.bulk("calls")
        call.reply.integer(Int64(histogram.total))
        call.reply.bulk("histogram_usec")
        let opening = call.reply.openArray()
        var (bound, previous, steps) = (Int64(1), UInt64(0), 0)
        while previous < histogram.total, bound < 1 << 40 {
            let count = histogram.count(upTo: Double(call.node.ticks.ticks(microseconds: bound)) * 1.07)
            if count > previous {
                call.reply.integer(bound)
                call.reply.integer(Int64(count))
                steps += 1
                previous = count
            }
            bound *= 2
        }
        call.reply.closeMap(opening, pairs: steps)
    }
}

extension Node {
    /// Newest first. In an exclusive section, as all that looks at every executor.
    var slowlogEntries: [Slowlog.Entry] {
        Array(
            executors.flatMap(\.slowlog.entries).sorted { $0.number > $1.number }
                .prefix(configuration.slowlogMaxLength)
        )
    }

    /// The stalls of all threads by their kind.
    var latencyEvents: [String: LatencyMonitor.Event] {
        var all: [String: LatencyMonitor.Event] = [:]
        for executor in executors {
            all.merge(executor.latency.events) { first, second in
                let samples = (first.samples + second.samples).sorted { $0.unixSeconds < $1.unixSeconds }
                return LatencyMonitor.Event(
                    samples: Array(samples.suffix(160)),
                    longest: max(first.longest, second.longest)
                )
            }
        }
        return all
    }

    /// The durations of a command's calls on all threads; nil where there were none.
    func histogram(of command: Command) -> LatencyHistogram? {
        let parts = executors.compactMap { $0.statistics.histogram(command.index) }
        guard let first = parts.first else { return nil }
        guard parts.count > 1 else { return first }
        let sum = LatencyHistogram()
        parts.forEach { sum.add($0) }
        return sum
    }
}
