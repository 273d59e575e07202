// The longest common subsequence of two strings: the classic table, filled forwards and read backwards.

/// A longest subsequence that two strings share, as runs that are equal in both.
///
/// - Complexity: O(*n* × *m*) time, and four bytes of memory per cell.
/// - Source: Wagner and Fischer 1974. Where several subsequences are equally long, the way back decides: it leaves a byte
///   of the second string out rather than one of the first, and so finds the same as Redis.
struct LongestCommonSubsequence {
    /// `count` bytes from `first` in the one string, and from `second` in the other.
    struct Match {
        fileprivate(set) var first: Int
        fileprivate(set) var second: Int
        fileprivate(set) var count: Int
    }

    /// The last one first.
    let matches: [Match]

    /// How many bytes the subsequence has.
    var count: Int { matches.reduce(0) { $0 + $1.count } }

    init(of first: [UInt8], _ second: [UInt8]) {
        let width = second.count + 1
        var lengths = [UInt32](repeating: 0, count: (first.count + 1) * width)
        for row in 0..<first.count {
            Self.fill(&lengths, from: row * width, to: (row + 1) * width, first[row], second)
        }

        var matches: [Match] = []
        var (row, column) = (first.count, second.count)
        var isInMatch = false
        while row > 0, column > 0 {
            if first[row - 1] == second[column - 1] {
                (row, column) = (row - 1, column - 1)
                if !isInMatch { matches.append(Match(first: row, second: column, count: 0)) }
                isInMatch = true
                matches[matches.count - 1].first = row
                matches[matches.count - 1].second = column
                matches[matches.count - 1].count += 1
            } else {
                isInMatch = false
                if lengths[(row - 1) * width + column] > lengths[row * width + column - 1] {
                    row -= 1
                } else {
                    column -= 1
                }
            }
        }
        self.matches = matches
    }

    /// How long the subsequence is: two rows of the table are enough for that.
    static func length(of first: [UInt8], _ second: [UInt8]) -> Int {
        let width = second.count + 1
        var lengths = [UInt32](repeating: 0, count: 2 * width)
        for row in 0..<first.count {
            fill(&lengths, from: row % 2 * width, to: (row + 1) % 2 * width, first[row], second)
        }
        return Int(lengths[first.count % 2 * width + second.count])
    }

    /// Computes the row of `byte` from the row before it; both begin with a zero for “nothing of the second string”.
    private static func fill(
        _ lengths: inout [UInt32],
        from previous: Int,
        to row: Int,
        _ byte: UInt8,
        _ second: [UInt8]
    ) {
        var left: UInt32 = 0
        for column in 0..<second.count {
            let above = lengths[previous + column + 1]
            left = second[column] == byte ? lengths[previous + column] + 1 : max(left, above)
            lengths[row + column + 1] = left
        }
    }

    /// The bytes of the subsequence; `first` is the first of the two strings.
    func bytes(from first: [UInt8]) -> [UInt8] {
        matches.reversed().flatMap { first[$0.first..<($0.first + $0.count)] }
    }
}
