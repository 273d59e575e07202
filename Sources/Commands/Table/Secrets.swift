// Arguments that nobody may read over the client's shoulder: passwords, mostly.

public import Protocol

/// Where the secrets of a command stand.
public enum Secrets: Sendable {
    case none
    /// From this argument on.
    case from(Int)
    /// So many arguments behind this word.
    case behind(StaticString, count: Int)
    /// The second of every pair from this argument on whose first is such a name.
    case values(from: Int, ofNames: @Sendable (Bytes) -> Bool)
    /// Where the command says: whether the argument at a position is secret.
    case chosen(@Sendable (Int, Arguments) -> Bool)

    /// What is shown in a secret's place.
    public static let cover: StaticString = "(redacted)"

    /// Whether the argument at `index` is secret.
    public func cover(_ index: Int, of arguments: Arguments) -> Bool {
        switch self {
        case .none: return false
        case .from(let first): return index >= first
        case .behind(let word, let count):
            guard let place = (1..<max(1, arguments.count)).first(where: { arguments[$0].isWord(word) }) else {
                return false
            }
            return index > place && index <= place + count
        case .values(let first, let isSecret):
            return index > first && (index - first) % 2 == 1 && isSecret(arguments[index - 1])
        case .chosen(let isSecret): return isSecret(index, arguments)
        }
    }
}
