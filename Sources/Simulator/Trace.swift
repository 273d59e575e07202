// What happened in a run: a number that two equal runs share, and the last events in words for whoever reads a failure.

import Cluster

/// A running hash over all events, and a ring of the last ones.
///
/// The hash is over what happens, not over tables, so that it is the same in every process that runs the same seed.
struct Trace {
    enum Entry {
        case packet([UInt8], from: Int, to: Int)
        case link(StaticString, from: Int, to: Int)
        case log(LogLevel, String, of: Int)
        case fault(String)
    }

    private static let capacity = 400

    private(set) var fingerprint: UInt64 = 0x6170_7573
    private var ring: [(at: Moment, entry: Entry)] = []
    private var next = 0

    mutating func note(_ entry: Entry, at moment: Moment) {
        if ring.count < Trace.capacity {
            ring.append((moment, entry))
        } else {
            ring[next] = (moment, entry)
            next = (next + 1) % Trace.capacity
        }
    }

    mutating func mix(_ word: UInt64) {
        // Wrapping: it is a hash (the multiplier is that of PCG).
        fingerprint = (fingerprint ^ word) &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        fingerprint ^= fingerprint >> 29
    }

    mutating func mix(_ bytes: [UInt8]) {
        mix(UInt64(bytes.count))
        unsafe bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset + 8 <= buffer.count {
                mix(UInt64(littleEndian: unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += 8
            }
            while offset < buffer.count {
                mix(UInt64(unsafe buffer[offset]))
                offset += 1
            }
        }
    }

    /// The last events, oldest first, a line each.
    func lines(last count: Int) -> [String] {
        let ordered = ring[next...] + ring[..<next]
        return ordered.suffix(count).map { "\($0.at)  \(Trace.text(of: $0.entry))" }
    }

    private static func text(of entry: Entry) -> String {
        switch entry {
        case .link(let what, let from, let to): return "node \(from) → node \(to): \(what)"
        case .log(let level, let text, let number): return "node \(number) logs (\(level)): \(text)"
        case .fault(let text): return "*** \(text)"
        case .packet(let bytes, let from, let to):
            guard case .full(let header, let body)? = try? BusMessage(decoding: bytes[...]) else {
                return "node \(from) → node \(to): \(bytes.count) bytes"
            }
            var text = "node \(from) → node \(to): \(body.type.name) of epochs \(header.currentEpoch)/"
            text += "\(header.configEpoch), \(header.slots.count) slots"
            switch body {
            case .ping(let heartbeat), .pong(let heartbeat), .meet(let heartbeat):
                let failing = heartbeat.gossip.filter { !$0.flags.isDisjoint(with: [.failed, .suspected]) }
                text += ", gossip about \(heartbeat.gossip.count), failing \(failing.count)"
            case .fail(let id): text += ": \(id)"
            case .update(let claim): text += ": \(claim.owner) has \(claim.slots.count) slots by \(claim.configEpoch)"
            default: break
            }
            return text
        }
    }
}
