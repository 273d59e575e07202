// What is known of the requests of a batch before they run: their commands, and where their first keys are.
//
// Found for all of them at once, in one loop, because a call for each would cost as much as what it does.

public import Keyspace
public import Protocol

/// A request whose turn comes.
@safe
public struct PreparedRequest {
    /// Lives in the table; nil where the first word names no command.
    public let command: Unmanaged<Command>?
    public let arguments: Arguments
    /// Among the keys of the batch.
    public let firstKey: KeyBatch.Place
}

/// Up to as many as a batch has.
///
/// Memory: owns its block; what the requests refer to belongs to the batch and the table. Thread: one at a time.
@safe
public final class PreparedRequests {
    private let base = UnsafeMutablePointer<PreparedRequest>.allocate(capacity: RequestBatch.capacity)
    public private(set) var count = 0

    public init() {}

    deinit { unsafe base.deallocate() }

    @inline(__always)
    public subscript(index: Int) -> PreparedRequest {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "there is no such request")
        return unsafe base[index]
    }

    /// Finds the commands of `requests`, and makes `keys` the first keys of those that have any, with the elements that they
    /// name.
    public func prepare(_ requests: RequestBatch, by table: CommandTable, _ keys: KeyBatch) {
        keys.removeAll()
        count = requests.count
        for index in 0..<requests.count {
            let arguments = requests[index]
            let command = unsafe table.find(arguments)
            let first = unsafe command?._withUnsafeGuaranteedRef { $0.keyRange.first } ?? 0
            var place = KeyBatch.Place.none
            if first > 0, first < arguments.count {
                place = keys.append(arguments[first])
                let element = unsafe command?._withUnsafeGuaranteedRef { $0.element } ?? 0
                if element > 0, element < arguments.count { keys.seek(arguments[element]) }
            }
            let request = unsafe PreparedRequest(command: command, arguments: arguments, firstKey: place)
            unsafe (base + index).initialize(to: request)
        }
    }
}
