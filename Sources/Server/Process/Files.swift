// Small files, read and replaced whole.

internal import Glibc

enum Files {
    /// The bytes of a file; nil, with errno set, where it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return readAll(file)
    }

    static func readAll(_ file: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            bytes += chunk[..<count]
        }
    }

    /// Puts `bytes` in the place of the file at `path`: whoever looks finds the old file or the new one, also after a
    /// crash, because file and folder are synced around the rename.
    static func replace(_ path: String, with bytes: [UInt8], syncing: Bool = true) throws(SystemError) {
        let temporary = "\(path).tmp-\(getpid())-\(Clock.monotonicNanoseconds())"
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw SystemError("open \(temporary)") }
        do throws(SystemError) {
            try write(bytes, to: file)
            if syncing, fsync(file) != 0 { throw SystemError("fsync \(temporary)") }
            guard close(file) == 0 else { throw SystemError("close \(temporary)") }
            guard unsafe rename(temporary, path) == 0 else { throw SystemError("rename \(temporary)") }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        if syncing { syncFolder(of: path) }
    }

    private static func write(_ bytes: [UInt8], to file: Int32) throws(SystemError) {
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe Glibc.write(file, all.baseAddress.unsafelyUnwrapped + offset, all.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError("write") }
            offset += count
        }
    }

    static func remove(_ path: String) { unsafe unlink(path) }

    private static func syncFolder(of path: String) {
        let folder = path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) : "."
        let file = unsafe open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        close(file)
    }

    /// The path of this program.
    static func executable() -> String {
        var room = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &room, room.count)
        return String(decoding: room.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func workingDirectory() -> String? {
        var room = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard unsafe getcwd(&room, room.count) != nil else { return nil }
        return String(decoding: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The files that a shell pattern names, in order.
    static func expand(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
            unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }
}
