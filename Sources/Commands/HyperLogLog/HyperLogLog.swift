// Counting different things in little memory: 16384 registers, each of which remembers the longest run of zeros that a
// hash ended with. Kept in a string, byte for byte as Redis keeps it.
//
//     0     4   "HYLL"
//     4     1   0: dense, 1: sparse; then three bytes that are not used
//     8     8   the count when it was last asked for, lowest byte first; its highest bit says that it is out of date
//     16    …   dense: registers of 6 bits, from the lowest bit of the first byte on
//               sparse: runs of registers. 00llllll: l + 1 zeros. 01llllll llllllll: l + 1 zeros. 1vvvvvll: l + 1 times v + 1
//
// - Source: Flajolet and others, “HyperLogLog” (2007); Otmar Ertl, “New cardinality estimation algorithms for HyperLogLog
//   sketches” (2017) for the estimate; the layout as Redis documents it.

internal import Glibc
internal import Keyspace
internal import Protocol

/// A copy of such a string, that can be changed.
struct HyperLogLog {
    private(set) var bytes: [UInt8]

    static let registerCount = 1 << indexBits
    private static let indexBits = 14
    private static let hashBits = 64 - indexBits
    static let headerByteCount = 16
    static let denseByteCount = headerByteCount + registerCount * 6 / 8
    /// The greatest value that a sparse run can have.
    private static let greatestSparseValue: UInt8 = 32
    private static let longestValueRun = 4

    /// Bytes that say sparse but whose runs are not 16384 registers.
    struct Corrupted: Error {}

    /// Without elements: sparse, a single run of zeros.
    init() {
        bytes = Array("HYLL".utf8) + [1] + [UInt8](repeating: 0, count: 11)
        bytes += Run(value: 0, count: Self.registerCount).bytes
    }

    /// - Parameter bytes: see `isValid`.
    init(_ bytes: Bytes) { self.bytes = bytes.array }

    /// Whether `bytes` have the head, and where dense the length, of one.
    static func isValid(_ bytes: Bytes) -> Bool {
        guard bytes.count >= headerByteCount, bytes.word32(at: 0) == 0x4C4C_5948, bytes[4] <= 1 else { return false }
        return bytes[4] == 1 || bytes.count == denseByteCount
    }

    static func isDense(_ bytes: Bytes) -> Bool { bytes[4] == 0 }

    var isDense: Bool { bytes[4] == 0 }

    // MARK: Elements

    /// The register that an element belongs to, and how long a run of zeros its hash has.
    static func place(of element: Bytes) -> (index: Int, value: UInt8) {
        let hash = murmur(element)
        let rest = hash >> UInt64(indexBits) | 1 << UInt64(hashBits)
        return (Int(hash & UInt64(registerCount - 1)), UInt8(rest.trailingZeroBitCount + 1))
    }

    /// MurmurHash64A with the seed that Redis has chosen.
    private static func murmur(_ bytes: Bytes) -> UInt64 {
        let factor: UInt64 = 0xC6A4_A793_5BD1_E995
        var hash = 0xADC8_3B19 ^ (UInt64(bytes.count) &* factor)
        var offset = 0
        while bytes.count - offset >= 8 {
            var word = bytes.word64(at: offset) &* factor
            word = (word ^ word >> 47) &* factor
            hash = (hash ^ word) &* factor
            offset += 8
        }
        if offset < bytes.count {
            for index in offset..<bytes.count { hash ^= UInt64(bytes[index]) << UInt64(8 * (index - offset)) }
            hash = hash &* factor
        }
        hash = (hash ^ hash >> 47) &* factor
        return hash ^ hash >> 47
    }

    /// Raises a register to `value` if it is lower; returns whether it was.
    ///
    /// - Parameter limit: of the bytes of a sparse one; beyond, it becomes dense.
    mutating func raise(_ index: Int, to value: UInt8, sparseLimit limit: Int) throws(Corrupted) -> Bool {
        guard !isDense else { return raiseDense(index, to: value) }
        let (run, offset, first, before) = try run(of: index)
        guard run.value < value else { return false }
        guard value <= Self.greatestSparseValue else { return try raiseAsDense(index, to: value) }

        var replacement: [UInt8] = []
        for part in [
            Run(value: run.value, count: index - first), Run(value: value, count: 1),
            Run(value: run.value, count: first + run.count - 1 - index),
        ] where part.count > 0 {
            replacement += part.bytes
        }
        let growth = replacement.count - run.byteCount
        if growth > 0, bytes.count + growth > limit { return try raiseAsDense(index, to: value) }
        bytes.replaceSubrange(offset..<offset + run.byteCount, with: replacement)
        joinRuns(from: before ?? Self.headerByteCount)
        markOutOfDate()
        return true
    }

    private mutating func raiseAsDense(_ index: Int, to value: UInt8) throws(Corrupted) -> Bool {
        try makeDense()
        return raiseDense(index, to: value)
    }

    private mutating func raiseDense(_ index: Int, to value: UInt8) -> Bool {
        let (low, shift) = Self.densePlace(index)
        let high = min(low + 1, bytes.count - 1)
        let pair = UInt16(bytes[low]) | UInt16(bytes[high]) << 8
        guard UInt8(pair >> shift & 0x3F) < value else { return false }
        let changed = pair & ~(0x3F << shift) | UInt16(value) << shift
        bytes[low] = UInt8(changed & 0xFF)
        if shift > 2 { bytes[high] = UInt8(changed >> 8) }
        markOutOfDate()
        return true
    }

    /// Where a register's lowest bit is.
    static func densePlace(_ index: Int) -> (offset: Int, shift: UInt16) {
        (headerByteCount + index * 6 / 8, UInt16(index * 6 % 8))
    }

    /// The value of a register of a dense one.
    static func denseRegister(_ index: Int, of bytes: Bytes) -> UInt8 {
        let (low, shift) = densePlace(index)
        let high = low + 1 < bytes.count ? UInt16(bytes[low + 1]) << 8 : 0
        return UInt8((UInt16(bytes[low]) | high) >> shift & 0x3F)
    }

    /// The value of a register of a sparse one; nil where the bytes make no sense.
    ///
    /// Most elements were seen before, and this is all that is done for them: so it is no loop over `Run`s.
    static func sparseRegister(_ index: Int, of bytes: Bytes) -> UInt8? {
        var (offset, end) = (headerByteCount, 0)
        while offset < bytes.count {
            let head = bytes[offset]
            offset &+= 1
            if head >= 0x80 {
                end &+= Int(head & 3) &+ 1
                if index < end { return head >> 2 & 0x1F &+ 1 }
            } else if head < 0x40 {
                end &+= Int(head) &+ 1
                if index < end { return 0 }
            } else {
                guard offset < bytes.count else { return nil }
                end &+= (Int(head & 0x3F) << 8 | Int(bytes[offset])) &+ 1
                if index < end { return 0 }
                offset &+= 1
            }
        }
        return nil
    }

    mutating func markOutOfDate() { bytes[15] |= 0x80 }

    // MARK: Runs

    /// Registers of the same value, one behind the other.
    struct Run {
        let value: UInt8
        let count: Int
        /// Whether it is of the form with two bytes.
        var isLong: Bool { value == 0 && count > 64 }
        var byteCount: Int { isReadLong ?? isLong ? 2 : 1 }
        /// Of a run that was read: a long form may hold few.
        private let isReadLong: Bool?

        init(value: UInt8, count: Int) { (self.value, self.count, isReadLong) = (value, count, nil) }

        /// The run at `offset`, which is within the bytes.
        init(_ bytes: Bytes, at offset: Int) throws(Corrupted) {
            let head = bytes[offset]
            switch head {
            case 0..<0x40: (value, count, isReadLong) = (0, Int(head) + 1, false)
            case 0x40..<0x80:
                guard offset + 1 < bytes.count else { throw Corrupted() }
                (value, count, isReadLong) = (0, (Int(head & 0x3F) << 8 | Int(bytes[offset + 1])) + 1, true)
            default: (value, count, isReadLong) = (head >> 2 & 0x1F + 1, Int(head & 3) + 1, false)
            }
        }

        var bytes: [UInt8] {
            if value > 0 { return [0x80 | (value - 1) << 2 | UInt8(count - 1)] }
            return isLong ? [0x40 | UInt8((count - 1) >> 8), UInt8((count - 1) & 0xFF)] : [UInt8(count - 1)]
        }
    }

    /// The run that has the register `index`, where it stands, its first register, and where the run before it stands.
    private func run(of index: Int) throws(Corrupted) -> (run: Run, offset: Int, first: Int, before: Int?) {
        var (offset, first, before): (Int, Int, Int?) = (Self.headerByteCount, 0, nil)
        while offset < bytes.count {
            let here = offset
            let run = try bytes.withBytes { (bytes) throws(Corrupted) in try Run(bytes, at: here) }
            if index < first + run.count { return (run, offset, first, before) }
            before = offset
            offset += run.byteCount
            first += run.count
        }
        throw Corrupted()
    }

    /// Makes one of two runs of the same value, among the few from `start` on.
    private mutating func joinRuns(from start: Int) {
        var (offset, left) = (start, 5)
        while offset < bytes.count, left > 0 {
            left -= 1
            let (head, next) = (bytes[offset], offset + 1 < bytes.count ? bytes[offset + 1] : 0)
            if head & 0x80 == 0 {
                offset += head & 0x40 == 0 ? 1 : 2
                continue
            }
            let count = Int(head & 3) + Int(next & 3) + 2
            if next & 0x80 != 0, head >> 2 == next >> 2, count <= Self.longestValueRun {
                bytes[offset + 1] = head & 0xFC | UInt8(count - 1)
                bytes.remove(at: offset)
            } else {
                offset += 1
            }
        }
    }

    /// Visits the runs of `bytes`, which are sparse or dense: in order, all registers.
    static func forEachRun(of bytes: Bytes, _ body: (Run, _ first: Int) -> Void) throws(Corrupted) {
        if isDense(bytes) {
            for index in 0..<registerCount { body(Run(value: denseRegister(index, of: bytes), count: 1), index) }
            return
        }
        var (offset, first) = (headerByteCount, 0)
        while offset < bytes.count {
            let run = try Run(bytes, at: offset)
            guard first + run.count <= registerCount else { throw Corrupted() }
            body(run, first)
            offset += run.byteCount
            first += run.count
        }
        guard first == registerCount else { throw Corrupted() }
    }

    mutating func makeDense() throws(Corrupted) {
        guard !isDense else { return }
        var dense = HyperLogLog()
        dense.bytes = Array(bytes[0..<Self.headerByteCount])
        dense.bytes[4] = 0
        dense.bytes += [UInt8](repeating: 0, count: Self.denseByteCount - Self.headerByteCount)
        let marks = Array(bytes[8..<16])
        try bytes.withBytes { (bytes) throws(Corrupted) in
            try Self.forEachRun(of: bytes) { run, first in
                guard run.value > 0 else { return }
                for index in first..<first + run.count { _ = dense.raiseDense(index, to: run.value) }
            }
        }
        // It holds the same as before: so the count is as good as it was.
        dense.bytes.replaceSubrange(8..<16, with: marks)
        self = dense
    }

    // MARK: Counting

    /// The count when it was last asked for, if nothing has changed since.
    static func cachedCount(of bytes: Bytes) -> UInt64? {
        let count = bytes.word64(at: 8)
        return count >> 63 == 0 ? count : nil
    }

    static func count(of bytes: Bytes) throws(Corrupted) -> UInt64 {
        var histogram = [Int](repeating: 0, count: 64)
        try forEachRun(of: bytes) { run, _ in histogram[Int(run.value)] += run.count }
        return estimate(histogram)
    }

    /// The estimate for registers of which `histogram[v]` have the value v.
    static func estimate(_ histogram: [Int]) -> UInt64 {
        let count = Double(registerCount)
        var sum = count * tau((count - Double(histogram[hashBits + 1])) / count)
        for value in stride(from: hashBits, through: 1, by: -1) { sum = (sum + Double(histogram[value])) * 0.5 }
        sum += count * sigma(Double(histogram[0]) / count)
        let halfOverLogarithmOfTwo = 0.721347520444481703680
        return UInt64((halfOverLogarithmOfTwo * count * count / sum).rounded())
    }

    private static func sigma(_ start: Double) -> Double {
        if start == 1 { return .infinity }
        var (power, factor, sum) = (start, 1.0, start)
        while true {
            power *= power
            let before = sum
            sum += power * factor
            factor += factor
            if sum == before { return sum }
        }
    }

    private static func tau(_ start: Double) -> Double {
        if start == 0 || start == 1 { return 0 }
        var (root, factor, sum) = (start, 1.0, 1 - start)
        while true {
            root = root.squareRoot()
            let before = sum
            factor *= 0.5
            sum -= (1 - root) * (1 - root) * factor
            if sum == before { return sum / 3 }
        }
    }
}

extension HyperLogLog {
    /// Counts what is known, in both forms; returns what is wrong with the counts.
    static func selfTest() throws(Corrupted) -> StaticString? {
        var (sparse, dense) = (HyperLogLog(), HyperLogLog())
        try dense.makeDense()
        for number in 1...100_000 {
            let (index, value) = withIntegerText(Int64(number)) { place(of: $0) }
            _ = try sparse.raise(index, to: value, sparseLimit: 1 << 16)
            _ = try dense.raise(index, to: value, sparseLimit: 0)
            guard number == 100 || number == 5000 || number == 100_000 else { continue }
            let counts = (try sparse.count(), try dense.count())
            guard counts.0 == counts.1 else { return "ERR TESTFAILED sparse and dense disagree" }
            // Six times the error that is to be expected of so many registers.
            guard abs(Double(counts.0) - Double(number)) <= Double(number) * 6 * 1.04 / 128 else {
                return "ERR TESTFAILED the estimate is too far off"
            }
        }
        return nil
    }

    private func count() throws(Corrupted) -> UInt64 {
        try bytes.withBytes { (bytes) throws(Corrupted) in try HyperLogLog.count(of: bytes) }
    }
}

/// The registers of several, each the greatest of theirs.
struct MergedRegisters {
    private(set) var values = [UInt8](repeating: 0, count: HyperLogLog.registerCount)

    mutating func add(_ bytes: Bytes) throws(HyperLogLog.Corrupted) {
        // Into an array of its own: a closure cannot change what is also passed.
        var merged = values
        try HyperLogLog.forEachRun(of: bytes) { run, first in
            guard run.value > 0 else { return }
            for index in first..<first + run.count where merged[index] < run.value { merged[index] = run.value }
        }
        values = merged
    }

    var count: UInt64 {
        var histogram = [Int](repeating: 0, count: 64)
        for value in values { histogram[Int(value)] += 1 }
        return HyperLogLog.estimate(histogram)
    }
}
