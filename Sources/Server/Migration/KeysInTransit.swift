// Keys on their way to another server: nobody touches them between the copy that is sent and the target's answer.

internal import Commands
internal import Keyspace
internal import Protocol

/// The keys of one shard that are in transit, by their hashes. Two keys that share one make somebody wait in vain, once
/// in 2⁶⁴; no key is forgotten. Thread: the shard's, or anyone's in an exclusive section.
struct KeysInTransit {
    private var counts: [UInt64: Int] = [:]
    /// Whether a command had to wait since the last release.
    var isAwaited = false

    var isEmpty: Bool { counts.isEmpty }

    func contains(_ hash: UInt64) -> Bool { counts[hash] != nil }

    mutating func hold(_ hash: UInt64) { counts[hash, default: 0] += 1 }

    mutating func release(_ hash: UInt64) {
        guard let count = counts[hash] else { preconditionFailure("a key that is not in transit arrives") }
        counts[hash] = count > 1 ? count - 1 : nil
    }
}

extension Executor {
    /// Whether a command must wait for keys to arrive, or to come back. What writes to all keys waits for any key.
    ///
    /// - Precondition: the executor reaches the command's keys.
    func waitsForTransit(_ command: Command, _ arguments: Arguments, _ client: Client) -> Bool {
        let executors = holdsEverything ? node.shards.map(\.executor) : [self]
        let busy = executors.filter { !$0.transit.isEmpty }
        guard !busy.isEmpty else { return false }
        let isHeld =
            if command.name == "exec" {
                (client.transaction?.queued ?? []).contains { touches(busy, $0.command, $0.arguments.arguments) }
            } else {
                touches(busy, command, arguments)
            }
        if isHeld { busy.forEach { $0.transit.isAwaited = true } }
        return isHeld
    }

    private func touches(_ busy: [Executor], _ command: Command, _ arguments: Arguments) -> Bool {
        if case .everywhere = command.place, command.flags.contains(.write) { return true }
        var touches = false
        command.forEachKey(in: arguments) { index in
            let hash = keyspace.key(arguments[index]).hash
            if busy.contains(where: { $0.transit.contains(hash) }) { touches = true }
        }
        return touches
    }

    /// Lets those go on who waited for keys of this shard. They may be anywhere: each shard lets its own try again.
    func wakeWaitersForTransit() {
        guard transit.isAwaited else { return }
        transit.isAwaited = false
        for shard in node.shards { shard.mailbox.post(.perform { $0.resumePostponed() }) }
    }
}
