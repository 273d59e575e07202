// Finding lists, sets, sorted sets, hashes and streams for a command: of the right type, or not at all.

internal import Keyspace
internal import Protocol

extension Call {
    /// The value under `key` for a command that reads: counted among hits and misses.
    func read<Value: AggregateValue>(_ key: Key, as type: Value.Type) throws(CommandError) -> Value? {
        guard let entry = read(key) else { return nil }
        return try view(entry, of: key)
    }

    /// The value under `key` for a command that may change it.
    func find<Value: AggregateValue>(_ key: Key, as type: Value.Type) throws(CommandError) -> Value? {
        guard let entry = lookup(key) else { return nil }
        return try view(entry, of: key)
    }

    /// The value under `key`; where there is none a new one without elements, to be filled by the caller.
    func findOrMake<Value: AggregateValue>(_ key: Key, as type: Value.Type) throws(CommandError) -> Value {
        try find(key, as: type) ?? make(key, as: type)
    }

    /// A new value without elements under `key`, where nothing is.
    func make<Value: AggregateValue>(_ key: Key, as type: Value.Type) -> Value {
        withKeyspace(of: key) { $0.make(type, under: key, in: database) }
    }

    /// Removes `key` if the command took the last element of `value`; says whether it did.
    @discardableResult
    func removeIfEmpty(_ value: some AggregateValue, _ key: Key) -> Bool {
        guard value.count == 0 else { return false }
        withKeyspace(of: key) { _ = $0.remove(key, in: database) }
        return true
    }

    /// Puts the value that `fill` makes under `key` in place of what is there, or removes the key where it stays without
    /// elements; replies how many elements it has.
    ///
    /// - Parameter fill: is given a value without elements; may read what is under `key`.
    func store<Value: AggregateValue>(_ type: Value.Type, under key: Key, _ fill: (Value) -> Void) {
        let keyspace = keyspace(of: key)
        let result = keyspace.makeDetached(type, key: key.bytes, fill)
        let count = result.withEntry { Value(entry: $0, keyspace: keyspace).count }
        if count > 0 {
            keyspace.attach(result, as: key, in: database)
            didChange(key)
        } else if keyspace.remove(key, in: database) {
            didChange(key)
        }
        reply.integer(count)
    }

    private func view<Value: AggregateValue>(_ entry: Entry, of key: Key) throws(CommandError) -> Value {
        guard entry.type == Value.type else { throw .wrongType }
        return withKeyspace(of: key) { Value(entry: entry, keyspace: $0) }
    }
}
