// Hashes to files, and from bytes that nobody vouches for: no field twice.

public import Protocol

extension HashValue {
    /// The fields and values of a hash that is a listpack, lent until its next change.
    public var listpack: Listpack? { isSmall ? pack : nil }

    /// Takes in a field from outside; false where it is there already.
    public func load(_ field: Bytes, _ value: Bytes, expiry: Int64? = nil) -> Bool {
        guard findCounted(field) == nil else { return false }
        return set(field, to: value, expiry: expiry.map(ExpiryRule.at) ?? .discard)
    }

    /// Makes the bytes of a listpack from outside the value of this empty hash; false where they are not those of a hash.
    public func load(listpack bytes: Bytes) -> Bool {
        guard Listpack.isValid(bytes), count == 0 else { return false }
        let loaded = Listpack(reading: bytes).copy(in: .bare, to: keyspace.memory)
        guard let shape = loaded.fieldShape(hasher: keyspace.environment.hasher) else {
            loaded.free(to: keyspace.memory)
            return false
        }
        pack.free(to: keyspace.memory)
        pack = loaded
        prepare(for: shape.isCanonical ? shape.count : .max, ofBytes: shape.longest)
        return true
    }
}

/// What a listpack of fields and values is like.
struct FieldShape {
    fileprivate(set) var count = 0
    /// Bytes of the longest field or value.
    fileprivate(set) var longest = 0
    /// Whether all integers are kept as such: else a field would not be found among them by its text.
    fileprivate(set) var isCanonical = true
}

extension Listpack {
    /// Nil where a value is missing, or a field is there twice.
    ///
    /// - Complexity: O(*n* log *n*): where fields could be looked up, they are not yet.
    func fieldShape(hasher: KeyHasher) -> FieldShape? {
        var (shape, fields): (FieldShape, [(hash: UInt64, offset: Int)]) = (FieldShape(), [])
        var offset = first
        while let here = offset {
            let valueOffset = end(of: here)
            guard valueOffset < endOffset else { return nil }
            fields.append((self[here].withBytes { hasher.hash(of: $0) }, here))
            shape.longest = max(shape.longest, self[here].byteCount, self[valueOffset].byteCount)
            if case .bytes(let text) = self[here], parseInteger(text) != nil { shape.isCanonical = false }
            shape.count += 1
            offset = next(after: valueOffset)
        }
        fields.sort { $0.hash < $1.hash }
        return hasTwins(fields) ? nil : shape
    }

    /// Whether two of the elements are the same; they come sorted by their hashes.
    private func hasTwins(_ elements: [(hash: UInt64, offset: Int)]) -> Bool {
        for (index, element) in elements.enumerated() {
            for other in elements[(index + 1)...].prefix(while: { $0.hash == element.hash }) {
                let isTwin = self[element.offset].withBytes { one in
                    self[other.offset].withBytes { one.isEqual(to: $0) }
                }
                if isTwin { return true }
            }
        }
        return false
    }
}
