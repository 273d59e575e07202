// The log levels of redis.conf as the log's.

internal import Configuration

extension Log.Level {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .debug: .debug
            case .verbose: .verbose
            case .notice: .notice
            case .warning: .warning
            }
    }
}
