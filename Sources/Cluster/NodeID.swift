// The names of nodes and shards: 160 random bits, which the bus, nodes.conf and the replies show as 40 hexadecimal digits.

/// The name of a node, for its whole life (only `CLUSTER RESET HARD` gives it another).
///
/// The order is that of the 40 lower-case digits, which the rule for colliding epochs goes by.
public struct NodeID: Hashable, Comparable, Sendable {
    /// How many digits the text of a name has.
    public static let textLength = 40

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    private init(high: UInt64, middle: UInt64, low: UInt32) {
        (self.high, self.middle, self.low) = (high, middle, low)
    }

    /// A name nobody else has.
    public static func random(using generator: inout some RandomNumberGenerator) -> NodeID {
        NodeID(high: generator.next(), middle: generator.next(), low: UInt32(truncatingIfNeeded: generator.next()))
    }

    /// The name whose text is `digits`: exactly 40 of `0`…`9`, `a`…`f`. Capitals are refused: peers compare the text.
    public init?(digits: some Collection<UInt8>) {
        guard digits.count == NodeID.textLength else { return nil }
        guard let name = unsafe Array(digits).withUnsafeBytes({ unsafe NodeID(reading: $0) }) else { return nil }
        self = name
    }

    /// The same of a part of a packet, without a copy.
    init?(digits: ArraySlice<UInt8>) {
        guard digits.count == NodeID.textLength,
            let name = unsafe digits.withUnsafeBytes({ unsafe NodeID(reading: $0) })
        else { return nil }
        self = name
    }

    /// Eight digits at a time: a packet about a thousand nodes has forty thousand.
    private init?(reading digits: UnsafeRawBufferPointer) {
        var parts: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        guard unsafe NodeID.read(digits, at: 0, into: &parts.0), unsafe NodeID.read(digits, at: 8, into: &parts.1),
            unsafe NodeID.read(digits, at: 16, into: &parts.2), unsafe NodeID.read(digits, at: 24, into: &parts.3),
            unsafe NodeID.read(digits, at: 32, into: &parts.4)
        else { return nil }
        self.init(high: parts.0 << 32 | parts.1, middle: parts.2 << 32 | parts.3, low: UInt32(parts.4))
    }

    private static func read(_ digits: UnsafeRawBufferPointer, at offset: Int, into value: inout UInt64) -> Bool {
        let text = UInt64(bigEndian: unsafe digits.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        // A digit's low half is its value, a letter's is 9 less; what was no digit does not come out again as it went in.
        var nibbles = (text & 0x0f0f_0f0f_0f0f_0f0f) &+ ((text >> 6) & 0x0101_0101_0101_0101) &* 9
        guard nibbles & 0xf0f0_f0f0_f0f0_f0f0 == 0, NodeID.digits(ofNibbles: nibbles) == text else { return false }
        nibbles = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff
        nibbles = (nibbles | nibbles >> 8) & 0x0000_ffff_0000_ffff
        value = (nibbles | nibbles >> 16) & 0xffff_ffff
        return true
    }

    /// The digits of eight nibbles, one in each byte.
    private static func digits(ofNibbles nibbles: UInt64) -> UInt64 {
        let isLetter = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ isLetter &* 0x27
    }

    public init?(_ text: some StringProtocol) { self.init(digits: Array(text.utf8)) }

    /// Appends the 40 digits to `bytes`.
    public func appendDigits(to bytes: inout [UInt8]) {
        let parts: InlineArray<5, UInt64> = [
            high >> 32, high & 0xffff_ffff, middle >> 32, middle & 0xffff_ffff, UInt64(low),
        ]
        for index in parts.indices {
            let part = parts[index]
            var nibbles = (part | part << 16) & 0x0000_ffff_0000_ffff
            nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff
            nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f
            unsafe withUnsafeBytes(of: NodeID.digits(ofNibbles: nibbles).bigEndian) {
                unsafe bytes.append(contentsOf: $0)
            }
        }
    }

    public static func < (left: NodeID, right: NodeID) -> Bool {
        if left.high != right.high { return left.high < right.high }
        if left.middle != right.middle { return left.middle < right.middle }
        return left.low < right.low
    }
}

extension NodeID: CustomStringConvertible {
    /// The 40 digits.
    public var description: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(NodeID.textLength)
        appendDigits(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}

/// The name that a primary and its replicas share.
///
/// Nodes of Redis 7.0 have none; whoever meets one invents a name for its shard, so these differ between observers.
public struct ShardID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The same 160 bits, written the same way.
    public let name: NodeID

    public init(_ name: NodeID) { self.name = name }

    public static func random(using generator: inout some RandomNumberGenerator) -> ShardID {
        ShardID(.random(using: &generator))
    }

    public static func < (left: ShardID, right: ShardID) -> Bool { left.name < right.name }

    public var description: String { name.description }
}
