// Sets as RDB has them: integers in one block, or member after member; Valkey's listpack is read, but not written.

internal import Keyspace
internal import Protocol

extension RDBEncoder {
    /// The type of `set`, and its members. A small set of other members than integers is written as a large one: the version
    /// that is written knows no listpack for it.
    mutating func write(set: SetValue) {
        if let integers = set.integers {
            write(type: .setOfIntegers)
            return integers.serialized.withBytes { write(string: $0) }
        }
        write(type: .set)
        write(length: UInt64(set.count))
        set.forEach { member in
            write(string: member)
            return true
        }
    }
}

extension RDBDecoder {
    /// Fills `set` with the members of a value of `type`.
    mutating func readSet(of type: RDBType, into set: SetValue) throws(RDBError) {
        let start = offset
        switch type {
        case .setOfIntegers:
            let isValid = try readString().withBytes { set.takeIntegers(from: $0) }
            guard isValid else { throw .brokenCollection(offset: start) }
        case .setAsListpack:
            let isValid = try readString().withBytes { Listpack.isValid($0) && set.takeListpack(from: $0) }
            guard isValid else { throw .brokenCollection(offset: start) }
        default:
            let count = try readLength()
            for index in 0..<count {
                let member = try readString()
                if index == 0 { member.withBytes { set.prepare(for: Int(clamping: count), beginningWith: $0) } }
                guard member.withBytes({ set.insert($0) }) else { throw .brokenCollection(offset: start) }
            }
        }
        guard set.count > 0 else { throw .brokenCollection(offset: start) }
    }
}
