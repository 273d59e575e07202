// What a client can do wrong in a command, and the texts that Redis answers with, byte for byte.

public import Protocol

/// A refused command. Plain values: throwing one allocates nothing.
public enum CommandError: Error {
    case syntax
    case wrongType
    case notAnInteger
    case notAFloat
    case minimumOrMaximumNotAFloat
    case incrementOverflows
    case incrementIsNotFinite
    case decrementOverflows
    case stringTooLong
    case offsetOutOfRange
    case valueOutOfRange
    case valueMustBePositive
    case bitOffsetNotAnInteger
    case bitValueNotAnInteger
    case noSuchKey
    case sameObject
    case databaseOutOfRange
    case notA32BitInteger
    /// An expiry that is not positive, or too far away to be told in milliseconds.
    case invalidExpireTime
    case wrongArity
    /// None of the keys that a command puts together was named.
    case noInputKey
    /// A string that looks like one of PFADD's, and is none.
    case corruptedHyperLogLog
    /// No place on earth that a score can tell.
    case invalidPosition(longitude: Double, latitude: Double)
    /// The member at this position of the call is not in the sorted set.
    case noSuchMember(at: Int)
    /// The word at this position is no option of the command.
    case unsupportedOption(at: Int)
    /// The same, where the text names the command.
    case unrecognizedOption(at: Int)
    case invalidStreamID
    /// The stream under one argument has no group of the name at another.
    case noSuchGroup(at: Int, ofKeyAt: Int)
    /// There is no such group, be it that there is no such key.
    case noSuchKeyOrGroup(keyAt: Int, groupAt: Int)
    /// A subcommand that checks its words itself does not understand them.
    case subcommandSyntax
    case outOfMemory
    /// A text known at compile time, with its code: for what a single command has to say.
    case text(StaticString)

    /// The whole line without the minus sign; nil where it names the command or one of its arguments.
    public var message: StaticString? {
        switch self {
        case .syntax: "ERR syntax error"
        case .wrongType: "WRONGTYPE Operation against a key holding the wrong kind of value"
        case .notAnInteger: "ERR value is not an integer or out of range"
        case .notAFloat: "ERR value is not a valid float"
        case .minimumOrMaximumNotAFloat: "ERR min or max is not a float"
        case .incrementOverflows: "ERR increment or decrement would overflow"
        case .incrementIsNotFinite: "ERR increment would produce NaN or Infinity"
        case .decrementOverflows: "ERR decrement would overflow"
        case .stringTooLong: "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
        case .offsetOutOfRange: "ERR offset is out of range"
        case .valueOutOfRange: "ERR value is out of range"
        case .valueMustBePositive: "ERR value is out of range, must be positive"
        case .bitOffsetNotAnInteger: "ERR bit offset is not an integer or out of range"
        case .bitValueNotAnInteger: "ERR bit is not an integer or out of range"
        case .noSuchKey: "ERR no such key"
        case .sameObject: "ERR source and destination objects are the same"
        case .databaseOutOfRange: "ERR DB index is out of range"
        case .notA32BitInteger: "ERR value is out of range, value must between -2147483648 and 2147483647"
        case .invalidExpireTime, .wrongArity, .noInputKey, .invalidPosition, .noSuchMember, .unsupportedOption,
            .unrecognizedOption, .noSuchGroup, .noSuchKeyOrGroup, .subcommandSyntax:
            nil
        case .invalidStreamID: "ERR Invalid stream ID specified as stream command argument"
        case .outOfMemory: "OOM command not allowed when used memory > 'maxmemory'."
        case .corruptedHyperLogLog: "INVALIDOBJ Corrupted HLL object detected"
        case .text(let text): text
        }
    }
}

extension ReplyBuffer {
    /// Writes `error` as the answer of `command`, called with `arguments`.
    public func error(_ error: CommandError, of command: Command, with arguments: Arguments) {
        if let message = error.message { return self.error(message) }
        switch error {
        case .invalidExpireTime: self.error("ERR invalid expire time in '\(command.name)' command")
        case .noInputKey: self.error("ERR at least 1 input key is needed for '\(command.name)' command")
        case .invalidPosition(let longitude, let latitude):
            let numbers = [longitude, latitude].map { withFixedText($0, digitsBehindPoint: 6) { $0.text } }
            self.error("ERR invalid longitude,latitude pair \(numbers[0]),\(numbers[1])")
        case .noSuchMember(let index): self.error("ERR member ", quoting: arguments[index], " does not exist")
        case .unsupportedOption(let index): self.error("ERR Unsupported option ", quoting: arguments[index])
        case .unrecognizedOption(let index):
            self.error("ERR Unrecognized \(command.name.uppercased()) option '", quoting: arguments[index], "'")
        case .noSuchGroup(let group, let key):
            self.error(
                "NOGROUP No such consumer group '",
                quoting: arguments[group],
                "' for key name '",
                quoting: arguments[key],
                "'"
            )
        case .noSuchKeyOrGroup(let key, let group):
            self.error(
                "NOGROUP No such key '",
                quoting: arguments[key],
                "' or consumer group '",
                quoting: arguments[group],
                command.name == "xreadgroup" ? "' in XREADGROUP with GROUP option" : "'"
            )
        case .subcommandSyntax:
            self.error(
                "ERR unknown subcommand or wrong number of arguments for '",
                quoting: arguments[1],
                "'. Try \(command.containerName.uppercased()) HELP."
            )
        default: self.error("ERR wrong number of arguments for '\(command.name)' command")
        }
    }
}
