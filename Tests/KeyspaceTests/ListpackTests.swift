import Protocol
import Testing

@testable import Keyspace

/// A listpack in memory of its own, with arrays in place of lent bytes.
private final class OwnedListpack {
    let memory = Memory()
    var pack: Listpack

    init() { pack = Listpack(memory: memory) }

    init(_ texts: [String]) {
        pack = Listpack(memory: memory)
        for text in texts { insert(text, at: pack.endOffset) }
    }

    deinit {
        pack.free(to: memory)
        assert(memory.usedBytes == 0)
        memory.dispose()
    }

    func insert(_ text: String, at offset: Int) {
        Array(text.utf8).withBytes { pack.insert(ListpackElement($0), at: offset, memory: memory) }
    }

    func replace(at offset: Int, with text: String) {
        Array(text.utf8).withBytes { pack.replace(at: offset, with: ListpackElement($0), memory: memory) }
    }

    func find(_ text: String, stride: Int = 1) -> Int? {
        Array(text.utf8).withBytes { pack.find($0, from: pack.first, stride: stride) }
    }

    func text(at offset: Int) -> String { pack[offset].withBytes { $0.text } }

    var texts: [String] {
        var (texts, offset): ([String], Int?) = ([], pack.first)
        while let here = offset {
            texts.append(text(at: here))
            offset = pack.next(after: here)
        }
        return texts
    }

    var reversedTexts: [String] {
        var (texts, offset): ([String], Int?) = ([], pack.last)
        while let here = offset {
            texts.append(text(at: here))
            offset = pack.previous(before: here)
        }
        return texts
    }
}

@Suite struct `A listpack` {
    /// What is in the payload of DUMP after `HSET h f <value>` in redis-server 7.0.15.
    @Test(arguments: [
        ("1", "0c00000002008166020101ff"),
        ("-1", "0d0000000200816602dfff02ff"),
        ("1000", "0d0000000200816602c3e802ff"),
        ("-5000", "0e0000000200816602f178ec03ff"),
        ("-100000", "0f0000000200816602f26079fe04ff"),
        ("8388608", "100000000200816602f30000800005ff"),
        ("2147483648", "140000000200816602f4000000800000000009ff"),
        ("9223372036854775807", "140000000200816602f4ffffffffffffff7f09ff"),
    ])
    func `has the bytes that Redis gives it`(value: String, hex: String) {
        let list = OwnedListpack(["f", value])

        let bytes = list.pack.bytes.array.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(bytes == hex)
    }

    /// On each side of every border between two forms.
    static let borders: [String] =
        [0, 1, 62, 63, 64, 65, 126, 127, 128, 4094, 4095, 4096, 16380, 16383, 70_000].map {
            String(repeating: "x", count: $0)
        }
        + [
            0, 1, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, 32768, -32768, -32769, 8_388_607, 8_388_608,
            -8_388_608, -8_388_609, 2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649, .max, .min,
        ].map { (number: Int64) in String(number) } + ["007", "+1", "-0", "9223372036854775808", "1 "]

    @Test func `keeps every kind of element, and is walked both ways`() {
        let list = OwnedListpack(Self.borders)

        #expect(list.texts == Self.borders)
        #expect(list.reversedTexts == Self.borders.reversed())
        #expect(Listpack.isValid(list.pack.bytes))
        for text in Self.borders { #expect(list.find(text).map { list.text(at: $0) } == text) }
    }

    @Test func `finds only where the stride says`() {
        let list = OwnedListpack(["a", "b", "b", "1"])

        #expect(list.find("b", stride: 2) == list.pack.offset(ofIndex: 2))
        #expect(list.find("1", stride: 2) == nil)
    }

    @Test(arguments: 0..<20)
    func `does what an array does, whatever is put in and taken out`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let list = OwnedListpack()
        var model: [String] = []

        for _ in 0..<400 {
            let text = Self.borders.randomElement(using: &random) ?? ""
            let index = Int.random(in: 0...model.count, using: &random)
            let offset = list.pack.offset(ofIndex: index) ?? list.pack.endOffset
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                list.insert(text, at: offset)
                model.insert(text, at: index)
            case 2 where index < model.count:
                list.replace(at: offset, with: text)
                model[index] = text
            case 3 where index < model.count:
                let count = Int.random(in: 1...4, using: &random)
                list.pack.remove(at: offset, count: count, memory: list.memory)
                model.removeSubrange(index..<min(model.count, index + count))
            default:
                guard index < model.count else { continue }
                #expect(list.pack.offset(ofIndex: index - model.count) == list.pack.offset(ofIndex: index))
            }
            #expect(list.pack.count == model.count && Listpack.isValid(list.pack.bytes), "replay with seed \(seed)")
        }
        #expect(list.texts == model, "replay with seed \(seed)")
    }

    @Test func `counts more elements than its head can say`() {
        let list = OwnedListpack()
        for _ in 0..<70_000 { list.insert("7", at: list.pack.endOffset) }

        #expect(list.pack.count == 70_000)
        #expect(list.pack.offset(ofIndex: -1) == list.pack.offset(ofIndex: 69_999))
        #expect(Listpack.isValid(list.pack.bytes))
    }

    @Test(arguments: 0..<200)
    func `is not taken for valid when it is not`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let original = OwnedListpack(["abc", "12345", "x", "-7", String(repeating: "y", count: 100)])
        var bytes = original.pack.bytes.array
        for _ in 0...Int.random(in: 0..<3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }

        // Whatever is called valid can be walked to its end, both ways, without leaving it.
        bytes.withBytes { bytes in
            guard Listpack.isValid(bytes) else { return }
            let list = OwnedListpack()
            list.pack.free(to: list.memory)
            list.pack = Listpack(copying: bytes, memory: list.memory)
            #expect(list.texts == list.reversedTexts.reversed())
        }
    }
}
