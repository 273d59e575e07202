// The keys that eviction has seen and would give up next.

internal import Protocol

/// The best candidates of those offered, so that a good one is not forgotten because a better one was there.
///
/// A candidate may be gone when its turn comes: it names an entry by its address, which is looked for where the entry was
/// before anything is read there.
///
/// Source of the idea: the pool of Redis's eviction since 3.0.
struct EvictionPool {
    struct Candidate {
        let entry: Entry
        let hash: UInt64
        let database: Int
        let slot: Int
        /// The higher, the sooner it goes.
        let worth: UInt64
    }

    static let capacity = 16

    /// The best last.
    private var candidates: [Candidate] = []

    var isEmpty: Bool { candidates.isEmpty }

    /// Whether one of this worth would be taken in.
    @inline(__always)
    func admits(_ worth: UInt64) -> Bool { candidates.count < Self.capacity || worth > candidates[0].worth }

    mutating func offer(_ candidate: Candidate) {
        guard admits(candidate.worth) else { return }
        if candidates.contains(where: { unsafe $0.entry.base == candidate.entry.base }) { return }
        if candidates.count == Self.capacity { candidates.removeFirst() }
        let index = candidates.firstIndex { $0.worth > candidate.worth } ?? candidates.count
        candidates.insert(candidate, at: index)
    }

    mutating func popBest() -> Candidate? { candidates.popLast() }

    mutating func removeAll() { candidates.removeAll(keepingCapacity: true) }
}
