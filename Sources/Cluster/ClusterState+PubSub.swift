// Publish/subscribe over the bus: what is published here goes to all members, or to those of this shard; what others
// published is handed up to whoever keeps the subscribers.

extension ClusterState {
    /// Sends a message to the subscribers of other nodes; those of this node are the caller's.
    ///
    /// - Parameter sharded: SPUBLISH: only the members of this node's shard have the channel's subscribers.
    public mutating func publish(_ publication: Publication, sharded: Bool, at now: Instant) {
        self.now = now
        let body: BusBody = sharded ? .publishShard(publication) : .publish(publication)
        // Either form is encoded once, and only if somebody gets it.
        var light: [UInt8]?
        var full: [UInt8]?
        for index in nodes.indices where index != .myself && !nodes[index].isInHandshake {
            guard let link = nodes[index].outbound, !sharded || isOfMyShard(index) else { continue }
            if takesLightPublish(index, on: link) {
                let packet = light ?? BusMessage.light(body).encoded()
                light = packet
                send(packet, of: body.type, on: link)
            } else {
                let packet = full ?? BusMessage.full(header(), body).encoded()
                full = packet
                send(packet, of: body.type, on: link)
            }
        }
    }

    /// A light message saves 2240 bytes. Who cannot read it, or does not know yet whose link it comes on, would close the
    /// link: so its own last header must say that it can, and it must have answered on this very link.
    private func takesLightPublish(_ index: NodeIndex, on link: LinkID) -> Bool {
        nodes[index].flags.contains(.understandsLightPublish) && links[link].hasAnswered
    }

    /// Redis 7.0 has no shard names: what counts besides them is who replicates whom.
    private func isOfMyShard(_ index: NodeIndex) -> Bool {
        let (node, myself) = (nodes[index], self.myself)
        if node.shard == myself.shard || node.replicaOf == .myself || myself.replicaOf == index { return true }
        return node.replicaOf != nil && node.replicaOf == myself.replicaOf
    }

    /// Hands up what a member has published.
    mutating func receive(_ publication: Publication, sharded: Bool) {
        add(.deliver(publication, sharded: sharded))
    }
}
