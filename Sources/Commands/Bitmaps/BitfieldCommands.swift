// BITFIELD: a string as a row of integers of any width.

internal import Keyspace
internal import Protocol

extension BitmapCommands {
    static let bitfield = Command(
        "bitfield",
        "Reads, sets and counts up integers of any width inside a string.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .update, .variableFlags], ofCall: accessOfBitfield),
        flags: [.write, .denyoom],
        group: .bitmap,
        since: "3.2.0",
        complexity: "O(1) for each operation",
        categories: ["bitmap"],
        syntax: """
            <key:key> [operation(GET get-block{<encoding> <offset:integer>} | write{[OVERFLOW overflow-block(WRAP |
            SAT | FAIL)] write-operation(SET set-block{<encoding> <offset:integer> <value:integer>} |
            INCRBY incrby-block{<encoding> <offset:integer> <increment:integer>})})...]
            """
    ) { call throws(CommandError) in
        let program = try BitfieldProgram(call, from: 2)
        if program.writes { try write(call, program) } else { try read(call, program) }
    }

    static let bitfieldReadOnly = Command(
        "bitfield_ro",
        "Reads integers of any width inside a string.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .bitmap,
        since: "6.0.0",
        complexity: "O(1) for each operation",
        categories: ["bitmap"],
        syntax: "<key:key> [GET get-block{<encoding> <offset:integer>}*...]"
    ) { call throws(CommandError) in
        let program = try BitfieldProgram(call, from: 2)
        guard !program.writes else { throw .text("ERR BITFIELD_RO only supports the GET subcommand") }
        try read(call, program)
    }

    /// What only reads does not need to change the key.
    private static func accessOfBitfield(_ arguments: Arguments) -> KeySpecification.Access {
        var index = 2
        while index < arguments.count {
            guard arguments[index].isWord("GET") else { return [.readWrite, .access, .update] }
            index += 3
        }
        return [.readOnly, .access]
    }

    private static func read(_ call: Call, _ program: BitfieldProgram) throws(CommandError) {
        let entry = call.read(call.key(1))
        if let entry, !entry.isString { throw .wrongType }
        (entry?.string ?? .bytes(call.arguments[0][0..<0])).withBytes { bytes in
            call.reply.array(program.steps.count)
            for step in program.steps { call.reply.integer(step.value(in: bytes)) }
        }
    }

    private static func write(_ call: Call, _ program: BitfieldProgram) throws(CommandError) {
        let key = call.key(1)
        let entry = call.lookup(key)
        if let entry, !entry.isString { throw .wrongType }
        let previousCount = entry?.string.byteCount ?? -1

        let string = call.keyspace(of: key).edit(key, in: call.database, growingTo: program.byteCount)
        var hasChanged = string.count != previousCount
        call.reply.array(program.steps.count)
        for step in program.steps {
            let previous = step.value(in: string.bytes)
            guard let value = step.newValue(from: previous) else {
                call.reply.null()
                continue
            }
            if value != previous {
                string.store(UInt64(bitPattern: value), atBit: step.index, bitCount: step.type.bitCount)
                hasChanged = true
            }
            call.reply.integer(step.repliesPrevious ? previous : value)
        }
        if hasChanged { call.didChange(key) }
    }
}

/// The operations of one call, all of them checked before the first is done.
private struct BitfieldProgram {
    private(set) var steps: [BitfieldStep] = []
    private(set) var writes = false
    /// How long the string must be for what is written.
    private(set) var byteCount = 0

    init(_ call: Call, from first: Int) throws(CommandError) {
        var overflow = IntegerField.Overflow.wraps
        var index = first
        while index < call.arguments.count {
            let word = call.arguments[index]
            let left = call.arguments.count - index - 1
            if word.isWord("OVERFLOW"), left >= 1 {
                guard let named = IntegerField.Overflow(named: call.arguments[index + 1]) else {
                    throw .text("ERR Invalid OVERFLOW type specified")
                }
                overflow = named
                index += 2
                continue
            }
            let action: BitfieldStep.Action
            if word.isWord("GET"), left >= 2 {
                action = .get
            } else if word.isWord("SET"), left >= 3 {
                action = .set
            } else if word.isWord("INCRBY"), left >= 3 {
                action = .add
            } else {
                throw .syntax
            }
            try append(action, call, at: index, overflow)
            index += action == .get ? 3 : 4
        }
    }

    /// Appends the operation whose word stands at `index`.
    private mutating func append(
        _ action: BitfieldStep.Action,
        _ call: Call,
        at index: Int,
        _ overflow: IntegerField.Overflow
    ) throws(CommandError) {
        guard let type = IntegerField(named: call.arguments[index + 1]) else {
            throw .text(
                """
                ERR Invalid bitfield type. Use something like i16 u8. \
                Note that u64 is not supported but i64 is.
                """
            )
        }
        let bit = try call.bitIndex(index + 2, fieldWidth: type.bitCount)
        var operand: Int64 = 0
        if action != .get {
            operand = try call.integer(index + 3)
            writes = true
            byteCount = max(byteCount, (bit + type.bitCount - 1) >> 3 + 1)
        }
        steps.append(BitfieldStep(action: action, type: type, index: bit, operand: operand, overflow: overflow))
    }
}

/// One operation on one integer.
private struct BitfieldStep {
    enum Action { case get, set, add }

    let action: Action
    let type: IntegerField
    /// The integer's first bit.
    let index: Int
    let operand: Int64
    let overflow: IntegerField.Overflow

    var repliesPrevious: Bool { action == .set }

    func value(in bytes: Bytes) -> Int64 {
        guard index >> 3 < bytes.count else { return 0 }
        return type.value(ofBits: Bits(bytes).integer(at: index, bitCount: type.bitCount))
    }

    /// What is to be stored, or nil where it does not fit and the client said FAIL.
    func newValue(from previous: Int64) -> Int64? {
        switch action {
        case .get: previous
        case .set: type.fit(operand, overflow)
        case .add: type.sum(previous, operand, overflow)
        }
    }
}
