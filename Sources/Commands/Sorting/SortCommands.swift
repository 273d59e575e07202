// SORT and SORT_RO: the elements of a list, a set or a sorted set in an order of the caller's choice.

internal import Keyspace
internal import Protocol

public enum SortCommands {
    public static let all = [sort, sortReadOnly]

    private static let complexity = """
        O(N+M*log(M)) where N is the number of elements and M that of those handed out; O(N) where they are not sorted
        """
    private static let options = """
        [BY <by-pattern=pattern:pattern#1>] [LIMIT limit{<offset:integer> <count:integer>}]
        [GET <get-pattern=pattern:pattern#1>*] [order(ASC | DESC)] [sorting="ALPHA"]
        """

    static let sort = Command(
        "sort",
        "Hands out elements in order, or stores them.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        .unknown([.readOnly, .access]),
        .unknown([.overwrite, .update]) { SortRequest.destination(in: $0).map { [$0] } ?? [] },
        flags: [.write, .denyoom, .movableKeys],
        group: .generic,
        since: "1.0.0",
        complexity: complexity,
        categories: ["set", "sortedset", "list", "dangerous"],
        place: .keysAndBeyond(where: SortRequest.namesOtherKeys),
        syntax: "<key:key> \(options) [STORE <destination:key#2>]"
    ) { call throws(CommandError) in
        try sort(call, mayStore: true)
    }

    static let sortReadOnly = Command(
        "sort_ro",
        "Hands out elements in order.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        .unknown([.readOnly, .access]),
        flags: [.readonly, .movableKeys],
        group: .generic,
        since: "7.0.0",
        complexity: complexity,
        categories: ["set", "sortedset", "list", "dangerous"],
        place: .keysAndBeyond(where: SortRequest.namesOtherKeys),
        syntax: "<key:key> \(options)"
    ) { call throws(CommandError) in
        try sort(call, mayStore: false)
    }

    private static func sort(_ call: Call, mayStore: Bool) throws(CommandError) {
        var request = try SortRequest(call, mayStore: mayStore)
        var elements = SortElements()
        try elements.collect(call, call.key(1), &request)
        if request.isSorted {
            try elements.weigh(call, &request)
            elements.sort(&request)
        }
        guard let destination = request.destination else {
            call.reply.array(elements.count * max(1, request.fetches.count))
            return elements.forEachResult(call, &request) { value in
                if let value { call.reply.bulk(value) } else { call.reply.null() }
            }
        }
        call.store(ListValue.self, under: call.key(destination)) { list in
            elements.forEachResult(call, &request) { value in
                // A list has no place for what is not there.
                guard let value else { return list.push(call.arguments[0][0..<0], at: .tail) }
                value.withBytes { list.push($0, at: .tail) }
            }
        }
    }
}
