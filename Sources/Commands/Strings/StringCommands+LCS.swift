// LCS: what two strings have in common.

internal import Keyspace
internal import Protocol

extension StringCommands {
    static let lcs = Command(
        "lcs",
        "Finds the longest common subsequence of two strings.",
        arity: .atLeast(3),
        keys: .range(from: 1, through: 2, [.readOnly, .access]),
        flags: .readonly,
        group: .string,
        since: "7.0.0",
        complexity: "O(N*M) where N and M are the lengths of the strings",
        categories: ["string"],
        syntax: "<key1:key> <key2:key> [LEN] [IDX] [MINMATCHLEN <min-match-len:integer>] [WITHMATCHLEN]"
    ) { call throws(CommandError) in
        // Copies: the second look-up may move what the first has lent.
        let first = try text(call, 1)
        let second = try text(call, 2)
        let options = try LCSOptions(call)
        let (cells, isTooLarge) = (first.count + 1).multipliedReportingOverflow(by: 4 * (second.count + 1))
        guard !isTooLarge, cells <= call.longestString else {
            throw .text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
        }
        if options.wantsLengthOnly {
            return call.reply.integer(LongestCommonSubsequence.length(of: first, second))
        }
        let common = LongestCommonSubsequence(of: first, second)
        guard options.wantsMatches else { return common.bytes(from: first).withBytes { call.reply.bulk($0) } }
        replyMatches(call, common, options)
    }

    private static func text(_ call: Call, _ index: Int) throws(CommandError) -> [UInt8] {
        guard let entry = call.read(call.key(index)) else { return [] }
        guard entry.isString else { throw .text("ERR The specified keys must contain string values") }
        return entry.string.withBytes { $0.array }
    }

    private static func replyMatches(_ call: Call, _ common: LongestCommonSubsequence, _ options: LCSOptions) {
        let reply = call.reply
        let matches = common.matches.filter { $0.count >= options.leastMatch }
        reply.map(2)
        reply.bulk("matches")
        reply.array(matches.count)
        for match in matches {
            reply.array(options.wantsMatchLengths ? 3 : 2)
            for start in [match.first, match.second] {
                reply.array(2)
                reply.integer(start)
                reply.integer(start + match.count - 1)
            }
            if options.wantsMatchLengths { reply.integer(match.count) }
        }
        reply.bulk("len")
        reply.integer(common.count)
    }
}

/// The words behind LCS's keys.
private struct LCSOptions {
    private(set) var wantsLengthOnly = false
    private(set) var wantsMatches = false
    private(set) var wantsMatchLengths = false
    private(set) var leastMatch: Int64 = 0

    init(_ call: Call) throws(CommandError) {
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            if word.isWord("LEN") {
                wantsLengthOnly = true
            } else if word.isWord("IDX") {
                wantsMatches = true
            } else if word.isWord("WITHMATCHLEN") {
                wantsMatchLengths = true
            } else if word.isWord("MINMATCHLEN"), index + 1 < call.arguments.count {
                index += 1
                leastMatch = try call.integer(index)
            } else {
                throw .syntax
            }
            index += 1
        }
        guard !(wantsLengthOnly && wantsMatches) else {
            throw .text("ERR If you want both the length and indexes, please just use IDX.")
        }
    }
}
