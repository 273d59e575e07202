// What one MIGRATE sends to another server, and what became of it.

internal import Protocol

/// Where a transfer goes, and as whom: only transfers that agree in all of it share a connection.
struct TransferTarget: Hashable, Sendable {
    let host: String
    /// As the client gave it; what is no port cannot be reached.
    let port: String
    /// The arguments of AUTH; none where it is not said.
    let credentials: [[UInt8]]
}

/// A key on its way, in the form in which RESTORE takes it.
struct Parcel: Sendable {
    let key: [UInt8]
    /// Unix milliseconds.
    let expiry: Int64?
    let payload: [UInt8]
}

/// Keys for one target.
///
/// Thread: what is sent never changes; `result` is written by the courier until it hands the transfer back.
final class Transfer: @unchecked Sendable {
    enum Failure: Equatable, Sendable {
        /// The target's name is not known, or it did not answer in time.
        case connecting
        case writing
        case reading
        /// What the target said, without the minus sign.
        case refused([UInt8])
    }

    struct Result: Equatable, Sendable {
        /// The places of the parcels that the target has confirmed.
        var arrived: [Int] = []
        /// What went wrong first; nil if nothing did.
        var failure: Failure?
    }

    let target: TransferTarget
    /// The number of the target's database.
    let database: Int64
    /// How long the target may be silent.
    let timeoutMilliseconds: Int64
    let replaces: Bool
    /// Whether the target is asked to take keys of a slot that it is importing.
    let asks: Bool
    let parcels: [Parcel]
    var result = Result()

    init(
        to target: TransferTarget,
        database: Int64,
        timeoutMilliseconds: Int64,
        replaces: Bool,
        asks: Bool,
        parcels: [Parcel]
    ) {
        self.target = target
        self.database = database
        self.timeoutMilliseconds = timeoutMilliseconds
        self.replaces = replaces
        self.asks = asks
        self.parcels = parcels
    }
}
