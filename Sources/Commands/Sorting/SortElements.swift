// The elements that SORT puts in order.
//
// An integer is kept as one; the bytes of the others lie one behind the other in one array, those that they are compared by
// behind them. What is sorted are two words for each element, and nearly all comparisons are those of two numbers.

internal import Keyspace
internal import Protocol

struct SortElements {
    /// An element, or what it is compared by.
    private enum Text {
        case integer(Int64)
        /// Where its bytes are.
        case bytes(Range<Int>)
    }

    private struct Item {
        /// Orders as the weights do, as far as eight bytes can tell; the lower comes first.
        var rank: UInt64 = 0
        /// Of its element among `elements`.
        let index: Int
    }

    private var bytes: [UInt8] = []
    private var elements: [Text] = []
    /// What the elements are compared by, nil where there is nothing; none where it is the elements themselves.
    private var weights: [Text?] = []
    private var items: [Item] = []

    var count: Int { items.count }

    // MARK: Collecting

    /// Takes the elements under `key` in: all of them, or what is asked for where they stay in the order that they have.
    mutating func collect(_ call: Call, _ key: Key, _ request: inout SortRequest) throws(CommandError) {
        guard let entry = call.read(key) else { return }
        let keyspace = call.keyspace(of: key)
        switch entry.type {
        case .list:
            let list = ListValue(entry: entry, keyspace: keyspace)
            let range = request.isSorted ? 0..<list.count : request.range(of: list.count)
            guard !range.isEmpty else { return }
            reserve(range.count)
            let backwards = request.isDescending && !request.isSorted
            list.visit(from: backwards ? list.count - 1 - range.lowerBound : range.lowerBound, backwards: backwards) {
                append($0)
                return items.count < range.count
            }
        case .set:
            if !request.isSorted, request.destination != nil { request.sortAlphabetically() }
            let set = SetValue(entry: entry, keyspace: keyspace)
            let range = request.isSorted ? 0..<set.count : request.range(of: set.count)
            var index = 0
            set.forEach { member in
                if range.contains(index) { append(member) }
                index += 1
                return index < range.upperBound
            }
        case .sortedSet:
            let set = SortedSetValue(entry: entry, keyspace: keyspace)
            var range = request.isSorted ? 0..<set.count : request.range(of: set.count)
            let reversed = request.isDescending && !request.isSorted
            if reversed { range = set.count - range.upperBound..<set.count - range.lowerBound }
            set.forEach(in: range, reversed: reversed) { member, _ in append(member) }
        default: throw .wrongType
        }
    }

    private mutating func reserve(_ count: Int) {
        elements.reserveCapacity(count)
        items.reserveCapacity(count)
    }

    private mutating func append(_ element: StringValue) {
        items.append(Item(index: elements.count))
        elements.append(keep(element))
    }

    private mutating func keep(_ value: StringValue) -> Text {
        switch value {
        case .integer(let number): return .integer(number)
        case .bytes(let text):
            let start = bytes.count
            bytes.append(text)
            return .bytes(start..<bytes.count)
        }
    }

    /// Lends an element, while nothing here changes.
    @inline(__always)
    private func withElement<Result>(_ index: Int, _ body: (StringValue) -> Result) -> Result {
        bytes.withBytes { Self.withText(elements[index], in: $0, body) }
    }

    @inline(__always)
    private static func withText<Result>(_ text: Text, in bytes: Bytes, _ body: (StringValue) -> Result) -> Result {
        switch text {
        case .integer(let number): body(.integer(number))
        case .bytes(let range): body(.bytes(bytes[range]))
        }
    }

    // MARK: Weighing

    /// Finds what each element is compared by. What is not there counts as zero, or comes before all bytes.
    mutating func weigh(_ call: Call, _ request: inout SortRequest) throws(CommandError) {
        if request.weight != nil {
            weights.reserveCapacity(elements.count)
            for index in elements.indices { weights.append(fetchWeight(of: index, call, &request)) }
        }
        let (isAlphabetic, isDescending) = (request.isAlphabetic, request.isDescending)
        let isEveryNumber = bytes.withBytes { bytes in
            for place in items.indices {
                let weight = weights.isEmpty ? elements[items[place].index] : weights[items[place].index]
                guard let rank = Self.rank(of: weight, isAlphabetic, in: bytes) else { return false }
                items[place].rank = isDescending ? ~rank : rank
            }
            return true
        }
        guard isEveryNumber else { throw .text("ERR One or more scores can't be converted into double") }
    }

    /// Nil where a number is wanted and something else is there.
    private static func rank(of weight: Text?, _ isAlphabetic: Bool, in bytes: Bytes) -> UInt64? {
        guard let weight else { return isAlphabetic ? 0 : 0.0.rank }
        if case .integer(let number) = weight, !isAlphabetic { return Double(number).rank }
        return withText(weight, in: bytes) { $0.withBytes { isAlphabetic ? $0.rank : parseDouble($0)?.rank } }
    }

    private mutating func fetchWeight(of index: Int, _ call: Call, _ request: inout SortRequest) -> Text? {
        withElement(index) { $0.withBytes { request.weight?.substitute($0) } }
        guard let pattern = request.weight else { return nil }
        return call.dereference(pattern) { value in value.map { keep($0) } }
    }

    // MARK: Sorting

    /// Leaves the elements that are asked for, in order.
    mutating func sort(_ request: inout SortRequest) {
        let range = request.range(of: items.count)
        let (isDescending, isAlphabetic) = (request.isDescending, request.isAlphabetic)
        // Read through their addresses: an array would be retained and released for every comparison.
        let sorted = bytes.withBytes { bytes in
            guard isAlphabetic, !weights.isEmpty else {
                return unsafe elements.withUnsafeBufferPointer { texts in
                    first(range.upperBound, isDescending) { unsafe Self.order(texts[$0], texts[$1], in: bytes) }
                }
            }
            return unsafe weights.withUnsafeBufferPointer { texts in
                first(range.upperBound, isDescending) { unsafe Self.order(texts[$0], texts[$1], in: bytes) }
            }
        }
        items = Array(sorted[range])
    }

    /// The first `count` items, in order.
    ///
    /// - Parameter textOrder: compares two elements by their indices, where their ranks are the same.
    @inline(__always)
    private func first(_ count: Int, _ isDescending: Bool, _ textOrder: (Int, Int) -> Int) -> [Item] {
        Self.first(count, of: items) { one, other in
            if one.rank != other.rank { return one.rank < other.rank }
            let order = textOrder(one.index, other.index)
            // Where nothing tells two apart they stay as they were.
            return order == 0 ? one.index < other.index : (order < 0) != isDescending
        }
    }

    @inline(never)
    private static func order(_ one: Text?, _ other: Text?, in bytes: Bytes) -> Int {
        guard let one, let other else { return (one == nil ? 0 : 1) - (other == nil ? 0 : 1) }
        if case .bytes(let one) = one, case .bytes(let other) = other { return bytes[one].order(bytes[other]) }
        return withText(one, in: bytes) { one in
            withText(other, in: bytes) { other in one.withBytes { one in other.withBytes { one.order($0) } } }
        }
    }

    /// The first `count` of `items` in order. Where that is a small part, most of them are only compared with the last of
    /// those found so far.
    @inline(__always)
    private static func first(_ count: Int, of items: [Item], by precedes: (Item, Item) -> Bool) -> [Item] {
        guard count < items.count / 4 else { return items.sorted(by: precedes) }
        guard count > 0 else { return [] }
        var found: [Item] = []
        found.reserveCapacity(2 * count)
        var last: Item?
        for item in items {
            if let last, !precedes(item, last) { continue }
            found.append(item)
            guard found.count == 2 * count else { continue }
            found.sort(by: precedes)
            found.removeLast(count)
            last = found[count - 1]
        }
        found.sort(by: precedes)
        return Array(found.prefix(count))
    }

    // MARK: Handing out

    /// Visits what is asked for of each element: the element itself, or what its patterns fetch; nil for what is not there.
    func forEachResult(_ call: Call, _ request: inout SortRequest, _ body: (StringValue?) -> Void) {
        for item in items {
            guard !request.fetches.isEmpty else {
                withElement(item.index) { body($0) }
                continue
            }
            for place in request.fetches.indices {
                if request.fetches[place].isElement {
                    withElement(item.index) { body($0) }
                } else {
                    withElement(item.index) { $0.withBytes { request.fetches[place].substitute($0) } }
                    call.dereference(request.fetches[place], body)
                }
            }
        }
    }
}

extension Double {
    /// A number that orders as this one does; both zeros are the same.
    fileprivate var rank: UInt64 {
        let bits = (self + 0).bitPattern
        return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    }
}

extension Bytes {
    /// The first eight bytes as a number that orders as they do.
    fileprivate var rank: UInt64 {
        guard count < 8 else { return word64(at: 0).byteSwapped }
        var rank: UInt64 = 0
        for index in 0..<8 { rank = rank << 8 | (index < count ? UInt64(self[index]) : 0) }
        return rank
    }
}
