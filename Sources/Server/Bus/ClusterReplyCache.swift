// Replies about the cluster's topology, kept until it changes: with a thousand nodes they are long, and all clients ask.

internal import Cluster
internal import Commands
internal import Protocol

/// The last reply to each of a few commands, by who asked. Thread: the cluster's.
final class ClusterReplyCache {
    private struct Form: Hashable {
        let command: Int
        let view: ClientView
        /// RESP's.
        let version: UInt8
    }

    private struct Kept {
        let version: ViewVersion
        let reply: [UInt8]
    }

    private var kept: [Form: Kept] = [:]

    /// Answers with what was kept, if it is of this version; else has it written anew, and keeps it.
    ///
    /// - Parameter version: nil: what is written now holds for this once.
    func answer(_ call: Call, at version: ViewVersion?, _ write: () -> Void) {
        guard let version else { return write() }
        let form = Form(command: call.command.index, view: call.clientView, version: call.reply.version)
        if let known = kept[form], known.version == version {
            return known.reply.withBytes { call.reply.append($0) }
        }
        let mark = call.reply.mark
        write()
        kept[form] = Kept(version: version, reply: call.reply.bytes(since: mark).array)
    }
}
