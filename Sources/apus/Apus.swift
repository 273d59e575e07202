// The executable: which of its tools is meant, and nothing else.

import ArgumentParser
import Server

@main
struct Apus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "A Redis-Cluster-compatible in-memory data server.",
        subcommands: [ServerTool.self]
    )

    static func main() {
        // Called as a server, or asked for one, the rest of the line is redis-server's own language.
        let name = CommandLine.arguments[0].split(separator: "/").last ?? ""
        if name.contains("-server") { Launch.server(Array(CommandLine.arguments.dropFirst())) }
        if CommandLine.arguments.dropFirst().first == "server" {
            Launch.server(Array(CommandLine.arguments.dropFirst(2)))
        }
        main(nil)
    }
}

/// Listed in the help; its arguments never get here.
struct ServerTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Runs a node, with redis-server's configuration and command line."
    )

    @Argument(parsing: .captureForPassthrough, help: "redis.conf, or -, then directives: --port 7000.")
    var arguments: [String] = []

    func run() { Launch.server(arguments) }
}
