// The part of the configuration that is asked for every command, in the units in which it is asked.

internal import Configuration
internal import Glibc

struct ExecutionSettings {
    /// What every client may be owed, however low `client-output-buffer-limit` is: Redis does not count its first buffer.
    static let leastOwedByteCount = 16 * 1024

    /// Below, the slow log and the latency monitor could take a whole batch of quick commands for a slow one.
    private static let leastExactMicroseconds: Int64 = 500

    let bulkByteCount: Int
    let queryBufferByteCount: Int
    /// A client that is owed more is closed; at least 1.
    let owedByteCount: Int
    /// Whether there is a `maxmemory`.
    let isMemoryLimited: Bool
    /// All clients together may take less; `Int.max`: as much as they like.
    let clientByteCount: Int
    let tracksLatency: Bool
    /// A command that takes as many ticks is looked at by the slow log and the latency monitor.
    let slowTicks: UInt64
    /// Whether nobody asks for the time of each command so exactly that quick ones may not be timed together.
    let timesTogether: Bool
    /// Negative: nothing is logged.
    let slowlogMicroseconds: Int64
    let slowlogLength: Int
    /// How long keys are given up before one command.
    let evictionTicks: UInt64
    /// 0: nothing is monitored.
    let latencyMonitorMilliseconds: Int64

    init(_ configuration: Configuration, _ ticks: Ticks) {
        bulkByteCount = configuration.protoMaxBulkLength
        queryBufferByteCount = configuration.clientQueryBufferLimit
        let limit = configuration.clientOutputBufferLimits[.normal].hardBytes
        owedByteCount = limit > 0 ? max(limit, Self.leastOwedByteCount) : .max
        isMemoryLimited = configuration.maxMemory > 0
        clientByteCount = Self.clientByteCount(configuration)
        tracksLatency = configuration.isLatencyTrackingOn
        slowlogMicroseconds = Int64(configuration.slowlogLogSlowerThanMicroseconds)
        slowlogLength = configuration.slowlogMaxLength
        latencyMonitorMilliseconds = Int64(configuration.latencyMonitorThresholdMilliseconds)
        evictionTicks =
            Self.evictionMicroseconds(tenacity: configuration.maxMemoryEvictionTenacity)
            .map { ticks.ticks(microseconds: $0) } ?? .max / 2
        var thresholds: [Int64] = []
        if slowlogMicroseconds >= 0 { thresholds.append(slowlogMicroseconds) }
        if latencyMonitorMilliseconds > 0 { thresholds.append(latencyMonitorMilliseconds * 1000) }
        timesTogether = thresholds.allSatisfy { $0 >= Self.leastExactMicroseconds }
        slowTicks = thresholds.min().map { ticks.ticks(microseconds: $0) } ?? .max
    }

    /// With less than 128 kB nobody could say that it should be more.
    private static func clientByteCount(_ configuration: Configuration) -> Int {
        let bytes = configuration.maxMemoryClients.bytes(of: configuration.maxMemory)
        return bytes == 0 ? .max : max(bytes, 128 << 10)
    }

    /// Half a millisecond at 10, less in proportion below, 15 % more with each step above; at 100 without an end.
    ///
    /// - Source: what redis.conf says of `maxmemory-eviction-tenacity`.
    private static func evictionMicroseconds(tenacity: Int) -> Int64? {
        guard tenacity < 100 else { return nil }
        return Int64(tenacity <= 10 ? 50 * Double(tenacity) : 500 * pow(1.15, Double(tenacity - 10)))
    }
}
