// A line split into words with the quoting that redis-cli, inline requests and redis.conf share.

/// The words of `line`, or nil where a quote is not closed or is followed by something else than a blank.
///
/// Double quotes know `\n \r \t \b \a \xHH` and `\` before any other byte; single quotes know `\'` only.
public func splitWords(_ line: Bytes) -> [[UInt8]]? {
    var words: [[UInt8]] = []
    var index = 0
    while true {
        while index < line.count, isBlank(line[index]) { index += 1 }
        guard index < line.count else { return words }
        guard let word = word(of: line, at: &index) else { return nil }
        words.append(word)
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte == 0 }

/// One word from `index` on, which moves behind it.
private func word(of line: Bytes, at index: inout Int) -> [UInt8]? {
    var word: [UInt8] = []
    while index < line.count {
        switch line[index] {
        case let byte where isBlank(byte): return word
        case UInt8(ascii: "\""):
            index += 1
            guard closeDouble(line, &index, &word) else { return nil }
            return word
        case UInt8(ascii: "'"):
            index += 1
            guard closeSingle(line, &index, &word) else { return nil }
            return word
        case let byte:
            word.append(byte)
            index += 1
        }
    }
    return word
}

/// A closing quote ends its word: only a blank or the end may follow.
private func endsWord(_ line: Bytes, _ index: Int) -> Bool { index >= line.count || isBlank(line[index]) }

private func closeDouble(_ line: Bytes, _ index: inout Int, _ word: inout [UInt8]) -> Bool {
    while index < line.count {
        let byte = line[index]
        index += 1
        if byte == UInt8(ascii: "\"") { return endsWord(line, index) }
        guard byte == UInt8(ascii: "\\"), index < line.count else {
            word.append(byte)
            continue
        }
        let escaped = line[index]
        index += 1
        if escaped == UInt8(ascii: "x"), index + 1 < line.count,
            let high = hexDigit(line[index]), let low = hexDigit(line[index + 1])
        {
            word.append(high << 4 | low)
            index += 2
        } else {
            word.append(unescaped(escaped))
        }
    }
    return false
}

private func closeSingle(_ line: Bytes, _ index: inout Int, _ word: inout [UInt8]) -> Bool {
    while index < line.count {
        let byte = line[index]
        index += 1
        if byte == UInt8(ascii: "'") { return endsWord(line, index) }
        if byte == UInt8(ascii: "\\"), index < line.count, line[index] == UInt8(ascii: "'") {
            word.append(UInt8(ascii: "'"))
            index += 1
        } else {
            word.append(byte)
        }
    }
    return false
}

private func unescaped(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "n"): UInt8(ascii: "\n")
    case UInt8(ascii: "r"): UInt8(ascii: "\r")
    case UInt8(ascii: "t"): UInt8(ascii: "\t")
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "a"): 0x07
    default: byte
    }
}

/// The value of a hexadecimal digit.
public func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
