// What a shard does against the fragmentation of its memory, between commands.

internal import Configuration
internal import Keyspace

extension Shard {
    /// Sees whether there is so much to gain that a pass is to begin.
    func decideDefragmentation() {
        let (unused, used) = keyspace.fragmentation
        if defragmenter.decide(unused: unused, used: used, at: Clock.monotonicNanoseconds()) {
            keyspace.beginDefragmentation()
        }
    }

    func defragmentationDidChange(_ configuration: Configuration) {
        defragmenter.policy = DefragmentationPolicy(configuration, shardCount: node.shardCount)
        if !defragmenter.policy.isOn { keyspace.cutDefragmentationShort() }
    }

    /// Goes on with the pass, if there is one and it is time.
    ///
    /// - Returns: when to come again, in Unix milliseconds.
    func defragment() -> Int64 {
        guard keyspace.isDefragmenting else { return .max }
        let start = Clock.monotonicNanoseconds()
        if defragmenter.maySpend(at: start) {
            var (now, goesOn) = (start, true)
            while goesOn, now - start < max(1, defragmenter.policy.sliceNanoseconds) {
                goesOn = keyspace.defragmentSlice(budget: Self.defragmentedBlocksAtOnce)
                now = Clock.monotonicNanoseconds()
            }
            defragmenter.noteSpent(now - start)
            executor.noteStall("active-defrag-cycle", microseconds: (now - start) / 1000)
            guard goesOn else {
                defragmenter.passEnded(unused: keyspace.fragmentation.unused, at: now)
                return .max
            }
        }
        return keyspace.now + (defragmenter.pause + 999_999) / 1_000_000
    }

    /// Between two looks at the clock: some 20 µs.
    private static let defragmentedBlocksAtOnce = 100
}

extension Node {
    /// The greatest of what the shards say of their defragmentation.
    func greatest(_ value: (Defragmenter) -> Int64) -> Int64 { shards.map { value($0.defragmenter) }.max() ?? 0 }

    /// What all shards together have moved.
    var defragmentationTally: DefragmentationTally {
        shards.reduce(DefragmentationTally()) { $0 + $1.keyspace.defragmentationTally }
    }
}
