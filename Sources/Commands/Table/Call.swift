// One command being run: its arguments, the keys in reach, and the reply it writes.

public import Keyspace
public import Protocol

/// What a call needs from the shard that runs it, apart from keys.
public protocol CallHost: AnyObject {
    /// A key was changed, made or removed while somebody watches keys.
    func keyDidChange(_ key: Key, database: Int)
    /// A key may serve somebody who waits for it, or tell that there is nothing more to wait for.
    func keyMayServe(_ key: Key, database: Int)
    /// All keys of a database (of all where nil) were removed or exchanged.
    func databaseDidChange(_ database: Int?)
    /// Whether commands are refused that touch keys of several slots.
    var isClusterEnabled: Bool { get }
    /// The most bytes that a string may have (`proto-max-bulk-len`).
    var longestString: Int { get }
    /// Whether a command that cannot be served may have its client wait.
    var mayWait: Bool { get }
}

/// The command that a shard runs just now; one object per shard, filled anew for each command.
///
/// Thread: the shard's. A body keeps neither it nor what it lends.
public final class Call {
    public private(set) var arguments: Arguments
    /// Kept alive by the command table.
    @safe public private(set) unowned(unsafe) var command: Command
    public let reply: ReplyBuffer
    /// The keys of the running shard.
    public let keyspace: Keyspace
    /// The keys of all shards, in the shards' order; to be touched only while `reachesAllShards`.
    public private(set) var allKeyspaces: [Keyspace] = []
    public var database = 0
    /// How many changes the command made to the data: what `rdb_changes_since_last_save` counts.
    public internal(set) var changeCount = 0
    /// Raised while the call runs in an exclusive section.
    public var reachesAllShards = false
    /// How often reading commands found their keys, and how often not.
    public private(set) var hitCount: Int64 = 0
    public private(set) var missCount: Int64 = 0
    /// Whether look-ups count as accesses (CLIENT NO-TOUCH says no).
    public var notesAccess = true
    /// Raised while any client in reach watches keys or waits for some, or keys remember when they were changed.
    public var hasWatchers = false
    /// What the command that ran last wants to wait for; whoever runs commands takes it away.
    public var waitRequest: WaitRequest?
    /// Raised when the running command wants to wait, or has changed what others wait for.
    public var needsAttention = false
    @safe public private(set) unowned(unsafe) var host: any CallHost

    /// The first keys of the requests that run next: hashed once, for the prefetch and the look-up.
    public let preparedKeys = KeyBatch()
    /// The place of the running request's first key among them.
    private var preparedKey = KeyBatch.Place.none
    /// The keys of the running command that `forEachKey` has hashed ahead.
    private let ownKeys = KeyBatch()
    private let noArguments = ArgumentVector(capacity: 1)

    /// - Parameter command: any; what `command` is as long as nothing runs.
    public init(keyspace: Keyspace, reply: ReplyBuffer, idle command: Command) {
        self.keyspace = keyspace
        self.reply = reply
        self.command = command
        host = Nobody.only
        arguments = noArguments.slice(from: 0, count: 0)
    }

    /// Gives the call its reach; before anything runs.
    public func connect(allKeyspaces: [Keyspace], host: any CallHost) {
        self.allKeyspaces = allKeyspaces
        self.host = host
    }

    /// Runs `command`; its refusal becomes the reply.
    ///
    /// - Parameter preparedKey: the place of the first key among `preparedKeys`, if it is there.
    @inline(__always)
    public func run(_ command: Command, _ arguments: Arguments, preparedKey: KeyBatch.Place = .none) {
        self.command = command
        self.arguments = arguments
        self.preparedKey = preparedKey
        do { try command.body(self) } catch { refuse(error) }
    }

    /// Makes the call again what it was before others ran inside it (EXEC), or were served by it.
    public func restore(_ command: Command, _ arguments: Arguments) {
        self.command = command
        self.arguments = arguments
        preparedKey = .none
    }

    @inline(never)
    private func refuse(_ error: CommandError) { reply.error(error, of: command, with: arguments) }

    /// Whether the node is part of a cluster, which has one database only.
    public var isClusterEnabled: Bool { host.isClusterEnabled }
    /// The most bytes that a string may have.
    public var longestString: Int { host.longestString }

    // MARK: Keys

    /// The argument at `index` as a key.
    @inline(__always)
    public func key(_ index: Int) -> Key {
        let bytes = arguments[index]
        // In the same place no other argument lies.
        if let key = preparedKeys[preparedKey], unsafe key.bytes.base == bytes.base { return key }
        return keyspace.key(bytes)
    }

    /// Visits the arguments in `range`, every `step`-th, as keys: a batch of them is hashed and brought near together, so
    /// that the waits for memory overlap.
    @inline(__always)
    func forEachKey(in range: Range<Int>, step: Int = 1, _ visit: (Key, Int) -> Void) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, start + KeyBatch.capacity * step)
            ownKeys.removeAll()
            for index in stride(from: start, to: end, by: step) { _ = ownKeys.append(arguments[index]) }
            keyspace.prepare(ownKeys, in: database)
            for position in 0..<ownKeys.count { visit(ownKeys[position], start + position * step) }
            start = end
        }
    }

    /// Where `key` lives.
    @inline(__always)
    public func keyspace(of key: Key) -> Keyspace {
        reachesAllShards ? allKeyspaces[Int(key.slot) % allKeyspaces.count] : keyspace
    }

    /// Lends the keyspace where `key` lives: handed out, it would be retained and released.
    @inline(__always)
    func withKeyspace<Result>(of key: Key, _ body: (Keyspace) -> Result) -> Result {
        reachesAllShards ? body(allKeyspaces[Int(key.slot) % allKeyspaces.count]) : body(keyspace)
    }

    /// Where the keys of `slot` live.
    public func keyspace(ofSlot slot: Int) -> Keyspace {
        reachesAllShards ? allKeyspaces[slot % allKeyspaces.count] : keyspace
    }

    /// The keyspaces that a command about no single key speaks of: all in reach.
    public var keyspaces: [Keyspace] { reachesAllShards ? allKeyspaces : [keyspace] }

    /// The entry of `key` for a command that reads: counted among hits and misses.
    @inline(__always)
    public func read(_ key: Key) -> Entry? {
        guard let entry = lookup(key) else {
            missCount &+= 1
            return nil
        }
        hitCount &+= 1
        return entry
    }

    /// The same for a command that asks about the key, not for its value: no access.
    public func peek(_ key: Key) -> Entry? {
        guard let entry = withKeyspace(of: key, { $0.lookup(key, in: database, touching: false) }) else {
            missCount &+= 1
            return nil
        }
        hitCount &+= 1
        return entry
    }

    /// The entry of `key` for a command that may change it.
    @inline(__always)
    public func lookup(_ key: Key) -> Entry? {
        withKeyspace(of: key) { $0.lookup(key, in: database, touching: notesAccess) }
    }

    /// Makes `value` the string under `key`, whatever was there, and says so.
    @inline(__always)
    public func set(_ key: Key, to value: Bytes, expiry: ExpiryRule = .discard) {
        withKeyspace(of: key) { _ = $0.set(key, in: database, to: value, expiry: expiry) }
        didChange(key)
    }

    /// Makes `number` the string under `key`, whatever was there, and says so.
    @inline(__always)
    public func set(_ key: Key, to number: Int64, expiry: ExpiryRule = .discard) {
        withKeyspace(of: key) { _ = $0.set(key, in: database, to: number, expiry: expiry) }
        didChange(key)
    }

    public func resetStatistics() { (hitCount, missCount) = (0, 0) }

    /// Says that `key` was made, changed or removed.
    @inline(__always)
    public func didChange(_ key: Key) { didChange(key, database: database) }

    @inline(__always)
    public func didChange(_ key: Key, database: Int) {
        changeCount &+= 1
        if hasWatchers { tellChange(of: key, database: database) }
    }

    @inline(never)
    private func tellChange(of key: Key, database: Int) {
        rememberChange(of: key, database: database)
        host.keyDidChange(key, database: database)
    }

    /// Says that the data was changed in a way that no key stands for.
    public func noteChange() { changeCount &+= 1 }

    /// Says that what is under the key at `index` was changed in a way that those who watch it need not know of.
    public func noteChange(ofKeyAt index: Int) {
        changeCount &+= 1
        if hasWatchers { rememberChange(of: key(index), database: database) }
    }

    /// The same, and that those who wait for `key` are to look again.
    public func noteChange(waking key: Key) {
        changeCount &+= 1
        guard hasWatchers else { return }
        rememberChange(of: key, database: database)
        host.keyMayServe(key, database: database)
    }

    private func rememberChange(of key: Key, database: Int) {
        withKeyspace(of: key) { $0.noteChange(of: key, in: database) }
    }

    /// Says that a whole database, or all of them, lost or exchanged `count` keys.
    public func didChangeDatabase(_ database: Int?, count: Int) {
        changeCount &+= count
        if hasWatchers { host.databaseDidChange(database) }
    }

    // MARK: Arguments

    /// The argument at `index` as a 64-bit integer.
    @inline(__always)
    public func integer(_ index: Int, orThrow error: CommandError = .notAnInteger) throws(CommandError) -> Int64 {
        guard let value = parseInteger(arguments[index]) else { throw error }
        return value
    }

    /// The argument at `index` as an integer of C's type `int`, which Redis reads some arguments into.
    public func integer32(_ index: Int) throws(CommandError) -> Int {
        guard let value = Int32(exactly: try integer(index)) else { throw .notA32BitInteger }
        return Int(value)
    }

    /// The argument at `index` as an integer within `range`; `otherwise` is thrown where it is no integer.
    public func integer(
        _ index: Int,
        in range: ClosedRange<Int64>,
        orThrow error: CommandError = .valueOutOfRange,
        otherwise: CommandError = .notAnInteger
    ) throws(CommandError) -> Int {
        let value = try integer(index, orThrow: otherwise)
        guard range.contains(value) else { throw error }
        return Int(value)
    }

    /// The answer of a subcommand that checks its number of arguments itself.
    public func replySubcommandSyntax() { refuse(.subcommandSyntax) }

    public func replyUnknownSubcommand() {
        let name = arguments[1][0..<min(128, arguments[1].count)]
        reply.error("ERR unknown subcommand '", quoting: name, "'. Try \(command.name.uppercased()) HELP.")
    }
}

/// The host of a call that is not yet connected.
private final class Nobody: CallHost, Sendable {
    static let only = Nobody()

    var isClusterEnabled: Bool { false }
    var longestString: Int { 0 }
    var mayWait: Bool { false }
    func keyDidChange(_ key: Key, database: Int) {}
    func keyMayServe(_ key: Key, database: Int) {}
    func databaseDidChange(_ database: Int?) {}
}
