// nodes.conf: files of both real servers are read, ours is written as Valkey 9.1 does, and nonsense is refused with its line.

import Testing

@testable import Cluster

/// Samples of the reference, taken from running servers.
enum SavedFile {
    static let redis = """
        51740c3d2099a3857f6c648896c5f1653bdcd349 127.0.0.1:7402@17402 myself,master - 0 1795398374000 4 connected 10923-16383
        82a6a4500cd45b140c02e6a759d1401045f677cb 127.0.0.1:7411@17411,h1.example.com master - 0 1795398374116 2 connected 5461-10922
        fe4b0dea612855c7d981c57821127778e3931217 127.0.0.1:7412@17412 slave 6fe4e4c0531b8ebdbf03b09f91b17730772fefed 0 1795398374000 1 connected
        6fe4e4c0531b8ebdbf03b09f91b17730772fefed 127.0.0.1:7401@17401 master,fail - 1795398549414 1795398546847 1 disconnected 0-5460
        vars currentEpoch 5 lastVoteEpoch 0

        """
    static let valkey = """
        82a6a4500cd45b140c02e6a759d1401045f677cb 127.0.0.1:7411@17411,h1.example.com,availability-zone=az-1,client-tcp-port=9999,client-ipv6=fd00::9,client-ipv4=10.0.0.9,tls-port=0,nodename=node-a,shard-id=6826d54fa2e154d6b0eb76b1e5fd2b763a6a45e6 slave a5c6912ebc10c58d303a4c4465b0cd410175b242 0 1795398553000 8 connected
        fe4b0dea612855c7d981c57821127778e3931217 127.0.0.1:7412@17412,,tls-port=0,shard-id=ee28c9b885bb1b412f8e64f8561a5e0f7048aaae myself,master - 0 0 11 connected 2001-5460 [3000->-a5c6912ebc10c58d303a4c4465b0cd410175b242]
        a5c6912ebc10c58d303a4c4465b0cd410175b242 127.0.0.1:7413@17413,,tls-port=0,shard-id=6826d54fa2e154d6b0eb76b1e5fd2b763a6a45e6 master - 0 1795398553958 8 connected 0-2000 5461-10922
        vars currentEpoch 11 lastVoteEpoch 0

        """
    static let valkeyImporting = """
        a5c6912ebc10c58d303a4c4465b0cd410175b242 127.0.0.1:7413@17413,,tls-port=0,shard-id=6826d54fa2e154d6b0eb76b1e5fd2b763a6a45e6 myself,master - 0 0 12 connected 0-2000 5461-10922 [3000-<-fe4b0dea612855c7d981c57821127778e3931217]
        fe4b0dea612855c7d981c57821127778e3931217 127.0.0.1:7412@17412,,tls-port=0,shard-id=ee28c9b885bb1b412f8e64f8561a5e0f7048aaae master - 0 0 11 connected 2001-5460
        vars currentEpoch 12 lastVoteEpoch 3

        """
    static let firstStartOfRedis =
        "6fe4e4c0531b8ebdbf03b09f91b17730772fefed :0@0 myself,master - 0 0 0 connected\nvars currentEpoch 0 lastVoteEpoch 0\n"
    static let firstStartOfValkey =
        "82a6a4500cd45b140c02e6a759d1401045f677cb :7411@17411,,tls-port=0,shard-id=6826d54fa2e154d6b0eb76b1e5fd2b763a6a45e6 myself,master - 0 0 0 connected\nvars currentEpoch 0 lastVoteEpoch 0\n"
}

@Suite struct `nodes.conf` {
    private func parse(_ text: String) throws(NodesConfigurationError) -> NodesConfiguration {
        try NodesConfiguration(parsing: Array(text.utf8), busUsesTLS: false)
    }

    @Test(arguments: [SavedFile.valkey, SavedFile.valkeyImporting, SavedFile.firstStartOfValkey])
    func `of Valkey is written again as it was read`(text: String) throws {
        #expect(try parse(text).text(busUsesTLS: false) == text)
    }

    @Test(arguments: [SavedFile.redis, SavedFile.firstStartOfRedis])
    func `of Redis means the same when it is written in the form of Valkey`(text: String) throws {
        let saved = try parse(text)

        #expect(try parse(saved.text(busUsesTLS: false)) == saved)
    }

    @Test func `of Redis is understood`() throws {
        let saved = try parse(SavedFile.redis)

        #expect(saved.currentEpoch == 5)
        #expect(saved.entries.map(\.flags) == [[.myself, .primary], .primary, .replica, [.primary, .failed]])
        #expect(saved.entries[1].announcement.hostname == "h1.example.com")
        #expect(saved.entries[2].primary == saved.entries[3].id)
        #expect(saved.entries[3].slots.ranges == [0..<5461])
        #expect(saved.entries[3].pingSent == 1_795_398_549_414)
        #expect(!saved.entries[3].isConnected)
        #expect((saved.entries[0].ip, saved.entries[0].port, saved.entries[0].busPort) == ("127.0.0.1", 7402, 17402))
    }

    @Test func `of Valkey tells attributes and open slots`() throws {
        let saved = try parse(SavedFile.valkey)

        var announcement = NodeAnnouncement()
        announcement.hostname = "h1.example.com"
        announcement.availabilityZone = "az-1"
        announcement.clientPort = 9999
        announcement.clientIPv6 = "fd00::9"
        announcement.clientIPv4 = "10.0.0.9"
        announcement.nodename = "node-a"
        #expect(saved.entries[0].announcement == announcement)
        #expect(saved.entries[1].migrating == [.init(slot: 3000, peer: saved.entries[2].id)])
        #expect(saved.entries[2].slots.ranges == [0..<2001, 5461..<10923])
    }

    @Test func `of a node with IPv6 and TLS has the ports where they belong`() throws {
        let id = "6fe4e4c0531b8ebdbf03b09f91b17730772fefed"
        let saved = try parse("\(id) fd00::9:7001@17001,,tcp-port=7000 myself,primary - 0 0 0 connected\n")

        let own = saved.entries[0]
        #expect((own.ip, own.port, own.tlsPort, own.busPort) == ("fd00::9", 7000, 7001, 17001))
        #expect(own.flags == [.myself, .primary])
        let line = "\(id) fd00::9:7001@17001,,tcp-port=7000 myself,master - 0 0 0 connected"
        #expect(saved.text(busUsesTLS: true) == line + "\nvars currentEpoch 0 lastVoteEpoch 0\n")
    }

    @Test func `may have variables that are not known`() throws {
        let saved = try parse(SavedFile.firstStartOfRedis + "vars later 7 lastVoteEpoch 9\n")

        #expect(saved.lastVoteEpoch == 9)
    }

    private static let id = "6fe4e4c0531b8ebdbf03b09f91b17730772fefed"
    private static let other = "82a6a4500cd45b140c02e6a759d1401045f677cb"
    private static let own = "\(id) :0@0 myself,master - 0 0 0 connected"

    @Test(
        arguments: [
            ("", 1, .noMyself),
            ("vars currentEpoch 1 lastVoteEpoch 0\n", 2, .noMyself),
            ("\(id) :0@0 myself,master - 0 0 0\n", 1, .tooFewFields(7)),
            ("\(id)0 :0@0 myself,master - 0 0 0 connected", 1, .invalidID("\(id)0")),
            ("\(id) :0 myself,master - 0 0 0 connected", 1, .invalidAddress(":0")),
            ("\(id) 1.2.3.4:65536@1 myself,master - 0 0 0 connected", 1, .invalidAddress("1.2.3.4:65536@1")),
            ("\(id) :0@0,,shard=1 myself,master - 0 0 0 connected", 1, .unknownAttribute("shard=1")),
            ("\(id) :0@0,,tls-port myself,master - 0 0 0 connected", 1, .invalidAttribute("tls-port")),
            ("\(id) :0@0,,shard-id=12 myself,master - 0 0 0 connected", 1, .invalidAttribute("shard-id=12")),
            ("\(id) :0@0,,tls-port=x myself,master - 0 0 0 connected", 1, .invalidNumber("x", field: "tls-port")),
            ("\(id) :0@0 myself,king - 0 0 0 connected", 1, .unknownFlag("king")),
            ("\(id) :0@0 myself,slave me 0 0 0 connected", 1, .invalidPrimary("me")),
            ("\(id) :0@0 myself,master - 0 0 -1 connected", 1, .invalidNumber("-1", field: "config-epoch")),
            ("\(id) :0@0 myself,master - 0 0 0 lost", 1, .invalidLinkState("lost")),
            ("\(own) 5-3", 1, .invalidSlots("5-3")),
            ("\(own) 16384", 1, .invalidSlots("16384")),
            ("\(own) 1-2-3", 1, .invalidSlots("1-2-3")),
            ("\(own) [1>\(other)]", 1, .invalidSlots("[1>\(other)]")),
            ("\(own) [1->-\(other)x]", 1, .invalidSlots("[1->-\(other)x]")),
            ("\(own)\n\(own)", 2, .duplicateID(NodeID(id)!)),
            ("\(own)\n\(other) :0@0 myself,master - 0 0 0 connected", 2, .severalMyselves),
            ("\(own) 1-5\n\(other) :0@0 master - 0 0 0 connected 5", 2, .slotOwnedTwice(5)),
            ("\(own)\n\(other) :0@0 slave \(id) 0 0 0 connected 5", 2, .replicaWithSlots),
            ("\(own)\nvars currentEpoch x", 2, .invalidNumber("x", field: "currentEpoch")),
        ] as [(String, Int, NodesConfigurationError.Reason)]
    )
    func `that makes no sense is refused with its line and the reason`(
        text: String,
        line: Int,
        reason: NodesConfigurationError.Reason
    ) {
        #expect(throws: NodesConfigurationError(line: line, reason: reason)) { try parse(text) }
    }

    @Test(arguments: 0..<4)
    func `is read or refused, however it is mutated, and a node can live with what was read`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let originals = [SavedFile.redis, SavedFile.valkey, SavedFile.valkeyImporting].map { Array($0.utf8) }
        let marks = Array(" \n,:@-[]<>=0123456789abf".utf8)
        for _ in 0..<300 {
            guard var bytes = originals.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let offset = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[offset] = marks.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: offset)
                default: bytes.removeSubrange(offset..<min(offset + 40, bytes.count))
                }
            }
            guard let saved = try? NodesConfiguration(parsing: bytes, busUsesTLS: false) else { continue }

            let state = ClusterState(
                restoring: saved,
                configuration: ClusterConfiguration(port: 7000),
                random: SeededGenerator(seed: seed),
                at: Instant(milliseconds: 0)
            )

            state.checkInvariants()
            let written = Array(state.nodesConfiguration.utf8)
            #expect(throws: Never.self, "seed \(seed)") { try NodesConfiguration(parsing: written, busUsesTLS: false) }
        }
    }
}
