// Clients that asked to be told when slots move: CLUSTER SUBSCRIBE-TOPOLOGY, an extension of Apus for RESP3.
//
//     > topology <hash> [[start, end, endpoint, port, node] ...]
//
// The ranges are those that are served by another node now, or at another address; one that nobody serves has null for
// its endpoint, 0 for its port and an empty node. No range at all means: something else changed (replicas), or more than
// this notice can say; who cares asks CLUSTER SLOTS.

internal import Cluster
internal import Protocol

extension Node {
    /// Hands `map` to the shards, and tells those who asked what is different about it. On the cluster's thread.
    func publish(_ map: SlotMap) {
        let previous = slotMaps.map
        slotMaps.put(map)
        guard let previous, previous.topologyHash != map.topologyHash else { return }
        for shard in shards { shard.mailbox.post(.perform { $0.tellTopology(map, since: previous) }) }
    }

    /// On whichever thread runs the client; `known` is the hash that it is told.
    func subscribeToTopology(_ client: Client, knowing known: UInt64) {
        client.wantsTopology = true
        let id = client.id
        shards[client.home].mailbox.post(
            .perform { shard in
                guard shard.clients[id] != nil else { return }
                shard.topologySubscribers.insert(id)
                // What changed between the answer and this moment was told to those who were listed then.
                if let map = shard.node.slotMaps.map, map.topologyHash != known { shard.tellTopology(map, to: id) }
            }
        )
    }

    func unsubscribeFromTopology(_ client: Client) {
        guard client.wantsTopology else { return }
        client.wantsTopology = false
        let id = client.id
        shards[client.home].mailbox.post(.perform { $0.topologySubscribers.remove(id) })
    }
}

extension Shard {
    fileprivate func tellTopology(_ map: SlotMap, since previous: SlotMap) {
        guard !topologySubscribers.isEmpty else { return }
        let changes = map.changes(since: previous)
        var notices: [Bool: [UInt8]] = [:]
        for id in topologySubscribers.sorted() {
            guard let client = clients[id] else { continue }
            let view = client.view
            let notice = notices[view.isIPv6] ?? Self.notice(map, changes, for: view)
            notices[view.isIPv6] = notice
            deliver(notice, to: id)
        }
    }

    fileprivate func tellTopology(_ map: SlotMap, to id: Int64) {
        guard let client = clients[id] else { return }
        deliver(Self.notice(map, [], for: client.view), to: id)
    }

    private static func notice(
        _ map: SlotMap,
        _ changes: [(slots: Range<Int>, owner: NodeEndpoint?)],
        for view: ClientView
    ) -> [UInt8] {
        let reply = ReplyBuffer()
        reply.version = 3
        reply.push(3)
        reply.bulk("topology")
        reply.bulk(map.topologyText)
        reply.array(changes.count)
        for (slots, owner) in changes {
            reply.array(5)
            reply.integer(slots.lowerBound)
            reply.integer(slots.upperBound - 1)
            if let owner { reply.bulk(owner.host(map.preferredEndpoint, for: view)) } else { reply.null() }
            reply.integer(owner.map { Int($0.port(for: view)) } ?? 0)
            reply.bulk(owner?.id.description ?? "")
        }
        return reply.unsent.array
    }
}

extension Client {
    /// How the client wants addresses shown.
    var view: ClientView { ClientView(isIPv6: local.host.contains(":")) }
}
