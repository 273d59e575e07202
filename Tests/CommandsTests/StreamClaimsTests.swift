import Testing

@testable import Commands

/// What a group of the stream `s` has, kept as plainly as can be; the entry n-0 is the number n.
private struct Model {
    struct Pending {
        /// When it was handed out; nil: it was given back.
        var time: Int?
        /// The how manieth of all that were given back.
        var turn = 0
        var consumer: String
        var count: Int
    }

    var entries: Set<Int> = []
    var pending: [Int: Pending] = [:]
    var lastRead = 0
    var turns = 0

    /// What `consumer` is replied, who claims and reads; the entries are then pending with it.
    mutating func claim(_ leastIdle: Int, _ consumer: String, atMost most: Int, now: Int) -> String {
        var replies: [String] = []
        let order = pending.sorted { one, other in
            let (first, second) = (one.value.time ?? 0, other.value.time ?? 0)
            return (first, one.value.turn, one.key) < (second, other.value.turn, other.key)
        }
        for (number, entry) in order where entry.time.map({ now - $0 >= leastIdle }) ?? true {
            guard replies.count < most || most == 0 else { break }
            guard entries.contains(number) else {
                pending[number] = nil
                continue
            }
            replies.append(reply(number, idle: entry.time.map { now - $0 } ?? -1, count: entry.count))
            pending[number] = Pending(time: now, consumer: consumer, count: entry.count + 1)
        }
        for number in entries.sorted() where number > lastRead {
            guard replies.count < most || most == 0 else { break }
            replies.append(reply(number, idle: 0, count: 0))
            pending[number] = Pending(time: now, consumer: consumer, count: 1)
            lastRead = number
        }
        return replies.isEmpty ? "*-1" : "*1 *2 $1 s *\(replies.count) " + replies.joined(separator: " ")
    }

    private func reply(_ number: Int, idle: Int, count: Int) -> String {
        let id = "\(number)-0"
        return "*4 $\(id.utf8.count) \(id) *2 $1 a $1 b :\(idle) :\(count)"
    }
}

/// By the documentation of Redis 8.4 and 8.8.
@Suite struct `Reading with a claim` {
    @Test(arguments: 0..<20)
    func `hands out what a plain list of pending entries says, and in its order`(seed: UInt64) {
        var random = Seeded(state: seed)
        let subject = Subject()
        var model = Model()
        var (now, next) = (1_000_000, 1)
        subject.run("XGROUP CREATE s g 0 MKSTREAM")

        for step in 0..<600 {
            now += Int.random(in: 0..<3, using: &random) * 10
            subject.move(to: Int64(now))
            let consumer = ["c", "d", "e"].randomElement(using: &random) ?? "c"
            let number = Int.random(in: 1...max(1, next), using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0...2:
                subject.run("XADD s \(next)-0 a b")
                model.entries.insert(next)
                next += 1
            case 3:
                subject.run("XACK s g \(number)-0")
                model.pending[number] = nil
            case 4:
                subject.run("XDEL s \(number)-0")
                model.entries.remove(number)
            case 5...6:
                guard model.pending[number] != nil else { break }
                subject.run("XNACK s g FAIL IDS 1 \(number)-0")
                model.turns += 1
                model.pending[number]?.time = nil
                model.pending[number]?.turn = model.turns
            case 7:
                guard model.pending[number] != nil, model.entries.contains(number) else { break }
                subject.run("XCLAIM s g \(consumer) 0 \(number)-0 IDLE 35 RETRYCOUNT 7")
                model.pending[number] = .init(time: now - 35, consumer: consumer, count: 7)
            case 8 where step % 7 == 0:
                subject.run("XGROUP DELCONSUMER s g \(consumer)")
                model.pending = model.pending.filter { $0.value.consumer != consumer || $0.value.time == nil }
            case 9 where step % 5 == 0:
                subject.run("COPY s t")
                subject.run("DEL s")
                subject.run("RENAME t s")
            default:
                let (idle, count) = ([0, 20, 50].randomElement(using: &random) ?? 0, step % 4)
                let expected = model.claim(idle, consumer, atMost: count, now: now)
                let reply = subject.run("XREADGROUP GROUP g \(consumer) COUNT \(count) CLAIM \(idle) STREAMS s >")
                #expect(reply == expected, "step \(step); replay with seed \(seed)")
            }
            if step % 20 == 0 { subject.checkInvariants() }
        }
        subject.checkInvariants()
        #expect(subject.run("XPENDING s g").hasPrefix("*4 :\(model.pending.count)"))
    }

    @Test func `leaves its consumer nothing to acknowledge of new entries only, where that is wanted`() {
        let subject = Subject()
        subject.run("XGROUP CREATE s g 0 MKSTREAM")
        subject.run("XADD s 1-0 a b")
        subject.run("XREADGROUP GROUP g c STREAMS s >")
        subject.run("XADD s 2-0 a b")

        #expect(subject.run("XREADGROUP GROUP g d NOACK CLAIM 0 STREAMS s >").hasPrefix("*1 *2 $1 s *2 *4 $3 1-0"))
        #expect(subject.run("XPENDING s g") == "*4 :1 $3 1-0 $3 1-0 *1 *2 $1 d $1 1")
    }

    @Test func `is plain reading where it begins behind an id`() {
        let subject = Subject()
        subject.run("XGROUP CREATE s g 0 MKSTREAM")
        subject.run("XADD s 1-0 a b")
        subject.run("XREADGROUP GROUP g c STREAMS s >")

        #expect(subject.run("XREADGROUP GROUP g d CLAIM 0 STREAMS s 0") == "*1 *2 $1 s *0")
        #expect(subject.run("XREADGROUP CLAIM 5 GROUP g c STREAMS s 0") == "*1 *2 $1 s *1 *2 $3 1-0 *2 $1 a $1 b")
    }

    @Test(arguments: [
        ("XREADGROUP GROUP g c CLAIM x STREAMS s >", "-ERR min-idle-time is not an integer"),
        ("XREADGROUP GROUP g c CLAIM 5 CLAIM COUNT 1 STREAMS s >", "-ERR min-idle-time is not an integer"),
        ("XREADGROUP GROUP g c CLAIM STREAMS s >", "-ERR min-idle-time is not an integer"),
        ("XREADGROUP GROUP g c CLAIM -0 STREAMS s >", "-ERR min-idle-time is not an integer"),
        ("XREADGROUP GROUP g c CLAIM -10 STREAMS s >", "-ERR min-idle-time must be a positive integer"),
        ("XREADGROUP GROUP g CLAIM 50 c STREAMS s >", "-ERR syntax error"),
        (
            "XREAD COUNT 2 CLAIM 10 STREAMS s 0-0",
            "-ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead."
        ),
    ])
    func `is refused when the time is none`(line: String, reply: String) {
        let subject = Subject()
        subject.run("XGROUP CREATE s g 0 MKSTREAM")

        #expect(subject.run(line) == reply)
    }

    @Test func `waits for longer than there is time without counting beyond it`() {
        let subject = Subject()
        subject.run("XGROUP CREATE s g 0 MKSTREAM")
        subject.run("XADD s 1-0 a b")
        subject.run("XREADGROUP GROUP g c STREAMS s >")

        #expect(subject.run("XREADGROUP GROUP g d BLOCK 0 CLAIM \(Int64.max) STREAMS s >") == "*-1")
        subject.run("XNACK s g FAIL IDS 1 1-0")
        #expect(subject.run("XREADGROUP GROUP g d CLAIM \(Int64.max) STREAMS s >").hasPrefix("*1 *2 $1 s *1 *4 $3 1-0"))
    }
}
