// Lists in RDB: written as nodes, as Redis 7 does; read in all forms that ever were.

internal import Keyspace
internal import Protocol

/// What a node of a list holds, in RDB's numbers.
private enum NodeContainer {
    static let element: UInt64 = 1
    static let listpack: UInt64 = 2
}

extension RDBEncoder {
    mutating func write(list: ListValue) {
        write(type: .listOfListpacks)
        write(length: UInt64(list.nodeCount))
        list.forEachNode { content in
            switch content {
            case .listpack(let pack):
                write(length: NodeContainer.listpack)
                pack.withFullBytes { write(string: $0) }
            case .element(let bytes):
                write(length: NodeContainer.element)
                write(string: bytes)
            }
        }
    }
}

extension RDBDecoder {
    /// A list of `type`, of those that are lists.
    mutating func readList(of type: RDBType, into list: ListValue) throws(RDBError) {
        let start = offset
        switch type {
        case .list:
            try repeatRead { (decoder) throws(RDBError) in
                try decoder.readString().withBytes { list.push($0, at: .tail) }
            }
        case .listAsZiplist: try readZiplist(into: list)
        case .listOfZiplists: try repeatRead { (decoder) throws(RDBError) in try decoder.readZiplist(into: list) }
        default: try repeatRead { (decoder) throws(RDBError) in try decoder.readNode(into: list) }
        }
        guard list.count > 0 else { throw .brokenCollection(offset: start) }
    }

    /// Reads a count, and then as often what `read` reads.
    private mutating func repeatRead(_ read: (inout RDBDecoder) throws(RDBError) -> Void) throws(RDBError) {
        var left = try readLength()
        while left > 0 {
            try read(&self)
            left -= 1
        }
    }

    private mutating func readZiplist(into list: ListValue) throws(RDBError) {
        let start = offset
        try readString().withBytes { (bytes) throws(RDBError) in
            var reader = try ZiplistReader(bytes, at: start)
            while let element = try reader.next() { element.withBytes { list.push($0, at: .tail) } }
        }
    }

    private mutating func readNode(into list: ListValue) throws(RDBError) {
        let start = offset
        let container = try readLength()
        let content = try readString()
        switch container {
        case NodeContainer.element: content.withBytes { list.push($0, at: .tail) }
        case NodeContainer.listpack:
            try content.withBytes { (bytes) throws(RDBError) in
                guard Listpack.isValid(bytes) else { throw .brokenCollection(offset: start) }
                list.append(listpack: bytes)
            }
        default: throw .brokenCollection(offset: start)
        }
    }
}
