// MONITOR: every command that runs, shown to those who asked for it.

internal import Commands
internal import Protocol

extension Node {
    /// Sends a command, as it was given, to all monitoring clients; each gets it by way of its own shard.
    func feedMonitors(_ command: Command, _ arguments: Arguments, _ client: Client, from executor: Executor) {
        // Redis leaves EXEC out where it begins and shows it where it ends; here every command is shown where it ends.
        guard !command.flags.contains(.admin), !command.flags.contains(.skipMonitor) || command.name == "exec" else {
            return
        }
        let time = Clock.unixMicroseconds()
        let words = (0..<arguments.count).map { index in
            command.secrets.cover(index, of: arguments) ? "\"\(Secrets.cover)\"" : escaped(arguments[index])
        }.joined(separator: " ")
        let source = client.isUnixSocket ? "unix:\(client.local.host)" : client.address
        let stamp = "\(time / 1_000_000).\(padded(Int(time % 1_000_000), 6))"
        let line = Array("+\(stamp) [\(client.database) \(source)] \(words)\r\n".utf8)
        for monitor in monitors { shards[monitor.home].mailbox.post(.deliver(line, clientID: monitor.id)) }
    }

    /// In an exclusive section.
    func addMonitor(_ client: Client) {
        guard !client.isMonitor else { return }
        client.isMonitor = true
        monitors.append(client)
        for executor in executors { executor.threadObstacles.insert(.monitored) }
    }

    /// In an exclusive section.
    func removeMonitor(_ client: Client) {
        guard client.isMonitor else { return }
        client.isMonitor = false
        monitors.removeAll { $0 === client }
        guard monitors.isEmpty else { return }
        for executor in executors { executor.threadObstacles.remove(.monitored) }
    }
}
