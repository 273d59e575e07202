// The lexical rules of redis.conf: how a line falls into arguments, how an argument is quoted again, how sizes are spelled.

internal import Protocol

/// The arguments of one line, or nil where its quotes do not balance.
///
/// Blanks part arguments. Within `"…"` the escapes `\n \r \t \b \a \xHH` stand for bytes and `\x` for any other byte `x`;
/// within `'…'` only `\'` is an escape. A closing quote must be followed by a blank or the end.
public func splitArguments(_ line: some Collection<UInt8>) -> [[UInt8]]? {
    Array(line).withBytes { splitWords($0) }
}

/// `argument` in double quotes, so that `splitArguments` gives it back.
public func quoted(_ argument: [UInt8]) -> [UInt8] {
    let hexadecimal = Array("0123456789abcdef".utf8)
    var result: [UInt8] = [UInt8(ascii: "\"")]
    for byte in argument {
        switch byte {
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): result += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): result += "\\n".utf8
        case UInt8(ascii: "\r"): result += "\\r".utf8
        case UInt8(ascii: "\t"): result += "\\t".utf8
        case 0x08: result += "\\b".utf8
        case 0x07: result += "\\a".utf8
        case 0x20...0x7E: result.append(byte)
        default: result += "\\x".utf8 + [hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
        }
    }
    result.append(UInt8(ascii: "\""))
    return result
}

/// The bytes of a size such as `512`, `1k` (1000), `1kb` (1024), `2mb`, `1G`; nil for anything else, and past 64 bits.
///
/// No digits at all are 0, as in Redis; what overflows is refused, as in Valkey, where Redis would wrap around.
public func memorySize(_ text: [UInt8]) -> UInt64? {
    let digits = text.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    let multiplier: UInt64
    switch lowercased(text.dropFirst(digits.count)) {
    case "", "b": multiplier = 1
    case "k": multiplier = 1_000
    case "kb": multiplier = 1 << 10
    case "m": multiplier = 1_000_000
    case "mb": multiplier = 1 << 20
    case "g": multiplier = 1_000_000_000
    case "gb": multiplier = 1 << 30
    default: return nil
    }
    guard !digits.isEmpty else { return 0 }
    guard let number = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
    let (size, overflows) = number.multipliedReportingOverflow(by: multiplier)
    return overflows ? nil : size
}

/// The shortest spelling that `memorySize` reads back: `1gb` for 1073741824.
func spelledMemorySize(_ size: Int) -> String {
    for (unit, bytes) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] where size != 0 && size % bytes == 0 {
        return "\(size / bytes)\(unit)"
    }
    return String(size)
}

/// A decimal integer in its one canonical spelling: no sign but `-`, no leading zeros, no blanks.
func canonicalInteger(_ text: [UInt8]) -> Int? {
    let text = String(decoding: text, as: UTF8.self)
    guard let number = Int(text), String(number) == text else { return nil }
    return number
}

/// `bytes` as text with ASCII letters made small; what is not UTF-8 is replaced, and so matches no name.
func lowercased(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}

/// `line` without the blanks at both ends.
func trimmed(_ line: some BidirectionalCollection<UInt8>) -> [UInt8] {
    guard let first = line.firstIndex(where: { !isLineBlank($0) }),
        let last = line.lastIndex(where: { !isLineBlank($0) })
    else { return [] }
    return Array(line[first...last])
}

private func isLineBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
}
