// The simulator as a program: many seeds at once, one seed again with its last events, and measurements of large clusters.

import ArgumentParser

@main
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-simulate",
        abstract: "Runs whole clusters in virtual time.",
        subcommands: [SeedsTool.self, ScaleTool.self, FuzzTool.self],
        defaultSubcommand: SeedsTool.self
    )
}
