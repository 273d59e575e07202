// What each hash slot costs: processor time and traffic, counted by one thread while `cluster-slot-stats-enabled` is on.

internal import Cluster
internal import Commands
internal import Protocol

/// Time and bytes by slot.
///
/// Memory: owns its block, which is there only while it counts. Thread: its executor's, or anyone's in an exclusive section.
@safe
final class SlotStatistics {
    struct Counts {
        /// Of the processor's counter (`Ticks`).
        var ticks: UInt64 = 0
        var receivedBytes: Int64 = 0
        var sentBytes: Int64 = 0
    }

    private let counts: UnsafeMutablePointer<Counts>
    /// The command that runs just now, by its number, and what ended waits of the same command have cost meanwhile.
    fileprivate var running = -1
    fileprivate var ticksOfEndedWaits: UInt64 = 0

    init() {
        unsafe counts = .allocate(capacity: Slot.count)
        unsafe counts.initialize(repeating: Counts(), count: Slot.count)
    }

    deinit { unsafe counts.deallocate() }

    subscript(slot: Int) -> Counts {
        get {
            precondition(slot >= 0 && slot < Slot.count, "there is no such slot")
            return unsafe counts[slot]
        }
        set {
            precondition(slot >= 0 && slot < Slot.count, "there is no such slot")
            unsafe counts[slot] = newValue
        }
    }

    func reset() { unsafe counts.update(repeating: Counts(), count: Slot.count) }
}

extension Executor {
    /// Runs `body`, which performs or queues `command`, and adds what it cost to the slot of the command's keys.
    func countingForSlot(
        _ command: Command,
        _ arguments: Arguments,
        _ client: Client,
        _ body: () -> Interruption?
    ) -> Interruption? {
        guard let statistics = slotStatistics, let slot = slot(of: command, arguments, client) else { return body() }
        let (mark, ticks) = (reply.mark, self.statistics[command.index].ticks)
        // MULTI names no key, and so waits for its EXEC to know what it was for.
        let received = Self.requestByteCount(arguments) + (command.name == "exec" ? Self.multiByteCount : 0)

        statistics.running = command.index
        statistics.ticksOfEndedWaits = 0
        let interruption = body()
        statistics.running = -1

        if case .postponed = interruption { return interruption }  // it has not run, and comes again
        let isQueued = client.transaction != nil
        statistics[slot].ticks &+= self.statistics[command.index].ticks &- ticks &- statistics.ticksOfEndedWaits
        statistics[slot].receivedBytes += Int64(received)
        if !isQueued { statistics[slot].sentBytes += Int64(reply.mark - mark) }
        return interruption
    }

    /// Adds what a wait has cost that ends with `byteCount` bytes of reply. Its request was counted when it came.
    func countForSlot(_ wait: Wait, sentByteCount byteCount: Int) {
        guard let statistics = slotStatistics, let slot = slot(of: wait.command, wait.arguments) else { return }
        statistics[slot].ticks &+= wait.ticks
        statistics[slot].sentBytes += Int64(byteCount)
        if statistics.running == wait.command.index { statistics.ticksOfEndedWaits &+= wait.ticks }
    }

    private static let multiByteCount = "*1\r\n$5\r\nMULTI\r\n".utf8.count

    private func slot(of command: Command, _ arguments: Arguments, _ client: Client) -> Int? {
        guard command.name != "exec" else {
            return client.transaction?.queued.lazy.compactMap { self.slot(of: $0.command, $0.arguments.arguments) }
                .first
        }
        return slot(of: command, arguments)
    }

    private func slot(of command: Command, _ arguments: Arguments) -> Int? {
        var slot: Int?
        command.forEachKey(in: arguments) { if slot == nil { slot = hashSlot(of: arguments[$0]) } }
        return slot
    }

    /// What the request takes on the wire.
    private static func requestByteCount(_ arguments: Arguments) -> Int {
        var count = 1 + integerTextByteCount(Int64(arguments.count)) + 2
        for index in 0..<arguments.count {
            count += 1 + integerTextByteCount(Int64(arguments[index].count)) + 2 + arguments[index].count + 2
        }
        return count
    }

    /// Begins to count, or stops and forgets. In an exclusive section, or before the thread runs.
    func setSlotStatistics(isOn: Bool) {
        guard isOn != (slotStatistics != nil) else { return }
        slotStatistics = isOn ? SlotStatistics() : nil
        if isOn { threadObstacles.insert(.countedBySlot) } else { threadObstacles.remove(.countedBySlot) }
    }

    /// What a slot cost while another node had it is not this node's to tell.
    func forgetStatisticsOfMovedSlots(from former: SlotMap?, to map: SlotMap?) {
        guard let slotStatistics, let former, let map else { return }
        for slot in 0..<Slot.count where former.isMine(slot) != map.isMine(slot) {
            slotStatistics[slot] = SlotStatistics.Counts()
        }
    }
}
