// Floating-point numbers as the shortest text that reads back as the same number, digit by digit as Valkey writes scores.
//
// The digits come from Grisu2, which works with 64-bit integers alone. In one case of a thousand it gives a digit more than
// needed; so does Valkey, and what it writes is what clients compare.
//
// - Source: Florian Loitsch, “Printing Floating-Point Numbers Quickly and Accurately with Integers” (2010). The texts in
//   `DoublesTests` were taken from valkey-server 9.1.

/// Lends the text of `number`, which may be infinite, or "nan": whole numbers up to 2⁶² in full, other large ones and tiny
/// ones with an exponent.
public func withDoubleText<Result>(_ number: Double, _ body: (Bytes) -> Result) -> Result {
    if let integer = integralValue(number), number != 0 || number.sign == .plus {
        return withIntegerText(integer, body)
    }
    return unsafe withUnsafeTemporaryAllocation(byteCount: ShortestDecimal.longestText, alignment: 1) { buffer in
        var writer = unsafe TextWriter(base: buffer.baseAddress.unsafelyUnwrapped)
        ShortestDecimal.write(number, to: &writer)
        return body(writer.text)
    }
}

/// The integer that `number` is, if it is whole and neither side of 2⁶²: then it is written, and kept, as that. A negative
/// zero is kept as zero.
@inlinable
public func integralValue(_ number: Double) -> Int64? {
    guard abs(number) <= 0x1p62 else { return nil }
    let integer = Int64(number)
    return Double(integer) == number ? integer : nil
}

/// Bytes that are being written into room that was measured before.
@safe
private struct TextWriter {
    private let base: UnsafeMutableRawPointer
    private var count = 0

    init(base: UnsafeMutableRawPointer) { unsafe self.base = base }

    var text: Bytes { unsafe Bytes(base: base, count: count) }

    mutating func put(_ byte: UInt8) {
        assert(count < ShortestDecimal.longestText)
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    mutating func put(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
    }

    mutating func putZeros(_ count: Int) {
        for _ in 0..<count { put(UInt8(ascii: "0")) }
    }
}

/// A number as `significand` × 2^`exponent`.
private struct Scaled {
    var significand: UInt64
    var exponent: Int

    /// With the highest bit set.
    var normalized: Scaled {
        let shift = significand.leadingZeroBitCount
        return Scaled(significand: significand << UInt64(shift), exponent: exponent - shift)
    }

    /// The upper half of the product, rounded.
    static func * (one: Scaled, other: Scaled) -> Scaled {
        let product = one.significand.multipliedFullWidth(by: other.significand)
        return Scaled(significand: product.high + product.low >> 63, exponent: one.exponent + other.exponent + 64)
    }
}

private enum ShortestDecimal {
    /// "-2.2250738585072014e-308" and "-0.0000012345678901234567" have 24 and 25.
    static let longestText = 32

    static func write(_ number: Double, to writer: inout TextWriter) {
        if number.isNaN { return writer.put("nan") }
        if number.sign == .minus { writer.put(UInt8(ascii: "-")) }
        if number.isInfinite { return writer.put("inf") }
        if number == 0 { return writer.put(UInt8(ascii: "0")) }
        Digits(of: number.magnitude).write(to: &writer, isNegative: number.sign == .minus)
    }

    /// 10^(8 `index` − 348), which is below `significands[index]` × 2^(…): every eighth power suffices.
    static func power(_ index: Int) -> (scaled: Scaled, exponent: Int) {
        let exponent = 8 * index - 348
        // The binary logarithm of ten in 16 bits after the point is exact enough for all of them.
        return (Scaled(significand: significands[index], exponent: (exponent * 217_706) >> 16 - 63), exponent)
    }
}

/// Up to 18 decimal digits, the last of which stands for 10^`exponent`.
private struct Digits {
    private var digits = InlineArray<20, UInt8>(repeating: 0)
    private var count = 0
    private var exponent = 0

    /// - Parameter number: positive and finite.
    init(of number: Double) {
        let exact: Scaled
        if number.isNormal {
            let significand = number.significandBitPattern | 1 << 52
            exact = Scaled(significand: significand, exponent: Int(number.exponentBitPattern) - 1075)
        } else {
            exact = Scaled(significand: number.significandBitPattern, exponent: -1074)
        }
        // Half way to the numbers above and below; the one below is nearer where a power of two is.
        let upper = Scaled(significand: exact.significand << 1 + 1, exponent: exact.exponent - 1).normalized
        let lowerShift = exact.significand == 1 << 52 ? 2 : 1
        var lower = Scaled(
            significand: exact.significand << UInt64(lowerShift) - 1,
            exponent: exact.exponent - lowerShift
        )
        lower = Scaled(
            significand: lower.significand << UInt64(lower.exponent - upper.exponent),
            exponent: upper.exponent
        )

        let power = Digits.power(for: upper.exponent)
        var (scaledUpper, scaledLower) = (upper * power.scaled, lower * power.scaled)
        scaledLower.significand += 1
        scaledUpper.significand -= 1
        exponent = -power.exponent
        generate(exact.normalized * power.scaled, between: scaledLower, and: scaledUpper)
    }

    /// The power of ten that brings a number with this binary exponent to one of −60 … −32.
    private static func power(for exponent: Int) -> (scaled: Scaled, exponent: Int) {
        var index = (Int(Double(-(exponent + significands.count)) * 0.30102999566398114) + 348) / 8
        while true {
            let power = ShortestDecimal.power(index)
            let sum = exponent + power.scaled.exponent + 64
            if sum < -60 {
                index += 1
            } else if sum > -32 {
                index -= 1
            } else {
                return power
            }
        }
    }

    /// Takes digits of `upper` until what is left is within the interval; then the last one moves towards `number`.
    private mutating func generate(_ number: Scaled, between lower: Scaled, and upper: Scaled) {
        let shift = UInt64(-upper.exponent)
        let mask: UInt64 = 1 << shift - 1
        let distance = upper.significand - number.significand
        var width = upper.significand - lower.significand
        var whole = upper.significand >> shift
        var fraction = upper.significand & mask

        var divisor: UInt64 = 1_000_000_000
        for position in stride(from: 9, through: 0, by: -1) {
            append(UInt8(whole / divisor))
            whole %= divisor
            let rest = whole << shift + fraction
            if rest <= width {
                exponent += position
                return round(width, rest, step: divisor << shift, distance)
            }
            divisor /= 10
        }
        var unit: UInt64 = 1
        while true {
            fraction *= 10
            width *= 10
            unit *= 10
            exponent -= 1
            append(UInt8(fraction >> shift))
            fraction &= mask
            if fraction < width { return round(width, fraction, step: 1 << shift, distance &* unit) }
        }
    }

    private mutating func append(_ digit: UInt8) {
        guard digit != 0 || count > 0 else { return }
        digits[count] = UInt8(ascii: "0") + digit
        count += 1
    }

    private mutating func round(_ width: UInt64, _ rest: UInt64, step: UInt64, _ distance: UInt64) {
        var rest = rest
        while rest < distance, width - rest >= step,
            rest + step < distance || distance - rest > rest + step - distance
        {
            digits[count - 1] -= 1
            rest += step
        }
    }

    func write(to writer: inout TextWriter, isNegative: Bool) {
        let leading = exponent + count - 1
        if exponent >= 0, abs(leading) < count + 7 {
            put(0..<count, to: &writer)
            writer.putZeros(exponent)
        } else if exponent < 0, exponent > -7 || abs(leading) < 4 {
            let whole = count + exponent
            if whole > 0 {
                put(0..<whole, to: &writer)
            } else {
                writer.put(UInt8(ascii: "0"))
            }
            writer.put(UInt8(ascii: "."))
            writer.putZeros(max(0, -whole))
            put(max(0, whole)..<count, to: &writer)
        } else {
            writeScientific(min(count, isNegative ? 17 : 18), leading, to: &writer)
        }
    }

    private func writeScientific(_ shown: Int, _ leading: Int, to writer: inout TextWriter) {
        put(0..<1, to: &writer)
        if shown > 1 {
            writer.put(UInt8(ascii: "."))
            put(1..<shown, to: &writer)
        }
        writer.put(UInt8(ascii: "e"))
        writer.put(UInt8(ascii: leading < 0 ? "-" : "+"))
        withIntegerText(Int64(abs(leading))) { text in
            for index in 0..<text.count { writer.put(text[index]) }
        }
    }

    private func put(_ range: Range<Int>, to writer: inout TextWriter) {
        for index in range { writer.put(digits[index]) }
    }
}

/// The upper 64 bits of 10⁻³⁴⁸, 10⁻³⁴⁰, … 10³⁴⁰, rounded.
private let significands: [UInt64] = [
    0xFA8F_D5A0_081C_0288, 0xBAAE_E17F_A23E_BF76, 0x8B16_FB20_3055_AC76, 0xCF42_894A_5DCE_35EA, 0x9A6B_B0AA_5565_3B2D,
    0xE61A_CF03_3D1A_45DF, 0xAB70_FE17_C79A_C6CA, 0xFF77_B1FC_BEBC_DC4F, 0xBE56_91EF_416B_D60C, 0x8DD0_1FAD_907F_FC3C,
    0xD351_5C28_3155_9A83, 0x9D71_AC8F_ADA6_C9B5, 0xEA9C_2277_23EE_8BCB, 0xAECC_4991_4078_536D, 0x823C_1279_5DB6_CE57,
    0xC210_9436_4DFB_5637, 0x9096_EA6F_3848_984F, 0xD774_85CB_2582_3AC7, 0xA086_CFCD_97BF_97F4, 0xEF34_0A98_172A_ACE5,
    0xB238_67FB_2A35_B28E, 0x84C8_D4DF_D2C6_3F3B, 0xC5DD_4427_1AD3_CDBA, 0x936B_9FCE_BB25_C996, 0xDBAC_6C24_7D62_A584,
    0xA3AB_6658_0D5F_DAF6, 0xF3E2_F893_DEC3_F126, 0xB5B5_ADA8_AAFF_80B8, 0x8762_5F05_6C7C_4A8B, 0xC9BC_FF60_34C1_3053,
    0x964E_858C_91BA_2655, 0xDFF9_7724_7029_7EBD, 0xA6DF_BD9F_B8E5_B88F, 0xF8A9_5FCF_8874_7D94, 0xB944_7093_8FA8_9BCF,
    0x8A08_F0F8_BF0F_156B, 0xCDB0_2555_6531_31B6, 0x993F_E2C6_D07B_7FAC, 0xE45C_10C4_2A2B_3B06, 0xAA24_2499_6973_92D3,
    0xFD87_B5F2_8300_CA0E, 0xBCE5_0864_9211_1AEB, 0x8CBC_CC09_6F50_88CC, 0xD1B7_1758_E219_652C, 0x9C40_0000_0000_0000,
    0xE8D4_A510_0000_0000, 0xAD78_EBC5_AC62_0000, 0x813F_3978_F894_0984, 0xC097_CE7B_C907_15B3, 0x8F7E_32CE_7BEA_5C70,
    0xD5D2_38A4_ABE9_8068, 0x9F4F_2726_179A_2245, 0xED63_A231_D4C4_FB27, 0xB0DE_6538_8CC8_ADA8, 0x83C7_088E_1AAB_65DB,
    0xC45D_1DF9_4271_1D9A, 0x924D_692C_A61B_E758, 0xDA01_EE64_1A70_8DEA, 0xA26D_A399_9AEF_774A, 0xF209_787B_B47D_6B85,
    0xB454_E4A1_79DD_1877, 0x865B_8692_5B9B_C5C2, 0xC835_53C5_C896_5D3D, 0x952A_B45C_FA97_A0B3, 0xDE46_9FBD_99A0_5FE3,
    0xA59B_C234_DB39_8C25, 0xF6C6_9A72_A398_9F5C, 0xB7DC_BF53_54E9_BECE, 0x88FC_F317_F222_41E2, 0xCC20_CE9B_D35C_78A5,
    0x9816_5AF3_7B21_53DF, 0xE2A0_B5DC_971F_303A, 0xA8D9_D153_5CE3_B396, 0xFB9B_7CD9_A4A7_443C, 0xBB76_4C4C_A7A4_4410,
    0x8BAB_8EEF_B640_9C1A, 0xD01F_EF10_A657_842C, 0x9B10_A4E5_E991_3129, 0xE710_9BFB_A19C_0C9D, 0xAC28_20D9_623B_F429,
    0x8044_4B5E_7AA7_CF85, 0xBF21_E440_03AC_DD2D, 0x8E67_9C2F_5E44_FF8F, 0xD433_179D_9C8C_B841, 0x9E19_DB92_B4E3_1BA9,
    0xEB96_BF6E_BADF_77D9, 0xAF87_023B_9BF0_EE6B,
]
