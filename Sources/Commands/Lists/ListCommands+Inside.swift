// Lists by index and by value: reading, changing and removing anywhere in them.

internal import Keyspace
internal import Protocol

extension ListCommands {
    // MARK: By index

    static let lrange = Command(
        "lrange",
        "Hands out a range of a list.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .list,
        since: "1.0.0",
        complexity: "O(S+N) where S is how far the range is from the nearer end, and N how many elements it has",
        categories: ["list"],
        syntax: "<key:key> <start:integer> <stop:integer>"
    ) { call throws(CommandError) in
        let (start, stop) = (try call.integer(2), try call.integer(3))
        guard let list = try call.read(call.key(1), as: ListValue.self) else { return call.reply.array(0) }
        let range = indices(from: start, through: stop, of: list.count)
        call.reply.array(range.count)
        list.forEach(in: range) { call.reply.bulk($0) }
    }

    static let ltrim = Command(
        "ltrim",
        "Keeps a range of a list, and removes the rest.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: .write,
        group: .list,
        since: "1.0.0",
        complexity: "O(N) where N is how many elements are removed",
        categories: ["list"],
        syntax: "<key:key> <start:integer> <stop:integer>"
    ) { call throws(CommandError) in
        let (start, stop) = (try call.integer(2), try call.integer(3))
        let key = call.key(1)
        if let list = try call.find(key, as: ListValue.self) {
            let kept = indices(from: start, through: stop, of: list.count)
            list.remove(kept.upperBound..<list.count)
            list.remove(0..<kept.lowerBound)
            call.removeIfEmpty(list, key)
            call.didChange(key)
        }
        call.reply.ok()
    }

    /// The indices that both bounds mean, negative ones counted from the end, of a list of `count` elements.
    private static func indices(from start: Int64, through stop: Int64, of count: Int) -> Range<Int> {
        let count = Int64(count)
        let first = max(0, start < 0 ? start + count : start)
        let end = min(count, (stop < 0 ? stop + count : min(stop, count)) + 1)
        return first < end ? Int(first)..<Int(end) : 0..<0
    }

    static let lindex = Command(
        "lindex",
        "Hands out the element at an index of a list.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .list,
        since: "1.0.0",
        complexity: "O(N) where N is how far the index is from the nearer end; O(1) at an end",
        categories: ["list"],
        syntax: "<key:key> <index:integer>"
    ) { call throws(CommandError) in
        guard let list = try call.read(call.key(1), as: ListValue.self) else { return call.reply.null() }
        guard let index = index(try call.integer(2), of: list) else { return call.reply.null() }
        list.withElement(at: index) { call.reply.bulk($0) }
    }

    static let lset = Command(
        "lset",
        "Exchanges the element at an index of a list.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom],
        group: .list,
        since: "1.0.0",
        complexity: "O(N) where N is how far the index is from the nearer end; O(1) at an end",
        categories: ["list"],
        syntax: "<key:key> <index:integer> <element>"
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { throw .noSuchKey }
        guard let index = index(try call.integer(2), of: list) else { throw .text("ERR index out of range") }
        list.replace(at: index, with: call.arguments[3])
        call.didChange(key)
        call.reply.ok()
    }

    /// The index that a number means, a negative one counted from the end, if there is an element.
    private static func index(_ number: Int64, of list: ListValue) -> Int? {
        let count = Int64(list.count)
        let index = number < 0 ? number + count : number
        return index >= 0 && index < count ? Int(index) : nil
    }

    // MARK: By value

    static let linsert = Command(
        "linsert",
        "Puts an element before or behind another one of a list.",
        arity: .exactly(5),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom],
        group: .list,
        since: "2.2.0",
        complexity:
            "O(N) where N is how many elements stand before the pivot: O(1) near the head, and O(N) near the tail",
        categories: ["list"],
        syntax: "<key:key> where(BEFORE | AFTER) <pivot> <element>"
    ) { call throws(CommandError) in
        let isBehind = call.arguments[2].isWord("AFTER")
        guard isBehind || call.arguments[2].isWord("BEFORE") else { throw .syntax }
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { return call.reply.integer(0) }

        let pivot = SoughtText(call.arguments[3])
        var (index, isFound) = (0, false)
        list.visit(from: 0) { element in
            isFound = pivot.isEqual(to: element)
            if !isFound { index += 1 }
            return !isFound
        }
        guard isFound else { return call.reply.integer(-1) }
        list.insert(call.arguments[4], at: isBehind ? index + 1 : index)
        call.didChange(key)
        call.reply.integer(list.count)
    }

    static let lrem = Command(
        "lrem",
        "Removes elements of a list that are equal to a value.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .delete]),
        flags: .write,
        group: .list,
        since: "1.0.0",
        complexity: "O(N+M) where N is the length of the list, and M how many elements are removed",
        categories: ["list"],
        syntax: "<key:key> <count:integer> <element>"
    ) { call throws(CommandError) in
        let count = try call.signedCount(2)
        let key = call.key(1)
        guard let list = try call.find(key, as: ListValue.self) else { return call.reply.integer(0) }
        let most = count == 0 ? Int.max : Int(count.magnitude)
        let removed = list.remove(SoughtText(call.arguments[3]), atMost: most, backwards: count < 0)
        if removed > 0 {
            call.removeIfEmpty(list, key)
            call.didChange(key)
        }
        call.reply.integer(removed)
    }

    static let lpos = Command(
        "lpos",
        "Tells at which indices of a list a value stands.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .list,
        since: "6.0.6",
        complexity: "O(N) where N is how many elements are looked at: few where the first match is near",
        categories: ["list"],
        syntax: "<key:key> <element> [RANK <rank:integer>] [COUNT <num-matches:integer>] [MAXLEN <len:integer>]"
    ) { call throws(CommandError) in
        let options = try PositionOptions(call)
        guard let list = try call.read(call.key(1), as: ListValue.self) else {
            if options.count == nil { call.reply.null() } else { call.reply.array(0) }
            return
        }
        let opening = options.count == nil ? nil : call.reply.openArray()
        let found = replyPositions(call, of: SoughtText(call.arguments[2]), in: list, options)
        if let opening {
            call.reply.closeArray(opening, count: found)
        } else if found == 0 {
            call.reply.null()
        }
    }

    /// Writes the indices that the options ask for; says how many.
    private static func replyPositions(
        _ call: Call,
        of sought: SoughtText,
        in list: ListValue,
        _ options: PositionOptions
    ) -> Int {
        let backwards = options.rank < 0
        var index = backwards ? list.count - 1 : 0
        var (matches, found, seen) = (0, 0, 0)
        list.visit(from: index, backwards: backwards) { element in
            if sought.isEqual(to: element) {
                matches += 1
                if matches >= options.rank.magnitude {
                    call.reply.integer(index)
                    found += 1
                }
            }
            index += backwards ? -1 : 1
            seen += 1
            return found < options.most && seen < options.longest
        }
        return found
    }
}

/// The words behind LPOS's element.
private struct PositionOptions {
    /// With which match to begin: 1 is the first, −1 the last.
    private(set) var rank: Int64 = 1
    /// How many matches are wanted, 0 for all; nil: the first, and not as an array.
    private(set) var count: Int?
    /// How many elements are looked at.
    private(set) var longest = Int.max

    var most: Int {
        switch count {
        case nil: 1
        case 0?: .max
        case let count?: count
        }
    }

    init(_ call: Call) throws(CommandError) {
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            guard index + 1 < call.arguments.count else { throw .syntax }
            if word.isWord("RANK") {
                rank = try call.signedCount(index + 1)
                guard rank != 0 else { throw .text(Self.rankIsZero) }
            } else if word.isWord("COUNT") {
                count = try Self.notNegative(call, index + 1, .text("ERR COUNT can't be negative"))
            } else if word.isWord("MAXLEN") {
                let limit = try Self.notNegative(call, index + 1, .text("ERR MAXLEN can't be negative"))
                longest = limit == 0 ? .max : limit
            } else {
                throw .syntax
            }
            index += 2
        }
    }

    private static func notNegative(_ call: Call, _ index: Int, _ error: CommandError) throws(CommandError) -> Int {
        try call.integer(index, in: 0...Int64(Int.max), orThrow: error, otherwise: error)
    }

    private static let rankIsZero: StaticString = """
        ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
        the end of the list
        """
}

extension Call {
    /// The argument at `index` as a number whose sign is a direction.
    fileprivate func signedCount(_ index: Int) throws(CommandError) -> Int64 {
        let count = try integer(index)
        // It has no opposite.
        guard count != .min else {
            throw .text("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
        }
        return count
    }
}
