// A replica that is one too many moves to a primary that has lost all of its own.
//
// No one decides: every replica finds the same candidate by the same rule, and only the candidate moves.

extension ClusterState {
    /// How long a primary must have been without replicas: its own may only have been away for a moment.
    private static let orphanTime = Duration.seconds(5)

    /// Every tick of a replica.
    mutating func migrateToOrphanedPrimary() {
        guard configuration.allowsReplicaMigration, let primary = myself.replicaOf else { return }
        let coverage = coverage()
        let target = noteOrphans(coverage)
        guard let target, health == .ok, let most = coverage.map(\.count).max(), most >= 2,
            coverage[Int(primary.rawValue)].count == most,
            isSpare(at: primary), candidate(among: coverage, covered: most) == myself.id,
            nodes[target].orphanedSince.map({ now - $0 > ClusterState.orphanTime }) ?? false,
            !configuration.hasNoFailover
        else { return }
        log(.notice, "Node \(nodes[target].id) has lost all its replicas: this node goes to it")
        follow(target)
    }

    /// The replicas that are not dead, by the place of their primary.
    private func coverage() -> [[NodeIndex]] {
        var coverage = [[NodeIndex]](repeating: [], count: Int(nodes.indices.max()?.rawValue ?? 0) + 1)
        for index in nodes.indices where !nodes[index].isFailed {
            if let primary = nodes[index].replicaOf { coverage[Int(primary.rawValue)].append(index) }
        }
        return coverage
    }

    /// Writes down since when each primary has been an orphan; gives the first of them.
    private mutating func noteOrphans(_ coverage: [[NodeIndex]]) -> NodeIndex? {
        var first: NodeIndex?
        for index in nodes.indices {
            let node = nodes[index]
            // A primary that never had a replica does not ask for one.
            let isOrphan =
                node.isVotingPrimary && !node.isFailed && node.flags.contains(.attractsReplicas)
                && coverage[Int(index.rawValue)].isEmpty
            guard isOrphan else {
                if node.orphanedSince != nil { nodes[index].orphanedSince = nil }
                continue
            }
            if node.orphanedSince == nil { nodes[index].orphanedSince = now }
            if first == nil { first = index }
        }
        return first
    }

    /// Whether my primary keeps more well replicas than `cluster-migration-barrier` asks for, with me among them.
    private func isSpare(at primary: NodeIndex) -> Bool {
        let well = replicas(of: primary).count { nodes[$0].flags.isDisjoint(with: [.failed, .suspected]) }
        return well > configuration.migrationBarrier
    }

    /// The replica with the smallest name among those of the primaries that have the most.
    private func candidate(among coverage: [[NodeIndex]], covered most: Int) -> NodeID? {
        coverage.filter { $0.count == most }.joined().map { nodes[$0].id }.min()
    }
}
