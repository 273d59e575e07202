// Strings as rows of bits: setting, getting, counting and finding them.

internal import Keyspace
internal import Protocol

public enum BitmapCommands {
    public static let all = [setbit, getbit, bitcount, bitpos, bitop, bitfield, bitfieldReadOnly]

    static let setbit = Command(
        "setbit",
        "Sets or clears one bit, and hands out what it was.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .update]),
        flags: [.write, .denyoom],
        group: .bitmap,
        since: "2.2.0",
        categories: ["bitmap"],
        syntax: "<key:key> <offset:integer> <value:integer>",
        isQuick: true
    ) { call throws(CommandError) in
        let index = try call.bitIndex(2)
        let bit = try call.integer(3, orThrow: .bitValueNotAnInteger)
        guard bit == 0 || bit == 1 else { throw .bitValueNotAnInteger }
        let key = call.key(1)
        let entry = call.lookup(key)
        if let entry, !entry.isString { throw .wrongType }
        let previousCount = entry?.string.byteCount ?? -1

        let string = call.keyspace(of: key).edit(key, in: call.database, growingTo: index >> 3 + 1)
        let wasSet = Bits(string.bytes)[index]
        if wasSet != (bit == 1) { string.store(UInt64(bit), atBit: index, bitCount: 1) }
        if wasSet != (bit == 1) || string.count != previousCount { call.didChange(key) }
        call.reply.integer(wasSet ? 1 : 0)
    }

    static let getbit = Command(
        "getbit",
        "Hands out one bit.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .bitmap,
        since: "2.2.0",
        categories: ["bitmap"],
        syntax: "<key:key> <offset:integer>"
    ) { call throws(CommandError) in
        let index = try call.bitIndex(2)
        guard let entry = call.read(call.key(1)) else { return call.reply.integer(0) }
        guard entry.isString else { throw .wrongType }
        call.reply.integer(entry.string.withBytes { index >> 3 < $0.count && Bits($0)[index] } ? 1 : 0)
    }

    static let bitcount = Command(
        "bitcount",
        "Counts the ones.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .bitmap,
        since: "2.6.0",
        history: ["7.0.0": "Takes `BYTE` and `BIT`."],
        complexity: "O(N)",
        categories: ["bitmap"],
        syntax: "<key:key> [range{<start:integer> end-unit-block{<end:integer> [unit@7.0.0(BYTE | BIT)]}}]"
    ) { call throws(CommandError) in
        guard call.arguments.count != 3 else { throw .syntax }
        let part = try StringPart(call, from: 2)
        guard let entry = call.read(call.key(1)) else { return call.reply.integer(0) }
        guard entry.isString else { throw .wrongType }
        guard !part.isBackwards else { return call.reply.integer(0) }
        call.reply.integer(entry.string.withBytes { Bits($0).onesCount(in: part.bits(of: $0)) })
    }

    static let bitpos = Command(
        "bitpos",
        "Finds the first one or zero.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .bitmap,
        since: "2.8.7",
        history: ["7.0.0": "Takes `BYTE` and `BIT`."],
        complexity: "O(N)",
        categories: ["bitmap"],
        syntax: """
            <key:key> <bit:integer> [range{<start:integer> [end-unit-block{<end:integer> [unit@7.0.0(BYTE | BIT)]}]}]
            """
    ) { call throws(CommandError) in
        let bit = try call.integer(2)
        guard bit == 0 || bit == 1 else { throw .text("ERR The bit argument must be 1 or 0.") }
        let part = try StringPart(call, from: 3)
        guard let entry = call.read(call.key(1)) else { return call.reply.integer(bit == 0 ? 0 : -1) }
        guard entry.isString else { throw .wrongType }
        let index = entry.string.withBytes { bytes in
            let range = part.bits(of: bytes)
            let found = Bits(bytes).firstIndex(of: bit == 1, in: range)
            // Behind a string all bits are zero, unless the client has said where the search ends.
            return found ?? (bit == 0 && !part.hasEnd && !range.isEmpty ? range.upperBound : -1)
        }
        call.reply.integer(index)
    }

    static let bitop = Command(
        "bitop",
        "Combines strings bit by bit, and stores the result.",
        arity: .atLeast(4),
        keys: .one(at: 2, [.overwrite, .update]),
        .all(from: 3, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .bitmap,
        since: "2.6.0",
        complexity: "O(N)",
        categories: ["bitmap"],
        syntax: "operation(AND | OR | XOR | NOT) <destkey:key> <key:key>..."
    ) { call throws(CommandError) in
        guard let operation = BitOperation(named: call.arguments[1]) else { throw .syntax }
        guard operation != .not || call.arguments.count == 4 else {
            throw .text("ERR BITOP NOT must be called with a single source key.")
        }
        var result = CombinedBits(operation)
        for index in 3..<call.arguments.count {
            let entry = call.read(call.key(index))
            if let entry, !entry.isString { throw .wrongType }
            (entry?.string ?? .bytes(call.arguments[0][0..<0])).withBytes { result.add($0) }
        }

        let target = call.key(2)
        let keyspace = call.keyspace(of: target)
        let wasThere = keyspace.remove(target, in: call.database)
        if result.byteCount > 0 {
            let string = keyspace.edit(target, in: call.database, growingTo: result.byteCount)
            result.withBytes { string.write($0, at: 0) }
        }
        if wasThere || result.byteCount > 0 { call.didChange(target) }
        call.reply.integer(result.byteCount)
    }
}

/// The part of a string that BITCOUNT and BITPOS look at: `[first [last [BYTE | BIT]]]`.
private struct StringPart {
    private var first = 0
    private var last = -1
    private var countsBits = false
    private(set) var hasEnd = false

    /// - Parameter index: where the first of these arguments stands, if there are any.
    init(_ call: Call, from index: Int) throws(CommandError) {
        let count = call.arguments.count - index
        guard count <= 3 else { throw .syntax }
        if count > 0 { first = Int(try call.integer(index)) }
        if count > 2 {
            let unit = call.arguments[index + 2]
            countsBits = unit.isWord("BIT")
            guard countsBits || unit.isWord("BYTE") else { throw .syntax }
        }
        if count > 1 { last = Int(try call.integer(index + 1)) }
        hasEnd = count > 1
    }

    /// Whether both ends are counted from the string's end, in the wrong order: BITCOUNT finds nothing there then, even where
    /// both lie before its beginning; BITPOS begins at the beginning.
    var isBackwards: Bool { endsBeforeItBegins(first, last) }

    func bits(of bytes: Bytes) -> Range<Int> {
        if countsBits { return Range(from: first, through: last, of: bytes.count * 8) }
        let range = Range(from: first, through: last, of: bytes.count)
        return (range.lowerBound * 8)..<(range.upperBound * 8)
    }
}

extension Call {
    /// The argument at `index` as the number of a bit that a string can have.
    ///
    /// - Parameter width: of the fields that a number behind `#` counts.
    func bitIndex(_ index: Int, fieldWidth width: Int? = nil) throws(CommandError) -> Int {
        let text = arguments[index]
        let countsFields = width != nil && !text.isEmpty && text[0] == UInt8(ascii: "#")
        guard let number = parseInteger(text[(countsFields ? 1 : 0)..<text.count]) else {
            throw .bitOffsetNotAnInteger
        }
        let (bit, isTooLarge) = Int(number).multipliedReportingOverflow(by: countsFields ? width ?? 1 : 1)
        guard !isTooLarge, bit >= 0, bit >> 3 < longestString else { throw .bitOffsetNotAnInteger }
        return bit
    }
}
