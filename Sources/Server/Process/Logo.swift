// What a start shows to those who watch it: a swift in flight, and beside it which server this is.

internal import Glibc

struct Logo {
    let mode: String
    let port: Int
    let shardCount: Int

    private static let bird = [
        #"               ."#,
        #"         __.--( )--.__"#,
        #"     _.-'  _.-| |-._  '-._"#,
        #"   .'  _.-'   \ /   '-._  '."#,
        #"  /_.-'        V        '-._\"#,
        #"              / \"#,
        #"             '   '"#,
    ]
    private static let width = 34

    /// Several lines, with an empty one before and behind them.
    var text: String {
        let facts = [
            "",
            "\(Product.name) \(Product.version), 64 bit, compatible with Redis \(Product.compatibleVersion)",
            "",
            "Running in \(mode) mode",
            "Port: \(port), shards: \(shardCount)",
            "PID: \(getpid())",
            "",
        ]
        let lines = zip(Self.bird, facts).map { bird, fact in
            fact.isEmpty ? bird : bird + String(repeating: " ", count: Self.width - bird.count) + fact
        }
        return "\n" + lines.joined(separator: "\n") + "\n\n"
    }
}
