// Requests that were parsed together and are waiting for their turn.

/// Up to 32 requests: their arguments are views of the input, which must stay where it is while they run.
///
/// Memory: owns the blocks for views and places, and the words of lines. Invariant: all places lie within the arguments.
/// Thread: one at a time.
@safe
public final class RequestBatch {
    public static var capacity: Int { 32 }

    /// Why a batch ended.
    public enum Stop: Equatable {
        /// It is full, the input is used up, or what follows must not be parsed before what is here has run.
        case more
        case incomplete
        case failed(ProtocolError)
    }

    /// Where a request lies: its arguments among all, and its end in the input.
    @usableFromInline
    struct Place {
        @usableFromInline let firstArgument: Int
        @usableFromInline let argumentCount: Int
        @usableFromInline let endOffset: Int
    }

    @usableFromInline let arguments = ArgumentVector(capacity: 1024)
    private let words = InputBuffer()
    @usableFromInline let places = UnsafeMutablePointer<Place>.allocate(capacity: RequestBatch.capacity)
    public private(set) var count = 0
    /// How many requests are wanted at the most.
    private(set) var limit = RequestBatch.capacity

    public init() {}

    deinit { unsafe places.deallocate() }

    /// The arguments of a request, lent until the batch is filled again.
    @inlinable
    public subscript(index: Int) -> Arguments {
        let place = place(index)
        assert(place.firstArgument &+ place.argumentCount <= arguments.count)
        return unsafe Arguments(base: arguments.base + place.firstArgument, count: place.argumentCount)
    }

    /// Where a request ends in the input.
    @inlinable
    public func endOffset(of index: Int) -> Int { place(index).endOffset }

    @inlinable
    func place(_ index: Int) -> Place {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "there is no such request")
        return unsafe places[index]
    }

    /// Notes the request whose arguments are the last `argumentCount` of the vector; one without any asks for nothing.
    @inline(__always)
    func add(from firstArgument: Int, argumentCount: Int, endOffset: Int) {
        guard argumentCount > 0 else { return }
        precondition(count < RequestBatch.capacity, "a batch of requests is full")
        let place = Place(firstArgument: firstArgument, argumentCount: argumentCount, endOffset: endOffset)
        unsafe (places + count).initialize(to: place)
        count &+= 1
    }

    /// Says that there are `count` requests now, with `argumentCount` arguments together.
    func didFill(_ count: Int, argumentCount: Int) {
        precondition(self.count <= count && count <= limit, "a batch of requests is overfull")
        self.count = count
        arguments.didFill(argumentCount)
    }

    /// Forgets what it holds, and parses the requests of `input` from `start` on.
    ///
    /// - Parameter limit: how many are wanted at the most.
    /// - Parameter partial: what an earlier call understood of the last request, whose end had not come.
    /// - Returns: where the last request ends, and why the batch does.
    public func fill(
        from input: Bytes,
        at start: Int,
        limits: RequestLimits,
        partial: inout PartialRequest,
        atMost limit: Int = RequestBatch.capacity
    ) -> (end: Int, stop: Stop) {
        precondition(
            limit > 0 && limit <= RequestBatch.capacity,
            "a batch has room for one request and not for more than fit"
        )
        self.limit = limit
        arguments.truncate(to: 0)
        count = 0
        var end = start
        while count < limit, end < input.count {
            if partial.isUntouched, limits.allowUsual {
                end = RequestParser.parseUsual(input, from: end, into: self)
                guard count < limit, end < input.count else { break }
            }
            let first = arguments.count
            let rest = input[end..<input.count]
            switch RequestParser.parse(rest, limits: limits, partial: &partial, words: words, into: arguments) {
            case .complete(let byteCount):
                end += byteCount
                add(from: first, argumentCount: arguments.count - first, endOffset: end)
                // The words of a line are overwritten by the next line, and an AUTH widens the limits of what follows.
                let isLast = rest[0] != UInt8(ascii: "*") || !limits.isAuthenticated
                if isLast, arguments.count > first { return (end, .more) }
            case .incomplete: return (end, .incomplete)
            case .failed(let error): return (end, .failed(error))
            }
        }
        return (end, .more)
    }
}
