// Hashes: fields with values, each field once; a field may die before its hash does.
//
// A small hash is a bare listpack: field, value, field, value, …. A large one is a table of elements, and so is every hash
// that ever had a field with an expiry.

public import Protocol

/// A hash, seen through the entry that holds it.
///
/// A field whose time has come is not there for anybody who asks for it; it is still counted until somebody removes it.
@safe
public struct HashValue: AggregateValue {
    public static var type: ValueType { .hash }

    let entry: Entry
    @safe unowned(unsafe) let keyspace: Keyspace

    public init(entry: Entry, keyspace: Keyspace) {
        self.entry = entry
        self.keyspace = keyspace
    }

    public static func makeEmpty(in keyspace: Keyspace) -> Aggregate {
        unsafe Aggregate(.hash, .listpack, base: Listpack(.bare, memory: keyspace.memory).base)
    }

    /// Whether it is a listpack.
    var isSmall: Bool { @inline(__always) get { entry.isListpack } }

    var pack: Listpack {
        @inline(__always) get { unsafe Listpack(base: entry.structure) }
        nonmutating set { entry.aggregate = unsafe Aggregate(.hash, .listpack, base: newValue.base) }
    }

    var table: ElementTable { @inline(__always) get { unsafe ElementTable(base: entry.structure) } }

    /// How many fields it has, also those whose time has come and that nobody has removed yet.
    public var count: Int { isSmall ? pack.count / 2 : table.count }

    // MARK: Fields

    /// A field that is there; good until the next change of the hash.
    public struct Found {
        public let value: StringValue
        /// When the field dies, in Unix milliseconds.
        public let expiry: Int64?
        fileprivate let place: Place
    }

    fileprivate enum Place {
        /// Of the field, in the listpack.
        case offset(Int)
        case element(ElementTable.Place)
    }

    @inline(__always)
    public func find(_ field: Bytes) -> Found? {
        guard let found = findCounted(field) else { return nil }
        guard let expiry = found.expiry else { return found }
        return keyspace.isStale(expiry) ? nil : found
    }

    /// The same, also where the field's time has come but nobody has removed it yet.
    @inline(__always)
    public func findCounted(_ field: Bytes) -> Found? {
        guard isSmall else {
            let table = table
            guard let place = table.find(field, hash: hash(field)) else { return nil }
            let element = table[place]
            return Found(value: .bytes(element.value), expiry: element.expiry, place: .element(place))
        }
        let pack = pack
        guard let offset = pack.find(field, from: pack.first, stride: 2) else { return nil }
        return Found(value: pack[pack.end(of: offset)], expiry: nil, place: .offset(offset))
    }

    /// Gives `field` a value, and an expiry by `rule`; the bytes do not lie in this very hash.
    ///
    /// - Returns: whether the field was not there.
    @discardableResult
    public func set(_ field: Bytes, to value: Bytes, expiry rule: ExpiryRule = .discard) -> Bool {
        if isSmall, !rule.isTime, let isNew = setSmall(field, value) { return isNew }
        convert()
        return setLarge(field, value, rule)
    }

    private func setLarge(_ field: Bytes, _ value: Bytes, _ rule: ExpiryRule) -> Bool {
        let (table, hash) = (table, hash(field))
        let place = table.find(field, hash: hash)
        let previous = place.map { table[$0].expiry } ?? nil
        let isStale = previous != nil && keyspace.isStale(previous)  // in this order: most have none
        let expiry: Int64? =
            switch rule {
            case .discard: nil
            case .keep: isStale ? nil : previous
            case .at(let time): time
            }
        let element = Element(field: field, value: value, expiry: expiry)
        if let place {
            table.replace(at: place, with: element, in: keyspace.environment)
        } else {
            table.insert(element, hash: hash, in: keyspace.environment)
        }
        return place == nil || isStale
    }

    /// Returns whether the field was not there; nil where the listpack has no room for this.
    private func setSmall(_ field: Bytes, _ value: Bytes) -> Bool? {
        let limits = keyspace.limits
        guard max(field.count, value.count) <= limits.hashListpackByteCount else { return nil }
        var changed = pack
        let element = ListpackElement(value)
        guard changed.hasRoom(for: field.count + value.count + 64) else { return nil }
        if let offset = changed.find(field, from: changed.first, stride: 2) {
            changed.replace(at: changed.end(of: offset), with: element, memory: keyspace.memory)
            pack = changed
            return false
        }
        guard changed.count / 2 < limits.hashListpackCount else { return nil }
        changed.insert(ListpackElement(field), element, at: changed.endOffset, memory: keyspace.memory)
        pack = changed
        return true
    }

    public func remove(_ found: Found) {
        switch found.place {
        case .element(let place): table.remove(at: place, in: keyspace.environment)
        case .offset(let offset):
            var changed = pack
            changed.remove(at: offset, count: 2, memory: keyspace.memory)
            pack = changed
        }
    }

    // MARK: Expiry of fields

    /// Lets `field`, which was just `found`, die when the time is past `expiry`, in Unix milliseconds; nil: never.
    public func setExpiry(_ expiry: Int64?, of field: Bytes, _ found: Found) {
        switch found.place {
        case .element(let place): table.setExpiry(expiry, at: place, memory: keyspace.memory)
        case .offset:
            guard let expiry else { return }
            convert()
            guard let place = table.find(field, hash: hash(field)) else {
                preconditionFailure("a field got lost on its way into a table")
            }
            table.setExpiry(expiry, at: place, memory: keyspace.memory)
        }
    }

    /// Whether any field has an expiry.
    public var isVolatile: Bool { !isSmall && table.volatileCount > 0 }

    /// Whether there may be fields whose time has come; no means no.
    var mayHoldStale: Bool { isVolatile && keyspace.isStale(table.earliestExpiry) }

    // MARK: Small and large

    /// Makes a hash that is to get `count` fields, the longest field or value of which has `byteCount` bytes, a large one
    /// at once if it would become one anyway, unless some of the fields should prove to be the same.
    public func prepare(for count: Int, ofBytes byteCount: Int = 0) {
        let limits = keyspace.limits
        guard isSmall, count > limits.hashListpackCount || byteCount > limits.hashListpackByteCount else { return }
        convert()
    }

    /// Makes the hash one for many fields.
    public func convert() {
        guard isSmall else { return }
        let (small, large) = (pack, ElementTable(holdingValues: true, memory: keyspace.memory))
        forEach { field, value in
            field.withBytes { field in
                value.withBytes { value in
                    let element = Element(field: field, value: value)
                    large.insert(element, hash: hash(field), in: keyspace.environment)
                }
            }
            return true
        }
        entry.aggregate = unsafe Aggregate(.hash, .hashTable, base: large.base)
        small.free(to: keyspace.memory)
    }

    @inline(__always)
    private func hash(_ field: Bytes) -> UInt64 { keyspace.environment.hasher.hash(of: field) }

    /// Stops the process when the hash contradicts itself.
    public func checkInvariants() {
        guard isSmall else { return table.checkInvariants(in: keyspace.environment) }
        precondition(pack.isIntact && pack.form == .bare, "a listpack is broken")
        precondition(pack.fieldShape(hasher: keyspace.environment.hasher) != nil, "a listpack has a field twice")
    }
}

extension ExpiryRule {
    /// Whether it is a time.
    fileprivate var isTime: Bool {
        guard case .at = self else { return false }
        return true
    }
}
