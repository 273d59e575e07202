import Protocol
import Testing

@Suite struct `A glob` {
    @Test(arguments: [
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "heeeello", true),
        ("h*llo", "hllo", true),
        ("h[ae]llo", "hallo", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hallo", true),
        ("h[^e]llo", "hello", false),
        ("h[a-b]llo", "hbllo", true),
        ("h[b-a]llo", "hallo", true),
        ("h[a-b]llo", "hcllo", false),
        ("*", "", true),
        ("?", "", false),
        ("", "", true),
        ("", "a", false),
        ("**a", "ba", true),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "aXbYcd", false),
        ("a*bc", "abbbc", true),
        (#"\*"#, "*", true),
        (#"\*"#, "a", false),
        (#"a\"#, #"a\"#, true),
        (#"a\"#, "a", false),
        ("[abc", "a", true),
        ("[abc", "c", true),
        ("[abc", "d", false),
        ("[a", "ab", false),
        ("[", "[", false),
        ("[", "a", false),
        ("[]", "a", false),
        ("[]a]", "a]", false),
        ("[^]", "a", true),
        ("[^", "a", true),
        (#"[\]]"#, "]", true),
        (#"[\]]"#, #"\"#, false),
        (#"[a\-c]"#, "b", false),
        (#"[a\-c]"#, "-", true),
        ("[a-", "-", true),
        ("[a-", "a", true),
        ("[a-]", "-", false),
        ("[a-]", "]", true),
        ("[--0]", ".", true),
        ("[^a-c]x", "dx", true),
        ("[^a-c]x", "bx", false),
        ("*?", "a", true),
        ("*?", "", false),
        ("?*", "ab", true),
        ("a[*]b", "a*b", true),
        ("a[*]b", "axb", false),
        ("*[0-9]", "key9", true),
        ("*[0-9]", "key", false),
        (#"\a"#, "a", true),
        ("[[]", "[", true),
        ("[!a]", "!", true),
        ("[!a]", "b", false),
        ("A", "a", false),
        ("x*[^]y", "xy", false),
        (#"[a-\]]"#, "b", false),
        (#"[a-\]]"#, "a]", true),
        (#"[\"#, #"\"#, true),
        (#"[\"#, "a", false),
    ])
    func `fits the keys that Redis 7.0 finds with KEYS`(pattern: String, text: String, expected: Bool) {
        #expect(fits(pattern, text) == expected)
    }

    @Test func `folds letters only when asked to, and not behind a backslash in a class`() {
        #expect(fits("MAX*", "maxmemory", ignoringCase: true))
        #expect(fits("[A-C]x", "bX", ignoringCase: true))
        #expect(!fits("[A-C]x", "bx"))
        #expect(!fits(#"[\A]"#, "a", ignoringCase: true))
    }

    @Test func `with many stars is decided at once`() {
        let pattern = String(repeating: "a*", count: 5_000) + "b"
        let text = String(repeating: "a", count: 10_000)

        // Tried star by star this takes longer than the universe has; Redis 7.0 gives up on it for the same reason.
        #expect(!fits(pattern, text))
    }
}

private func fits(_ pattern: String, _ text: String, ignoringCase: Bool = false) -> Bool {
    Array(pattern.utf8).withBytes { pattern in
        Array(text.utf8).withBytes { globMatches(pattern, $0, ignoringCase: ignoringCase) }
    }
}
