// A client: its connection, which stays with one shard, and its conversation, which travels to where its keys live.

internal import Commands
internal import Protocol
internal import Synchronization

/// One connected client.
///
/// Thread: the *home* shard owns the connection (`isAway`, readiness, lists it stands in). Everything else belongs to
/// whoever runs the client just now: its home, or while it is away the thread that it was posted to. A mailbox's lock
/// orders the two; an exclusive section may touch all of it.
final class Client: @unchecked Sendable {
    let id: Int64
    let file: Int32
    let peer: SocketAddress
    let local: SocketAddress
    let isUnixSocket: Bool
    let createdAt: Int64
    /// The index of the home shard.
    let home: Int

    // MARK: The connection: the home shard's

    /// Lent to another thread; what happens on the socket meanwhile is only noted.
    var isAway = false
    /// Something happened on the socket meanwhile. Also read by the thread that sends the client home: see `sendHome`.
    let hasNews = Atomic<Bool>(false)
    var isReadable = false
    var isPeerClosed = false
    /// Stands in the shard's list of clients that have more to do.
    var isReady = false
    var isPostponed = false
    var isClosed = false
    /// The shard that keeps the wait of the client's command, which is parked there; −1 if there is none.
    let waitsAt = Atomic<Int>(-1)
    /// Came for the client from outside its conversation while it was away.
    var undelivered: [[UInt8]] = []
    /// What it takes of the memory, as its shard has counted it.
    var countedByteCount = 0
    /// When the pending output first passed the soft limit, unix ms.
    var softLimitSince: Int64?

    // MARK: The conversation: whoever runs the client's

    var database = 0
    /// RESP's version.
    var version: UInt8 = 2
    var obstacles: Obstacles = []
    /// It has said that it is a replica.
    var isReplica = false
    /// The thread that ran it last found it held back by a pause, or by keys in transit.
    var comesBackPostponed = false
    /// What came and was not yet run.
    let input = InputBuffer()
    /// Bytes that run straight out of the shard's read buffer just now; they are the client's, but not in `input`.
    var borrowedByteCount = 0
    var partial = PartialRequest()
    /// Replies that the socket did not take at once.
    var pending: ReplyBuffer?
    var name: [UInt8] = []
    var libraryName: [UInt8] = []
    var libraryVersion: [UInt8] = []
    /// What a command that has run still has to have done elsewhere or later before it is answered.
    var errand: Errand?
    /// What its command waits for.
    var wait: Wait?
    var transaction: Transaction?
    /// What HIMPORT has prepared.
    var fieldsets = Fieldsets()
    var watch: Watch?
    var isAuthenticated = false
    var isReadOnly = false
    var isMonitor = false
    /// Is told when slots move.
    var wantsTopology = false
    var isNoEvict = false
    var isNoTouch = false
    /// No more replies are written, or all but the next.
    var replyMode = ReplyMode.on
    /// Kept alive by the command table.
    @safe unowned(unsafe) var lastCommand: Command?
    var lastInteraction: Int64
    var commandCount: Int64 = 0
    var receivedByteCount: Int64 = 0
    var sentByteCount: Int64 = 0

    enum ReplyMode {
        case on, off
        /// `CLIENT REPLY SKIP` was just said.
        case skipNext
        /// The reply of the command that runs is left out.
        case skipping
    }

    /// What keeps a command from running at once: checked together, once per command.
    struct Obstacles: OptionSet {
        let rawValue: UInt16
        static let unauthenticated = Obstacles(rawValue: 1 << 0)
        /// Commands are queued for EXEC.
        static let transaction = Obstacles(rawValue: 1 << 1)
        static let repliesOff = Obstacles(rawValue: 1 << 2)
        /// The connection ends when the replies are sent.
        static let closing = Obstacles(rawValue: 1 << 3)
        /// The connection ends as soon as its shard has it in hand.
        static let killed = Obstacles(rawValue: 1 << 4)
        /// The next command is served in a slot that is being imported.
        static let asking = Obstacles(rawValue: 1 << 5)

        /// Obstacles of the thread, not of the client.
        static let monitored = Obstacles(rawValue: 1 << 8)
        static let paused = Obstacles(rawValue: 1 << 9)
        /// Keys of this shard are on their way to another server.
        static let inTransit = Obstacles(rawValue: 1 << 10)
        /// What a command costs is added to its slot's account.
        static let countedBySlot = Obstacles(rawValue: 1 << 11)
        /// Another shard's thread stands in for this one.
        static let standIn = Obstacles(rawValue: 1 << 12)
    }

    init(
        id: Int64,
        file: Int32,
        peer: SocketAddress,
        local: SocketAddress,
        isUnixSocket: Bool,
        home: Int,
        now: Int64,
        isAuthenticated: Bool
    ) {
        self.id = id
        self.file = file
        self.peer = peer
        self.local = local
        self.isUnixSocket = isUnixSocket
        self.home = home
        createdAt = now
        lastInteraction = now
        self.isAuthenticated = isAuthenticated
        if !isAuthenticated { obstacles.insert(.unauthenticated) }
    }

    var address: String { isUnixSocket ? "\(local.host):0" : peer.description }
    var localAddress: String { isUnixSocket ? "\(local.host):0" : local.description }

    var pendingByteCount: Int { pending?.count ?? 0 }

    /// Keeps `bytes` for the time when the socket takes more.
    func keep(_ bytes: Bytes) {
        guard !bytes.isEmpty else { return }
        let buffer = pending ?? ReplyBuffer()
        buffer.append(bytes)
        pending = buffer
    }
}

/// A client as an event's token: the shard's list of clients keeps it alive for as long as it is watched.
extension Client {
    var token: Poller.Token { unsafe UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) }

    /// - Precondition: the token is of a client that its shard still lists.
    static func of(_ token: Poller.Token) -> Client {
        unsafe Unmanaged<Client>.fromOpaque(UnsafeRawPointer(bitPattern: UInt(token)).unsafelyUnwrapped)
            .takeUnretainedValue()
    }
}
