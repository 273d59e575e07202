// Streams as files have them: block by block, and read from bytes that nobody vouches for.

public import Protocol

extension StreamValue {
    /// Visits the blocks in order: the id of each, and its listpack, lent until the stream's next change.
    public func forEachBlock(_ body: (StreamID, Listpack) -> Void) {
        log.blocks.forEach(in: 0..<blockCount) { body($0.id, $0.pack) }
    }

    /// Puts a block behind all others.
    ///
    /// - Returns: false where `bytes` are no block, or it does not lie behind the others.
    public func appendBlock(_ id: StreamID, _ bytes: Bytes) -> Bool {
        guard Listpack.isValid(bytes) else { return false }
        let log = log
        let isFirst = log.blocks.isEmpty
        if !isFirst, id <= log.blocks[log.blocks.count - 1].id || id <= lastValidID { return false }
        let pack = Listpack(reading: bytes).copy(to: memory)
        guard StreamBlock.isValid(pack, id: id) else {
            pack.free(to: memory)
            return false
        }
        let block = StreamBlock(id: id, pack: pack)
        let count = StreamBlockReader(block).count
        log.append(block, memory: memory)
        log.state.count += count
        return count > 0 || isFirst
    }
}
