// Clients that wait, as a shard sees them: they are away from home, with their keys, until their command is served.
//
// Nothing is read from them meanwhile. What happens on the socket is told by the home to the shard that keeps the wait:
// that the peer has gone, or that it takes again what it is still owed.

internal import Cluster
internal import Commands
internal import Keyspace
internal import Protocol
internal import Synchronization

extension Shard {
    /// Leaves a client, whose command waits, with its keys. It is away from home by now.
    func park(_ client: Client) {
        guard let wait = client.wait else { preconditionFailure("a client waits for nothing") }
        answerVisitor(client)
        if client.obstacles.contains(.killed) { return executor.touch(wait) { node.dismiss($0) } }
        client.waitsAt.store(wait.keeper, ordering: .sequentiallyConsistent)
        // What happened before anybody could be told is asked for.
        if client.hasNews.load(ordering: .sequentiallyConsistent) {
            node.shards[client.home].mailbox.post(.perform { $0.passOnNews(of: client) })
        }
    }

    /// At home: tells the shard that keeps the client's wait what happened on the socket.
    func passOnNews(of client: Client) {
        let keeper = client.waitsAt.load(ordering: .sequentiallyConsistent)
        guard client.isAway, keeper >= 0 else { return }
        let isGone = client.isPeerClosed
        node.shards[keeper].mailbox.post(.perform { $0.lookAfter(client, isGone: isGone) })
    }

    private func lookAfter(_ client: Client, isGone: Bool) {
        guard client.waitsAt.load(ordering: .sequentiallyConsistent) == index, let wait = client.wait else { return }
        if isGone { return executor.touch(wait) { node.dismiss($0) } }
        answerVisitor(client)
        if client.obstacles.contains(.killed) { executor.touch(wait) { node.dismiss($0) } }
    }

    /// Ends the waits for keys that this node serves no longer.
    func redirectWaits() {
        guard node.isClusterEnabled, !executor.waits.isEmpty else { return }
        executor.pickUpSlotMap()
        guard executor.slotMapVersion != executor.waits.checkedMapVersion else { return }
        executor.waits.checkedMapVersion = executor.slotMapVersion
        for wait in executor.waits.all {
            guard let refusal = executor.redirection(of: wait) else { continue }
            executor.end(wait) { $0.error(refusal) }
        }
    }
}

extension Executor {
    /// Why a waiting command cannot be served here any more. A slot that only is on the move still can.
    fileprivate func redirection(of wait: Wait) -> String? {
        guard let slotMap else { return nil }
        let slot = wait.items[0].bytes.withBytes { keyspace.key($0).slot }
        var traits: RequestTraits = .asking
        if wait.command.flags.contains(.write) { traits.insert(.write) }
        if wait.client.isReadOnly { traits.insert(.readOnlyClient) }
        let route = slotMap.route(slot, traits) { KeyPresence(distinctCount: 1, missingCount: 0) }
        return slotMap.errorText(route, slot: slot, for: wait.client.view)
    }
}
