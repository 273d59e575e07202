// DEBUG MALLCTL and MALLCTL-STR: jemalloc, which large blocks come from, by its own names.

internal import CSystem
internal import Commands
internal import Glibc
internal import Protocol

extension DebugCommands {
    static let allocatorFigure = Command(
        "debug mallctl",
        "Reads a figure of jemalloc's, which large blocks come from.",
        arity: .exactly(3),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .anywhere,
        syntax: "<name:string>"
    ) { call throws(CommandError) in
        var figure = 0
        let error = unsafe apus_allocator_figure(call.arguments[2].text, &figure)
        guard error == 0 else { throw failure(error) }
        call.reply.integer(Int64(figure))
    }

    static let allocatorAction = Command(
        "debug mallctl-str",
        "Has jemalloc do something that has no arguments and no result.",
        arity: .exactly(4),
        flags: flags,
        group: .server,
        since: "7.0.0",
        place: .anywhere,
        syntax: "<name:string> VOID"
    ) { call throws(CommandError) in
        guard call.arguments[3].isWord("VOID") else { throw .syntax }
        let error = unsafe apus_allocator_act(call.arguments[2].text)
        guard error == 0 else { throw failure(error) }
        call.reply.ok()
    }

    private static func failure(_ error: Int32) -> CommandError {
        error == ENOENT ? .text("ERR No such file or directory") : .text("ERR Invalid argument")
    }
}
