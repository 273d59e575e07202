// Going through a hash: some fields at a time, or by chance.

internal import Keyspace
internal import Protocol

extension HashCommands {
    static let hscan = Command(
        "hscan",
        "Goes through the fields of a hash, some at a time.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .hash,
        since: "2.8.0",
        complexity: "O(1) for a step; O(N) for all, where N is the number of fields",
        categories: ["hash"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> <cursor:integer> [MATCH <pattern:pattern>] [COUNT <count:integer>] [NOVALUES]"
    ) { call throws(CommandError) in
        try call.scanElements(of: HashValue.self, .fields) { hash, cursor, options in
            var found = 0
            let next = hash.scan(from: cursor, count: options.count) { field, value in
                guard field.withBytes(options.fits) else { return }
                call.reply.bulk(field)
                if !options.omitsValues { call.reply.bulk(value) }
                found += options.omitsValues ? 1 : 2
            }
            return (next, found)
        }
    }

    static let hrandfield = Command(
        "hrandfield",
        "Hands out fields by chance.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .hash,
        since: "6.2.0",
        complexity: "O(N) where N is the absolute value of the count",
        categories: ["hash"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> [options{<count:integer> [WITHVALUES]}]"
    ) { call throws(CommandError) in
        guard call.arguments.count > 2 else {
            guard let hash = try call.read(call.key(1), as: HashValue.self), hash.livingCount > 0 else {
                return call.reply.null()
            }
            return hash.draw(1) { field, _ in call.reply.bulk(field) }
        }
        let draw = try RandomDraw(call, at: 2)
        let withValues = call.arguments.count == 4 && call.arguments[3].isWord("WITHVALUES")
        guard withValues || call.arguments.count == 3 else { throw .syntax }
        guard !withValues || draw.count <= Int.max / 2 else { throw .valueOutOfRange }
        guard let hash = try call.read(call.key(1), as: HashValue.self) else { return call.reply.array(0) }
        reply(draw, of: hash, withValues: withValues, call)
    }

    private static func reply(_ draw: RandomDraw, of hash: HashValue, withValues: Bool, _ call: Call) {
        let living = hash.livingCount
        let count = draw.mayRepeat && living > 0 ? draw.count : min(draw.count, living)
        if withValues { call.reply.openPairs(count) } else { call.reply.array(count) }
        func reply(_ field: StringValue, _ value: StringValue) {
            if withValues { call.reply.pair(field, value) } else { call.reply.bulk(field) }
        }
        if draw.mayRepeat, living > 0 {
            hash.draw(count, reply)
        } else {
            hash.forEachOfSample(count, reply)
        }
    }
}

extension ReplyBuffer {
    /// A field with its value, as one of `openPairs`.
    fileprivate func pair(_ field: StringValue, _ value: StringValue) {
        if version == 3 { array(2) }
        bulk(field)
        bulk(value)
    }
}
