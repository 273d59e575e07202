// The kinds of values: how each is read from arguments, shown by CONFIG GET and written by CONFIG REWRITE.

/// How values of one type are spelled. The reasons for refusing one are those of Redis 7.0, word for word.
struct Kind<Value: Equatable & Sendable>: Sendable {
    typealias Read = @Sendable (_ arguments: [[UInt8]], _ current: Value) throws(Refusal) -> Value

    let takesSeveralArguments: Bool
    let addsUp: Bool
    let read: Read
    let show: @Sendable (Value) -> [UInt8]
    let lines: @Sendable (_ value: Value, _ standard: Value) -> [Directive.Line]

    /// A value of any number of arguments.
    init(
        several read: @escaping Read,
        addsUp: Bool = false,
        show: @escaping @Sendable (Value) -> [UInt8],
        lines: (@Sendable (_ value: Value, _ standard: Value) -> [Directive.Line])? = nil
    ) {
        takesSeveralArguments = true
        self.addsUp = addsUp
        self.read = read
        self.show = show
        self.lines = lines ?? { [Directive.Line(text: show($0), isDefault: $0 == $1)] }
    }

    /// A value of exactly one argument.
    init(
        _ read: @escaping @Sendable ([UInt8]) throws(Refusal) -> Value,
        show: @escaping @Sendable (Value) -> [UInt8],
        write: (@Sendable (Value) -> [UInt8]?)? = nil
    ) {
        takesSeveralArguments = false
        addsUp = false
        self.read = { (arguments, _) throws(Refusal) in try read(arguments[0]) }
        self.show = show
        lines = { value, standard in
            guard let text = write.map({ $0(value) }) ?? show(value) else { return [] }
            return [Directive.Line(text: text, isDefault: value == standard)]
        }
    }
}

// MARK: Flags and words

extension Kind where Value == Bool {
    static var boolean: Kind {
        Kind(
            { text throws(Refusal) in
                switch lowercased(text) {
                case "yes": return true
                case "no": return false
                default: throw Refusal("argument must be 'yes' or 'no'")
                }
            },
            show: { Array(($0 ? "yes" : "no").utf8) }
        )
    }
}

extension Kind where Value: Choice {
    static var choice: Kind {
        Kind(
            { text throws(Refusal) in
                guard let value = Value(rawValue: lowercased(text)) else {
                    throw Refusal.notOneOf(Value.allCases.map(\.rawValue))
                }
                return value
            },
            show: { Array($0.rawValue.utf8) }
        )
    }
}

extension Kind where Value == String {
    /// One of a few words, where no part reads it yet that would want a type for it.
    static func word(_ words: String...) -> Kind {
        Kind(
            { text throws(Refusal) in
                guard words.contains(lowercased(text)) else { throw Refusal.notOneOf(words) }
                return lowercased(text)
            },
            show: { Array($0.utf8) }
        )
    }
}

extension Refusal {
    static func notOneOf(_ words: [String]) -> Refusal {
        Refusal("argument(s) must be one of the following: \(words.joined(separator: ", "))")
    }
}

// MARK: Numbers

extension Kind where Value == Int {
    /// - Parameter stored: what is kept of a number in the range, where that is not the number itself.
    static func integer(_ range: ClosedRange<Int>, stored: @escaping @Sendable (Int) -> Int = { $0 }) -> Kind {
        Kind(
            { text throws(Refusal) in
                guard let number = canonicalInteger(text) else {
                    throw Refusal("argument couldn't be parsed into an integer")
                }
                return stored(try number.checked(in: range))
            },
            show: { Array(String($0).utf8) }
        )
    }

    /// A number of bytes; Redis's 64 bits without sign end at `Int.max` here.
    static func memory(_ range: ClosedRange<Int> = 0...Int.max, stored: @escaping @Sendable (Int) -> Int = { $0 })
        -> Kind
    {
        Kind(
            { text throws(Refusal) in
                guard let size = memorySize(text) else { throw Refusal("argument must be a memory value") }
                guard let number = Int(exactly: size) else { throw Refusal.outside(range) }
                return stored(try number.checked(in: range))
            },
            show: { Array(String($0).utf8) },
            write: { Array(spelledMemorySize($0).utf8) }
        )
    }

    /// Access rights of a file, in octal digits.
    static var fileMode: Kind {
        Kind(
            { text throws(Refusal) in
                guard let first = text.first, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(first),
                    let mode = Int(String(decoding: text, as: UTF8.self), radix: 8)
                else { throw Refusal("argument couldn't be parsed as an octal number") }
                guard mode <= 0o777 else { throw Refusal("argument must be between 0 and 777 inclusive") }
                return mode
            },
            show: { Array(String($0, radix: 8).utf8) }
        )
    }
}

extension Int {
    fileprivate func checked(in range: ClosedRange<Int>) throws(Refusal) -> Int {
        guard range.contains(self) else { throw Refusal.outside(range) }
        return self
    }
}

extension Refusal {
    fileprivate static func outside(_ range: ClosedRange<Int>) -> Refusal {
        Refusal("argument must be between \(range.lowerBound) and \(range.upperBound) inclusive")
    }
}

extension Kind where Value == MemoryOrPercent {
    static var memoryOrPercent: Kind {
        let malformed = Refusal("argument must be a memory or percent value")
        return Kind(
            { text throws(Refusal) in
                guard text.last == UInt8(ascii: "%") else {
                    guard let size = memorySize(text).flatMap(Int.init(exactly:)) else { throw malformed }
                    return .bytes(size)
                }
                guard let percent = canonicalInteger(text.dropLast()), percent >= 0 else { throw malformed }
                guard percent <= 100 else { throw Refusal("percentage argument must be less or equal to 100") }
                return percent == 0 ? .bytes(0) : .percent(percent)
            },
            show: {
                switch $0 {
                case .bytes(let bytes): Array(String(bytes).utf8)
                case .percent(let percent): Array("\(percent)%".utf8)
                }
            },
            write: {
                switch $0 {
                case .bytes(let bytes): Array(spelledMemorySize(bytes).utf8)
                case .percent(let percent): Array("\(percent)%".utf8)
                }
            }
        )
    }
}

// MARK: Text

extension Kind where Value == String {
    /// Text as it stands.
    ///
    /// - Parameter whenEmpty: whether empty text is a value, which is written, or means that there is none.
    /// - Parameter objection: why a text cannot be the value, or nil.
    static func text(
        whenEmpty: EmptyText = .unset,
        _ objection: @escaping @Sendable (String) -> String? = { _ in nil }
    ) -> Kind {
        Kind(
            { bytes throws(Refusal) in
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    throw Refusal("argument must be valid UTF-8 text")
                }
                if let reason = objection(text) { throw Refusal(reason) }
                return text
            },
            show: { Array($0.utf8) },
            write: { $0.isEmpty && whenEmpty == .unset ? nil : quoted(Array($0.utf8)) }
        )
    }

    /// The name of a file or folder, without a path.
    static func fileName(of name: String, as noun: String = "filename", mayBeEmpty: Bool = false) -> Kind {
        text(whenEmpty: .value) { text in
            if text.isEmpty && !mayBeEmpty { return "\(name) can't be empty" }
            return text.contains("/") ? "\(name) can't be a path, just a \(noun)" : nil
        }
    }

    static var hostname: Kind {
        text { text in
            if text.utf8.count >= 256 { return "Hostnames must be less than 256 characters" }
            let fits = text.utf8.allSatisfy { byte in
                let character = Character(Unicode.Scalar(byte))
                return character.isASCII && (character.isLetter || character.isNumber || "-.".contains(character))
            }
            return fits ? nil : "Hostnames may only contain alphanumeric characters, hyphens or dots"
        }
    }

    /// The title under which the process is listed: braces may only enclose the names of its variables.
    static var processTitle: Kind {
        let variables = ["title", "config-file", "port", "tls-port", "unixsocket", "listen-addr", "server-mode"]
        return text(whenEmpty: .value) { text in
            // A doubled brace stands for itself.
            let parts = text.replacing("{{", with: "").split(separator: "{", omittingEmptySubsequences: false)
            let isFormed = parts.dropFirst().allSatisfy { part in variables.contains { part.hasPrefix($0 + "}") } }
            let isBlank = text.allSatisfy(\.isWhitespace)
            return isFormed && !isBlank ? nil : "template format is invalid or contains unknown variables"
        }
    }
}

/// What an empty text means for a directive.
enum EmptyText {
    case unset, value
}

extension Kind where Value == [UInt8] {
    /// A password or user name: bytes that need not be text; none is no password.
    static var secret: Kind {
        Kind({ bytes throws(Refusal) in bytes }, show: { $0 }, write: { $0.isEmpty ? nil : quoted($0) })
    }
}
