// How often each command ran, how long it took and how often it failed, counted by one thread.

/// Calls, time, refusals and failures per command, by the command's number.
///
/// Memory: owns its blocks. Thread: its executor's, or anyone's in an exclusive section.
@safe
struct CommandStatistics: ~Copyable {
    struct Counts {
        // Calls and ticks apart: side by side, the two additions become one of vectors, which takes longer.
        var calls: Int64 = 0
        var refused: Int64 = 0
        /// Of the processor's counter (`Ticks`).
        var ticks: UInt64 = 0
        var failed: Int64 = 0
    }

    private let counts: UnsafeMutablePointer<Counts>
    private let commandCount: Int
    /// Each retained by its place.
    private let histograms: UnsafeMutablePointer<Unmanaged<LatencyHistogram>?>
    /// Error replies by their code.
    private(set) var errors: [String: Int64] = [:]
    private(set) var errorTotal: Int64 = 0

    init(commandCount: Int) {
        self.commandCount = commandCount
        unsafe counts = .allocate(capacity: max(1, commandCount))
        unsafe counts.initialize(repeating: Counts(), count: commandCount)
        unsafe histograms = .allocate(capacity: max(1, commandCount))
        unsafe histograms.initialize(repeating: nil, count: commandCount)
    }

    deinit {
        for index in 0..<commandCount { unsafe histograms[index]?.release() }
        unsafe histograms.deallocate()
        unsafe counts.deallocate()
    }

    subscript(index: Int) -> Counts {
        precondition(index >= 0 && index < commandCount, "there is no such command")
        return unsafe counts[index]
    }

    func histogram(_ index: Int) -> LatencyHistogram? {
        precondition(index >= 0 && index < commandCount, "there is no such command")
        return unsafe histograms[index]?.takeUnretainedValue()
    }

    /// Commands run by this thread.
    var total: Int64 { (0..<commandCount).reduce(0) { unsafe $0 &+ counts[$1].calls } }

    /// - Parameter ticks: of all `calls`, which were timed together.
    @inline(__always)
    mutating func count(_ index: Int, calls: Int = 1, ticks: UInt64, isTracked: Bool) {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: commandCount), "there is no such command")
        unsafe counts[index].calls &+= Int64(calls)
        unsafe counts[index].ticks &+= ticks
        guard isTracked else { return }
        let histogram = unsafe histograms[index] ?? makeHistogram(index)
        unsafe histogram._withUnsafeGuaranteedRef { calls == 1 ? $0.record(ticks) : $0.record(ticks, of: calls) }
    }

    @unsafe @inline(never)
    private mutating func makeHistogram(_ index: Int) -> Unmanaged<LatencyHistogram> {
        let histogram = unsafe Unmanaged.passRetained(LatencyHistogram())
        unsafe histograms[index] = histogram
        return unsafe histogram
    }

    mutating func countRefusal(_ index: Int) { unsafe counts[index].refused += 1 }
    /// The failure of a call that was counted already.
    mutating func countFailure(_ index: Int) { unsafe counts[index].failed += 1 }

    mutating func countError(_ code: String) {
        errorTotal += 1
        // A hostile script could make up codes without end: Redis stops at this many, too.
        if errors[code] == nil, errors.count >= 128 { return }
        errors[code, default: 0] += 1
    }

    mutating func reset() {
        unsafe counts.update(repeating: Counts(), count: commandCount)
        for index in 0..<commandCount { resetHistogram(index) }
        errors = [:]
        errorTotal = 0
    }

    mutating func resetHistogram(_ index: Int) {
        unsafe histograms[index]?.release()
        unsafe histograms[index] = nil
    }
}

/// Calls of one command that were run since the clock was read: reading it takes 9 ns, as much as a GET spends on looking its
/// key up.
struct UntimedCalls {
    private(set) var index = -1
    private(set) var count = 0

    @inline(__always)
    mutating func add(_ index: Int) {
        self.index = index
        count &+= 1
    }

    mutating func removeAll() { (index, count) = (-1, 0) }
}

/// Durations in logarithmic steps, sixteen to the octave: 3 % wide at the most.
///
/// Thread: its owner's. Unit: ticks of the processor's counter.
@safe
final class LatencyHistogram {
    private static let stepsPerOctave = 16
    /// Every number of ticks has a place.
    private static let stepCount = (64 - 4) * stepsPerOctave
    private let counts: UnsafeMutablePointer<UInt64>
    /// What a call took when calls were last recorded together and none of them was held up.
    private var usualTicks: UInt64 = 0
    /// Five microseconds or more, as counters go: no quick call takes as long by itself.
    private static let heldUpTicks: UInt64 = 16_384

    init() {
        unsafe counts = .allocate(capacity: Self.stepCount)
        unsafe counts.initialize(repeating: 0, count: Self.stepCount)
    }

    deinit { unsafe counts.deallocate() }

    /// How many durations were recorded.
    var total: UInt64 { (0..<Self.stepCount).reduce(0) { unsafe $0 &+ counts[$1] } }

    @inline(__always)
    func record(_ ticks: UInt64) {
        let index = Self.index(of: ticks)
        unsafe counts[index] &+= 1
    }

    /// Records `count` > 0 durations that make `ticks` together: each for its part, or, where they took long, all but one as
    /// they usually do, as what holds up a quick command from without holds up one.
    func record(_ ticks: UInt64, of count: Int) {
        let share = ticks / UInt64(count)
        guard share >= Self.heldUpTicks else {
            usualTicks = share
            unsafe counts[Self.index(of: share)] &+= UInt64(count)
            return
        }
        // What is usual is less than each one's part, so that something is left.
        unsafe counts[Self.index(of: usualTicks)] &+= UInt64(count - 1)
        record(ticks - usualTicks * UInt64(count - 1))
    }

    func add(_ other: LatencyHistogram) {
        for index in 0..<Self.stepCount { unsafe counts[index] &+= other.counts[index] }
    }

    @inline(__always)
    private static func index(of ticks: UInt64) -> Int {
        let value = max(16, ticks)
        let octave = 63 &- value.leadingZeroBitCount
        let step = Int(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: octave &- 4)) & 15
        return (octave &- 4) &* stepsPerOctave &+ step
    }

    /// The upper end of a step, in ticks.
    private static func upperBound(_ index: Int) -> Double {
        let (octave, step) = (index / stepsPerOctave, index % stepsPerOctave)
        return Double(UInt64(1) << octave) * Double(16 + step + 1)
    }

    /// The duration in ticks that `percent` of all calls did not exceed.
    func percentile(_ percent: Double) -> Double {
        let wanted = max(1, UInt64((Double(total) * percent / 100).rounded(.up)))
        var seen: UInt64 = 0
        for index in 0..<Self.stepCount {
            unsafe seen &+= counts[index]
            if seen >= wanted { return Self.upperBound(index) }
        }
        return 0
    }

    /// How many calls took at most `ticks`.
    func count(upTo ticks: Double) -> UInt64 {
        var seen: UInt64 = 0
        for index in 0..<Self.stepCount where Self.upperBound(index) <= ticks {
            unsafe seen &+= counts[index]
        }
        return seen
    }
}
