// One set: putting members in, taking them out, asking for them, and going through them.

internal import Keyspace
internal import Protocol

public enum SetCommands {
    public static let all = [
        sadd, srem, smove, scard, sismember, smismember, smembers, sscan, spop, srandmember,
        sinter, sintercard, sinterstore, sunion, sunionstore, sdiff, sdiffstore,
    ]

    static let sadd = Command(
        "sadd",
        "Puts members into a set.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .insert]),
        element: 2,
        flags: [.write, .denyoom, .fast],
        group: .set,
        since: "1.0.0",
        history: ["2.4.0": "Takes several members."],
        complexity: "O(1) for each member, so O(N) for N of them",
        categories: ["set"],
        syntax: "<key:key> <member>..."
    ) { call throws(CommandError) in
        let key = call.key(1)
        let count = call.arguments.count
        let set = try call.findOrMake(key, as: SetValue.self)
        set.prepare(for: count - 2, beginningWith: call.arguments[2])
        var added = 0
        for index in 2..<count where set.insert(call.arguments[index]) { added += 1 }
        if added > 0 { call.didChange(key) }
        call.reply.integer(added)
    }

    static let srem = Command(
        "srem",
        "Takes members out of a set.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readWrite, .delete]),
        element: 2,
        flags: [.write, .fast],
        group: .set,
        since: "1.0.0",
        history: ["2.4.0": "Takes several members."],
        complexity: "O(N) where N is the number of members given",
        categories: ["set"],
        syntax: "<key:key> <member>..."
    ) { call throws(CommandError) in
        let key = call.key(1)
        guard let set = try call.find(key, as: SetValue.self) else { return call.reply.integer(0) }
        var removed = 0
        for index in 2..<call.arguments.count where set.remove(call.arguments[index]) { removed += 1 }
        if removed > 0 {
            call.removeIfEmpty(set, key)
            call.didChange(key)
        }
        call.reply.integer(removed)
    }

    static let smove = Command(
        "smove",
        "Takes a member out of one set and puts it into another.",
        arity: .exactly(4),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        .one(at: 2, [.readWrite, .insert]),
        flags: [.write, .fast],
        group: .set,
        since: "1.0.0",
        categories: ["set"],
        syntax: "<source:key> <destination:key> <member>"
    ) { call throws(CommandError) in
        let (source, target, member) = (call.key(1), call.key(2), call.arguments[3])
        guard let set = try call.find(source, as: SetValue.self) else { return call.reply.integer(0) }
        _ = try call.find(target, as: SetValue.self)
        if source.bytes.isEqual(to: target.bytes) { return call.reply.integer(set.contains(member) ? 1 : 0) }

        guard set.remove(member) else { return call.reply.integer(0) }
        call.removeIfEmpty(set, source)
        let other = try call.findOrMake(target, as: SetValue.self)
        other.prepare(for: 1, beginningWith: member)
        call.didChange(source)
        if other.insert(member) { call.didChange(target) }
        call.reply.integer(1)
    }

    // MARK: Asking

    static let scard = Command(
        "scard",
        "Tells how many members a set has.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly]),
        flags: [.readonly, .fast],
        group: .set,
        since: "1.0.0",
        categories: ["set"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        call.reply.integer(try call.read(call.key(1), as: SetValue.self)?.count ?? 0)
    }

    static let sismember = Command(
        "sismember",
        "Tells whether something is a member of a set.",
        arity: .exactly(3),
        keys: .one(at: 1, [.readOnly]),
        element: 2,
        flags: [.readonly, .fast],
        group: .set,
        since: "1.0.0",
        categories: ["set"],
        syntax: "<key:key> <member>"
    ) { call throws(CommandError) in
        let set = try call.read(call.key(1), as: SetValue.self)
        call.reply.integer(set?.contains(call.arguments[2]) ?? false ? 1 : 0)
    }

    static let smismember = Command(
        "smismember",
        "Tells of several things whether they are members of a set.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: [.readonly, .fast],
        group: .set,
        since: "6.2.0",
        complexity: "O(N) where N is the number of things asked for",
        categories: ["set"],
        syntax: "<key:key> <member>..."
    ) { call throws(CommandError) in
        let set = try call.read(call.key(1), as: SetValue.self)
        call.reply.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count {
            call.reply.integer(set?.contains(call.arguments[index]) ?? false ? 1 : 0)
        }
    }

    static let smembers = Command(
        "smembers",
        "Hands out all members of a set.",
        arity: .exactly(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "1.0.0",
        complexity: "O(N) where N is the number of members",
        categories: ["set"],
        tips: ["nondeterministic_output_order"],
        syntax: "<key:key>"
    ) { call throws(CommandError) in
        guard let set = try call.read(call.key(1), as: SetValue.self) else { return call.reply.set(0) }
        call.reply.set(set.count)
        set.forEach { member in
            call.reply.bulk(member)
            return true
        }
    }

    static let sscan = Command(
        "sscan",
        "Goes through the members of a set, some at a time.",
        arity: .atLeast(3),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "2.8.0",
        complexity: "O(1) for a step; O(N) for all, where N is the number of members",
        categories: ["set"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> <cursor:integer> [MATCH <pattern:pattern>] [COUNT <count:integer>]"
    ) { call throws(CommandError) in
        try call.scanElements(of: SetValue.self) { set, cursor, options in
            var found = 0
            let next = set.scan(from: cursor, count: options.count) { member in
                guard member.withBytes(options.fits) else { return }
                call.reply.bulk(member)
                found += 1
            }
            return (next, found)
        }
    }

    // MARK: By chance

    static let spop = Command(
        "spop",
        "Takes members out of a set by chance, and hands them out.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .delete]),
        flags: [.write, .fast],
        group: .set,
        since: "1.0.0",
        history: ["3.2.0": "Takes `count`."],
        complexity: "O(1) for one, O(N) where N is the count",
        categories: ["set"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> [<count:integer@3.2.0>]"
    ) { call throws(CommandError) in
        guard call.arguments.count <= 3 else { throw .syntax }
        let hasCount = call.arguments.count == 3
        let wanted = hasCount ? try call.count(2) : 1
        let key = call.key(1)
        guard let set = try call.find(key, as: SetValue.self) else {
            return hasCount ? call.reply.set(0) : call.reply.null()
        }
        let count = min(wanted, set.count)
        if hasCount { call.reply.set(count) }
        guard count > 0 else { return }
        if count == set.count {
            set.forEach { member in
                call.reply.bulk(member)
                return true
            }
            call.withKeyspace(of: key) { _ = $0.remove(key, in: call.database) }
        } else {
            for _ in 0..<count { set.removeRandomMember { call.reply.bulk($0) } }
        }
        call.didChange(key)
    }

    static let srandmember = Command(
        "srandmember",
        "Hands out members of a set by chance.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .set,
        since: "1.0.0",
        history: ["2.6.0": "Takes `count`."],
        complexity: "O(1) for one, O(N) where N is the absolute value of the count",
        categories: ["set"],
        tips: ["nondeterministic_output"],
        syntax: "<key:key> [<count:integer@2.6.0>]"
    ) { call throws(CommandError) in
        guard call.arguments.count <= 3 else { throw .syntax }
        guard call.arguments.count == 3 else {
            guard let set = try call.read(call.key(1), as: SetValue.self) else { return call.reply.null() }
            return call.reply.bulk(set.randomMember())
        }
        let draw = try RandomDraw(call, at: 2)
        guard let set = try call.read(call.key(1), as: SetValue.self) else { return call.reply.array(0) }
        if draw.mayRepeat {
            call.reply.array(draw.count)
            for _ in 0..<draw.count { call.reply.bulk(set.randomMember()) }
        } else {
            call.reply.array(min(draw.count, set.count))
            set.forEachOfSample(draw.count) { call.reply.bulk($0) }
        }
    }
}
