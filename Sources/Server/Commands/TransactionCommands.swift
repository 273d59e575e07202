// MULTI, EXEC, DISCARD, WATCH and UNWATCH.

internal import Commands
internal import Keyspace
internal import Protocol

enum TransactionCommands {
    static let all = [multi, exec, discard, watch, unwatch]

    static let multi = Command(
        "multi",
        "Begins a transaction: what follows is queued until EXEC.",
        arity: .exactly(1),
        flags: [.noscript, .loading, .stale, .fast, .allowBusy, .transactional],
        group: .transactions,
        since: "1.2.0",
        categories: ["transaction"],
        place: .anywhere
    ) { call throws(CommandError) in
        // The mistake costs nothing: what was queued stays queued.
        guard call.client.transaction == nil else { throw .text("ERR MULTI calls can not be nested") }
        call.client.transaction = Transaction()
        call.client.obstacles.insert(.transaction)
        call.reply.ok()
    }

    static let exec = Command(
        "exec",
        "Runs the queued commands in one go.",
        arity: .exactly(1),
        flags: [.noscript, .loading, .stale, .skipSlowlog, .transactional],
        group: .transactions,
        since: "1.2.0",
        complexity: "Depends on commands in the transaction",
        categories: ["transaction"],
        place: .transaction
    ) { call throws(CommandError) in
        call.executor.runTransaction(call.client)
    }

    static let discard = Command(
        "discard",
        "Forgets the queued commands.",
        arity: .exactly(1),
        flags: [.noscript, .loading, .stale, .fast, .allowBusy, .transactional],
        group: .transactions,
        since: "2.0.0",
        complexity: "O(N), when N is the number of queued commands",
        categories: ["transaction"],
        place: .transaction
    ) { call throws(CommandError) in
        guard call.client.transaction != nil else { throw .text("ERR DISCARD without MULTI") }
        call.executor.endTransaction(call.client)
        call.reply.ok()
    }

    static let watch = Command(
        "watch",
        "Makes the next EXEC depend on keys staying as they are.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly]),
        flags: [.noscript, .loading, .stale, .fast, .allowBusy, .transactional],
        group: .transactions,
        since: "2.2.0",
        complexity: "O(1) for every key.",
        categories: ["transaction"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        let client = call.client
        guard client.transaction == nil else { throw .text("ERR WATCH inside MULTI is not allowed") }
        guard client.watch?.isVoid != true else { return call.reply.ok() }
        var items = client.watch?.items ?? []
        for index in 1..<call.arguments.count {
            let key = call.key(index)
            let watched = Watch.WatchedKey(database: call.database, bytes: key.bytes.array)
            guard !items.contains(where: { $0.key == watched }) else { continue }
            let wasThere = call.keyspace(of: key).contains(key, in: call.database)
            items.append(Watch.Item(key: watched, shard: call.node.shard(ofSlot: key.slot), wasThere: wasThere))
        }
        call.executor.watch(items, client)
        call.reply.ok()
    }

    static let unwatch = Command(
        "unwatch",
        "Takes all watches back.",
        arity: .exactly(1),
        flags: [.noscript, .loading, .stale, .fast, .allowBusy],
        group: .transactions,
        since: "2.2.0",
        categories: ["transaction"],
        place: .transaction
    ) { call throws(CommandError) in
        call.executor.unwatch(call.client)
        call.reply.ok()
    }
}
