"""Seven nodes of three makes in one cluster: slots move between any two of them under load, and members come and go.

A slot cannot move from Valkey 9.1 to Redis 7.0: what DUMP gives there (version 80), RESTORE here does not take. That is so
between these two alone, and so no pair of this project's.
"""

import collections
import itertools
import re
import signal
import threading
import time

import pytest
import redis

from networks import Network
from nodes import commands_of, join, wait_for_cluster
from wire import wait_for

pytestmark = pytest.mark.apus_only

SLOTS = 16384
MAKES = [kind for kind in ("apus", "redis", "valkey") if commands_of(kind)]
PAIRS = [pair for pair in itertools.product(MAKES, MAKES) if pair != ("valkey", "redis")]
MIXED = ["apus", "redis", "valkey", "apus", "redis", "valkey", "apus"]
PEERS_ALONE = ["redis", "valkey", "redis", "valkey", "redis", "valkey", "redis"]


def slot_count(node):
    counts = [last - first + 1 for first, last, (_, port, *_), *_ in node.call("CLUSTER", "SLOTS") if port == node.port]
    return sum(counts)


class Load:
    """A cluster client that counts keys up and looks whether they are what it was told last, until it is asked to stop."""

    def __init__(self, node, key_count=500):
        self.client = redis.RedisCluster(host="127.0.0.1", port=node.port, decode_responses=True, socket_timeout=30)
        self.counts = collections.Counter({f"key:{number}": 0 for number in range(key_count)})
        self.stale = []
        self.rounds = 0
        self.error = None
        self.is_done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.is_done.is_set():
                for key in self.counts:
                    self.counts[key] += 1
                    self._expect(key, self.client.incr(key))
                    self._expect(key, int(self.client.get(key)))
                self.rounds += 1
        except Exception as error:  # whatever it is, the test tells it
            self.error = error

    def _expect(self, key, found):
        if found != self.counts[key]:
            self.stale.append((key, self.counts[key], found))

    def stop(self):
        """Ends the load, and gives what every key must be."""
        self.is_done.set()
        self.thread.join(60)
        self.client.close()
        assert self.error is None, self.error
        return dict(self.counts)


class TestReshardUnderLoad:
    @pytest.fixture(scope="class")
    def seven(self, lasting):
        """Seven nodes that sync their nodes.conf for every slot: a busy disk should make nobody doubt anybody."""
        shards = itertools.cycle([2, 1])
        patience = ("--cluster-node-timeout", 10_000)
        nodes = [lasting(kind, *patience, cluster=True, shards=next(shards) if kind == "apus" else None) for kind in MIXED]
        join(nodes)
        return nodes

    @pytest.mark.parametrize("source, target", PAIRS, ids=lambda kind: kind)
    def test_no_key_is_lost_or_stale(self, request, seven, source, target):
        request.node.watched = seven
        giver = max((node for node in seven if node.kind == source), key=slot_count)
        taker = min((node for node in seven if node.kind == target and node is not giver), key=slot_count)
        before = slot_count(giver), slot_count(taker)
        seven[0].cli("--cluster", "call", f"127.0.0.1:{seven[0].port}", "FLUSHALL")
        load = Load(seven[0])
        wait_for(lambda: load.rounds or load.error, what="the load has begun")

        said = seven[0].cli(
            "--cluster", "reshard", f"127.0.0.1:{seven[0].port}", "--cluster-from", giver.id, "--cluster-to", taker.id,
            "--cluster-slots", 1000, "--cluster-yes",
        )
        expected = load.stop()

        assert "ERR" not in said, said
        assert not load.stale, f"key, last answer, then: {load.stale[:5]}"
        wait_for_cluster(seven)
        assert (slot_count(giver), slot_count(taker)) == (before[0] - 1000, before[1] + 1000)
        reader = redis.RedisCluster(host="127.0.0.1", port=seven[-1].port, decode_responses=True)
        assert {key: int(reader.get(key)) for key in expected} == expected
        assert sum(node.call("DBSIZE") for node in seven) == len(expected)
        reader.close()


# What can happen to a member; each gives what undoes it.


def kill(node):
    node.kill()
    return node.start


def stop(node):
    node.process.send_signal(signal.SIGSTOP)
    return lambda: node.process.send_signal(signal.SIGCONT)


def cut(node):
    node.network_host.cut()
    return node.network_host.mend


class TestFaults:
    """One member of each make at a time is killed, stopped and cut off; with peers alone, three of theirs."""

    @pytest.fixture(scope="class")
    def clusters(self, lasting):
        """The mixed cluster, and one of peers alone that goes through the same."""
        networks = []

        def make(kinds):
            network = Network()
            networks.append(network)
            nodes = []
            for kind in kinds:
                host = network.add_host()
                node = lasting(kind, "--protected-mode", "no", cluster=True, start=False)
                node.host, node.prefix, node.network_host = host.address, host.runner, host
                nodes.append(node.start())
            join(nodes)
            return nodes

        yield make(MIXED), make(PEERS_ALONE)
        for network in networks:
            network.remove()

    @pytest.mark.parametrize("fault", [kill, stop, cut], ids=lambda fault: fault.__name__)
    def test_members_of_every_make_are_missed_and_welcomed_back(self, request, clusters, fault):
        mixed, alone = clusters
        request.node.watched = mixed
        lines = {id(node): len(node.log().splitlines()) for node in mixed + alone}

        for nodes in clusters:
            endure(nodes, fault)

        # An Apus node's words are its own: what it warns of is told by name. A peer's are compared with those that its like
        # has for the same in a cluster without Apus.
        usual = set().union(*(warnings(node, lines[id(node)]) for node in alone))
        for node in mixed:
            news = warnings(node, lines[id(node)])
            news -= APUS_WARNINGS if node.kind == "apus" else usual | PEERS_WARNINGS
            assert not news, f"{node}: {news}"


#: What an Apus node warns of when others, or it itself, come and go; numbers and names left out.
APUS_WARNINGS = {
    "Cluster state changed: ok", "Cluster state changed: fail",
    "These directives are accepted, but the parts that they steer are not built yet: save",
}

#: What a peer warns of that depends on which of them happened to be first, or was started anew.
PEERS_WARNINGS = {"Cluster state changed: ok", "Cluster state changed: fail"}


def endure(nodes, fault):
    """Three members fail at once, are missed by all others, come back, and are trusted by all."""
    victims, watchers = nodes[:3], nodes[3:]
    identifiers = [node.id for node in victims]
    undo = [fault(node) for node in victims]
    try:
        for watcher in watchers:
            wait_for(
                lambda: all("fail" in watcher.flags(identifier) for identifier in identifiers), 30, 0.1,
                f"{watcher} declares three members failed",
            )
    finally:
        for heal in undo:
            heal()
    wait_for_cluster(nodes, seconds=60)
    assert [node.id for node in victims] == identifiers


def warnings(node, since):
    """The warnings in a node's log from a line on, without what differs from time to time."""
    found = set()
    for line in node.log().splitlines()[since:]:
        match = re.match(r"\d+:[A-Z] .*? # (.*)", line)
        if match:
            text = re.sub(r"[0-9a-f]{40}", "ID", match[1])
            found.add(re.sub(r"\d+", "N", text))
    return found
