// Glob-style patterns over bytes, as KEYS, SCAN, CONFIG GET and PSUBSCRIBE read them.

/// Whether all of `text` fits `pattern`: `*` any bytes, `?` one byte, `[a-z]` and `[^a-z]` one byte of a class, `\x` the
/// byte `x` itself. A class that is never closed ends with the pattern, a range may stand backwards, and a backslash at
/// the very end is itself.
///
/// - Parameter ignoringCase: folds ASCII letters; an escaped byte inside a class is still compared as it stands.
/// - Complexity: O(pattern × text) at worst: only the last `*` is ever tried again, because an earlier one can gain
///   nothing by taking more. A search that tries all of them is exponential in the number of stars.
/// - Source: every case in `GlobTests` was asked of Redis 7.0 with KEYS.
public func globMatches(_ pattern: Bytes, _ text: Bytes, ignoringCase: Bool = false) -> Bool {
    var patternIndex = 0
    var textIndex = 0
    // Where to resume when the bytes after the last star do not fit: the star takes one byte more.
    var resume: (pattern: Int, text: Int)?

    while true {
        if patternIndex < pattern.count, pattern[patternIndex] == UInt8(ascii: "*") {
            patternIndex += 1
            resume = (patternIndex, textIndex)
            continue
        }
        if textIndex == text.count {
            return patternIndex == pattern.count
        }
        if patternIndex < pattern.count {
            let element = matchOne(pattern, at: patternIndex, text[textIndex], ignoringCase: ignoringCase)
            if element.fits {
                patternIndex = element.next
                textIndex += 1
                continue
            }
        }
        guard let star = resume else { return false }
        patternIndex = star.pattern
        textIndex = star.text + 1
        resume = (star.pattern, star.text + 1)
    }
}

/// Whether `byte` fits the pattern's element at `index`, which is not a star, and where the next element begins.
private func matchOne(_ pattern: Bytes, at index: Int, _ byte: UInt8, ignoringCase: Bool) -> (fits: Bool, next: Int) {
    switch pattern[index] {
    case UInt8(ascii: "?"):
        return (true, index + 1)
    case UInt8(ascii: "["):
        return matchClass(pattern, at: index + 1, byte, ignoringCase: ignoringCase)
    case UInt8(ascii: "\\") where index + 1 < pattern.count:
        return (equal(pattern[index + 1], byte, ignoringCase), index + 2)
    default:
        return (equal(pattern[index], byte, ignoringCase), index + 1)
    }
}

/// The same for a class, whose first byte after the bracket stands at `start`.
private func matchClass(_ pattern: Bytes, at start: Int, _ byte: UInt8, ignoringCase: Bool) -> (fits: Bool, next: Int) {
    var index = start
    let isNegated = index < pattern.count && pattern[index] == UInt8(ascii: "^")
    if isNegated { index += 1 }

    var isMember = false
    while index < pattern.count, pattern[index] != UInt8(ascii: "]") {
        let remaining = pattern.count - index
        if pattern[index] == UInt8(ascii: "\\"), remaining >= 2 {
            if pattern[index + 1] == byte { isMember = true }
            index += 2
        } else if remaining >= 3, pattern[index + 1] == UInt8(ascii: "-") {
            let first = folded(pattern[index], ignoringCase)
            let last = folded(pattern[index + 2], ignoringCase)
            if (min(first, last)...max(first, last)).contains(folded(byte, ignoringCase)) { isMember = true }
            index += 3
        } else {
            if equal(pattern[index], byte, ignoringCase) { isMember = true }
            index += 1
        }
    }
    return (isMember != isNegated, min(index + 1, pattern.count))
}

private func equal(_ one: UInt8, _ other: UInt8, _ ignoringCase: Bool) -> Bool {
    folded(one, ignoringCase) == folded(other, ignoringCase)
}

private func folded(_ byte: UInt8, _ ignoringCase: Bool) -> UInt8 {
    ignoringCase && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
