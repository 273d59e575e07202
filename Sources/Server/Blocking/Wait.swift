// A client that waits for keys: the command that could not be served, and when it gives up.

internal import Commands
internal import Keyspace
internal import Protocol

/// A key of a database, as those who wait for it name it: by its hash. Two keys that share one make somebody try in vain,
/// once in 2⁶⁴; nobody is forgotten.
struct AwaitedKey: Hashable {
    let database: Int
    let hash: UInt64
}

/// The command of a client that waits.
///
/// Thread: that of its *keeper*, the shard of the first key that it waits for. A wait that is *spread* has keys on several
/// shards, and is touched only by who holds them all.
final class Wait: Timed, @unchecked Sendable {
    struct Item {
        let key: AwaitedKey
        let bytes: [UInt8]
        let shard: Int
    }

    let client: Client
    let command: Command
    private let owned: OwnedArguments
    let items: [Item]
    let type: ValueType
    let alsoWhenGone: Bool
    /// When it ends in any case, in Unix milliseconds; nil: never.
    let end: Int64?
    /// When it is tried again in any case; its keeper's registry alone sets it.
    var retryTime: Int64?
    let keeper: Int
    let isSpread: Bool
    /// What its attempts took so far, of the processor's counter.
    var ticks: UInt64
    /// Among the deadlines of its keeper.
    var place = 0

    init(_ request: WaitRequest, _ command: Command, _ arguments: Arguments, _ client: Client, on executor: Executor) {
        self.client = client
        self.command = command
        if request.replacements.isEmpty {
            owned = OwnedArguments(copying: arguments)
        } else {
            var words = arguments.arrays
            for (index, text) in request.replacements { words[index] = text }
            owned = OwnedArguments(words)
        }
        let node = executor.node
        items = request.keys.map { index in
            let key = executor.keyspace.key(arguments[index])
            let awaited = AwaitedKey(database: client.database, hash: key.hash)
            return Item(key: awaited, bytes: key.bytes.array, shard: node.shard(ofSlot: key.slot))
        }
        type = request.type
        alsoWhenGone = request.alsoWhenGone
        (end, retryTime) = (request.deadline, request.retryTime)
        keeper = items[0].shard
        // Not only those that are waited for: a command that is tried again reaches for all.
        var shards: Set<Int> = []
        command.forEachKey(in: arguments) { shards.insert(node.shard(ofSlot: hashSlot(of: arguments[$0]))) }
        isSpread = shards.count > 1
        ticks = 0
    }

    var arguments: Arguments { owned.arguments }

    /// When its keeper is to look after it.
    var deadline: Int64? {
        guard let end, let retryTime else { return end ?? retryTime }
        return min(end, retryTime)
    }
}
