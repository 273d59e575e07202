// The elements that SORT puts in order.
//
// Their bytes lie one behind the other in one array, those that they are compared by behind them; what is sorted are
// items of fixed width that say where. So a hundred thousand elements take two arrays, and nearly all comparisons are
// those of two numbers.

internal import Keyspace
internal import Protocol

struct SortElements {
    private struct Item {
        /// Orders as the weights do, as far as eight bytes can tell.
        var rank: UInt64 = 0
        let element: Range<Int>
        /// Where the bytes are that are compared; nil where there are none.
        var weight: Range<Int>?
    }

    private var bytes: [UInt8] = []
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

    private mutating func append(_ element: StringValue) {
        let start = bytes.count
        element.withBytes { bytes.append($0) }
        items.append(Item(element: start..<bytes.count))
    }

    /// Lends an element, while nothing here changes.
    private func withElement<Result>(_ index: Int, _ body: (Bytes) -> Result) -> Result {
        bytes.withBytes { body($0[items[index].element]) }
    }

    // MARK: Weighing

    /// Finds what each element is compared by. What is not there counts as zero, or comes before all bytes.
    mutating func weigh(_ call: Call, _ request: inout SortRequest) throws(CommandError) {
        for index in items.indices {
            items[index].weight = items[index].element
            if request.weight != nil { items[index].weight = fetchWeight(of: index, call, &request) }
        }
        var isEveryNumber = true
        bytes.withBytes { bytes in
            for index in items.indices {
                guard let weight = items[index].weight.map({ bytes[$0] }) else {
                    items[index].rank = request.isAlphabetic ? 0 : 0.0.rank
                    continue
                }
                if request.isAlphabetic {
                    items[index].rank = weight.rank
                } else if let number = parseDouble(weight) {
                    items[index].rank = number.rank
                } else {
                    isEveryNumber = false
                }
            }
        }
        guard isEveryNumber else { throw .text("ERR One or more scores can't be converted into double") }
    }

    private mutating func fetchWeight(of index: Int, _ call: Call, _ request: inout SortRequest) -> Range<Int>? {
        withElement(index) { request.weight?.substitute($0) }
        guard let pattern = request.weight else { return nil }
        return call.dereference(pattern) { value in
            guard let value else { return nil }
            let start = bytes.count
            value.withBytes { bytes.append($0) }
            return start..<bytes.count
        }
    }

    // MARK: Sorting

    /// Leaves the elements that are asked for, in order.
    mutating func sort(_ request: inout SortRequest) {
        let range = request.range(of: items.count)
        let (isDescending, isAlphabetic) = (request.isDescending, request.isAlphabetic)
        bytes.withBytes { bytes in
            func precedes(_ one: Item, _ other: Item) -> Bool {
                if one.rank != other.rank { return (one.rank < other.rank) != isDescending }
                let order =
                    isAlphabetic
                    ? Self.order(one.weight, other.weight, in: bytes)
                    : bytes[one.element].order(bytes[other.element])
                // Where nothing tells two apart they stay as they were.
                return order == 0 ? one.element.lowerBound < other.element.lowerBound : (order < 0) != isDescending
            }
            items = Array(Self.first(range.upperBound, of: items, by: precedes)[range])
        }
    }

    /// The first `count` of `items` in order. Where that is a small part, most of them are only compared with the last of
    /// those found so far.
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

    private static func order(_ one: Range<Int>?, _ other: Range<Int>?, in bytes: Bytes) -> Int {
        guard let one, let other else { return (one == nil ? 0 : 1) - (other == nil ? 0 : 1) }
        return bytes[one].order(bytes[other])
    }

    // MARK: Handing out

    /// Visits what is asked for of each element: the element itself, or what its patterns fetch; nil for what is not there.
    func forEachResult(_ call: Call, _ request: inout SortRequest, _ body: (StringValue?) -> Void) {
        for index in items.indices {
            guard !request.fetches.isEmpty else {
                withElement(index) { body(.bytes($0)) }
                continue
            }
            for place in request.fetches.indices {
                if request.fetches[place].isElement {
                    withElement(index) { body(.bytes($0)) }
                } else {
                    withElement(index) { request.fetches[place].substitute($0) }
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
