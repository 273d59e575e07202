// MGET, MSET and their variants: strings under several keys in one go.

internal import Keyspace
internal import Protocol

extension StringCommands {
    static let mget = Command(
        "mget",
        "Hands out the strings under several keys.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .string,
        since: "1.0.0",
        complexity: "O(N) where N is the number of keys",
        categories: ["string"],
        tips: ["request_policy:multi_shard"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        call.reply.array(call.arguments.count - 1)
        call.forEachKey(in: 1..<call.arguments.count) { key, _ in
            // A value of another type is no error here, but as good as none.
            if let entry = call.read(key), entry.isString {
                call.reply.bulk(entry.string)
            } else {
                call.reply.null()
            }
        }
    }

    static let mset = Command(
        "mset",
        "Sets the strings of several keys.",
        arity: .atLeast(3),
        keys: .all(from: 1, step: 2, [.overwrite, .update]),
        flags: [.write, .denyoom],
        group: .string,
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys",
        categories: ["string"],
        tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
        syntax: "data{<key:key> <value>}..."
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 1 else { throw .wrongArity }
        setPairs(call, 1..<call.arguments.count, expiry: .discard)
        call.reply.ok()
    }

    static let msetnx = Command(
        "msetnx",
        "Sets the strings of several keys, if none of them is there.",
        arity: .atLeast(3),
        keys: .all(from: 1, step: 2, [.overwrite, .insert]),
        flags: [.write, .denyoom],
        group: .string,
        since: "1.0.1",
        complexity: "O(N) where N is the number of keys",
        categories: ["string"],
        tips: ["request_policy:multi_shard", "response_policy:agg_min"],
        syntax: "data{<key:key> <value>}..."
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 1 else { throw .wrongArity }
        for index in stride(from: 1, to: call.arguments.count, by: 2) {
            guard call.lookup(call.key(index)) == nil else { return call.reply.integer(0) }
        }
        setPairs(call, 1..<call.arguments.count, expiry: .discard)
        call.reply.integer(1)
    }

    static let msetex = Command(
        "msetex",
        "Sets the strings of several keys, with conditions and an expiry.",
        arity: .atLeast(4),
        keys: .counted(at: 1, step: 2, [.overwrite, .update]),
        flags: [.write, .denyoom, .movableKeys],
        group: .string,
        since: "9.1.0",
        complexity: "O(N) where N is the number of keys",
        categories: ["string"],
        tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
        syntax: """
            <numkeys:integer> data{<key:key> <value>}... [condition(NX | XX)] [expiration(EX <seconds:integer> |
            PX <milliseconds:integer> | EXAT <unix-time-seconds:unix-time> | PXAT <unix-time-milliseconds:unix-time> |
            KEEPTTL)]
            """
    ) { call throws(CommandError) in
        guard let count = parseInteger(call.arguments[1]), (1...Int64(Int32.max)).contains(count) else {
            throw .text("ERR invalid numkeys value or out of range")
        }
        let end = 2 + 2 * Int(count)
        guard end <= call.arguments.count else { throw .syntax }
        let options = try StringOptions(call.arguments, from: end, knowing: .msetex)
        let expiry = try options.lifetime.expiryRule(call)
        for index in stride(from: 2, to: end, by: 2) where options.looksAtPrevious {
            guard options.isMet(by: call.lookup(call.key(index)), call.arguments) else {
                return call.reply.integer(0)
            }
        }
        setPairs(call, 2..<end, expiry: expiry)
        call.reply.integer(1)
    }

    /// Sets the keys and values that alternate in `range`; of a key that stands there twice, the last value stays.
    private static func setPairs(_ call: Call, _ range: Range<Int>, expiry: ExpiryRule) {
        call.forEachKey(in: range, step: 2) { key, index in
            call.set(key, to: call.arguments[index + 1], expiry: expiry)
        }
    }
}
