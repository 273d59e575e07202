// Packets: those of real servers are understood and written byte for byte; anything else is refused without harm.

import Simulator
import Testing

@testable import Cluster

@Suite struct `Packets of the cluster bus` {
    @Test(arguments: CapturedPacket.all)
    func `of real servers are written again exactly as they were read`(packet: CapturedPacket) throws {
        let bytes = packet.bytes
        #expect(bytes.count == packet.byteCount)

        let message = try BusMessage(decoding: bytes[...])

        #expect(message.encoded() == bytes)
    }

    @Test(arguments: CapturedPacket.all)
    func `are refused when their end is missing, wherever it is cut`(packet: CapturedPacket) {
        let bytes = packet.bytes
        let isLight = bytes[BusLayout.Header.type] & 0x80 != 0
        let shortest = isLight ? BusLayout.lightHeaderLength : BusLayout.fullHeaderLength
        for length in shortest..<bytes.count {
            #expect(throws: BusDecodingError.self) { try BusMessage(decoding: bytes[..<length]) }
        }
    }

    @Test func `have the header of the reference table`() throws {
        let (header, body) = try full(.pongOfRedisWithHostname)

        #expect(header.sender == NodeID("6fe4e4c0531b8ebdbf03b09f91b17730772fefed"))
        #expect(header.port == 7401)
        #expect(header.busPort == 17401)
        #expect(header.otherPort == 0)
        #expect(header.ip == "")
        #expect((header.currentEpoch, header.configEpoch, header.replicationOffset) == (7, 6, 98))
        #expect(header.slots.ranges == [0..<5461])
        #expect(header.replicaOf == nil)
        #expect(header.flags == [.myself, .primary, .attractsReplicas])
        #expect(header.traits == .extensions)
        #expect(!header.seesClusterFailing)
        guard case .pong(let heartbeat) = body else { throw WrongBody(body) }
        #expect(heartbeat.extensions == [.hostname("r1.example.com")])
        #expect(heartbeat.gossip.map(\.port) == [7403, 7411, 7402])
        #expect(heartbeat.gossip[1].flags == [.primary, .attractsReplicas])
        #expect(heartbeat.gossip[0].id == NodeID("bad9510dc74df56b25d99a18c1c8570940389105"))
        #expect(heartbeat.gossip[0].ip == "127.0.0.1")
        #expect(heartbeat.gossip[0].busPort == 17403)
        #expect(heartbeat.gossip[0].pongReceivedSeconds == 0x6b03_9b6c)
        #expect(heartbeat.gossip[0].flags == .replica)
    }

    @Test func `name what a node announces about itself`() throws {
        let (header, body) = try full(.pingWithExtensions)

        #expect(header.slots.ranges == [5461..<10923])
        guard case .ping(let heartbeat) = body else { throw WrongBody(body) }
        let shard = try #require(NodeID("6826d54fa2e154d6b0eb76b1e5fd2b763a6a45e6"))
        #expect(
            heartbeat.extensions == [
                .hostname("h1.example.com"), .nodename("node-a"), .clientIPv4("10.0.0.9"), .clientIPv6("fd00::9"),
                .clientPort(9999), .availabilityZone("az-1"), .shard(ShardID(shard)),
            ]
        )
    }

    @Test func `name who was forgotten, and for how long`() throws {
        let (_, body) = try full(.pongWithForgotten)

        guard case .pong(let heartbeat) = body else { throw WrongBody(body) }
        let forgotten = try #require(NodeID("c510820a2c0a82e5202556c9028064f27fed63d7"))
        #expect(heartbeat.extensions.first == .forgotten(forgotten, secondsLeft: 60))
    }

    @Test func `carry failures, claims, publications and the messages of modules`() throws {
        let dead = try #require(NodeID("6fe4e4c0531b8ebdbf03b09f91b17730772fefed"))
        #expect(try full(.fail).body == .fail(dead))

        let owner = try #require(NodeID("fe4b0dea612855c7d981c57821127778e3931217"))
        #expect(
            try full(.update).body == .update(SlotClaim(owner: owner, configEpoch: 11, slots: SlotSet(0..<5461)))
        )
        let publication = Publication(channel: Array("chan".utf8), message: Array("hello".utf8))
        #expect(try full(.publish).body == .publish(publication))
        #expect(try BusMessage(decoding: CapturedPacket.lightPublish.bytes[...]) == .light(.publish(publication)))

        let module = ModuleMessage(module: 0x6eeb_2d7a_cb5a_6c00, type: 7, payload: Array("hello".utf8))
        #expect(try full(.module).body == .module(module))
        #expect(try BusMessage(decoding: CapturedPacket.lightModule.bytes[...]) == .light(.module(module)))
    }

    @Test func `of an election say whose slots are asked for`() throws {
        let (header, body) = try full(.authRequest)

        #expect(body == .authRequest)
        #expect(header.replicaOf == NodeID("51740c3d2099a3857f6c648896c5f1653bdcd349"))
        #expect(header.slots.ranges == [10923..<16384])
        #expect(header.traits == .forceAck)
        #expect(try full(.authAck).body == .authAck)
        #expect(try full(.manualFailoverStart).body == .manualFailoverStart)
    }

    @Test func `are refused with the reason`() throws {
        func error(_ packet: CapturedPacket, _ change: (inout [UInt8]) -> Void) -> BusDecodingError? {
            var bytes = packet.bytes
            change(&bytes)
            do throws(BusDecodingError) {
                _ = try BusMessage(decoding: bytes[...])
                return nil
            } catch { return error }
        }
        #expect(error(.meetOfRedis) { $0[9] = 2 } == .unsupportedVersion(2))
        #expect(error(.meetOfRedis) { $0[13] = 77 } == .unknownType(77))
        #expect(error(.meetOfRedis) { $0[12] = 0x80 } == .needsFullHeader(.meet))
        #expect(
            error(.meetOfRedis) { $0 += [0, 0, 0, 0, 0, 0, 0, 0] } == .wrongLength(.meet, expected: 2256, found: 2264)
        )
        #expect(error(.meetOfRedis) { $0[15] = 1 } == .wrongLength(.meet, expected: 2360, found: 2256))
        #expect(error(.meetOfRedis) { $0[40] = UInt8(ascii: "X") } == .invalidName(offset: 40))
        #expect(error(.meetOfRedis) { $0[2168] = UInt8(ascii: "\n") } == .invalidAddress(offset: 2168))
        #expect(error(.meetOfValkey) { $0[2256] = 0 } == .invalidName(offset: 2256))
        #expect(error(.pongWithShard) { $0[2259] = 0x2c } == .invalidExtension(offset: 2256))
        #expect(error(.pongWithShard) { $0[2259] = 0x38 } == .invalidExtension(offset: 2256))
        #expect(error(.pongWithShard) { $0[2259] = 0 } == .invalidExtension(offset: 2256))
        #expect(error(.publish) { $0[2256] = 0xff } != nil)
    }

    @Test func `keep extensions that are not understood, and take nothing from them`() throws {
        var bytes = CapturedPacket.pongWithShard.bytes
        bytes[2261] = 99

        guard case .full(_, .pong(let heartbeat)) = try BusMessage(decoding: bytes[...]) else { throw WrongBody(nil) }

        #expect(heartbeat.extensions == [.unknown(type: 99, content: Array(bytes[2264...]))])
    }

    @Test func `with a host name that would break a line of nodes.conf are read without it`() throws {
        var bytes = CapturedPacket.pongOfRedisWithHostname.bytes
        bytes[bytes.count - 10] = UInt8(ascii: " ")

        guard case .full(_, .pong(let heartbeat)) = try BusMessage(decoding: bytes[...]) else { throw WrongBody(nil) }

        guard case .unknown(type: 0, _) = heartbeat.extensions.first else { throw WrongBody(nil) }
    }

    @Test(arguments: 0..<8)
    func `are decoded or refused, however they are mutated`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let originals = CapturedPacket.all.map(\.bytes)
        for _ in 0..<1000 {
            guard var bytes = originals.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // The slots are any bits at all: changes are aimed at the rest.
                let isInSlots = bytes.count >= 2256 && Bool.random(using: &random)
                let offset = Int.random(in: isInSlots ? 2128..<bytes.count : 8..<min(bytes.count, 80), using: &random)
                bytes[offset] = UInt8.random(in: 0...255, using: &random)
            }
            let isLight = bytes[BusLayout.Header.type] & 0x80 != 0
            guard isLight || bytes.count >= BusLayout.fullHeaderLength else { continue }  // The inbox refuses these.
            guard let message = try? BusMessage(decoding: bytes[...]) else { continue }
            // What was understood can be said again, and is understood the same.
            let again = try? BusMessage(decoding: message.encoded()[...])
            #expect(again == message, "seed \(seed)")
        }
    }

    private func full(_ packet: CapturedPacket) throws -> (header: BusHeader, body: BusBody) {
        guard case .full(let header, let body) = try BusMessage(decoding: packet.bytes[...]) else {
            throw WrongBody(nil)
        }
        return (header, body)
    }
}

struct WrongBody: Error {
    let body: BusBody?

    init(_ body: BusBody?) { self.body = body }
}

@Suite struct `The stream of a link` {
    private let packets = [CapturedPacket.meetOfRedis, .lightPublish, .pingWithExtensions, .update].map(\.bytes)

    @Test(arguments: [1, 7, 14, 100, 2256, 5000])
    func `is cut into the packets it was made of, however it arrives`(pieceLength: Int) throws {
        let stream = packets.flatMap { $0 }
        var inbox = BusInbox()
        var cut: [[UInt8]] = []

        for start in stride(from: 0, to: stream.count, by: pieceLength) {
            inbox.append(Array(stream[start..<min(start + pieceLength, stream.count)]))
            while let packet = try inbox.next() { cut.append(Array(packet)) }
        }

        #expect(cut == packets)
        #expect(inbox.byteCount == 0)
    }

    @Test func `ends at a wrong signature`() {
        var inbox = BusInbox()
        inbox.append(Array("GET / HTTP/1.1\r\n".utf8))

        #expect(throws: BusFramingError.wrongSignature) { try inbox.next() }
    }

    @Test(arguments: [
        (0, 100), (0, 2255), (0, 4_000_000_000), (4, 4_000_000_000), (0x8004, 15), (77, 20_000_000),
    ])
    func `ends at a length that no packet of its type has`(type: Int, length: Int) {
        var inbox = BusInbox()
        var head = Array("RCmb".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
        head += [0, 1, 0, 0, UInt8(type >> 8), UInt8(type & 0xff)]
        inbox.append(head)

        #expect(throws: BusFramingError.impossibleLength(length)) { try inbox.next() }
    }

    @Test func `holds no more than has arrived, whatever a packet claims to be`() throws {
        var inbox = BusInbox()
        inbox.append(Array("RCmb".utf8) + [0x20, 0, 0, 0, 0, 1, 0, 0, 0, 4])

        #expect(try inbox.next() == nil)
        #expect(inbox.byteCount == 14)
    }
}
