import Testing

@testable import Server

@Suite struct `The memory budget` {
    @Test func `without a limit lets every shard grow`() {
        let budget = MemoryBudget(shardCount: 2)
        budget.shares[0].publish(keyspace: 1 << 40, mapped: 0, clients: 0)

        #expect(budget.allowance(of: 0) == .max)
        #expect(budget.allowance(of: 1) == .max)
    }

    @Test func `leaves a shard what the others and the clients do not use`() {
        let budget = MemoryBudget(shardCount: 3)
        budget.setLimit(1000)
        budget.shares[0].publish(keyspace: 300, mapped: 0, clients: 50)
        budget.shares[1].publish(keyspace: 200, mapped: 100, clients: 0)
        budget.shares[2].publish(keyspace: 100, mapped: 0, clients: 20)

        #expect(budget.allowance(of: 0) == 1000 - 50 - 200 - 120)
        #expect(budget.allowance(of: 1) == 1000 - 350 - 120)
        #expect(budget.allowance(of: 2) == 1000 - 350 - 200 - 20)
        #expect(budget.keyspaceBytes == 600)
        #expect(budget.clientBytes == 70)

        budget.setLimit(0)
        #expect(budget.allowance(of: 0) == .max)
    }

    @Test func `may leave less than nothing`() {
        let budget = MemoryBudget(shardCount: 2)
        budget.setLimit(100)
        budget.shares[1].publish(keyspace: 500, mapped: 0, clients: 0)

        #expect(budget.allowance(of: 0) == -400)
    }

    @Test func `knows who else may give up keys`() {
        let budget = MemoryBudget(shardCount: 2)
        #expect(!budget.canOthersEvict(than: 0))

        budget.shares[1].canEvict = true

        #expect(budget.canOthersEvict(than: 0))
        #expect(!budget.canOthersEvict(than: 1))
    }

    @Test func `knows when all shards have had their turn`() {
        let budget = MemoryBudget(shardCount: 2)
        var seen: [Int] = []
        #expect(budget.haveAllMoved(since: &seen))

        budget.shares[0].publish(keyspace: 1, mapped: 0, clients: 0)
        budget.shares[0].publish(keyspace: 1, mapped: 0, clients: 0)
        #expect(!budget.haveAllMoved(since: &seen))

        budget.shares[1].publish(keyspace: 1, mapped: 0, clients: 0)
        #expect(budget.haveAllMoved(since: &seen))
        #expect(!budget.haveAllMoved(since: &seen))
    }

    @Test func `notes how long it is exceeded, until it is not`() {
        let budget = MemoryBudget(shardCount: 1)
        #expect(budget.currentlyExceeded == 0)

        budget.noteExceeded(true)
        let start = Clock.monotonicNanoseconds()
        while Clock.monotonicNanoseconds() - start < 3_000_000 { budget.noteExceeded(true) }

        #expect(budget.currentlyExceeded >= 3)
        #expect(budget.totallyExceeded >= budget.currentlyExceeded)
        budget.noteExceeded(false)
        #expect(budget.currentlyExceeded == 0)
        #expect(budget.totallyExceeded >= 3)
        budget.resetStatistics()
        #expect(budget.totallyExceeded == 0)
    }

    @Test func `takes back within the limit what has come back by itself`() {
        let budget = MemoryBudget(shardCount: 1)
        budget.setLimit(.max - 1)
        budget.noteExceeded(true)

        budget.check()

        #expect(budget.currentlyExceeded == 0)
    }
}
