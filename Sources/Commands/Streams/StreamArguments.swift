// How stream commands name entries and ranges of them, and how entries are replied.

internal import Keyspace
internal import Protocol

extension Call {
    /// The argument at `index` as the id of one entry.
    func streamID(_ index: Int, missingSequence: UInt64 = 0) throws(CommandError) -> StreamID {
        guard let id = StreamID(arguments[index], missingSequence: missingSequence) else { throw .invalidStreamID }
        return id
    }

    /// Makes sure that the arguments in `range` are ids: nothing is done when the last of them is none.
    func checkStreamIDs(_ range: Range<Int>) throws(CommandError) {
        for index in range { _ = try streamID(index) }
    }

    /// The positions of the ids of `IDS count id ...`, which stand once among the words from `start` on.
    ///
    /// - Parameter option: takes in another word, at an index, and tells where the next one stands; nil: there is no such word.
    func streamIDs(
        amongWordsFrom start: Int,
        _ option: (Int) throws(CommandError) -> Int?
    ) throws(CommandError) -> Range<Int> {
        var (index, ids) = (start, 0..<0)
        while index < arguments.count {
            if let next = try option(index) {
                index = next
            } else if arguments[index].isWord("IDS"), ids.isEmpty, index + 1 < arguments.count {
                ids = try countedStreamIDs(at: index + 1)
                index = ids.upperBound
            } else {
                throw .syntax
            }
        }
        guard !ids.isEmpty else { throw .syntax }
        try checkStreamIDs(ids)
        return ids
    }

    /// The positions of the ids whose number is at `index`, right before them.
    private func countedStreamIDs(at index: Int) throws(CommandError) -> Range<Int> {
        guard let count = parseInteger(arguments[index]), count > 0 else {
            throw .text("ERR Number of IDs must be a positive integer")
        }
        guard count < Int64(arguments.count - index) else {
            throw .text("ERR The `numids` parameter must match the number of arguments")
        }
        return index + 1..<index + 1 + Int(count)
    }

    /// The argument at `index` as the first id of a range: `-`, an id, or one behind a parenthesis, which is left out.
    func rangeStart(_ index: Int) throws(CommandError) -> StreamID {
        let (id, isExcluded) = try rangeLimit(index, missingSequence: 0)
        guard isExcluded else { return id }
        guard let next = id.next else { throw .text("ERR invalid start ID for the interval") }
        return next
    }

    /// The same for the last id.
    func rangeEnd(_ index: Int) throws(CommandError) -> StreamID {
        let (id, isExcluded) = try rangeLimit(index, missingSequence: .max)
        guard isExcluded else { return id }
        guard let previous = id.previous else { throw .text("ERR invalid end ID for the interval") }
        return previous
    }

    private func rangeLimit(
        _ index: Int,
        missingSequence: UInt64
    ) throws(CommandError) -> (StreamID, isExcluded: Bool) {
        let text = arguments[index]
        guard text.count > 1, text[0] == UInt8(ascii: "(") else {
            return (try streamIDOrEnd(index, missingSequence: missingSequence), false)
        }
        guard let id = StreamID(text[1..<text.count], missingSequence: missingSequence) else {
            throw .invalidStreamID
        }
        return (id, true)
    }

    /// The argument at `index` as an id, or as one of the two ends of all ids: `-` and `+`.
    func streamIDOrEnd(_ index: Int, missingSequence: UInt64 = 0) throws(CommandError) -> StreamID {
        if arguments[index].isOnly("-") { return .zero }
        if arguments[index].isOnly("+") { return .greatest }
        return try streamID(index, missingSequence: missingSequence)
    }

    /// The stream under the key at `keyIndex`, and its group named at `groupIndex`.
    func findGroup(_ keyIndex: Int, _ groupIndex: Int) throws(CommandError) -> (StreamValue, StreamGroup) {
        guard let value = try find(key(keyIndex), as: StreamValue.self),
            let group = value.group(named: arguments[groupIndex])
        else { throw .noSuchKeyOrGroup(keyAt: keyIndex, groupAt: groupIndex) }
        return (value, group)
    }

    /// The consumer named at `index`, made where the group has none of the name; it has been seen now.
    ///
    /// - Parameter keyIndex: where the key of the stream stands.
    func consumer(
        _ index: Int,
        of group: StreamGroup,
        in value: StreamValue,
        under keyIndex: Int
    ) -> StreamConsumer {
        let now = keyspace.now
        if let consumer = group.consumer(named: arguments[index]) {
            consumer.seenTime = now
            return consumer
        }
        noteChange(ofKeyAt: keyIndex)
        return value.addConsumer(arguments[index], to: group, seen: now, active: -1)
    }
}

extension Bytes {
    /// Whether this is one character.
    @inline(__always)
    func isOnly(_ character: Unicode.Scalar) -> Bool { count == 1 && self[0] == UInt8(ascii: character) }
}

extension ReplyBuffer {
    func bulk(_ id: StreamID) { id.withText { bulk($0) } }

    /// The name of who has it; none where it was given back.
    func owner(of pending: PendingEntry) { if let owner = pending.consumer { bulk(owner.name) } else { bulk("") } }

    /// The id, and fields and values in turn; `more` elements of the same array are to follow.
    func entry(_ entry: StreamEntry, more: Int = 0) {
        array(2 + more)
        bulk(entry.id)
        array(entry.fieldCount * 2)
        entry.forEachField { field, value in
            bulk(field)
            bulk(value)
        }
    }

    /// Replies the entry with `id`; says whether there is one.
    @discardableResult
    func entry(_ id: StreamID, of value: StreamValue, more: Int = 0) -> Bool {
        var isThere = false
        value.forEach(from: id, through: id) {
            isThere = true
            entry($0, more: more)
            return false
        }
        return isThere
    }

    /// Replies entries of a range as an array: `most` at the most, or all where that is 0.
    func entries(
        of value: StreamValue,
        from first: StreamID = .zero,
        through last: StreamID = .greatest,
        backwards: Bool = false,
        atMost most: Int = 0,
        _ note: (StreamEntry) -> Void = { _ in }
    ) {
        let opening = openArray()
        var count = 0
        value.forEach(from: first, through: last, backwards: backwards) {
            entry($0)
            note($0)
            count += 1
            return count != most
        }
        closeArray(opening, count: count)
    }
}
