// What stands behind a command's name, written once in a line of text: COMMAND DOCS and HELP are both derived from it.
//
//     <name> <name:type> <name=shown:type>    a value; its type is `string` unless it says another
//     WORD  name="WORD"                       a word to be typed as it is, where need be under another name
//     WORD <value>                            a word that announces the argument behind it
//     name(a | b)                             one of several
//     name{a b}                               several that belong together
//     [a]   a...   a*...                      optional; repeatable; repeatable together with its word
//     @6.2.0   !7.0.0                         behind a name or a word: the version that brought it; in <>, that made it old
//     #1                                      behind a type: the key specification that finds it, where counting fails

/// One argument of a command, as COMMAND DOCS describes it.
public struct CommandArgument: Sendable {
    public enum Kind: String, Sendable {
        case string, integer, double, key, pattern, oneof, block
        case unixTime = "unix-time"
        case pureToken = "pure-token"
    }

    public let name: String
    public let kind: Kind
    /// What a person is shown instead of the name; nil for what consists of other arguments.
    public let display: String?
    /// The word in front of it, or the word that it is.
    public internal(set) var token: String?
    public let since: String?
    public internal(set) var deprecatedSince: String?
    public internal(set) var isOptional = false
    public internal(set) var isMultiple = false
    /// Whether the word comes again with every repetition.
    public internal(set) var repeatsToken = false
    /// Which of the command's key specifications finds it.
    public internal(set) var keySpecification: Int?
    public internal(set) var arguments: [CommandArgument] = []

    /// Reads a line in the notation above, which must be in order: it is part of the program.
    ///
    /// - Parameter keyCount: how many key specifications the command has; keys beyond them are found by the last.
    static func parse(_ syntax: String, keyCount: Int) -> [CommandArgument] {
        var parser = SyntaxParser(syntax, keyCount: keyCount)
        return parser.arguments(until: nil)
    }
}

// MARK: - Reading

/// A recursive descent over the notation.
private struct SyntaxParser {
    private let text: [Character]
    private var position = 0
    private let keyCount: Int
    private var seenKeys = 0

    init(_ syntax: String, keyCount: Int) {
        text = Array(syntax)
        self.keyCount = keyCount
    }

    mutating func arguments(until end: Character?) -> [CommandArgument] {
        var found: [CommandArgument] = []
        while true {
            skipBlanks()
            if let end {
                if take(end) { return found }
            } else if position == text.count {
                return found
            }
            found.append(argument())
        }
    }

    private mutating func argument() -> CommandArgument {
        if take("[") {
            var inner = argument()
            skipBlanks()
            expect("]")
            inner.isOptional = true
            return inner
        }
        var argument = next == "<" ? value() : wordOrGroup()
        if take("*") {
            argument.repeatsToken = true
            argument.isMultiple = true
        }
        if text[position...].starts(with: "...") {
            position += 3
            argument.isMultiple = true
        }
        return argument
    }

    /// `<name=shown:type#1@since!deprecatedSince>`
    private mutating func value() -> CommandArgument {
        expect("<")
        let name = name()
        // What is shown may have a colon of its own: the type is behind the last one.
        var shown = take("=") ? String(takeWhile { !">@!#".contains($0) }) : name
        var kind = CommandArgument.Kind.string
        if shown != name, let colon = shown.lastIndex(of: ":"),
            let known = CommandArgument.Kind(rawValue: String(shown[shown.index(after: colon)...]))
        {
            (shown, kind) = (String(shown[..<colon]), known)
        } else if take(":") {
            let word = self.name()
            guard let known = CommandArgument.Kind(rawValue: word) else { fail("the type \(word) is not known") }
            kind = known
        }
        var specification: Int?
        if take("#") {
            specification = Int(String(takeWhile(\.isNumber)))
        } else if kind == .key {
            specification = min(seenKeys, max(0, keyCount - 1))
        }
        if kind == .key { seenKeys += 1 }
        var argument = CommandArgument(
            name: name,
            kind: kind,
            display: shown,
            since: since(),
            keySpecification: specification
        )
        if take("!") { argument.deprecatedSince = version() }
        expect(">")
        return argument
    }

    private mutating func wordOrGroup() -> CommandArgument {
        if next == "\"" { return announced(by: quoted()) }
        let word = name()
        if take("=") {
            let token = quoted()
            return CommandArgument(name: word, kind: .pureToken, display: word, token: token, since: since())
        }
        let since = since()
        if take("(") { return oneOf(word, since) }
        if take("{") {
            let inner = arguments(until: "}")
            return CommandArgument(name: word, kind: .block, display: nil, since: since, arguments: inner)
        }
        guard isAnnouncement else {
            let name = word.lowercased()
            return CommandArgument(name: name, kind: .pureToken, display: name, token: word, since: since)
        }
        return announced(by: word)
    }

    /// Whether what follows belongs to the word before it: a value, or a group, whose name is in small letters.
    private var isAnnouncement: Bool {
        var place = position
        while place < text.count, text[place].isWhitespace { place += 1 }
        guard place < text.count else { return false }
        if text[place] == "<" { return true }
        guard text[place].isLowercase else { return false }
        while place < text.count, text[place] != "=", text[place] != " " {
            if text[place] == "(" || text[place] == "{" { return true }
            place += 1
        }
        return false
    }

    private mutating func announced(by token: String) -> CommandArgument {
        skipBlanks()
        var argument = next == "<" ? value() : wordOrGroup()
        argument.token = token
        return argument
    }

    private mutating func oneOf(_ name: String, _ since: String?) -> CommandArgument {
        var alternatives: [CommandArgument] = []
        repeat {
            skipBlanks()
            alternatives.append(argument())
            skipBlanks()
        } while take("|")
        expect(")")
        return CommandArgument(name: name, kind: .oneof, display: nil, since: since, arguments: alternatives)
    }

    private mutating func since() -> String? { take("@") ? version() : nil }

    private mutating func version() -> String { String(takeWhile { $0.isNumber || $0 == "." }) }

    private mutating func name() -> String {
        let name = String(takeWhile { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == "/" })
        if name.isEmpty { fail("a name is missing") }
        return name
    }

    private mutating func quoted() -> String {
        expect("\"")
        let word = String(takeWhile { $0 != "\"" })
        expect("\"")
        return word
    }

    private var next: Character? { position < text.count ? text[position] : nil }

    private mutating func skipBlanks() { _ = takeWhile(\.isWhitespace) }

    private mutating func take(_ character: Character) -> Bool {
        guard next == character else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Character) {
        if !take(character) { fail("“\(character)” is missing") }
    }

    private mutating func takeWhile(_ belongs: (Character) -> Bool) -> ArraySlice<Character> {
        let start = position
        while position < text.count, belongs(text[position]) { position += 1 }
        return text[start..<position]
    }

    private func fail(_ reason: String) -> Never {
        preconditionFailure("the syntax of a command: \(reason) at \(position) of “\(String(text))”")
    }
}

// MARK: - Showing

extension CommandArgument {
    /// The argument as HELP shows it: `<slot> [<slot> ...]`.
    var helpText: String {
        var text = helpTextOfOne
        if isMultiple {
            // A word that is not repeated stands before all repetitions.
            let repeated = repeatsToken || kind == .pureToken ? text : helpTextBehindToken
            text += " [\(repeated) ...]"
        }
        return isOptional ? "[\(text)]" : text
    }

    private var helpTextOfOne: String {
        guard let token, kind != .pureToken else { return token ?? helpTextBehindToken }
        return "\(token.isEmpty ? "\"\"" : token) \(helpTextBehindToken)"
    }

    private var helpTextBehindToken: String {
        switch kind {
        case .pureToken: return token ?? name
        case .block: return arguments.map(\.helpText).joined(separator: " ")
        case .oneof:
            let alternatives = arguments.map(\.helpText).joined(separator: " | ")
            return isOptional && token == nil && !isMultiple ? alternatives : "<\(alternatives)>"
        default: return "<\(display ?? name)>"
        }
    }
}
