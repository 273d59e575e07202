// Doing the work of a shard that sleeps: who has a client for it runs the client's quick commands itself, which is less work
// than to wake it, and to be woken when it is done.
//
// Only what cannot wait for anything is run so, as this thread is two shards meanwhile, and would wait for itself: commands
// without any obstacle, of which no waiting client, no other shard and no want of memory has to be asked. Whatever else comes
// is posted, and so is everything while the shard is awake: then it has more to do, and is soon at its mail.

internal import Keyspace
internal import Protocol

extension Shard {
    /// How often a client may change places within one call, one call inside the other.
    private static let longestChain = 16

    /// Posts the client to where its next commands run, or runs them there itself. What it was answered so far goes with it,
    /// to be sent in one piece: a pipeline over two shards would else pay for a write at every change between them.
    func lend(_ client: Client, to seat: Seat) {
        keepReplies(for: client)
        client.isAway = true
        tellKeyCount()
        let next = standIn(at: seat, with: client)
        guard next == executor.seat else { return node.post(client, to: next) }
        chainLength += 1
        welcome(client)
        chainLength -= 1
    }

    /// Runs what it can of the client's commands in the place of the shard at `seat`.
    ///
    /// - Returns: where the client goes on; its home is this shard.
    private func standIn(at seat: Seat, with client: Client) -> Seat {
        guard case .shard(let index) = seat, chainLength < Self.longestChain else { return seat }
        let other = node.shards[index]
        guard other.helm.takeIfFree() else { return seat }
        defer { other.helm.leave() }
        guard other.admitsStandIn else { return seat }
        other.keyspace.now = max(other.keyspace.now, keyspace.now)
        other.accountForMemory()  // the others may have grown while it slept
        defer {
            other.accountForMemory()
            other.tellKeyCount()
        }
        return other.runForItsThread(client) ?? executor.seat
    }

    /// Whether nothing is about that its own thread alone can look after. With its helm in hand.
    private var admitsStandIn: Bool {
        !mailbox.isUrgent && executor.waits.isEmpty && executor.threadObstacles.isEmpty && !isStopped
    }

    /// With this shard's helm in another shard's hand.
    ///
    /// - Returns: where the client goes on; nil: home.
    private func runForItsThread(_ client: Client) -> Seat? {
        executor.threadObstacles.insert(.standIn)
        defer { executor.threadObstacles.remove(.standIn) }
        let (consumed, interruption) = executor.run(client, client.input.bytes)
        client.input.consume(consumed)
        keepReplies(for: client)
        switch interruption {
        case .travels(let seat): return seat
        case .breathes: return executor.seat
        case .closes: client.obstacles.insert(.closing)
        case .errand, .waits, .postponed: preconditionFailure("a quick command had to wait for something")
        case nil: break
        }
        return nil
    }
}
