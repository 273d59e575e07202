// SYNC: the whole data as an RDB file, as `redis-cli --rdb` and `redis-cli --cluster backup` take it.
//
// What follows the file on the connection of a replica, the stream of changes, is not built yet: who says that it is a
// replica is refused, and everybody else's connection ends behind the file.

internal import Commands
internal import Keyspace
internal import Persistence
internal import Protocol

enum BackupCommands {
    static let all = [sync, replconf]

    static let sync = Command(
        "sync",
        "Hands out all data as an RDB file.",
        arity: .exactly(1),
        flags: [.admin, .noscript, .noAsyncLoading, .noMulti],
        group: .server,
        since: "1.0.0",
        complexity: "",
        place: .everywhere
    ) { call throws(CommandError) in
        guard !call.client.isReplica else {
            throw .text("ERR Data replication is not built yet: this node cannot have replicas")
        }
        guard call.client.pending == nil else {
            throw .text("ERR SYNC and PSYNC are invalid with pending output")
        }
        let file = rdbFile(of: call)
        call.node.log.notice("\(call.client.address) takes a copy of the data: \(file.count) bytes")
        call.reply.append("$\(file.count)\r\n")
        file.withBytes { call.reply.append($0) }
        call.client.obstacles.insert(.closing)
    }

    private static func rdbFile(of call: Call) -> [UInt8] {
        let used = call.keyspaces.reduce(0) { $0 + $1.usedBytes }
        var file = RDBFileEncoder(facts: [
            ("redis-ver", Product.compatibleVersion), ("redis-bits", "64"),
            ("ctime", "\(Clock.unixMilliseconds() / 1000)"), ("used-mem", "\(used)"), ("aof-base", "0"),
        ])
        for database in 0..<call.keyspace.databaseCount {
            let keyCount = call.keyspaces.reduce(0) { $0 + $1.count(in: database) }
            guard keyCount > 0 else { continue }
            let volatileCount = call.keyspaces.reduce(0) { $0 + $1.volatileCount(in: database) }
            file.begin(database: database, keyCount: keyCount, volatileCount: volatileCount)
            for keyspace in call.keyspaces {
                keyspace.forEachKey(in: database) { file.write($0, in: keyspace) }
            }
        }
        return file.finish()
    }

    static let replconf = Command(
        "replconf",
        "Tells what kind of replica a connection is, or that it only wants an RDB file.",
        arity: .atLeast(1),
        flags: [.admin, .noscript, .loading, .stale, .allowBusy],
        group: .server,
        since: "3.0.0",
        standing: .system,
        place: .anywhere
    ) { call throws(CommandError) in
        guard call.arguments.count % 2 == 1 else { throw .syntax }
        for index in stride(from: 1, to: call.arguments.count, by: 2) {
            let option = call.arguments[index]
            if option.isWord("rdb-only") {
                let isOnly = try call.integer(
                    index + 1,
                    in: 0...1,
                    orThrow: .text("ERR value is out of range, value must between 0 and 1")
                )
                call.client.isReplica = isOnly == 0
            } else if option.isWord("listening-port") || option.isWord("ip-address") {
                call.client.isReplica = true
            } else if !option.isWord("capa") {
                return call.reply.error("ERR Unrecognized REPLCONF option: ", quoting: option)
            }
        }
        call.reply.ok()
    }
}
