// An entry on its way: from one key, database or shard to another, or out of the keyspace.

internal import Protocol

/// An entry that no table holds: whoever has it owns it, and it is freed when nobody attaches it.
///
/// Memory: counted to the shard it was taken from until it is attached to another. It must be gone before that shard's
/// keyspace is. Thread: that of the keyspace; between two shards, of whoever holds both in an exclusive section.
@safe
public struct DetachedEntry: ~Copyable {
    private let entry: Entry
    private let memory: Memory

    init(_ entry: Entry, memory: Memory) {
        self.entry = entry
        self.memory = memory
    }

    deinit { entry.free(to: memory) }

    /// Lends the entry.
    public func withEntry<Result, Failure: Error>(
        _ body: (Entry) throws(Failure) -> Result
    ) throws(Failure) -> Result { try body(entry) }

    /// Gives the entry up to the caller, as an entry of `key` that is counted to `destination`.
    consuming func release(as key: Key, to destination: Memory) -> Entry {
        let (entry, memory) = (entry, memory)
        discard self
        if entry.hasKey(key.bytes) {
            memory.handOver(entry.usedBytes, to: destination)
            return entry
        }
        let renamed = Entry.make(key.bytes, expiry: entry.expiry, payload: entry.payload, memory: destination)
        renamed.access = entry.access
        memory.handOver(entry.outsideUsedBytes, to: destination)
        entry.freeShell(to: memory)
        return renamed
    }
}

extension Keyspace {
    /// Takes the entry of `key` out.
    public func take(_ key: Key, in database: Int) -> DetachedEntry? {
        guard let place = find(key, in: database, writing: true) else { return nil }
        return DetachedEntry(takeOut(place, slot: key.slot, in: database), memory: memory)
    }

    /// A copy of the entry of `key`, with its expiry.
    public func duplicate(_ key: Key, in database: Int) -> DetachedEntry? {
        guard let entry = find(key, in: database)?.entry else { return nil }
        return detached(entry.payload.copy(in: environment), key: entry.key, expiry: entry.expiry)
    }

    /// An entry that takes `payload` over.
    func detached(_ payload: Payload, key: Bytes, expiry: Int64?) -> DetachedEntry {
        let entry = Entry.make(key, expiry: expiry, payload: payload, memory: memory)
        entry.access = firstAccess
        return DetachedEntry(entry, memory: memory)
    }

    /// Puts `detached` under `key`, in place of what may be there; it may come from the keyspace of another shard.
    ///
    /// With `take` and `duplicate` this is RENAME, COPY and MOVE, within a shard and between two.
    ///
    /// - Parameter key: its bytes do not lie in this keyspace.
    public func attach(_ detached: consuming DetachedEntry, as key: Key, in database: Int) {
        remove(key, in: database)
        insert(detached.release(as: key, to: memory), key, in: database)
    }
}
