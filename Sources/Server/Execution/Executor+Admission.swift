// What may keep a command from running: the checks that most commands never meet, in Redis's order.

internal import Commands
internal import Keyspace
internal import Protocol

extension Executor {
    /// The way of a command that met an obstacle: authentication, a transaction, a pause, a monitor, silence.
    @inline(never)
    func executeWithObstacles(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client,
        _ obstacles: Client.Obstacles
    ) -> Interruption? {
        if obstacles.contains(.standIn) { return executeStandingIn(command, arguments, firstKey, client, obstacles) }
        if obstacles.contains(.killed) || obstacles.contains(.closing) { return .closes }
        settle()
        let mark = reply.mark
        useSkip(client)
        if let refusal = refusal(of: command, client, obstacles) { return refuse(command, client, refusal) }

        var everywhere = false
        if mustRoute {
            switch route(command, arguments, firstKey, client) {
            case .here: break
            case .elsewhere(let seat): return .travels(to: seat)
            case .everywhere: everywhere = true
            case .refused:
                endAsking(client)
                mute(client, since: mark)
                return nil
            }
        }
        if isShortOfMemory, !makeRoom(for: command, client) { return refuseForMemory(command, client) }
        if obstacles.contains(.paused), isHeldBack(command, client) { return .postponed }
        if obstacles.contains(.transaction), !command.flags.contains(.transactional) {
            _ = countingForSlot(command, arguments, client) {
                queue(command, arguments, client)
                return nil
            }
            mute(client, since: mark)
            return nil
        }

        if obstacles.contains(.inTransit), !everywhere, waitsForTransit(command, arguments, client) {
            return .postponed
        }

        let wasAsking = obstacles.contains(.asking)
        let interruption = countingForSlot(command, arguments, client) {
            readClock()
            return perform(command, arguments, firstKey, client, everywhere: everywhere)
        }
        if case .postponed = interruption { return interruption }
        if wasAsking { endAsking(client) }
        mute(client, since: mark)
        if obstacles.contains(.monitored) { node.feedMonitors(command, arguments, client, from: self) }
        return interruption
    }

    private func refusal(of command: Command, _ client: Client, _ obstacles: Client.Obstacles) -> String? {
        if command.flags.contains(.protected), !node.allowsDebug(client) {
            return """
                ERR \(command.containerName.uppercased()) command not allowed. If the enable-debug-command option is set to \
                "local", you can run it from a local connection, otherwise you need to set this option in the \
                configuration file, and then restart the server.
                """
        }
        if obstacles.contains(.unauthenticated), !command.flags.contains(.noAuth) {
            return "NOAUTH Authentication required."
        }
        if obstacles.contains(.transaction), command.flags.contains(.noMulti) {
            return "ERR Command not allowed inside a transaction"
        }
        return nil
    }

    /// ASKING is good for one command, or for a transaction that begins with it.
    private func endAsking(_ client: Client) {
        if client.transaction == nil { client.obstacles.remove(.asking) }
    }

    private func isHeldBack(_ command: Command, _ client: Client) -> Bool {
        guard let pause = node.pause, keyspace.now < pause.until else { return false }
        if pause.mode == .all { return true }
        let flags: CommandFlags = [.write, .mayReplicate]
        if !command.flags.isDisjoint(with: flags) { return true }
        return command.name == "exec" && !(client.transaction?.flags.isDisjoint(with: flags) ?? true)
    }

    /// The command that follows CLIENT REPLY SKIP begins.
    private func useSkip(_ client: Client) {
        if client.replyMode == .skipNext { client.replyMode = .skipping }
    }

    /// CLIENT REPLY OFF and SKIP: what was written since `mark` is taken back. A command whose reply is still to be written,
    /// by an errand or after a wait, is muted then.
    func mute(_ client: Client, since mark: Int) {
        guard client.errand == nil, client.wait == nil else { return }
        switch client.replyMode {
        case .on, .skipNext: break  // the command itself switched replies on, or the next one's off
        case .off: reply.rewind(to: mark)
        case .skipping:
            reply.rewind(to: mark)
            client.replyMode = .on
            client.obstacles.remove(.repliesOff)
        }
    }

    /// Runs a command in the place of the thread whose seat this is; what it alone can do is left to it.
    private func executeStandingIn(
        _ command: Command,
        _ arguments: Arguments,
        _ firstKey: KeyBatch.Place,
        _ client: Client,
        _ obstacles: Client.Obstacles
    ) -> Interruption? {
        guard obstacles == .standIn, command.isQuick, settings.timesTogether, !isShortOfMemory else {
            return .travels(to: seat)
        }
        switch route(command, arguments, firstKey, client) {
        case .here: return performQuickly(command, arguments, firstKey, client)
        case .elsewhere(let seat): return .travels(to: seat)
        case .everywhere: return .travels(to: seat)
        case .refused: return nil
        }
    }

    // MARK: Refusals

    @inline(never)
    func refuseCount(of command: Command, _ client: Client) -> Interruption? {
        refuse(command, client, "ERR wrong number of arguments for '\(command.name)' command")
    }

    /// Answers with an error before the command could run; inside a transaction EXEC will refuse too.
    func refuse(_ command: Command, _ client: Client, _ text: String) -> Interruption? {
        statistics.countRefusal(command.index)
        return refuse(client, text)
    }

    private func refuse(_ client: Client, _ text: String) -> Interruption? {
        settle()
        client.transaction?.isAborted = true
        endAsking(client)
        let mark = reply.mark
        useSkip(client)
        reply.error(text)
        countError(since: mark)
        mute(client, since: mark)
        readClock()
        return nil
    }

    /// A request whose first word names no command.
    func refuseUnknown(_ arguments: Arguments, _ client: Client) -> Interruption? {
        if !client.obstacles.isDisjoint(with: [.killed, .closing]) { return .closes }
        if arguments[0].isWord("POST") || arguments[0].isWord("Host:") {
            // A browser that was lured here would send commands in the body of its request.
            node.log.warning(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. "
                    + "Connection from \(client.address) aborted."
            )
            client.obstacles.insert(.killed)
            return .closes
        }
        // As much of the arguments as Redis shows: 128 bytes of each, 128 of all.
        var shown = ""
        for index in 1..<max(1, arguments.count) where shown.utf8.count < 128 {
            let argument = arguments[index]
            shown += "'\(argument[0..<min(argument.count, 128 - shown.utf8.count)].text)' "
        }
        let name = arguments[0][0..<min(arguments[0].count, 128)].text
        return refuse(client, "ERR unknown command '\(name)', with args beginning with: \(shown)")
    }
}
