// What groups still have to do with an entry: it may be pending, or be handed out yet. Who deletes it can ask.

/// What becomes of the groups' references to an entry that is to be deleted.
public enum ReferenceRule: Sendable {
    /// It stays pending where it is.
    case keep
    /// It is pending nowhere any more.
    case remove
    /// It is deleted only when every group has been handed it, and has acknowledged it.
    case needNone
}

extension StreamValue {
    /// Whether every group has been handed the entry, and none has it pending.
    public func isSettled(_ id: StreamID) -> Bool {
        var isSettled = true
        forEachGroup { if $0.lastID < id || $0.pendingEntry(id) != nil { isSettled = false } }
        return isSettled
    }

    /// Makes the entry pending nowhere.
    public func removeReferences(to id: StreamID) { forEachGroup { acknowledge(id, in: $0) } }

    /// What deleting an entry came to.
    public enum Deletion: Sendable {
        case deleted, notThere
        /// A group has still to be handed it, or to acknowledge it.
        case isReferenced
    }

    public func delete(_ id: StreamID, _ rule: ReferenceRule) -> Deletion {
        if rule == .remove { removeReferences(to: id) }
        if rule == .needNone, contains(id), !isSettled(id) { return .isReferenced }
        return delete(id) ? .deleted : .notThere
    }

    /// Removes the oldest entries, as far as `rule` allows; where it needs to look at each of them, `isApproximate` does not
    /// leave more than without it.
    ///
    /// - Returns: how many were removed.
    public func trim(to goal: TrimGoal, isApproximate: Bool, limit: Int, _ rule: ReferenceRule) -> Int {
        switch rule {
        case .keep: return trim(to: goal, isApproximate: isApproximate, limit: limit)
        case .remove:
            let candidates = surplus(over: goal, limit: limit) { _ in true }
            let removed = trim(to: goal, isApproximate: isApproximate, limit: limit)
            for id in candidates.prefix(removed) { removeReferences(to: id) }
            return removed
        case .needNone:
            let settled = surplus(over: goal, limit: limit, isSettled)
            // Those that stay between them make gaps, as XDEL does.
            for id in settled { _ = delete(id) }
            return settled.count
        }
    }

    /// The oldest entries that are `allowed`, as many as there are too many.
    private func surplus(over goal: TrimGoal, limit: Int, _ allowed: (StreamID) -> Bool) -> [StreamID] {
        var most = limit > 0 ? limit : Int.max
        if case .greatestCount(let kept) = goal { most = min(most, count - kept) }
        var found: [StreamID] = []
        guard most > 0 else { return found }
        forEach { entry in
            if case .leastID(let least) = goal, entry.id >= least { return false }
            if allowed(entry.id) { found.append(entry.id) }
            return found.count < most
        }
        return found
    }
}
