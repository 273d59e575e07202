// Deadlines of what waits, apart from who waits.

import Testing

@testable import Server

@Suite struct `A heap of deadlines` {
    private final class Member: Timed {
        let deadline: Int64?
        var place = 0

        init(_ deadline: Int64) { self.deadline = deadline }
    }

    @Test(arguments: 0..<20)
    func `tells the first, whoever comes and leaves`(seed: Int) {
        var state = UInt64(seed)
        func draw(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        var deadlines = Deadlines<Member>()
        var members: [Member] = []

        for _ in 0..<500 {
            if draw(3) > 0 || members.isEmpty {
                members.append(Member(Int64(draw(100))))
                deadlines.insert(members[members.count - 1])
            } else {
                deadlines.remove(members.remove(at: draw(members.count)))
            }
            let first = members.compactMap(\.deadline).min()
            #expect(deadlines.count == members.count && deadlines.first == first ?? .max, "replay with seed \(seed)")
            #expect(deadlines.due(at: deadlines.first - 1) == nil, "replay with seed \(seed)")
            #expect(deadlines.due(at: 100)?.deadline == first, "replay with seed \(seed)")
        }
    }
}
