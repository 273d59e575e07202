// FORGET that sticks: CLUSTER FORGET <id> EVERYWHERE is over only when every member has been told.
//
// A forgotten node is named in an extension of every packet for `cluster-blacklist-ttl`. Whoever is away for longer comes
// back with it, and gossip spreads it anew. So a dismissal stays on the list, and renews itself, until each member that
// was known when it began has answered a PING that named it, or has been forgotten itself.

/// A node that is to be forgotten by all.
struct Dismissal: Sendable {
    let id: NodeID
    /// When it began, or when a member was last heard to know the node still.
    var since: Instant
    /// Members that have not answered since, in ascending order.
    var untold: [NodeIndex]
    /// Members whose make does not know of forgotten nodes, and that were named in the log.
    var deaf: [NodeIndex] = []
    /// Since when nobody is left to be told.
    var toldSince: Instant?
}

extension ClusterState {
    /// How many answers are still missing, over all dismissals: `cluster_forget_pending` of CLUSTER INFO.
    var pendingDismissalCount: Int { dismissals.reduce(0) { $0 + $1.untold.count } }

    mutating func dismiss(_ id: NodeID) {
        dismissals.removeAll { $0.id == id }
        let members = nodes.indices.filter { $0 != .myself && !nodes[$0].isInHandshake }.sorted()
        dismissals.append(Dismissal(id: id, since: now, untold: members))
    }

    /// Keeps dismissed nodes on the list, and asks those who have not answered yet. Every tick.
    mutating func pursueDismissals() {
        for position in dismissals.indices {
            blacklist.insert(dismissals[position].id, until: now + configuration.blacklistTime)
            for index in dismissals[position].untold {
                let node = nodes[index]
                guard let link = node.outbound, links[link].isConnected else { continue }
                if !node.flags.contains(.understandsExtensions), node.pongReceived != nil {
                    noteDeaf(index, position)
                } else if node.pingSent == nil {
                    sendHeartbeat(.ping, on: link)
                }
            }
        }
        for position in dismissals.indices where dismissals[position].toldSince == nil {
            guard dismissals[position].untold.isEmpty else { continue }
            dismissals[position].toldSince = now
            log(.notice, "All members that can be told have forgotten node \(dismissals[position].id)")
        }
        // Who came back late may have told others of the node before it was told to forget it: that is heard for a while.
        let patience = max(configuration.blacklistTime, configuration.nodeTimeout * 4)
        let now = self.now
        dismissals.removeAll { $0.toldSince.map { now - $0 > patience } ?? false }
    }

    /// A member gossips about a node that this one does not know: if it was dismissed, the member has to be told (again).
    mutating func noteMention(of id: NodeID, by member: NodeIndex) {
        for position in dismissals.indices where dismissals[position].id == id {
            guard !dismissals[position].deaf.contains(member) else { continue }
            if !dismissals[position].untold.contains(member) {
                dismissals[position].untold = (dismissals[position].untold + [member]).sorted()
            }
            dismissals[position].since = now
            dismissals[position].toldSince = nil
        }
    }

    /// Redis 7.0 passes over the extension; only its own CLUSTER FORGET makes it forget.
    private mutating func noteDeaf(_ index: NodeIndex, _ position: Int) {
        dismissals[position].untold.removeAll { $0 == index }
        dismissals[position].deaf.append(index)
        log(
            .warning,
            "Node \(nodes[index].id) cannot be told to forget node \(dismissals[position].id): its version knows of no such "
                + "message. Say CLUSTER FORGET to it yourself."
        )
    }

    /// `index` has answered a PING of ours: it has read whom that named. To be called before the PONG is taken in.
    mutating func noteTold(_ index: NodeIndex) {
        guard !dismissals.isEmpty, let ping = nodes[index].pingSent else { return }
        for position in dismissals.indices where ping > dismissals[position].since {
            dismissals[position].untold.removeAll { $0 == index }
        }
    }

    /// A member is no more, or a dismissed node was met again: nobody waits for the one, and nobody is told of the other.
    mutating func dropFromDismissals(_ index: NodeIndex) {
        for position in dismissals.indices {
            dismissals[position].untold.removeAll { $0 == index }
            dismissals[position].deaf.removeAll { $0 == index }
        }
    }
}
