// TIME, LOLWUT, SHUTDOWN and MEMORY.

internal import CSystem
internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

enum ServerCommands {
    static let all = [time, lolwut, shutdown, memory]

    static let time = Command(
        "time",
        "Tells the server's time: seconds and microseconds.",
        arity: .exactly(1),
        flags: [.loading, .stale, .fast],
        group: .server,
        since: "2.6.0",
        tips: ["nondeterministic_output"],
        place: .anywhere
    ) { call throws(CommandError) in
        let now = Clock.unixMicroseconds()
        call.reply.array(2)
        call.reply.bulk(now / 1_000_000)
        call.reply.bulk(now % 1_000_000)
    }

    static let lolwut = Command(
        "lolwut",
        "Draws a flock, and tells the version.",
        arity: .atLeast(1),
        flags: [.readonly, .fast],
        group: .server,
        since: "5.0.0",
        complexity: "",
        place: .anywhere,
        syntax: "[VERSION <version:integer>]"
    ) { call throws(CommandError) in
        var (width, height) = (60, 12)
        if call.arguments.count > 2, call.arguments[1].isWord("VERSION") {
            _ = try call.integer(2)
        } else {
            if call.arguments.count > 1 { width = Int(min(max(try call.integer(1), 10), 200)) }
            if call.arguments.count > 2 { height = Int(min(max(try call.integer(2), 4), 60)) }
        }
        var generator = SystemRandomNumberGenerator()
        let sky = Flock.drawing(width: width, height: height, using: &generator)
        call.reply.verbatim("\(sky)\nRedis ver. \(Product.compatibleVersion) (\(Product.name) \(Product.version))\n")
    }

    static let shutdown = Command(
        "shutdown",
        "Ends the server.",
        arity: .atLeast(1),
        flags: [.admin, .noscript, .loading, .stale, .noMulti, .allowBusy],
        group: .server,
        since: "1.0.0",
        history: ["7.0.0": "Takes `NOW`, `FORCE` and `ABORT`."],
        complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, "
            + "otherwise O(1)",
        place: .everywhere,
        syntax: """
            [abort-selector(save-selector-block{[save-selector(NOSAVE | SAVE)] [NOW@7.0.0] [FORCE@7.0.0]} |
            ABORT@7.0.0)]
            """
    ) { call throws(CommandError) in
        var (saves, savesNot, aborts) = (false, false, false)
        for index in 1..<call.arguments.count {
            let word = call.arguments[index]
            if word.isWord("SAVE") {
                saves = true
            } else if word.isWord("NOSAVE") {
                savesNot = true
            } else if word.isWord("ABORT") {
                aborts = true
            } else if !word.isWord("NOW") && !word.isWord("FORCE") {
                throw .syntax
            }
        }
        guard !(saves && savesNot), !(aborts && call.arguments.count > 2) else { throw .syntax }
        if aborts { throw .text("ERR No shutdown in progress.") }
        if saves { throw .text("ERR Persistence is not built yet: only SHUTDOWN NOSAVE can end the server.") }
        call.node.log.warning("User requested shutdown...")
        call.node.end()
    }

    // MARK: MEMORY

    static let memory = Command(
        "memory",
        "Tells what takes memory.",
        group: .server,
        since: "4.0.0",
        subcommands: [usage, statistics, doctor, purge, allocatorStatistics]
    )

    static let usage = Command(
        "memory|usage",
        "Tells how many bytes a key and its value take.",
        arity: .atLeast(3),
        keys: .one(at: 2, [.readOnly]),
        flags: .readonly,
        group: .server,
        since: "4.0.0",
        complexity: "O(N) where N is the number of samples.",
        syntax: "<key:key> [SAMPLES <count:integer>]"
    ) { call throws(CommandError) in
        switch call.arguments.count {
        case 3: break
        case 5 where call.arguments[3].isWord("SAMPLES"):
            guard try call.integer(4) >= 0 else { throw .syntax }
        default: throw .syntax
        }
        let key = call.key(2)
        let keyspace = call.keyspace(of: key)
        guard let entry = keyspace.lookup(key, in: call.database, touching: false) else { return call.reply.null() }
        call.reply.integer(keyspace.memoryUsage(of: entry))
    }

    static let doctor = Command(
        "memory|doctor",
        "Says in words what is wrong with the memory.",
        arity: .exactly(2),
        flags: [],
        group: .server,
        since: "4.0.0",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        place: .everywhere
    ) { call throws(CommandError) in
        let memory = MemoryReport(node: call.node)
        var findings: [String] = []
        if memory.used < 5 << 20 {
            return call.reply.verbatim("There is too little data here to judge by: less than 5 MB.\n")
        }
        if memory.peak > memory.used * 3 / 2 {
            findings.append("The peak was \(human(memory.peak)), now \(human(memory.used)) are used: pages are kept.")
        }
        if memory.resident > memory.used * 7 / 5 {
            findings.append("The process holds \(human(memory.resident)) for \(human(memory.used)): fragmentation.")
        }
        if memory.active - memory.allocated > max(10 << 20, memory.allocated / 10) {
            let percent = (memory.active - memory.allocated) * 100 / memory.allocated
            findings.append("\(percent)% lie unused between blocks: CONFIG SET activedefrag yes moves these together.")
        }
        if memory.clients > memory.used / 2 {
            findings.append("Buffers of clients take \(human(memory.clients)): look for slow readers.")
        }
        call.reply.verbatim(findings.isEmpty ? "Nothing is wrong.\n" : findings.map { "* \($0)\n" }.joined())
    }

    static let purge = Command(
        "memory|purge",
        "Gives free pages back to the system.",
        arity: .exactly(2),
        flags: [],
        group: .server,
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
        place: .everywhere
    ) { call throws(CommandError) in
        apus_purge_allocator()
        for shard in call.node.shards { _ = shard.keyspace.releaseMemory(budget: .max, keepsSome: false) }
        call.reply.ok()
    }

    static let allocatorStatistics = Command(
        "memory|malloc-stats",
        "Shows the allocator's own figures.",
        arity: .exactly(2),
        flags: [],
        group: .server,
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        place: .everywhere
    ) { call throws(CommandError) in
        apus_refresh_allocator_statistics()
        let names = ["allocated", "active", "metadata", "resident", "mapped", "retained"]
        let lines = names.map { unsafe "\($0): \(apus_allocator_statistic("stats.\($0)"))\n" }
        call.reply.verbatim("jemalloc\n" + lines.joined())
    }

    static let statistics = Command(
        "memory|stats",
        "Shows what takes memory, as numbers.",
        arity: .exactly(2),
        flags: [],
        group: .server,
        since: "4.0.0",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        place: .everywhere
    ) { call throws(CommandError) in
        let memory = MemoryReport(node: call.node)
        let keys = call.node.shards.reduce(0) { sum, shard in
            sum + (0..<shard.keyspace.databaseCount).reduce(0) { $0 + shard.keyspace.count(in: $1) }
        }
        let numbers: [(String, Int)] = [
            ("peak.allocated", memory.peak), ("total.allocated", memory.used),
            ("startup.allocated", memory.startup), ("replication.backlog", 0), ("clients.slaves", 0),
            ("clients.normal", memory.clients), ("cluster.links", 0), ("aof.buffer", 0), ("lua.caches", 0),
            ("functions.caches", 0), ("overhead.total", memory.overhead), ("keys.count", keys),
            ("keys.bytes-per-key", memory.dataset / max(1, keys)), ("dataset.bytes", memory.dataset),
            ("allocator.allocated", memory.allocated), ("allocator.active", memory.active),
            ("allocator.resident", memory.allocatorResident),
            ("allocator-fragmentation.bytes", memory.active - memory.allocated),
            ("allocator-rss.bytes", memory.allocatorResident - memory.active),
            ("rss-overhead.bytes", memory.resident - memory.allocatorResident),
            ("fragmentation.bytes", memory.resident - memory.used),
        ]
        let ratios: [(String, Double)] = [
            ("dataset.percentage", Double(memory.dataset) * 100 / Double(max(1, memory.used - memory.startup))),
            ("peak.percentage", Double(memory.used) * 100 / Double(max(1, memory.peak))),
            ("allocator-fragmentation.ratio", Double(memory.active) / Double(max(1, memory.allocated))),
            ("allocator-rss.ratio", Double(memory.allocatorResident) / Double(max(1, memory.active))),
            ("rss-overhead.ratio", Double(memory.resident) / Double(max(1, memory.allocatorResident))),
            ("fragmentation", Double(memory.resident) / Double(max(1, memory.used))),
        ]
        call.reply.map(numbers.count + ratios.count)
        for (name, value) in numbers {
            call.reply.bulk(name)
            call.reply.integer(value)
        }
        for (name, value) in ratios {
            call.reply.bulk(name)
            call.reply.double(value)
        }
    }
}

/// The drawing of LOLWUT: swifts in the evening sky.
private enum Flock {
    static func drawing(width: Int, height: Int, using generator: inout some RandomNumberGenerator) -> String {
        var sky = Array(repeating: Array(repeating: Character(" "), count: width), count: height)
        for _ in 0..<(width * height / 24) {
            let (row, column) = (
                Int.random(in: 0..<height, using: &generator),
                Int.random(in: 0..<(width - 3), using: &generator)
            )
            // A bird far away is a tilde, a near one shows its wings.
            let bird = Array(["~", "v", "\\v/", "-v-"][Int.random(in: 0..<4, using: &generator)])
            for (offset, feather) in bird.enumerated() { sky[row][column + offset] = feather }
        }
        return sky.map { String($0) }.joined(separator: "\n")
    }
}
