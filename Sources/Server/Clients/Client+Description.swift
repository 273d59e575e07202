// A client as CLIENT LIST and the log show it.

internal import Commands
internal import Protocol

extension Client {
    var flagText: String {
        var text = ""
        if isMonitor { text += "O" }
        if isPostponed || wait != nil { text += "b" }
        if transaction != nil { text += "x" }
        if watch?.isVoid == true { text += "d" }
        if obstacles.contains(.closing) { text += "c" }
        if obstacles.contains(.killed) { text += "A" }
        if isUnixSocket { text += "U" }
        if isReadOnly { text += "r" }
        if isNoEvict { text += "e" }
        if isNoTouch { text += "T" }
        return text.isEmpty ? "N" : text
    }

    /// One line of CLIENT LIST, without its end. Sizes are bytes, ages seconds.
    func line(now: Int64) -> String {
        let transactionBytes = transaction?.byteCount ?? 0
        let buffers = input.allocatedByteCount + (pending?.allocatedByteCount ?? 0)
        let memory = buffers + transactionBytes + fieldsets.byteCount
        let fields: [(String, String)] = [
            ("id", "\(id)"), ("addr", address), ("laddr", localAddress), ("fd", "\(file)"),
            ("name", name.text), ("age", "\((now - createdAt) / 1000)"), ("idle", "\((now - lastInteraction) / 1000)"),
            ("flags", flagText), ("db", "\(database)"), ("sub", "0"), ("psub", "0"), ("ssub", "0"),
            ("multi", "\(transaction?.queued.count ?? -1)"),
            ("qbuf", "\(input.count + borrowedByteCount)"), ("qbuf-free", "\(input.allocatedByteCount - input.count)"),
            ("argv-mem", "0"), ("multi-mem", "\(transactionBytes)"),
            ("rbs", "\(pending?.allocatedByteCount ?? 0)"), ("rbp", "\(pending?.allocatedByteCount ?? 0)"),
            ("obl", "\(pendingByteCount)"), ("oll", "0"), ("omem", "\(pending?.allocatedByteCount ?? 0)"),
            ("tot-mem", "\(memory + MemoryLayout<Client>.size)"), ("events", pending == nil ? "r" : "rw"),
            ("cmd", lastCommand?.name ?? "NULL"), ("user", "default"), ("redir", "-1"), ("resp", "\(version)"),
            // What Redis 7.0 does not have comes behind what it has.
            ("watch", "\(watch?.items.count ?? 0)"), ("lib-name", libraryName.text), ("lib-ver", libraryVersion.text),
            ("tot-net-in", "\(receivedByteCount)"), ("tot-net-out", "\(sentByteCount)"),
            ("tot-cmds", "\(commandCount)"),
        ]
        return fields.map { "\($0)=\($1)" }.joined(separator: " ")
    }

    /// For the log.
    var description: String { line(now: lastInteraction) }
}

extension Array<UInt8> {
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// `bytes` between double quotes, what is not printable escaped, cut after `limit`.
func escaped(_ bytes: Bytes, limit: Int = .max) -> String {
    var text = "\""
    for index in 0..<min(bytes.count, limit) {
        switch bytes[index] {
        case UInt8(ascii: "\\"): text += "\\\\"
        case UInt8(ascii: "\""): text += "\\\""
        case UInt8(ascii: "\n"): text += "\\n"
        case UInt8(ascii: "\r"): text += "\\r"
        case UInt8(ascii: "\t"): text += "\\t"
        case 0x07: text += "\\a"
        case 0x08: text += "\\b"
        case let byte where byte >= 0x20 && byte < 0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
        case let byte: text += "\\x\(hexText(byte))"
        }
    }
    return text + "\""
}
