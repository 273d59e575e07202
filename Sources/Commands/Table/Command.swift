// A command as it is declared: its name, its facts and its body, in one place. Everything else is derived from this.

public import Protocol
internal import Synchronization

/// One command or subcommand. Dispatch, arity and flag checks, key extraction, routing, COMMAND and HELP read these facts.
public final class Command: Sendable {
    public typealias Body = @Sendable (Call) throws(CommandError) -> Void

    /// How many words a call has, the names counted.
    public struct Arity: Sendable, Equatable {
        private let least: Int
        private let most: Int

        public static func exactly(_ count: Int) -> Arity { Arity(least: count, most: count) }
        public static func atLeast(_ count: Int) -> Arity { Arity(least: count, most: .max) }

        /// Redis's way to say it: negative for “at least”.
        public var number: Int { most == .max ? -least : least }

        @inline(__always)
        public func allows(_ count: Int) -> Bool { count >= least && count <= most }
    }

    /// Which thread may run the command.
    public enum Place: Sendable {
        /// Where its keys live; every shard at once where they live in several.
        case keys
        /// The same, but every shard at once for a call that touches keys which it does not name. In a cluster those must lie
        /// in the slot of the others.
        case keysAndBeyond(where: @Sendable (Arguments) -> Bool)
        /// Wherever the client is: the command touches nothing but the client, or what every thread may read.
        case anywhere
        /// The shard of the slot whose number stands at this argument.
        case slot(at: Int)
        /// The shard where a scan goes on, as the cursor at this argument says.
        case cursor(at: Int)
        /// Where the queued commands' keys and the watched keys live.
        case transaction
        /// All shards parked, everything in one hand.
        case everywhere
        /// The cluster's thread, which alone owns the cluster's state.
        case cluster
    }

    public enum Group: String, Sendable {
        case bitmap, cluster, connection, generic, geo, hash, hyperloglog, list, server, set, stream, string,
            transactions
        case sortedSet = "sorted-set"
    }

    /// With which version what came: told in this order, and a version may come twice.
    public typealias History = KeyValuePairs<StaticString, StaticString>

    /// Whether clients should use the command: what `doc_flags` of COMMAND DOCS is about.
    public enum Standing: Sendable {
        case current
        /// For other servers, and for those who test this one.
        case system
        /// For clients that do not know what came in its place.
        case deprecated(since: StaticString, replacedBy: StaticString)
    }

    /// `get`, and `config|get` for a subcommand; the container's name for a hidden one.
    public let name: String
    /// The name behind the bar of a subcommand, else the whole.
    public let ownName: String
    /// A subcommand that only its container's HELP tells of: statistics and COMMAND know the container alone.
    public let isHidden: Bool
    public let summary: String
    public let arity: Arity
    public let keys: [KeySpecification]
    /// The position of the first element that is sought in the value under the first key; 0: there is none.
    let element: Int
    public let flags: CommandFlags
    public let group: Group
    public let since: String
    public let history: History
    public let standing: Standing
    public let complexity: String
    public let categories: Set<String>
    /// Hints for clients and proxies: what to do with the command, and with the replies of several nodes.
    public let tips: [StaticString]
    public let place: Place
    /// What stands behind the name, in the notation of `Syntax.swift`.
    let syntax: String
    /// What the slow log and monitors do not show.
    public let secrets: Secrets
    public let subcommands: [Command]
    @usableFromInline let body: Body
    /// The keys as first, last and step, if that says all of it: the hot path's way to find them.
    public let keyRange: KeyRange
    /// Whether a usual call takes no longer than a look at the clock, or little: those alike are timed together, and any thread
    /// may run it for a shard that sleeps.
    public let isQuick: Bool

    private let number = Atomic<Int>(-1)

    /// - Parameter name: with a bar before a subcommand's own name (`config|get`), or a blank before a hidden one's
    ///   (`debug sleep`).
    /// - Parameter isQuick: of a command that has not the flag `fast`, which says so itself.
    public init(
        _ name: String,
        _ summary: String,
        arity: Arity,
        keys: KeySpecification...,
        element: Int = 0,
        flags: CommandFlags,
        group: Group,
        since: String,
        history: History = [:],
        standing: Standing = .current,
        complexity: String = "O(1)",
        categories: Set<String> = [],
        tips: [StaticString] = [],
        place: Place = .keys,
        syntax: String = "",
        secrets: Secrets = .none,
        isQuick: Bool = false,
        _ body: @escaping Body
    ) {
        let words = name.split(separator: " ")
        isHidden = words.count > 1
        self.name = String(words.first ?? "")
        ownName = String(name.split { $0 == "|" || $0 == " " }.last ?? "")
        self.summary = summary
        self.arity = arity
        self.keys = keys
        self.element = element
        self.flags = flags
        self.group = group
        self.since = since
        self.history = history
        self.standing = standing
        self.complexity = complexity
        self.categories = flags.impliedCategories.union(categories)
        self.tips = tips
        self.place = place
        self.syntax = syntax
        self.secrets = secrets
        subcommands = []
        self.body = body
        keyRange = KeyRange(of: keys)
        self.isQuick = !keys.isEmpty && !flags.contains(.blocking) && (flags.contains(.fast) || isQuick)
    }

    /// A roof over subcommands; HELP comes by itself.
    ///
    /// - Parameters:
    ///   - replying: what the bare name does, where it does anything.
    ///   - flags: those of a container that hides its subcommands; HELP has them too.
    ///   - categories: besides those that follow from the flags; `helpCategories` are HELP's.
    public init(
        replying body: Body? = nil,
        _ name: String,
        _ summary: String,
        flags: CommandFlags? = nil,
        group: Group,
        since: String,
        standing: Standing = .current,
        complexity: String = "Depends on subcommand.",
        categories: Set<String> = [],
        tips: [StaticString] = [],
        helpSince: String? = nil,
        helpCategories: Set<String> = [],
        subcommands: [Command]
    ) {
        self.name = name
        ownName = name
        isHidden = false
        secrets = .none
        self.summary = summary
        arity = .atLeast(body == nil ? 2 : 1)
        keys = []
        element = 0
        let flags = flags ?? (body == nil ? [] : [.loading, .stale])
        self.flags = flags
        self.group = group
        self.since = since
        history = [:]
        self.standing = standing
        self.complexity = complexity
        self.categories = flags.impliedCategories.union(categories)
        self.tips = tips
        place = .anywhere
        syntax = ""
        let areHidden = subcommands.contains(where: \.isHidden)
        let help = Command.help(
            of: areHidden ? name + " help" : name + "|help",
            subcommands,
            flags: areHidden ? flags : [.loading, .stale],
            group: group,
            since: helpSince ?? since,
            categories: helpCategories
        )
        self.subcommands = subcommands + [help]
        self.body = { call throws(CommandError) in
            guard let body, call.arguments.count == 1 else { return call.replyUnknownSubcommand() }
            try body(call)
        }
        keyRange = .none
        isQuick = false
    }

    /// The number under which the shards count the command's calls; given out by the command table.
    public internal(set) var index: Int {
        get { number.load(ordering: .relaxed) }
        set { number.store(newValue, ordering: .relaxed) }
    }

    /// The name before the bar of a subcommand, else the whole.
    public var containerName: Substring { name.split(separator: "|").first ?? Substring(name) }

    /// What stands behind the name, for COMMAND DOCS.
    public var documentedArguments: [CommandArgument] { CommandArgument.parse(syntax, keyCount: keys.count) }

    /// The subcommands that COMMAND tells of.
    public var shownSubcommands: [Command] { subcommands.filter { !$0.isHidden } }

    /// The subcommand's own name with what stands behind it.
    private var usage: String {
        ([ownName.uppercased()] + documentedArguments.map(\.helpText)).joined(separator: " ")
    }

    private static func help(
        of name: String,
        _ subcommands: [Command],
        flags: CommandFlags,
        group: Group,
        since: String,
        categories: Set<String>
    ) -> Command {
        let container = name.prefix { $0 != "|" && $0 != " " }
        let title = "\(container.uppercased()) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
        return Command(
            name,
            "Prints what the subcommands do.",
            arity: .exactly(2),
            flags: flags,
            group: group,
            since: since,
            categories: categories,
            place: .anywhere
        ) { call throws(CommandError) in
            let lines = subcommands.sorted { $0.ownName < $1.ownName }.flatMap { [$0.usage, "    " + $0.summary] }
            let text = [title] + lines + ["HELP", "    Print this help."]
            call.reply.array(text.count)
            for line in text { call.reply.simple(line) }
        }
    }
}

/// What a command may do and when it may run; the names are those of COMMAND INFO.
public struct CommandFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let write = CommandFlags(rawValue: 1 << 0)
    public static let readonly = CommandFlags(rawValue: 1 << 1)
    /// Refused when memory is over its limit.
    public static let denyoom = CommandFlags(rawValue: 1 << 2)
    public static let admin = CommandFlags(rawValue: 1 << 4)
    public static let pubsub = CommandFlags(rawValue: 1 << 5)
    public static let noscript = CommandFlags(rawValue: 1 << 6)
    public static let blocking = CommandFlags(rawValue: 1 << 7)
    public static let loading = CommandFlags(rawValue: 1 << 8)
    public static let stale = CommandFlags(rawValue: 1 << 9)
    public static let skipMonitor = CommandFlags(rawValue: 1 << 10)
    public static let skipSlowlog = CommandFlags(rawValue: 1 << 11)
    /// Served as if the client had said ASKING.
    public static let asking = CommandFlags(rawValue: 1 << 12)
    public static let fast = CommandFlags(rawValue: 1 << 13)
    public static let noAuth = CommandFlags(rawValue: 1 << 14)
    /// A command that only reads, but may leave a trace that replicas must have: held back by a pause of writes.
    public static let mayReplicate = CommandFlags(rawValue: 1 << 15)
    public static let noAsyncLoading = CommandFlags(rawValue: 1 << 18)
    public static let noMulti = CommandFlags(rawValue: 1 << 19)
    public static let movableKeys = CommandFlags(rawValue: 1 << 20)
    public static let allowBusy = CommandFlags(rawValue: 1 << 21)
    /// Refused unless `enable-debug-command` allows it.
    @inlinable public static var protected: CommandFlags { CommandFlags(rawValue: 1 << 22) }  // asked for every call
    /// Runs even while it is queued by MULTI, or is what ends the queue.
    public static let transactional = CommandFlags(rawValue: 1 << 23)

    /// Names in COMMAND INFO, in Redis's order; flags without a name there are Apus's own.
    static let names: [(CommandFlags, String)] = [
        (.write, "write"), (.readonly, "readonly"), (.denyoom, "denyoom"), (.admin, "admin"), (.pubsub, "pubsub"),
        (.noscript, "noscript"), (.blocking, "blocking"), (.loading, "loading"), (.stale, "stale"),
        (.skipMonitor, "skip_monitor"), (.skipSlowlog, "skip_slowlog"), (.asking, "asking"), (.fast, "fast"),
        (.noAuth, "no_auth"), (.noAsyncLoading, "no_async_loading"),
        (.noMulti, "no_multi"), (.movableKeys, "movablekeys"), (.allowBusy, "allow_busy"),
    ]

    public var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }

    /// The ACL categories that follow from the flags alone.
    var impliedCategories: Set<String> {
        var categories: Set<String> = [contains(.fast) ? "fast" : "slow"]
        if contains(.write) { categories.insert("write") }
        if contains(.readonly) { categories.insert("read") }
        if contains(.admin) { categories.formUnion(["admin", "dangerous"]) }
        if contains(.pubsub) { categories.insert("pubsub") }
        if contains(.blocking) { categories.insert("blocking") }
        return categories
    }
}
