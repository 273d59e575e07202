// What an executor does when keys change: it tells those who watch them, and those who wait for them.

internal import Commands
internal import Keyspace
internal import Protocol

extension Executor: CallHost {
    /// Whether anybody wants to know which keys of this thread change.
    var isObserved: Bool { !watchers.isEmpty || !waits.isEmpty || keyspace.accessRecord == .clockOfChanges }

    /// Has the call tell of changes as long as anybody wants to know of them.
    func observersDidChange() { if !holdsEverything { call.hasWatchers = isObserved } }

    /// A key was given up, as memory is short.
    func keyWasEvicted(_ key: Bytes, database: Int) {
        if call.hasWatchers { keyDidChange(keyspace.key(key), database: database) }
    }

    func keyDidChange(_ key: Key, database: Int) {
        let executor = owner(of: key)
        if !executor.watchers.isEmpty { executor.watchers.keyDidChange(key.bytes, database: database) }
        noteForWaits(of: executor, key, database: database)
    }

    func keyMayServe(_ key: Key, database: Int) { noteForWaits(of: owner(of: key), key, database: database) }

    /// The executor of the shard that has the key, whoever runs.
    private func owner(of key: Key) -> Executor {
        holdsEverything ? node.shards[node.shard(ofSlot: key.slot)].executor : self
    }

    private func noteForWaits(of executor: Executor, _ key: Key, database: Int) {
        if !executor.waits.isEmpty, executor.waits.note(key, database: database) { call.needsAttention = true }
    }

    func databaseDidChange(_ database: Int?) {
        let executors = holdsEverything ? node.shards.map(\.executor) : [self]
        for executor in executors {
            executor.watchers.databaseDidChange(database) { watched in
                watched.bytes.withBytes { executor.keyspace.contains(executor.keyspace.key($0), in: watched.database) }
            }
            if !executor.waits.isEmpty, executor.waits.noteAll(of: database) { call.needsAttention = true }
        }
    }

    /// Has those look again who wait for a key that is gone now; without a command that does it, the shard sees to it.
    func noteExpired(_ key: Bytes, database: Int) {
        if !waits.isEmpty { noteForWaits(of: self, keyspace.key(key), database: database) }
    }
}
