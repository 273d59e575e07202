// The second half of a command that cannot be done where its first half ran, or not yet.

internal import Commands
internal import Protocol

/// What is left to do of a command that has run; it writes the command's reply.
final class Errand: @unchecked Sendable {
    /// Where it is done: on the cluster's thread, or on a shard.
    let seat: Seat
    /// What has to be carried to another server before.
    let transfer: Transfer?
    private let body: (Call) throws(CommandError) -> Void

    init(at seat: Seat, after transfer: Transfer? = nil, _ body: @escaping (Call) throws(CommandError) -> Void) {
        self.seat = seat
        self.transfer = transfer
        self.body = body
    }

    func run(_ call: Call) {
        do throws(CommandError) { try body(call) } catch {
            call.reply.error(error, of: call.command, with: call.arguments)
        }
    }
}

extension Executor {
    /// Runs what `client` was sent here for, if it was, and counts it where it fails.
    func runErrand(of client: Client) {
        guard let errand = client.errand else { return }
        client.errand = nil
        let former = self.client
        self.client = client
        defer { self.client = former }
        reply.version = client.version
        let mark = reply.mark
        errand.run(call)
        guard reply.firstByte(since: mark) == UInt8(ascii: "-") else { return }
        if let command = client.lastCommand { statistics.countFailure(command.index) }
        countError(since: mark)
    }

    /// The same at the end of a client's journey: it may have said that it wants no reply.
    func completeErrand(of client: Client) {
        guard client.errand != nil else { return }
        let mark = reply.mark
        runErrand(of: client)
        mute(client, since: mark)
    }
}

extension Node {
    /// Sends a client where its errand is done, by way of what has to be carried first.
    func postOnErrand(_ client: Client) {
        guard let errand = client.errand else { preconditionFailure("a client travels without an errand") }
        guard let transfer = errand.transfer else { return post(client, to: errand.seat) }
        courier.carry(transfer) { [self] in post(client, to: errand.seat) }
    }
}
