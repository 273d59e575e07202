// Packets captured from running nodes of Redis 7.0.15 (R7) and Valkey 9.1.2 (V9), written as hexadecimal digits in which
// `[xx*n]` stands for n bytes xx.

/// A packet of a real server: what codecs must read, and what hostile traffic is made from.
public struct CapturedPacket: CustomStringConvertible, Sendable {
    let what: String
    public let byteCount: Int
    let notation: String

    public var description: String { what }

    /// The notation written out.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for word in notation.split(separator: " ") {
            if word.hasPrefix("[") {
                let parts = word.dropFirst().dropLast().split(separator: "*")
                bytes += [UInt8](repeating: UInt8(parts[0], radix: 16) ?? 0, count: Int(parts[1]) ?? 0)
            } else {
                let digits = Array(word)
                for start in stride(from: 0, to: digits.count, by: 2) {
                    bytes.append(UInt8(String(digits[start...start + 1]), radix: 16) ?? 0)
                }
            }
        }
        return bytes
    }

    public static let meetOfRedis = CapturedPacket(
        what: "MEET, R7 first packet to a stranger (no gossip, no extensions)",
        byteCount: 2256,
        notation: """
            52436d62000008d000011ce90002 [00*26] \
            36666534653463303533316238656264626630336230396639316231373733303737326665666564 [00*2168] \
            43f9001101000000
            """
    )
    public static let pongOfValkey = CapturedPacket(
        what: "PONG, V9 answer to it (EXT_DATA set, 0 extensions)",
        byteCount: 2256,
        notation: """
            52436d62000008d000011cf30001 [00*26] \
            38326136613435303063643435623134306330326536613735396431343031303435663637376362 [00*2168] \
            44031c1101040000
            """
    )
    public static let meetOfValkey = CapturedPacket(
        what: "MEET, V9, one gossip entry",
        byteCount: 2360,
        notation: """
            52436d620000093800011cf300020001 [00*7] 01 [00*16] \
            38326136613435303063643435623134306330326536613735396431343031303435663637376362 [00*2168] \
            44031c110104000036666534653463303533316238656264626630336230396639316231373733303737326665666564 \
            000000006b039ae33132372e302e302e31 [00*37] 1ce943f9000100000000
            """
    )
    public static let pongWithShard = CapturedPacket(
        what: "PONG, V9 with shard-id extension",
        byteCount: 2304,
        notation: """
            52436d620000090000011cf40001 [00*26] \
            66653462306465613631323835356337643938316335373832313132373737386533393331323137 [00*2135] 01 \
            [00*32] \
            44041c110104000000000030000300003231343530303830313237623661323561353762633736396536366266306133 \
            3637633231653032
            """
    )
    public static let pongOfRedisWithHostname = CapturedPacket(
        what: "PONG, R7 with hostname extension, 3 gossip entries, slots 0-5460",
        byteCount: 2592,
        notation: """
            52436d6200000a2000011ce900010003 [00*7] 07 [00*7] 06 [00*7] \
            6236666534653463303533316238656264626630336230396639316231373733303737326665666564 [ff*682] 1f \
            [00*1452] 01 [00*32] \
            43f901110004000062616439353130646337346466353662323564393961313863316338353730393430333839313035 \
            000000006b039b6c3132372e302e302e31 [00*37] \
            1ceb43fb0002000000003832613661343530306364343562313430633032653661373539643134303130343566363737 \
            6362000000006b039b6d3132372e302e302e31 [00*37] \
            1cf344030101000000003531373430633364323039396133383537663663363438383936633566313635336264636433 \
            3439000000006b039b6d3132372e302e302e31 [00*37] 1cea43fa0101 [00*7] \
            180000000072312e6578616d706c652e636f6d0000
            """
    )
    public static let pingWithExtensions = CapturedPacket(
        what: "PING, V9, extensions 0,1,4,5,6,8,3 (client port 9999, zone az-1), slots 5461-10922",
        byteCount: 2728,
        notation: """
            52436d6200000aa800011cf300000003 [00*7] 07 [00*7] 07 [00*7] \
            6238326136613435303063643435623134306330326536613735396431343031303435663637376362 [00*682] e0 \
            [ff*682] 07 [00*769] 07 [00*32] \
            44031d110004000036666534653463303533316238656264626630336230396639316231373733303737326665666564 \
            000000006b039b6e3132372e302e302e31 [00*37] \
            1ce943f90101000000006261643935313064633734646635366232356439396131386331633835373039343033383931 \
            3035000000006b039b6c3132372e302e302e31 [00*37] \
            1ceb43fb0002000000003531373430633364323039396133383537663663363438383936633566313635336264636433 \
            3439000000006b039b6d3132372e302e302e31 [00*37] 1cea43fa0101 [00*7] \
            180000000068312e6578616d706c652e636f6d000000000010000100006e6f64652d610000000000180004000031302e \
            302e302e39 [00*11] 1000050000666430303a3a39000000001000060000270f [00*9] 1000080000617a2d31 [00*7] \
            300003000036383236643534666132653135346436623065623736623165356664326237363361366134356536
            """
    )
    public static let pongWithForgotten = CapturedPacket(
        what: "PONG, V9 with forgotten-node (ttl 60) and shard-id",
        byteCount: 2672,
        notation: """
            52436d6200000a7000011cf400010003 [00*7] 0c [00*7] 0b [00*6] \
            058a66653462306465613631323835356337643938316335373832313132373737386533393331323137 [00*250] fe \
            [ff*431] 1f [00*1452] 02 [00*32] \
            44043d110004000036666534653463303533316238656264626630336230396639316231373733303737326665666564 \
            000000006b039bf03132372e302e302e31 [00*37] \
            1ce943f90402000000003832613661343530306364343562313430633032653661373539643134303130343566363737 \
            6362000000006b039bf03132372e302e302e31 [00*37] \
            1cf344031c02000000006135633639313265626331306335386433303361346334343635623063643431303137356232 \
            3432000000006b039bf03132372e302e302e31 [00*37] 1cf544051d01 [00*7] \
            380002000063353130383230613263306138326535323032353536633930323830363466323766656436336437 [00*7] \
            3c0000003000030000656532386339623838356262316234313266386536346638353631613565306637303438616161 65
            """
    )
    public static let fail = CapturedPacket(
        what: "FAIL, R7",
        byteCount: 2296,
        notation: """
            52436d62000008f800011cea0003 [00*9] 0a [00*7] 0a [00*7] \
            9a35313734306333643230393961333835376636633634383839366335663136353362646364333439 [00*1365] f8 \
            [ff*682] [00*120] \
            43fa01110000000036666534653463303533316238656264626630336230396639316231373733303737326665666564
            """
    )
    public static let publish = CapturedPacket(
        what: "PUBLISH full, R7, channel “chan” message “hello”",
        byteCount: 2273,
        notation: """
            52436d62000008e100011ce90004 [00*9] 05 [00*7] 01 [00*7] \
            0e36666534653463303533316238656264626630336230396639316231373733303737326665666564 [ff*682] 1f \
            [00*1485] 43f90111 [00*7] 04000000056368616e68656c6c6f
            """
    )
    public static let lightPublish = CapturedPacket(
        what: "PUBLISH light, V9, same",
        byteCount: 33,
        notation: """
            52436d6200000021000100008004000000000004000000056368616e68656c6c6f
            """
    )
    public static let lightPublishShard = CapturedPacket(
        what: "PUBLISHSHARD light, V9, “shch” “msg1”",
        byteCount: 32,
        notation: """
            52436d620000002000010000800a00000000000400000004736863686d736731
            """
    )
    public static let manualFailoverStart = CapturedPacket(
        what: "MFSTART, V9 replica",
        byteCount: 2256,
        notation: """
            52436d62000008d000011cf50008 [00*9] 07 [00*7] 07 [00*7] \
            8c61356336393132656263313063353864333033613463343436356230636434313031373562323432 [00*682] e0 \
            [ff*682] 07 [00*682] \
            38326136613435303063643435623134306330326536613735396431343031303435663637376362 [00*80] \
            44051c1200000000
            """
    )
    public static let authRequest = CapturedPacket(
        what: "AUTH-REQ, R7 replica, FORCEACK",
        byteCount: 2256,
        notation: """
            52436d62000008d000011ceb0005 [00*9] 09 [00*7] 04 [00*7] \
            8c62616439353130646337346466353662323564393961313863316338353730393430333839313035 [00*1365] f8 \
            [ff*682] 35313734306333643230393961333835376636633634383839366335663136353362646364333439 [00*80] \
            43fb001200020000
            """
    )
    public static let authAck = CapturedPacket(
        what: "AUTH-ACK, V9",
        byteCount: 2256,
        notation: """
            52436d62000008d000011cf50006 [00*9] 09 [00*7] 08 [00*7] \
            8c61356336393132656263313063353864333033613463343436356230636434313031373562323432 [00*682] e0 \
            [ff*682] 07 [00*802] 44051d1100000000
            """
    )
    public static let update = CapturedPacket(
        what: "UPDATE, R7 about another node (epoch 11, slots 0-5460)",
        byteCount: 4352,
        notation: """
            52436d620000110000011cea0007 [00*9] 0b [00*7] 0a [00*7] \
            a835313734306333643230393961333835376636633634383839366335663136353362646364333439 [00*1365] f8 \
            [ff*682] [00*120] 43fa0111 [00*11] \
            0b66653462306465613631323835356337643938316335373832313132373737386533393331323137 [ff*682] 1f \
            [00*1365]
            """
    )
    public static let publishShard = CapturedPacket(
        what: "PUBLISHSHARD full, R7, “foo” “x”",
        byteCount: 2268,
        notation: """
            52436d62000008dc00011cea000a [00*9] 0c [00*7] 0a [00*6] \
            018835313734306333643230393961333835376636633634383839366335663136353362646364333439 [00*1365] f8 \
            [ff*682] [00*120] 43fa0111 [00*7] 0300000001666f6f78
            """
    )
    public static let module = CapturedPacket(
        what: "MODULE full, R7, module name bustestab (id 6EEB2D7ACB5A6C00, sent little-endian), type 7, “hello”",
        byteCount: 2274,
        notation: """
            52436d62000008e200011d390009 [00*9] 02 [00*7] 01 [00*8] \
            31376536306333393335663136633464383262383838376564373935343161653434366134666133 [00*2168] \
            4449001101000000006c5acb7a2deb6e000000050768656c6c6f
            """
    )
    public static let lightModule = CapturedPacket(
        what: "MODULE light, V9, same",
        byteCount: 34,
        notation: """
            52436d62000000220001000080090000006c5acb7a2deb6e000000050768656c6c6f
            """
    )

    public static let all = [
        meetOfRedis,
        pongOfValkey,
        meetOfValkey,
        pongWithShard,
        pongOfRedisWithHostname,
        pingWithExtensions,
        pongWithForgotten,
        fail,
        publish,
        lightPublish,
        lightPublishShard,
        manualFailoverStart,
        authRequest,
        authAck,
        update,
        publishShard,
        module,
        lightModule,
    ]
}
