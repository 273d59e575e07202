import Configuration
import Testing

@Suite struct `A command line` {
    /// What each line of the options becomes; asked of Redis 7.0, which repeats a faulty line in its error.
    @Test(arguments: [
        (["--timeout", "5"], #"timeout "5""#),
        (["--timeout 5"], "timeout 5"),
        (["--timeout 5 --loglevel verbose"], "timeout 5 --loglevel verbose"),
        (["--timeout", "--loglevel", "verbose"], #"timeout "--loglevel" "verbose""#),
        (["--timeout", "5", "--loglevel"], "timeout \"5\"\nloglevel"),
        (["--requirepass", "--abc"], #"requirepass "--abc""#),
        (["--requirepass", "--abc", "--def"], "requirepass \"--abc\"\ndef"),
        (["--requirepass", "--"], #"requirepass "--""#),
        (["--requirepass", "a\\nb\nc\u{1}"], #"requirepass "a\\nb\nc\x01""#),
        (["--requirepass", "a\"b"], #"requirepass "a\"b""#),
        (["--port", "6379", "6380"], #"port "6379" "6380""#),
        (["--port"], "port"),
        (["--masteruser a", "b"], #"masteruser a "b""#),
        (["--masteruser a", "--timeout", "5"], "masteruser a\ntimeout \"5\""),
        (["--save"], #"save """#),
        (["--save", "--timeout", "5"], "save \"\"\ntimeout \"5\""),
        (["--save", "900", "1", "--save", "300", "10"], "save \"900\" \"1\"\nsave \"300\" \"10\""),
        (["--save", "--", "--timeout", "4"], "save \"\"\n \"--timeout\" \"4\""),
        (["--", "5"], #""5""#),
        (["---masteruser", "a"], #"-masteruser "a""#),
        (["c.conf", "loglevel", "verbose", "--maxmemory '700mb'"], "\"loglevel\" \"verbose\"\nmaxmemory '700mb'"),
        (["c.conf", "loglevel", "--timeout", "5"], "\"loglevel\"\ntimeout \"5\""),
        (["-x"], #""-x""#),
    ])
    func `folds into lines as in Redis 7.0`(arguments: [String], lines: String) throws {
        let sources = try sources(of: arguments)

        #expect(
            text(sources.options).split(separator: "\n").map { $0.trimmed }
                == lines.split(separator: "\n").map { $0.trimmed }
        )
    }

    @Test(
        arguments: [
            ([], nil, false), (["a.conf"], "a.conf", false), (["-"], nil, true), (["a.conf", "-"], "a.conf", true),
            (["--port", "1", "-"], nil, true), (["-", "--port", "1"], nil, true), (["--port", "1"], nil, false),
        ] as [([String], String?, Bool)]
    )
    func `names a file, standard input, both or neither`(arguments: [String], file: String?, readsInput: Bool) throws {
        let sources = try sources(of: arguments)

        #expect(sources.file == file)
        #expect(sources.readsStandardInput == readsInput)
    }

    @Test func `has a hyphen for standard input only at its ends`() throws {
        #expect(try text(sources(of: ["--timeout", "x", "-", "-"]).options).trimmed == #"timeout "x" "-""#)
        #expect(try text(sources(of: ["c.conf", "-", "--timeout", "x"]).options).contains(#""-""#))
    }

    @Test func `asks for the version or for help only alone`() throws {
        #expect(Invocation(arguments: [bytes("--version")]) == .version)
        #expect(Invocation(arguments: [bytes("-v")]) == .version)
        #expect(Invocation(arguments: [bytes("--help")]) == .help)
        #expect(Invocation(arguments: [bytes("-h")]) == .help)
        _ = try sources(of: ["--version", "x"])
    }

    /// Line numbers are those that Redis 7.0 reports.
    @Test(arguments: [
        ("", "", 2), ("a\n", "", 3), ("a\n\nb", "", 4), ("timeout 5\n", "hz 3\n", 4),
    ])
    func `counts on from the file and from standard input`(file: String, input: String, number: Int) throws {
        let whole = try sources(of: ["--timeout", "x"]).text(file: bytes(file), standardInput: bytes(input))

        #expect(
            text(whole).split(separator: "\n", omittingEmptySubsequences: false)[number - 1].trimmed == #"timeout "x""#
        )
    }

    @Test func `wins over the file, but adds to its save lines`() throws {
        let sources = try sources(of: ["--timeout", "5", "--save", "300", "10"])
        let whole = sources.text(file: bytes("timeout 7\nsave 900 1\n"), standardInput: [])

        let configuration = try load(text(whole))

        #expect(configuration.timeoutSeconds == 5)
        #expect(shown("save", in: configuration) == "900 1 300 10")
    }

    private func sources(of arguments: [String]) throws -> Invocation.Sources {
        guard case .run(let sources) = Invocation(arguments: arguments.map { bytes($0) }) else {
            throw Refusal("not a run of the server")
        }
        return sources
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
