// What a SORT asks for: by what to sort, how much of it, and what to hand out for each element.

internal import Keyspace
internal import Protocol

/// The options behind the key of SORT.
struct SortRequest {
    /// What is compared, where that is not the element itself.
    var weight: SortPattern?
    /// What is handed out for each element, where that is not the element itself.
    var fetches: [SortPattern] = []
    /// The position of the key that gets the result.
    private(set) var destination: Int?
    /// Whether elements are put in order at all: a pattern without a place for the element says no.
    private(set) var isSorted = true
    private(set) var isDescending = false
    /// Whether bytes are compared, not numbers.
    private(set) var isAlphabetic = false
    private var offset: Int64 = 0
    private var count: Int64 = -1

    init(_ call: Call, mayStore: Bool) throws(CommandError) {
        let arguments = call.arguments
        var index = 2
        while index < arguments.count {
            let (word, left) = (arguments[index], arguments.count - index - 1)
            if word.isWord("ASC") {
                isDescending = false
            } else if word.isWord("DESC") {
                isDescending = true
            } else if word.isWord("ALPHA") {
                isAlphabetic = true
            } else if word.isWord("LIMIT"), left >= 2 {
                (offset, count) = (try call.integer(index + 1), try call.integer(index + 2))
                index += 2
            } else if word.isWord("STORE"), mayStore, left >= 1 {
                destination = index + 1
                index += 1
            } else if word.isWord("BY"), left >= 1 {
                try setWeight(call, SortPattern(arguments[index + 1]))
                index += 1
            } else if word.isWord("GET"), left >= 1 {
                let pattern = SortPattern(arguments[index + 1])
                guard pattern.isElement || pattern.staysInSlot(of: call) else {
                    throw .text(
                        "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots."
                    )
                }
                fetches.append(pattern)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    private mutating func setWeight(_ call: Call, _ pattern: SortPattern) throws(CommandError) {
        guard pattern.hasPlace else { return isSorted = false }
        guard pattern.staysInSlot(of: call) else {
            throw .text(
                "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots."
            )
        }
        weight = pattern
    }

    /// A set has no order that a stored list could keep: it is then sorted by its members.
    mutating func sortAlphabetically() {
        (weight, isSorted, isAlphabetic) = (nil, true, true)
    }

    /// The places in the result, of `count` elements, that are asked for.
    func range(of count: Int) -> Range<Int> {
        let start = min(max(Int(offset), 0), count)
        guard self.count >= 0 else { return start..<count }
        return start..<start + min(Int(self.count), count - start)
    }

    // MARK: Asked of a call that does not run yet

    /// Where the key stands that gets the result: behind the last STORE.
    static func destination(in arguments: Arguments) -> Int? {
        var destination: Int?
        forEachOption(in: arguments) { index in
            if arguments[index].isWord("STORE") { destination = index + 1 }
        }
        return destination
    }

    /// Whether a pattern makes names of keys that the call does not tell.
    static func namesOtherKeys(_ arguments: Arguments) -> Bool {
        var does = false
        forEachOption(in: arguments) { index in
            guard arguments[index].isWord("BY") || arguments[index].isWord("GET") else { return }
            if SortPattern(arguments[index + 1]).hasPlace { does = true }
        }
        return does
    }

    /// Visits the words that have another one behind them.
    private static func forEachOption(in arguments: Arguments, _ visit: (Int) -> Void) {
        var index = 2
        while index + 1 < arguments.count {
            let word = arguments[index]
            visit(index)
            if word.isWord("LIMIT") {
                index += 3
            } else {
                index += word.isWord("BY") || word.isWord("GET") || word.isWord("STORE") ? 2 : 1
            }
        }
    }
}
