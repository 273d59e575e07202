// The part of the configuration that is asked for every command, in the units in which it is asked.

internal import Configuration

struct ExecutionSettings {
    /// What every client may be owed, however low `client-output-buffer-limit` is: Redis does not count its first buffer.
    static let leastOwedByteCount = 16 * 1024

    let bulkByteCount: Int
    let queryBufferByteCount: Int
    /// A client that is owed more is closed; at least 1.
    let owedByteCount: Int
    let tracksLatency: Bool
    /// A command that takes as many ticks is looked at by the slow log and the latency monitor.
    let slowTicks: UInt64
    /// Negative: nothing is logged.
    let slowlogMicroseconds: Int64
    let slowlogLength: Int
    /// 0: nothing is monitored.
    let latencyMonitorMilliseconds: Int64

    init(_ configuration: Configuration, _ ticks: Ticks) {
        bulkByteCount = configuration.protoMaxBulkLength
        queryBufferByteCount = configuration.clientQueryBufferLimit
        let limit = configuration.clientOutputBufferLimits[.normal].hardBytes
        owedByteCount = limit > 0 ? max(limit, Self.leastOwedByteCount) : .max
        tracksLatency = configuration.isLatencyTrackingOn
        slowlogMicroseconds = Int64(configuration.slowlogLogSlowerThanMicroseconds)
        slowlogLength = configuration.slowlogMaxLength
        latencyMonitorMilliseconds = Int64(configuration.latencyMonitorThresholdMilliseconds)
        var thresholds: [Int64] = []
        if slowlogMicroseconds >= 0 { thresholds.append(slowlogMicroseconds) }
        if latencyMonitorMilliseconds > 0 { thresholds.append(latencyMonitorMilliseconds * 1000) }
        slowTicks = thresholds.min().map { ticks.ticks(microseconds: $0) } ?? .max
    }
}
