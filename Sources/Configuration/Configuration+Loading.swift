// Reading a configuration at start: the lines of a file, of what it includes, and of the command line.

/// Why a server cannot start with this configuration.
public enum LoadingError: Error, Equatable {
    /// A line is at fault; lines count from 1 in the file (or included file) that they stand in.
    case line(number: Int, text: [UInt8], reason: String)
    /// The values do not go together.
    case contradiction(String)
    /// A file that was asked for could not be read.
    case unreadable(path: String, reason: String)

    /// What standard error shall say.
    ///
    /// - Parameter product: name and version of the server.
    public func text(product: String) -> String {
        switch self {
        case .line(let number, let text, let reason):
            """

            *** FATAL CONFIG FILE ERROR (\(product)) ***
            Reading the configuration file, at line \(number)
            >>> '\(String(decoding: text, as: UTF8.self))'
            \(reason)

            """
        case .contradiction(let reason):
            """

            *** FATAL CONFIG FILE ERROR (\(product)) ***
            \(reason)

            """
        case .unreadable(let path, let reason):
            "Fatal error, can't open config file '\(path)': \(reason)\n"
        }
    }
}

/// What loading needs of the world: this floor reads no files and knows no commands.
public struct LoadingEnvironment {
    /// The bytes of a file; the refusal's reason is the system's.
    public var read: (_ path: String) throws(Refusal) -> [UInt8]
    /// The files that a pattern with `*`, `?` or `[` names, in order.
    public var expand: (_ pattern: String) -> [String]
    /// Makes a folder the working directory and gives its absolute path; called at the `dir` line, because what is
    /// included behind it is found from there.
    public var enterDirectory: (_ path: String) throws(Refusal) -> String
    /// Whether the server has a command of that name, which is in small letters.
    public var isCommand: (_ name: String) -> Bool

    public init(
        read: @escaping (_ path: String) throws(Refusal) -> [UInt8],
        expand: @escaping (_ pattern: String) -> [String],
        enterDirectory: @escaping (_ path: String) throws(Refusal) -> String,
        isCommand: @escaping (_ name: String) -> Bool
    ) {
        self.read = read
        self.expand = expand
        self.enterDirectory = enterDirectory
        self.isCommand = isCommand
    }
}

extension Configuration {
    /// The configuration that `text` describes, and the directives in it that do not have an effect yet, in their order.
    public static func load(
        _ text: [UInt8],
        in environment: LoadingEnvironment
    ) throws(LoadingError) -> (configuration: Configuration, withoutEffect: [String]) {
        var loader = Loader(environment: environment)
        try loader.load(text)
        if loader.configuration.isClusterEnabled, loader.configuration.primary != nil {
            throw .contradiction("replicaof directive not allowed in cluster mode")
        }
        return (loader.configuration, loader.withoutEffect)
    }
}

private struct Loader {
    let environment: LoadingEnvironment
    var configuration = Configuration()
    var withoutEffect: [String] = []
    private var seen: Set<String> = []
    private var includeDepth = 0

    /// Deeper nesting is a circle.
    private static let maximumIncludeDepth = 16

    init(environment: LoadingEnvironment) { self.environment = environment }

    mutating func load(_ text: [UInt8]) throws(LoadingError) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let line = trimmed(line)
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            guard let arguments = splitArguments(line) else {
                throw .line(number: index + 1, text: line, reason: "Unbalanced quotes in configuration line")
            }
            guard let name = arguments.first.map(lowercased) else { continue }
            if name == "include", arguments.count == 2 {
                try include(String(decoding: arguments[1], as: UTF8.self), number: index + 1, line: line)
                continue
            }
            do throws(Refusal) {
                try apply(name, Array(arguments.dropFirst()))
            } catch {
                throw .line(number: index + 1, text: line, reason: error.reason)
            }
        }
    }

    private mutating func include(_ path: String, number: Int, line: [UInt8]) throws(LoadingError) {
        guard includeDepth < Self.maximumIncludeDepth else {
            throw .line(number: number, text: line, reason: "Files include each other too deeply")
        }
        let isPattern = path.contains { "*?[".contains($0) }
        includeDepth += 1
        for path in isPattern ? environment.expand(path) : [path] {
            let text: [UInt8]
            do throws(Refusal) {
                text = try environment.read(path)
            } catch {
                throw .unreadable(path: path, reason: error.reason)
            }
            try load(text)
        }
        includeDepth -= 1
    }

    private mutating func apply(_ name: String, _ arguments: [[UInt8]]) throws(Refusal) {
        if let directive = Directive.named(name) {
            return try apply(directive, arguments)
        }
        switch (name, arguments.count) {
        case ("rename-command", 2):
            try renameCommand(lowercased(arguments[0]), to: lowercased(arguments[1]))
        case ("user", 1...):
            try addUser(arguments)
        case ("loadmodule", 1...):
            configuration.modules.append(arguments)
            note(withoutEffect: name)
        case ("list-max-ziplist-entries", 1), ("list-max-ziplist-value", 1), ("lua-replicate-commands", 1):
            note(withoutEffect: name)  // gone from Redis too, which still accepts them
        case ("sentinel", _):
            throw Refusal("sentinel directive while not in sentinel mode")
        default:
            throw Refusal("Bad directive or wrong number of arguments")
        }
    }

    private mutating func apply(_ directive: Directive, _ arguments: [[UInt8]]) throws(Refusal) {
        var arguments = arguments
        if directive.takesSeveralArguments, arguments.count == 1, !arguments[0].isEmpty {
            arguments = splitArguments(arguments[0]) ?? arguments
        }
        if seen.insert(directive.name).inserted {
            // The first line of a file replaces the defaults; those after it add to it.
            if directive.addsUp { try directive.set([[]], &configuration) }
            if !directive.isEffective { withoutEffect.append(directive.name) }
        }
        try directive.set(arguments, &configuration)
        if directive.name == "dir" {
            configuration.directory = try environment.enterDirectory(configuration.directory)
        }
    }

    private mutating func renameCommand(_ old: String, to new: String) throws(Refusal) {
        guard hasCommand(old) else { throw Refusal("No such command in rename-command") }
        guard new.isEmpty || new == old || !hasCommand(new) else {
            throw Refusal("Target command name already exists")
        }
        configuration.renamedCommands.append(RenamedCommand(from: old, to: new))
    }

    /// Whether a command has that name after the renamings so far.
    private func hasCommand(_ name: String) -> Bool {
        let latest = configuration.renamedCommands.last { $0.from == name || $0.to == name }
        return latest.map { $0.to == name } ?? environment.isCommand(name)
    }

    private mutating func addUser(_ arguments: [[UInt8]]) throws(Refusal) {
        guard !configuration.users.contains(where: { $0[0] == arguments[0] }) else {
            let name = String(decoding: arguments[0], as: UTF8.self)
            throw Refusal(
                "Error in user declaration '\(name)': Duplicate user found. A user can only be defined once in config files"
            )
        }
        configuration.users.append(arguments)
        note(withoutEffect: "user")
    }

    private mutating func note(withoutEffect name: String) {
        if seen.insert(name).inserted { withoutEffect.append(name) }
    }
}
