// Going through the fields of a hash: all at once, by a cursor while it changes, and by chance.

internal import Protocol

extension HashValue {
    /// How many fields are there for somebody who asks: all but those whose time has come.
    ///
    /// - Complexity: O(1), or O(*n*) while there may be such fields.
    public var livingCount: Int {
        guard mayHoldStale else { return count }
        var living = 0
        forEach { _, _ in
            living += 1
            return true
        }
        return living
    }

    /// Visits the fields that are there, while `body` answers true; it does not change this hash.
    @inline(__always)
    public func forEach(while body: (_ field: StringValue, _ value: StringValue) -> Bool) {
        guard isSmall else {
            let mayBeStale = mayHoldStale
            return table.forEach { element in
                if mayBeStale, keyspace.isStale(element.expiry) { return true }
                return body(.bytes(element.field), .bytes(element.value))
            }
        }
        let pack = pack
        var offset = pack.first
        while let here = offset {
            let valueOffset = pack.end(of: here)
            guard body(pack[here], pack[valueOffset]) else { return }
            offset = pack.next(after: valueOffset)
        }
    }

    /// Visits all fields that are counted, each with its expiry.
    public func forEachWithExpiry(_ body: (_ field: StringValue, _ value: StringValue, _ expiry: Int64?) -> Void) {
        guard isSmall else {
            return table.forEach { element in
                body(.bytes(element.field), .bytes(element.value), element.expiry)
                return true
            }
        }
        forEach { field, value in
            body(field, value, nil)
            return true
        }
    }

    /// Visits the next fields after `cursor`, 0 being the start and, when returned, the end: of a small hash all, of
    /// another those of some buckets. A field that is there from the start of a scan to its end is visited.
    ///
    /// - Parameter count: about how many fields to visit; ten times as many buckets are passed at most.
    public func scan(
        from cursor: UInt64,
        count: Int,
        _ body: (_ field: StringValue, _ value: StringValue) -> Void
    ) -> UInt64 {
        guard !isSmall else {
            forEach { field, value in
                body(field, value)
                return true
            }
            return 0
        }
        return table.scan(from: cursor, count: count) { element in
            if !keyspace.isStale(element.expiry) { body(.bytes(element.field), .bytes(element.value)) }
        }
    }

    // MARK: By chance

    /// Draws `count` times from the living fields of a hash that has some, each time any of them, and visits what was drawn.
    public func draw(_ count: Int, _ body: (_ field: StringValue, _ value: StringValue) -> Void) {
        guard mayHoldStale else {
            for _ in 0..<count { drawCounted(body) }
            return
        }
        // To draw until one is alive could take for ever where hardly any is.
        var living: [(field: StringValue, value: StringValue)] = []
        forEach { field, value in
            living.append((field, value))
            return true
        }
        for _ in 0..<count {
            let drawn = living[keyspace.randomIndex(below: living.count)]
            body(drawn.field, drawn.value)
        }
    }

    /// Draws from all fields that are counted.
    private func drawCounted(_ body: (_ field: StringValue, _ value: StringValue) -> Void) {
        guard isSmall else {
            let element = table[table.randomPlace(using: &keyspace.random)]
            return body(.bytes(element.field), .bytes(element.value))
        }
        let pack = pack
        guard let offset = pack.offset(ofIndex: 2 * keyspace.randomIndex(below: count)) else {
            preconditionFailure("a listpack with fewer elements than counted")
        }
        body(pack[offset], pack[pack.end(of: offset)])
    }

    /// Visits `count` different living fields, fewer where there are no more; each is as likely as any other.
    public func forEachOfSample(_ count: Int, _ body: (_ field: StringValue, _ value: StringValue) -> Void) {
        let total = livingCount
        if !isSmall, !mayHoldStale, count < total / 3 {
            return keyspace.forEachOfSample(of: table, count: count) { body(.bytes($0.field), .bytes($0.value)) }
        }
        var (left, wanted) = (total, min(count, total))
        forEach { field, value in
            // Of those that are left, as many are wanted: each with the same chance.
            if keyspace.randomIndex(below: left) < wanted {
                body(field, value)
                wanted -= 1
            }
            left -= 1
            return wanted > 0
        }
    }
}

extension Keyspace {
    /// Whether the time of a field with this expiry has come, and somebody cares.
    @inline(__always)
    func isStale(_ expiry: Int64?) -> Bool {
        guard let expiry else { return false }
        return expiry < now && lazyExpiry != .ignore
    }
}
