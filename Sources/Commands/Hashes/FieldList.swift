// `FIELDS numfields field [field ...]`: how the commands about the lives of fields name these.

internal import Protocol

/// The fields that a command names behind FIELDS, which stand at the end of its arguments.
struct FieldList {
    /// The position of the word FIELDS.
    let wordIndex: Int
    /// The positions of the fields.
    let positions: StrideTo<Int>
    let count: Int

    /// Looks for the word from argument `start` on.
    static func wordIndex(in call: Call, from start: Int) throws(CommandError) -> Int {
        // The number behind it must be there, too.
        for index in start..<call.arguments.count - 1 where call.arguments[index].isWord("FIELDS") { return index }
        throw mismatch
    }

    static let mismatch = CommandError.text(
        "ERR numfields should be greater than 0 and match the provided number of fields"
    )

    /// - Parameters:
    ///   - wordIndex: where FIELDS must stand.
    ///   - step: 2 where a value stands behind each field.
    ///   - mismatch: what is thrown where the number is not that of the fields.
    init(
        _ call: Call,
        wordAt wordIndex: Int,
        step: Int = 1,
        orThrow mismatch: CommandError = mismatch
    ) throws(CommandError) {
        guard call.arguments[wordIndex].isWord("FIELDS") else { throw .syntax }
        self.wordIndex = wordIndex
        let number = try call.integer(wordIndex + 1)
        let (first, end) = (wordIndex + 2, call.arguments.count)
        count = (end - first) / step
        guard number > 0, number == Int64(count), (end - first) % step == 0 else { throw mismatch }
        positions = stride(from: first, to: end, by: step)
    }
}
