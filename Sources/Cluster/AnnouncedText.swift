// Which bytes a name or an address may have that other nodes print, write into nodes.conf and read again.

public enum AnnouncedText {
    /// Whether `text` fits into the address field of a packet: what `cluster-announce-ip` may be.
    public static func isAddress(_ text: String) -> Bool {
        text.utf8.count < BusLayout.ipLength && text.utf8.allSatisfy(mayStandInAddress)
    }

    /// Whether `text` may be announced as a host name, a node's name or a zone.
    public static func isName(_ text: String) -> Bool {
        text.utf8.count < 256 && text.utf8.allSatisfy(mayStandInLine)
    }

    /// Letters, digits and `.:-_%`: literal addresses with a zone, and the host names that some announce in their place.
    static func mayStandInAddress(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        case UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "%"): true
        default: false
        }
    }

    /// Visible ASCII but for the marks that structure a line of nodes.conf.
    static func mayStandInLine(_ byte: UInt8) -> Bool {
        guard (0x21...0x7e).contains(byte) else { return false }
        return byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "@")
    }
}
