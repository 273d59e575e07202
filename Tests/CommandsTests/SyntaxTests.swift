// The notation in which commands say what stands behind their names. What COMMAND DOCS makes of it is compared with
// valkey-server in Tests/integration/test_command_facts.py.

import Testing

@testable import Commands

@Suite struct `The syntax of a command` {
    private func shown(_ syntax: String) -> String {
        CommandArgument.parse(syntax, keyCount: 1).map(\.helpText).joined(separator: " ")
    }

    @Test(arguments: [
        ("<key:key> <value>", "<key> <value>"),
        ("[<count:integer>]", "[<count>]"),
        ("<slot:integer>...", "<slot> [<slot> ...]"),
        ("[<event>...]", "[<event> [<event> ...]]"),
        ("range{<start:integer> <end:integer>}...", "<start> <end> [<start> <end> ...]"),
        ("[reset-type(HARD | SOFT)]", "[HARD | SOFT]"),
        ("mode(ON | OFF)", "<ON | OFF>"),
        ("[expiration(EX <seconds:integer@2.6.12> | KEEPTTL@6.0.0)]", "[EX <seconds> | KEEPTTL]"),
        ("[LIMIT limit{<offset:integer> <count:integer>}]", "[LIMIT <offset> <count>]"),
        ("[GET <get-pattern=pattern:pattern>*...]", "[GET <pattern> [GET <pattern> ...]]"),
        ("[KEYS <keys=key:key>...]", "[KEYS <key> [<key> ...]]"),
        ("[ADDR <addr=ip:port>]", "[ADDR <ip:port>]"),
        ("key-selector(<key:key> | empty-string=\"\")", "<<key> | >"),
        ("[operator(equal=\"=\" | approximately=\"~\")]", "[= | ~]"),
    ])
    func `is shown as people write it`(syntax: String, expected: String) {
        #expect(shown(syntax) == expected)
    }

    @Test func `tells words, what they announce, and versions apart`() throws {
        let arguments = CommandArgument.parse(
            "<key:key> [NX@2.6.12] [EX <seconds:integer@2.0.0>] [sorting=\"ALPHA\"]",
            keyCount: 1
        )

        #expect(arguments.map(\.name) == ["key", "nx", "seconds", "sorting"])
        #expect(arguments.map(\.token) == [nil, "NX", "EX", "ALPHA"])
        #expect(arguments.map(\.kind) == [.key, .pureToken, .integer, .pureToken])
        #expect(arguments.map(\.since) == [nil, "2.6.12", "2.0.0", nil])
        #expect(arguments.map(\.isOptional) == [false, true, true, true])
        #expect(arguments.map(\.keySpecification) == [0, nil, nil, nil])
    }

    @Test func `tells which version made an argument old`() throws {
        let arguments = CommandArgument.parse("<old=ip:port@2.0.0!2.8.12> <new>", keyCount: 0)

        #expect(arguments.map(\.display) == ["ip:port", "new"])
        #expect(arguments.map(\.since) == ["2.0.0", nil])
        #expect(arguments.map(\.deprecatedSince) == ["2.8.12", nil])
    }

    /// Keys in their order belong to the specifications in theirs; one specification may find several.
    @Test(arguments: [(1, [0, 0]), (2, [0, 1])])
    func `counts keys by their specifications`(count: Int, expected: [Int]) {
        let arguments = CommandArgument.parse("<source:key> <destination:key>", keyCount: count)

        #expect(arguments.map(\.keySpecification) == expected)
    }

    @Test(arguments: StringCommands.all + KeyCommands.all + BitmapCommands.all)
    func `is in order wherever one is declared`(command: Command) {
        for declared in [command] + command.subcommands {
            let needsNone = declared.arity == .exactly(declared.wordCount) || !declared.subcommands.isEmpty
            #expect(needsNone || !declared.documentedArguments.isEmpty)
        }
    }
}

extension Command {
    fileprivate var wordCount: Int { isHidden || name.contains("|") ? 2 : 1 }
}
