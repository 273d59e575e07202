// What is pending in a group in the order of its deliveries: who claims what was idle for longest takes it from the front.
//
// What was given back stands before all that somebody has, in the order in which it was given back. A group has this tree
// from the first such claim on; the others do without its 24 bytes for each pending entry.

/// A pending entry, as the order knows it.
struct Delivery: BitwiseCopyable, Comparable {
    let stamp: Int64
    let id: StreamID

    init(_ entry: PendingEntry) { (stamp, id) = (entry.stamp, entry.id) }

    static func < (one: Delivery, other: Delivery) -> Bool {
        one.stamp != other.stamp ? one.stamp < other.stamp : one.id < other.id
    }
}

enum DeliveryOrder: TreeContent {
    typealias Element = Delivery
    typealias Separator = Delivery

    static func separator(of element: Delivery) -> Delivery { element }
}

extension StreamGroup {
    /// Has the order be kept from now on.
    func orderDeliveries(memory: Memory) {
        guard deliveries == nil else { return }
        var order = OrderedTree<DeliveryOrder>()
        pending.forEach(in: 0..<pending.count) { entry in
            let delivery = Delivery(entry)
            order.insert(delivery, at: DeliveryOrder.Place(before: delivery), memory: memory)
        }
        deliveries = order
    }

    /// Notes that `entry` is pending now, or as it is now, in place of `former`; nil: nothing.
    func noteDelivery(of entry: PendingEntry?, insteadOf former: PendingEntry?, memory: Memory) {
        guard let order = deliveries, entry?.stamp != former?.stamp else { return }
        if let former {
            let place = DeliveryOrder.Place(behind: Delivery(former))
            deliveries?.remove(at: order.path(toLastBefore: place), memory: memory)
        }
        if let entry {
            let delivery = Delivery(entry)
            deliveries?.insert(delivery, at: DeliveryOrder.Place(before: delivery), memory: memory)
        }
    }

    /// Stops the process when the order is not that of what is pending.
    func checkDeliveries() {
        guard let deliveries else { return }
        deliveries.checkInvariants { $0 < $1 }
        precondition(deliveries.count == pending.count, "not all that is pending stands in the order of deliveries")
        deliveries.forEach(in: 0..<deliveries.count) { delivery in
            precondition(pendingEntry(delivery.id)?.stamp == delivery.stamp, "an entry stands in the wrong place")
        }
    }
}
