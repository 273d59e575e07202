// Geo: members of a sorted set that are places on earth.

internal import Keyspace
internal import Protocol

public enum GeoCommands {
    public static let all = [
        geoadd, geodist, geohash, geopos, georadius, georadiusReadOnly, georadiusbymember, georadiusbymemberReadOnly,
        geosearch, geosearchstore,
    ]

    static let geoadd = Command(
        "geoadd",
        "Adds places, or moves them.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readWrite, .update]),
        flags: [.write, .denyoom],
        group: .geo,
        since: "3.2.0",
        history: ["6.2.0": "Takes `CH`, `NX` and `XX`."],
        complexity: "O(log(N))",
        categories: ["geo"],
        syntax: """
            <key:key> [condition@6.2.0(NX | XX)] [change="CH"@6.2.0] data{<longitude:double> <latitude:double>
            <member>}...
            """
    ) { call throws(CommandError) in
        var (update, first) = (ScoreUpdate(), 2)
        while first < call.arguments.count, let word = ScoreUpdate(word: call.arguments[first]),
            word.isSubset(of: [.onlyMissing, .onlyPresent, .countsChanges])
        {
            update.formUnion(word)
            first += 1
        }
        let count = call.arguments.count - first
        guard count > 0, count % 3 == 0, !update.isSuperset(of: [.onlyMissing, .onlyPresent]) else { throw .syntax }
        var longestMember = 0
        for index in stride(from: first, to: call.arguments.count, by: 3) {
            _ = try call.position(index)
            longestMember = max(longestMember, call.arguments[index + 2].count)
        }

        let key = call.key(1)
        let present = try call.find(key, as: SortedSetValue.self)
        guard present != nil || !update.contains(.onlyPresent) else { return call.reply.integer(0) }
        let value: SortedSetValue
        if let present { value = present } else { value = try call.findOrMake(key, as: SortedSetValue.self) }
        value.prepare(for: count / 3, ofBytes: longestMember)
        var (added, changed) = (0, 0)
        for index in stride(from: first, to: call.arguments.count, by: 3) {
            let score = GeoCell(try call.position(index)).score
            switch update.apply(score, to: call.arguments[index + 2], in: value) {
            case .added: added += 1
            case .changed: changed += 1
            case .kept, .refused, .notANumber: break
            }
        }
        if added + changed > 0 { call.didChange(key) }
        call.reply.integer(update.contains(.countsChanges) ? added + changed : added)
    }

    static let geodist = Command(
        "geodist",
        "Tells the distance between two places.",
        arity: .atLeast(4),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "3.2.0",
        complexity: "O(log(N))",
        categories: ["geo"],
        syntax: "<key:key> <member1> <member2> [unit(M | KM | FT | MI)]"
    ) { call throws(CommandError) in
        guard call.arguments.count <= 5 else { throw .syntax }
        let unit = call.arguments.count == 5 ? try GeoUnit(call.arguments[4]).metres : 1
        guard let value = try call.read(call.key(1), as: SortedSetValue.self),
            let one = value.find(call.arguments[2]), let other = value.find(call.arguments[3])
        else { return call.reply.null() }
        call.reply.distance(GeoCell(score: one.score).center.distance(to: GeoCell(score: other.score).center) / unit)
    }

    static let geohash = Command(
        "geohash",
        "Tells the geohashes of places.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "3.2.0",
        complexity: "O(log(N))",
        categories: ["geo"],
        syntax: "<key:key> [<member>...]"
    ) { call throws(CommandError) in
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        call.reply.array(call.arguments.count - 2)
        for index in stride(from: 2, to: call.arguments.count, by: 1) {
            if let found = value?.find(call.arguments[index]) {
                GeoCell(score: found.score).withName { call.reply.bulk($0) }
            } else {
                call.reply.null()
            }
        }
    }

    static let geopos = Command(
        "geopos",
        "Tells longitude and latitude of places.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "3.2.0",
        complexity: "O(N)",
        categories: ["geo"],
        syntax: "<key:key> [<member>...]"
    ) { call throws(CommandError) in
        let value = try call.read(call.key(1), as: SortedSetValue.self)
        call.reply.array(call.arguments.count - 2)
        for index in stride(from: 2, to: call.arguments.count, by: 1) {
            if let found = value?.find(call.arguments[index]) {
                call.reply.position(GeoCell(score: found.score).center)
            } else {
                call.reply.nullArray()
            }
        }
    }

    // MARK: Searching

    static let georadius = Command(
        "georadius",
        "Finds places around a position, and replies or stores them.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readOnly, .access]),
        .behind("STORE", from: 6, [.overwrite, .update]),
        .behind("STOREDIST", from: 6, [.overwrite, .update]),
        flags: [.write, .denyoom, .movableKeys],
        group: .geo,
        since: "3.2.0",
        history: historyOfRadius,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: radiusSyntax + storeSyntax
    ) { call throws(CommandError) in
        try search(call, .radius(storing: true))
    }

    static let georadiusReadOnly = Command(
        "georadius_ro",
        "Finds places around a position.",
        arity: .atLeast(6),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "3.2.10",
        history: historyOfRadius,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: radiusSyntax
    ) { call throws(CommandError) in
        try search(call, .radius(storing: false))
    }

    static let georadiusbymember = Command(
        "georadiusbymember",
        "Finds places around a place, and replies or stores them.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readOnly, .access]),
        .behind("STORE", from: 5, [.overwrite, .update]),
        .behind("STOREDIST", from: 5, [.overwrite, .update]),
        flags: [.write, .denyoom, .movableKeys],
        group: .geo,
        since: "3.2.0",
        history: historyOfRadius,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: radiusByMemberSyntax + storeSyntax
    ) { call throws(CommandError) in
        try search(call, .radiusByMember(storing: true))
    }

    static let georadiusbymemberReadOnly = Command(
        "georadiusbymember_ro",
        "Finds places around a place.",
        arity: .atLeast(5),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "3.2.10",
        history: historyOfRadius,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: radiusByMemberSyntax
    ) { call throws(CommandError) in
        try search(call, .radiusByMember(storing: false))
    }

    private static let historyOfRadius: Command.History = [
        "6.2.0": "`COUNT` takes `ANY`.", "7.0.0": "Units may be in capital letters.",
    ]

    private static let radiusSyntax = """
        <key:key> <longitude:double> <latitude:double> <radius:double> unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST]
        [WITHHASH] [count-block{COUNT <count:integer> [ANY@6.2.0]}] [order(ASC | DESC)]
        """

    private static let radiusByMemberSyntax = """
        <key:key> <member> <radius:double> unit(M | KM | FT | MI) [WITHCOORD] [WITHDIST] [WITHHASH]
        [count-block{COUNT <count:integer> [ANY]}] [order(ASC | DESC)]
        """

    private static let storeSyntax = " [store(STORE <storekey=key:key> | STOREDIST <storedistkey=key:key>)]"

    static let geosearch = Command(
        "geosearch",
        "Finds places in a circle, a box or a polygon.",
        arity: .atLeast(7),
        keys: .one(at: 1, [.readOnly, .access]),
        flags: .readonly,
        group: .geo,
        since: "6.2.0",
        history: historyOfSearch,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: """
            <key:key> [from(FROMMEMBER <member> | FROMLONLAT fromlonlat{<longitude:double> <latitude:double>})]
            by(circle{BYRADIUS <radius:double> unit(M | KM | FT | MI)} | box{BYBOX <width:double> <height:double>
            unit(M | KM | FT | MI)} | polygon@9.0.0{BYPOLYGON <num-vertices:integer> vertices{<longitude:double>
            <latitude:double>}...}) [order(ASC | DESC)] [count-block{COUNT <count:integer> [ANY]}] [WITHCOORD]
            [WITHDIST] [WITHHASH]
            """
    ) { call throws(CommandError) in
        try search(call, .search)
    }

    static let geosearchstore = Command(
        "geosearchstore",
        "Stores the places that are found in a circle, a box or a polygon.",
        arity: .atLeast(8),
        keys: .one(at: 1, [.overwrite, .update]),
        .one(at: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .geo,
        since: "6.2.0",
        history: historyOfSearch,
        complexity: "O(N+log(M))",
        categories: ["geo"],
        syntax: """
            <destination:key> <source:key> [from(FROMMEMBER <member> | FROMLONLAT fromlonlat{<longitude:double>
            <latitude:double>})] by(circle{BYRADIUS <radius:double> unit(M | KM | FT | MI)} | box{BYBOX
            <width:double> <height:double> unit(M | KM | FT | MI)} | polygon@9.0.0{BYPOLYGON <num-vertices:integer>
            vertices{<longitude:double> <latitude:double>}...}) [order(ASC | DESC)] [count-block{COUNT
            <count:integer> [ANY]}] [STOREDIST]
            """
    ) { call throws(CommandError) in
        try search(call, .searchStore)
    }

    private static let historyOfSearch: Command.History = [
        "7.0.0": "Units may be in capital letters.", "9.0.0": "Takes `BYPOLYGON`.",
    ]

    private static func search(_ call: Call, _ form: GeoSearch.Form) throws(CommandError) {
        let search = try GeoSearch(call, form)
        let hits = search.hits()
        if let index = search.targetIndex { return store(hits, search, under: call.key(index), call) }
        let columns = [search.withDistance, search.withHash, search.withPosition].count { $0 }
        call.reply.array(hits.count)
        for hit in hits {
            if columns > 0 { call.reply.array(1 + columns) }
            hit.member.withBytes { call.reply.bulk($0) }
            if search.withDistance { call.reply.distance(hit.distance / search.unit) }
            if search.withHash { call.reply.integer(Int64(hit.score)) }
            if search.withPosition { call.reply.position(GeoCell(score: hit.score).center) }
        }
    }

    private static func store(_ hits: [GeoSearch.Hit], _ search: GeoSearch, under target: Key, _ call: Call) {
        call.store(SortedSetValue.self, under: target) { value in
            value.prepare(for: hits.count)
            for hit in hits {
                let score = search.storesDistance ? hit.distance / search.unit : hit.score
                hit.member.withBytes { value.insert($0, score: score) }
            }
        }
    }
}

extension ReplyBuffer {
    /// A distance with four digits behind the point.
    func distance(_ distance: Double) { withFixedText(distance, digitsBehindPoint: 4) { bulk($0) } }

    func position(_ position: GeoPosition) {
        array(2)
        for number in [position.longitude, position.latitude] {
            withLongDoubleText(LongDouble(number)) { text in
                guard version == 3 else { return bulk(text) }
                append(",")
                append(text)
                append("\r\n")
            }
        }
    }
}
