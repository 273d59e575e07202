"""Clusters of real processes: how nodes meet, gossip, own slots and redirect, among themselves and with the peers' servers."""

import itertools
import signal
import subprocess
import time

import pytest
import redis

from nodes import IS_APUS, SLOTS, commands_of, join, wait_for_cluster
from wire import Error, Null, command, wait_for

KINDS = [kind for kind in ("apus", "redis", "valkey") if commands_of(kind)]

#: Lines that no node's log may have after a quiet life.
TROUBLE = ("assert", "crash", "Bad message", "wrong type", "corrupted", "PANIC", "BUG")


@pytest.fixture
def three(start, shards):
    """Three nodes of the server under test that do not know one another."""
    return [start("apus", cluster=True, shards=shards) for _ in range(3)]


@pytest.fixture
def cluster(three):
    """The same, met, with a third of the slots each."""
    join(three)
    return three


def assert_no_trouble(nodes):
    for node in nodes:
        lines = [line for line in node.log().splitlines() if any(word in line for word in TROUBLE)]
        assert not lines, f"{node}: {lines}"


class TestTheBooksExample:
    """Three nodes on their own become a cluster by two CLUSTER MEET commands."""

    def test_nodes_start_alone(self, three):
        for node in three:
            (line,) = node.nodes().values()
            assert line[1].split("@")[0] == f":{node.port}"
            assert line[2:8] == ["myself,master", "-", "0", "0", line[6], "connected"]
            info = node.info()
            assert (info["cluster_state"], info["cluster_known_nodes"]) == ("fail", "1")

    def test_two_meets_make_all_three_known_to_all(self, three):
        first, second, third = three

        first.meet(second)
        first.meet(third)
        wait_for_cluster(three, slots=False)

        for node in three:
            lines = node.nodes()
            assert lines.keys() == {other.id for other in three}
            assert all(line[7] == "connected" for line in lines.values())
            assert sum("myself" in line[2] for line in lines.values()) == 1
            for other in three:
                assert lines[other.id][1] == f"127.0.0.1:{other.port}@{other.port + 10000}"
            assert node.info()["cluster_known_nodes"] == "3"

    def test_slots_given_out_make_the_cluster_serve(self, cluster):
        for node in cluster:
            info = node.info()
            assert info["cluster_slots_assigned"] == info["cluster_slots_ok"] == str(SLOTS)
            assert (info["cluster_state"], info["cluster_size"]) == ("ok", "3")

        assert cluster[0].cli("-c", "set", "key:1", "v").strip() == "OK"
        assert cluster[1].cli("-c", "get", "key:1").strip() == "v"


class TestMeet:
    def test_a_chain_of_meets_connects_everyone(self, start, shards):
        nodes = [start("apus", cluster=True, shards=shards) for _ in range(5)]
        for one, other in itertools.pairwise(nodes):
            one.meet(other)

        wait_for_cluster(nodes, slots=False)

    def test_meeting_again_itself_or_twice_at_once_changes_nothing(self, three):
        first, second, third = three
        for _ in range(3):
            first.meet(second)
            second.meet(first)
        first.meet(first)
        second.meet(third)

        wait_for_cluster(three, slots=False)
        for node in three:
            assert len(node.nodes()) == 3

    def test_a_dead_port_is_forgotten_after_the_handshake_time(self, three):
        first, second, _ = three
        dead = second.port
        second.kill()

        assert first.call("CLUSTER", "MEET", "127.0.0.1", dead) == "OK"
        assert any("handshake" in line[2] for line in first.nodes().values())

        wait_for(lambda: len(first.nodes()) == 1, 15, what="the handshake is given up")

    def test_the_bus_port_may_be_named(self, start, three):
        first, second, _ = three
        bus_port = second.port + 10000

        assert first.call("CLUSTER", "MEET", "127.0.0.1", second.port, bus_port) == "OK"

        wait_for_cluster([first, second], slots=False)

    MISTAKES = [
        ["127.0.0.1"], ["127.0.0.1", "x"], ["127.0.0.1", "0"], ["127.0.0.1", "70000"], ["nosuchhost", "7000"],
        ["127.0.0.1", "7000", "x"], ["127.0.0.1", "7000", "70000"], ["", "7000"], ["127.0.0.1", "7000", "17000", "x"],
        ["127.0.0.1", "-1"], ["300.1.1.1", "7000"],
    ]

    @pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
    def test_mistakes_are_told_in_the_words_of_a_peer(self, cluster_pair, lasting_valkey, arguments):
        """Valkey has words of its own for some of them, and names the argument that is at fault."""
        ours, *theirs = (node.call("CLUSTER", "MEET", *arguments) for node in (*cluster_pair, lasting_valkey))

        assert isinstance(ours, Error)
        assert ours in theirs


@pytest.fixture(scope="module")
def cluster_pair(lasting, shards):
    """A node under test and one of Redis, each alone with all slots: to compare what they say."""
    pair = lasting("apus", cluster=True, shards=shards), lasting("redis", cluster=True)
    for node in pair:
        node.add_slots(0, SLOTS - 1)
        wait_for(lambda: node.info()["cluster_state"] == "ok", what="the state is ok")
    return pair


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey", cluster=True)


class TestCommands:
    CALLS = [
        ("CLUSTER",), ("CLUSTER", "NOSUCH"), ("CLUSTER", "KEYSLOT", "foo{bar}"), ("CLUSTER", "KEYSLOT"),
        ("CLUSTER", "KEYSLOT", "a", "b"), ("CLUSTER", "ADDSLOTS", "0"), ("CLUSTER", "ADDSLOTS", "16384"),
        ("CLUSTER", "ADDSLOTS", "x"), ("CLUSTER", "ADDSLOTS", "-1"), ("CLUSTER", "ADDSLOTSRANGE", "1"),
        ("CLUSTER", "ADDSLOTSRANGE", "2", "1"), ("CLUSTER", "ADDSLOTSRANGE", "0", "5"), ("CLUSTER", "DELSLOTS", "x"),
        ("CLUSTER", "DELSLOTSRANGE", "5", "4"), ("CLUSTER", "DELSLOTS", "7", "7"), ("CLUSTER", "COUNTKEYSINSLOT", "0"),
        ("CLUSTER", "COUNTKEYSINSLOT", "16384"), ("CLUSTER", "COUNTKEYSINSLOT", "x"), ("CLUSTER", "GETKEYSINSLOT", "0", "10"),
        ("CLUSTER", "GETKEYSINSLOT", "0", "-1"), ("CLUSTER", "GETKEYSINSLOT", "-1", "1"), ("CLUSTER", "SET-CONFIG-EPOCH", "x"),
        ("CLUSTER", "SET-CONFIG-EPOCH", "-1"), ("CLUSTER", "FORGET", "x"), ("CLUSTER", "FORGET", "0" * 40),
        ("CLUSTER", "RESET", "NOSUCH"), ("CLUSTER", "LINKS"), ("CLUSTER", "SAVECONFIG"), ("CLUSTER", "SLAVES", "x"),
        ("CLUSTER", "REPLICAS", "x"), ("CLUSTER", "COUNT-FAILURE-REPORTS", "x"), ("CLUSTER", "REPLICATE"),
        ("CLUSTER", "REPLICATE", "x"), ("CLUSTER", "REPLICATE", "0" * 40), ("CLUSTER", "FAILOVER"),
        ("CLUSTER", "FAILOVER", "FORCE"), ("CLUSTER", "FAILOVER", "TAKEOVER"), ("CLUSTER", "FAILOVER", "NOSUCH"),
        ("CLUSTER", "FAILOVER", "FORCE", "TAKEOVER"), ("CLUSTER", "RESET", "SOFT", "x"),
        ("CLUSTER", "MYID", "x"), ("READONLY",), ("READWRITE",), ("ASKING",), ("SELECT", "1"), ("SWAPDB", "0", "1"),
        ("MOVE", "k", "1"), ("COPY", "a", "b", "DB", "1"),
    ]

    @pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
    def test_answer_as_in_redis(self, cluster_pair, arguments):
        ours, theirs = cluster_pair

        assert ours.call(*arguments) == theirs.call(*arguments)

    def test_slots_shards_and_info_have_the_shape_of_redis(self, cluster_pair):
        ours, theirs = cluster_pair

        assert shape(ours.call("CLUSTER", "SLOTS")) == shape(theirs.call("CLUSTER", "SLOTS"))
        (our_shard,), (their_shard,) = (shape(node.call("CLUSTER", "SHARDS")) for node in (ours, theirs))
        assert our_shard[: len(their_shard)] == their_shard  # Valkey's, and ours, go on with the shard's identifier
        assert ours.info().keys() >= {name for name in theirs.info() if "messages" not in name}
        assert ours.call("CLUSTER", "SLOTS")[0][2][1] == ours.port

    def test_keys_of_a_slot_are_counted_and_listed(self, cluster_pair):
        ours, _ = cluster_pair
        slot = ours.call("CLUSTER", "KEYSLOT", "{tag}")
        for number in range(10):
            assert ours.call("SET", f"{{tag}}{number}", number) == "OK"

        assert ours.call("CLUSTER", "COUNTKEYSINSLOT", slot) == 10
        listed = ours.call("CLUSTER", "GETKEYSINSLOT", slot, 100)
        assert sorted(listed) == sorted(f"{{tag}}{number}".encode() for number in range(10))
        assert len(ours.call("CLUSTER", "GETKEYSINSLOT", slot, 3)) == 3
        assert ours.call("FLUSHALL") == "OK"
        assert ours.call("CLUSTER", "COUNTKEYSINSLOT", slot) == 0

    def test_a_node_without_cluster_says_so(self, start):
        ours, theirs = start("apus"), start("redis")

        for arguments in (("CLUSTER", "INFO"), ("CLUSTER", "MEET", "127.0.0.1", "7000"), ("READONLY",), ("ASKING",)):
            assert ours.call(*arguments) == theirs.call(*arguments)

    def test_forgotten_nodes_stay_away_for_a_minute_and_reset_ones_start_anew(self, three):
        first, second, third = three
        first.meet(second)
        first.meet(third)
        wait_for_cluster(three, slots=False)
        gone = third.id

        assert third.call("CLUSTER", "RESET", "HARD") == "OK"
        for node in (first, second):
            assert node.call("CLUSTER", "FORGET", gone) == "OK"

        assert third.id != gone
        assert len(third.nodes()) == 1
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert gone not in first.nodes() and gone not in second.nodes()
            time.sleep(0.2)

    def test_deleted_slots_stop_the_cluster_until_they_are_given_again(self, cluster):
        first = cluster[0]
        assert first.call("CLUSTER", "DELSLOTS", "0") == "OK"
        wait_for(lambda: first.info()["cluster_state"] == "fail", what="the cluster is down")
        assert first.call("GET", "foo{06S}") in (
            Error("CLUSTERDOWN The cluster is down"), Error("CLUSTERDOWN Hash slot not served")
        )

        first.add_slots(0, 0)

        wait_for_cluster(cluster)


def shape(reply):
    """Only the types of a reply, and the words among its strings."""
    if isinstance(reply, list):
        return [shape(part) for part in reply]
    if isinstance(reply, bytes):
        return reply.decode() if reply.isalpha() else "bytes"
    return type(reply).__name__


class TestRedirections:
    @pytest.fixture(scope="class")
    def served(self, lasting, shards):
        nodes = [lasting("apus", cluster=True, shards=shards) for _ in range(2)]
        join(nodes)
        return nodes

    def test_a_key_of_another_node_is_moved_there(self, served):
        first, second = served
        for key in ("foo", "bar", "a", "b", "c"):
            slot = first.call("CLUSTER", "KEYSLOT", key)
            owner, other = (first, second) if slot < SLOTS // 2 else (second, first)

            assert owner.call("SET", key, "v") == "OK"
            assert other.call("SET", key, "v") == Error(f"MOVED {slot} 127.0.0.1:{owner.port}")
            assert other.call("GET", key) == Error(f"MOVED {slot} 127.0.0.1:{owner.port}")

    def test_keys_of_several_slots_are_refused(self, served):
        for node in served:
            refusal = Error("CROSSSLOT Keys in request don't hash to the same slot")
            assert node.call("MSET", "foo", "1", "bar", "2") == refusal
            assert node.call("DEL", "foo", "bar") == refusal

    def test_keys_with_one_hash_tag_go_together(self, served):
        replies = [node.call("MSET", "{x}a", "1", "{x}b", "2") for node in served]

        assert "OK" in replies
        assert any(str(reply).startswith("MOVED") for reply in replies)

    def test_an_exec_over_several_slots_is_refused_and_ends_the_transaction(self, served):
        with served[1].wire() as wire:  # both slots are its own
            assert wire.call("WATCH", "foo") == "OK"
            assert wire.call("MULTI") == "OK"
            assert [wire.call("SET", key, "v") for key in ("foo", "a")] == ["QUEUED", "QUEUED"]

            assert wire.call("EXEC") == Error("CROSSSLOT Keys in request don't hash to the same slot")
            assert wire.call("SET", "foo", "v") == "OK"
            assert wire.call("DISCARD") == Error("ERR DISCARD without MULTI")

    def test_a_transaction_is_refused_as_a_whole(self, served):
        first, second = served
        slot = first.call("CLUSTER", "KEYSLOT", "foo")
        owner, other = (first, second) if slot < SLOTS // 2 else (second, first)
        with other.wire() as wire:
            assert wire.call("MULTI") == "OK"
            assert wire.call("SET", "foo", "v") == Error(f"MOVED {slot} 127.0.0.1:{owner.port}")
            assert wire.call("EXEC").startswith("EXECABORT")

    def test_commands_without_keys_are_served_anywhere(self, served):
        for node in served:
            assert node.call("PING") == "PONG"
            assert isinstance(node.call("DBSIZE"), int)
            assert isinstance(node.call("INFO"), bytes)

    def test_a_pipeline_over_all_slots_has_its_replies_in_order(self, served):
        first = served[0]
        keys = [f"key:{number}" for number in range(1000)]
        with first.wire() as wire:
            wire.send(b"".join(command("SET", key, key) for key in keys))
            replies = [wire.read() for _ in keys]
            slots = [wire.call("CLUSTER", "KEYSLOT", key) for key in keys]

        for slot, reply in zip(slots, replies):
            assert reply == ("OK" if slot < SLOTS // 2 else Error(f"MOVED {slot} 127.0.0.1:{served[1].port}"))

    def test_a_slot_on_its_way_is_asked_for_where_it_goes(self, served):
        first, second = served
        if first.call("CLUSTER", "SETSLOT", "0", "NOSUCH", "x").startswith("ERR unknown"):
            pytest.skip("slots do not move yet")
        slot = first.call("CLUSTER", "KEYSLOT", "foo{1}")
        owner, other = (first, second) if slot < SLOTS // 2 else (second, first)
        owner.call("SET", "{1}here", "v")
        other.call("CLUSTER", "SETSLOT", slot, "IMPORTING", owner.id)
        owner.call("CLUSTER", "SETSLOT", slot, "MIGRATING", other.id)

        assert owner.call("GET", "{1}here") == b"v"
        assert owner.call("GET", "{1}gone") == Error(f"ASK {slot} 127.0.0.1:{other.port}")
        assert owner.call("MGET", "{1}here", "{1}gone").startswith("TRYAGAIN")
        assert other.call("GET", "{1}gone") == Error(f"MOVED {slot} 127.0.0.1:{owner.port}")
        with other.wire() as wire:
            assert wire.call("ASKING") == "OK"
            assert wire.call("GET", "{1}gone") == Null("null bulk")
        for node in (owner, other):
            assert node.call("CLUSTER", "SETSLOT", slot, "STABLE") == "OK"


class TestClients:
    def test_redis_cli_creates_and_checks_a_cluster(self, three):
        addresses = [f"127.0.0.1:{node.port}" for node in three]

        created = three[0].cli("--cluster", "create", *addresses, "--cluster-yes")
        wait_for_cluster(three)
        checked = three[1].cli("--cluster", "check", addresses[2])

        assert "[OK] All 16384 slots covered." in created
        assert "[OK] All nodes agree about slots configuration." in checked
        assert "[OK] All 16384 slots covered." in checked

    def test_redis_cli_follows_redirections(self, cluster):
        node = cluster[0]
        for number in range(20):
            assert node.cli("-c", "SET", f"key:{number}", number).strip().endswith("OK")

        assert [node.cli("-c", "GET", f"key:{number}").strip() for number in range(20)] == [str(n) for n in range(20)]

    def test_replies_are_off_for_what_the_cluster_thread_answers_too(self, cluster):
        owner, other = cluster[0], cluster[1]
        with owner.wire() as wire:
            wire.send(command("CLIENT", "REPLY", "SKIP") + command("CLUSTER", "SETSLOT", "0", "MIGRATING", other.id))
            wire.send(command("ECHO", "seen"))
            assert wire.read() == b"seen"
            wire.send(command("CLIENT", "REPLY", "OFF") + command("CLUSTER", "SETSLOT", "0", "STABLE"))
            wire.send(command("CLUSTER", "MYID") + command("CLIENT", "REPLY", "ON"))
            assert wire.read() == "OK"
            assert wire.call("PING") == "PONG"

    def test_the_cluster_client_of_redis_py_finds_every_key(self, cluster):
        client = redis.RedisCluster(host="127.0.0.1", port=cluster[1].port, decode_responses=True)

        for number in range(500):
            client.set(f"key:{number}", number)

        assert [client.get(f"key:{number}") for number in range(500)] == [str(number) for number in range(500)]
        assert client.dbsize(target_nodes=redis.RedisCluster.PRIMARIES) == 500
        assert sorted(client.keys("key:*", target_nodes=redis.RedisCluster.PRIMARIES)) == sorted(f"key:{number}" for number in range(500))
        client.mset_nonatomic({f"m{number}": number for number in range(100)})
        assert client.mget_nonatomic(f"m{number}" for number in range(100)) == [str(number) for number in range(100)]
        client.close()


class TestMixedClusters:
    """Nodes of this project among those of Redis and Valkey: none may tell the difference."""

    @pytest.mark.parametrize("asker, asked", itertools.permutations(KINDS, 2))
    def test_any_two_meet_in_either_direction(self, start, shards, asker, asked):
        one, other = (start(kind, cluster=True, shards=shards) for kind in (asker, asked))

        one.meet(other)

        wait_for_cluster([one, other], slots=False)
        assert one.nodes().keys() == other.nodes().keys() == {one.id, other.id}
        assert_no_trouble([one, other])

    @pytest.fixture
    def mixed(self, start, shards):
        nodes = [start(kind, cluster=True, shards=shards) for kind in KINDS]
        join(nodes)
        return nodes

    def test_all_redirect_to_the_right_owner(self, mixed):
        client = redis.RedisCluster(host="127.0.0.1", port=mixed[0].port, decode_responses=True)
        for number in range(300):
            client.set(f"key:{number}", number)
        for number in range(300):
            slot = mixed[0].call("CLUSTER", "KEYSLOT", f"key:{number}")
            owner = mixed[slot * len(mixed) // SLOTS]
            for node in mixed:
                expected = str(number).encode() if node is owner else Error(f"MOVED {slot} 127.0.0.1:{owner.port}")
                assert node.call("GET", f"key:{number}") == expected
        client.close()
        assert_no_trouble(mixed)

    def test_every_member_comes_back_with_its_nodes_conf(self, mixed):
        for node in mixed:
            before = node.id, sorted(node.nodes())

            node.restart()

            wait_for_cluster(mixed)
            assert (node.id, sorted(node.nodes())) == before
        assert_no_trouble(mixed)

    def test_every_member_comes_back_after_a_crash(self, mixed):
        for node in mixed:
            before = node.id

            node.restart(signal.SIGKILL)

            wait_for_cluster(mixed)
            assert node.id == before

    def test_a_dead_member_is_declared_failed_by_all_and_welcomed_back(self, mixed):
        for node in mixed:
            identifier = node.id
            others = [other for other in mixed if other is not node]
            node.kill()
            for other in others:
                wait_for(lambda: "fail" in other.flags(identifier), 20, what=f"{other} declares {node} failed")

            node.start()

            wait_for_cluster(mixed)

    def test_nodes_conf_is_read_by_the_other_servers(self, start, mixed, shards):
        """The file is the same text format: another server's node can go on where ours left."""
        ours, theirs = mixed[0], mixed[1]
        for node in (ours, theirs):
            node.stop()
        ours.kind, theirs.kind = theirs.kind, ours.kind
        for node in (ours, theirs):
            node.options = [o for i, o in enumerate(node.options) if o != "--shards" and node.options[i - 1] != "--shards"]
            node.start()

        wait_for_cluster(mixed)
        assert_no_trouble(mixed)

    def test_a_quiet_life_leaves_nothing_in_the_logs(self, mixed):
        sizes = [len(node.log().splitlines()) for node in mixed]
        client = redis.RedisCluster(host="127.0.0.1", port=mixed[0].port)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            client.incr("counter")
            for node in mixed:
                assert node.info()["cluster_state"] == "ok"
            time.sleep(0.1)
        client.close()

        assert [len(node.log().splitlines()) for node in mixed] == sizes


class TestHeartbeats:
    @pytest.mark.parametrize("kind", ["apus", "redis"] if IS_APUS else ["redis"])
    def test_a_slow_command_delays_a_heartbeat_only_in_redis(self, start, shards, kind):
        """With a node timeout of one second, peers suspect a Redis node that sleeps for three, and an Apus node never."""
        options = ["--enable-debug-command", "yes", "--cluster-node-timeout", "1000"]
        sleeper = start(kind, *options, cluster=True, shards=shards)
        watchers = [start("redis", *options, cluster=True) for _ in range(2)]
        join([sleeper, *watchers])
        identifier = sleeper.id

        with sleeper.wire(timeout=20) as wire:
            wire.send(command("DEBUG", "SLEEP", "3"))
            seen = set()
            until = time.monotonic() + 4
            while time.monotonic() < until:
                for watcher in watchers:
                    seen.update(watcher.flags(identifier))
                time.sleep(0.02)
            assert wire.read() == "OK"

        suspected = bool(seen & {"fail", "fail?"})
        assert suspected == (kind == "redis"), f"flags seen: {seen}"

    def test_a_stopped_process_is_failed_over_or_at_least_declared_failed(self, cluster):
        sleeper, *watchers = cluster
        identifier = sleeper.id
        sleeper.process.send_signal(signal.SIGSTOP)
        try:
            for watcher in watchers:
                wait_for(lambda: "fail" in watcher.flags(identifier), 15, what=f"{watcher} declares it failed")
        finally:
            sleeper.process.send_signal(signal.SIGCONT)

        wait_for_cluster(cluster)


def test_a_hostile_stranger_on_the_bus_does_not_hurt(cluster):
    """Garbage, half packets and lengths that promise more than comes: the node goes on, and its memory stays."""
    node = cluster[0]
    before = node.client().info("memory")["used_memory"]
    packets = [
        b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000, b"RCmb" + b"\xff" * 4000, b"RCmb" + (2256).to_bytes(4, "big") + b"\x00" * 2248,
        b"RCmb\x7f\xff\xff\xff" + b"\x00" * 2000, b"RCmb\x00\x00\x00\x08", b"RCmb",
    ]
    for packet in packets * 5:
        probe = subprocess.run(
            ["bash", "-c", f"cat > /dev/tcp/127.0.0.1/{node.port + 10000}"], input=packet, timeout=10, capture_output=True
        )
        assert probe.returncode in (0, 1, 141)

    assert node.call("PING") == "PONG"
    wait_for_cluster(cluster)
    assert node.client().info("memory")["used_memory"] < before + (16 << 20)
