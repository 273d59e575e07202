// CLUSTER SLOT-STATS: how many keys each slot of this node has, and what it costs to serve.

internal import Cluster
internal import Commands
internal import Configuration
internal import Keyspace
internal import Protocol

enum SlotStatsCommand {
    static let all = [slotStats]

    static let slotStats = Command(
        "cluster|slot-stats",
        "Tells how many keys slots of this node have, and what they cost.",
        arity: .atLeast(4),
        flags: [.loading, .stale],
        group: .cluster,
        since: "8.0.0",
        complexity: "O(N) where N is the number of slots asked for; O(N*log(N)) for ORDERBY, N being the node's slots",
        tips: ["nondeterministic_output", "request_policy:all_shards"],
        place: .everywhere,
        syntax: """
            filter(SLOTSRANGE slotsrange{<start-slot:integer> <end-slot:integer>} | ORDERBY orderby{<metric>
            [LIMIT <limit:integer>] [order(ASC | DESC)]})
            """
    ) { call throws(CommandError) in
        try call.requireCluster()
        let report = SlotReport(call.node, map: call.executor.slotMap)
        if call.arguments.count == 5, call.arguments[2].isWord("SLOTSRANGE") {
            do throws(ClusterError) {
                let (start, end) = (try call.slot(3), try call.slot(4))
                guard start <= end else {
                    return call.reply.error(
                        "ERR Start slot number \(start) is greater than end slot number \(end)"
                    )
                }
                reply(report.rows(start...end), report, call)
            } catch {
                call.reply.error("ERR \(error.text)")
            }
        } else if call.arguments[2].isWord("ORDERBY") {
            let order = try Order(call, report.metrics)
            reply(report.rows(0...Slot.count - 1, by: order), report, call)
        } else {
            call.reply.error(
                "ERR unknown subcommand or wrong number of arguments for 'SLOT-STATS'. Try CLUSTER HELP."
            )
        }
    }

    private static func reply(_ rows: [SlotReport.Row], _ report: SlotReport, _ call: Call) {
        call.reply.array(rows.count)
        for row in rows {
            call.reply.array(2)
            call.reply.integer(row.slot)
            call.reply.map(report.metrics.count)
            for metric in report.metrics {
                call.reply.bulk(metric.rawValue)
                call.reply.integer(row.values[metric] ?? 0)
            }
        }
    }

    /// The words behind ORDERBY.
    fileprivate struct Order {
        let metric: SlotReport.Metric
        var limit = Slot.count
        var isAscending = false

        init(_ call: Call, _ metrics: [SlotReport.Metric]) throws(CommandError) {
            let arguments = call.arguments
            guard let metric = metrics.first(where: { arguments[3].isWord($0.rawValue) }) else {
                throw .text("ERR Unrecognized sort metric for ORDERBY.")
            }
            self.metric = metric
            var (hasLimit, hasDirection) = (false, false)
            var index = 4
            while index < arguments.count {
                let word = arguments[index]
                if word.isWord("LIMIT"), index + 1 < arguments.count {
                    guard !hasLimit else { throw Self.twice }
                    limit = try call.integer(
                        index + 1,
                        in: 1...Int64(Slot.count),
                        orThrow: Self.badLimit,
                        otherwise: Self.badLimit
                    )
                    hasLimit = true
                    index += 1
                } else if word.isWord("ASC") || word.isWord("DESC") {
                    guard !hasDirection else { throw Self.twice }
                    isAscending = word.isWord("ASC")
                    hasDirection = true
                } else {
                    throw .syntax
                }
                index += 1
            }
        }

        private static let twice = CommandError.text("ERR Multiple filters of the same type are disallowed.")
        private static let badLimit = CommandError.text(
            "ERR Limit has to lie in between 1 and 16384 (maximum number of slots)."
        )
    }
}

/// The slots of this node at one moment. In an exclusive section.
private struct SlotReport {
    enum Metric: String, CaseIterable {
        case keyCount = "key-count"
        case cpu = "cpu-usec"
        case received = "network-bytes-in"
        case sent = "network-bytes-out"
    }

    struct Row {
        let slot: Int
        let values: [Metric: Int64]
    }

    private let node: Node
    private let map: SlotMap?
    /// All of them only while they are counted.
    let metrics: [Metric]

    init(_ node: Node, map: SlotMap?) {
        self.node = node
        self.map = map
        metrics = node.configuration.areSlotStatisticsOn ? Metric.allCases : [.keyCount]
    }

    func rows(_ slots: ClosedRange<Int>) -> [Row] { slots.filter { map?.isMine($0) ?? false }.map(row) }

    func rows(_ slots: ClosedRange<Int>, by order: SlotStatsCommand.Order) -> [Row] {
        let sorted = rows(slots).sorted { left, right in
            let (first, second) = (left.values[order.metric] ?? 0, right.values[order.metric] ?? 0)
            guard first != second else { return left.slot < right.slot }
            return order.isAscending ? first < second : first > second
        }
        return Array(sorted.prefix(order.limit))
    }

    private func row(_ slot: Int) -> Row {
        let home = node.shards[node.shard(ofSlot: slot)]
        var values: [Metric: Int64] = [.keyCount: Int64(home.keyspace.count(inSlot: slot, of: 0))]
        var ticks: UInt64 = 0
        for counts in node.shards.compactMap({ $0.executor.slotStatistics?[slot] }) {
            ticks += counts.ticks
            values[.received, default: 0] += counts.receivedBytes
            values[.sent, default: 0] += counts.sentBytes
        }
        values[.cpu] = Int64(node.ticks.microseconds(ticks))
        return Row(slot: slot, values: values)
    }
}
