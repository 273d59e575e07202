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
        var (high, middle, low) = (UInt64(0), UInt64(0), UInt32(0))
        for (position, digit) in digits.enumerated() {
            guard let value = NodeID.value(ofDigit: digit) else { return nil }
            switch position {
            case 0..<16: high = high << 4 | UInt64(value)
            case 16..<32: middle = middle << 4 | UInt64(value)
            default: low = low << 4 | UInt32(value)
            }
        }
        self.init(high: high, middle: middle, low: low)
    }

    public init?(_ text: some StringProtocol) { self.init(digits: Array(text.utf8)) }

    private static func value(ofDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Appends the 40 digits to `bytes`.
    public func appendDigits(to bytes: inout [UInt8]) {
        NodeID.append(high, nibbles: 16, to: &bytes)
        NodeID.append(middle, nibbles: 16, to: &bytes)
        NodeID.append(UInt64(low), nibbles: 8, to: &bytes)
    }

    private static func append(_ value: UInt64, nibbles: Int, to bytes: inout [UInt8]) {
        for position in (0..<nibbles).reversed() {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * position)) & 0xf
            bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
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
