// Commands that took long, the last of them, as SLOWLOG shows them.

internal import Commands
internal import Keyspace
internal import Protocol

/// The slow commands that one thread ran; a shard's own, so that noting one costs no lock.
struct Slowlog {
    struct Entry {
        let number: Int64
        let unixSeconds: Int64
        let microseconds: Int64
        let arguments: [[UInt8]]
        let address: String
        let clientName: [UInt8]
    }

    /// Oldest first.
    private(set) var entries: [Entry] = []

    mutating func add(_ entry: Entry, keeping limit: Int) {
        entries.append(entry)
        if entries.count > limit { entries.removeFirst(entries.count - limit) }
    }

    mutating func clear() { entries = [] }

    /// Arguments as they are kept: at most 32, each at most 128 bytes, the rest told in words.
    static func trimmed(_ arguments: Arguments, hiding secrets: Secrets) -> [[UInt8]] {
        let (mostArguments, mostBytes) = (32, 128)
        var kept: [[UInt8]] = []
        for index in 0..<min(arguments.count, mostArguments) {
            if index == mostArguments - 1, arguments.count > mostArguments {
                kept.append(Array("... (\(arguments.count - mostArguments + 1) more arguments)".utf8))
            } else if secrets.cover(index, of: arguments) {
                kept.append(Array(Secrets.cover.description.utf8))
            } else if arguments[index].count > mostBytes {
                let more = "... (\(arguments[index].count - mostBytes) more bytes)"
                kept.append(arguments[index][0..<mostBytes].array + Array(more.utf8))
            } else {
                kept.append(arguments[index].array)
            }
        }
        return kept
    }
}

extension Executor {
    /// Notes a command that took longer than `slowlog-log-slower-than`, and tells the latency monitor.
    @inline(never)
    func noteSlow(_ command: Command, _ arguments: Arguments, _ ticks: UInt64, _ client: Client) {
        let microseconds = Int64(node.ticks.microseconds(ticks))
        noteStall(command.flags.contains(.fast) ? "fast-command" : "command", microseconds: microseconds)
        guard settings.slowlogMicroseconds >= 0, microseconds >= settings.slowlogMicroseconds,
            !command.flags.contains(.skipSlowlog)
        else { return }
        let entry = Slowlog.Entry(
            number: node.nextSlowlogNumber(),
            unixSeconds: keyspace.now / 1000,
            microseconds: microseconds,
            arguments: Slowlog.trimmed(arguments, hiding: command.secrets),
            address: client.address,
            clientName: client.name
        )
        slowlog.add(entry, keeping: settings.slowlogLength)
    }

    /// Tells the latency monitor, if it is on, of what took so long that it wants to know.
    func noteStall(_ event: String, microseconds: Int64) {
        guard settings.latencyMonitorMilliseconds > 0, microseconds >= settings.latencyMonitorMilliseconds * 1000 else {
            return
        }
        latency.note(event, milliseconds: microseconds / 1000, unixSeconds: keyspace.now / 1000)
    }
}

/// The longest recent stalls by their cause, as LATENCY shows them.
struct LatencyMonitor {
    struct Event {
        /// Second and its longest stall in milliseconds, oldest first, 160 at the most.
        var samples: [(unixSeconds: Int64, milliseconds: Int64)] = []
        var longest: Int64 = 0
    }

    private(set) var events: [String: Event] = [:]

    mutating func note(_ name: String, milliseconds: Int64, unixSeconds: Int64) {
        var event = events[name] ?? Event()
        event.longest = max(event.longest, milliseconds)
        if let last = event.samples.last, last.unixSeconds == unixSeconds {
            event.samples[event.samples.count - 1].milliseconds = max(last.milliseconds, milliseconds)
        } else {
            event.samples.append((unixSeconds, milliseconds))
            if event.samples.count > 160 { event.samples.removeFirst() }
        }
        events[name] = event
    }

    /// Forgets `name`, or everything where it is nil; returns how many events were forgotten.
    mutating func reset(_ name: String?) -> Int {
        guard let name else {
            defer { events = [:] }
            return events.count
        }
        return events.removeValue(forKey: name) == nil ? 0 : 1
    }
}
