// What must hold at every moment of a run, whatever fails. Looked at after every step, and only at the node that took it.

import Cluster

/// Remembers of every node what it must not go back on.
public struct SafetyWatch {
    public enum Rule: String, Sendable {
        case oneOwner = "a slot has one owner per epoch, as soon as those who claim it hear of each other"
        case epochsAscend = "epochs never go back on a node that did not lose its disk"
        case oneVote = "a node never votes twice in one epoch"
        case knownNames = "no view holds a name that never existed"
        case boundedMemory = "what a node keeps is bounded by the size of the cluster"
    }

    public struct Violation: CustomStringConvertible, Sendable {
        public let rule: Rule
        public let node: Int
        public let at: Moment
        let finding: String

        public var description: String { "\(at): node \(node): \(finding) (broken: \(rule.rawValue))" }
    }

    /// One node as of its last step.
    private struct Record {
        var id: NodeID?
        var currentEpoch: UInt64 = 0
        var lastVoteEpoch: UInt64 = 0
        /// The greatest epoch it claimed slots with.
        var claimedEpoch: UInt64 = 0
        /// The greatest epoch with which it has told anybody of slots.
        var promisedEpoch: UInt64 = 0
        var claim: Claim?
        var tableRevision: UInt64?
    }

    private struct Claim: Equatable {
        let epoch: UInt64
        let slots: SlotSet
    }

    /// Two nodes that claim a slot by one epoch.
    struct Contest {
        let one: Int
        let other: Int
        let slots: SlotSet
        /// For how many ticks of the first they could have told each other.
        var ticks = 0
    }

    public private(set) var violation: Violation?
    private(set) var contests: [Contest] = []
    private var records: [Record]
    /// Every name that a node ever had. Asked, never walked.
    private var names: Set<NodeID> = []
    /// The epoch of the last vote that a name gave away.
    private var votes: [NodeID: UInt64] = [:]

    init(nodeCount: Int) { records = Array(repeating: Record(), count: nodeCount) }

    /// A power failure may have taken what was not synced: an epoch that only others had set may be learnt anew, and one of
    /// which nobody was told may be taken again. What has left the node is a promise, and must have been synced before.
    mutating func forgetUnsynced(_ number: Int) {
        records[number].claimedEpoch = records[number].promisedEpoch
        records[number].lastVoteEpoch = records[number].id.flatMap { votes[$0] } ?? 0
        records[number].currentEpoch = max(records[number].claimedEpoch, records[number].lastVoteEpoch)
    }

    /// After a step of the node, before its effects are carried out.
    mutating func check(_ state: ClusterState, _ number: Int, at now: Moment) {
        checkEpochs(of: state, number, at: now)
        checkClaim(of: state, number, at: now)
        checkNames(of: state, number, at: now)
    }

    private mutating func checkEpochs(of state: ClusterState, _ number: Int, at now: Moment) {
        let id = state.nodes[.myself].id
        if records[number].id != id {
            // The first step, or RESET HARD: a new node.
            records[number] = Record(id: id)
            names.insert(id)
        }
        let record = records[number]
        // Without slots it claims nothing, and a replica's epoch is its primary's.
        let myself = state.nodes[.myself]
        let configEpoch = myself.isVotingPrimary ? myself.configEpoch : record.claimedEpoch
        for (name, before, after) in [
            ("currentEpoch", record.currentEpoch, state.currentEpoch),
            ("lastVoteEpoch", record.lastVoteEpoch, state.lastVoteEpoch),
            ("configEpoch", record.claimedEpoch, configEpoch),
        ] where after < before {
            report(.epochsAscend, number, "\(name) went from \(before) back to \(after)", at: now)
        }
        records[number].currentEpoch = state.currentEpoch
        records[number].lastVoteEpoch = state.lastVoteEpoch
        records[number].claimedEpoch = max(record.claimedEpoch, configEpoch)
    }

    /// An epoch that is taken without a vote (a collision, BUMPEPOCH, an import) can be taken by two nodes that do not hear of
    /// each other, and stays a contest until they do: that much Redis Cluster's rules allow.
    private mutating func checkClaim(of state: ClusterState, _ number: Int, at now: Moment) {
        let myself = state.nodes[.myself]
        let claim = myself.isVotingPrimary ? Claim(epoch: myself.configEpoch, slots: myself.slots) : nil
        guard claim != records[number].claim else { return }
        records[number].claim = claim
        let former = contests.filter { $0.one == number || $0.other == number }
        contests.removeAll { $0.one == number || $0.other == number }
        guard let claim else { return }
        for other in records.indices where other != number {
            guard let rival = records[other].claim, rival.epoch == claim.epoch else { continue }
            let slots = claim.slots.intersection(rival.slots)
            guard !slots.isEmpty else { continue }
            let ticks = former.first { $0.one == other || $0.other == other }?.ticks
            contests.append(Contest(one: number, other: other, slots: slots, ticks: ticks ?? 0))
        }
    }

    /// At every tick of a node: for how many ticks its contests have lasted while both sides could hear of each other.
    mutating func checkContests(of number: Int, patience: Int, at now: Moment, canHear: (Int, Int) -> Bool) {
        for index in contests.indices where contests[index].one == number {
            let (one, other) = (contests[index].one, contests[index].other)
            contests[index].ticks = canHear(one, other) ? contests[index].ticks + 1 : 0
            guard contests[index].ticks > patience else { continue }
            report(.oneOwner, one, "slots \(contests[index].slots) are node \(other)'s too, by the same epoch", at: now)
        }
    }

    /// Names of the nodes' own invention stand only for strangers in handshake.
    private mutating func checkNames(of state: ClusterState, _ number: Int, at now: Moment) {
        guard records[number].tableRevision != state.nodes.membershipCount else { return }
        records[number].tableRevision = state.nodes.membershipCount
        for index in state.nodes.indices {
            let node = state.nodes[index]
            guard !node.isInHandshake, !names.contains(node.id) else { continue }
            report(.knownNames, number, "knows \(node.id), a name that no node ever had", at: now)
        }
    }

    /// Votes and claims are what leaves: looked at on its way out.
    mutating func checkDeparture(_ packet: [UInt8], of number: Int, claimingSlots: Bool, at now: Moment) {
        if claimingSlots, let epoch = BusMessage.claimedEpoch(in: packet) {
            records[number].promisedEpoch = max(records[number].promisedEpoch, epoch)
        }
        checkVote(packet, of: number, at: now)
    }

    private mutating func checkVote(_ packet: [UInt8], of number: Int, at now: Moment) {
        guard packet.count > 13, packet[12] == 0, packet[13] == UInt8(BusMessageType.authAck.rawValue),
            case .full(let header, .authAck)? = try? BusMessage(decoding: packet[...])
        else { return }
        if let last = votes[header.sender], last >= header.currentEpoch {
            report(.oneVote, number, "votes in epoch \(header.currentEpoch) after a vote in epoch \(last)", at: now)
        }
        votes[header.sender] = header.currentEpoch
    }

    mutating func checkFootprint(of state: ClusterState, _ number: Int, at now: Moment) {
        let footprint = state.footprint
        let known = names.count
        // Besides members a table holds strangers, and besides the two links to each of them those that end just now.
        let strangers = footprint.strangers
        let limits: [(String, Int, Int)] = [
            ("strangers", strangers, records.count),
            ("nodes", footprint.nodes, known + strangers),
            ("links", footprint.links, 4 * (known + records.count + strangers)),
            ("failure reports", footprint.failureReports, (known + strangers) * known),
            ("forgotten nodes", footprint.forgotten, known),
            ("bytes not yet understood", footprint.unreadBytes, footprint.links * BusMessage.longestHeartbeat(known)),
        ]
        for (what, count, limit) in limits where count > limit {
            report(.boundedMemory, number, "keeps \(count) \(what), more than \(limit)", at: now)
        }
    }

    private mutating func report(_ rule: Rule, _ number: Int, _ finding: String, at now: Moment) {
        guard violation == nil else { return }
        violation = Violation(rule: rule, node: number, at: now, finding: finding)
    }
}
