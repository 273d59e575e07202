// The one border to the kernel's readiness: epoll, edge-triggered, registered once per descriptor.
//
// A second engine (io_uring, kqueue) has to offer no more than this: watch, unwatch, wait, wake.

internal import CSystem
internal import Glibc

/// Waits for descriptors to become ready, and for a knock from another thread.
///
/// Memory: owns its descriptors and event block, gives them back when it dies. Thread: one, but for `wake`.
@safe
final class Poller: @unchecked Sendable {
    struct Readiness: OptionSet {
        let rawValue: UInt32
        static let readable = Readiness(rawValue: EPOLLIN.rawValue)
        static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
        /// The peer will send no more.
        static let peerClosed = Readiness(rawValue: EPOLLRDHUP.rawValue)
        static let failed = Readiness(rawValue: EPOLLERR.rawValue | EPOLLHUP.rawValue)
    }

    /// What a descriptor was registered with; 0 is the poller's own.
    typealias Token = UInt64

    private static let batch = 256
    private let descriptor: Int32
    private let bell: Int32
    private let events: UnsafeMutablePointer<epoll_event>

    init() {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(descriptor >= 0 && bell >= 0, "the kernel has no descriptors left for an event loop")
        unsafe events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.batch)
        _ = watch(bell, token: 0, for: .readable)
    }

    deinit {
        close(descriptor)
        close(bell)
        unsafe events.deallocate()
    }

    /// Tells of every change of `interest` on `file` from now on, once each: read and write until the kernel refuses.
    ///
    /// - Returns: whether the kernel took it.
    func watch(_ file: Int32, token: Token, for interest: Readiness = [.readable, .writable, .peerClosed]) -> Bool {
        var event = unsafe epoll_event()
        unsafe event.events = interest.rawValue | EPOLLET.rawValue
        unsafe event.data.u64 = token
        return unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, file, &event) == 0
    }

    func unwatch(_ file: Int32) {
        var event = unsafe epoll_event()
        _ = unsafe epoll_ctl(descriptor, EPOLL_CTL_DEL, file, &event)
    }

    /// Wakes the thread that waits; from any thread.
    func wake() {
        var one: UInt64 = 1
        _ = unsafe write(bell, &one, 8)
    }

    /// Waits at most so long until something is ready (negative: for ever).
    ///
    /// - Returns: how many events there are to ask for.
    func wait(milliseconds: Int32) -> Int {
        unsafe max(0, Int(epoll_wait(descriptor, events, Int32(Self.batch), milliseconds)))
    }

    /// What has become ready since, behind the `count` events of the last `wait`; does not wait.
    ///
    /// - Returns: how many more there are.
    func more(after count: Int) -> Int {
        precondition(count >= 0 && count <= Self.batch, "the block holds no more events")
        guard count < Self.batch else { return 0 }
        return unsafe max(0, Int(epoll_wait(descriptor, events + count, Int32(Self.batch - count), 0)))
    }

    /// One event of the last `wait`; nil where it was only a knock.
    @inline(__always)
    func event(at index: Int) -> (token: Token, readiness: Readiness)? {
        precondition(index >= 0 && index < Self.batch, "there is no such event")
        let event = unsafe events[index]
        let token = unsafe event.data.u64
        guard token == 0 else { return (token, unsafe Readiness(rawValue: event.events)) }
        var knocks: UInt64 = 0
        _ = unsafe read(bell, &knocks, 8)
        return nil
    }
}
