// Blocks between shards: a key that moves to another shard takes its memory along, which comes home when it is freed there.

internal import Synchronization

/// Blocks that other shards have given back: for each size class a list like that of a chunk, which they push to and the
/// owner empties.
///
/// Thread: any.
@safe
struct Homecomers {
    private let lists: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        unsafe lists = .allocate(capacity: SizeClass.count)
        for index in 0..<SizeClass.count { unsafe (lists + index).initialize(to: Atomic(0)) }
    }

    func dispose() { unsafe lists.deallocate() }

    func push(_ block: UnsafeMutableRawPointer, _ index: Int) {
        var first = unsafe lists[index].load(ordering: .relaxed)
        while true {
            unsafe block.storeBytes(of: first, as: UInt.self)
            let result = unsafe lists[index].weakCompareExchange(
                expected: first,
                desired: UInt(bitPattern: block),
                ordering: .releasing
            )
            if result.exchanged { return }
            first = result.original
        }
    }

    func isEmpty(_ index: Int) -> Bool { unsafe lists[index].load(ordering: .relaxed) == 0 }

    /// The first block of all that have come; each begins with the address of the next.
    func takeAll(_ index: Int) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: lists[index].exchange(0, ordering: .acquiring))
    }
}
