// Literal IP addresses: CLUSTER MEET takes no names, because a resolver may block and its answer may change.

public enum IPAddress {
    /// The canonical text of a literal IPv4 or IPv6 address, nil for anything else.
    ///
    /// Canonical, because peers compare addresses as text: `::FFFF`, `0:0::ffff` and `::ffff` are one address.
    public static func canonical(_ text: String) -> String? {
        if let octets = ipv4(text.utf8[...]) { return octets.map { String($0) }.joined(separator: ".") }
        return ipv6(text.utf8[...]).map(format)
    }

    public static func isIPv6(_ address: String) -> Bool { address.utf8.contains(UInt8(ascii: ":")) }

    /// Four decimal numbers below 256 without leading zeros.
    private static func ipv4(_ text: Substring.UTF8View) -> [UInt8]? {
        let fields = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard fields.count == 4 else { return nil }
        var octets: [UInt8] = []
        for field in fields {
            guard (1...3).contains(field.count), field.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
                field.count == 1 || field.first != UInt8(ascii: "0"), let octet = UInt8(Substring(field))
            else { return nil }
            octets.append(octet)
        }
        return octets
    }

    /// Eight groups of 16 bits; `::` stands once for one or more groups of zero, and the last two may be an IPv4 address.
    private static func ipv6(_ text: Substring.UTF8View) -> [UInt16]? {
        let halves = split(text, atFirstDoubleColon: ())
        guard let head = groups(halves.head, mayEndInIPv4: halves.tail == nil) else { return nil }
        guard let tailText = halves.tail else { return head.count == 8 ? head : nil }
        guard let tail = groups(tailText, mayEndInIPv4: true), head.count + tail.count < 8 else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func split(
        _ text: Substring.UTF8View,
        atFirstDoubleColon: Void
    ) -> (head: Substring.UTF8View, tail: Substring.UTF8View?) {
        let colon = UInt8(ascii: ":")
        for index in text.indices {
            let next = text.index(after: index)
            guard text[index] == colon, next < text.endIndex, text[next] == colon else { continue }
            return (text[..<index], text[text.index(after: next)...])
        }
        return (text, nil)
    }

    private static func groups(_ text: Substring.UTF8View, mayEndInIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let fields = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (position, field) in fields.enumerated() {
            if mayEndInIPv4, position == fields.count - 1, let octets = ipv4(field) {
                groups.append(UInt16(octets[0]) << 8 | UInt16(octets[1]))
                groups.append(UInt16(octets[2]) << 8 | UInt16(octets[3]))
                continue
            }
            let isHexadecimal = field.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            guard (1...4).contains(field.count), isHexadecimal, let group = UInt16(Substring(field), radix: 16) else {
                return nil
            }
            groups.append(group)
        }
        return groups.count <= 8 ? groups : nil
    }

    /// RFC 5952: lower case, no leading zeros, `::` for the first longest run of two or more zero groups.
    private static func format(_ groups: [UInt16]) -> String {
        var longest = 0..<0
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = end + 1
        }
        func text(_ part: ArraySlice<UInt16>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
        // As inet_ntop of the C library has it, which the peers' texts come from: mapped addresses end in dotted form.
        let isMapped = longest == 0..<5 && groups[5] == 0xffff || longest == 0..<6 && groups[6] != 0
        if isMapped {
            let octets = [groups[6] >> 8, groups[6] & 0xff, groups[7] >> 8, groups[7] & 0xff]
            let dotted = octets.map { String($0) }.joined(separator: ".")
            return longest.count == 5 ? "::ffff:\(dotted)" : "::\(dotted)"
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}
