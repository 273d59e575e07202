import Testing

@testable import Keyspace

/// A tree of integers.
private enum Numbers: TreeContent {
    static func separator(of element: Int) -> Int { element }
}

private struct Before: TreeBound {
    typealias Content = Numbers

    let number: Int

    func isBehind(_ element: Int) -> Bool { element < number }
}

/// Numbers so wide that a leaf has room for twelve.
private struct WideNumber: BitwiseCopyable {
    let number: Int
    private let rest = (0, 0, 0, 0)

    init(_ number: Int) { self.number = number }
}

private enum WideNumbers: TreeContent {
    static func separator(of element: WideNumber) -> Int { element.number }
}

private struct BeforeWide: TreeBound {
    typealias Content = WideNumbers

    let number: Int

    func isBehind(_ element: WideNumber) -> Bool { element.number < number }
    func isBehind(_ separator: Int) -> Bool { separator < number }
}

/// A tree in memory of its own, beside a sorted array that says what it should be.
private final class Subject {
    let memory = Memory()
    var tree = OrderedTree<Numbers>()
    var model: [Int] = []

    deinit {
        tree.free(to: memory)
        assert(memory.usedBytes == 0)
        memory.dispose()
    }

    func rank(_ number: Int) -> Int { model.firstIndex { $0 >= number } ?? model.count }

    func insert(_ number: Int) {
        tree.insert(number, at: Before(number: number), memory: memory)
        model.insert(number, at: rank(number))
    }

    func remove(_ number: Int) {
        tree.remove(at: tree.path(toLastBefore: Before(number: number + 1)), memory: memory)
        model.remove(at: rank(number))
    }

    func remove(_ ranks: Range<Int>) {
        var removed: [Int] = []
        tree.remove(ranks, memory: memory) { removed.append($0) }
        #expect(removed == Array(model[ranks]))
        model.removeSubrange(ranks)
    }

    func check(_ note: String = "") {
        tree.checkInvariants(<)
        #expect(tree.count == model.count, "\(note)")
        #expect(tree.usedBytes == memory.usedBytes, "\(note)")
    }

    func elements(_ ranks: Range<Int>, reversed: Bool = false) -> [Int] {
        var found: [Int] = []
        tree.forEach(in: ranks, reversed: reversed) { found.append($0) }
        return found
    }

    var fill: Double { Double(tree.count) / Double(tree.leafCount * TreeLeaf<Numbers>.capacity) }
}

@Suite struct `An ordered tree` {
    @Test(arguments: 0..<30)
    func `holds what a sorted array holds, whatever is put in and taken out`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let subject = Subject()
        let span = [300, 20_000, 1_000_000][Int(seed % 3)]

        for step in 0..<6000 {
            let number = Int.random(in: 0..<span, using: &random)
            let rank = subject.rank(number)
            let isThere = rank < subject.model.count && subject.model[rank] == number
            // Growing, then shrinking, then anything.
            let grows = step < 3000 ? 8 : step < 4500 ? 2 : 5
            switch Int.random(in: 0..<40, using: &random) {
            case 0 where !subject.model.isEmpty:
                let start = Int.random(in: 0..<subject.model.count, using: &random)
                let length = Int.random(in: 0...[10, 100, 1000][Int(seed % 3)], using: &random)
                subject.remove(start..<min(subject.model.count, start + length))
            case 1:
                #expect(subject.tree.rank(of: Before(number: number)) == rank)
                #expect(
                    subject.tree.first(behind: Before(number: number))?.element
                        == (rank < subject.model.count ? subject.model[rank] : nil)
                )
            case 2 where rank < subject.model.count:
                #expect(subject.tree[rank] == subject.model[rank])
            default:
                if isThere, Int.random(in: 0..<10, using: &random) >= grows {
                    subject.remove(number)
                } else if !isThere, Int.random(in: 0..<10, using: &random) < grows {
                    subject.insert(number)
                } else if !subject.model.isEmpty, grows < 5 {
                    subject.remove(subject.model[Int.random(in: 0..<subject.model.count, using: &random)])
                }
            }
            if step % 50 == 0 { subject.check("replay with seed \(seed)") }
        }
        let all = 0..<subject.model.count
        #expect(subject.elements(all) == subject.model, "replay with seed \(seed)")
        #expect(subject.elements(all, reversed: true) == subject.model.reversed(), "replay with seed \(seed)")
        subject.remove(all)
        subject.check()
        #expect(subject.memory.usedBytes == 0)
    }

    @Test func `that grows at its end has full leaves`() {
        let subject = Subject()
        for number in 0..<100_000 { subject.tree.append(number, memory: subject.memory) }
        subject.model = Array(0..<100_000)

        subject.check()
        #expect(subject.fill > 0.98)
        #expect(subject.tree.rank(of: Before(number: 77_777)) == 77_777)
    }

    /// Like the times of events that are told a little late.
    @Test(arguments: [false, true])
    func `that grows near an end has leaves that are nearly full`(isDescending: Bool) {
        var random = SplitMix(state: 1)
        let subject = Subject()
        for step in 0..<50_000 {
            let number = step * 100 - Int.random(in: 0..<300, using: &random)
            let element = isDescending ? -number : number
            subject.tree.insert(element, at: Before(number: element), memory: subject.memory)
        }

        subject.tree.checkInvariants(<=)
        #expect(subject.fill > 0.95)
    }

    @Test func `that grows everywhere has leaves that are seven eighths full`() {
        var random = SplitMix(state: 1)
        let subject = Subject()
        for _ in 0..<200_000 {
            let number = Int.random(in: 0..<Int.max, using: &random)
            subject.tree.insert(number, at: Before(number: number), memory: subject.memory)
        }

        subject.tree.checkInvariants(<)
        #expect(subject.fill > 0.86)
    }

    /// A neighbour with room for a single element must not be given one: it might have to give it back at once, for ever.
    @Test(arguments: 0..<10)
    func `takes elements of which few fit into a leaf`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let memory = Memory()
        var tree = OrderedTree<WideNumbers>()
        defer { memory.dispose() }
        #expect(TreeLeaf<WideNumbers>.capacity == 12)

        let numbers = (0..<3000).shuffled(using: &random)
        for number in numbers {
            tree.insert(WideNumber(number), at: BeforeWide(number: number), memory: memory)
        }
        tree.checkInvariants { $0.number < $1.number }
        for number in numbers.prefix(2500) {
            tree.remove(at: tree.path(toLastBefore: BeforeWide(number: number + 1)), memory: memory)
        }
        tree.checkInvariants { $0.number < $1.number }

        #expect(tree.count == 500)
        tree.free(to: memory)
        #expect(memory.usedBytes == 0)
    }

    @Test func `goes on from any place, both ways`() throws {
        let subject = Subject()
        for number in 0..<1000 { subject.insert(number * 2) }

        var place = try #require(subject.tree.first(behind: Before(number: 999)))
        #expect(place.element == 1000)
        for expected in stride(from: 1002, through: 1998, by: 2) {
            place = try #require(subject.tree.next(after: place))
            #expect(place.element == expected)
        }
        #expect(subject.tree.next(after: place) == nil)
        for expected in stride(from: 1996, through: 0, by: -2) {
            place = try #require(subject.tree.previous(before: place))
            #expect(place.element == expected)
        }
        #expect(subject.tree.previous(before: place) == nil)
    }

    @Test func `knows an element that was changed where it stands`() {
        let subject = Subject()
        for number in 0..<5000 { subject.insert(number * 10) }

        for rank in 0..<5000 {
            let path = subject.tree.path(toRank: rank)
            path.leaf[path.index] = rank * 10 + 5
            subject.tree.noteChanged(at: path)
        }
        subject.model = (0..<5000).map { $0 * 10 + 5 }
        subject.check()
        #expect(subject.elements(0..<5000) == subject.model)
    }
}
