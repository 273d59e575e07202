// Sets: members that are there once. Small ones of integers are sorted integers, other small ones a bare listpack.

public import Protocol

/// The set that an entry holds, and what can be done with it.
public struct SetValue: AggregateValue {
    public static var type: ValueType { .set }

    let entry: Entry
    @safe unowned(unsafe) let keyspace: Keyspace

    public init(entry: Entry, keyspace: Keyspace) {
        self.entry = entry
        self.keyspace = keyspace
    }

    public static func makeEmpty(in keyspace: Keyspace) -> Aggregate {
        unsafe Aggregate(.set, .integerSet, base: IntegerSet(memory: keyspace.memory).base)
    }

    /// How a set is kept.
    enum Form {
        case integers(IntegerSet)
        case listpack(Listpack)
        case table(ElementTable)
    }

    var form: Form {
        @inline(__always) get {
            let aggregate = entry.aggregate
            switch aggregate.encoding {
            case .integerSet: return unsafe .integers(IntegerSet(base: aggregate.base))
            case .listpack: return unsafe .listpack(Listpack(base: aggregate.base))
            default:
                precondition(aggregate.encoding == .hashTable, "no set is kept like this")
                return unsafe .table(ElementTable(base: aggregate.base))
            }
        }
    }

    /// Lets the entry hold what a change has made of the set.
    func store(_ form: Form) {
        switch form {
        case .integers(let integers): unsafe entry.aggregate = Aggregate(.set, .integerSet, base: integers.base)
        case .listpack(let pack): unsafe entry.aggregate = Aggregate(.set, .listpack, base: pack.base)
        case .table(let table): unsafe entry.aggregate = Aggregate(.set, .hashTable, base: table.base)
        }
    }

    public var count: Int {
        switch form {
        case .integers(let integers): integers.count
        case .listpack(let pack): pack.count
        case .table(let table): table.count
        }
    }

    /// The members, if they are kept as integers.
    public var integers: IntegerSet? {
        guard case .integers(let integers) = form else { return nil }
        return integers
    }

    // MARK: Members

    public func contains(_ member: Bytes) -> Bool {
        switch form {
        case .integers(let integers): parseInteger(member).map(integers.contains) ?? false
        case .listpack(let pack): pack.find(member, from: pack.first) != nil
        case .table(let table): table.find(member, hash: hash(member)) != nil
        }
    }

    /// - Parameter member: an integer stands for its text.
    public func contains(_ member: StringValue) -> Bool {
        if case .integer(let number) = member, case .integers(let integers) = form { return integers.contains(number) }
        return member.withBytes { contains($0) }
    }

    /// Puts `member` in, which must not lie in this very set.
    ///
    /// - Returns: whether it was not there.
    @discardableResult
    public func insert(_ member: Bytes) -> Bool {
        switch form {
        case .table(let table):
            let hash = hash(member)
            guard table.find(member, hash: hash) == nil else { return false }
            table.insert(Element(field: member), hash: hash, in: keyspace.environment)
            return true
        case .listpack(let pack): return insert(member, into: pack)
        case .integers(let integers):
            guard let number = parseInteger(member) else { return insert(text: member, into: integers) }
            return insert(number, into: integers)
        }
    }

    /// - Parameter member: an integer stands for its text.
    @discardableResult
    public func insert(_ member: StringValue) -> Bool {
        if case .integer(let number) = member, case .integers(let integers) = form {
            return insert(number, into: integers)
        }
        return member.withBytes { insert($0) }
    }

    /// - Parameter member: must not lie in this very set.
    /// - Returns: whether it was there.
    @discardableResult
    public func remove(_ member: Bytes) -> Bool {
        switch form {
        case .integers(var integers):
            guard let number = parseInteger(member), integers.remove(number, memory: keyspace.memory) else {
                return false
            }
            store(.integers(integers))
            return true
        case .listpack(var pack):
            guard let offset = pack.find(member, from: pack.first) else { return false }
            pack.remove(at: offset, memory: keyspace.memory)
            store(.listpack(pack))
            return true
        case .table(let table):
            guard let place = table.find(member, hash: hash(member)) else { return false }
            table.remove(at: place, in: keyspace.environment)
            return true
        }
    }

    /// Visits all members, while `body` answers true; it does not change this set.
    @inline(__always)
    public func forEach(while body: (StringValue) -> Bool) {
        switch form {
        case .integers(let integers):
            for index in 0..<integers.count { guard body(.integer(integers[index])) else { return } }
        case .listpack(let pack):
            var offset = pack.first
            while let here = offset {
                guard body(pack[here]) else { return }
                offset = pack.next(after: here)
            }
        case .table(let table): table.forEach { body(.bytes($0.field)) }
        }
    }

    /// Visits the next members after `cursor`, 0 being the start and, when returned, the end: of a small set all, of
    /// another those of some buckets. A member that is there from the start of a scan to its end is visited.
    ///
    /// - Parameter count: about how many members to visit; ten times as many buckets are passed at most.
    public func scan(from cursor: UInt64, count: Int, _ body: (StringValue) -> Void) -> UInt64 {
        guard case .table(let table) = form else {
            forEach { member in
                body(member)
                return true
            }
            return 0
        }
        return table.scan(from: cursor, count: count) { body(.bytes($0.field)) }
    }

    // MARK: By chance

    /// Lends any member of a set that has some, each as likely as any other.
    public func randomMember() -> StringValue {
        switch form {
        case .integers(let integers): return .integer(integers[keyspace.randomIndex(below: integers.count)])
        case .listpack(let pack):
            guard let offset = pack.offset(ofIndex: keyspace.randomIndex(below: pack.count)) else {
                preconditionFailure("a listpack with fewer elements than counted")
            }
            return pack[offset]
        case .table(let table): return .bytes(table[table.randomPlace(using: &keyspace.random)].field)
        }
    }

    /// Visits `count` different members, fewer where there are no more; each is as likely as any other.
    public func forEachOfSample(_ count: Int, _ body: (StringValue) -> Void) {
        let total = self.count
        if case .table(let table) = form, count < total / 3 {
            return keyspace.forEachOfSample(of: table, count: count) { body(.bytes($0.field)) }
        }
        var (left, wanted) = (total, min(count, total))
        forEach { member in
            // Of those that are left, as many are wanted: each with the same chance.
            if keyspace.randomIndex(below: left) < wanted {
                body(member)
                wanted -= 1
            }
            left -= 1
            return wanted > 0
        }
    }

    /// Takes any member out of a set that has some, and lends it to `body` before.
    public func removeRandomMember(_ body: (StringValue) -> Void) {
        switch form {
        case .integers(var integers):
            let number = integers[keyspace.randomIndex(below: integers.count)]
            body(.integer(number))
            _ = integers.remove(number, memory: keyspace.memory)
            store(.integers(integers))
        case .listpack(var pack):
            guard let offset = pack.offset(ofIndex: keyspace.randomIndex(below: pack.count)) else {
                preconditionFailure("a listpack with fewer elements than counted")
            }
            body(pack[offset])
            pack.remove(at: offset, memory: keyspace.memory)
            store(.listpack(pack))
        case .table(let table):
            let place = table.randomPlace(using: &keyspace.random)
            body(.bytes(table[place].field))
            table.remove(at: place, in: keyspace.environment)
        }
    }

    /// Stops the process when the set contradicts itself.
    public func checkInvariants() {
        switch form {
        case .integers(let integers):
            let indices = 0..<max(0, integers.count - 1)
            precondition(indices.allSatisfy { integers[$0] < integers[$0 + 1] }, "integers out of order")
        case .listpack(let pack): precondition(pack.isIntact && pack.form == .bare, "a listpack is broken")
        case .table(let table): table.checkInvariants(in: keyspace.environment)
        }
    }

    func hash(_ member: Bytes) -> UInt64 { keyspace.environment.hasher.hash(of: member) }
}

// MARK: - Encodings

extension SetValue {
    /// More integers than this are no longer kept sorted, whatever the limits say: a member in the middle moves half of them.
    private static let mostIntegers = 1 << 29

    /// Chooses the encoding for what is about to come: `count` members, of which `first` is the first. A set that is still
    /// empty becomes what suits them, another one only what it would have to become.
    public func prepare(for count: Int, beginningWith first: Bytes) {
        let limits = keyspace.limits
        switch form {
        case .integers(let integers) where integers.count == 0:
            let isInteger = parseInteger(first) != nil
            if isInteger, count <= limits.setIntegerCount { return }
            if count <= limits.setListpackCount { makeListpack(of: integers) } else { makeTable() }
        case .integers: if count > limits.setIntegerCount { makeTable() }
        case .listpack: if count > limits.setListpackCount { makeTable() }
        case .table: break
        }
    }

    /// Makes a set whose members are all integers one of integers, if there are not too many.
    public func makeIntegersIfPossible() {
        guard entry.encoding != .integerSet, count <= min(keyspace.limits.setIntegerCount, Self.mostIntegers) else {
            return
        }
        var isOfIntegers = true
        forEach { member in
            isOfIntegers = member.withBytes { parseInteger($0) } != nil
            return isOfIntegers
        }
        guard isOfIntegers else { return }
        var integers = IntegerSet(memory: keyspace.memory)
        forEach { member in
            if let number = member.withBytes({ parseInteger($0) }) {
                _ = integers.insert(number, memory: keyspace.memory)
            }
            return true
        }
        exchange(for: .integers(integers))
    }

    /// Takes over what RDB has of a set of integers; the set is empty.
    ///
    /// - Returns: whether `bytes` are in order.
    public func takeIntegers(from bytes: Bytes) -> Bool {
        guard IntegerSet.isValid(serialized: bytes) else { return false }
        let integers = IntegerSet(serialized: bytes, memory: keyspace.memory)
        exchange(for: .integers(integers))
        if integers.count > min(keyspace.limits.setIntegerCount, Self.mostIntegers) { makeTable() }
        return true
    }

    /// Takes over what RDB has of a small set; the set is empty.
    ///
    /// - Parameter bytes: a valid listpack.
    /// - Returns: whether no member comes twice.
    public func takeListpack(from bytes: Bytes) -> Bool {
        let pack = Listpack(reading: bytes).copy(in: .bare, to: keyspace.memory)
        exchange(for: .listpack(pack))
        let (table, isSet) = table()
        guard isSet, pack.count > keyspace.limits.setListpackCount else {
            table.free(to: keyspace.memory)
            return isSet
        }
        exchange(for: .table(table))
        return true
    }

    private func insert(_ number: Int64, into integers: IntegerSet) -> Bool {
        var integers = integers
        guard integers.insert(number, memory: keyspace.memory) else { return false }
        store(.integers(integers))
        if integers.count > min(keyspace.limits.setIntegerCount, Self.mostIntegers) { makeTable() }
        return true
    }

    /// A member that is no integer ends a set of integers.
    private func insert(text: Bytes, into integers: IntegerSet) -> Bool {
        let limits = keyspace.limits
        let longest = integers.count == 0 ? 0 : max(digits(integers[0]), digits(integers[integers.count - 1]))
        if integers.count < limits.setListpackCount, max(text.count, longest) <= limits.setListpackByteCount {
            makeListpack(of: integers)
        } else {
            makeTable()
        }
        return insert(text)
    }

    private func digits(_ number: Int64) -> Int { integerTextByteCount(number) }

    private func insert(_ member: Bytes, into pack: Listpack) -> Bool {
        guard pack.find(member, from: pack.first) == nil else { return false }
        let limits = keyspace.limits
        let element = ListpackElement(member)
        guard pack.count < limits.setListpackCount, member.count <= limits.setListpackByteCount,
            pack.hasRoom(for: element.byteCount(in: .full))
        else {
            makeTable()
            return insert(member)
        }
        var pack = pack
        pack.append(element, memory: keyspace.memory)
        store(.listpack(pack))
        return true
    }

    private func makeListpack(of integers: IntegerSet) {
        var pack = Listpack(.bare, memory: keyspace.memory)
        for index in 0..<integers.count { pack.append(ListpackElement(integers[index]), memory: keyspace.memory) }
        exchange(for: .listpack(pack))
    }

    /// Makes the set one for many members.
    public func makeTable() {
        if case .table = form { return }
        exchange(for: .table(table().table))
    }

    /// A table of all members, and whether none came twice.
    private func table() -> (table: ElementTable, isSet: Bool) {
        let table = ElementTable(holdingValues: false, memory: keyspace.memory)
        var isSet = true
        forEach { member in
            member.withBytes { member in
                let hash = hash(member)
                isSet = table.find(member, hash: hash) == nil
                if isSet { table.insert(Element(field: member), hash: hash, in: keyspace.environment) }
            }
            return isSet
        }
        return (table, isSet)
    }

    private func exchange(for form: Form) {
        entry.aggregate.free(to: keyspace.memory)
        store(form)
    }
}

extension Element {
    /// A member of a set.
    init(field: Bytes) { self.init(field: field, value: field[0..<0]) }
}

extension Keyspace {
    /// Visits `count` different elements of a table that has far more, each as likely as any other.
    func forEachOfSample(of table: ElementTable, count: Int, _ body: (Element) -> Void) {
        let drawn = ElementTable(holdingValues: false, memory: memory)
        defer { drawn.free(to: memory) }
        while drawn.count < count {
            let element = table[table.randomPlace(using: &random)]
            let hash = environment.hasher.hash(of: element.field)
            guard drawn.find(element.field, hash: hash) == nil else { continue }
            drawn.insert(Element(field: element.field), hash: hash, in: environment)
            body(element)
        }
    }

    /// Any number from 0 on below `bound`, which is positive.
    func randomIndex(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
}
