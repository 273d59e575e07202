// The numbers of the RDB format that reader and writer share.

/// Versions of the format, as files and DUMP payloads name them.
public enum RDBVersion {
    /// The one that is written: that of Redis 7.0, which everything since then reads …
    public static let written = 10
    /// … but where there are hashes whose fields have an expiry: only Valkey's knows these.
    static let ofVolatileHashes = 80

    /// Whether values of `version` are understood: Redis's up to 11, and Valkey's 80. What lies between belongs to later
    /// Redis versions, which gave some type numbers another meaning.
    public static func isReadable(_ version: Int) -> Bool { version <= 11 || version == 80 }
}

/// What kind of value follows.
public enum RDBType: UInt8 {
    case string = 0
    case list = 1
    case set = 2
    case listAsZiplist = 10
    case setOfIntegers = 11
    case listOfZiplists = 14
    case listOfListpacks = 18
    case setAsListpack = 20
    case sortedSetAsText = 3
    case sortedSet = 5
    case sortedSetAsZiplist = 12
    case sortedSetAsListpack = 17
    case hash = 4
    case hashAsZipmap = 9
    case hashAsZiplist = 13
    case hashAsListpack = 16
    case volatileHash = 22
    case stream = 15
    case streamWithCounts = 19
    case streamWithActivity = 21
}

/// The two highest bits of a length's first byte.
enum LengthForm {
    static let six: UInt8 = 0x00
    static let fourteen: UInt8 = 0x40
    static let thirtyTwo: UInt8 = 0x80
    static let sixtyFour: UInt8 = 0x81
    static let special: UInt8 = 0xC0
    static let mask: UInt8 = 0xC0
}

/// What a string is that does not begin with a length.
enum StringForm: UInt8 {
    case int8 = 0
    case int16 = 1
    case int32 = 2
    case compressed = 3
}
