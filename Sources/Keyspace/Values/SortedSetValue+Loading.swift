// Sorted sets to files, and from bytes that nobody vouches for: no member twice, no score that is no number.

public import Protocol

extension SortedSetValue {
    /// The members and scores of a set that is a listpack, lent until its next change.
    public var listpack: Listpack? { isSmall ? pack : nil }

    /// Takes in a member from outside; false where it is there already, or where its score is no number.
    public func load(_ member: Bytes, score: Double) -> Bool {
        guard !score.isNaN, find(member) == nil else { return false }
        insert(member, score: score)
        return true
    }

    /// Makes the bytes of a listpack from outside the value of this empty set; false where they are not those of a sorted
    /// set.
    public func load(listpack bytes: Bytes) -> Bool {
        guard Listpack.isValid(bytes), count == 0 else { return false }
        let loaded = Listpack(reading: bytes).copy(in: .bare, to: keyspace.memory)
        guard let shape = loaded.sortedSetShape(hasher: keyspace.environment.hasher) else {
            loaded.free(to: keyspace.memory)
            return false
        }
        let limits = keyspace.limits
        if shape.isOrdered, shape.hasDifferentMembers, shape.count <= limits.sortedSetListpackCount,
            shape.longestMember <= limits.sortedSetListpackByteCount
        {
            pack.free(to: keyspace.memory)
            pack = loaded
            return true
        }
        defer { loaded.free(to: keyspace.memory) }
        prepare(for: shape.count, ofBytes: shape.longestMember)
        var offset = loaded.first
        while let here = offset {
            guard loaded[here].withBytes({ load($0, score: loaded.score(behind: here)) }) else { return false }
            offset = loaded.next(after: loaded.end(of: here))
        }
        return true
    }
}

/// What a listpack from outside is like.
private struct SortedSetShape {
    var count = 0
    var longestMember = 0
    var isOrdered = true
    /// By their hashes: where it says no, some may be the same.
    var hasDifferentMembers = true
}

extension Listpack {
    /// Whether each member comes behind the one before it.
    var isOrderedByScore: Bool {
        sortedSetShape(hasher: KeyHasher(seed: 0))?.isOrdered ?? false
    }

    /// Nil where the elements are not members with scores.
    fileprivate func sortedSetShape(hasher: KeyHasher) -> SortedSetShape? {
        var shape = SortedSetShape()
        var hashes: [UInt64] = []
        var previous: Int?
        var offset = first
        while let here = offset {
            let scoreOffset = end(of: here)
            guard scoreOffset < endOffset, isScore(at: scoreOffset) else { return nil }
            self[here].withBytes { member in
                shape.longestMember = max(shape.longestMember, member.count)
                hashes.append(hasher.hash(of: member))
                if let previous, !isBefore(previous, score(behind: here), member) { shape.isOrdered = false }
            }
            shape.count += 1
            previous = here
            offset = next(after: scoreOffset)
        }
        hashes.sort()
        shape.hasDifferentMembers = zip(hashes, hashes.dropFirst()).allSatisfy { $0 != $1 }
        return shape
    }

    private func isScore(at offset: Int) -> Bool {
        guard case .bytes(let text) = self[offset] else { return true }
        return parseDouble(text) != nil
    }

    private func isBefore(_ offset: Int, _ score: Double, _ member: Bytes) -> Bool {
        let previous = self.score(behind: offset)
        return previous == score ? self[offset].withBytes { $0.precedes(member) } : previous < score
    }
}
