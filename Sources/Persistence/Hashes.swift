// Hashes as RDB has them: a listpack, or field after field; with an expiry behind each where any has one, which only Valkey's
// version of the format knows. Older forms are read.

internal import Keyspace
internal import Protocol

extension RDBEncoder {
    /// The type of `hash`, and its fields.
    mutating func write(hash: HashValue) {
        if let listpack = hash.listpack {
            write(type: .hashAsListpack)
            return listpack.withFullBytes { write(string: $0) }
        }
        let isVolatile = hash.isVolatile
        write(type: isVolatile ? .volatileHash : .hash)
        write(length: UInt64(hash.count))
        hash.forEachWithExpiry { field, value, expiry in
            write(string: field)
            write(string: value)
            if isVolatile { write(fixed: expiry ?? FieldExpiry.none) }
        }
    }
}

/// What stands behind a field of a volatile hash: Unix milliseconds, or what stands for their absence.
private enum FieldExpiry {
    static let none: Int64 = -1
}

extension RDBDecoder {
    /// Fills `hash` with the fields of a value of `type`.
    mutating func readHash(of type: RDBType, into hash: HashValue) throws(RDBError) {
        let start = offset
        switch type {
        case .hashAsListpack:
            let isValid = try readString().withBytes { hash.load(listpack: $0) }
            guard isValid else { throw .brokenCollection(offset: start) }
        case .hashAsZiplist:
            try readString().withBytes { (bytes) throws(RDBError) in
                var reader = try ZiplistReader(bytes, at: start)
                try load(from: &reader, at: start, into: hash)
            }
        case .hashAsZipmap:
            try readString().withBytes { (bytes) throws(RDBError) in
                var reader = try ZipmapReader(bytes, at: start)
                try load(from: &reader, at: start, into: hash)
            }
        default: try readFields(isVolatile: type == .volatileHash, at: start, into: hash)
        }
        guard hash.count > 0 else { throw .brokenCollection(offset: start) }
    }

    private mutating func readFields(isVolatile: Bool, at start: Int, into hash: HashValue) throws(RDBError) {
        let count = try readLength()
        if isVolatile { hash.convert() } else { hash.prepare(for: Int(clamping: count)) }
        for _ in 0..<count {
            let (field, value) = (try readString(), try readString())
            let time = isVolatile ? try readFixed(Int64.self) : FieldExpiry.none
            guard time >= FieldExpiry.none else { throw .brokenCollection(offset: start) }
            let expiry = time == FieldExpiry.none ? nil : time
            let isNew = field.withBytes { field in value.withBytes { hash.load(field, $0, expiry: expiry) } }
            guard isNew else { throw .brokenCollection(offset: start) }
        }
    }

    private func load(from reader: inout some PairReader, at start: Int, into hash: HashValue) throws(RDBError) {
        while let field = try reader.next() {
            guard let value = try reader.next(),
                field.withBytes({ field in value.withBytes { hash.load(field, $0) } })
            else { throw .brokenCollection(offset: start) }
        }
    }
}

/// What hands out fields and values in turn, from an old form that nobody vouches for.
private protocol PairReader {
    mutating func next() throws(RDBError) -> StringValue?
}

extension ZiplistReader: PairReader {}
extension ZipmapReader: PairReader {}
