// The thread that carries keys to other servers, so that no shard waits for a network, and its connections.

internal import Glibc
internal import Protocol
internal import Synchronization

/// Carries transfers, many at a time, over connections that are kept for a while after each.
///
/// Thread: its own, from `run` on; `carry` from any. It serves no clients and touches no key: it is given copies, and hands
/// the transfer back with what the target said. A name in place of an address is looked up here, and may hold up the other
/// transfers.
final class Courier: @unchecked Sendable {
    private struct Order: Sendable {
        let transfer: Transfer
        let done: @Sendable () -> Void
    }

    /// As Redis keeps them.
    private static let idleMilliseconds: Int64 = 10_000
    private static let mostConnections = 64

    private let mailbox: Mailbox<Order>
    private let poller = Poller()
    private var mail: [Order] = []
    private var connections: [Poller.Token: TargetConnection] = [:]
    private var lastToken: Poller.Token = 0
    private let connectionCounter = Atomic<Int>(0)
    private var received = [UInt8](repeating: 0, count: 64 * 1024)

    init() {
        let poller = poller
        mailbox = Mailbox { poller.wake() }
    }

    /// How many connections there are, in use or not. From any thread.
    var connectionCount: Int { connectionCounter.load(ordering: .relaxed) }

    /// Sends what `transfer` holds, and calls `done` on the courier's thread when its result stands.
    func carry(_ transfer: Transfer, done: @escaping @Sendable () -> Void) {
        mailbox.post(Order(transfer: transfer, done: done))
    }

    /// The same for a thread that has to wait.
    func carryAndWait(_ transfer: Transfer) {
        let semaphore = Semaphore()
        carry(transfer) { semaphore.signal() }
        semaphore.wait()
    }

    // MARK: The loop

    func run() {
        while true {
            mailbox.takeAll(swapping: &mail)
            for order in mail { begin(order) }
            mail.removeAll(keepingCapacity: true)
            lookAtClock()
            let count = poller.wait(milliseconds: mailbox.prepareToSleep() ? timeToSleep() : 0)
            mailbox.didWake()
            for index in 0..<count {
                guard let (token, readiness) = poller.event(at: index), let connection = connections[token] else {
                    continue
                }
                handle(connection, readiness)
            }
        }
    }

    private func now() -> Int64 { Clock.monotonicNanoseconds() / 1_000_000 }

    /// Until the next deadline; without one, until there is work.
    private func timeToSleep() -> Int32 {
        guard let next = connections.values.map(\.deadline).min() else { return -1 }
        return Int32(clamping: max(0, next - now() + 1))
    }

    private func lookAtClock() {
        let now = now()
        for connection in connections.values.filter({ $0.deadline <= now }).sorted(by: { $0.token < $1.token }) {
            fail(connection, connection.stage)
        }
    }

    // MARK: Transfers

    private func begin(_ order: Order) {
        let target = order.transfer.target
        let free = connections.values.filter { $0.job == nil && $0.target == target }
        if let connection = free.min(by: { $0.token < $1.token }) {
            start(order, on: connection, isSecondTry: false)
        } else {
            connect(for: order)
        }
    }

    private func connect(for order: Order) {
        let target = order.transfer.target
        let file: Int32
        do throws(SystemError) {
            // A port that does not exist is refused like one where nobody listens.
            file = try Socket.connect(host: target.host, port: Int(UInt16(target.port) ?? 0))
        } catch {
            return finish(order, .init(failure: error.operation == "connect" ? .writing : .connecting))
        }
        Socket.tune(file, keepAlive: 0)
        lastToken += 1
        let connection = TargetConnection(token: lastToken, file: file, target: target)
        guard poller.watch(file, token: connection.token) else {
            close(file)
            return finish(order, .init(failure: .connecting))
        }
        if connections.count >= Self.mostConnections { closeLongestIdle() }
        connections[connection.token] = connection
        countConnections()
        start(order, on: connection, isSecondTry: true)
    }

    private func start(_ order: Order, on connection: TargetConnection, isSecondTry: Bool) {
        let conversation = TransferConversation(
            order.transfer,
            database: connection.database,
            at: Clock.unixMilliseconds()
        )
        connection.job = TargetConnection.Job(
            transfer: order.transfer,
            done: order.done,
            conversation: conversation,
            mayTryAgain: !isSecondTry
        )
        connection.deadline = now() + order.transfer.timeoutMilliseconds
        guard connection.isConnected else { return }
        goOn(connection)
    }

    /// Sends what is to be sent, and ends the transfer when all is answered.
    private func goOn(_ connection: TargetConnection) {
        connection.takeOutput()
        guard connection.send() else { return fail(connection, .writing) }
        guard let job = connection.job, job.conversation.isDone else { return }
        connection.job = nil
        connection.deadline = now() + Self.idleMilliseconds
        if let database = job.conversation.database {
            connection.database = database
        } else {
            discard(connection)
        }
        finish(Order(transfer: job.transfer, done: job.done), job.conversation.result)
    }

    private func finish(_ order: Order, _ result: Transfer.Result) {
        order.transfer.result = result
        order.done()
    }

    /// Ends the connection, and the transfer that it carries with what has arrived so far. A connection that the target
    /// had given up while it was idle says nothing about the target: such a transfer gets another try.
    private func fail(_ connection: TargetConnection, _ failure: Transfer.Failure, isTimeout: Bool = true) {
        discard(connection)
        guard let job = connection.job else { return }
        connection.job = nil
        let order = Order(transfer: job.transfer, done: job.done)
        if job.mayTryAgain, !isTimeout, !job.conversation.isAnswered { return connect(for: order) }
        var result = job.conversation.result
        if result.failure == nil { result.failure = failure }
        finish(order, result)
    }

    // MARK: Events

    private func handle(_ connection: TargetConnection, _ readiness: Poller.Readiness) {
        if !connection.isConnected {
            guard readiness.contains(.writable) || readiness.contains(.failed) else { return }
            guard Socket.pendingError(connection.file) == 0 else {
                return fail(connection, .writing, isTimeout: false)
            }
            connection.isConnected = true
        }
        noteProgress(connection)
        if readiness.contains(.writable) {
            goOn(connection)
            guard connections[connection.token] != nil else { return }
        }
        if readiness.contains(.readable) || readiness.contains(.peerClosed) || readiness.contains(.failed) {
            receive(connection)
        }
    }

    private func noteProgress(_ connection: TargetConnection) {
        guard let job = connection.job else { return }
        connection.deadline = now() + job.transfer.timeoutMilliseconds
    }

    private func receive(_ connection: TargetConnection) {
        while connections[connection.token] != nil {
            let count = unsafe received.withUnsafeMutableBytes {
                unsafe read(connection.file, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0, connection.job != nil else {
                // The target has hung up, or speaks without having been asked.
                return fail(connection, .reading, isTimeout: false)
            }
            do throws(TransferConversation.UnknownAnswer) {
                try connection.job?.conversation.receive(received[..<count], at: Clock.unixMilliseconds())
            } catch {
                return fail(connection, .reading, isTimeout: false)
            }
            goOn(connection)
        }
    }

    // MARK: Connections

    private func closeLongestIdle() {
        let idle = connections.values.filter { $0.job == nil }
        if let oldest = idle.min(by: { ($0.deadline, $0.token) < ($1.deadline, $1.token) }) { discard(oldest) }
    }

    private func discard(_ connection: TargetConnection) {
        guard connections.removeValue(forKey: connection.token) != nil else { return }
        poller.unwatch(connection.file)
        close(connection.file)
        countConnections()
    }

    private func countConnections() { connectionCounter.store(connections.count, ordering: .relaxed) }
}

/// The connection to one target, and the transfer that it carries, if it does. Thread: the courier's.
private final class TargetConnection {
    struct Job {
        let transfer: Transfer
        let done: @Sendable () -> Void
        var conversation: TransferConversation
        let mayTryAgain: Bool
    }

    let token: Poller.Token
    let file: Int32
    let target: TransferTarget
    var isConnected = false
    /// The selected database.
    var database: Int64 = 0
    var job: Job?
    /// When the target's silence, or the idle time, has lasted too long; monotonic milliseconds.
    var deadline: Int64 = .max
    private var unsent: [[UInt8]] = []
    /// How much of the first block is sent.
    private var sentByteCount = 0

    init(token: Poller.Token, file: Int32, target: TransferTarget) {
        (self.token, self.file, self.target) = (token, file, target)
    }

    /// What a target that falls silent now has failed in.
    var stage: Transfer.Failure { !isConnected ? .connecting : unsent.isEmpty ? .reading : .writing }

    func takeOutput() { unsent += job?.conversation.takeOutput() ?? [] }

    /// Writes until all is sent or the socket is full; false: the connection is broken.
    func send() -> Bool {
        while let block = unsent.first {
            let count = unsafe block.withUnsafeBytes { bytes in
                unsafe write(file, bytes.baseAddress.unsafelyUnwrapped + sentByteCount, bytes.count - sentByteCount)
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            sentByteCount += count
            guard sentByteCount == block.count else { continue }
            unsent.removeFirst()
            sentByteCount = 0
        }
        return true
    }
}
