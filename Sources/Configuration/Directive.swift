// A directive of redis.conf: its name, what its arguments may be, and which value of the configuration it sets.

/// Why a value was refused, in Redis's words.
public struct Refusal: Error, Equatable {
    public let reason: String

    public init(_ reason: String) { self.reason = reason }
}

/// One declaration per directive: reading files, CONFIG GET, SET and REWRITE all work from it.
public struct Directive: Sendable {
    public struct Traits: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// Only a configuration file or the command line sets it.
        public static let immutable = Traits(rawValue: 1)
        /// CONFIG SET needs `enable-protected-configs`.
        public static let protected = Traits(rawValue: 2)
        /// Its value is a secret: not for logs, the slow log or MONITOR.
        public static let sensitive = Traits(rawValue: 4)
        /// CONFIG GET shows it by its full name only.
        public static let hidden = Traits(rawValue: 8)
        /// Stored in a field of its own, but nothing reads that field yet.
        public static let inert = Traits(rawValue: 16)
    }

    /// A line of a rewritten file: what stands behind the name, and whether leaving it out says the same.
    struct Line {
        let text: [UInt8]
        let isDefault: Bool
    }

    public let name: String
    public let aliases: [String]
    public let traits: Traits
    /// Whether setting it changes what the server does. What has no effect is accepted, shown, and reported.
    public let isEffective: Bool

    /// Whether it takes any number of arguments (a single one is then split at its blanks), not exactly one.
    let takesSeveralArguments: Bool
    /// Whether a further line in a file adds to the value instead of replacing it.
    let addsUp: Bool
    let set: @Sendable (_ arguments: [[UInt8]], _ configuration: inout Configuration) throws(Refusal) -> Void
    /// As CONFIG GET shows it.
    let shown: @Sendable (Configuration) -> [UInt8]
    /// As CONFIG REWRITE writes it.
    let lines: @Sendable (Configuration) -> [Line]

    /// A directive whose value is a field of the configuration; the field's initial value is the default.
    init<Value>(
        _ name: String,
        _ field: any WritableKeyPath<Configuration, Value> & Sendable,
        _ kind: Kind<Value>,
        aliases: [String] = [],
        _ traits: Traits = []
    ) {
        self.init(
            name,
            kind,
            standard: Configuration.standard[keyPath: field],
            aliases: aliases,
            traits,
            isEffective: !traits.contains(.inert),
            get: { $0[keyPath: field] },
            put: { $1[keyPath: field] = $0 }
        )
    }

    /// A directive of a part that is not built: checked and kept, so that it can be read back, but without effect.
    static func unbuilt<Value>(
        _ name: String,
        _ kind: Kind<Value>,
        _ standard: Value,
        aliases: [String] = [],
        _ traits: Traits = []
    ) -> Directive {
        Directive(
            name,
            kind,
            standard: standard,
            aliases: aliases,
            traits,
            isEffective: false,
            get: { $0.kept[name] as? Value ?? standard },
            put: { $1.kept[name] = $0 }
        )
    }

    private init<Value>(
        _ name: String,
        _ kind: Kind<Value>,
        standard: Value,
        aliases: [String],
        _ traits: Traits,
        isEffective: Bool,
        get: @escaping @Sendable (Configuration) -> Value,
        put: @escaping @Sendable (Value, inout Configuration) -> Void
    ) {
        self.name = name
        self.aliases = aliases
        self.traits = traits
        self.isEffective = isEffective
        takesSeveralArguments = kind.takesSeveralArguments
        addsUp = kind.addsUp
        set = { (arguments, configuration) throws(Refusal) in
            guard kind.takesSeveralArguments || arguments.count == 1 else { throw Refusal.wrongNumberOfArguments }
            put(try kind.read(arguments, get(configuration)), &configuration)
        }
        shown = { kind.show(get($0)) }
        lines = { kind.lines(get($0), standard) }
    }
}

extension Refusal {
    static let wrongNumberOfArguments = Refusal("wrong number of arguments")
}

extension Directive {
    /// Every directive, once, in the order in which CONFIG GET and REWRITE list them.
    public static let all: [Directive] =
        network + process + limits + keyspace + observation + cluster + replication + persistence + access
        + transportSecurity + internals

    /// The directive called `name`, in small letters, or one whose alias that is.
    public static func named(_ name: String) -> Directive? { byName[name] }

    private static let byName: [String: Directive] = {
        var byName: [String: Directive] = [:]
        for directive in all {
            for name in [directive.name] + directive.aliases {
                precondition(byName.updateValue(directive, forKey: name) == nil, "two directives are called \(name)")
            }
        }
        return byName
    }()
}
