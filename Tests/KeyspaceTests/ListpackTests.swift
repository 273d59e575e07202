import Protocol
import Testing

@testable import Keyspace

/// A listpack in memory of its own, with arrays in place of lent bytes.
private final class OwnedListpack {
    let memory = Memory()
    var pack: Listpack

    init(_ form: Listpack.Form = .full) { pack = Listpack(form, memory: memory) }

    init(_ texts: [String], _ form: Listpack.Form = .full) {
        pack = Listpack(form, memory: memory)
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

    var bytes: [UInt8] { pack.withFullBytes { $0.array } }

    func text(at offset: Int) -> String { pack[offset].withBytes { $0.text } }

    var texts: [String] {
        var (texts, offset): ([String], Int?) = ([], pack.first)
        while let here = offset {
            texts.append(text(at: here))
            offset = pack.next(after: here)
        }
        return texts
    }

    func texts(from index: Int, backwards: Bool = false) -> [String] {
        var texts: [String] = []
        let goesOn = pack.visit(from: index, backwards: backwards) { element in
            texts.append(element.withBytes { $0.text })
            return true
        }
        assert(goesOn)
        return texts
    }

    var reversedTexts: [String] { texts(from: pack.count - 1, backwards: true) }
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

        #expect(hexadecimal(list.bytes) == hex)
        #expect(hexadecimal(OwnedListpack(["f", value], .bare).bytes) == hex)
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static let forms: [Listpack.Form] = [.full, .bare]

    /// On each side of every border between two forms.
    static let borders: [String] =
        [0, 1, 62, 63, 64, 65, 126, 127, 128, 4094, 4095, 4096, 16380, 16383, 70_000].map {
            String(repeating: "x", count: $0)
        }
        + [
            0, 1, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, 32768, -32768, -32769, 8_388_607, 8_388_608,
            -8_388_608, -8_388_609, 2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649, .max, .min,
        ].map { (number: Int64) in String(number) } + ["007", "+1", "-0", "9223372036854775808", "1 "]

    @Test(arguments: forms)
    func `keeps every kind of element, and is walked both ways`(form: Listpack.Form) {
        let list = OwnedListpack(Self.borders, form)

        #expect(list.texts == Self.borders)
        #expect(list.reversedTexts == Self.borders.reversed())
        #expect(list.pack.last.map { list.text(at: $0) } == Self.borders.last)
        #expect(list.pack.isIntact)
        for text in Self.borders { #expect(list.find(text).map { list.text(at: $0) } == text) }
    }

    @Test func `takes a byte or more less for each element where it is bare`() {
        let texts = ["a", "17", String(repeating: "x", count: 125), String(repeating: "y", count: 126)]
        let (full, bare) = (OwnedListpack(texts), OwnedListpack(texts, .bare))

        // One byte behind each, two behind the last, and the end mark.
        #expect(full.pack.byteCount - bare.pack.byteCount == 6)
        #expect(bare.pack.byteCount == 6 + 2 + 1 + 127 + 128)
    }

    @Test(arguments: 0..<20)
    func `becomes the same in the other form, and back`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let texts = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
            Self.borders.randomElement(using: &random) ?? ""
        }
        let (full, bare) = (OwnedListpack(texts), OwnedListpack(texts, .bare))

        #expect(full.bytes == bare.bytes && bare.bytes.withBytes(Listpack.isValid), "replay with seed \(seed)")
        #expect(full.pack.byteCount == bare.pack.byteCount(in: .full), "replay with seed \(seed)")
        #expect(full.pack.byteCount(in: .bare) == bare.pack.byteCount, "replay with seed \(seed)")
        #expect(bare.pack.fullByteCountBounds.contains(full.pack.byteCount), "replay with seed \(seed)")
        full.pack = full.pack.converted(to: .bare, memory: full.memory)
        #expect(full.pack.block.isEqual(to: bare.pack.block), "replay with seed \(seed)")
        full.pack = full.pack.converted(to: .full, memory: full.memory)
        #expect(full.pack.block.array == bare.bytes, "replay with seed \(seed)")
    }

    /// With elements that need one, two and three bytes behind them.
    @Test(arguments: [3, 127, 128, 16383, 70_000])
    func `knows what it would take if it were full`(length: Int) {
        let text = String(repeating: "x", count: length)
        let list = OwnedListpack([text, "1", text, text], .bare)
        let byteCount = list.bytes.count

        for limit in byteCount - 3...byteCount + 3 {
            #expect(list.pack.hasRoom(for: 0, inFull: limit) == (byteCount <= limit))
            #expect(list.pack.hasRoom(for: 100, inFull: limit + 100) == (byteCount <= limit))
            #expect(list.pack.hasRoom(for: -100, inFull: limit - 100) == (byteCount <= limit))
        }
    }

    @Test(arguments: forms)
    func `finds only where the stride says`(form: Listpack.Form) {
        let list = OwnedListpack(["a", "b", "b", "1"], form)

        #expect(list.find("b", stride: 2) == list.pack.offset(ofIndex: 2))
        #expect(list.find("1", stride: 2) == nil)
    }

    @Test(arguments: forms, 0..<20)
    func `does what an array does, whatever is put in and taken out`(form: Listpack.Form, seed: UInt64) {
        var random = SplitMix(state: seed)
        let list = OwnedListpack(form)
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
                #expect(list.pack.offset(ofIndex: index - model.count) == offset, "replay with seed \(seed)")
                #expect(list.texts(from: index) == Array(model[index...]), "replay with seed \(seed)")
                #expect(
                    list.texts(from: index, backwards: true) == model[...index].reversed(),
                    "replay with seed \(seed)"
                )
            }
            #expect(list.pack.count == model.count && list.pack.isIntact, "replay with seed \(seed)")
        }
        #expect(list.texts == model, "replay with seed \(seed)")
    }

    @Test(arguments: forms)
    func `counts more elements than its head can say`(form: Listpack.Form) {
        let list = OwnedListpack(form)
        for _ in 0..<70_000 { list.insert("7", at: list.pack.endOffset) }

        #expect(list.pack.count == 70_000)
        #expect(list.pack.offset(ofIndex: -1) == list.pack.offset(ofIndex: 69_999))
        #expect(list.pack.isIntact)
        #expect(list.pack.hasRoom(for: 0, inFull: 2 * 70_000 + 7))
        #expect(!list.pack.hasRoom(for: 0, inFull: 2 * 70_000 + 6))
    }

    @Test(arguments: 0..<200)
    func `is not taken for valid when it is not`(seed: UInt64) {
        var random = SplitMix(state: seed)
        var bytes = OwnedListpack(["abc", "12345", "x", "-7", String(repeating: "y", count: 100)]).bytes
        for _ in 0...Int.random(in: 0..<3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }

        // Whatever is called valid can be walked to its end, both ways, without leaving it.
        bytes.withBytes { bytes in
            guard Listpack.isValid(bytes) else { return }
            let list = OwnedListpack()
            list.pack.free(to: list.memory)
            list.pack = Listpack(reading: bytes).copy(to: list.memory)
            #expect(list.texts == list.reversedTexts.reversed())
            list.pack = list.pack.converted(to: .bare, memory: list.memory)
            #expect(list.pack.isIntact && list.bytes == bytes.array)
        }
    }
}
