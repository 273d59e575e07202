// The types of configuration values that are more than a number, a flag or a text.

/// A value that is one of a few words; the cases stand in the order in which an error names them.
public protocol Choice: RawRepresentable<String>, CaseIterable, Sendable, Equatable {}

/// From the most to the least talkative.
public enum LogLevel: String, Choice, Comparable {
    case debug, verbose, notice, warning

    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.rank < other.rank }

    private var rank: Int {
        switch self {
        case .debug: 0
        case .verbose: 1
        case .notice: 2
        case .warning: 3
        }
    }
}

/// Who may use what an administrator must allow first (DEBUG, MODULE, protected directives).
public enum Permission: String, Choice {
    case no, yes, local

    /// - Parameter isLocal: whether the client came over the loopback interface or a Unix socket.
    public func allows(isLocal: Bool) -> Bool { self == .yes || (self == .local && isLocal) }
}

public enum MaxMemoryPolicy: String, Choice {
    case volatileLRU = "volatile-lru"
    case volatileLFU = "volatile-lfu"
    case volatileLRM = "volatile-lrm"
    case volatileRandom = "volatile-random"
    case volatileTTL = "volatile-ttl"
    case allKeysLRU = "allkeys-lru"
    case allKeysLFU = "allkeys-lfu"
    case allKeysLRM = "allkeys-lrm"
    case allKeysRandom = "allkeys-random"
    case noEviction = "noeviction"

    /// Whether the access field of an entry counts uses (LFU) rather than seconds (LRU).
    public var countsUses: Bool { self == .volatileLFU || self == .allKeysLFU }

    /// Whether it tells the time of the last change (LRM) rather than of the last use.
    public var tellsChanges: Bool { self == .volatileLRM || self == .allKeysLRM }
}

public enum PreferredEndpointType: String, Choice {
    case ip, hostname
    case unknownEndpoint = "unknown-endpoint"
}

/// What a signal makes the server do before it exits; none of them is `default`.
public struct ShutdownOptions: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let save = ShutdownOptions(rawValue: 1)
    public static let noSave = ShutdownOptions(rawValue: 2)
    public static let now = ShutdownOptions(rawValue: 4)
    public static let force = ShutdownOptions(rawValue: 8)

    static let names: [(name: String, option: ShutdownOptions)] = [
        ("default", []), ("save", .save), ("nosave", .noSave), ("now", .now), ("force", .force),
    ]
}

/// Which events are published to subscribers of the keyspace (`K`) and keyevent (`E`) channels.
public struct KeyspaceEvents: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    public static let generic = KeyspaceEvents(rawValue: 1 << 0)
    public static let string = KeyspaceEvents(rawValue: 1 << 1)
    public static let list = KeyspaceEvents(rawValue: 1 << 2)
    public static let set = KeyspaceEvents(rawValue: 1 << 3)
    public static let hash = KeyspaceEvents(rawValue: 1 << 4)
    public static let sortedSet = KeyspaceEvents(rawValue: 1 << 5)
    public static let expired = KeyspaceEvents(rawValue: 1 << 6)
    public static let evicted = KeyspaceEvents(rawValue: 1 << 7)
    public static let stream = KeyspaceEvents(rawValue: 1 << 8)
    public static let module = KeyspaceEvents(rawValue: 1 << 9)
    public static let newKey = KeyspaceEvents(rawValue: 1 << 10)
    public static let keyspaceChannel = KeyspaceEvents(rawValue: 1 << 11)
    public static let keyeventChannel = KeyspaceEvents(rawValue: 1 << 12)
    public static let miss = KeyspaceEvents(rawValue: 1 << 13)

    /// What the letter `A` stands for.
    public static let all: KeyspaceEvents = [
        .generic, .string, .list, .set, .hash, .sortedSet, .expired, .evicted, .stream, .module,
    ]

    private static let letters: [(letter: UInt8, event: KeyspaceEvents)] = [
        (UInt8(ascii: "g"), .generic), (UInt8(ascii: "$"), .string), (UInt8(ascii: "l"), .list),
        (UInt8(ascii: "s"), .set), (UInt8(ascii: "h"), .hash), (UInt8(ascii: "z"), .sortedSet),
        (UInt8(ascii: "x"), .expired), (UInt8(ascii: "e"), .evicted), (UInt8(ascii: "t"), .stream),
        (UInt8(ascii: "d"), .module), (UInt8(ascii: "n"), .newKey), (UInt8(ascii: "K"), .keyspaceChannel),
        (UInt8(ascii: "E"), .keyeventChannel), (UInt8(ascii: "m"), .miss),
    ]

    /// The events of `letters`, or nil where one of them is unknown.
    public init?(letters text: [UInt8]) {
        self = []
        for letter in text {
            if letter == UInt8(ascii: "A") {
                formUnion(.all)
            } else if let known = Self.letters.first(where: { $0.letter == letter }) {
                formUnion(known.event)
            } else {
                return nil
            }
        }
    }

    /// The letters in the order that Redis shows them. (Redis 7.0 loses an `n` that stands beside an `A`; this does not.)
    public var letters: [UInt8] {
        let isComplete = isSuperset(of: .all)
        let single = Self.letters.filter { contains($0.event) && !(isComplete && Self.all.contains($0.event)) }
        return (isComplete ? [UInt8(ascii: "A")] : []) + single.map(\.letter)
    }
}

/// A number of bytes, or a share of `maxmemory`.
public enum MemoryOrPercent: Equatable, Sendable {
    case bytes(Int)
    case percent(Int)

    /// The bytes that are meant where `maxMemory` is the whole; a share of no limit is no limit.
    public func bytes(of maxMemory: Int) -> Int {
        switch self {
        case .bytes(let bytes): bytes
        // Divided first: a share need not be exact, and the product could overflow.
        case .percent(let percent): maxMemory / 100 * percent
        }
    }
}

/// The classes of clients whose output is limited apart.
public enum ClientClass: Int, CaseIterable, Sendable {
    case normal, replica, pubsub

    /// As CONFIG GET names it: the replica's old name is what tools look for.
    var shownName: String { self == .replica ? "slave" : writtenName }

    /// As a configuration file names it.
    var writtenName: String {
        switch self {
        case .normal: "normal"
        case .replica: "replica"
        case .pubsub: "pubsub"
        }
    }

    init?(name: [UInt8]) {
        switch lowercased(name) {
        case "normal": self = .normal
        case "replica", "slave": self = .replica
        case "pubsub": self = .pubsub
        default: return nil
        }
    }
}

/// When a client that does not read its replies is let go; 0 is no limit.
public struct OutputBufferLimit: Equatable, Sendable {
    public var hardBytes: Int
    public var softBytes: Int
    /// How long the soft limit may be exceeded.
    public var softSeconds: Int

    public init(hardBytes: Int, softBytes: Int, softSeconds: Int) {
        self.hardBytes = hardBytes
        self.softBytes = softBytes
        self.softSeconds = softSeconds
    }
}

/// One limit per class of clients.
public struct OutputBufferLimits: Equatable, Sendable {
    private var normal = OutputBufferLimit(hardBytes: 0, softBytes: 0, softSeconds: 0)
    private var replica = OutputBufferLimit(hardBytes: 256 << 20, softBytes: 64 << 20, softSeconds: 60)
    private var pubsub = OutputBufferLimit(hardBytes: 32 << 20, softBytes: 8 << 20, softSeconds: 60)

    public init() {}

    public subscript(clientClass: ClientClass) -> OutputBufferLimit {
        get {
            switch clientClass {
            case .normal: normal
            case .replica: replica
            case .pubsub: pubsub
            }
        }
        set {
            switch clientClass {
            case .normal: normal = newValue
            case .replica: replica = newValue
            case .pubsub: pubsub = newValue
            }
        }
    }
}

/// “Save when at least `changes` keys changed and `seconds` have passed.”
public struct SavePoint: Equatable, Sendable {
    public var seconds: Int
    public var changes: Int

    public init(seconds: Int, changes: Int) {
        self.seconds = seconds
        self.changes = changes
    }
}

/// The primary that this server starts as a replica of.
public struct PrimaryAddress: Equatable, Sendable {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}

/// `rename-command`: the new name is empty where the command is to be removed.
public struct RenamedCommand: Equatable, Sendable {
    public var from: String
    public var to: String

    public init(from: String, to: String) {
        self.from = from
        self.to = to
    }
}
