// What must end at a time, by that time: the members know their places, so that one that ends before leaves at once.

/// Something that has a deadline, and stands in one heap of them at the most.
protocol Timed: AnyObject {
    /// Unix milliseconds; nil for ever.
    var deadline: Int64? { get }
    /// The place in the heap, which alone sets it.
    var place: Int { get set }
}

/// A heap, first deadline first.
struct Deadlines<Member: Timed> {
    private var heap: [Member] = []

    var count: Int { heap.count }
    /// Unix milliseconds.
    var first: Int64 { heap.first.map(time) ?? .max }

    /// The member whose deadline comes first, if it has come.
    func due(at now: Int64) -> Member? { heap.first.flatMap { time($0) <= now ? $0 : nil } }

    mutating func insert(_ member: Member) {
        heap.append(member)
        member.place = heap.count - 1
        rise(from: member.place)
    }

    mutating func remove(_ member: Member) {
        precondition(member.place < heap.count && heap[member.place] === member, "what has no deadline here is removed")
        let last = heap.removeLast()
        guard last !== member else { return }
        put(last, at: member.place)
        rise(from: last.place)
        sink(from: last.place)
    }

    private func time(_ member: Member) -> Int64 { member.deadline ?? .max }

    private mutating func put(_ member: Member, at place: Int) {
        heap[place] = member
        member.place = place
    }

    private mutating func exchange(_ first: Int, _ second: Int) {
        let member = heap[first]
        put(heap[second], at: first)
        put(member, at: second)
    }

    private mutating func rise(from start: Int) {
        var place = start
        while place > 0, time(heap[place]) < time(heap[(place - 1) / 2]) {
            exchange(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func sink(from start: Int) {
        var place = start
        while 2 * place + 1 < heap.count {
            var child = 2 * place + 1
            if child + 1 < heap.count, time(heap[child + 1]) < time(heap[child]) { child += 1 }
            guard time(heap[child]) < time(heap[place]) else { return }
            exchange(place, child)
            place = child
        }
    }
}
