// What `ps` shows of the server: its title, kept up to date where the kernel keeps a program's arguments.

internal import CSystem
internal import Configuration
internal import Glibc

/// The memory that /proc/PID/cmdline is read from: the arguments and, behind them, the environment that came with them.
///
/// Memory: the process's own stack, for ever; the environment has moved out of it before anything is written.
/// Thread: one at a time.
@safe
struct ProcessTitle: @unchecked Sendable {
    private let base: UnsafeMutablePointer<UInt8>
    private let capacity: Int

    /// Before any thread starts. Nil where the kernel does not tell the place, or it is not one block.
    init?() {
        // Fields 48 to 51 of /proc/self/stat, counted from 1: where arguments and environment begin and end. The second
        // field is a name that may hold anything, in parentheses.
        guard let bytes = Files.read("/proc/self/stat"), let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard fields.count > 48, let start = UInt(fields[45]), let middle = UInt(fields[46]),
            let environment = UInt(fields[47]), let last = UInt(fields[48]), start > 0, middle == environment,
            last > start, let base = unsafe UnsafeMutablePointer<UInt8>(bitPattern: start)
        else { return nil }
        unsafe self.base = base
        capacity = Int(last - start)
        apus_move_environment()
    }

    /// Shows as much of `text` as there is room for.
    func show(_ text: String) {
        let bytes = text.utf8.prefix(capacity - 1)
        for (index, byte) in bytes.enumerated() { unsafe base[index] = byte }
        for index in bytes.count..<capacity { unsafe base[index] = 0 }
    }
}

extension Configuration {
    /// The title by `proc-title-template`. A doubled brace stands for itself, as the template's check has it.
    ///
    /// - Parameter program: the word that the server was started by.
    func processTitle(program: String, configurationPath: String?) -> String {
        let address = port == 0 && !unixSocket.isEmpty ? unixSocket : "\(binds.first ?? "*"):\(port)"
        let values = [
            "title": program, "config-file": configurationPath ?? "", "port": "\(port)", "tls-port": "0",
            "unixsocket": unixSocket, "listen-addr": address, "server-mode": isClusterEnabled ? "[cluster]" : "",
        ]
        var title = ""
        var rest = processTitleTemplate[...]
        while let brace = rest.firstIndex(of: "{") {
            title += rest[..<brace]
            rest = rest[rest.index(after: brace)...]
            if rest.first == "{" {
                title += "{"
                rest.removeFirst()
            } else if let end = rest.firstIndex(of: "}") {
                title += values[String(rest[..<end])] ?? ""
                rest = rest[rest.index(after: end)...]
            }
        }
        title += rest
        while title.last?.isWhitespace == true { title.removeLast() }
        return title
    }
}
