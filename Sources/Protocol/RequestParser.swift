// RESP requests, parsed where they lie: arrays of bulk strings, and lines of words typed by hand.
//
// A request that is not all there keeps what was understood of it, so that a huge one is read once, not once per packet.

/// What a client sent that is no request; the connection ends with the error.
public enum ProtocolError: Error, Equatable {
    case tooBigInlineRequest
    case tooBigCountLine
    case tooBigBulkLine
    case unbalancedQuotes
    case invalidMultibulkLength
    case unauthenticatedMultibulkLength
    case invalidBulkLength
    case unauthenticatedBulkLength
    case expectedBulk(found: UInt8)

    /// The line that Redis sends before it hangs up, without the minus sign.
    public var text: String {
        switch self {
        case .tooBigInlineRequest: "ERR Protocol error: too big inline request"
        case .tooBigCountLine: "ERR Protocol error: too big mbulk count string"
        case .tooBigBulkLine: "ERR Protocol error: too big bulk count string"
        case .unbalancedQuotes: "ERR Protocol error: unbalanced quotes in request"
        case .invalidMultibulkLength: "ERR Protocol error: invalid multibulk length"
        case .unauthenticatedMultibulkLength: "ERR Protocol error: unauthenticated multibulk length"
        case .invalidBulkLength: "ERR Protocol error: invalid bulk length"
        case .unauthenticatedBulkLength: "ERR Protocol error: unauthenticated bulk length"
        case .expectedBulk(let found):
            "ERR Protocol error: expected '$', got '\(Character(Unicode.Scalar(found)))'"
        }
    }
}

/// How much a client may ask for; before it has authenticated, little.
public struct RequestLimits: Sendable {
    /// Bytes of one argument (`proto-max-bulk-len`).
    public var bulkByteCount: Int
    public var isAuthenticated: Bool

    public init(bulkByteCount: Int = 512 << 20, isAuthenticated: Bool = true) {
        self.bulkByteCount = bulkByteCount
        self.isAuthenticated = isAuthenticated
    }

    /// Whether everything is allowed that the short way takes.
    var allowUsual: Bool { isAuthenticated && bulkByteCount >= LineReader.longestShortNumber }

    static let lineByteCount = 64 * 1024
    static let unauthenticatedArgumentCount = 10
    static let unauthenticatedBulkByteCount = 16 * 1024
}

/// What is understood of a request whose end has not arrived: positions from the request's first byte.
public struct PartialRequest: ~Copyable {
    /// Arguments still to come, none if not even their number is known.
    var missing: Int?
    /// Where the next line begins.
    var position = 0
    /// Begin and length of the arguments that are complete.
    var found: [(offset: Int, count: Int)] = []
    /// Bytes that must lie there before another try can get any further: spares a big value's many packets the parser.
    public fileprivate(set) var neededByteCount = 0
    /// Bytes of the request that say something already: all before the argument that is arriving.
    public fileprivate(set) var understoodByteCount = 0

    public init() {}

    var isUntouched: Bool { missing == nil && position == 0 }

    /// How many bytes to read next, if `have` of the request are there: `usual`, but of a large argument what is missing, so
    /// that it need not be moved to a larger buffer for the sake of what may come behind it.
    public func readSize(having have: Int, usual: Int) -> Int {
        neededByteCount > max(have, usual) ? min(neededByteCount - have, 1 << 20) : usual
    }

    mutating func reset() {
        missing = nil
        position = 0
        found.removeAll(keepingCapacity: false)
        (neededByteCount, understoodByteCount) = (0, 0)
    }
}

/// Parses one request after the other.
enum RequestParser {
    enum Outcome: Equatable {
        /// A request of so many bytes; its arguments stand at the vector's end. No arguments: an empty line or array.
        case complete(byteCount: Int)
        /// The end has not arrived.
        case incomplete
        case failed(ProtocolError)
    }

    /// Parses the request at the beginning of `input`, whatever it is.
    ///
    /// - Parameters:
    ///   - partial: what an earlier call understood of the same request; kept up to date.
    ///   - words: where the unquoted words of an inline request are kept; they live until its next use.
    static func parse(
        _ input: Bytes,
        limits: RequestLimits,
        partial: inout PartialRequest,
        words: InputBuffer,
        into arguments: ArgumentVector
    ) -> Outcome {
        guard input.count > 0 else { return .incomplete }
        guard input[0] == UInt8(ascii: "*") else {
            return parseInline(input, words: words, into: arguments)
        }
        if partial.isUntouched {
            let firstArgument = arguments.count
            switch parseWhole(input, limits: limits, into: arguments) {
            case .incomplete: arguments.truncate(to: firstArgument)
            case let outcome: return outcome
            }
        }
        return resume(input, limits: limits, partial: &partial, into: arguments)
    }

    // MARK: Arrays of bulk strings

    /// Parses usual requests from `start` on until one comes that is not: arrays that are all there, and in which no number
    /// has more than three digits.
    ///
    /// A loop of its own, because the exits of the general one cost: with all its state in registers, a line read as one
    /// word and a single check of bounds, it takes 20 instructions for an argument where the general one takes 60.
    ///
    /// - Returns: where the first request begins that is none of these.
    static func parseUsual(_ input: Bytes, from start: Int, into batch: RequestBatch) -> Int {
        let reader = LineReader(input: input, position: 0)
        let (limit, capacity) = (batch.limit, batch.arguments.capacity)
        let (views, places) = unsafe (batch.arguments.base, batch.places)
        var (position, count, argumentCount) = (start, batch.count, batch.arguments.count)
        requests: while count < limit {
            guard let line = reader.shortLine(UInt8(ascii: "*"), at: position), line.value <= capacity &- argumentCount
            else { break }
            var next = line.end
            for index in 0..<line.value {
                guard let (offset, end) = reader.shortBulk(at: next) else { break requests }
                unsafe (views + argumentCount + index).initialize(to: reader.bytes(at: offset, count: end &- offset))
                next = end &+ 2
            }
            position = next
            guard line.value > 0 else { continue }
            let place = RequestBatch.Place(
                firstArgument: argumentCount,
                argumentCount: line.value,
                endOffset: position
            )
            unsafe (places + count).initialize(to: place)
            count &+= 1
            argumentCount &+= line.value
        }
        batch.didFill(count, argumentCount: argumentCount)
        return position
    }

    /// All is there, and nothing needs to be remembered.
    private static func parseWhole(_ input: Bytes, limits: RequestLimits, into arguments: ArgumentVector) -> Outcome {
        var reader = LineReader(input: input, position: 1)
        guard let line = reader.number() else { return reader.hasLongLine ? .failed(.tooBigCountLine) : .incomplete }
        let count: Int
        do { count = try argumentCount(line, limits) } catch { return .failed(error) }
        for _ in 0..<count {
            switch bulk(&reader, limits) {
            case .found(let offset, let length): unsafe arguments.append(reader.bytes(at: offset, count: length))
            case .missing: return .incomplete
            case .failed(let error): return .failed(error)
            }
        }
        return .complete(byteCount: reader.position)
    }

    /// Goes on where the last try ended, and remembers where this one ends.
    @inline(never)
    private static func resume(
        _ input: Bytes,
        limits: RequestLimits,
        partial: inout PartialRequest,
        into arguments: ArgumentVector
    ) -> Outcome {
        guard input.count >= partial.neededByteCount else { return .incomplete }
        var reader = LineReader(input: input, position: max(1, partial.position))
        if partial.missing == nil {
            guard let line = reader.number() else {
                return reader.hasLongLine ? .failed(.tooBigCountLine) : .incomplete
            }
            do { partial.missing = try argumentCount(line, limits) } catch { return .failed(error) }
            partial.position = reader.position
        }
        while let missing = partial.missing, missing > 0 {
            switch bulk(&reader, limits) {
            case .found(let offset, let length):
                partial.found.append((offset, length))
                partial.missing = missing - 1
                partial.position = reader.position
            case .missing(let start, let needed):
                (partial.understoodByteCount, partial.neededByteCount) = (start, needed)
                return .incomplete
            case .failed(let error): return .failed(error)
            }
        }
        for (offset, count) in partial.found { unsafe arguments.append(reader.bytes(at: offset, count: count)) }
        partial.reset()
        return .complete(byteCount: reader.position)
    }

    private static func argumentCount(_ line: LineReader.Number, _ limits: RequestLimits) throws(ProtocolError) -> Int {
        guard let count = line.value, count <= Int64(Int32.max) else { throw .invalidMultibulkLength }
        guard limits.isAuthenticated || count <= RequestLimits.unauthenticatedArgumentCount else {
            throw .unauthenticatedMultibulkLength
        }
        return max(0, Int(count))
    }

    private enum Bulk {
        case found(offset: Int, count: Int)
        case missing(from: Int, neededByteCount: Int)
        case failed(ProtocolError)
    }

    /// Reads `$<length>\r\n<bytes>\r\n`; the reader moves only when all of it is there.
    @inline(__always)
    private static func bulk(_ reader: inout LineReader, _ limits: RequestLimits) -> Bulk {
        let start = reader.position
        guard let first = reader.peek else { return .missing(from: start, neededByteCount: start + 1) }
        guard first == UInt8(ascii: "$") else {
            // Redis looks at the line only once it is complete.
            if reader.endOfLine() != nil { return .failed(.expectedBulk(found: first)) }
            return reader.hasLongLine ? .failed(.tooBigBulkLine) : .missing(from: start, neededByteCount: 0)
        }
        reader.position &+= 1
        guard let line = reader.number() else {
            reader.position = start
            return reader.hasLongLine ? .failed(.tooBigBulkLine) : .missing(from: start, neededByteCount: 0)
        }
        guard let value = line.value, value >= 0, value <= Int64(limits.bulkByteCount) else {
            return .failed(.invalidBulkLength)
        }
        guard limits.isAuthenticated || value <= RequestLimits.unauthenticatedBulkByteCount else {
            return .failed(.unauthenticatedBulkLength)
        }
        let offset = reader.position
        let end = offset &+ Int(value) &+ 2
        guard end <= reader.count else {
            reader.position = start
            return .missing(from: offset, neededByteCount: end)
        }
        reader.position = end
        return .found(offset: offset, count: Int(value))
    }

    // MARK: Lines of words

    @inline(never)
    private static func parseInline(_ input: Bytes, words: InputBuffer, into arguments: ArgumentVector) -> Outcome {
        guard let newline = input.firstIndex(of: UInt8(ascii: "\n")) else {
            return input.count > RequestLimits.lineByteCount ? .failed(.tooBigInlineRequest) : .incomplete
        }
        let end = newline > 0 && input[newline - 1] == UInt8(ascii: "\r") ? newline - 1 : newline
        guard let split = splitWords(input[0..<end]) else { return .failed(.unbalancedQuotes) }

        words.release()
        words.reserve(split.reduce(1) { $0 + $1.count })
        for word in split { word.withBytes { words.append($0) } }
        var offset = 0
        for word in split {
            arguments.append(words.bytes[offset..<(offset + word.count)])
            offset += word.count
        }
        return .complete(byteCount: newline + 1)
    }
}

/// Walks over the lines of a request. Invariant: `0 ≤ position ≤ count`.
@safe
private struct LineReader {
    private let base: UnsafeRawPointer
    let count: Int
    var position: Int
    /// The shortest request and the shortest bulk string have six bytes: none begins behind this.
    private let lastStart: Int

    /// A line's number, or none where the line says something else.
    struct Number {
        let value: Int64?
    }

    init(input: Bytes, position: Int) {
        unsafe base = input.base
        count = input.count
        self.position = position
        lastStart = input.count &- 6
    }

    @inline(__always)
    private func byte(_ index: Int) -> UInt8 { unsafe base.load(fromByteOffset: index, as: UInt8.self) }

    var peek: UInt8? { position < count ? byte(position) : nil }
    var hasLongLine: Bool { count - position > RequestLimits.lineByteCount }

    @inline(__always)
    @unsafe func bytes(at offset: Int, count: Int) -> Bytes { unsafe Bytes(base: base + offset, count: count) }

    /// Where the line that begins here has its `\r`, once the byte behind it has come too.
    func endOfLine() -> Int? {
        var index = position
        while index < count {
            if byte(index) == UInt8(ascii: "\r") { return index + 1 < count ? index : nil }
            index &+= 1
        }
        return nil
    }

    /// Where the bytes of the bulk string at `position` begin and end, if it has at most 999 and all of it is there.
    @inline(__always)
    func shortBulk(at position: Int) -> (offset: Int, end: Int)? {
        guard let length = shortLine(UInt8(ascii: "$"), at: position) else { return nil }
        let end = length.end &+ length.value
        guard end &+ 2 <= count else { return nil }
        return (length.end, end)
    }

    static var longestShortNumber: Int { 999 }

    /// The number of one to three digits in the line of `type` at `start`, and the position behind the line: nearly all
    /// there are. Nil says nothing.
    ///
    /// What is left when the bytes that are expected, with zeros for digits, are taken from the word that is there are the
    /// digits, each in its byte; and where something else stands a byte that is no digit, also where it has borrowed.
    @inline(__always)
    func shortLine(_ type: UInt8, at start: Int) -> (value: Int, end: Int)? {
        guard start <= lastStart else { return nil }
        let word = UInt32(littleEndian: unsafe base.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        let head = UInt32(type) | 0x3000
        let one = rotated(word &- (head | 0x0A0D_0000))
        if one <= 9 { return (Int(one), start &+ 4) }
        // A number that begins with a zero is none.
        let two = rotated(word &- (head | 0x0D30_0000))
        if two <= 0x9FF, two & 0xFF &- 1 < 9 { return (Int(two & 0xFF &* 10 &+ two >> 8), start &+ 5) }
        let three = rotated(word &- (head | 0x3030_0000))
        let (first, second, third) = (three & 0xFF, three >> 8 & 0xFF, three >> 16)
        guard first &- 1 < 9, second <= 9, third <= 9, byte(start &+ 4) == UInt8(ascii: "\r") else { return nil }
        return (Int(first &* 100 &+ second &* 10 &+ third), start &+ 6)
    }

    /// The lowest byte, which is to be zero, becomes the highest: one comparison then tells that, too.
    @inline(__always)
    private func rotated(_ word: UInt32) -> UInt32 { word >> 8 | word << 24 }

    /// Reads a number to the end of its line and steps behind it; nil if the end has not come.
    mutating func number() -> Number? {
        guard let end = endOfLine() else { return nil }
        let text = unsafe bytes(at: position, count: end - position)
        position = end + 2
        return Number(value: parseInteger(text))
    }
}

extension Bytes {
    /// The position of the first `byte`.
    public func firstIndex(of byte: UInt8) -> Int? {
        var index = 0
        while index < count {
            if self[index] == byte { return index }
            index &+= 1
        }
        return nil
    }
}
