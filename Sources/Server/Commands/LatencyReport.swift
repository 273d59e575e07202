// LATENCY GRAPH and LATENCY DOCTOR: stalls drawn and explained.

enum LatencyReport {
    /// A column per sample, the newest on the right, four rows high; under each the time that has passed since.
    static func graph(_ name: String, _ event: LatencyMonitor.Event, now: Int64) -> String {
        let samples = event.samples.suffix(80)
        let high = samples.map(\.milliseconds).max() ?? 0
        let low = samples.map(\.milliseconds).min() ?? 0
        var text = "\(name) - high \(high) ms, low \(low) ms (all time high \(event.longest) ms)\n"
        text += String(repeating: "-", count: 80) + "\n"
        let rows = 4
        for row in (0..<rows).reversed() {
            text +=
                samples.map { sample in
                    let height =
                        high == low ? rows - 1 : Int((sample.milliseconds - low) * Int64(rows - 1) / (high - low))
                    return height == row ? "#" : height > row ? "|" : "_".replacingUnderscore(row)
                }.joined() + "\n"
        }
        let ages = samples.map { age(now - $0.unixSeconds) }
        for line in 0..<(ages.map(\.count).max() ?? 0) {
            text += ages.map { line < $0.count ? String($0[$0.index($0.startIndex, offsetBy: line)]) : " " }.joined()
            text += "\n"
        }
        return text
    }

    private static func age(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<86_400: "\(seconds / 3600)h"
        default: "\(seconds / 86_400)d"
        }
    }

    static func advice(_ events: [String: LatencyMonitor.Event], isMonitorOn: Bool) -> String {
        guard isMonitorOn || !events.isEmpty else {
            return """
                The latency monitor is off, so there is nothing to judge by. Switch it on with \
                CONFIG SET latency-monitor-threshold <milliseconds>.
                """
        }
        guard !events.isEmpty else { return "No stall was seen: nothing held the server up for longer than allowed.\n" }
        var text = "What held the server up:\n\n"
        for (index, (name, event)) in events.sorted(by: { $0.key < $1.key }).enumerated() {
            let total = event.samples.reduce(0) { $0 + $1.milliseconds }
            let mean = total / Int64(max(1, event.samples.count))
            text += "\(index + 1). \(name): \(event.samples.count) stalls, \(mean) ms on average, "
            text += "\(event.longest) ms at worst.\n"
        }
        text += "\nSLOWLOG GET shows which commands took long; look for large collections and long ranges.\n"
        return text
    }
}

extension String {
    /// The lowest row shows a line where a column does not reach; the others stay empty.
    fileprivate func replacingUnderscore(_ row: Int) -> String { row == 0 ? self : " " }
}
