// Several sets: what they have in common, what they have together, and what only the first has.

internal import Keyspace
internal import Protocol

extension SetCommands {
    static let sinter = Command(
        "sinter",
        "Hands out what all sets have in common.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "1.0.0",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
        categories: ["set"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 1)
        sets.replyMembers(call) { body in
            sets.forEachInCommon { member in
                body(member)
                return true
            }
        }
    }

    static let sintercard = Command(
        "sintercard",
        "Tells how many members all sets have in common.",
        arity: .atLeast(3),
        keys: .counted(at: 1, [.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .set,
        since: "7.0.0",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
        categories: ["set"],
        syntax: "<numkeys:integer> <key:key>... [LIMIT <limit:integer>]"
    ) { call throws(CommandError) in
        guard let keyCount = parseInteger(call.arguments[1]), keyCount > 0 else {
            throw .text("ERR numkeys should be greater than 0")
        }
        guard keyCount <= Int64(call.arguments.count - 2) else {
            throw .text("ERR Number of keys can't be greater than number of args")
        }
        let end = 2 + Int(keyCount)
        let limit = try limit(call, from: end)
        let sets = try Sets(call, from: 2, to: end)
        var count = 0
        sets.forEachInCommon { _ in
            count += 1
            return count != limit
        }
        call.reply.integer(count)
    }

    /// What is said behind the keys of SINTERCARD; 0: no limit.
    private static func limit(_ call: Call, from first: Int) throws(CommandError) -> Int {
        var (limit, index) = (0, first)
        while index < call.arguments.count {
            guard call.arguments[index].isWord("LIMIT"), index + 1 < call.arguments.count else { throw .syntax }
            guard let number = parseInteger(call.arguments[index + 1]), number >= 0 else {
                throw .text("ERR LIMIT can't be negative")
            }
            limit = Int(number)
            index += 2
        }
        return limit
    }

    static let sunion = Command(
        "sunion",
        "Hands out what the sets have together.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "1.0.0",
        complexity: "O(N) where N is the size of all sets together",
        categories: ["set"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 1)
        let union = call.keyspace.makeDetached(SetValue.self, key: call.arguments[1]) { union in
            // Members are looked for in what is there already: in a large listpack that takes long.
            if sets.totalCount > 32, !sets.areOfIntegers { union.makeTable() }
            sets.forEachTogether { union.insert($0) }
        }
        union.withEntry { entry in
            let union = SetValue(entry: entry, keyspace: call.keyspace)
            call.reply.set(union.count)
            union.forEach { member in
                call.reply.bulk(member)
                return true
            }
        }
    }

    static let sdiff = Command(
        "sdiff",
        "Hands out what the first set has and no other.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "1.0.0",
        complexity: "O(N) where N is the size of all sets together",
        categories: ["set"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 1)
        sets.replyMembers(call) { sets.forEachOnlyInFirst($0) }
    }

    // MARK: Into another key

    static let sinterstore = Command(
        "sinterstore",
        "Stores what all sets have in common.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .update]),
        .all(from: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .set,
        since: "1.0.0",
        complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
        categories: ["set"],
        syntax: "<destination:key> <key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 2)
        call.store(SetValue.self, under: call.key(1)) { result in
            sets.forEachInCommon { member in
                result.insert(member)
                return true
            }
            result.makeIntegersIfPossible()
        }
    }

    static let sunionstore = Command(
        "sunionstore",
        "Stores what the sets have together.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.overwrite, .update]),
        .all(from: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .set,
        since: "1.0.0",
        complexity: "O(N) where N is the size of all sets together",
        categories: ["set"],
        syntax: "<destination:key> <key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 2)
        call.store(SetValue.self, under: call.key(1)) { result in sets.forEachTogether { result.insert($0) } }
    }

    static let sdiffstore = Command(
        "sdiffstore",
        "Stores what the first set has and no other.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.overwrite, .update]),
        .all(from: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .set,
        since: "1.0.0",
        complexity: "O(N) where N is the size of all sets together",
        categories: ["set"],
        syntax: "<destination:key> <key:key>..."
    ) { call throws(CommandError) in
        let sets = try Sets(call, from: 2)
        call.store(SetValue.self, under: call.key(1)) { result in sets.forEachOnlyInFirst { result.insert($0) } }
    }
}

/// The sets that a command names, in its order; a key that is not there is an empty set.
private struct Sets {
    private let first: SetValue?
    /// Those that are there.
    private let present: [SetValue]
    private let hasMissing: Bool

    init(_ call: Call, from start: Int, to end: Int? = nil) throws(CommandError) {
        var (present, first): ([SetValue], SetValue?) = ([], nil)
        let end = end ?? call.arguments.count
        for index in start..<end {
            guard let set = try call.read(call.key(index), as: SetValue.self) else { continue }
            if index == start { first = set }
            present.append(set)
        }
        (self.present, self.first) = (present, first)
        hasMissing = present.count < end - start
    }

    var totalCount: Int { present.reduce(0) { $0 + $1.count } }
    var areOfIntegers: Bool { present.allSatisfy { $0.integers != nil } }

    /// Visits what all have in common, while `body` answers true.
    func forEachInCommon(while body: (StringValue) -> Bool) {
        guard !hasMissing else { return }
        let sorted = present.sorted { $0.count < $1.count }
        let others = sorted.dropFirst().map { SetProbe($0, askedFor: sorted[0].count) }
        sorted[0].forEach { member in
            for other in others where !other.contains(member) { return true }
            return body(member)
        }
    }

    /// Visits the members of all: what is in several comes several times.
    func forEachTogether(_ body: (StringValue) -> Void) {
        for set in present {
            set.forEach { member in
                body(member)
                return true
            }
        }
    }

    /// Visits what the first has and no other.
    func forEachOnlyInFirst(_ body: (StringValue) -> Void) {
        guard let first else { return }
        // The likeliest to have a member first.
        let sorted = present.dropFirst().sorted { $0.count > $1.count }
        let others = sorted.map { SetProbe($0, askedFor: first.count) }
        first.forEach { member in
            if !others.contains(where: { $0.contains(member) }) { body(member) }
            return true
        }
    }

    /// Replies a set of the members that `visit` hands over.
    func replyMembers(_ call: Call, _ visit: ((StringValue) -> Void) -> Void) {
        let opening = call.reply.openArray()
        var count = 0
        visit { member in
            call.reply.bulk(member)
            count += 1
        }
        call.reply.closeSet(opening, count: count)
    }
}
