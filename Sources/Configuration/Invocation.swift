// The command line of the server: `[FILE] [--directive value …] [-]`, as redis-server 7 reads it.

/// What the command line asks for.
public enum Invocation: Equatable, Sendable {
    case run(Sources)
    case version
    case help

    /// Where the configuration comes from; the texts are read in this order, so that the later ones win.
    public struct Sources: Equatable, Sendable {
        public var file: String?
        public var readsStandardInput: Bool
        /// The options of the command line, as lines of a file.
        public var options: [UInt8]

        /// One text to load; its lines count as in Redis's messages, where the options begin behind an empty line.
        public func text(file: [UInt8], standardInput: [UInt8]) -> [UInt8] {
            let newline = [UInt8(ascii: "\n")]
            let joint = file.isEmpty || standardInput.isEmpty || file.last == UInt8(ascii: "\n") ? [] : newline
            return file + joint + standardInput + (options.isEmpty ? [] : newline + options)
        }
    }

    /// - Parameter arguments: what stands behind the name of the program.
    public init(arguments: [[UInt8]]) {
        switch arguments {
        case [Array("-v".utf8)], [Array("--version".utf8)]: self = .version
        case [Array("-h".utf8)], [Array("--help".utf8)]: self = .help
        default: self = .run(Self.sources(of: arguments[...]))
        }
    }

    private static func sources(of arguments: ArraySlice<[UInt8]>) -> Sources {
        var rest = arguments
        var sources = Sources(file: nil, readsStandardInput: false, options: [])
        if let first = rest.first, first.first != UInt8(ascii: "-") {
            sources.file = String(decoding: first, as: UTF8.self)
            rest.removeFirst()
        } else if rest.first == Array("-".utf8) {
            sources.readsStandardInput = true
            rest.removeFirst()
        }
        if rest.last == Array("-".utf8) {
            sources.readsStandardInput = true
            rest.removeLast()
        }
        sources.options = optionLines(rest)
        return sources
    }

    /// Folds arguments into lines: each `--name` begins one, and what follows is quoted and belongs to it.
    ///
    /// Right behind a bare `--name` an argument is a value even if it begins with dashes, so that a password may. Only
    /// `--save` can stand alone: then it means `save ""`.
    private static func optionLines(_ arguments: ArraySlice<[UInt8]>) -> [UInt8] {
        var text: [UInt8] = []
        var isValueDue = false
        for index in arguments.indices {
            let argument = arguments[index]
            guard hasDashes(argument), !isValueDue else {
                text += quoted(argument) + [UInt8(ascii: " ")]
                isValueDue = false
                continue
            }
            if !text.isEmpty { text.append(UInt8(ascii: "\n")) }
            text += argument.dropFirst(2) + [UInt8(ascii: " ")]
            isValueDue = splitArguments(argument)?.count == 1

            let isLast = index == arguments.endIndex - 1
            if isValueDue, isOption(argument, "save"), isLast || hasDashes(arguments[index + 1]) {
                text += "\"\"".utf8
                isValueDue = false
            }
        }
        return text
    }

    private static func hasDashes(_ argument: [UInt8]) -> Bool { argument.starts(with: "--".utf8) }

    private static func isOption(_ argument: [UInt8], _ name: String) -> Bool {
        lowercased(trimmed(argument.dropFirst(2))) == name
    }
}
