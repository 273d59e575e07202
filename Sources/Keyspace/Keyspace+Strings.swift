// Strings: writing them whole, and changing them in place.

public import Protocol

/// Bytes of a string, lent to be changed, until the next change of the keyspace.
@safe
public struct MutableBytes {
    private let base: UnsafeMutableRawPointer
    public let count: Int

    init(base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    public subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < count, "a string is read beyond its end")
            return unsafe base.load(fromByteOffset: index, as: UInt8.self)
        }
        nonmutating set {
            precondition(index >= 0 && index < count, "a string is written beyond its end")
            unsafe base.storeBytes(of: newValue, toByteOffset: index, as: UInt8.self)
        }
    }

    /// Copies `bytes` to `offset`; they must end within.
    public func write(_ bytes: Bytes, at offset: Int) {
        precondition(offset >= 0 && bytes.count <= count - offset, "a string is written beyond its end")
        unsafe (base + offset).copyMemory(from: bytes.base, byteCount: bytes.count)
    }

    public var bytes: Bytes { unsafe Bytes(base: base, count: count) }

    func clear(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a string is written beyond its end")
        unsafe (base + range.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: range.count)
    }
}

extension Keyspace {
    /// Makes `value` the string under `key`, whatever was there. What is the text of an integer is kept as one.
    ///
    /// - Parameter value: must not lie in this very key's entry.
    /// - Returns: whether the key is new.
    @discardableResult @inlinable @inline(__always)
    public func set(_ key: Key, in database: Int, to value: Bytes, expiry: ExpiryRule = .discard) -> Bool {
        if let number = parseInteger(value) { return set(key, in: database, to: number, expiry: expiry) }
        if case .discard = expiry, overwrite(key, in: database, with: value) { return false }
        return setText(key, in: database, to: value, expiry: expiry)
    }

    /// Puts text over text of the same length, as most writes do, where it is seen at first sight; returns whether it was.
    ///
    /// It calls nothing, and hands nothing on: so it saves few registers, as `glimpse` does.
    @usableFromInline @inline(never)
    func overwrite(_ key: Key, in database: Int, with text: Bytes) -> Bool {
        guard recordsClock, let entry = glimpse(key, in: database), entry.overwrite(text) else { return false }
        noteClock(in: entry)
        return true
    }

    /// Makes `number` the string under `key`, whatever was there; returns whether the key is new.
    @discardableResult
    public func set(_ key: Key, in database: Int, to number: Int64, expiry: ExpiryRule = .discard) -> Bool {
        put(.integer(number), rule: expiry, under: key, at: find(key, in: database, writing: true), in: database)
    }

    /// Makes `text` the string under `key`, whatever was there, as bytes even where it spells an integer; returns whether
    /// the key is new.
    @discardableResult
    public func setText(_ key: Key, in database: Int, to text: Bytes, expiry: ExpiryRule = .discard) -> Bool {
        let place = find(key, in: database, writing: true)
        guard Keyspace.fits(text.count, keyCount: key.bytes.count) else {
            return putLarge(text, rule: expiry, under: key, at: place, in: database)
        }
        let encoding = text.count <= Encoding.longestEmbedded ? Encoding.embedded : .raw
        return put(.short(text, encoding), rule: expiry, under: key, at: place, in: database)
    }

    /// Changes the number of a string that is encoded as an integer, without another look-up.
    public func store(_ number: Int64, in entry: Entry) {
        precondition(entry.isInteger, "a number is stored where none was")
        entry.integer = number
    }

    /// Makes the string under `key` at least `byteCount` bytes long, with zero bytes at its end, and lends it to be
    /// changed. A key that is not there becomes an empty string first; one that is there holds a string.
    public func edit(_ key: Key, in database: Int, growingTo byteCount: Int) -> MutableBytes {
        let (string, previousCount) = makeRaw(key, in: database, byteCount: byteCount)
        if previousCount < string.count { string.clear(previousCount..<string.count) }
        return string
    }

    /// A string that no key has yet.
    public func makeDetached(_ string: Bytes, key: Bytes, expiry: Int64? = nil) -> DetachedEntry {
        let payload: Payload
        if let number = parseInteger(string) {
            payload = .integer(number)
        } else if Keyspace.fits(string.count, keyCount: key.count) {
            payload = .short(string, string.count <= Encoding.longestEmbedded ? .embedded : .raw)
        } else {
            payload = .outside(StringBlock(copying: string, memory: memory))
        }
        return detached(payload, key: key, expiry: expiry)
    }

    /// Puts `suffix` behind the string under `key`, or makes it the string where there is none.
    ///
    /// - Parameter suffix: must not lie in this very key's entry.
    /// - Returns: the string's new length.
    @discardableResult
    public func append(_ suffix: Bytes, to key: Key, in database: Int) -> Int {
        guard let entry = find(key, in: database, writing: true)?.entry else {
            set(key, in: database, to: suffix)
            return suffix.count
        }
        let previousCount = entry.string.byteCount
        let (string, _) = makeRaw(key, in: database, byteCount: previousCount + suffix.count)
        string.write(suffix, at: previousCount)
        return string.count
    }
}

extension Keyspace {
    /// Whether a string of `byteCount` bytes has a place in the entry. Room for an expiry is left in any case, so that
    /// EXPIRE need not move it out.
    @inline(__always)
    private static func fits(_ byteCount: Int, keyCount: Int) -> Bool {
        Entry.byteCount(keyCount: keyCount, hasExpiry: true, payload: byteCount) <= Entry.largest
    }

    /// Puts a string that is too long for the entry under `key`, in a block of its own.
    @inline(never)
    private func putLarge(
        _ text: Bytes,
        rule: ExpiryRule,
        under key: Key,
        at place: Table.Place?,
        in database: Int
    ) -> Bool {
        let block = StringBlock(copying: text, memory: memory)
        return put(.outside(block), rule: rule, under: key, at: place, in: database)
    }

    /// Inlined with the kind of payload known, a SET over a value of the same size takes half the instructions.
    @inline(__always)
    private func put(
        _ payload: Payload,
        rule: ExpiryRule,
        under key: Key,
        at place: Table.Place?,
        in database: Int
    ) -> Bool {
        let previous = place?.entry
        let expiry: Int64? =
            switch rule {
            case .discard: nil
            case .keep: previous?.expiry
            case .at(let time): time
            }
        if let previous, previous.isOutside { freeReplaced(previous, in: database) }
        if let previous, (expiry != nil) == previous.hasExpiry, previous.rewrite(payload) {
            if let expiry { previous.expiryTime = expiry }
            touch(previous)
            return false
        }
        let entry = put(payload, expiry: expiry, under: key, at: place, in: database)
        if previous != nil { touch(entry) }
        return previous == nil
    }

    /// Makes the string under `key` raw and at least `byteCount` long; what is new at its end is not yet written.
    ///
    /// - Returns: the string, and how long it was.
    private func makeRaw(_ key: Key, in database: Int, byteCount: Int) -> (MutableBytes, previousCount: Int) {
        guard let place = find(key, in: database, writing: true) else {
            guard Keyspace.fits(byteCount, keyCount: key.bytes.count) else {
                // As long as it is to be, and no longer: most strings that begin so large do not grow.
                let block = StringBlock(count: byteCount, capacity: byteCount, memory: memory)
                return (put(.outside(block), expiry: nil, under: key, at: nil, in: database).mutableBytes, 0)
            }
            let entry = put(.short(key.bytes[0..<0], .raw), expiry: nil, under: key, at: nil, in: database)
            guard byteCount > 0 else { return (entry.mutableBytes, 0) }
            return makeRaw(key, in: database, byteCount: byteCount)
        }
        let entry = place.entry
        touch(entry)
        if entry.isOutside {
            let previousCount = entry.block.count
            grow(entry, to: byteCount)
            return (entry.mutableBytes, previousCount)
        }
        return entry.string.withBytes { string in
            let newCount = max(byteCount, string.count)
            let rewritten = rewriteRaw(string, count: newCount, under: key, at: place, in: database)
            return (rewritten.mutableBytes, string.count)
        }
    }

    /// Gives a string inside its entry `count` bytes: in the entry while it fits there, else in a block.
    private func rewriteRaw(
        _ string: Bytes,
        count: Int,
        under key: Key,
        at place: Table.Place,
        in database: Int
    ) -> Entry {
        let previous = place.entry
        if Keyspace.fits(count, keyCount: key.bytes.count) {
            if previous.encoding == .raw, previous.resizeInline(to: count) { return previous }
            // The entry's own bytes cannot be rewritten into it: they go through a block of their own.
            let copy = StringBlock(count: count, capacity: count, memory: memory)
            defer { copy.free(to: memory) }
            copy.mutableBytes.write(string, at: 0)
            let payload = Payload.short(copy.bytes, .raw)
            return put(payload, expiry: previous.expiry, under: key, at: place, in: database)
        }
        let block = StringBlock(count: count, capacity: Keyspace.capacity(for: count), memory: memory)
        block.mutableBytes.write(string, at: 0)
        return put(.outside(block), expiry: previous.expiry, under: key, at: place, in: database)
    }

    private func grow(_ entry: Entry, to byteCount: Int) {
        let block = entry.block
        guard byteCount > block.count else { return }
        if byteCount <= block.capacity {
            block.count = byteCount
            return
        }
        let larger = StringBlock(count: byteCount, capacity: Keyspace.capacity(for: byteCount), memory: memory)
        larger.mutableBytes.write(block.bytes, at: 0)
        entry.block = larger
        block.free(to: memory)
    }

    /// Room for a string that grows: twice what it needs, from 1 MiB on 1 MiB more; rounded up to what is given anyway.
    private static func capacity(for byteCount: Int) -> Int {
        SizeClass.byteCount(16 + byteCount + min(byteCount, 1 << 20)) - 16
    }
}

extension StringBlock {
    var mutableBytes: MutableBytes { unsafe MutableBytes(base: content, count: count) }
}

extension Entry {
    /// The bytes of a string that is not an integer.
    fileprivate var mutableBytes: MutableBytes {
        if isOutside { return block.mutableBytes }
        let header = header
        return unsafe MutableBytes(base: base + valueOffset(header), count: Header.valueCount(header))
    }

    /// Makes the string inside the entry `count` bytes long, if the allocation has room for it.
    fileprivate func resizeInline(to count: Int) -> Bool {
        let present = byteCount
        let wanted = present - Header.valueCount(header) + count
        guard SizeClass.byteCount(wanted) == SizeClass.byteCount(present) else { return false }
        header = header & ~(0xFFFF << 48) | UInt64(count) << 48
        return true
    }
}
