// Streams as files have them: block by block, and read from bytes that nobody vouches for.

public import Protocol

extension StreamValue {
    /// Visits the blocks in order: the id of each, and its listpack.
    public func forEachBlock(_ body: (StreamID, Bytes) -> Void) {
        log.blocks.forEach(in: 0..<blockCount) { body($0.id, $0.pack.bytes) }
    }

    /// Puts a block behind all others.
    ///
    /// - Returns: false where `bytes` are no block, or it does not lie behind the others.
    public func appendBlock(_ id: StreamID, _ bytes: Bytes) -> Bool {
        guard Listpack.isValid(bytes) else { return false }
        let log = log
        if !log.blocks.isEmpty, log.blocks[log.blocks.count - 1].id >= id { return false }
        let pack = Listpack(copying: bytes, memory: memory)
        guard StreamBlock.isValid(pack) else {
            pack.free(to: memory)
            return false
        }
        let block = StreamBlock(id: id, pack: pack)
        let reader = StreamBlockReader(block)
        guard reader.count > 0 else {
            pack.free(to: memory)
            return false
        }
        log.append(block, memory: memory)
        log.state.count += reader.count
        return true
    }

    /// Of the first entry that is there; 0-0 where there is none.
    public var firstValidID: StreamID {
        var found = StreamID.zero
        forEach { entry in
            found = entry.id
            return false
        }
        return found
    }
}
