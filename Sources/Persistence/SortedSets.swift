// Sorted sets as RDB has them: a listpack, or members with binary scores; older forms are read.

internal import Keyspace
internal import Protocol

extension RDBEncoder {
    /// The type of `set`, and its members.
    mutating func write(sortedSet set: SortedSetValue) {
        if let listpack = set.listpack {
            write(type: .sortedSetAsListpack)
            return listpack.withFullBytes { write(string: $0) }
        }
        write(type: .sortedSet)
        write(length: UInt64(set.count))
        // From the highest score to the lowest: so a reader that sorts as it reads always finds the place at the front.
        set.forEach(in: 0..<set.count, reversed: true) { member, score in
            write(string: member)
            write(fixed: score.bitPattern)
        }
    }
}

extension RDBDecoder {
    /// Fills `set` with the members of a value of `type`.
    mutating func readSortedSet(of type: RDBType, into set: SortedSetValue) throws(RDBError) {
        let start = offset
        switch type {
        case .sortedSetAsListpack:
            guard try readString().withBytes({ set.load(listpack: $0) }) else { throw .brokenCollection(offset: start) }
        case .sortedSetAsZiplist:
            try readString().withBytes { (bytes) throws(RDBError) in try load(ziplist: bytes, at: start, into: set) }
        default:
            let count = try readLength()
            for index in 0..<count {
                let member = try readString()
                let score = type == .sortedSet ? Double(bitPattern: try readFixed(UInt64.self)) : try readScoreText()
                if index == 0 { set.prepare(for: Int(clamping: count), ofBytes: member.count) }
                guard member.withBytes({ set.load($0, score: score) }) else { throw .brokenCollection(offset: start) }
            }
        }
        guard set.count > 0 else { throw .brokenCollection(offset: start) }
    }

    /// A score of the oldest form: its text behind its length, or one of three lengths that stand for what has no text.
    private mutating func readScoreText() throws(RDBError) -> Double {
        let start = offset
        switch try readByte() {
        case 253: return .nan
        case 254: return .infinity
        case 255: return -.infinity
        case let count:
            guard let score = parseDouble(try read(byteCount: Int(count))) else {
                throw .brokenCollection(offset: start)
            }
            return score
        }
    }

    private func load(ziplist bytes: Bytes, at start: Int, into set: SortedSetValue) throws(RDBError) {
        var reader = try ZiplistReader(bytes, at: start)
        while let member = try reader.next() {
            guard let score = try reader.next()?.withBytes({ parseDouble($0) }),
                member.withBytes({ set.load($0, score: score) })
            else { throw .brokenCollection(offset: start) }
        }
    }
}
