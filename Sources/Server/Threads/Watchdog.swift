// Whether the shards are alive: a node whose shard is stuck must not go on telling the others that it is well.

internal import Synchronization

/// When a shard last passed a safe point. Written by the shard, read by the cluster's thread.
final class Pulse: Sendable {
    private let beat = Atomic<Int64>(0)
    private let keys = Atomic<Int>(0)

    /// How many keys the shard has, as of its last turn; kept in cluster mode only.
    var keyCount: Int {
        get { keys.load(ordering: .relaxed) }
        set { keys.store(newValue, ordering: .relaxed) }
    }

    func mark(_ milliseconds: Int64) { beat.store(milliseconds, ordering: .relaxed) }
    var last: Int64 { beat.load(ordering: .relaxed) }
}

/// Compares the shards' pulses with a limit. Times are monotonic milliseconds.
struct Watchdog {
    struct Change {
        let isAlive: Bool
        let stuckShards: [Int]
    }

    private let pulses: [Pulse]
    private var isAlive = true
    /// When this check itself ran last: if the whole process stood still, no shard is to blame.
    private var lastCheck: Int64?

    init(shards: [Pulse]) { pulses = shards }

    /// - Returns: what is new, if anything is.
    mutating func check(at now: Int64, limit: Int64) -> Change? {
        defer { lastCheck = now }
        if let lastCheck, now - lastCheck > limit / 2 {
            pulses.forEach { $0.mark(now) }
        }
        let stuck = pulses.indices.filter { pulses[$0].last != 0 && now - pulses[$0].last > limit }
        guard stuck.isEmpty != isAlive else { return nil }
        isAlive = stuck.isEmpty
        return Change(isAlive: isAlive, stuckShards: stuck)
    }
}
