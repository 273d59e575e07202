// Lists: one listpack while they are short, a quicklist when they are long.

public import Protocol

/// A list, seen through the entry that holds it.
///
/// Memory and thread: as `AggregateValue` says. What is lent is good until the next change of this list.
@safe
public struct ListValue: AggregateValue {
    public static var type: ValueType { .list }

    public static func makeEmpty(in keyspace: Keyspace) -> Aggregate {
        unsafe Aggregate(.list, .listpack, base: Listpack(.bare, memory: keyspace.memory).base)
    }

    let entry: Entry
    @safe unowned(unsafe) let keyspace: Keyspace

    public init(entry: Entry, keyspace: Keyspace) {
        self.entry = entry
        self.keyspace = keyspace
    }

    public var count: Int { isShort ? pack.count : quicklist.count }

    private var isShort: Bool { @inline(__always) get { entry.isListpack } }
    private var pack: Listpack { @inline(__always) get { unsafe Listpack(base: entry.structure) } }
    private var quicklist: Quicklist { @inline(__always) get { unsafe Quicklist(base: entry.structure) } }
    private var memory: Memory { keyspace.memory }
    private var limit: ListNodeLimit {
        ListNodeLimit(keyspace.limits.listNodeSize, aloneFrom: keyspace.limits.listAloneByteCount)
    }

    // MARK: Reading

    /// The first or last element; the list is not empty.
    public func element(at end: ListEnd) -> StringValue {
        isShort ? pack.element(at: end) : quicklist.element(at: end)
    }

    /// Lends the element at `index`, which is there.
    @inline(__always)
    public func withElement(at index: Int, _ body: (StringValue) -> Void) {
        if isShort { body(pack.element(atIndex: index)) } else { quicklist.withElement(at: index, body) }
    }

    /// Visits elements from `index` on, towards the tail or backwards, until `body` says that it has enough.
    @inline(__always)
    public func visit(from index: Int, backwards: Bool = false, _ body: (StringValue) -> Bool) {
        if isShort {
            if index >= 0 { _ = pack.visit(from: index, backwards: backwards, body) }
        } else {
            quicklist.visit(from: index, backwards: backwards, body)
        }
    }

    /// Visits the elements of a range, which lies within, forwards.
    @inline(__always)
    public func forEach(in range: Range<Int>, _ body: (StringValue) -> Void) {
        guard !range.isEmpty else { return }
        var left = range.count
        visit(from: range.lowerBound) { element in
            body(element)
            left -= 1
            return left > 0
        }
    }

    /// The node by node content, for who writes the list as it is.
    public func forEachNode(_ body: (ListNodeContent) -> Void) {
        guard !isShort else { return body(.listpack(pack)) }
        let quicklist = quicklist
        for index in 0..<quicklist.nodeCount { quicklist[index].withContent(body) }
    }

    public var nodeCount: Int { isShort ? 1 : quicklist.nodeCount }

    // MARK: Changing

    /// - Parameter text: must not lie in this very list.
    public func push(_ text: Bytes, at end: ListEnd) {
        if isShort {
            let element = ListpackElement(text)
            var pack = pack
            if limit.hasRoom(in: pack, count: pack.count, for: element) {
                pack.push(element, at: end, memory: memory)
                return store(pack)
            }
            lengthen()
        }
        quicklist.push(text, at: end, limit: limit, memory: memory)
    }

    /// Puts `text` before the element at `index`, or at the tail.
    public func insert(_ text: Bytes, at index: Int) {
        if isShort {
            let element = ListpackElement(text)
            var pack = pack
            if limit.hasRoom(in: pack, count: pack.count, for: element) {
                pack.insert(element, beforeIndex: index, memory: memory)
                return store(pack)
            }
            lengthen()
        }
        quicklist.insert(text, at: index, limit: limit, memory: memory)
    }

    /// Puts `text` in the place of the element at `index`, which is there.
    public func replace(at index: Int, with text: Bytes) {
        if isShort {
            let element = ListpackElement(text)
            var pack = pack
            guard let offset = pack.offset(ofIndex: index) else { preconditionFailure("no such element in a list") }
            let growth = element.byteCount(in: .full) - pack.fullByteCount(at: offset)
            if pack.hasRoom(for: growth, inFull: limit.byteCount), !limit.isExceeded(by: element) {
                pack.exchange(at: offset, with: element, memory: memory)
                return store(pack)
            }
            lengthen()
        }
        quicklist.replace(at: index, with: text, limit: limit, memory: memory)
        shortenIfSmall()
    }

    /// Takes out the elements in `range`, which lies within.
    public func remove(_ range: Range<Int>) {
        if isShort {
            var pack = pack
            pack.removeElements(range, memory: memory)
            return store(pack)
        }
        quicklist.remove(range, limit: limit, memory: memory)
        shortenIfSmall()
    }

    /// Lends the first or last element, and takes it out; the list is not empty.
    @inline(__always)
    public func pop(at end: ListEnd, _ body: (StringValue) -> Void) {
        if isShort {
            var pack = pack
            pack.pop(at: end, memory: memory, body)
            return store(pack)
        }
        quicklist.pop(at: end, limit: limit, memory: memory, body)
        if quicklist.nodeCount <= 1 { shortenIfSmall() }
    }

    /// Takes out `count` elements at an end; there are as many.
    public func remove(_ count: Int, at end: ListEnd) {
        let all = self.count
        remove(end == .head ? 0..<count : all - count..<all)
    }

    /// Takes out up to `most` elements that are `sought`, from the head or from the tail on; says how many.
    public func remove(_ sought: SoughtText, atMost most: Int, backwards: Bool) -> Int {
        let removed: Int
        if isShort {
            var pack = pack
            removed = pack.remove(sought, atMost: most, backwards: backwards, memory: memory)
            store(pack)
        } else {
            removed = quicklist.remove(sought, atMost: most, backwards: backwards, limit: limit, memory: memory)
            shortenIfSmall()
        }
        return removed
    }

    /// Puts the elements of a listpack, as RDB has it and known to be valid, at the tail.
    public func append(listpack bytes: Bytes) {
        let pack = Listpack(ofList: Listpack(reading: bytes), memory: memory)
        guard !pack.isEmpty else { return pack.free(to: memory) }
        if isShort {
            if self.pack.isEmpty, bytes.count <= limit.byteCount, pack.count <= limit.count {
                self.pack.free(to: memory)
                return store(pack)
            }
            lengthen()
        }
        quicklist.append(adopting: pack, memory: memory)
    }

    // MARK: Encodings

    @inline(__always)
    private func store(_ pack: Listpack) {
        // Most changes leave the block where it is.
        if unsafe isShort && pack.base == entry.structure { return }
        unsafe entry.aggregate = Aggregate(.list, .listpack, base: pack.base)
    }

    /// Makes a quicklist of the listpack.
    private func lengthen() {
        let depth = keyspace.limits.listCompressDepth
        let quicklist = Quicklist(adopting: pack, compressDepth: depth, memory: memory)
        unsafe entry.aggregate = Aggregate(.list, .quicklist, base: quicklist.base)
    }

    /// Makes a listpack of a quicklist that has become short.
    private func shortenIfSmall() {
        if let pack = quicklist.unwrap(within: limit, memory: memory) {
            store(pack)
        } else if quicklist.count == 0 {
            quicklist.free(to: memory)
            store(Listpack(.bare, memory: memory))
        }
    }

    public func checkInvariants() {
        guard isShort else { return quicklist.checkInvariants() }
        precondition(pack.isIntactInList, "a list that is no listpack of a list")
    }
}
