// The second half of a command whose first half needed keys and whose second needs the cluster's state.

internal import Commands
internal import Protocol

/// What is left to do on the cluster's thread; it writes the command's reply.
final class Errand: @unchecked Sendable {
    private let body: (Call) throws(CommandError) -> Void

    init(_ body: @escaping (Call) throws(CommandError) -> Void) { self.body = body }

    func run(_ call: Call) {
        do throws(CommandError) { try body(call) } catch {
            call.reply.error(error, of: call.command, with: call.arguments)
        }
    }
}

extension Executor {
    /// Runs what `client` was sent here for, if it was.
    func runErrand(of client: Client) {
        guard let errand = client.errand else { return }
        client.errand = nil
        self.client = client
        defer { self.client = nil }
        reply.version = client.version
        let mark = reply.mark
        errand.run(call)
        mute(client, since: mark)
    }
}
