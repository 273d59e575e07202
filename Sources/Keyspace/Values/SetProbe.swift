// Looking for many members in one set: where it is a listpack, through an index that lives as long as the command.

internal import Protocol

/// A set that is asked for members again and again, and does not change meanwhile.
///
/// A listpack has to be gone through for each question. With as many questions as it has members, that takes longer than to
/// write down first where each of them is.
public struct SetProbe {
    private let set: SetValue
    /// Offsets in the listpack, each at the place that its member's hash names or one of the next; 0 is free. None where the
    /// set is asked itself.
    private var offsets: [UInt32] = []

    /// Below, an index costs more than it saves.
    private static let leastCount = 16

    /// - Parameter count: about how many members will be asked for.
    public init(_ set: SetValue, askedFor count: Int) {
        self.set = set
        guard case .listpack(let pack) = set.form, min(pack.count, count) >= Self.leastCount else { return }
        var capacity = 2 * Self.leastCount
        while capacity < 2 * pack.count { capacity *= 2 }
        offsets = Array(repeating: 0, count: capacity)
        var offset = pack.first
        while let here = offset {
            let place = pack[here].withBytes { firstPlace(for: $0) { _ in false } }
            offsets[place] = UInt32(here)
            offset = pack.next(after: here)
        }
    }

    /// - Parameter member: an integer stands for its text.
    public func contains(_ member: StringValue) -> Bool {
        guard !offsets.isEmpty, case .listpack(let pack) = set.form else { return set.contains(member) }
        return member.withBytes { bytes in
            let place = firstPlace(for: bytes) { pack[$0].withBytes { $0.isEqual(to: bytes) } }
            return offsets[place] != 0
        }
    }

    /// The place with the offset that `isSought`, or the free one where the search for it ends.
    @inline(__always)
    private func firstPlace(for member: Bytes, _ isSought: (Int) -> Bool) -> Int {
        var place = Int(truncatingIfNeeded: set.hash(member)) & (offsets.count - 1)
        while offsets[place] != 0, !isSought(Int(offsets[place])) { place = (place + 1) & (offsets.count - 1) }
        return place
    }
}
