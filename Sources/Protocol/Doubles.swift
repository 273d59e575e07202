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

/// The number that `text` spells, all of it: what C's `strtod` reads (also "inf", hexadecimal, "1." and ".5"), but no blank
/// before it, no NaN, and nothing that is too large or too small for the type.
public func parseDouble(_ text: Bytes) -> Double? {
    unsafe parse(text) { start, end in unsafe strtod(start, end) }
}

/// The number that `text` spells, by the rules of `parseDouble`.
public func parseLongDouble(_ text: Bytes) -> LongDouble? {
    guard text.count < longestText else { return nil }
    #if arch(x86_64)
        return unsafe parse(text) { start, end in unsafe strtold(start, end) }
    #else
        return unsafe parse(text) { start, end in unsafe strtod(start, end) }
    #endif
}

/// Lends the text of `number` with 17 significant digits (C's "%.17g"), as RESP2 and RESP3 replies of Redis 7 have it.
public func withDoubleText<Result>(_ number: Double, _ body: (Bytes) -> Result) -> Result {
    // The same digits, twenty times faster; a negative zero has a sign.
    if abs(number) < 1e15, let integer = Int64(exactly: number), !(integer == 0 && number.sign == .minus) {
        return withIntegerText(integer, body)
    }
    return withText(capacity: 32, format: "%.17g", number) { text, _ in body(text) }
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
        return errno == ERANGE && (number.isInfinite || number.isZero) ? nil : number
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
