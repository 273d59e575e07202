// Figures and texts that INFO, LATENCY and the log show.

import Testing

@testable import Server

@Suite struct `A latency histogram` {
    @Test func `knows percentiles to within its step of one sixteenth`() {
        let histogram = LatencyHistogram()
        for ticks in 1...10_000 { histogram.record(UInt64(ticks)) }

        #expect(histogram.total == 10_000)
        for percent in [1.0, 25, 50, 90, 99, 99.9, 100] {
            let exact = percent * 100
            let found = histogram.percentile(percent)
            #expect(found >= exact && found <= max(exact * 1.07, 18), "\(percent) %: \(found) for \(exact)")
        }
        #expect(histogram.count(upTo: 1e9) == 10_000)
    }

    @Test func `gives each of several calls its part`() {
        let histogram = LatencyHistogram()
        histogram.record(32_000, of: 32)

        #expect(histogram.total == 32)
        #expect(histogram.count(upTo: 999) == 0)
        #expect(histogram.count(upTo: 1100) == 32)
    }

    @Test func `takes a hold-up among several calls for one of them`() {
        let histogram = LatencyHistogram()
        histogram.record(3200, of: 32)
        histogram.record(32_000_000, of: 32)

        #expect(histogram.total == 64)
        #expect(histogram.count(upTo: 110) == 63)
        #expect(histogram.percentile(100) > 31_000_000)
    }

    @Test func `does not take a hold-up for what is usual`() {
        let histogram = LatencyHistogram()
        histogram.record(64_000_000, of: 1)
        histogram.record(32_000_000, of: 32)

        #expect(histogram.total == 33)
        #expect(histogram.count(upTo: 17) == 31)
        #expect(histogram.count(upTo: 70_000_000) == 33)
    }

    @Test func `takes durations beyond all reason`() {
        let histogram = LatencyHistogram()
        histogram.record(0)
        histogram.record(.max)

        #expect(histogram.total == 2)
        #expect(histogram.percentile(100) > 1e12)
    }
}

@Suite struct `A rate` {
    @Test func `is the mean of the last sixteen samples`() {
        var rate = Rate()
        for tenth in 0...32 { rate.note(Int64(tenth) * 100, at: Int64(tenth) * 100) }

        #expect(rate.perSecond == 1000)
    }
}

@Suite struct `A number for people` {
    @Test(arguments: [(0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1_572_864, "1.50M"), (5 << 40, "5.00T")])
    func `has the unit that Redis gives it`(byteCount: Int, text: String) {
        #expect(human(byteCount) == text)
    }

    @Test(arguments: [(0.005, "0.01"), (-1.5, "-1.50"), (2.0, "2.00"), (.infinity, "0")] as [(Double, String)])
    func `has so many decimals`(number: Double, text: String) {
        #expect(decimal(number) == text)
    }
}

@Suite struct `A file` {
    @Test func `is replaced whole, and read back`() throws {
        let path = "/tmp/apus-file-test-\(UInt64.random(in: .min ... .max))"
        defer { Files.remove(path) }

        try Files.replace(path, with: Array("one".utf8))
        try Files.replace(path, with: Array("two".utf8), syncing: false)

        #expect(Files.read(path) == Array("two".utf8))
    }

    @Test func `that cannot be written leaves the old one, and nothing else`() {
        #expect(throws: SystemError.self) { try Files.replace("/proc/no/such/folder", with: [1]) }
    }

    @Test func `of nodes is locked for one process, also after it was replaced`() throws {
        let path = "/tmp/apus-nodes-test-\(UInt64.random(in: .min ... .max))"
        defer { Files.remove(path) }
        let first = try #require(try NodesFile(path: path))

        #expect(try NodesFile(path: path) == nil)
        try first.write(Array("x".utf8), durably: true)
        #expect(try NodesFile(path: path) == nil)
    }
}
