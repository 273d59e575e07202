// When a shard pauses for more requests, and when not.

import Testing

@testable import Server

@Suite struct `A pause for more requests` {
    private static let usual: Int64 = 30

    /// What is known after a millisecond in which so many clients sent so many requests each.
    private func gathering(clients: Int, each requests: Int, pause: Int64 = usual, mail: Bool = false) -> Gathering {
        var gathering = Gathering()
        gathering.pauseMicroseconds = pause
        gathering.tick(1000)
        for request in 0..<requests {
            for _ in 0..<clients { gathering.noteRead(isFirst: request == 0) }
        }
        if mail { gathering.noteMail() }
        gathering.tick(1001)
        return gathering
    }

    @Test func `pays where many clients talk at once`() {
        #expect(gathering(clients: 50, each: 3).pays(having: 1))
        #expect(gathering(clients: 500, each: 1).pays(having: 7))
    }

    @Test func `is none where there is enough to do, or nothing`() {
        let busy = gathering(clients: 50, each: 3)
        #expect(!busy.pays(having: 8))
        #expect(!busy.pays(having: 0))
    }

    @Test func `is none for few clients, however much they send`() {
        #expect(!gathering(clients: 5, each: 100).pays(having: 1))
    }

    @Test func `is none for few requests, from however many`() {
        #expect(!gathering(clients: 60, each: 1).pays(having: 1))
    }

    @Test func `is none while other threads ask for something`() {
        #expect(!gathering(clients: 50, each: 3, mail: true).pays(having: 1))
    }

    @Test func `is none where it is turned off`() {
        #expect(!gathering(clients: 50, each: 3, pause: 0).pays(having: 1))
    }

    @Test func `is forgotten with the millisecond behind it`() {
        var gathering = gathering(clients: 50, each: 3)
        gathering.tick(1002)
        #expect(!gathering.pays(having: 1))
    }

    @Test func `counts a long time by its milliseconds`() {
        var gathering = Gathering()
        gathering.pauseMicroseconds = Self.usual
        gathering.tick(1000)
        for _ in 0..<200 { gathering.noteRead(isFirst: true) }
        gathering.tick(1010)
        #expect(!gathering.pays(having: 1))
    }

    @Test func `that was late is followed by fifty times as long without one`() {
        var gathering = gathering(clients: 50, each: 3)
        gathering.didPause(nanoseconds: 60_000)
        #expect(gathering.pays(having: 1))
        gathering.didPause(nanoseconds: 60_000 + 200_000)
        #expect(!gathering.pays(having: 1))
        for millisecond in Int64(1002)...1011 {
            for _ in 0..<100 { gathering.noteRead(isFirst: true) }
            gathering.tick(millisecond)
            #expect(gathering.pays(having: 1) == (millisecond == 1011))
        }
    }
}
