// MIGRATE: keys handed over to another server, whole and once.
//
// In three steps. The shard copies the values and holds their keys: commands that touch them wait. The courier sends the
// copies and collects the answers, while the shard serves everyone else. Then the shard removes what the target has
// confirmed, and lets the keys go. A key is removed only when the target has said that it has it: an answer that is lost
// leaves it on both ends, never on none.

internal import Commands
internal import Keyspace
internal import Persistence
internal import Protocol

enum MigrateCommand {
    static let all = [migrate]

    static let migrate = Command(
        "migrate",
        "Hands keys over to another server.",
        arity: .atLeast(6),
        keys: .one(
            at: 3,
            [.readWrite, .access, .delete],
            positions: { MigrateOptions.keyPositions($0).filter { $0 == 3 } }
        ),
        KeySpecification(
            begin: .keyword("KEYS", from: -2),
            find: .range(last: -1, step: 1, limit: 0),
            access: [.readWrite, .access, .delete, .incomplete],
            positions: { MigrateOptions.keyPositions($0).filter { $0 != 3 } }
        ),
        flags: [.write, .movableKeys],
        group: .generic,
        since: "2.6.0",
        history: [
            "3.0.0": "Takes `COPY` and `REPLACE`.",
            "3.0.6": "Takes `KEYS`.",
            "4.0.7": "Takes `AUTH`.",
            "6.0.0": "Takes `AUTH2`.",
        ],
        complexity: "O(N) for N keys, and what DUMP, DEL and RESTORE cost for each, besides sending them",
        categories: ["keyspace", "dangerous"],
        tips: ["nondeterministic_output"],
        syntax: """
            <host> <port:integer> key-selector(<key:key> | empty-string="") <destination-db:integer> <timeout:integer>
            [COPY@3.0.0] [REPLACE@3.0.0]
            [authentication(AUTH <auth=password@4.0.7> | AUTH2 auth2@6.0.0{<username> <password>})]
            [KEYS <keys=key:key@3.0.6>...]
            """,
        secrets: .chosen { index, arguments in MigrateOptions.secretPositions(arguments).contains(index) }
    ) { call throws(CommandError) in
        let options = try MigrateOptions(call)
        var keys: [Key] = []
        var parcels: [Parcel] = []
        for position in options.keyPositions {
            let key = call.key(position)
            guard let entry = call.read(key) else { continue }
            keys.append(key)
            let payload = DumpPayload.encode(entry, in: call.keyspace(of: key))
            parcels.append(Parcel(key: key.bytes.array, expiry: entry.expiry, payload: payload))
        }
        guard !parcels.isEmpty else { return call.reply.simple("NOKEY") }
        let transfer = Transfer(
            to: options.target,
            database: options.database,
            timeoutMilliseconds: options.timeoutMilliseconds,
            replaces: options.replaces,
            asks: call.isClusterEnabled,
            parcels: parcels
        )
        // A copy may be changed as soon as it is taken: what is sent is the key as it was.
        if !options.copies { for key in keys { call.executor(at: key).transit.hold(key.hash) } }
        let (database, copies) = (call.database, options.copies)
        call.client.errand = Errand(at: call.executor.seat, after: transfer) { call in
            if !copies { handOver(transfer, call, database: database) }
            reply(transfer.result.failure, call)
        }
    }

    /// Removes the keys that have arrived, and lets all go. They may lie on several shards.
    private static func handOver(_ transfer: Transfer, _ call: Call, database: Int) {
        let isElsewhere = { (parcel: Parcel) in
            parcel.key.withBytes { call.node.shard(ofSlot: call.keyspace.key($0).slot) } != call.executor.homeShard
        }
        if transfer.parcels.contains(where: isElsewhere) {
            call.node.exclusively(call.executor) { removeArrived(transfer, call, database: database) }
        } else {
            removeArrived(transfer, call, database: database)
        }
    }

    private static func removeArrived(_ transfer: Transfer, _ call: Call, database: Int) {
        let arrived = Set(transfer.result.arrived)
        for (index, parcel) in transfer.parcels.enumerated() {
            parcel.key.withBytes { bytes in
                let key = call.keyspace.key(bytes)
                if arrived.contains(index), call.keyspace(of: key).remove(key, in: database, lazily: true) {
                    call.didChange(key, database: database)
                }
                call.executor(at: key).transit.release(key.hash)
            }
        }
        let executors = call.executor.holdsEverything ? call.node.shards.map(\.executor) : [call.executor]
        executors.forEach { $0.wakeWaitersForTransit() }
    }

    private static func reply(_ failure: Transfer.Failure?, _ call: Call) {
        switch failure {
        case nil: call.reply.ok()
        case .connecting: call.reply.error("IOERR error or timeout connecting to the client")
        case .writing: call.reply.error("IOERR error or timeout writing to target instance")
        case .reading: call.reply.error("IOERR error or timeout reading to target instance")
        case .refused(let text):
            text.withBytes { call.reply.error("ERR Target instance replied with error: ", quoting: $0) }
        }
    }
}

/// The words of one MIGRATE.
private struct MigrateOptions {
    private static let firstOption = 6
    private static let defaultTimeoutMilliseconds: Int64 = 1000

    private(set) var copies = false
    private(set) var replaces = false
    let target: TransferTarget
    let database: Int64
    let timeoutMilliseconds: Int64
    private(set) var keyPositions: Range<Int> = 3..<4

    init(_ call: Call) throws(CommandError) {
        let arguments = call.arguments
        var credentials: [[UInt8]] = []
        var index = Self.firstOption
        while index < arguments.count {
            let word = arguments[index]
            if word.isWord("COPY") {
                copies = true
            } else if word.isWord("REPLACE") {
                replaces = true
            } else if let count = Self.credentialCount(word) {
                guard index + count < arguments.count else { throw .syntax }
                credentials = (1...count).map { arguments[index + $0].array }
                index += count
            } else if word.isWord("KEYS") {
                guard arguments[3].isEmpty else {
                    throw .text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
                    )
                }
                keyPositions = index + 1..<arguments.count
                break
            } else {
                throw .syntax
            }
            index += 1
        }
        let timeout = try call.integer(5)
        database = try call.integer(4)
        timeoutMilliseconds = timeout > 0 ? timeout : Self.defaultTimeoutMilliseconds
        target = TransferTarget(host: arguments[1].text, port: arguments[2].text, credentials: credentials)
    }

    /// How many arguments of AUTH follow the word; nil where it is another.
    private static func credentialCount(_ word: Bytes) -> Int? {
        word.isWord("AUTH") ? 1 : word.isWord("AUTH2") ? 2 : nil
    }

    /// Where the keys of a call stand: behind KEYS, or at their one place. None where the two contradict each other.
    static func keyPositions(_ arguments: Arguments) -> [Int] {
        guard arguments.count > 3 else { return [] }
        guard let keyword = optionPositions(arguments).first(where: { arguments[$0].isWord("KEYS") }) else {
            return [3]
        }
        return arguments[3].isEmpty ? Array(keyword + 1..<arguments.count) : []
    }

    /// Where the passwords of a call stand, and the names that go with them.
    static func secretPositions(_ arguments: Arguments) -> [Int] {
        optionPositions(arguments).flatMap { position in
            credentialCount(arguments[position]).map { Array(position + 1...position + $0) } ?? []
        }
    }

    /// Where option words stand; nothing behind KEYS is one.
    private static func optionPositions(_ arguments: Arguments) -> [Int] {
        var positions: [Int] = []
        var index = firstOption
        while index < arguments.count {
            positions.append(index)
            if arguments[index].isWord("KEYS") { break }
            index += 1 + (credentialCount(arguments[index]) ?? 0)
        }
        return positions
    }
}
