import Keyspace
import Protocol
import Testing

@Suite struct `The id of an entry` {
    /// Asked of Valkey 9.1, which reads the numbers with strtoull.
    @Test(
        arguments: [
            ("1-2", StreamID(1, 2)), ("7", StreamID(7, 9)), ("0", StreamID(0, 9)),
            ("18446744073709551615-18446744073709551615", .greatest),
            ("07-01", StreamID(7, 1)), ("+8-+1", StreamID(8, 1)), (" 1- 2", StreamID(1, 2)), ("000-000", .zero),
            ("", nil), ("-", nil), ("+", nil), ("1-", nil), ("-1", nil), ("1-2-3", nil), ("x", nil), ("1-x", nil),
            ("1 -2", nil), ("1-2 ", nil),
            ("18446744073709551616", nil), ("1-18446744073709551616", nil), ("*", nil), ("1-*", nil), ("+", nil),
            ("0x1", nil),
        ] as [(String, StreamID?)]
    )
    func `is read as Valkey reads it`(text: String, expected: StreamID?) {
        #expect(Array(text.utf8).withBytes { StreamID($0, missingSequence: 9) } == expected)
    }

    @Test(
        arguments: [
            ("5-*", 5), ("05-*", 5), ("-*", nil), ("*", nil), ("5*", nil), ("5--*", nil), ("x-*", nil), ("5-1", nil),
        ] as [(String, UInt64?)]
    )
    func `may leave its second number to the stream`(text: String, expected: UInt64?) {
        #expect(Array(text.utf8).withBytes { StreamID.milliseconds(withoutSequence: $0) } == expected)
    }

    @Test(arguments: [
        ("0-0", StreamID.zero), ("18446744073709551615-18446744073709551615", .greatest),
        ("1526919030474-55", StreamID(1_526_919_030_474, 55)),
    ])
    func `is written as it is read`(text: String, id: StreamID) {
        #expect(id.withText { $0.text } == text)
    }
}
