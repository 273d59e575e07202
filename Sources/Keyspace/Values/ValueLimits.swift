// Up to which size a collection is kept compact, and what a stream remembers: Redis's thresholds, with its defaults.

/// What `hash-max-listpack-entries` and its like say; counts of elements, and bytes.
public struct ValueLimits: Sendable, Equatable {
    public var hashListpackCount = 512
    public var hashListpackByteCount = 64
    public var setIntegerCount = 512
    public var setListpackCount = 128
    public var setListpackByteCount = 64
    public var sortedSetListpackCount = 128
    public var sortedSetListpackByteCount = 64
    /// Positive: elements of a node of a list; −1 … −5: 4, 8, 16, 32 or 64 kB of it.
    public var listNodeSize = -2
    /// How many nodes at each end of a list are never compressed; 0: none is anywhere.
    public var listCompressDepth = 0
    /// An element of a list that takes as many bytes is kept in a node of its own, however large nodes may be; no directive
    /// sets it, but DEBUG QUICKLIST-PACKED-THRESHOLD does.
    public var listAloneByteCount = Int.max
    public var streamNodeByteCount = 4096
    public var streamNodeCount = 100
    public var streamMessages = MessageLimits(seconds: 100, count: 100)
    public var sparseHyperLogLogByteCount = 3000

    public init() {}
}
