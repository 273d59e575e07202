// BITOP's arithmetic: strings combined 64 bits at a time.

internal import Protocol

enum BitOperation {
    case and, or, xor, not

    init?(named word: Bytes) {
        if word.isWord("AND") {
            self = .and
        } else if word.isWord("OR") {
            self = .or
        } else if word.isWord("XOR") {
            self = .xor
        } else if word.isWord("NOT") {
            self = .not
        } else {
            return nil
        }
    }
}

/// The combination of the strings added so far; a shorter one counts as if it ended in zeros.
struct CombinedBits {
    private let operation: BitOperation
    private var words: [UInt64] = []
    private var isEmpty = true
    /// As many as the longest string has.
    private(set) var byteCount = 0

    init(_ operation: BitOperation) { self.operation = operation }

    mutating func add(_ string: Bytes) {
        byteCount = max(byteCount, string.count)
        let wordCount = (byteCount + 7) / 8
        words.append(contentsOf: repeatElement(0, count: wordCount - words.count))
        // One loop for each operation: a choice inside would cost as much as the work.
        switch operation {
        case .not: for index in words.indices { words[index] = ~string.word(at: index * 8) }
        case .and where !isEmpty: for index in words.indices { words[index] &= string.word(at: index * 8) }
        case .xor: for index in words.indices { words[index] ^= string.word(at: index * 8) }
        case .or, .and: for index in words.indices { words[index] |= string.word(at: index * 8) }
        }
        isEmpty = false
    }

    /// Lends the `byteCount` bytes of the result.
    func withBytes(_ body: (Bytes) -> Void) {
        unsafe words.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe body(Bytes(base: base, count: byteCount))
        }
    }
}
