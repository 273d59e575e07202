// The log levels of the cluster's state machine as the log's.

internal import Cluster

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
