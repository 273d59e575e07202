// Integers as decimal text, in the one spelling that Redis takes and gives: no sign for zero, no leading zeros, no blanks.

internal import Glibc

/// The most bytes that an integer's text has: "-9223372036854775808" and "18446744073709551615".
public let longestIntegerText = 20

/// The number that `text` spells, if it is the canonical spelling of a 64-bit signed integer.
///
/// Redis decides by this rule what is stored as an integer and what an argument may say: "+1", "01", "-0", " 1" and the
/// empty text are none.
@inlinable
public func parseInteger(_ text: Bytes) -> Int64? {
    // Most texts that are no numbers are known by their length or their first byte.
    guard text.count > 0, text.count <= longestIntegerText, text[0] <= UInt8(ascii: "9") else { return nil }
    return parseShortInteger(text)
}

@usableFromInline
func parseShortInteger(_ text: Bytes) -> Int64? {
    let isNegative = text[0] == UInt8(ascii: "-")
    let digits = text[(isNegative ? 1 : 0)..<text.count]
    guard let magnitude = parseUnsigned(digits), !(isNegative && magnitude == 0) else { return nil }
    guard isNegative else { return Int64(exactly: magnitude) }
    return magnitude <= Int64.min.magnitude ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
}

/// The number that `text` spells, if it is the canonical spelling of a 64-bit unsigned integer.
public func parseUnsigned(_ text: Bytes) -> UInt64? {
    guard text.count > 0, text.count <= longestIntegerText else { return nil }
    if text[0] == UInt8(ascii: "0") { return text.count == 1 ? 0 : nil }

    var number: UInt64 = 0
    for offset in 0..<min(text.count, 19) {  // 19 digits always fit
        let digit = text[offset] &- UInt8(ascii: "0")
        guard digit <= 9 else { return nil }
        number = number &* 10 &+ UInt64(digit)
    }
    guard text.count == longestIntegerText else { return number }

    let digit = text[19] &- UInt8(ascii: "0")
    guard digit <= 9 else { return nil }
    let (tenfold, isTooLarge) = number.multipliedReportingOverflow(by: 10)
    let (sum, isStillTooLarge) = tenfold.addingReportingOverflow(UInt64(digit))
    return isTooLarge || isStillTooLarge ? nil : sum
}

/// How many bytes the text of `number` has.
public func integerTextByteCount(_ number: Int64) -> Int {
    digitCount(number.magnitude) + (number < 0 ? 1 : 0)
}

/// Writes the text of `number` at `destination`, which has room for `longestIntegerText` bytes.
///
/// - Returns: how many bytes were written.
@unsafe
public func writeInteger(_ number: Int64, to destination: UnsafeMutableRawPointer) -> Int {
    guard number < 0 else { return unsafe writeUnsigned(UInt64(number), to: destination) }
    unsafe destination.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
    return 1 + (unsafe writeUnsigned(number.magnitude, to: destination + 1))
}

/// Writes the text of `number` at `destination`, which has room for `longestIntegerText` bytes.
///
/// - Returns: how many bytes were written.
@unsafe
public func writeUnsigned(_ number: UInt64, to destination: UnsafeMutableRawPointer) -> Int {
    let count = digitCount(number)
    var rest = number
    var end = count
    while rest >= 100 {  // two digits at a time: half the divisions
        let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
        end -= 2
        unsafe copyDigitPair(Int(pair), to: destination + end)
        rest = quotient
    }
    if rest >= 10 {
        unsafe copyDigitPair(Int(rest), to: destination)
    } else {
        unsafe destination.storeBytes(of: UInt8(ascii: "0") + UInt8(rest), as: UInt8.self)
    }
    return count
}

/// Lends the text of `number` for the length of `body`.
@inlinable
public func withIntegerText<Result>(_ number: Int64, _ body: (Bytes) -> Result) -> Result {
    var text: (UInt64, UInt64, UInt64) = (0, 0, 0)
    return unsafe withUnsafeMutableBytes(of: &text) { buffer in
        let base = unsafe buffer.baseAddress.unsafelyUnwrapped
        let count = unsafe writeInteger(number, to: base)
        return unsafe body(Bytes(base: base, count: count))
    }
}

/// Lends the text of `number` for the length of `body`.
public func withUnsignedText<Result>(_ number: UInt64, _ body: (Bytes) -> Result) -> Result {
    var text: (UInt64, UInt64, UInt64) = (0, 0, 0)
    return unsafe withUnsafeMutableBytes(of: &text) { buffer in
        let base = unsafe buffer.baseAddress.unsafelyUnwrapped
        let count = unsafe writeUnsigned(number, to: base)
        return unsafe body(Bytes(base: base, count: count))
    }
}

private func digitCount(_ number: UInt64) -> Int {
    var (count, rest) = (0, number)
    while rest >= 10_000 {
        rest /= 10_000
        count += 4
    }
    if rest < 10 { return count + 1 }
    if rest < 100 { return count + 2 }
    return rest < 1000 ? count + 3 : count + 4
}

private let digitPairs: StaticString = """
    00010203040506070809101112131415161718192021222324\
    25262728293031323334353637383940414243444546474849\
    50515253545556575859606162636465666768697071727374\
    75767778798081828384858687888990919293949596979899
    """

@inline(__always)
private func copyDigitPair(_ pair: Int, to destination: UnsafeMutableRawPointer) {
    unsafe destination.copyMemory(from: digitPairs.utf8Start + 2 * pair, byteCount: 2)
}
