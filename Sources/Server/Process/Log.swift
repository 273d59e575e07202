// The log: Redis's line format and levels, one write per line, from any thread.

internal import Glibc
internal import Synchronization

/// Writes lines such as `4711:M 23 Nov 2026 07:00:00.123 * Ready to accept connections tcp`.
final class Log: Sendable {
    enum Level: Int, Sendable, Comparable {
        case debug, verbose, notice, warning

        fileprivate var mark: Character {
            switch self {
            case .debug: "."
            case .verbose: "-"
            case .notice: "*"
            case .warning: "#"
            }
        }
        static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    private struct Settings {
        var path = ""
        var role: Character = "M"
    }

    private let settings = Mutex(Settings())
    private let threshold = Atomic<Int>(Level.notice.rawValue)

    /// Lines below this level are not written.
    var level: Level {
        get { Level(rawValue: threshold.load(ordering: .relaxed)) ?? .notice }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// The file that lines are appended to; empty for standard output. It is opened for every line, so it may be moved away.
    func setPath(_ path: String) { settings.withLock { $0.path = path } }
    /// M for a primary, S for a replica, C for a child, X for a sentinel.
    func setRole(_ role: Character) { settings.withLock { $0.role = role } }

    func debug(_ text: @autoclosure () -> String) { write(.debug, text) }
    func verbose(_ text: @autoclosure () -> String) { write(.verbose, text) }
    func notice(_ text: @autoclosure () -> String) { write(.notice, text) }
    func warning(_ text: @autoclosure () -> String) { write(.warning, text) }

    func write(_ level: Level, _ text: () -> String) {
        guard level >= self.level else { return }
        let role = settings.withLock { $0.role }
        append("\(getpid()):\(role) \(Self.timestamp()) \(level.mark) \(text())\n")
    }

    /// Shows what is no line of its own: as it is, where notices are wanted.
    func picture(_ text: String) {
        if level <= .notice { append(text) }
    }

    var goesToTerminal: Bool { settings.withLock { $0.path.isEmpty } && isatty(STDOUT_FILENO) == 1 }

    private func append(_ text: String) {
        let path = settings.withLock { $0.path }
        let file = unsafe path.isEmpty ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { return }
        // One call, so that lines of different threads do not mix.
        _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        if !path.isEmpty { close(file) }
    }

    private static func timestamp() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        var (seconds, parts) = unsafe (now.tv_sec, tm())
        unsafe localtime_r(&seconds, &parts)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }.joined(separator: ":")
        let day = unsafe "\(padded(Int(parts.tm_mday), 2)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return "\(day) \(time).\(padded(now.tv_nsec / 1_000_000, 3))"
    }
}

/// A number with zeros before it up to `width` digits.
func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
