"""What Apus adds to Redis's cluster, on the same bus: seeds, the topology's hash and its notices, FORGET EVERYWHERE."""

import signal

import pytest

from nodes import free_port, give_out_slots, join, wait_for_cluster
from wire import Error, Null, Push, wait_for

pytestmark = pytest.mark.apus_only  # redis-server and valkey-server have none of this


def hashes(nodes):
    return {node.info()["cluster_topology_hash"] for node in nodes}


@pytest.fixture
def cluster(start, shards):
    nodes = [start("apus", cluster=True, shards=shards) for _ in range(3)]
    join(nodes)
    wait_for(lambda: len(hashes(nodes)) == 1, what="all agree on the topology")
    return nodes


class TestSeeds:
    def test_nodes_find_one_another_by_their_configuration(self, start, shards):
        ports = [free_port() for _ in range(3)]
        seeds = [f"localhost:{ports[0]}", f"127.0.0.1:{ports[1]}"]

        nodes = [start("apus", "--cluster-seeds", *seeds, cluster=True, shards=shards, port=port) for port in ports]

        wait_for_cluster(nodes, slots=False)

    def test_a_peer_is_a_seed_like_any_other(self, start, shards):
        peers = [start(kind, cluster=True) for kind in ("redis", "valkey")]
        nodes = [start("apus", "--cluster-seeds", f"127.0.0.1:{peer.port}", cluster=True, shards=shards) for peer in peers]
        peers[0].meet(peers[1])

        wait_for_cluster(peers + nodes, slots=False)

    def test_a_cluster_all_of_whose_members_come_back_elsewhere_heals(self, start, shards):
        ports = [free_port() for _ in range(6)]
        before, after = ports[:3], ports[3:]
        seeds = [f"localhost:{after[0]}", f"localhost:{after[1]}"]
        nodes = [start("apus", "--cluster-seeds", *seeds, cluster=True, shards=shards, port=port) for port in before]
        nodes[0].meet(nodes[1])
        nodes[0].meet(nodes[2])
        give_out_slots(nodes)
        wait_for_cluster(nodes)
        names = [node.id for node in nodes]

        for node in nodes:
            node.stop()
        for node, port in zip(nodes, after):
            node.options[node.options.index(str(node.port))] = str(port)
            node.port = port
            node.start()

        wait_for_cluster(nodes, seconds=60)
        assert [node.id for node in nodes] == names
        places = {line[0]: line[1].partition("@")[0] for line in nodes[2].nodes().values()}
        assert places == {name: f"127.0.0.1:{port}" for name, port in zip(names, after)}

    def test_what_is_no_seed_is_refused(self, start):
        node = start("apus", cluster=True)

        assert "A seed is host:port" in node.call("CONFIG", "SET", "cluster-seeds", "nonsense")
        assert node.call("CONFIG", "SET", "cluster-seeds", "a:1 [::1]:2@3") == "OK"
        assert node.call("CONFIG", "GET", "cluster-seeds") == [b"cluster-seeds", b"a:1 [::1]:2@3"]
        assert node.call("CONFIG", "SET", "cluster-seeds", "") == "OK"
        assert node.call("CONFIG", "GET", "cluster-seeds") == [b"cluster-seeds", b""]


class TestTopology:
    def test_the_hash_says_whether_nodes_agree(self, cluster):
        (before,) = hashes(cluster)

        assert cluster[0].call("CLUSTER", "DELSLOTS", "0") == "OK"
        assert cluster[0].info()["cluster_topology_hash"] != before
        assert cluster[0].call("CLUSTER", "ADDSLOTS", "0") == "OK"

        assert cluster[0].info()["cluster_topology_hash"] == before

    def test_the_greeting_has_it_too(self, cluster, start):
        for version in ("2", "3"):
            with cluster[0].wire() as wire:
                greeting = wire.call("HELLO", version)
                fields = dict(greeting) if version == "3" else dict(zip(greeting[::2], greeting[1::2]))
                assert {fields[b"topology"].decode()} == hashes(cluster[:1])
        assert b"topology" not in start("apus").call("HELLO", "2")

    def test_who_asked_is_told_when_slots_move(self, cluster):
        target = cluster[1]
        with cluster[2].wire() as watcher:
            watcher.call("HELLO", "3")
            known = watcher.call("CLUSTER", "SUBSCRIBE-TOPOLOGY")
            assert known.decode() in hashes(cluster)

            # The new owner claims it by a new epoch, the old one learns of that, and everybody else.
            assert target.call("CLUSTER", "SETSLOT", "0", "NODE", target.id) == "OK"
            assert target.call("CLUSTER", "BUMPEPOCH").startswith(("BUMPED", "STILL"))

            notice = watcher.read()
            assert isinstance(notice, Push)
            kind, digits, changes = notice
            assert kind == b"topology" and digits != known
            assert changes == [[0, 0, b"127.0.0.1", target.port, target.id.encode()]]
            assert watcher.call("CLUSTER", "UNSUBSCRIBE-TOPOLOGY") == "OK"
            assert cluster[2].call("CLUSTER", "DELSLOTS", "16383") == "OK"
            assert watcher.call("PING") == "PONG"
            assert watcher.is_quiet(0.3)

    def test_a_slot_that_nobody_serves_has_no_endpoint(self, cluster):
        with cluster[0].wire() as watcher:
            watcher.call("HELLO", "3")
            watcher.call("CLUSTER", "SUBSCRIBE-TOPOLOGY")
            assert cluster[0].call("CLUSTER", "DELSLOTSRANGE", "10", "12", "14", "14") == "OK"

            _, _, changes = watcher.read()
            assert [(first, last, type(host), port, name) for first, last, host, port, name in changes] == [
                (10, 12, Null, 0, b""), (14, 14, Null, 0, b"")
            ]

    def test_notices_need_resp3(self, cluster, start):
        reply = cluster[0].call("CLUSTER", "SUBSCRIBE-TOPOLOGY")
        assert isinstance(reply, Error) and "HELLO 3" in reply
        assert start("apus").call("CLUSTER", "SUBSCRIBE-TOPOLOGY") == "ERR This instance has cluster support disabled"

        with cluster[0].wire() as wire:
            wire.call("HELLO", "3")
            wire.call("CLUSTER", "SUBSCRIBE-TOPOLOGY")
            wire.call("HELLO", "2")
            assert cluster[0].call("CLUSTER", "DELSLOTS", "3") == "OK"
            assert wire.is_quiet(0.3)


class TestForgetEverywhere:
    def test_a_member_that_is_away_is_told_when_it_is_back(self, cluster, start, shards):
        extra = start("apus", cluster=True, shards=shards)
        cluster[0].meet(extra)
        wait_for_cluster(cluster + [extra], slots=False)
        gone = extra.id
        away = cluster[2]
        assert cluster[0].call("CONFIG", "SET", "cluster-blacklist-ttl", "1") == "OK"
        extra.kill()
        away.process.send_signal(signal.SIGSTOP)
        try:
            assert cluster[0].call("CLUSTER", "FORGET", gone, "EVERYWHERE") == "OK"
            wait_for(lambda: gone not in cluster[1].nodes(), what="the member that is there forgets")
            # Longer than the time for which a forgotten node is remembered.
            wait_for(lambda: cluster[0].info()["cluster_forget_pending"] == "1", what="one has not been told")
            with cluster[0].wire() as wire:
                assert wire.is_quiet(2)
        finally:
            away.process.send_signal(signal.SIGCONT)

        wait_for(lambda: cluster[0].info()["cluster_forget_pending"] == "0", what="all have been told")
        wait_for(lambda: all(gone not in node.nodes() for node in cluster), what="all have forgotten")

    def test_its_word_is_the_only_one(self, cluster):
        name = cluster[1].id

        assert cluster[0].call("CLUSTER", "FORGET", name, "SOMEWHERE") == "ERR syntax error"
        reply = cluster[0].call("CLUSTER", "FORGET", name, "EVERYWHERE", "x")
        assert reply == "ERR wrong number of arguments for 'cluster|forget' command"
        assert name in cluster[0].nodes()


class TestAnnouncements:
    def test_what_a_node_announces_is_known_to_all(self, cluster):
        settings = {
            "cluster-announce-human-nodename": "first", "cluster-announce-client-ipv4": "127.0.0.7",
            "cluster-announce-client-port": "7777", "availability-zone": "az-1",
        }
        for name, value in settings.items():
            assert cluster[0].call("CONFIG", "SET", name, value) == "OK"

        def line_on(node):
            return node.nodes()[cluster[0].id][1]

        for node in cluster:
            wait_for(lambda: line_on(node).startswith("127.0.0.7:7777@"), what=f"{node} shows the announced address")
        assert "Invalid IPv4 address" in cluster[0].call("CONFIG", "SET", "cluster-announce-client-ipv4", "::1")
        assert "Invalid IPv6 address" in cluster[0].call("CONFIG", "SET", "cluster-announce-client-ipv6", "1.2.3.4")
        assert "invalid character" in cluster[0].call("CONFIG", "SET", "cluster-announce-human-nodename", "a b")
