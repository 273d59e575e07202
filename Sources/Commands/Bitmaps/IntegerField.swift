// Integers of any width: their bounds, and what happens beyond them.

internal import Protocol

/// A type of integer: `i1` … `i64`, `u1` … `u63`. All of its values are 64-bit signed integers, too.
struct IntegerField {
    /// What becomes of a number beyond the bounds.
    enum Overflow {
        /// The bits that have room stay.
        case wraps
        /// The nearest bound takes its place.
        case saturates
        case fails

        init?(named word: Bytes) {
            if word.isWord("WRAP") {
                self = .wraps
            } else if word.isWord("SAT") {
                self = .saturates
            } else if word.isWord("FAIL") {
                self = .fails
            } else {
                return nil
            }
        }
    }

    let isSigned: Bool
    let bitCount: Int

    /// - Parameter name: as in `i16`, in small letters.
    init?(named name: Bytes) {
        guard name.count > 1, let count = parseInteger(name[1..<name.count]) else { return nil }
        switch name[0] {
        case UInt8(ascii: "i") where (1...64).contains(count): isSigned = true
        case UInt8(ascii: "u") where (1...63).contains(count): isSigned = false
        default: return nil
        }
        bitCount = Int(count)
    }

    private var bounds: ClosedRange<Int64> {
        let spare = 64 - bitCount
        return isSigned ? (.min >> spare)...(.max >> spare) : 0...Int64(bitPattern: .max >> spare)
    }

    /// The value that the lowest `bitCount` bits spell; what is above them is ignored.
    func value(ofBits bits: UInt64) -> Int64 {
        let spare = 64 - bitCount
        return isSigned ? Int64(bitPattern: bits << spare) >> spare : Int64(bitPattern: (bits << spare) >> spare)
    }

    /// `number` as a value of the type. To an unsigned type a negative one is too large: its bits are read as a number.
    func fit(_ number: Int64, _ overflow: Overflow) -> Int64? {
        if bounds.contains(number) { return number }
        // Redis measures how far `number` is below the upper bound, and where that is more than 63 bits can say it takes the
        // number for too large. Its clients saturate the very smallest numbers upwards; so do ours.
        let isFarBelow = number <= .min + bounds.upperBound
        return replacement(for: number, isTooLarge: !isSigned || number > 0 || isFarBelow, overflow)
    }

    /// `value + increment` as a value of the type.
    func sum(_ value: Int64, _ increment: Int64, _ overflow: Overflow) -> Int64? {
        let (sum, overflows) = value.addingReportingOverflow(increment)
        if !overflows, bounds.contains(sum) { return sum }
        return replacement(for: sum, isTooLarge: increment > 0, overflow)
    }

    private func replacement(for number: Int64, isTooLarge: Bool, _ overflow: Overflow) -> Int64? {
        switch overflow {
        case .wraps: value(ofBits: UInt64(bitPattern: number))
        case .saturates: isTooLarge ? bounds.upperBound : bounds.lowerBound
        case .fails: nil
        }
    }
}
