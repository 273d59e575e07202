// What threads share: the exclusive section, the mailbox, the watchdog.

import Synchronization
import Testing

@testable import Server

@Suite struct `An exclusive section` {
    /// Shards that pass safe points until they are told to stop; each counts its own turns without any lock.
    private final class Shards: Sendable {
        let section: ExclusiveSection
        let isStopped = Atomic<Bool>(false)
        let running = Atomic<Int>(0)
        let inside = Atomic<Int>(0)
        let violations = Atomic<Int>(0)

        init(count: Int) { section = ExclusiveSection(shardCount: count) {} }

        func start(count: Int, asking: Int) {
            for index in 0..<count {
                running.add(1, ordering: .relaxed)
                Server.Thread.start("test-\(index)") { [self] in
                    var asked = 0
                    while !isStopped.load(ordering: .relaxed) {
                        if inside.load(ordering: .sequentiallyConsistent) != 0 {
                            violations.add(1, ordering: .relaxed)
                        }
                        if asked < asking {
                            asked += 1
                            section.run(asShard: true) { occupy() }
                        }
                        section.pass()
                    }
                    // A stopped shard must not be waited for: it stays at its safe point while others ask.
                    while running.load(ordering: .sequentiallyConsistent) > 0 { section.pass() }
                }
            }
        }

        func occupy() {
            if inside.add(1, ordering: .sequentiallyConsistent).newValue != 1 { violations.add(1, ordering: .relaxed) }
            for _ in 0..<100 where inside.load(ordering: .sequentiallyConsistent) != 1 {
                violations.add(1, ordering: .relaxed)
            }
            inside.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    @Test(arguments: [1, 2, 4]) func `lets nobody else run while its asker works, however many ask at once`(count: Int)
    {
        let shards = Shards(count: count)
        shards.start(count: count, asking: 500)

        for _ in 0..<500 { shards.section.run(asShard: false) { shards.occupy() } }

        shards.isStopped.store(true, ordering: .relaxed)
        shards.running.store(0, ordering: .sequentiallyConsistent)
        #expect(shards.violations.load(ordering: .relaxed) == 0)
    }
}

@Suite struct `A mailbox` {
    @Test func `hands over every message of every sender, each sender's in order`() {
        let (senders, each) = (4, 2000)
        let bell = Semaphore()
        let mailbox = Mailbox<(sender: Int, number: Int)> { bell.signal() }
        for sender in 0..<senders {
            Server.Thread.start("sender-\(sender)") {
                for number in 0..<each { mailbox.post((sender, number)) }
            }
        }

        var next = [Int](repeating: 0, count: senders)
        var batch: [(sender: Int, number: Int)] = []
        while next.reduce(0, +) < senders * each {
            mailbox.takeAll(swapping: &batch)
            for message in batch {
                #expect(message.number == next[message.sender])
                next[message.sender] = message.number + 1
            }
            batch.removeAll(keepingCapacity: true)
            if next.reduce(0, +) < senders * each, mailbox.prepareToSleep() { bell.wait() }
            mailbox.didWake()
        }
    }
}

@Suite struct `A watchdog` {
    private let pulses = [Pulse(), Pulse()]

    @Test func `speaks up once when a shard is stuck, and once when it runs again`() {
        var watchdog = Watchdog(shards: pulses)
        var changes: [(Int64, Bool, [Int])] = []
        for now in stride(from: Int64(100), through: 20_000, by: 100) {
            pulses[0].mark(now)
            if now < 3000 || now > 12_000 { pulses[1].mark(now) }
            if let change = watchdog.check(at: now, limit: 5000) {
                changes.append((now, change.isAlive, change.stuckShards))
            }
        }

        #expect(changes.map(\.0) == [8000, 12_100])
        #expect(changes.map(\.1) == [false, true])
        #expect(changes.map(\.2) == [[1], []])
    }

    @Test func `does not blame a shard when the whole process stood still`() {
        var watchdog = Watchdog(shards: pulses)
        pulses.forEach { $0.mark(100) }
        #expect(watchdog.check(at: 200, limit: 5000)?.isAlive == nil)

        let afterAPause = watchdog.check(at: 60_000, limit: 5000)

        #expect(afterAPause?.isAlive == nil)
    }
}
