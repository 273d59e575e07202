"""Failovers in mixed clusters: replicas of Redis and Valkey that become primaries only because Apus primaries vote."""

import pathlib
import signal
import time

import pytest

from nodes import SLOTS, commands_of, join, slot_owners, wait_for_cluster
from wire import Error, command, wait_for

PEERS = [kind for kind in ("redis", "valkey") if commands_of(kind)]


class MixedCluster:
    """Two primaries under test and one of a peer, which has a replica: without a vote from the two, no majority of three."""

    def __init__(self, start, kind):
        self.voters = [start("apus", cluster=True) for _ in range(2)]
        self.primary, self.replica = (start(kind, cluster=True) for _ in range(2))
        join([*self.voters, self.primary])
        self.voters[0].meet(self.replica)
        wait_for_cluster(self.nodes)
        assert self.replica.call("CLUSTER", "REPLICATE", self.primary.id) == "OK"
        wait_for(lambda: self.replica.client().info("replication").get("master_link_status") == "up", 30, what="in sync")
        self.wait_until_all_see(self.replica, "slave")

    @property
    def nodes(self):
        return [*self.voters, self.primary, self.replica]

    @property
    def running(self):
        return [node for node in self.nodes if node.process.poll() is None]

    def wait_until_all_see(self, node, flag, seconds=30):
        identifier = node.id
        for other in self.running:
            wait_for(lambda: flag in other.flags(identifier), seconds, 0.05, f"{other} sees that {node} is {flag}")

    def read_from_replica(self, key):
        with self.replica.wire() as wire:
            assert wire.call("READONLY") == "OK"
            return wire.call("GET", key)

    def has_taken_over(self):
        """Whether every running node says that the replica owns what the primary owned, and that all is well."""
        share = (SLOTS * 2 // 3, SLOTS - 1, self.replica.port)
        return all(share in slot_owners(node) and node.info()["cluster_state"] == "ok" for node in self.running)

    def vote_epoch(self, voter):
        """What the voter has on disk: the last epoch in which it voted."""
        return int((voter.folder / "nodes.conf").read_text().split("lastVoteEpoch ")[1])


@pytest.fixture(params=PEERS)
def cluster(start, request):
    return MixedCluster(start, request.param)


def test_the_replica_of_a_dead_peer_is_elected_by_this_projects_primaries(cluster):
    assert cluster.primary.call("SET", "a", "kept") == "OK"  # slot 15495, of the last third
    assert cluster.primary.call("WAIT", 1, 5000) == 1
    wait_for(lambda: cluster.read_from_replica("a") == b"kept", 10, what="the replica has the key")

    cluster.primary.kill()
    wait_for(cluster.has_taken_over, 30, 0.1, "the replica owns its primary's slots")

    assert all(cluster.vote_epoch(voter) > 0 for voter in cluster.voters)
    assert cluster.replica.call("GET", "a") == b"kept"
    assert cluster.voters[0].call("GET", "a") == Error(f"MOVED 15495 127.0.0.1:{cluster.replica.port}")
    epochs = {node.info()["cluster_current_epoch"] for node in cluster.running}
    assert len(epochs) == 1

    cluster.primary.start()
    cluster.wait_until_all_see(cluster.primary, "slave")
    wait_for_cluster(cluster.nodes)
    assert cluster.has_taken_over()


@pytest.mark.parametrize("mode", [(), ("FORCE",), ("TAKEOVER",)], ids=lambda mode: mode[0] if mode else "agreed")
def test_a_peers_replica_takes_over_when_an_administrator_says_so(cluster, mode):
    assert cluster.replica.call("CLUSTER", "FAILOVER", *mode) == "OK"

    wait_for(cluster.has_taken_over, 15, 0.05, "the replica owns its primary's slots")
    cluster.wait_until_all_see(cluster.primary, "slave")
    assert any(cluster.vote_epoch(voter) > 0 for voter in cluster.voters) == (mode != ("TAKEOVER",))


def test_a_voter_remembers_over_a_crash_in_which_epoch_it_voted(cluster):
    cluster.primary.kill()
    wait_for(cluster.has_taken_over, 30, 0.1, "the replica owns its primary's slots")
    epochs = [cluster.vote_epoch(voter) for voter in cluster.voters]

    for voter in cluster.voters:
        voter.restart(signal.SIGKILL)
    wait_for(cluster.has_taken_over, 30, 0.1, "the voters are back")

    assert [cluster.vote_epoch(voter) for voter in cluster.voters] == epochs
    for voter in cluster.voters:
        assert int(voter.info()["cluster_current_epoch"]) >= max(epochs)


def test_a_node_is_made_a_replica_by_the_rules_of_redis_and_not_before_it_can_copy_data(start):
    ours, theirs, primary = start("apus", cluster=True), start("redis", cluster=True), start("redis", cluster=True)
    for node in (ours, theirs):
        node.meet(primary)
    wait_for_cluster([ours, theirs, primary], slots=False)
    ours.add_slots(0, 9)
    theirs.add_slots(10, 19)

    for node in (ours, theirs):
        assert node.call("CLUSTER", "REPLICATE", node.id) == Error("ERR Can't replicate myself")
        not_empty = Error("ERR To set a master the node must be empty and without assigned slots.")
        assert node.call("CLUSTER", "REPLICATE", primary.id) == not_empty

    assert ours.call("CLUSTER", "FLUSHSLOTS") == "OK"
    refusal = Error("ERR Data replication is not built yet: this node cannot be a replica")
    assert ours.call("CLUSTER", "REPLICATE", primary.id) == refusal
    assert "master" in ours.flags(ours.id)
    assert ours.call("CLUSTER", "REPLICATE", "NO", "ONE") == "OK"


def test_the_replicas_of_a_peer_are_listed(cluster):
    for node in cluster.voters:
        assert node.call("CLUSTER", "COUNT-FAILURE-REPORTS", cluster.primary.id) == 0
        for name in ("REPLICAS", "SLAVES"):
            (line,) = node.call("CLUSTER", name, cluster.primary.id)
            assert line.split()[0].decode() == cluster.replica.id
        assert node.call("CLUSTER", "REPLICAS", cluster.replica.id) == Error("ERR The specified node is not a master")


def is_stopped(node):
    """Whether every thread stands still: on a busy machine some run on for a while after the signal."""
    threads = pathlib.Path(f"/proc/{node.process.pid}/task").glob("*/stat")
    states = [path.read_text().rpartition(")")[2].split()[0] for path in threads]
    return set(states) == {"T"}


class TestTheLease:
    """A primary without a majority refuses its clients within its node timeout (2 s here), of which the lease is 98 %."""

    @pytest.fixture
    def three(self, start, shards):
        nodes = [start("apus", cluster=True, shards=shards) for _ in range(3)]
        join(nodes)
        return nodes

    def test_ends_before_the_others_may_have_replaced_the_node(self, three):
        alone, *others = three
        with alone.wire() as wire:
            assert wire.call("SET", "b", "v") == "OK"  # slot 3300
            for other in others:
                other.process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            try:
                while wire.call("SET", "b", "v") == "OK":
                    assert time.monotonic() - began < 2.2
                    time.sleep(0.001)
                assert time.monotonic() - began < 2.0
                assert wire.call("GET", "b") == Error("CLUSTERDOWN The cluster is down")
                wait_for(lambda: alone.info()["cluster_state"] == "fail", 1, what="the cluster thread says so, too")
            finally:
                for other in others:
                    other.process.send_signal(signal.SIGCONT)
        wait_for_cluster(three)
        assert alone.call("SET", "b", "v") == "OK"

    def test_ends_also_for_a_process_that_was_stopped_before_it_can_know(self, three):
        """What waits in its sockets is refused: it may have been replaced while it stood still."""
        sleeper = three[0]
        with sleeper.wire() as wire:
            assert wire.call("SET", "b", "before") == "OK"
            sleeper.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: is_stopped(sleeper), 5, 0.01, "all threads have stopped")
            wire.send(command("SET", "b", "after"))
            time.sleep(2.5)
            sleeper.process.send_signal(signal.SIGCONT)
            assert wire.read() == Error("CLUSTERDOWN The cluster is down")
        wait_for_cluster(three)
        assert sleeper.call("GET", "b") == b"before"

    def test_is_kept_by_heartbeats_alone(self, three):
        until = time.monotonic() + 10
        with three[0].wire() as wire:
            while time.monotonic() < until:
                assert wire.call("SET", "b", "v") == "OK"
                time.sleep(0.001)
