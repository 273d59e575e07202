// The groups of a stream: who reads it, how far, and what is pending.

public import Protocol

extension StreamValue {
    public var groupCount: Int { log.groupCount }

    public func group(named name: Bytes) -> StreamGroup? { log.group(named: name) }

    /// Visits the groups in the order of their names.
    public func forEachGroup(_ body: (StreamGroup) -> Void) { log.forEachGroup(body) }

    /// Takes in a group of a name that the stream does not have.
    @discardableResult
    public func addGroup(_ name: Bytes, lastID: StreamID, entriesRead: Int64?) -> StreamGroup {
        let group = StreamGroup(name: name, lastID: lastID, entriesRead: entriesRead, memory: memory)
        log.add(group, memory: memory)
        return group
    }

    public func remove(_ group: StreamGroup) { log.remove(group, memory: memory) }

    // MARK: How far a group has read

    /// The group has been handed the entry with `id`, which lies behind all that it had before.
    public func noteRead(_ id: StreamID, by group: StreamGroup) {
        let state = state
        if let read = group.entriesRead, group.lastID >= state.firstID, !mayHaveGaps(from: group.lastID) {
            group.entriesRead = read &+ 1
        } else if state.entriesAdded != 0 {
            group.entriesRead = entriesUpTo(id)
        }
        group.lastID = id
    }

    /// How many entries the group has still to be handed; nil where nobody can tell.
    public func lag(of group: StreamGroup) -> Int64? {
        let state = state
        guard state.entriesAdded != 0 else { return 0 }
        if let read = group.entriesRead, !mayHaveGaps(from: group.lastID) { return state.entriesAdded &- read }
        return entriesUpTo(group.lastID).map { state.entriesAdded &- $0 }
    }

    /// Whether an entry from `id` on may have been deleted out of the middle.
    private func mayHaveGaps(from id: StreamID) -> Bool {
        let state = state
        return state.count > 0 && state.maxDeletedID != .zero && id <= state.maxDeletedID
    }

    /// How many entries of all that there ever were stand up to `id`; nil where deletions hide it.
    public func entriesUpTo(_ id: StreamID) -> Int64? {
        let state = state
        guard state.entriesAdded != 0 else { return 0 }
        if state.count == 0, id <= state.lastID { return state.entriesAdded }
        // An id in a gap that a deletion may have left says nothing.
        if id != .zero, id < state.maxDeletedID { return nil }
        if id == state.lastID { return state.entriesAdded }
        guard id < state.lastID, state.maxDeletedID == .zero || state.maxDeletedID < state.firstID else { return nil }
        if id < state.firstID { return state.entriesAdded &- Int64(state.count) }
        return id == state.firstID ? state.entriesAdded &- Int64(state.count) &+ 1 : nil
    }

    // MARK: Consumers

    /// Takes in a consumer of a name that the group does not have.
    public func addConsumer(_ name: Bytes, to group: StreamGroup, seen: Int64, active: Int64) -> StreamConsumer {
        group.addConsumer(name, seenTime: seen, activeTime: active, memory: memory)
    }

    /// Removes a consumer with all that is pending with it.
    public func remove(_ consumer: StreamConsumer, from group: StreamGroup) { group.remove(consumer, memory: memory) }

    // MARK: Pending entries

    /// Notes that an entry was handed out, in place of what may be known of it.
    public func put(_ entry: PendingEntry, in group: StreamGroup) { group.put(entry, memory: memory) }

    /// Changes what is known of a pending entry; its consumer stays.
    public func update(_ entry: PendingEntry, in group: StreamGroup) { group.update(entry, memory: memory) }

    /// Notes that a pending entry, or one that is to be treated like one, was given back: it is nobody's.
    public func release(_ entry: PendingEntry, in group: StreamGroup) { group.release(entry, memory: memory) }

    /// Visits what was given back, and then what was handed out at `time` or before, whatever was first first, until
    /// `body`, which changes nothing, says that it has enough.
    ///
    /// - Complexity: O(*n*) in what is pending when it is first asked of a group.
    public func forEachPending(of group: StreamGroup, deliveredBy time: Int64, _ body: (PendingEntry) -> Bool) {
        group.orderDeliveries(memory: memory)
        guard let order = group.deliveries else { return }
        order.visit(in: 0..<order.count) { delivery in
            guard let entry = group.pendingEntry(delivery.id), entry.consumer == nil || delivery.stamp <= time else {
                return false
            }
            return body(entry)
        }
    }

    /// Says whether the entry was pending.
    @discardableResult
    public func acknowledge(_ id: StreamID, in group: StreamGroup) -> Bool { group.acknowledge(id, memory: memory) }
}

extension StreamGroup {
    /// Visits the consumers in the order of their names.
    public func forEachConsumer(_ body: (StreamConsumer) -> Void) { consumers.forEach(in: 0..<consumerCount, body) }

    public var firstPendingID: StreamID? { pendingCount == 0 ? nil : pending[0].id }
    public var lastPendingID: StreamID? { pendingCount == 0 ? nil : pending[pendingCount - 1].id }

    /// The first pending entry from `id` on.
    public func pendingEntry(from id: StreamID) -> PendingEntry? {
        pending.first(behind: PendingOrder.Place(before: id))?.element
    }

    /// How many pending entries are nobody's.
    public var releasedCount: Int {
        var count = pendingCount
        forEachConsumer { count -= $0.pendingCount }
        return count
    }

    /// Visits the pending entries that are nobody's, in the order of their ids.
    public func forEachReleased(_ body: (PendingEntry) -> Void) {
        var left = releasedCount
        guard left > 0 else { return }
        forEachPending { entry in
            if entry.consumer == nil {
                body(entry)
                left -= 1
            }
            return left > 0
        }
    }

    /// Visits pending entries from `first` to `last`, of one consumer or of all, until `body` says that it has enough;
    /// `body` changes nothing but the entry's time and count, by `update`.
    public func forEachPending(
        from first: StreamID = .zero,
        through last: StreamID = .greatest,
        of consumer: StreamConsumer? = nil,
        _ body: (PendingEntry) -> Bool
    ) {
        guard let consumer else {
            var place = pending.first(behind: PendingOrder.Place(before: first))
            while let here = place, here.element.id <= last, body(here.element) { place = pending.next(after: here) }
            return
        }
        var place = consumer.pending.first(behind: IDOrder.Place(before: first))
        while let here = place, here.element <= last {
            guard let entry = pendingEntry(here.element) else {
                preconditionFailure("a consumer's entry is not the group's")
            }
            guard body(entry) else { return }
            place = consumer.pending.next(after: here)
        }
    }

    fileprivate func update(_ entry: PendingEntry, memory: Memory) {
        guard let place = pending.first(behind: PendingOrder.Place(before: entry.id)), place.element.id == entry.id
        else {
            preconditionFailure("an entry is not pending")
        }
        noteDelivery(of: entry, insteadOf: place.element, memory: memory)
        place.leaf[place.index] = entry
    }
}
