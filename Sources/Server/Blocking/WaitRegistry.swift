// Who waits for which key of one shard, and which of these keys may serve somebody now.

internal import Keyspace
internal import Protocol

/// Thread: the shard's, or whoever holds all shards.
struct WaitRegistry {
    /// Those who wait for a key, who came first first.
    private struct Queue {
        var waits: [Wait] = []
        /// How many of them want to know also when the key is gone.
        var goneCount = 0
    }

    private var queues: [AwaitedKey: Queue] = [:]
    /// Waits that this shard keeps.
    private(set) var deadlines = Deadlines<Wait>()
    private var ready: [Wait.Item] = []
    private var readyKeys: Set<AwaitedKey> = []
    /// Keys that are in transit, or whose waits lead to some that are.
    private var deferred: [Wait.Item] = []
    /// Whether a ready key has a wait that reaches for several shards.
    private(set) var needsEverything = false
    /// The version of the slot map by which all waits are in the right place.
    var checkedMapVersion = 0

    var isEmpty: Bool { queues.isEmpty }
    var hasReady: Bool { !ready.isEmpty }
    var keyCount: Int { queues.count }
    var goneKeyCount: Int { queues.values.count { $0.goneCount > 0 } }
    var hasDeferred: Bool { !deferred.isEmpty }

    /// Every wait once, for who looks at all of them.
    var all: [Wait] {
        var seen: Set<ObjectIdentifier> = []
        return queues.values.flatMap(\.waits).filter { seen.insert(ObjectIdentifier($0)).inserted }
    }

    // MARK: Coming and going

    mutating func add(_ wait: Wait, shard: Int) {
        for item in wait.items where item.shard == shard {
            // A key that is named twice is waited for once.
            guard queues[item.key]?.waits.last !== wait else { continue }
            queues[item.key, default: Queue()].waits.append(wait)
            if wait.alsoWhenGone { queues[item.key]?.goneCount += 1 }
        }
        if wait.deadline != nil, wait.keeper == shard { deadlines.insert(wait) }
    }

    mutating func remove(_ wait: Wait, shard: Int) {
        for item in wait.items where item.shard == shard {
            guard let index = queues[item.key]?.waits.firstIndex(where: { $0 === wait }) else { continue }
            queues[item.key]?.waits.remove(at: index)
            if wait.alsoWhenGone { queues[item.key]?.goneCount -= 1 }
            if queues[item.key]?.waits.isEmpty == true { queues[item.key] = nil }
        }
        if wait.deadline != nil, wait.keeper == shard { deadlines.remove(wait) }
    }

    /// Has a wait that this shard keeps be tried again at `time`.
    mutating func setRetryTime(_ time: Int64?, of wait: Wait) {
        guard time != wait.retryTime else { return }
        if wait.deadline != nil { deadlines.remove(wait) }
        wait.retryTime = time
        if wait.deadline != nil { deadlines.insert(wait) }
    }

    // MARK: Ready keys

    /// Notes that a key was changed, if somebody waits for it; says whether it did.
    mutating func note(_ key: Key, database: Int) -> Bool {
        let awaited = AwaitedKey(database: database, hash: key.hash)
        guard let queue = queues[awaited], readyKeys.insert(awaited).inserted else { return false }
        ready.append(Wait.Item(key: awaited, bytes: key.bytes.array, shard: 0))
        if queue.waits.contains(where: \.isSpread) { needsEverything = true }
        return true
    }

    /// The same for all keys of a database, or of all where nil.
    mutating func noteAll(of database: Int?) -> Bool {
        for (key, queue) in queues where database == nil || key.database == database {
            guard let item = queue.waits[0].items.first(where: { $0.key == key }) else { continue }
            if readyKeys.insert(key).inserted { ready.append(item) }
            if queue.waits.contains(where: \.isSpread) { needsEverything = true }
        }
        return hasReady
    }

    /// The keys that are ready, in the order in which they became so; they are it no longer.
    mutating func takeReady() -> [Wait.Item] {
        defer { (ready, readyKeys, needsEverything) = ([], [], false) }
        return ready
    }

    mutating func putOff(_ item: Wait.Item) { deferred.append(item) }

    /// Makes ready what was put off.
    mutating func resumeDeferred() {
        for item in deferred { makeReady(item) }
        deferred = []
    }

    /// Has those look again who wait for a key, if there are any.
    mutating func makeReady(_ item: Wait.Item) {
        guard let queue = queues[item.key], readyKeys.insert(item.key).inserted else { return }
        ready.append(item)
        if queue.waits.contains(where: \.isSpread) { needsEverything = true }
    }

    /// The wait at `index` in the queue of a key.
    ///
    /// - Parameter isGone: only those are asked for who want to know that the key is gone.
    func wait(at index: Int, for key: AwaitedKey, isGone: Bool) -> Wait? {
        guard let queue = queues[key], index < queue.waits.count, !isGone || queue.goneCount > 0 else { return nil }
        return queue.waits[index]
    }
}
