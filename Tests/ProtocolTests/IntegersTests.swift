import Testing

@testable import Protocol

private func parse(_ text: String) -> Int64? { Array(text.utf8).withBytes { parseInteger($0) } }

@Suite struct Integers {
    @Test(arguments: [
        ("0", 0), ("7", 7), ("-1", -1), ("10", 10), ("1234567890", 1_234_567_890),
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("-9223372036854775807", -Int64.max),
    ])
    func `are read from their canonical text`(text: String, expected: Int64) {
        #expect(parse(text) == expected)
    }

    @Test(arguments: [
        "", "-", "+1", "01", "-0", "-01", "00", " 1", "1 ", "1.0", "1e3", "0x1", "a", "--1", "1-",
        "9223372036854775808",
        "-9223372036854775809", "18446744073709551615", "-18446744073709551615", "99999999999999999999",
        "-9999999999999999999", "100000000000000000000", "12/4", "12:4",
    ])
    func `are not read from any other text`(text: String) {
        #expect(parse(text) == nil)
    }

    @Test(
        arguments: [
            ("0", 0), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil),
            ("18446744073709551620", nil),
            ("20000000000000000000", nil), ("9999999999999999999", 9_999_999_999_999_999_999),
            ("1844674407370955161x", nil),
            ("-1", nil), ("00", nil), ("", nil),
        ] as [(String, UInt64?)]
    )
    func `without a sign may use all 64 bits`(text: String, expected: UInt64?) {
        #expect(Array(text.utf8).withBytes { parseUnsigned($0) } == expected)
    }

    @Test func `survive the way to text and back at every length and at both ends`() {
        var numbers: [Int64] = [0, .max, .min]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            numbers += [power - 1, power, power + 1, -power + 1, -power, -power - 1]
        }
        for shift in 0..<63 { numbers.append(-0x61C8_8646_80B5_83EB >> Int64(shift)) }

        for number in numbers {
            let text = withIntegerText(number) { $0.array }

            #expect(text == Array(String(number).utf8))
            #expect(integerTextByteCount(number) == text.count)
            #expect(text.withBytes { parseInteger($0) } == number)
        }
    }
}
