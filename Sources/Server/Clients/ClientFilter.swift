// Which clients CLIENT LIST and CLIENT KILL mean.

internal import Commands
internal import Keyspace
internal import Protocol

/// Conditions that must all be met. Of an option that is said twice the last counts, but identifiers add up.
struct ClientFilter {
    /// Words that are no filter, as the client is told of it.
    struct Mistake: Error {
        let text: String

        static let syntax = Mistake(text: "ERR syntax error")
    }

    private typealias Condition = (Client) -> Bool

    private let conditions: [Condition]

    /// - Parameter call: of CLIENT LIST or KILL, the filter behind the second word.
    /// - Parameter skipsAsker: where SKIPME does not say.
    init(_ call: Call, skipsAsker: Bool) throws(Mistake) {
        let (words, asker) = (call.arguments, call.client)
        var conditions: [String: Condition] = ["SKIPME": { !skipsAsker || $0 !== asker }]
        var identifiers: [String: Set<Int64>] = [:]
        var position = 2
        while position < words.count {
            let option = words[position].text.uppercased()
            position += 1
            guard position < words.count else { throw .syntax }
            switch option {
            case "ID", "NOT-ID":
                let named = try Self.identifiers(words, at: &position).union(identifiers[option] ?? [])
                identifiers[option] = named
                conditions[option] = { named.contains($0.id) == (option == "ID") }
            default:
                conditions[option] = try Self.condition(option, words[position], call)
                position += 1
            }
        }
        self.conditions = Array(conditions.values)
    }

    func matches(_ client: Client) -> Bool { conditions.allSatisfy { $0(client) } }

    // MARK: Reading

    /// The numbers from `position` on, which ends behind them.
    private static func identifiers(_ words: Arguments, at position: inout Int) throws(Mistake) -> Set<Int64> {
        var found: Set<Int64> = []
        while position < words.count, let number = parseInteger(words[position]), number > 0 {
            found.insert(number)
            position += 1
        }
        let isFollowedByNumber = position < words.count && parseInteger(words[position]) != nil
        guard !found.isEmpty, !isFollowedByNumber else {
            throw Mistake(text: "ERR client-id should be greater than 0")
        }
        return found
    }

    private static func condition(_ option: String, _ value: Bytes, _ call: Call) throws(Mistake) -> Condition {
        let (now, asker) = (call.keyspace.now, call.client)
        switch option {
        case "SKIPME":
            guard value.isWord("yes") || value.isWord("no") else { throw .syntax }
            let skipsAsker = value.isWord("yes")
            return { !skipsAsker || $0 !== asker }
        case "MAXAGE":
            let seconds = try seconds(value, of: "maxage")
            return { (now - $0.createdAt) / 1000 >= seconds }
        case "IDLE":
            let seconds = try seconds(value, of: "idle")
            return { (now - $0.lastInteraction) / 1000 >= seconds }
        case _ where option.hasPrefix("NOT-"):
            let isMet = try trait(option.dropFirst(4), value, call, of: option, in: "the \(option) filter")
            return { !isMet($0) }
        default:
            return try trait(option[...], value, call, of: option, in: "the provided filter")
        }
    }

    private static func seconds(_ value: Bytes, of option: String) throws(Mistake) -> Int64 {
        guard let seconds = parseInteger(value) else {
            throw Mistake(text: "ERR \(option) is not an integer or out of range")
        }
        guard seconds > 0 else { throw Mistake(text: "ERR \(option) should be greater than 0") }
        return seconds
    }

    /// A condition that `NOT-` can turn round; `option` and `place` are for mistakes.
    private static func trait(
        _ name: Substring,
        _ value: Bytes,
        _ call: Call,
        of option: String,
        in place: String
    ) throws(Mistake) -> Condition {
        let (bytes, text) = (value.array, value.text)
        switch name {
        case "TYPE":
            guard let isOrdinary = isOrdinary(value) else { throw Mistake(text: "ERR Unknown client type '\(text)'") }
            return { _ in isOrdinary }
        case "USER":
            guard text == "default" else { throw Mistake(text: "ERR No such user '\(text)'") }
            return { _ in true }
        case "ADDR": return { $0.address == text }
        case "LADDR": return { $0.localAddress == text }
        case "IP": return { $0.peer.host == text }
        // Who has no name has not the empty one.
        case "NAME": return { !bytes.isEmpty && $0.name == bytes }
        case "LIB-NAME": return { !bytes.isEmpty && $0.libraryName == bytes }
        case "LIB-VER": return { !bytes.isEmpty && $0.libraryVersion == bytes }
        case "FLAGS":
            guard text.allSatisfy(knownFlags.contains) else {
                throw Mistake(text: "ERR Unknown flags found in \(place): \(text)")
            }
            return { text.allSatisfy($0.flagText.contains) }
        case "CAPA":
            guard text.allSatisfy({ $0 == "r" }) else {
                throw Mistake(text: "ERR Unknown capa found in \(place): \(text)")
            }
            return { _ in text.isEmpty }  // No client can say here what it is capable of.
        case "DB":
            let last = call.keyspace.databaseCount - 1
            guard let number = parseInteger(value) else {
                throw Mistake(text: "ERR \(option) is not an integer or out of range")
            }
            guard (0...Int64(last)).contains(number) else {
                throw Mistake(text: "ERR \(option) number should be between 0 and \(last)")
            }
            return { $0.database == number }
        default: throw .syntax
        }
    }

    /// Whether clients of a type are the ordinary ones, which are all there are; nil for an unknown type.
    private static func isOrdinary(_ type: Bytes) -> Bool? {
        if type.isWord("normal") { return true }
        let others: [StaticString] = ["master", "primary", "replica", "slave", "pubsub"]
        return others.contains { type.isWord($0) } ? false : nil
    }

    /// The letters of CLIENT LIST's flags, those of Valkey included that no client has here.
    private static let knownFlags = "ABEIMNOPRSTUbcdeirtux"
}

// MARK: - Syntax

extension ClientFilter {
    static let listSyntax = """
        [TYPE client-type@5.0.0(NORMAL | MASTER | REPLICA | PUBSUB)] [ID <client-id:integer@6.2.0>...]
        [USER <username@8.1.0>] [ADDR <addr=ip:port@8.1.0>] [LADDR <laddr=ip:port@8.1.0>]
        [SKIPME skipme@8.1.0(YES | NO)] [MAXAGE <maxage:integer@8.1.0>]
        \(newerOptions(types: "NORMAL | MASTER | REPLICA | PUBSUB").joined(separator: " "))
        """

    static let killSyntax = """
        filter(<old-format=ip:port!2.8.12> | new-format([ID <client-id:integer@2.8.12>...] |
        [TYPE client-type@2.8.12(NORMAL | MASTER@3.2.0 | PRIMARY@8.0.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)] |
        [USER <username>] | [ADDR <addr=ip:port>] | [LADDR <laddr=ip:port@6.2.0>] | [SKIPME skipme(YES | NO)] |
        [MAXAGE <maxage:integer@8.0.0>] |
        \(newerOptions(types: "NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB").joined(separator: " | ")))...)
        """

    private static func newerOptions(types: String) -> [String] {
        [
            "[NAME <name@9.0.0>]", "[IDLE <idle:integer@9.0.0>]", "[FLAGS <flags@9.0.0>]",
            "[LIB-NAME <lib-name@9.0.0>]", "[LIB-VER <lib-ver@9.0.0>]", "[DB <db:integer@9.0.0>]",
            "[CAPA <capa@9.0.0>]", "[IP <ip@9.0.0>]", "[NOT-TYPE not-client-type@9.0.0(\(types))]",
            "[NOT-ID <not-client-id:integer@9.0.0>...]", "[NOT-USER <not-username@9.0.0>]",
            "[NOT-ADDR <not-addr=ip:port@9.0.0>]", "[NOT-LADDR <not-laddr=ip:port@9.0.0>]",
            "[NOT-NAME <not-name@9.0.0>]", "[NOT-FLAGS <not-flags@9.0.0>]", "[NOT-LIB-NAME <not-lib-name@9.0.0>]",
            "[NOT-LIB-VER <not-lib-ver@9.0.0>]", "[NOT-DB <not-db:integer@9.0.0>]", "[NOT-CAPA <not-capa@9.0.0>]",
            "[NOT-IP <not-ip@9.0.0>]",
        ]
    }
}
