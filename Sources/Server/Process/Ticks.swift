// The processor's counter as a clock for short durations: 20 cycles to read, where the system's clock takes 60.

internal import CSystem
internal import Glibc

/// How fast the counter runs, measured once against the system's monotonic clock.
struct Ticks: Sendable {
    let perMicrosecond: Double

    /// Takes two milliseconds.
    static func calibrated() -> Ticks {
        let (startTime, start) = (Clock.monotonicNanoseconds(), apus_ticks())
        var now = startTime
        while now - startTime < 2_000_000 { now = Clock.monotonicNanoseconds() }
        return Ticks(perMicrosecond: Double(apus_ticks() - start) * 1000 / Double(now - startTime))
    }

    func microseconds(_ ticks: UInt64) -> Double { Double(ticks) / perMicrosecond }
    func ticks(microseconds: Int64) -> UInt64 { UInt64(Double(max(0, microseconds)) * perMicrosecond) }
}

enum Clock {
    static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }
    /// Goes on while the machine is suspended.
    static func bootMilliseconds() -> Int64 { read(CLOCK_BOOTTIME) / 1_000_000 }
    /// Some milliseconds late, as the kernel keeps it at its tick, but read in a tenth of the time.
    static func coarseMonotonicMilliseconds() -> Int64 { read(CLOCK_MONOTONIC_COARSE) / 1_000_000 }
    static func unixMilliseconds() -> Int64 { read(CLOCK_REALTIME) / 1_000_000 }
    static func unixMicroseconds() -> Int64 { read(CLOCK_REALTIME) / 1000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        unsafe clock_gettime(clock, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}
