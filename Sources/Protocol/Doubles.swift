// Floating-point numbers as text, in and out, digit by digit as Redis 7 has them.

internal import Glibc

#if arch(x86_64)
    /// The number INCRBYFLOAT counts with: Redis uses C's `long double`, which has 80 bits here.
    public typealias LongDouble = Float80
#else
    /// The number INCRBYFLOAT counts with. Swift knows no larger one here, so that 0.1 + 0.2 is 0.30000000000000004, where
    /// Redis, whose `long double` has 128 bits on this processor, says 0.3.
    public typealias LongDouble = Double
#endif

/// The most bytes that a `LongDouble` may be written with; Redis takes no longer text either.
private let longestText = 5 * 1024

/// The number that `text` spells, all of it, as Valkey reads scores: decimal with or without an exponent, also "1.", ".5"
/// and "inf"; no blank before it, no NaN, nothing hexadecimal, and nothing that is too large or too small for the type.
///
/// - Parameter isSaturating: whether what is too large for the type is infinite, and what is too small is zero.
public func parseDouble(_ text: Bytes, isSaturating: Bool = false) -> Double? {
    if let number = parseShortDecimal(text) { return number }
    for index in 0..<text.count where text[index] | 0x20 == UInt8(ascii: "x") { return nil }
    return unsafe parse(text, isSaturating: isSaturating) { start, end in unsafe strtod(start, end) }
}

/// A number of up to 15 digits, and perhaps a point: both the digits and the power of ten that divides them are exact, so
/// that the quotient is what `strtod` finds with ten times the instructions. Nil says nothing.
private func parseShortDecimal(_ text: Bytes) -> Double? {
    guard text.count > 0, text.count <= 16 else { return nil }
    let isNegative = text[0] == UInt8(ascii: "-")
    var (digits, digitCount, behindPoint): (Int64, Int, Int?) = (0, 0, nil)
    for index in (isNegative ? 1 : 0)..<text.count {
        let digit = text[index] &- UInt8(ascii: "0")
        if digit <= 9 {
            digits = digits &* 10 &+ Int64(digit)
            digitCount += 1
            if let places = behindPoint { behindPoint = places + 1 }
        } else {
            guard text[index] == UInt8(ascii: "."), behindPoint == nil else { return nil }
            behindPoint = 0
        }
    }
    guard digitCount > 0, digitCount <= 15 else { return nil }
    let magnitude = Double(digits) / powersOfTen[behindPoint ?? 0]
    return isNegative ? -magnitude : magnitude
}

private let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
]

/// The number that `text` spells, all of it: what C's `strtold` reads (also "inf", hexadecimal, "1." and ".5"), but no blank
/// before it, no NaN, and nothing that is too large or too small for the type.
public func parseLongDouble(_ text: Bytes) -> LongDouble? {
    guard text.count < longestText else { return nil }
    #if arch(x86_64)
        return unsafe parse(text) { start, end in unsafe strtold(start, end) }
    #else
        return unsafe parse(text) { start, end in unsafe strtod(start, end) }
    #endif
}

/// Lends the text of `number` with 17 significant digits (C's "%.17g"), as ZSCAN still writes the scores of large sets.
public func withLongText<Result>(_ number: Double, _ body: (Bytes) -> Result) -> Result {
    withText(capacity: 32, format: "%.17g", number) { text, _ in body(text) }
}

/// Lends the text of `number` with so many digits behind the point (C's "%.4f").
public func withFixedText<Result>(_ number: Double, digitsBehindPoint digits: Int, _ body: (Bytes) -> Result) -> Result
{
    withText(capacity: longestText, format: "%.\(digits)f", number) { text, _ in body(text) }
}

/// Lends the text that INCRBYFLOAT stores and replies: up to 17 digits after the point, no trailing zeros, no exponent.
public func withLongDoubleText<Result>(_ number: LongDouble, _ body: (Bytes) -> Result) -> Result {
    #if arch(x86_64)
        let format = "%.17Lf"
    #else
        let format = "%.17f"
    #endif
    return withText(capacity: longestText, format: format, number) { text, hasPoint in
        guard hasPoint else { return body(text) }
        var count = text.count
        while text[count - 1] == UInt8(ascii: "0") { count -= 1 }
        if text[count - 1] == UInt8(ascii: ".") { count -= 1 }
        let isNegativeZero = count == 2 && text[0] == UInt8(ascii: "-") && text[1] == UInt8(ascii: "0")
        return body(text[(isNegativeZero ? 1 : 0)..<count])
    }
}

/// Reads with one of C's functions, which want a zero behind the text and say where they stopped.
private func parse<Number: BinaryFloatingPoint>(
    _ text: Bytes,
    isSaturating: Bool = false,
    _ read: (UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Number
) -> Number? {
    guard text.count > 0, text[0] != UInt8(ascii: " "), !(9...13).contains(text[0]) else { return nil }
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { buffer -> Number? in
        let start = unsafe buffer.baseAddress.unsafelyUnwrapped
        unsafe UnsafeMutableRawPointer(start).copyMemory(from: text.base, byteCount: text.count)
        unsafe start[text.count] = 0

        var end: UnsafeMutablePointer<CChar>?
        errno = 0
        let number = unsafe read(start, &end)
        guard unsafe end == start + text.count, !number.isNaN else { return nil }
        // A subnormal number is out of range for C, but still a number.
        return !isSaturating && errno == ERANGE && (number.isInfinite || number.isZero) ? nil : number
    }
}

/// Lends what C's `printf` makes of `number`, and whether there is a point in it.
private func withText<Result>(
    capacity: Int,
    format: String,
    _ number: any CVarArg,
    _ body: (Bytes, _ hasPoint: Bool) -> Result
) -> Result {
    unsafe withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { buffer in
        let base = unsafe buffer.baseAddress.unsafelyUnwrapped
        let count = unsafe withVaList([number]) { arguments in
            unsafe vsnprintf(base.assumingMemoryBound(to: CChar.self), capacity, format, arguments)
        }
        precondition(count > 0 && count < capacity, "a number longer than its longest text")
        let hasPoint = unsafe memchr(base, Int32(UInt8(ascii: ".")), Int(count)) != nil
        return unsafe body(Bytes(base: base, count: Int(count)), hasPoint)
    }
}
