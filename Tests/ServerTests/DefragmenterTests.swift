// When a shard defragments, how much of its time that takes, and how that time is cut into slices.

import Testing

@testable import Server

private let millisecond: Int64 = 1_000_000
private let second: Int64 = 1_000_000_000

private func policy() -> DefragmentationPolicy {
    var policy = DefragmentationPolicy()
    policy.isOn = true
    policy.ignoredBytes = 1000
    return policy
}

/// A defragmenter that expectations can change.
private final class Subject {
    var defragmenter = Defragmenter(policy())

    /// Whether it begins a pass with so many bytes lost beside 10,000.
    func begins(with unused: Int, at now: Int64) -> Bool {
        defragmenter.decide(unused: unused, used: 10_000, at: now)
    }

    func end(with unused: Int, at now: Int64) { defragmenter.passEnded(unused: unused, at: now) }
}

@Suite struct `The effort of defragmentation` {
    @Test(arguments: [
        // What is lost, what is in use, and Redis's linear rule with thresholds 10 and 100 and efforts 1 to 25.
        (999, 1000, 0), (1000, 20_000, 0), (1000, 10_000, 1), (5500, 10_000, 13), (10_000, 10_000, 25),
        (1_000_000, 10_000, 25), (5000, 0, 25),
    ])
    func `grows with what is lost`(unused: Int, used: Int, expected: Int) {
        #expect(policy().effort(unused: unused, used: used) == expected)
    }

    @Test func `is none where it is switched off`() {
        #expect(DefragmentationPolicy().effort(unused: 1 << 40, used: 1) == 0)
    }
}

@Suite struct `A shard's defragmenter` {
    @Test func `begins a pass when it is worth it, and speeds it up but never down`() {
        let subject = Subject()

        #expect(!subject.begins(with: 500, at: 0))
        #expect(subject.begins(with: 5500, at: second))
        #expect(subject.defragmenter.effort == 13)
        #expect(!subject.begins(with: 10_000, at: 2 * second))
        #expect(subject.defragmenter.effort == 25)
        #expect(!subject.begins(with: 1000, at: 3 * second))
        #expect(subject.defragmenter.effort == 25)
    }

    @Test func `does not soon repeat a pass that was of no use`() {
        let subject = Subject()
        var (now, pauses): (Int64, [Int64]) = (0, [])
        for _ in 0..<9 {
            let start = now
            while !subject.begins(with: 9000, at: now) { now += second }
            pauses.append((now - start) / second)
            subject.end(with: 8000, at: now)
        }
        #expect(pauses == [0, 2, 4, 8, 16, 32, 64, 64, 64])

        now += 64 * second
        #expect(subject.begins(with: 9000, at: now))
        subject.end(with: 3000, at: now)
        #expect(!subject.begins(with: 3000, at: now + second / 2))
        #expect(subject.begins(with: 3000, at: now + second))
    }

    @Test func `looks again at once when the directives have changed`() {
        let subject = Subject()
        for _ in 0..<3 {
            _ = subject.begins(with: 9000, at: 100 * second)
            subject.end(with: 9000, at: 100 * second)
        }
        #expect(!subject.begins(with: 9000, at: 101 * second))

        subject.defragmenter.policy.ignoredBytes = 2000

        #expect(subject.begins(with: 9000, at: 101 * second))
    }

    @Test(arguments: [1, 10, 25, 60, 90])
    func `spends no more time than it may, and nearly all of it, in slices`(percent: Int) {
        let subject = Subject()
        subject.defragmenter.policy.efforts = percent...percent
        _ = subject.begins(with: 9000, at: 0)
        var (now, spent): (Int64, Int64) = (0, 0)
        let slice = subject.defragmenter.policy.sliceNanoseconds

        while now < 10 * second {
            if subject.defragmenter.maySpend(at: now) {
                // A slice ends a little late.
                (now, spent) = (now + slice + 20_000, spent + slice + 20_000)
                subject.defragmenter.noteSpent(slice + 20_000)
            }
            // The shard sleeps whole milliseconds, or takes a short turn.
            let pause = (subject.defragmenter.pause + millisecond - 1) / millisecond * millisecond
            now += max(pause, 5000)
        }

        let share = Double(spent) * 100 / Double(now)
        #expect(share <= Double(percent) + 0.1 && share > Double(percent) * 0.9)
    }

    @Test func `does not make up for a long command with a long run`() {
        let subject = Subject()
        _ = subject.begins(with: 10_000, at: 0)
        let (late, slice) = (60 * second, subject.defragmenter.policy.sliceNanoseconds)

        var slices = 0
        while subject.defragmenter.maySpend(at: late) {
            subject.defragmenter.noteSpent(slice)
            slices += 1
        }

        #expect(slices == 8)
    }

    @Test func `tells how long its passes were, and of a short one for a second`() {
        let subject = Subject()
        _ = subject.begins(with: 9000, at: 10 * second)
        #expect(subject.defragmenter.currentNanoseconds(at: 11 * second) == second)
        #expect(subject.defragmenter.totalNanoseconds(at: 11 * second) == second)

        subject.end(with: 0, at: 12 * second)
        #expect(subject.defragmenter.currentNanoseconds(at: 20 * second) == 0)
        #expect(subject.defragmenter.totalNanoseconds(at: 20 * second) == 2 * second)
        #expect(subject.defragmenter.effortShown(at: 12 * second) == 0)

        _ = subject.begins(with: 9000, at: 20 * second)
        subject.end(with: 0, at: 20 * second + 50 * millisecond)
        #expect(subject.defragmenter.effortShown(at: 20 * second + 900 * millisecond) > 0)
        #expect(subject.defragmenter.effortShown(at: 21 * second) == 0)

        #expect(subject.begins(with: 1000, at: 22 * second))
        #expect(subject.defragmenter.effortShown(at: 22 * second) == 1)
    }
}
