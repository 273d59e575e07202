// When a shard defragments its memory, and how much of its time that takes: the more, the larger the share of it that is lost.
//
// The rule is that of Redis's active-defrag directives. The time is spent in short slices, a slice whenever enough of it has
// come together, so that clients are served between any two of them.

internal import Configuration

/// What the directives say.
struct DefragmentationPolicy: Equatable {
    var isOn = false
    /// Of one shard.
    var ignoredBytes = 0
    /// Lost bytes in percent of those in use: from the first number on something is done, from the second on all that may be.
    var thresholds = 10...100
    /// How much that is, in percent of the shard's time.
    var efforts = 1...25
    var sliceNanoseconds: Int64 = 500_000

    /// How much of its time a shard spends that has `unused` bytes beside `used` ones, in percent; 0: none.
    func effort(unused: Int, used: Int) -> Int {
        let percent = Int((Double(unused) * 100 / Double(max(1, used))).rounded(.down))
        guard isOn, unused >= ignoredBytes, percent >= thresholds.lowerBound else { return 0 }
        let (above, width) = (percent - thresholds.lowerBound, thresholds.upperBound - thresholds.lowerBound)
        guard above < width else { return efforts.upperBound }
        return efforts.lowerBound + (efforts.upperBound - efforts.lowerBound) * above / width
    }
}

extension DefragmentationPolicy {
    init(_ configuration: Configuration, shardCount: Int) {
        isOn = configuration.isActiveDefragmentationOn
        ignoredBytes = configuration.defragmentationIgnoreBytes / shardCount
        let (lower, least) = (configuration.defragmentationThresholdLower, configuration.defragmentationCycleMin)
        // Who sets the upper bound below the lower means that there is nothing between them.
        thresholds = lower...max(lower, configuration.defragmentationThresholdUpper)
        efforts = least...max(least, configuration.defragmentationCycleMax)
        sliceNanoseconds = Int64(configuration.defragmentationCycleMicroseconds) * 1000
    }
}

/// One shard's passes, and the time that they may take. Times are in monotonic nanoseconds.
struct Defragmenter {
    var policy: DefragmentationPolicy {
        // Whoever decides something new wants it to be seen soon.
        didSet { if policy != oldValue { (rest, restsUntil) = (Self.leastRest, 0) } }
    }
    /// In percent of the shard's time; 0: no pass is under way.
    private(set) var effort = 0
    /// That of the latest pass.
    private var latestEffort = 0
    /// When that began.
    private var began: Int64 = 0
    /// How long all others were, together.
    private var formerNanoseconds: Int64 = 0
    /// What was lost when it began.
    private var unusedAtBegin = 0
    /// The time that may be spent at once, and when that was counted.
    private var credit: Int64 = 0
    private var credited: Int64 = 0
    /// When the next pass may begin, and how long the pause before it is.
    private var restsUntil: Int64 = 0
    private var rest = Self.leastRest

    private static let leastRest: Int64 = 1_000_000_000
    private static let longestRest = 64 * leastRest
    /// As many slices may come together while nothing was done.
    private static let mostSlices: Int64 = 8

    init(_ policy: DefragmentationPolicy = DefragmentationPolicy()) { self.policy = policy }

    // MARK: Passes

    /// Looks, about once a second, at what is lost; says whether a pass begins. One that is under way is only sped up.
    mutating func decide(unused: Int, used: Int, at now: Int64) -> Bool {
        let wanted = policy.effort(unused: unused, used: used)
        guard effort == 0 else {
            effort = max(effort, wanted)
            return false
        }
        guard wanted > 0, now >= restsUntil else { return false }
        (effort, began, unusedAtBegin) = (wanted, now, unused)
        (credit, credited) = (policy.sliceNanoseconds, now)
        return true
    }

    /// Notes that the pass has come to its end. One that was of little use is not repeated soon: what it could not move may
    /// still be there.
    mutating func passEnded(unused: Int, at now: Int64) {
        let isDisappointing = policy.isOn && unused > unusedAtBegin / 4 * 3
        rest = isDisappointing ? min(2 * rest, Self.longestRest) : Self.leastRest
        restsUntil = now + rest
        formerNanoseconds += now - began
        (latestEffort, effort) = (effort, 0)
    }

    // MARK: Slices

    /// Whether a slice may begin.
    mutating func maySpend(at now: Int64) -> Bool {
        let most = Self.mostSlices * policy.sliceNanoseconds
        credit = min(credit + (now - credited) * Int64(effort) / 100, most)
        credited = now
        return credit >= policy.sliceNanoseconds
    }

    mutating func noteSpent(_ nanoseconds: Int64) { credit -= nanoseconds }

    /// How long to wait for the next slice.
    var pause: Int64 { max(0, (policy.sliceNanoseconds - credit) * 100 / Int64(max(1, effort))) }

    // MARK: Statistics

    /// What the pass under way takes, in percent of the shard's time; 0: there is none, or it is being cut short. A pass that
    /// was shorter than a second is told of for so long, or hardly anybody who looks from time to time would see it.
    func effortShown(at now: Int64) -> Int {
        guard policy.isOn else { return 0 }
        if effort > 0 { return effort }
        return now - began < Self.leastRest ? latestEffort : 0
    }

    /// How long the present pass has been under way; 0: there is none.
    func currentNanoseconds(at now: Int64) -> Int64 { effort == 0 ? 0 : now - began }

    /// How long all passes were.
    func totalNanoseconds(at now: Int64) -> Int64 { formerNanoseconds + currentNanoseconds(at: now) }

    mutating func resetStatistics(at now: Int64) {
        formerNanoseconds = 0
        if effort > 0 { began = now }
    }
}
