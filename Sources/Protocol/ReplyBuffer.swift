// Replies on their way to a client: RESP2 or RESP3, written straight into the bytes that the socket will take.

internal import CSystem

/// Bytes of replies not yet handed to the socket.
///
/// Memory: owns one block that grows by doubling; bytes are lent for the length of a call.
/// Invariant: `0 ≤ sent ≤ filled ≤ capacity`; bytes `0 ..< filled` are initialized. Thread: the shard that runs the client.
@safe
public final class ReplyBuffer {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var filled = 0
    @usableFromInline var sent = 0
    /// Raised by every error that is written; lowered by who has looked for it.
    public var hasNewError = false
    /// 2 or 3: how maps, sets, doubles, nulls and the like are written.
    public var version: UInt8 = 2

    public init(capacity: Int = 16 * 1024) {
        precondition(capacity >= 64, "a reply buffer has room for a header")
        unsafe base = UnsafeMutableRawPointer(apus_allocate(capacity))
        self.capacity = capacity
    }

    deinit { unsafe apus_free(base, capacity) }

    /// Bytes not yet sent.
    @inlinable public var count: Int { filled - sent }
    @inlinable public var isEmpty: Bool { filled == sent }
    /// What the block takes from the allocator.
    public var allocatedByteCount: Int { capacity }
    /// The place where the next reply begins; only good until bytes are drained.
    @inlinable public var mark: Int { filled }

    /// Forgets everything written since `mark`.
    public func rewind(to mark: Int) {
        precondition(mark >= sent && mark <= filled, "a mark lies in what is not sent")
        filled = mark
    }

    /// The first byte written since `mark`, or none.
    @inlinable
    public func firstByte(since mark: Int) -> UInt8? {
        mark < filled ? unsafe base.load(fromByteOffset: mark, as: UInt8.self) : nil
    }

    /// The bytes written since `mark`, lent until the next write.
    public func bytes(since mark: Int) -> Bytes {
        precondition(mark >= sent && mark <= filled, "a mark lies in what is not sent")
        return unsafe Bytes(base: base + mark, count: filled - mark)
    }

    /// The bytes not yet sent, lent until the next write.
    public var unsent: Bytes { unsafe Bytes(base: base + sent, count: filled - sent) }

    /// Says that the socket took the first `count` unsent bytes.
    public func didSend(_ count: Int) {
        precondition(count >= 0 && count <= filled - sent, "the socket took more than it was lent")
        sent += count
        if sent == filled { (sent, filled) = (0, 0) }
    }

    /// Drops all bytes, and gives back what a single large reply once needed.
    public func clear(keeping limit: Int = 1 << 20) {
        (sent, filled) = (0, 0)
        guard capacity > limit else { return }
        unsafe apus_free(base, capacity)
        capacity = 16 * 1024
        unsafe base = UnsafeMutableRawPointer(apus_allocate(capacity))
    }

    // MARK: Raw bytes

    /// Makes room for `count` more bytes.
    @inlinable @inline(__always)
    func reserve(_ count: Int) {
        if filled &+ count > capacity { grow(by: count) }
    }

    @usableFromInline @inline(never)
    func grow(by count: Int) {
        if sent > 0 {
            unsafe base.copyMemory(from: base + sent, byteCount: filled - sent)
            (sent, filled) = (0, filled - sent)
        }
        var wanted = capacity
        while wanted < filled + count { wanted *= 2 }
        guard wanted > capacity else { return }
        let larger = unsafe UnsafeMutableRawPointer(apus_allocate(wanted))
        unsafe larger.unsafelyUnwrapped.copyMemory(from: base, byteCount: filled)
        unsafe apus_free(base, capacity)
        unsafe base = larger.unsafelyUnwrapped
        capacity = wanted
    }

    public func append(_ bytes: Bytes) {
        reserve(bytes.count)
        put(bytes)
    }

    /// Inlined, a text known at compile time is one or two stores.
    @inline(__always)
    public func append(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        unsafe (base + filled).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        filled &+= text.utf8CodeUnitCount
    }

    @_disfavoredOverload
    public func append(_ text: String) { Array(text.utf8).withBytes { append($0) } }

    // What follows does not ask for room: it was reserved.

    @inline(__always)
    private func put(_ bytes: Bytes) {
        unsafe bytes.copy(to: base + filled)
        filled &+= bytes.count
    }

    @inline(__always)
    private func putLineEnd() {
        unsafe base.storeBytes(of: UInt16(0x0A0D).littleEndian, toByteOffset: filled, as: UInt16.self)
        filled &+= 2
    }

    private static var longestHeader: Int { 1 + 20 + 2 }

    /// A type byte, a decimal number and the line's end: the head of nearly everything in RESP.
    @inline(__always)
    private func putHeader(_ type: UInt8, _ number: Int64) {
        guard UInt64(bitPattern: number) < 100 else { return putLongHeader(type, number) }
        unsafe filled &+= putShortHeader(type, UInt32(truncatingIfNeeded: number), to: base + filled)
    }

    /// The same for a number below 100; returns how many bytes it takes. One more may be written.
    @unsafe @inline(__always)
    private func putShortHeader(_ type: UInt8, _ number: UInt32, to place: UnsafeMutableRawPointer) -> Int {
        guard number >= 10 else {
            let line = UInt32(type) | (0x30 &+ number) << 8 | 0x0A0D_0000
            unsafe place.storeBytes(of: line.littleEndian, as: UInt32.self)
            return 4
        }
        let tens = (number &* 205) >> 11  // a division by ten
        let line = UInt32(type) | (0x30 &+ tens) << 8 | (0x30 &+ number &- tens &* 10) << 16 | 0x0D00_0000
        unsafe place.storeBytes(of: line.littleEndian, as: UInt32.self)
        unsafe place.storeBytes(of: 0x0A, toByteOffset: 4, as: UInt8.self)
        return 5
    }

    @inline(never)
    private func putLongHeader(_ type: UInt8, _ number: Int64) {
        unsafe base.storeBytes(of: type, toByteOffset: filled, as: UInt8.self)
        unsafe filled += 1 + writeInteger(number, to: base + filled + 1)
        putLineEnd()
    }

    @inline(__always)
    private func header(_ type: UInt8, _ number: Int64) {
        reserve(Self.longestHeader)
        putHeader(type, number)
    }

    // MARK: Replies of both versions

    public func ok() { append("+OK\r\n") }
    /// A line of text known at compile time, without the plus sign and the line's end.
    public func simple(_ text: StaticString) {
        append("+")
        append(text)
        append("\r\n")
    }
    @_disfavoredOverload
    public func simple(_ text: String) { append("+" + text + "\r\n") }

    public func integer(_ value: Int64) { header(UInt8(ascii: ":"), value) }
    public func integer(_ value: Int) { header(UInt8(ascii: ":"), Int64(value)) }

    public func bulk(_ value: Bytes) {
        let (start, count) = (filled, value.count)
        guard count < 100, start &+ Self.longestHeader &+ 100 <= capacity else { return bulkThoroughly(value) }
        // The fields are read and stored once, as for all that the compiler knows what is written might be they; and what may
        // be a call comes last, so that no registers are saved for it.
        let line = unsafe base + start
        let header = unsafe putShortHeader(UInt8(ascii: "$"), UInt32(truncatingIfNeeded: count), to: line)
        unsafe line.storeBytes(of: UInt16(0x0A0D).littleEndian, toByteOffset: header &+ count, as: UInt16.self)
        filled = start &+ header &+ count &+ 2
        unsafe value.copy(to: line + header)
    }

    @inline(never)
    private func bulkThoroughly(_ value: Bytes) {
        reserve(Self.longestHeader &+ value.count &+ 2)
        putHeader(UInt8(ascii: "$"), Int64(value.count))
        put(value)
        putLineEnd()
    }
    @_disfavoredOverload
    public func bulk(_ text: String) { Array(text.utf8).withBytes { bulk($0) } }
    public func bulk(_ text: StaticString) {
        unsafe bulk(Bytes(base: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    /// A bulk string of the number's decimal text.
    public func bulk(_ value: Int64) {
        let digits = integerTextByteCount(value)
        reserve(2 * Self.longestHeader)
        putHeader(UInt8(ascii: "$"), Int64(digits))
        unsafe filled += writeInteger(value, to: base + filled)
        putLineEnd()
    }

    public func array(_ count: Int) { header(UInt8(ascii: "*"), Int64(count)) }

    /// An error line: `text` begins with its code, as in `ERR syntax error`; line ends in it become blanks.
    @_disfavoredOverload
    public func error(_ text: String) {
        beginError()
        var line = Array(text.utf8)
        for index in line.indices where line[index] == 0x0d || line[index] == 0x0a { line[index] = 0x20 }
        line.withBytes { append($0) }
        append("\r\n")
    }
    public func error(_ text: StaticString) {
        beginError()
        append(text)
        append("\r\n")
    }

    /// An error line that quotes what a client sent: its bytes as they are up to a zero byte, line ends in it as blanks.
    public func error(_ text: String, quoting quoted: Bytes, _ rest: String = "") {
        beginError()
        append(text)
        quote(quoted)
        append(rest)
        append("\r\n")
    }

    /// The same with two quotations.
    public func error(_ text: String, quoting first: Bytes, _ between: String, quoting second: Bytes, _ rest: String) {
        beginError()
        append(text)
        quote(first)
        append(between)
        quote(second)
        append(rest)
        append("\r\n")
    }

    private func beginError() {
        hasNewError = true
        append("-")
    }

    private func quote(_ quoted: Bytes) {
        reserve(quoted.count)
        for index in 0..<quoted.count {
            guard quoted[index] != 0 else { break }
            let isLineEnd = quoted[index] == UInt8(ascii: "\r") || quoted[index] == UInt8(ascii: "\n")
            unsafe base.storeBytes(of: isLineEnd ? 0x20 : quoted[index], toByteOffset: filled, as: UInt8.self)
            filled &+= 1
        }
    }

    /// Opens an array whose length is not yet known; `close` it with the count.
    public func openArray() -> Int { filled }
    /// Puts the header of `count` elements before everything written since `opening`.
    public func closeArray(_ opening: Int, count: Int) { insertHeader(UInt8(ascii: "*"), count, at: opening) }
    public func closeSet(_ opening: Int, count: Int) {
        insertHeader(UInt8(ascii: version == 3 ? "~" : "*"), count, at: opening)
    }
    public func closeMap(_ opening: Int, pairs: Int) {
        insertHeader(UInt8(ascii: version == 3 ? "%" : "*"), version == 3 ? pairs : pairs * 2, at: opening)
    }

    private func insertHeader(_ type: UInt8, _ count: Int, at opening: Int) {
        let end = filled
        header(type, Int64(count))
        bringForward(since: end, to: opening)
    }

    /// Puts the bytes written since `mark` before those written since `opening`, an earlier mark.
    public func bringForward(since mark: Int, to opening: Int) {
        precondition(opening >= sent && opening <= mark && mark <= filled, "a mark lies in what is not sent")
        let count = filled - mark
        reserve(count)
        // By way of the room behind them.
        unsafe (base + filled).copyMemory(from: base + mark, byteCount: count)
        unsafe (base + opening + count).copyMemory(from: base + opening, byteCount: mark - opening)
        unsafe (base + opening).copyMemory(from: base + mark + count, byteCount: count)
    }

    // MARK: Replies that differ

    public func null() { append((version == 3 ? "_\r\n" : "$-1\r\n") as StaticString) }
    public func nullArray() { append((version == 3 ? "_\r\n" : "*-1\r\n") as StaticString) }
    public func map(_ pairs: Int) {
        version == 3 ? header(UInt8(ascii: "%"), Int64(pairs)) : header(UInt8(ascii: "*"), Int64(pairs * 2))
    }
    public func set(_ count: Int) { header(UInt8(ascii: version == 3 ? "~" : "*"), Int64(count)) }
    public func push(_ count: Int) { header(UInt8(ascii: version == 3 ? ">" : "*"), Int64(count)) }
    /// Attributes exist in RESP3 only: `pairs` keys and values before the reply that they describe.
    public func attribute(_ pairs: Int) {
        precondition(version == 3, "RESP2 has no attributes")
        header(UInt8(ascii: "|"), Int64(pairs))
    }
    public func boolean(_ value: Bool) {
        switch (version, value) {
        case (3, true): append("#t\r\n")
        case (3, false): append("#f\r\n")
        default: integer(value ? 1 : 0)
        }
    }
    public func double(_ value: Double) {
        withDoubleText(value) { text in
            guard version == 3 else { return bulk(text) }
            append(",")
            append(text)
            append("\r\n")
        }
    }
    /// An integer of any size as decimal text.
    public func bigNumber(_ digits: String) {
        if version == 3 { append("(" + digits + "\r\n") } else { bulk(digits) }
    }
    /// Text with its format (`txt` or `mkd`, three letters), a plain bulk string in RESP2.
    public func verbatim(_ text: String, format: StaticString = "txt") {
        precondition(format.utf8CodeUnitCount == 3, "a format has three letters")
        guard version == 3 else { return bulk(text) }
        let bytes = Array(text.utf8)
        header(UInt8(ascii: "="), Int64(bytes.count + 4))
        append(format)
        append(":")
        bytes.withBytes { append($0) }
        append("\r\n")
    }
}
