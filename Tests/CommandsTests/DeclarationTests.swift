// What follows from how a command is declared.

import Protocol
import Testing

@testable import Commands

@Suite struct `Secret arguments` {
    private func covered(_ secrets: Secrets, _ words: String...) -> [Bool] {
        let owned = OwnedArguments(words.map { Array($0.utf8) })
        return (0..<words.count).map { secrets.cover($0, of: owned.arguments) }
    }

    @Test func `of a command without any cover nothing`() {
        #expect(covered(.none, "GET", "key") == [false, false])
    }

    @Test func `from an argument on cover all that follow`() {
        #expect(covered(.from(1), "AUTH", "user", "password") == [false, true, true])
    }

    @Test func `behind a word end after their number, in whatever case the word is`() {
        let secrets = Secrets.behind("AUTH", count: 2)

        #expect(
            covered(secrets, "HELLO", "3", "auth", "user", "password", "SETNAME", "me")
                == [false, false, false, true, true, false, false]
        )
        #expect(covered(secrets, "HELLO", "3") == [false, false])
        #expect(covered(secrets, "HELLO", "3", "AUTH") == [false, false, false])
    }

    @Test func `among pairs cover the values of secret names only`() {
        let secrets = Secrets.values(from: 2) { $0.isWord("requirepass") }

        #expect(
            covered(secrets, "CONFIG", "SET", "hz", "requirepass", "requirepass", "hz")
                == [false, false, false, false, false, true]
        )
        #expect(covered(secrets, "CONFIG", "SET", "requirepass") == [false, false, false])
    }
}

@Suite struct `A hidden subcommand` {
    private let table = CommandTable(families: [
        [
            Command(
                "trick",
                "Plays tricks.",
                flags: [.admin],
                group: .server,
                since: "1.0.0",
                subcommands: [
                    Command(
                        "trick vanish",
                        "Vanishes.",
                        arity: .exactly(2),
                        flags: [.admin],
                        group: .server,
                        since: "1.0.0"
                    ) {
                        call throws(CommandError) in call.reply.ok()
                    }
                ]
            )
        ]
    ])

    private func command(_ words: String...) -> Command? {
        table.command(for: OwnedArguments(words.map { Array($0.utf8) }).arguments)
    }

    @Test func `is found, and goes by its container's name and number`() throws {
        let container = try #require(command("TRICK"))
        let subcommand = try #require(command("trick", "VANISH"))

        #expect(subcommand !== container)
        #expect(subcommand.name == "trick")
        #expect(subcommand.ownName == "vanish")
        #expect(subcommand.index == container.index)
    }

    @Test func `is not among the commands that the table tells of`() {
        #expect(table.all.map(\.name) == ["trick"])
        #expect(table.named["trick"]?.shownSubcommands.isEmpty == true)
        #expect(table.command(spelled: "trick|vanish") == nil)
    }

    @Test func `leaves its container the flags that COMMAND shows`() throws {
        let container = try #require(table.named["trick"])

        #expect(container.flags == [.admin])
        #expect(container.categories == ["admin", "dangerous", "slow"])
    }
}
