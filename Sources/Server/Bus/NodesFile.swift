// nodes.conf on disk: locked for one process, and replaced whole so that a crash leaves the old file or the new one.

internal import Glibc

/// Thread: the cluster's, after the start.
final class NodesFile {
    let path: String
    private var lock: Int32

    /// Opens the file, made empty where there is none, and locks it; nil where another process has it.
    init?(path: String) throws(SystemError) {
        self.path = path
        lock = -1
        guard let lock = try Self.locked(path) else { return nil }
        self.lock = lock
    }

    deinit { close(lock) }

    private static func locked(_ path: String) throws(SystemError) -> Int32? {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw SystemError("Can't open \(path) in order to acquire a lock") }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            defer { close(file) }
            if errno == EWOULDBLOCK { return nil }
            throw SystemError("Impossible to lock \(path)")
        }
        return file
    }

    var bytes: [UInt8]? { Files.read(path) }

    /// The lock goes over to the new file before the old one's is given up.
    func write(_ bytes: [UInt8], durably: Bool) throws(SystemError) {
        try Files.replace(path, with: bytes, syncing: durably)
        guard let next = try Self.locked(path) else { return }
        close(lock)
        lock = next
    }
}
