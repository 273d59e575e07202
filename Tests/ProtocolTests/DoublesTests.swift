import Testing

@testable import Protocol

private func parse(_ text: String) -> Double? { Array(text.utf8).withBytes { parseDouble($0) } }
private func parseLong(_ text: String) -> LongDouble? { Array(text.utf8).withBytes { parseLongDouble($0) } }

@Suite struct Doubles {
    /// Answers of valkey-server 9.1 to ZSCORE after a ZADD with the score on the left, in a set that is no listpack.
    @Test(arguments: [
        ("0", "0"), ("-0", "-0"), ("0.1", "0.1"), ("3.1", "3.1"), ("2.5", "2.5"), ("3.14", "3.14"),
        ("100", "100"), ("-100", "-100"), ("-1.5", "-1.5"), ("1e16", "10000000000000000"),
        ("1e17", "100000000000000000"), ("99999999999999999", "100000000000000000"),
        ("1234567890123456789", "1234567890123456768"), ("5e18", "5e+18"),
        ("5123456789012345856", "5123456789012346000"),
        ("4611686018427387905", "4611686018427387904"), ("1e20", "1e+20"), ("1e21", "1e+21"), ("1.5e300", "1.5e+300"),
        ("1e-5", "0.00001"), ("0.0001", "0.0001"), ("1e-6", "0.000001"), ("1e-7", "1e-7"), ("1.234e-7", "1.234e-7"),
        ("123456.789", "123456.789"), ("0.30000000000000004", "0.30000000000000004"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"), ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("5e-324", "5e-324"), ("1e-310", "1e-310"), ("inf", "inf"), ("-inf", "-inf"), ("+inf", "inf"),
        ("infinity", "inf"), ("+5", "5"), (".5", "0.5"), ("1.", "1"),
    ])
    func `are read and written as Valkey does`(text: String, expected: String) {
        guard let number = parse(text) else { Issue.record("\(text) is not read"); return }

        #expect(withDoubleText(number) { $0.text } == expected)
    }

    @Test(arguments: [
        "", " 1", "1 ", "\t1", "nan", "-nan", "abc", "1e", "e5", "1_000", "1e309", "-1e309", "1e-400", "1\0",
        "0x10", "0x1p3", ".", "-", "-.", "1.2.3", "--1", "+-1",
    ])
    func `are not read from what Valkey refuses`(text: String) { #expect(parse(text) == nil) }

    @Test func `are read back as the same number, whatever their bits`() {
        var bits: UInt64 = 0x3FF0_0000_0000_0001
        for _ in 0..<20000 {
            bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = Double(bitPattern: bits)
            guard number.isFinite else { continue }
            #expect(withDoubleText(number) { parseDouble($0) }?.bitPattern == number.bitPattern)
        }
    }
}

#if arch(x86_64)
    @Suite struct `Long doubles` {
        /// Answers of Redis 7.0.15 to INCRBYFLOAT of a missing key by the number on the left.
        @Test(arguments: [
            ("0", "0"), ("-0", "0"), ("0.1", "0.1"), ("3.1", "3.1"), ("3.0e3", "3000"), ("1e-5", "0.00001"),
            ("1e-17", "0.00000000000000001"), ("4e-18", "0"), ("5e-18", "0"), ("1e17", "100000000000000000"),
            ("0x10", "16"),
            ("0x1p-3", "0.125"), ("+5", "5"), (".5", "0.5"), ("5.", "5"), ("10.5", "10.5"), ("-3.25", "-3.25"),
            ("123456789012345678901234567890", "123456789012345678899921813504"),
            ("0.30000000000000004", "0.30000000000000004"), ("17179869184.5", "17179869184.5"), ("1e-4940", "0"),
            ("1e-4950", "0"),
        ])
        func `are read, added to zero and written as Redis does`(text: String, expected: String) {
            guard let number = parseLong(text) else { Issue.record("\(text) is not read"); return }

            #expect(withLongDoubleText(0 + number) { $0.text } == expected)
        }

        @Test func `add without the error that doubles make`() {
            guard let sum = parseLong("3"), let increment = parseLong("1.1") else { Issue.record("not read"); return }
            #expect(withLongDoubleText(sum + increment) { $0.text } == "4.1")

            guard let tenth = parseLong("0.1"), let fifth = parseLong("0.2") else { Issue.record("not read"); return }
            #expect(withLongDoubleText(tenth + fifth) { $0.text } == "0.3")
        }

        @Test(arguments: ["", " 1", "1 ", "nan", "e5", "1_000", "1e5000", "1e-5000"])
        func `are not read from what Redis refuses`(text: String) { #expect(parseLong(text) == nil) }

        @Test func `have room for the largest`() {
            let largest = LongDouble.greatestFiniteMagnitude
            #expect(withLongDoubleText(-largest) { $0.count } == 4934)
        }
    }
#endif
