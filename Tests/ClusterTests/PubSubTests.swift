// What is published goes out in the form that each member can read, and what comes in is handed up.

import Testing

@testable import Cluster

@Suite struct `A published message` {
    private let publication = Publication(channel: Array("chan".utf8), message: Array("hello".utf8))

    private func member(_ name: Character, _ number: Int, flags: NodeFlags = []) -> Peer {
        var peer = Peer(name, ip: "10.0.0.\(number)")
        peer.header.flags.formUnion(flags)
        return peer
    }

    private func packets(_ subject: Subject) -> [BusMessage] {
        subject.effects.compactMap { effect in
            guard case .send(let bytes, _) = effect else { return nil }
            return try? BusMessage(decoding: bytes[...])
        }
    }

    @Test func `is light for those who can read that, and full for the others`() throws {
        var subject = Subject()
        _ = try subject.join(member("b", 2, flags: [.understandsLightPublish]))
        _ = try subject.join(member("c", 3))

        subject.state.publish(publication, sharded: false, at: subject.now)
        subject.settle()

        let sent = packets(subject)
        #expect(sent.count == 2)
        #expect(sent.first == .light(.publish(publication)))
        guard case .full(let header, .publish(publication))? = sent.last else { throw WrongBody(sent.last?.body) }
        #expect(header.sender == subject.state.myself.id)
    }

    @Test func `is full as long as the link has not been answered on`() throws {
        var subject = Subject()
        let peer = member("b", 2, flags: [.understandsLightPublish])
        _ = try subject.join(peer)
        let index = try #require(subject.state.nodes.index(of: peer.id))
        let link = try #require(subject.state.nodes[index].outbound)

        subject.handle(.linkClosed(link))
        subject.wait(.seconds(1))
        let again = try #require(subject.state.nodes[index].outbound)
        subject.handle(.linkConnected(again, localIP: "10.0.0.1"))
        subject.state.publish(publication, sharded: false, at: subject.now)
        subject.settle()
        guard case .full(_, .publish)? = packets(subject).last else { throw WrongBody(packets(subject).last?.body) }

        subject.receive(.pong(Heartbeat()), from: peer, on: again)
        subject.state.publish(publication, sharded: false, at: subject.now)
        subject.settle()
        #expect(packets(subject).last == .light(.publish(publication)))
    }

    @Test func `to a shard goes to its members only`() throws {
        var subject = Subject()
        var replica = member("b", 2)
        replica.header.replicaOf = subject.state.myself.id
        _ = try subject.join(replica)
        _ = try subject.join(member("c", 3))

        subject.state.publish(publication, sharded: true, at: subject.now)
        subject.settle()

        #expect(subject.sent(.publishShard).count == 1)
    }

    @Test(arguments: [false, true])
    func `of a member is handed up, and of a stranger is not`(sharded: Bool) throws {
        var subject = Subject()
        let (peer, stranger) = (member("b", 2), member("e", 9))
        let inbound = try subject.join(peer)
        let body: BusBody = sharded ? .publishShard(publication) : .publish(publication)

        subject.receive(body, from: peer, on: inbound)
        #expect(subject.effects == [.deliver(publication, sharded: sharded)])
        subject.handle(.received(BusMessage.light(body).encoded(), on: inbound))
        #expect(subject.effects == [.deliver(publication, sharded: sharded)])
        subject.receive(body, from: stranger, on: subject.accept(from: "10.0.0.9"))

        #expect(subject.effects.isEmpty)
    }
}
