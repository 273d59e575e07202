// Starting a thread of the system's own; everything that runs on it is the caller's.

internal import CSystem
internal import Glibc

enum Thread {
    /// Has short pauses of the calling thread end when they should: the kernel lets timers be 50 µs late otherwise.
    static func sharpenTimers() { apus_sharpen_timers() }

    /// Sleeps at least so long.
    ///
    /// - Returns: how long it was, in nanoseconds.
    static func pause(microseconds: Int64) -> Int64 {
        let start = Clock.monotonicNanoseconds()
        var time = timespec(tv_sec: 0, tv_nsec: Int(microseconds) * 1000)
        _ = unsafe nanosleep(&time, nil)
        return Clock.monotonicNanoseconds() - start
    }

    private final class Start {
        let name: String
        let body: () -> Void

        init(_ name: String, _ body: @escaping () -> Void) {
            self.name = String(name.utf8.prefix(15)) ?? "apus"
            self.body = body
        }
    }

    /// Runs `body` on a new thread of this name (15 bytes of it are kept). All signals stay with the main thread.
    static func start(_ name: String, stackByteCount: Int = 8 << 20, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackByteCount)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(name, body)).toOpaque()
        let status = unsafe pthread_create(
            &thread,
            &attributes,
            { argument in
                let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                unsafe apus_name_thread(start.name)
                start.body()
                return nil
            },
            start
        )
        precondition(status == 0, "the system has no thread left")
    }
}
