// What GEOSEARCH and the GEORADIUS family are asked for, and how it is found.

internal import Keyspace
internal import Protocol

/// A unit of length; distances are measured in metres.
struct GeoUnit {
    let metres: Double

    init(_ word: Bytes) throws(CommandError) {
        if word.isWord("M") {
            metres = 1
        } else if word.isWord("KM") {
            metres = 1000
        } else if word.isWord("FT") {
            metres = 0.3048
        } else if word.isWord("MI") {
            metres = 1609.34
        } else {
            throw .text("ERR unsupported unit provided. please use M, KM, FT, MI")
        }
    }
}

/// The arguments of a search.
struct GeoSearch {
    /// Which command it is: they differ in where things stand, and in which words they know.
    enum Form {
        case radius(storing: Bool)
        case radiusByMember(storing: Bool)
        case search
        case searchStore
    }

    enum Order { case any, ascending, descending }

    /// A member that was found.
    struct Hit {
        let member: [UInt8]
        let score: Double
        /// In metres, from the centre.
        let distance: Double
    }

    private(set) var withDistance = false
    private(set) var withHash = false
    private(set) var withPosition = false
    private(set) var order = Order.any
    /// 0 for all.
    private(set) var count = 0
    private(set) var takesAny = false
    /// The argument that names the key to store under.
    private(set) var targetIndex: Int?
    private(set) var storesDistance = false
    /// Nil where the key to search is not there.
    private(set) var value: SortedSetValue?
    /// Metres of the unit that distances are told in.
    private(set) var unit = 1.0

    private var center: GeoPosition?
    private var hasCenter = false
    private var outline: GeoShape.Outline?
    private var shape: GeoShape?

    init(_ call: Call, _ form: Form) throws(CommandError) {
        switch form {
        case .radius:
            value = try call.read(call.key(1), as: SortedSetValue.self)
            center = try call.position(2)
            hasCenter = true
            try readRadius(call, at: 4)
            try readWords(call, from: 6, form)
        case .radiusByMember:
            value = try call.read(call.key(1), as: SortedSetValue.self)
            hasCenter = true
            if value != nil {
                center = try position(call, ofMember: 2)
                try readRadius(call, at: 3)
            }
            try readWords(call, from: 5, form)
        case .search:
            value = try call.read(call.key(1), as: SortedSetValue.self)
            try readWords(call, from: 2, form)
        case .searchStore:
            targetIndex = 1
            value = try call.read(call.key(2), as: SortedSetValue.self)
            try readWords(call, from: 3, form)
        }
        try check(form)
        if case .polygon(let corners) = outline {
            shape = GeoShape(polygon: corners)
        } else if let outline, let center {
            shape = GeoShape(outline, around: center)
        }
        // Without a sort a count could not mean the nearest.
        if count > 0, order == .any, !takesAny { order = .ascending }
    }

    // MARK: Reading

    private mutating func readRadius(_ call: Call, at index: Int) throws(CommandError) {
        guard let radius = parseDouble(call.arguments[index]) else { throw .text("ERR need numeric radius") }
        guard radius >= 0 else { throw .text("ERR radius cannot be negative") }
        unit = try GeoUnit(call.arguments[index + 1]).metres
        outline = .circle(radius: radius * unit)
    }

    private mutating func readBox(_ call: Call, at index: Int) throws(CommandError) {
        guard let width = parseDouble(call.arguments[index]) else { throw .text("ERR need numeric width") }
        guard let height = parseDouble(call.arguments[index + 1]) else { throw .text("ERR need numeric height") }
        guard width >= 0, height >= 0 else { throw .text("ERR height or width cannot be negative") }
        unit = try GeoUnit(call.arguments[index + 2]).metres
        outline = .box(width: width * unit, height: height * unit)
    }

    /// Returns where the arguments go on.
    private mutating func readPolygon(_ call: Call, at index: Int) throws(CommandError) -> Int {
        guard let number = parseInteger(call.arguments[index]), let count = Int32(exactly: number) else {
            throw .text("ERR invalid number of vertices")
        }
        guard count >= 3, 2 * Int(count) <= call.arguments.count - index - 1 else {
            throw .text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")
        }
        var corners: [GeoPosition] = []
        for corner in 0..<Int(count) { corners.append(try call.position(index + 1 + 2 * corner)) }
        outline = .polygon(corners)
        return index + 1 + 2 * Int(count)
    }

    private func position(_ call: Call, ofMember index: Int) throws(CommandError) -> GeoPosition? {
        guard let value else { return nil }
        guard let found = value.find(call.arguments[index]) else { throw .noSuchMember(at: index) }
        return GeoCell(score: found.score).center
    }

    private mutating func readWords(_ call: Call, from first: Int, _ form: Form) throws(CommandError) {
        var index = first
        while index < call.arguments.count {
            let word = call.arguments[index]
            let left = call.arguments.count - index - 1
            if word.isWord("WITHDIST") {
                withDistance = true
            } else if word.isWord("WITHHASH") {
                withHash = true
            } else if word.isWord("WITHCOORD") {
                withPosition = true
            } else if word.isWord("ANY") {
                takesAny = true
            } else if word.isWord("ASC") {
                order = .ascending
            } else if word.isWord("DESC") {
                order = .descending
            } else if word.isWord("COUNT"), left >= 1 {
                count = Int(try call.integer(index + 1))
                guard count > 0 else { throw .text("ERR COUNT must be > 0") }
                index += 1
            } else if let next = try readTarget(call, at: index, form) {
                index = next - 1
            } else if let next = try readPlace(call, at: index, form) {
                index = next - 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    /// Where the result goes. Returns where the arguments go on, or nil where the word at `index` is not about that.
    private mutating func readTarget(_ call: Call, at index: Int, _ form: Form) throws(CommandError) -> Int? {
        let word = call.arguments[index]
        let namesDistance = word.isWord("STOREDIST")
        guard namesDistance || word.isWord("STORE") else { return nil }
        switch form {
        case .radius(storing: true), .radiusByMember(storing: true):
            guard index + 1 < call.arguments.count else { return nil }
            targetIndex = index + 1
            storesDistance = namesDistance
            return index + 2
        case .searchStore where namesDistance:
            storesDistance = true
            return index + 1
        default: return nil
        }
    }

    /// Where to search. Returns the same as `readTarget`.
    private mutating func readPlace(_ call: Call, at index: Int, _ form: Form) throws(CommandError) -> Int? {
        switch form {
        case .radius, .radiusByMember: return nil
        case .search, .searchStore: break
        }
        let word = call.arguments[index]
        let left = call.arguments.count - index - 1
        let isPolygon = if case .polygon = outline { true } else { false }
        if left >= 1, !hasCenter, !isPolygon, word.isWord("FROMMEMBER") {
            center = try position(call, ofMember: index + 1)
            hasCenter = true
            return index + 2
        }
        if left >= 2, !hasCenter, !isPolygon, word.isWord("FROMLONLAT") {
            center = try call.position(index + 1)
            hasCenter = true
            return index + 3
        }
        guard outline == nil else { return nil }
        if left >= 2, word.isWord("BYRADIUS") {
            try readRadius(call, at: index + 1)
            return index + 3
        }
        if left >= 3, word.isWord("BYBOX") {
            try readBox(call, at: index + 1)
            return index + 4
        }
        if left >= 1, !hasCenter, word.isWord("BYPOLYGON") { return try readPolygon(call, at: index + 1) }
        return nil
    }

    private func check(_ form: Form) throws(CommandError) {
        let isPolygon = if case .polygon = outline { true } else { false }
        let wantsMore = withDistance || withHash || withPosition
        switch form {
        case .radius, .radiusByMember:
            guard targetIndex == nil || !wantsMore else {
                throw .text(
                    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                )
            }
        case .search:
            guard hasCenter || isPolygon else {
                throw .text("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH")
            }
            guard outline != nil else {
                throw .text("ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for GEOSEARCH")
            }
        case .searchStore:
            guard !wantsMore else {
                throw .text("ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
            }
            guard hasCenter || isPolygon else {
                throw .text("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCHSTORE")
            }
            guard outline != nil else {
                throw .text("ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for GEOSEARCHSTORE")
            }
        }
        guard !takesAny || count > 0 else { throw .text("ERR the ANY argument requires COUNT argument") }
    }

    // MARK: Finding

    /// What is found, in the order and number that are asked for.
    func hits() -> [Hit] {
        guard let value, let shape else { return [] }
        var hits: [Hit] = []
        let enough = takesAny ? count : .max
        for cell in shape.cells {
            let (low, high) = cell.scores
            let ranks = value.ranks(in: ScoreRange(from: low, includingIt: true, to: high, includingThat: false))
            // Piece by piece, to stop when there are enough.
            var start = ranks.lowerBound
            while start < ranks.upperBound, hits.count < enough {
                let piece = start..<min(ranks.upperBound, start + 256)
                value.forEach(in: piece) { member, score in
                    guard hits.count < enough,
                        let distance = shape.distance(within: GeoCell(score: score).center)
                    else { return }
                    hits.append(Hit(member: member.withBytes { $0.array }, score: score, distance: distance))
                }
                start = piece.upperBound
            }
        }
        switch order {
        case .any: break
        case .ascending: hits.sort { $0.distance < $1.distance }
        case .descending: hits.sort { $0.distance > $1.distance }
        }
        return count > 0 ? Array(hits.prefix(count)) : hits
    }
}

extension Call {
    /// The arguments at `index` and behind it as longitude and latitude.
    func position(_ index: Int) throws(CommandError) -> GeoPosition {
        let position = GeoPosition(longitude: try score(index), latitude: try score(index + 1))
        guard GeoPosition.longitudes.contains(position.longitude), GeoPosition.latitudes.contains(position.latitude)
        else { throw .invalidPosition(longitude: position.longitude, latitude: position.latitude) }
        return position
    }
}
