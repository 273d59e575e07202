// The events to come, by time; of those at one time, by the order in which they were put in.

/// A binary heap.
struct EventQueue<Event> {
    private struct Item {
        let due: Moment
        let number: UInt64
        let event: Event

        func precedes(_ other: Item) -> Bool { (due, number) < (other.due, other.number) }
    }

    private var items: [Item] = []
    private var nextNumber: UInt64 = 0

    mutating func insert(_ event: Event, at due: Moment) {
        items.append(Item(due: due, number: nextNumber, event: event))
        nextNumber += 1
        var child = items.count - 1
        while child > 0, items[child].precedes(items[(child - 1) / 2]) {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The next event, if it is due by `end`.
    mutating func removeFirst(notAfter end: Moment) -> (due: Moment, event: Event)? {
        guard let first = items.first, first.due <= end else { return nil }
        let last = items.removeLast()
        if !items.isEmpty {
            items[0] = last
            sink()
        }
        return (first.due, first.event)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < items.count && items[child].precedes(items[least]) {
                least = child
            }
            guard least != parent else { return }
            items.swapAt(parent, least)
            parent = least
        }
    }
}
