import Protocol
import Testing

@testable import Keyspace

/// A list's listpack, with an array that says what it should hold.
private final class ModelledListpack {
    let memory = Memory()
    var pack: Listpack
    var model: [String] = []

    init() { pack = Listpack(.bare, memory: memory) }

    deinit {
        pack.free(to: memory)
        assert(memory.usedBytes == 0)
        memory.dispose()
    }

    func withElement<Result>(_ text: String, _ body: (ListpackElement) -> Result) -> Result {
        Array(text.utf8).withBytes { body(ListpackElement($0)) }
    }

    func hasRoom(for text: String) -> Bool {
        withElement(text) { pack.hasRoom(for: $0.byteCount(in: .full), inFull: 1 << 16) }
    }

    func push(_ text: String, at end: ListEnd) {
        withElement(text) { pack.push($0, at: end, memory: memory) }
        model.insert(text, at: end == .head ? 0 : model.count)
    }

    func pop(at end: ListEnd) -> String {
        var popped = ""
        pack.pop(at: end, memory: memory) { popped = $0.withBytes { $0.text } }
        return popped
    }

    func insert(_ text: String, at index: Int) {
        withElement(text) { pack.insert($0, beforeIndex: index, memory: memory) }
        model.insert(text, at: index)
    }

    func exchange(at index: Int, with text: String) {
        withElement(text) { pack.exchange(at: pack.offset(ofIndex: index) ?? 0, with: $0, memory: memory) }
        model[index] = text
    }

    func removeElements(_ range: Range<Int>) {
        pack.removeElements(range, memory: memory)
        model.removeSubrange(range)
    }

    func remove(_ text: String, atMost most: Int, backwards: Bool) {
        let found = model.indices.filter { model[$0] == text }
        let chosen = backwards ? found.suffix(most) : found.prefix(most)
        let removed = Array(text.utf8).withBytes {
            pack.remove(SoughtText($0), atMost: most, backwards: backwards, memory: memory)
        }
        #expect(removed == chosen.count)
        for index in chosen.reversed() { model.remove(at: index) }
    }

    /// Takes the elements from `index` on away, and puts them back.
    func splitAndJoin(at index: Int) {
        let tail = pack.split(at: index, memory: memory)
        #expect(tail.isIntactInList && pack.isIntactInList && tail.count == model.count - index)
        pack.append(elementsOf: tail, memory: memory)
        tail.free(to: memory)
    }

    func texts(from index: Int, backwards: Bool) -> [String] {
        var texts: [String] = []
        _ = pack.visit(from: index, backwards: backwards) { element in
            texts.append(element.withBytes { $0.text })
            return true
        }
        return texts
    }

    /// The bytes of a full one with the same elements, put in one by one.
    var fullBytes: [UInt8] {
        var full = Listpack(.full, memory: memory)
        defer { full.free(to: memory) }
        for text in model { withElement(text) { full.append($0, memory: memory) } }
        return full.block.array
    }
}

/// What elements of a test look like, and how many there are about.
struct ListpackShape: CustomTestStringConvertible, Sendable {
    let byteCounts: [Int]
    let count: Int

    var testDescription: String { "about \(count) of \(byteCounts) bytes" }

    func text(using random: inout SplitMix) -> String {
        let byteCount = byteCounts.randomElement(using: &random) ?? 1
        if byteCount == 0 { return String(Int.random(in: -70_000...70_000, using: &random)) }
        return String(repeating: "abcdefgh".randomElement(using: &random) ?? "a", count: byteCount)
    }
}

@Suite struct `A list's listpack` {
    static let shapes = [
        ListpackShape(byteCounts: [0, 1, 2, 8], count: 60), ListpackShape(byteCounts: [0, 1, 8, 100], count: 200),
        ListpackShape(byteCounts: [1], count: 400), ListpackShape(byteCounts: [126, 127, 254, 255], count: 5),
        ListpackShape(byteCounts: [1, 8, 126, 127, 253, 254, 300, 5000], count: 12),
        ListpackShape(byteCounts: [8, 16_381, 16_382], count: 4),
        ListpackShape(byteCounts: [0, 3, 125, 126], count: 130),
        ListpackShape(byteCounts: [100, 1000, 2000], count: 90),
    ]

    @Test(arguments: shapes, 0..<8)
    func `does what an array does, and keeps its marks right`(shape: ListpackShape, seed: UInt64) {
        var random = SplitMix(state: seed)
        let list = ModelledListpack()
        var favoured = ListEnd.head

        for step in 0..<600 {
            if step % 100 == 0 { favoured = Bool.random(using: &random) ? .head : .tail }
            let text = shape.text(using: &random)
            let end = Int.random(in: 0..<4, using: &random) == 0 ? favoured.opposite : favoured
            let index = list.model.isEmpty ? 0 : Int.random(in: 0..<list.model.count, using: &random)
            let grows = Int.random(in: 0..<2 * shape.count, using: &random) >= list.model.count
            switch Int.random(in: 0..<40, using: &random) {
            case 0 where list.hasRoom(for: text): list.insert(text, at: index)
            case 1 where list.hasRoom(for: text) && !list.model.isEmpty: list.exchange(at: index, with: text)
            case 2:
                list.remove(
                    text,
                    atMost: Int.random(in: 1..<4, using: &random),
                    backwards: Bool.random(using: &random)
                )
            case 3 where index > 0: list.splitAndJoin(at: index)
            case 4:
                let count = min(list.model.count - index, Int.random(in: 0..<90, using: &random))
                list.removeElements(index..<index + count)
            case 5: list.removeElements(0..<min(index, 70))
            case 6: list.removeElements(max(index, list.model.count - 70)..<list.model.count)
            case 7..<12 where !list.model.isEmpty:
                #expect(list.texts(from: index, backwards: false) == Array(list.model[index...]), "seed \(seed)")
                #expect(list.texts(from: index, backwards: true) == list.model[...index].reversed(), "seed \(seed)")
                #expect(list.pack.withFullBytes { $0.array } == list.fullBytes, "seed \(seed)")
            case _ where grows:
                for _ in 0...shape.count / 50 where list.hasRoom(for: text) { list.push(text, at: end) }
            case _ where !list.model.isEmpty:
                #expect(list.pop(at: end) == list.model.remove(at: end == .head ? 0 : list.model.count - 1))
            default: continue
            }
            #expect(list.pack.isIntactInList && list.pack.count == list.model.count, "step \(step), seed \(seed)")
            let last = list.pack.last.map { offset in list.pack[offset].withBytes { $0.text } }
            #expect(last == list.model.last, "step \(step), seed \(seed)")
        }
    }

    /// Elements of nine bytes: each costs so many, whichever end it came to, and every 64th two more; sixteen stand behind.
    @Test(arguments: [ListEnd.head, .tail])
    func `takes next to nothing besides its elements`(end: ListEnd) {
        let list = ModelledListpack()
        for number in 0..<640 { list.push("element\(number % 10)", at: end) }

        #expect(list.pack.byteCount == SizeClass.byteCount(6 + 640 * 9 + 10 * 2 + 16))
        #expect(list.pack.byteCount(in: .full) == 6 + 640 * 10 + 1)
        #expect(list.pack.byteCount(in: .bare) == 6 + 640 * 9)
        for index in stride(from: 0, to: 640, by: 7) {
            #expect(list.pack.offset(ofIndex: index) == list.pack.firstOffset + index * 9)
            #expect(list.pack.offset(ofIndex: index - 640) == list.pack.firstOffset + index * 9)
        }
    }

    /// A queue of fifty elements, of which half come before any goes.
    @Test(arguments: [ListEnd.head, .tail])
    func `keeps little room, also where elements pass through it`(end: ListEnd) {
        let list = ModelledListpack()
        for _ in 0..<25 { list.push("element1", at: end) }
        for number in 0..<1000 {
            list.push("element\(number % 10)", at: end)
            if list.model.count > 50 {
                list.model.remove(at: end == .head ? list.model.count - 1 : 0); _ = list.pop(at: end.opposite)
            }
            let needed = list.pack.byteCount(in: .bare) + 16
            #expect(list.pack.byteCount <= needed * 5 / 4)
        }
        while list.model.count > 20 {
            list.model.removeLast()
            _ = list.pop(at: .tail)
            #expect(list.pack.byteCount <= (list.pack.byteCount(in: .bare) + 18) * 4 / 3 + 1)
        }
    }

    @Test(arguments: [ListEnd.head, .tail])
    func `gets marks from some hundred bytes on, and loses them at half as many`(end: ListEnd) {
        let list = ModelledListpack()
        for _ in 0..<27 { list.push("element1", at: end) }
        #expect(list.pack.form == .bare)

        list.push("element1", at: end)
        #expect(list.pack.form == .marked)
        while list.pack.form == .marked {
            _ = list.pop(at: end)
            list.model.removeLast()
        }
        #expect(10...14 ~= list.model.count)
        #expect(list.pack.form == .bare && list.pack.byteCount == 6 + list.model.count * 9)
    }

    @Test func `has no marks where it is larger than any node of a list`() {
        let list = ModelledListpack()
        list.push(String(repeating: "x", count: 65_500), at: .tail)
        #expect(list.pack.form == .marked)
        list.insert("12345", at: 1)
        #expect(list.pack.form == .marked)

        list.exchange(at: 0, with: String(repeating: "y", count: 70_000))
        #expect(list.pack.form == .bare && list.pack.isIntactInList)
        #expect(list.texts(from: 1, backwards: true) == list.model.reversed())
    }
}
