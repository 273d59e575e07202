import Protocol
import Testing

@testable import Keyspace

/// How a keyspace keeps lists in a test.
struct ListShape: CustomTestStringConvertible, Sendable {
    let nodeSize: Int
    let compressDepth: Int
    var aloneFrom = Int.max

    var testDescription: String { "node size \(nodeSize), compress depth \(compressDepth), alone from \(aloneFrom)" }
}

/// A list under the key `l` of a keyspace of its own, with arrays in place of lent bytes.
private final class OwnedList {
    let keyspace = Keyspace.standalone()
    let list: ListValue

    init(_ shape: ListShape = ListShape(nodeSize: -2, compressDepth: 0)) {
        keyspace.limits.listNodeSize = shape.nodeSize
        keyspace.limits.listCompressDepth = shape.compressDepth
        keyspace.limits.listAloneByteCount = shape.aloneFrom
        list = keyspace.with("l") { [keyspace] in keyspace.make(ListValue.self, under: $0, in: 0) }
    }

    func push(_ text: String, at end: ListEnd = .tail) { Array(text.utf8).withBytes { list.push($0, at: end) } }

    func insert(_ text: String, at index: Int) { Array(text.utf8).withBytes { list.insert($0, at: index) } }

    func replace(at index: Int, with text: String) { Array(text.utf8).withBytes { list.replace(at: index, with: $0) } }

    func remove(_ text: String, atMost most: Int, backwards: Bool) -> Int {
        Array(text.utf8).withBytes { list.remove(SoughtText($0), atMost: most, backwards: backwards) }
    }

    @discardableResult
    func pop(at end: ListEnd) -> String {
        var text = ""
        list.pop(at: end) { text = $0.withBytes { $0.text } }
        return text
    }

    func texts(from index: Int = 0, backwards: Bool = false) -> [String] {
        var texts: [String] = []
        list.visit(from: index, backwards: backwards) { element in
            texts.append(element.withBytes { $0.text })
            return true
        }
        return texts
    }

    var entry: Entry? { keyspace.with("l") { keyspace.lookup($0, in: 0) } }
}

extension Array<String> {
    /// What LREM does.
    fileprivate mutating func remove(_ text: String, atMost most: Int, backwards: Bool) -> Int {
        let found = indices.filter { self[$0] == text }
        let chosen = backwards ? found.suffix(most) : found.prefix(most)
        for index in chosen.reversed() { remove(at: index) }
        return chosen.count
    }
}

@Suite struct `A list` {
    static let shapes = [
        ListShape(nodeSize: -2, compressDepth: 0), ListShape(nodeSize: -1, compressDepth: 1),
        ListShape(nodeSize: 1, compressDepth: 0), ListShape(nodeSize: 4, compressDepth: 0),
        ListShape(nodeSize: 4, compressDepth: 1), ListShape(nodeSize: 16, compressDepth: 2),
        ListShape(nodeSize: 8, compressDepth: 1, aloneFrom: 3),
    ]

    private static func text(using random: inout SplitMix) -> String {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: String(repeating: "long ", count: Int.random(in: 100..<4000, using: &random))
        case 1, 2: String(repeating: "x", count: Int.random(in: 60..<300, using: &random))
        case 3, 4, 5: String(Int.random(in: -3...70_000, using: &random))
        default: String(UnicodeScalar(UInt8.random(in: 97...102, using: &random)))
        }
    }

    @Test(arguments: shapes, 0..<12)
    func `does what an array does, whatever is put in and taken out`(shape: ListShape, seed: UInt64) {
        var random = SplitMix(state: seed)
        let owned = OwnedList(shape)
        var model: [String] = []

        for step in 0..<400 {
            let text = Self.text(using: &random)
            let index = model.isEmpty ? 0 : Int.random(in: 0..<model.count, using: &random)
            switch Int.random(in: 0..<16, using: &random) {
            case 0..<4:
                owned.push(text)
                model.append(text)
            case 4..<7:
                owned.push(text, at: .head)
                model.insert(text, at: 0)
            case 7..<9:
                owned.insert(text, at: index)
                model.insert(text, at: index)
            case 9 where !model.isEmpty:
                owned.replace(at: index, with: text)
                model[index] = text
            case 10 where !model.isEmpty:
                let range = index..<min(model.count, index + Int.random(in: 0..<40, using: &random))
                owned.list.remove(range)
                model.removeSubrange(range)
            case 11 where !model.isEmpty:
                let end = Bool.random(using: &random) ? ListEnd.head : .tail
                let popped = owned.pop(at: end)
                #expect(popped == model.remove(at: end == .head ? 0 : model.count - 1), "replay with seed \(seed)")
            case 12:
                let (most, backwards) = (Int.random(in: 1..<9, using: &random), Bool.random(using: &random))
                let removed = owned.remove(text, atMost: most, backwards: backwards)
                #expect(removed == model.remove(text, atMost: most, backwards: backwards))
            default:
                let backwards = Bool.random(using: &random)
                let expected = backwards ? model.prefix(index + 1).reversed() : Array(model.dropFirst(index))
                #expect(owned.texts(from: index, backwards: backwards) == expected, "replay with seed \(seed)")
            }
            owned.list.checkInvariants()
            #expect(owned.list.count == model.count, "step \(step), replay with seed \(seed)")
            if let first = model.first, let last = model.last {
                #expect(owned.list.element(at: .head).withBytes { $0.text } == first, "replay with seed \(seed)")
                #expect(owned.list.element(at: .tail).withBytes { $0.text } == last, "replay with seed \(seed)")
            }
        }
        #expect(owned.texts() == model, "replay with seed \(seed)")
        #expect(owned.texts(from: model.count - 1, backwards: true) == model.reversed(), "replay with seed \(seed)")
    }

    @Test(arguments: shapes)
    func `takes as much memory as it says, also when it is copied`(shape: ListShape) {
        let owned = OwnedList(shape)
        let before = owned.keyspace.usedBytes - (owned.entry?.usedBytes ?? 0)
        for number in 0..<3000 { owned.push("element \(number)") }
        owned.push(String(repeating: "y", count: 100_000))
        let used = owned.entry?.usedBytes ?? 0
        #expect(owned.keyspace.usedBytes - used == before)

        owned.keyspace.with("l") { key in
            let copy = owned.keyspace.duplicate(key, in: 0)
            copy?.withEntry { copied in
                #expect(owned.keyspace.usedBytes - used - copied.usedBytes == before)
                let list = ListValue(entry: copied, keyspace: owned.keyspace)
                list.checkInvariants()
                #expect(list.count == 3001)
            }
        }
    }

    @Test func `is a listpack until it outgrows a node, and again when half a node holds it`() {
        let owned = OwnedList(ListShape(nodeSize: 10, compressDepth: 0))
        for number in 0..<10 { owned.push("\(number)") }
        #expect(owned.entry?.encoding == .listpack)

        owned.push("10")
        #expect(owned.entry?.encoding == .quicklist)

        owned.list.remove(5, at: .head)
        #expect(owned.entry?.encoding == .quicklist)
        owned.pop(at: .tail)
        #expect(owned.entry?.encoding == .listpack)
        #expect(owned.texts() == ["5", "6", "7", "8", "9"])
    }

    /// A head of six bytes, and nine for each element; from 256 bytes on sixteen behind them, and two for the mark that the
    /// next may get.
    @Test func `has no lengths behind its elements`() {
        let owned = OwnedList()
        func usedBytes() -> Int { owned.entry?.aggregate.usedBytes ?? 0 }
        for number in 0..<27 { owned.push("element\(number % 10)", at: .head) }
        #expect(usedBytes() == SizeClass.byteCount(6 + 27 * 9))

        owned.push("element0", at: .head)
        #expect(usedBytes() == SizeClass.byteCount(6 + 28 * 9 + 2 + 16))
        owned.pop(at: .tail)
        #expect(usedBytes() == SizeClass.byteCount(6 + 28 * 9 + 2 + 16))
        owned.list.remove(15, at: .tail)
        #expect(usedBytes() == SizeClass.byteCount(6 + 12 * 9))
    }

    @Test func `has nodes of one form, wherever they are`() {
        let owned = OwnedList()
        for number in 0..<10_000 { owned.push("element\(number % 10)") }

        // Nodes hold as many elements as if they were full: 818 times ten bytes, a head and an end mark are 8187.
        var byteCounts: [Int] = []
        owned.list.forEachNode { content in
            if case .listpack(let pack) = content { byteCounts.append(pack.byteCount) }
        }
        let last = 10_000 - 12 * 818
        let full = SizeClass.byteCount(6 + 818 * 9 + 12 * 2 + 16)
        #expect(byteCounts == Array(repeating: full, count: 12) + [SizeClass.byteCount(6 + last * 9 + 2 * 2 + 16)])
        for (index, end) in [(400, ListEnd.head), (5000, .tail), (900, .head)] {
            owned.list.remove(index, at: end)
            owned.list.checkInvariants()
        }
    }

    @Test func `compresses what is not near its ends`() {
        let deep = OwnedList(ListShape(nodeSize: -1, compressDepth: 1))
        let flat = OwnedList(ListShape(nodeSize: -1, compressDepth: 0))
        for _ in 0..<20_000 {
            deep.push("the same again")
            flat.push("the same again")
        }

        #expect((deep.entry?.usedBytes ?? 0) * 5 < flat.entry?.usedBytes ?? 0)
        #expect(deep.texts() == flat.texts())
    }

    /// Values of `list-max-listpack-size` and what they mean, by redis.conf of Redis 7.0.
    @Test(arguments: [
        (-1, 4096, Int.max), (-2, 8192, .max), (-3, 16384, .max), (-4, 32768, .max), (-5, 65536, .max),
        (-9, 65536, .max),
        (0, 8192, 1), (1, 8192, 1), (128, 8192, 128),
    ])
    func `has nodes as large as the configuration says`(setting: Int, byteCount: Int, count: Int) {
        let limit = ListNodeLimit(setting)

        #expect((limit.byteCount, limit.count) == (byteCount, count))
    }
}
