// Whether a command is served here, and what its client is told if not. The order of the questions is Valkey 9.1's.

/// What is asked of a command, and of the client that sent it, besides the slot of its keys.
public struct RequestTraits: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The command writes, or is an EXEC with such a command.
    public static let write = RequestTraits(rawValue: 1)
    /// The client said READONLY.
    public static let readOnlyClient = RequestTraits(rawValue: 2)
    /// The client said ASKING just before, or the command implies it.
    public static let asking = RequestTraits(rawValue: 4)
    /// SPUBLISH, SSUBSCRIBE: a channel, and no key, decides the slot.
    public static let shardPubSub = RequestTraits(rawValue: 8)
    /// MIGRATE, which moves keys of a slot while it is open.
    public static let migrate = RequestTraits(rawValue: 16)
}

/// How many of a command's keys, counting each once, there are, and how many of them do not exist.
public struct KeyPresence: Equatable, Sendable {
    public var distinctCount: Int
    public var missingCount: Int

    public init(distinctCount: Int, missingCount: Int) {
        self.distinctCount = distinctCount
        self.missingCount = missingCount
    }
}

/// Where a command goes.
public enum Route: Equatable, Sendable {
    case here
    case moved(NodeIndex)
    case ask(NodeIndex)
    case tryAgain
    case unassigned
    case down
    case downForWrites
}

extension SlotMap {
    /// What a client is told whose keys lie in several slots, on whatever node.
    public static let crossSlotError = "CROSSSLOT Keys in request don't hash to the same slot"

    /// Where a command on `slot` goes. To be asked when `servesHere` says no; it gives the same answer then as before.
    ///
    /// - Parameter presence: counts the command's keys without touching or expiring them; called for open slots only.
    public func route(_ slot: Int, _ traits: RequestTraits, presence: () -> KeyPresence) -> Route {
        guard let owner = owner(of: slot) else { return .unassigned }
        if let refusal = refusalWhenDown(traits) { return refusal }

        // Replicas learn of open slots by replicated SETSLOT commands, and mind them for clients that may read there.
        let mindsOpenSlots = isPrimary || traits.contains(.readOnlyClient)
        let target = mindsOpenSlots ? migrationTarget(of: slot) : nil
        let isImporting = mindsOpenSlots && importSource(of: slot) != nil
        if traits.contains(.migrate), isPrimary, target != nil || isImporting { return .here }
        if !traits.contains(.shardPubSub), target != nil || isImporting {
            let keys = presence()
            if let target, keys.missingCount > 0 {
                return keys.missingCount == keys.distinctCount ? .ask(target) : .tryAgain
            }
            if isImporting, traits.contains(.asking) {
                return keys.distinctCount > 1 && keys.missingCount > 0 ? .tryAgain : .here
            }
        }

        if owner == .myself { return .here }
        let mayRead = traits.contains(.readOnlyClient) || traits.contains(.shardPubSub)
        if mayRead, !traits.contains(.write), !isPrimary, owner == primary { return .here }
        return .moved(owner)
    }

    private func refusalWhenDown(_ traits: RequestTraits) -> Route? {
        guard health == .fail else { return nil }
        if traits.contains(.shardPubSub) { return allowsShardPubSubWhenDown ? nil : .down }
        guard allowsReadsWhenDown else { return .down }
        return traits.contains(.write) ? .downForWrites : nil
    }

    /// The error that sends a client elsewhere, without its `-`; nil for a command that is served here.
    public func errorText(_ route: Route, slot: Int, for client: ClientView) -> String? {
        switch route {
        case .here: nil
        case .moved(let index): redirection("MOVED", slot, to: index, for: client)
        case .ask(let index): redirection("ASK", slot, to: index, for: client)
        case .tryAgain: "TRYAGAIN Multiple keys request during rehashing of slot"
        case .unassigned: "CLUSTERDOWN Hash slot not served"
        case .down: "CLUSTERDOWN The cluster is down"
        case .downForWrites: "CLUSTERDOWN The cluster is down and only accepts read commands"
        }
    }

    private func redirection(_ word: String, _ slot: Int, to index: NodeIndex, for client: ClientView) -> String {
        guard let endpoint = endpoint(of: index) else { preconditionFailure("slot \(slot) has an unknown owner") }
        return "\(word) \(slot) \(endpoint.host(preferredEndpoint, for: client)):\(endpoint.port(for: client))"
    }
}
