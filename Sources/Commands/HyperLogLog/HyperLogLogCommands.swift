// PFADD and its kin: counting different elements.

internal import Keyspace
internal import Protocol

public enum HyperLogLogCommands {
    public static let all = [pfadd, pfcount, pfmerge, pfdebug, pfselftest]

    static let pfadd = Command(
        "pfadd",
        "Adds elements to what is counted.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .insert]),
        flags: [.write, .denyoom, .fast],
        group: .hyperloglog,
        since: "2.8.9",
        categories: ["hyperloglog"],
        syntax: "<key:key> [<element>...]"
    ) { call throws(CommandError) in
        let key = call.key(1)
        let entry = try call.hyperLogLog(key, isRead: false)
        // Most elements have been seen before, and then nothing is copied.
        if let entry, !call.raisesAny(of: entry, from: 2) { return call.reply.integer(0) }

        var log = entry.map { entry in entry.string.withBytes { HyperLogLog($0) } } ?? HyperLogLog()
        let limit = call.keyspace(of: key).limits.sparseHyperLogLogByteCount
        var hasChanged = entry == nil
        for index in stride(from: 2, to: call.arguments.count, by: 1) {
            let (register, value) = HyperLogLog.place(of: call.arguments[index])
            do {
                if try log.raise(register, to: value, sparseLimit: limit) { hasChanged = true }
            } catch {
                throw .corruptedHyperLogLog
            }
        }
        guard hasChanged else { return call.reply.integer(0) }
        log.markOutOfDate()
        call.store(log, under: key)
        call.reply.integer(1)
    }

    static let pfcount = Command(
        "pfcount",
        "Estimates how many different elements were added, to one or to any of several.",
        arity: .atLeast(2),
        keys: .all(from: 1, [.readWrite, .access]),
        flags: [.readonly, .mayReplicate],
        group: .hyperloglog,
        since: "2.8.9",
        complexity: "O(1), O(N)",
        categories: ["hyperloglog"],
        syntax: "<key:key>..."
    ) { call throws(CommandError) in
        guard call.arguments.count == 2 else { return try countMerged(call) }
        let key = call.key(1)
        guard let entry = try call.hyperLogLog(key, isRead: true) else { return call.reply.integer(0) }
        if let count = entry.string.withBytes({ HyperLogLog.cachedCount(of: $0) }) {
            return call.reply.integer(Int64(bitPattern: count))
        }
        let count = try entry.countedElements()
        // The count is kept in the string until that changes.
        let string = call.keyspace(of: key).edit(key, in: call.database, growingTo: 0)
        for index in 0..<8 { string[8 + index] = UInt8(truncatingIfNeeded: count >> UInt64(8 * index)) }
        call.didChange(key)
        call.reply.integer(Int64(bitPattern: count))
    }

    private static func countMerged(_ call: Call) throws(CommandError) {
        var merged = MergedRegisters()
        for index in 1..<call.arguments.count {
            guard let entry = try call.hyperLogLog(call.key(index), isRead: true) else { continue }
            try merged.add(entry)
        }
        call.reply.integer(Int64(bitPattern: merged.count))
    }

    static let pfmerge = Command(
        "pfmerge",
        "Makes one of several, that counts what any of them has counted.",
        arity: .atLeast(2),
        keys: .one(at: 1, [.readWrite, .access, .insert]),
        .all(from: 2, [.readOnly, .access]),
        flags: [.write, .denyoom],
        group: .hyperloglog,
        since: "2.8.9",
        complexity: "O(N)",
        categories: ["hyperloglog"],
        syntax: "<destkey:key> [<sourcekey:key>...]"
    ) { call throws(CommandError) in
        var (merged, isDense) = (MergedRegisters(), false)
        for index in 1..<call.arguments.count {
            guard let entry = try call.hyperLogLog(call.key(index), isRead: true) else { continue }
            if entry.string.withBytes({ HyperLogLog.isDense($0) }) { isDense = true }
            try merged.add(entry)
        }
        let key = call.key(1)
        let entry = call.lookup(key)
        var log = entry.map { entry in entry.string.withBytes { HyperLogLog($0) } } ?? HyperLogLog()
        let limit = call.keyspace(of: key).limits.sparseHyperLogLogByteCount
        do {
            if isDense { try log.makeDense() }
            for (index, value) in merged.values.enumerated() where value > 0 {
                _ = try log.raise(index, to: value, sparseLimit: limit)
            }
        } catch {
            throw .corruptedHyperLogLog
        }
        log.markOutOfDate()
        call.store(log, under: key)
        call.reply.ok()
    }

    // MARK: For those who test it

    static let pfdebug = Command(
        "pfdebug",
        "Shows what is behind the count.",
        arity: .exactly(3),
        keys: .one(at: 2, [.readWrite, .access]),
        flags: [.write, .denyoom, .admin],
        group: .hyperloglog,
        since: "2.8.9",
        standing: .system,
        complexity: "N/A",
        categories: ["hyperloglog"],
        syntax: "<subcommand> <key:key>"
    ) { call throws(CommandError) in
        let (word, key) = (call.arguments[1], call.key(2))
        guard call.lookup(key) != nil else { throw .text("ERR The specified key does not exist") }
        guard let entry = try call.hyperLogLog(key, isRead: false) else { return }
        var log = entry.string.withBytes { HyperLogLog($0) }
        if word.isWord("GETREG") {
            try makeDense(&log, under: key, call)
            call.reply.array(HyperLogLog.registerCount)
            log.bytes.withBytes { bytes in
                for index in 0..<HyperLogLog.registerCount {
                    call.reply.integer(Int(HyperLogLog.denseRegister(index, of: bytes)))
                }
            }
        } else if word.isWord("DECODE") {
            guard !log.isDense else { throw .text("ERR HLL encoding is not sparse") }
            try decode(log, call)
        } else if word.isWord("ENCODING") {
            call.reply.simple(log.isDense ? "dense" : "sparse")
        } else if word.isWord("TODENSE") {
            let wasDense = log.isDense
            try makeDense(&log, under: key, call)
            call.reply.integer(wasDense ? 0 : 1)
        } else {
            call.reply.error("ERR Unknown PFDEBUG subcommand '", quoting: word, "'")
        }
    }

    private static func makeDense(_ log: inout HyperLogLog, under key: Key, _ call: Call) throws(CommandError) {
        guard !log.isDense else { return }
        do { try log.makeDense() } catch { throw .corruptedHyperLogLog }
        call.store(log, under: key)
    }

    /// The runs as text: `z` for a short one of zeros, `Z` for a long one, `v` for one of a value.
    private static func decode(_ log: HyperLogLog, _ call: Call) throws(CommandError) {
        var parts: [String] = []
        do {
            try log.bytes.withBytes { (bytes) throws(HyperLogLog.Corrupted) in
                try HyperLogLog.forEachRun(of: bytes) { run, _ in
                    parts.append(
                        run.value > 0 ? "v:\(run.value),\(run.count)" : "\(run.byteCount == 2 ? "Z" : "z"):\(run.count)"
                    )
                }
            }
        } catch {
            throw .corruptedHyperLogLog
        }
        call.reply.bulk(parts.joined(separator: " "))
    }

    static let pfselftest = Command(
        "pfselftest",
        "Counts what is known, in both forms, and says whether the counts are right.",
        arity: .exactly(1),
        flags: .admin,
        group: .hyperloglog,
        since: "2.8.9",
        standing: .system,
        complexity: "N/A",
        categories: ["hyperloglog"],
        place: .anywhere
    ) { call throws(CommandError) in
        let failure: StaticString?
        do { failure = try HyperLogLog.selfTest() } catch { throw .corruptedHyperLogLog }
        if let failure { throw .text(failure) }
        call.reply.ok()
    }
}

extension Call {
    /// The entry of `key`, which holds what PFADD makes.
    fileprivate func hyperLogLog(_ key: Key, isRead: Bool) throws(CommandError) -> Entry? {
        guard let entry = isRead ? read(key) : lookup(key) else { return nil }
        guard entry.isString else { throw .wrongType }
        guard entry.string.withBytes({ HyperLogLog.isValid($0) }) else {
            throw .text("WRONGTYPE Key is not a valid HyperLogLog string value.")
        }
        return entry
    }

    /// Whether an argument from `first` on would raise a register, or it cannot be told.
    fileprivate func raisesAny(of entry: Entry, from first: Int) -> Bool {
        entry.string.withBytes { bytes in
            let isDense = HyperLogLog.isDense(bytes)
            for index in stride(from: first, to: arguments.count, by: 1) {
                let (register, value) = HyperLogLog.place(of: arguments[index])
                let present =
                    isDense
                    ? HyperLogLog.denseRegister(register, of: bytes) : HyperLogLog.sparseRegister(register, of: bytes)
                guard let present, present >= value else { return true }
            }
            return false
        }
    }

    /// Makes `log` the string under `key`, whose expiry stays.
    fileprivate func store(_ log: HyperLogLog, under key: Key) {
        let keyspace = keyspace(of: key)
        log.bytes.withBytes { bytes in
            let present = keyspace.lookup(key, in: database, touching: false)?.string.byteCount
            // In place where it does not become shorter: a string that was never one of Redis's short ones stays so. What
            // becomes dense will not grow again, and gets no more room than it needs.
            if (present ?? 0) <= bytes.count, !log.isDense || present == bytes.count {
                keyspace.edit(key, in: database, growingTo: bytes.count).write(bytes, at: 0)
            } else {
                keyspace.setText(key, in: database, to: bytes, expiry: .keep)
            }
        }
        didChange(key)
    }
}

extension Entry {
    fileprivate func countedElements() throws(CommandError) -> UInt64 {
        guard let count = string.withBytes({ try? HyperLogLog.count(of: $0) }) else { throw .corruptedHyperLogLog }
        return count
    }
}

extension MergedRegisters {
    fileprivate mutating func add(_ entry: Entry) throws(CommandError) {
        guard entry.string.withBytes({ (try? add($0)) != nil }) else { throw .corruptedHyperLogLog }
    }
}
