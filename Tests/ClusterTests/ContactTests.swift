// How a primary asks others whether they hear it, without a PING. What contacts are for is in LeaseTests.

import Testing

@testable import Cluster

@Suite struct `A question for a contact` {
    /// A quartet that is well, whose peers say that they read light MODULE messages, and have been asked on trial.
    private func serving() throws -> Quartet {
        var quartet = try Quartet()
        for index in quartet.peers.indices { quartet.peers[index].header.flags.insert(.understandsLightModule) }
        quartet.subject.live(.seconds(5), with: quartet.peers)
        return quartet
    }

    /// The questions and answers of the last step.
    private func queries(of quartet: Quartet) -> [(query: ContactQuery, link: LinkID)] {
        quartet.subject.effects.compactMap { effect in
            guard case .send(let bytes, let link) = effect,
                case .light(.module(let message))? = try? BusMessage(decoding: bytes[...]),
                let query = ContactQuery(message)
            else { return nil }
            return (query, link)
        }
    }

    /// Lets a step pass in which all peers answer, and tell of each other so that most heartbeats are spared.
    ///
    /// - Returns: how many PINGs and questions were sent.
    private func step(_ quartet: inout Quartet, answering: Bool) -> (pings: Int, questions: Int) {
        quartet.subject.wait(.milliseconds(100))
        let (effects, questions) = (quartet.subject.effects, queries(of: quartet))
        let pings = quartet.subject.sent(.ping).count
        for question in questions where answering { reply(to: question.query, on: question.link, in: &quartet) }
        quartet.subject.effects = effects
        quartet.subject.answer(as: quartet.peers)
        for (peer, link) in zip(quartet.peers, quartet.inbound) {
            var news = quartet.peers.filter { $0.id != peer.id }.map { $0.gossipEntry() }
            for index in news.indices { news[index].pongReceivedSeconds = quartet.subject.now.gossipSeconds }
            quartet.subject.receive(.ping(Heartbeat(gossip: news)), from: peer, on: link)
        }
        return (pings, questions.count)
    }

    private func reply(to query: ContactQuery, on link: LinkID, in quartet: inout Quartet) {
        let answer = ContactQuery(.answer, askedAt: query.askedAt)
        quartet.subject.handle(.received(BusMessage.light(.module(answer.message)).encoded(), on: link))
    }

    @Test func `is a light MODULE message of 37 bytes`() {
        let packet = BusMessage.light(.module(ContactQuery(.question, askedAt: 0x0102_0304_0506_0708).message))
            .encoded()

        #expect(packet.count == 37)
        #expect(packet.suffix(9) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        // Captured from both peers for a module of this name.
        #expect(ContactQuery.moduleID("bustestab") == 0x6EEB_2D7A_CB5A_6C00)
    }

    @Test func `is answered on its link, with the time that it came with`() throws {
        var quartet = try serving()
        let question = ContactQuery(.question, askedAt: -5)

        quartet.subject.handle(
            .received(BusMessage.light(.module(question.message)).encoded(), on: quartet.inbound[0])
        )

        let answer = try #require(queries(of: quartet).first)
        #expect(answer.link == quartet.inbound[0])
        #expect(answer.query == ContactQuery(.answer, askedAt: -5))
    }

    @Test func `is not answered by a node that nobody vouches for`() throws {
        var quartet = try serving()
        quartet.subject.handle(.vouching(false))
        let question = ContactQuery(.question, askedAt: 7)

        quartet.subject.handle(
            .received(BusMessage.light(.module(question.message)).encoded(), on: quartet.inbound[0])
        )

        #expect(queries(of: quartet).isEmpty)
    }

    @Test(arguments: [true, false])
    func `takes the place of PINGs with those who answer, and keeps the lease with all`(answering: Bool) throws {
        var quartet = try serving()
        var (pings, questions) = (0, 0)

        for number in 0..<300 {
            let sent = step(&quartet, answering: answering)
            #expect(quartet.subject.state.holdsLease)
            guard number >= 100 else { continue }
            pings += sent.pings
            questions += sent.questions
        }

        // Two contacts a second are needed. Once a second somebody is sent a PING anyway, and makes one of them.
        if answering {
            #expect(questions >= 10 && pings <= 21, "\(questions) questions, \(pings) PINGs")
        } else {
            #expect(questions == 0 && pings >= 30, "each link was tried once: \(questions) questions, \(pings) PINGs")
        }
    }

    @Test func `is given up when answers stop, and asked again on a new link`() throws {
        var quartet = try serving()
        let peer = quartet.peers[0]
        let index = try #require(quartet.subject.state.nodes.index(of: peer.id))
        let link = try #require(quartet.subject.node(peer)?.outbound)
        quartet.subject.state.nodes[index].answersContactQueries = true

        quartet.subject.wait(.seconds(1))
        quartet.subject.wait(.seconds(1))

        #expect(quartet.subject.state.nodes[index].answersContactQueries == false)
        #expect(!quartet.subject.state.links.contains(link) || quartet.subject.state.nodes[index].pingSent != nil)
    }

    @Test func `proves nothing when the answer is to a time to come, or comes on another link`() throws {
        var quartet = try serving()
        let index = try #require(quartet.subject.state.nodes.index(of: quartet.peers[0].id))
        let link = try #require(quartet.subject.state.nodes[index].outbound)
        let before = quartet.subject.state.nodes[index].contactedAt
        let now = quartet.subject.now.milliseconds

        reply(to: ContactQuery(.question, askedAt: now + 1), on: link, in: &quartet)
        reply(to: ContactQuery(.question, askedAt: .max), on: link, in: &quartet)
        reply(to: ContactQuery(.question, askedAt: .min), on: link, in: &quartet)
        reply(to: ContactQuery(.question, askedAt: now), on: quartet.inbound[0], in: &quartet)

        #expect(quartet.subject.state.nodes[index].contactedAt == before)
        reply(to: ContactQuery(.question, askedAt: now), on: link, in: &quartet)
        #expect(quartet.subject.state.nodes[index].contactedAt == quartet.subject.now)
    }
}
