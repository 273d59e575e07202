"""Commands that wait: who is served, in which order, and what ends a wait. Every scene is played with Valkey 9.1 too."""

import contextlib
import itertools
import random
import time

import pytest

from nodes import give_out_slots, wait_for_cluster
from wire import Error, Null, command, wait_for

#: Keys of different shards, whatever their number, and of one.
KEYS = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def valkey(lasting):
    return lasting("valkey", "--enable-debug-command", "yes")


@pytest.fixture(params=["apus", "valkey"])
def node(request, lasting_server, valkey, shards):
    """The server under test, and beside it the one whose behaviour it has."""
    if request.param == "valkey" and shards != 1:
        pytest.skip("Valkey has no shards")
    chosen = lasting_server if request.param == "apus" else valkey
    chosen.call("FLUSHALL")
    return chosen


class Crowd:
    """Clients of a node, by name; all are closed in the end."""

    def __init__(self, node):
        self.node = node
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def client(self, version=2):
        wire = self.stack.enter_context(self.node.wire())
        if version == 3:
            wire.call("HELLO", 3)
        return wire

    def waiting(self, *words, version=2):
        """A client whose command waits."""
        before = self.blocked()
        wire = self.client(version)
        wire.send(command(*words))
        wait_for(lambda: self.blocked() == before + 1, what=f"{words!r} waits")
        return wire

    def blocked(self):
        return self.node.client().info("clients")["blocked_clients"]


@pytest.fixture
def crowd(node):
    with Crowd(node) as crowd:
        yield crowd


def test_who_came_first_is_served_first(node, crowd):
    first, second, third = (crowd.waiting("BLPOP", "a", 0) for _ in range(3))

    assert node.call("RPUSH", "a", 1) == 1
    assert first.read() == [b"a", b"1"]
    assert second.is_quiet(0.05)
    # One push of several elements serves several clients; what is left stays.
    assert node.call("RPUSH", "a", 2, 3, 4) == 3
    assert (second.read(), third.read()) == ([b"a", b"2"], [b"a", b"3"])
    assert node.call("LRANGE", "a", 0, -1) == [b"4"]


@pytest.mark.parametrize("words, reply", [
    (("BLPOP", "a", 0), [b"a", b"1"]), (("BRPOP", "a", 0), [b"a", b"3"]), (("BLMPOP", 0, 1, "a", "LEFT"), [b"a", [b"1"]]),
    (("BLMPOP", 0, 2, "b", "a", "RIGHT", "COUNT", 2), [b"a", [b"3", b"2"]]), (("BLMOVE", "a", "b", "LEFT", "RIGHT", 0), b"1"),
    (("BRPOPLPUSH", "a", "b", 0), b"3"), (("BLMOVE", "a", "a", "LEFT", "RIGHT", 0), b"1"),
])
@pytest.mark.parametrize("version", [2, 3])
def test_each_command_takes_what_it_would_have_taken_at_once(node, crowd, words, reply, version):
    waiting = crowd.waiting(*words, version=version)

    node.call("RPUSH", "a", 1, 2, 3)

    assert waiting.read() == reply
    node.call("DEL", "a", "b")
    node.call("RPUSH", "a", 1, 2, 3)
    assert node.call(*words) == reply


@pytest.mark.parametrize("words, reply", [
    (("BZPOPMIN", "b", "a", 0), [b"a", b"x", b"1"]), (("BZPOPMAX", "a", 0), [b"a", b"z", b"3"]),
    (("BZMPOP", 0, 1, "a", "MIN"), [b"a", [[b"x", b"1"]]]),
    (("BZMPOP", 0, 2, "b", "a", "MAX", "COUNT", 2), [b"a", [[b"z", b"3"], [b"y", b"2"]]]),
])
@pytest.mark.parametrize("making", [
    ("ZADD", "a", 1, "x", 2, "y", 3, "z"), ("ZUNIONSTORE", "a", 1, "source"), ("ZRANGESTORE", "a", "source", 0, -1),
    ("COPY", "source", "a"), ("RENAME", "source", "a"),
])
def test_sorted_sets_are_waited_for(node, crowd, words, reply, making):
    node.call("ZADD", "source", 1, "x", 2, "y", 3, "z")
    waiting = crowd.waiting(*words)

    node.call(*making)

    assert waiting.read() == reply
    node.call("DEL", "a")
    node.call("ZADD", "a", 1, "x", 2, "y", 3, "z")
    assert node.call(*words) == reply


def test_a_list_does_not_serve_who_waits_for_a_sorted_set(node, crowd):
    waiting = crowd.waiting("BZPOPMIN", "a", 0)

    node.call("RPUSH", "a", 1)
    assert waiting.is_quiet(0.05)
    node.call("DEL", "a")
    node.call("ZADD", "a", 1, "x")

    assert waiting.read() == [b"a", b"x", b"1"]
    assert node.call("EXISTS", "a") == 0


def test_the_first_key_named_is_preferred(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", "b", 0)

    with crowd.client() as pusher:
        pusher.send(command("MULTI") + command("RPUSH", "b", 2) + command("RPUSH", "a", 1) + command("EXEC"))
        assert [pusher.read() for _ in range(4)][-1] == [1, 1]

    assert waiting.read() == [b"a", b"1"]
    assert node.call("LRANGE", "b", 0, -1) == [b"2"]


def test_a_transaction_serves_nobody_before_its_end(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", 0)

    with crowd.client() as pusher:
        pusher.send(
            command("MULTI") + command("RPUSH", "a", 1) + command("DEL", "a") + command("RPUSH", "a", 2)
            + command("EXEC")
        )
        assert [pusher.read() for _ in range(5)][-1] == [1, 1, 1]

    assert waiting.read() == [b"a", b"2"]


def test_nobody_waits_inside_a_transaction(node, crowd):
    for version in (2, 3):
        client = crowd.client(version)
        queued = [("BLPOP", "a", 0), ("BLMPOP", 0, 1, "a", "LEFT"), ("BLMOVE", "a", "b", "LEFT", "LEFT", 0), ("BRPOPLPUSH", "a", "b", 0)]
        client.call("MULTI")
        for words in queued:
            client.call(*words)

        replies = client.call("EXEC")

        null, null_array = (Null("null bulk"), Null("null array")) if version == 2 else (Null("null"), Null("null"))
        assert replies == [null_array, null_array, null, null]


@pytest.mark.parametrize("make", [
    [("RPUSH", "x", 1), ("RENAME", "x", "a")], [("RPUSH", "x", 1), ("RENAMENX", "x", "a")], [("RPUSH", "x", 1), ("COPY", "x", "a")],
    [("RPUSH", "x", 1), ("LMOVE", "x", "a", "LEFT", "RIGHT")], [("RPUSH", "x", 1), ("RPOPLPUSH", "x", "a")],
    [("SELECT", 1), ("RPUSH", "a", 1), ("MOVE", "a", 0)], [("SELECT", 1), ("RPUSH", "a", 1), ("SWAPDB", 0, 1)],
    [("SELECT", 1), ("RPUSH", "a", 1), ("COPY", "a", "a", "DB", 0), ("DEL", "a")],
    [("SET", "a", "x"), ("DEL", "a"), ("LPUSH", "a", 1)],
    [("RPUSH", "x", 1), ("DUMP", "x"), ("RESTORE", "a", 0, "what DUMP gave")],
], ids=lambda make: make[-1][0])
def test_whatever_makes_the_key_serves(node, crowd, make):
    waiting = crowd.waiting("BLPOP", "a", 0)

    with crowd.client() as maker:
        reply = None
        for words in make:
            reply = maker.call(*(reply if word == "what DUMP gave" else word for word in words))
            assert not isinstance(reply, Error)

    assert waiting.read() == [b"a", b"1"]


def test_another_type_under_the_key_is_passed_over(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", 0)

    node.call("SET", "a", "x")
    assert waiting.is_quiet(0.05)
    node.call("DEL", "a")
    node.call("RPUSH", "a", 1)

    assert waiting.read() == [b"a", b"1"]


def test_a_wrong_type_is_told_at_once_and_when_it_comes_to_it(node, crowd):
    node.call("SET", "b", "x")
    wrong = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert node.call("BLPOP", "a", "b", 0) == wrong

    to_string = crowd.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
    next_one = crowd.waiting("BLPOP", "a", 0)
    node.call("RPUSH", "a", 1)

    # The element that could not be moved serves the next one.
    assert (to_string.read(), next_one.read()) == (wrong, [b"a", b"1"])


def test_an_earlier_key_of_another_type_is_told_when_a_later_one_is_pushed(node, crowd):
    """The command is tried again as it was given."""
    waiting = crowd.waiting("BLPOP", "a", "b", 0)
    popping = crowd.waiting("BLMPOP", 0, 2, "a", "b", "LEFT")
    node.call("SET", "a", "x")
    assert waiting.is_quiet(0.05)

    node.call("RPUSH", "b", 1)

    wrong = Error("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert (waiting.read(), popping.read()) == (wrong, wrong)
    assert node.call("LRANGE", "b", 0, -1) == [b"1"]


def test_databases_are_told_apart(node, crowd):
    elsewhere, here = crowd.client(), crowd.waiting("BLPOP", "a", 0)
    elsewhere.call("SELECT", 1)
    elsewhere.send(command("BLPOP", "a", 0))
    wait_for(lambda: crowd.blocked() == 2, what="both wait")

    with crowd.client() as pusher:
        pusher.call("SELECT", 1)
        pusher.call("RPUSH", "a", 1)
    assert elsewhere.read() == [b"a", b"1"]
    assert here.is_quiet(0.05)

    node.call("RPUSH", "a", 0)
    assert here.read() == [b"a", b"0"]


def test_who_pushes_sees_what_was_left(node, crowd):
    """Whoever waits is served before the next command of the same pipeline runs."""
    waiting = [crowd.waiting("BLPOP", "a", 0), crowd.waiting("BLPOP", "a", "b", "c", "d", 0)]
    pusher = crowd.client()

    pusher.send(b"".join(command(*words) for words in [("RPUSH", "a", 1, 2, 3), ("LLEN", "a"), ("LPOP", "a"), ("EXISTS", "a")]))

    assert [pusher.read() for _ in range(4)] == [3, 1, b"3", 0]
    assert [wire.read() for wire in waiting] == [[b"a", b"1"], [b"a", b"2"]]


def test_a_key_that_has_expired_serves_nobody(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", 0)
    node.call("RPUSH", "x", 1)
    node.call("PEXPIRE", "x", 1)
    time.sleep(0.02)
    assert node.call("RENAME", "x", "a") == Error("ERR no such key")
    node.call("RPUSH", "x", 2)

    assert node.call("RENAME", "x", "a") == "OK"
    assert waiting.read() == [b"a", b"2"]


def test_many_clients_are_served_by_one_push(node, crowd):
    clients = [crowd.client() for _ in range(300)]
    for client in clients:
        client.send(command("BLPOP", "b", "a", 0))
    wait_for(lambda: crowd.blocked() == 300, what="all wait")

    node.call("RPUSH", "a", *range(301))

    assert sorted(int(client.read()[1]) for client in clients) == list(range(300))
    assert node.call("LRANGE", "a", 0, -1) == [b"300"]


def test_a_pause_holds_back_who_would_wait_and_ends_no_wait_early(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", 0.1)
    node.call("CLIENT", "PAUSE", 300, "WRITE")
    late = crowd.client()
    late.send(command("BLPOP", "a", 0))

    assert waiting.read() == Null("null array")
    node.call("CLIENT", "UNPAUSE")
    wait_for(lambda: "brpop" not in node.call("CLIENT", "LIST").decode() and crowd.blocked() == 1, what="the late one waits")
    node.call("RPUSH", "a", 1)
    assert late.read() == [b"a", b"1"]


def test_monitors_see_a_waiting_command_once(node, crowd):
    monitor = crowd.client()
    monitor.call("MONITOR")
    waiting = crowd.waiting("BLPOP", "a", 0)

    node.call("RPUSH", "a", 1)
    waiting.read()
    node.call("PING")

    monitor.socket.settimeout(5)
    seen = monitor.until(b'"PING"').decode()
    assert (seen.count('"BLPOP" "a" "0"'), seen.count('"RPUSH" "a" "1"'), seen.count("LPOP")) == (1, 1, 1)


def test_an_ended_wait_is_counted(node, crowd):
    node.call("CONFIG", "RESETSTAT")
    client = crowd.client()
    number = client.call("CLIENT", "ID")
    assert client.call("BLPOP", "a", 0.01) == Null("null array")
    client.send(command("BLPOP", "a", "b", 0))
    wait_for(lambda: crowd.blocked() == 1, what="the client waits")
    node.call("CLIENT", "UNBLOCK", number, "ERROR")
    client.read()

    stats = node.client().info("commandstats")["cmdstat_blpop"]
    errors = node.client().info("errorstats")
    assert (stats["calls"], errors["errorstat_UNBLOCKED"]) == (2, {"count": 1})
    # As Redis 7.0 has it; Valkey 9.1 does not count it as a failure of the command.
    assert stats["failed_calls"] == (1 if node.kind == "apus" else 0)


def test_a_move_wakes_who_waits_for_its_target(node, crowd):
    to_b = crowd.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
    to_c = crowd.waiting("BRPOPLPUSH", "b", "c", 0)
    last = crowd.waiting("BLPOP", "c", 0)

    node.call("RPUSH", "a", 1)

    assert (to_b.read(), to_c.read(), last.read()) == (b"1", b"1", [b"c", b"1"])
    assert node.call("EXISTS", "a", "b", "c") == 0


def test_a_circle_of_moves_comes_to_rest(node, crowd):
    crowd.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
    crowd.waiting("BLMOVE", "b", "a", "LEFT", "RIGHT", 0)

    node.call("RPUSH", "a", 1)

    wait_for(lambda: crowd.blocked() == 0, what="nobody waits")
    assert node.call("LRANGE", "a", 0, -1) == [b"1"]


@pytest.mark.parametrize("version, null", [(2, "null array"), (3, "null")])
@pytest.mark.parametrize("words", [
    ("BLPOP", "a", "b", 0.05), ("BRPOP", "a", "0.05"), ("BLMPOP", 0.05, 2, "a", "b", "LEFT"), ("BLMOVE", "a", "b", "LEFT", "RIGHT", 0.05),
    ("BRPOPLPUSH", "a", "b", 0.05), ("BZPOPMIN", "a", "b", 0.05), ("BZMPOP", 0.05, 2, "a", "b", "MAX"),
])
def test_a_time_out_is_a_null_array_and_comes_in_time(node, crowd, words, version, null):
    client = crowd.client(version)
    began = time.monotonic()

    assert client.call(*words) == Null(null)

    assert 0.045 < time.monotonic() - began < 1
    assert client.call("PING") == "PONG"


def test_time_outs_end_in_their_order(node, crowd):
    waits = list(range(20))
    random.Random(7).shuffle(waits)
    clients = {number: crowd.waiting("BLPOP", "a", 1 + number * 0.02) for number in waits}
    gone = [number for number in waits if number % 3 == 0]
    for number in gone:
        clients[number].close()
    wait_for(lambda: node.client().info("clients")["clients_in_timeout_table"] == 20 - len(gone), what="some have left")

    for number in sorted(set(waits) - set(gone)):
        assert clients[number].read() == Null("null array")
    assert node.client().info("clients")["clients_in_timeout_table"] == 0


def test_what_is_sent_behind_a_waiting_command_waits_too(node, crowd):
    before = crowd.blocked()
    client = crowd.client()
    client.send(command("SET", "x", 1) + command("BLPOP", "a", 0) + command("INCR", "x") + command("BLPOP", "a", 0))
    # What came before is answered.
    assert client.read() == "OK"
    wait_for(lambda: crowd.blocked() == before + 1, what="the client waits")
    client.send(command("INCR", "x"))
    assert node.call("GET", "x") == b"1"

    node.call("RPUSH", "a", "one")
    assert (client.read(), client.read()) == ([b"a", b"one"], 2)
    wait_for(lambda: crowd.blocked() == before + 1, what="the client waits again")
    node.call("RPUSH", "a", "two")

    assert (client.read(), client.read()) == ([b"a", b"two"], 3)


def test_a_client_that_has_gone_is_not_served(node, crowd):
    gone = crowd.waiting("BLPOP", "a", "b", 0)
    stays = crowd.waiting("BLPOP", "a", 0)
    gone.close()
    wait_for(lambda: crowd.blocked() == 1, what="one client waits")

    node.call("RPUSH", "a", 1)

    assert stays.read() == [b"a", b"1"]


def test_a_killed_client_is_not_served(node, crowd):
    for keys in (["a"], ["a", "b", "c"]):
        killed = crowd.client()
        number = killed.call("CLIENT", "ID")
        killed.send(command("BLPOP", *keys, 0))
        wait_for(lambda: crowd.blocked() == 1, what="the client waits")

        assert node.call("CLIENT", "KILL", "ID", number) == 1

        assert killed.is_closed()
        node.call("RPUSH", "a", 1)
        assert node.call("LPOP", "a") == b"1"


def test_client_unblock_ends_a_wait(node, crowd):
    for keys, (words, reply) in itertools.product((["a"], ["a", "b", "c"]), [
        ([], Null("null array")), (["TIMEOUT"], Null("null array")),
        (["error"], Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
    ]):
        client = crowd.client()
        number = client.call("CLIENT", "ID")
        assert node.call("CLIENT", "UNBLOCK", number, *words) == 0
        client.send(command("BLPOP", *keys, 0))
        wait_for(lambda: crowd.blocked() == 1, what="the client waits")

        assert node.call("CLIENT", "UNBLOCK", number, *words) == 1

        assert client.read() == reply
        assert client.call("PING") == "PONG"
        assert crowd.blocked() == 0
    assert node.call("CLIENT", "UNBLOCK", 999_999) == 0
    assert node.call("CLIENT", "UNBLOCK", "x") == Error("ERR value is not an integer or out of range")
    assert node.call("CLIENT", "UNBLOCK", 1, "x") == Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")


def test_waiting_is_shown(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", "b", "a", 0)
    crowd.waiting("BLMOVE", "a", "c", "LEFT", "LEFT", 1000)

    info = node.client().info("clients")
    assert (info["blocked_clients"], info["clients_in_timeout_table"], info["total_blocking_keys"]) == (2, 1, 2)
    assert node.call("CLIENT", "LIST").decode().count("flags=b ") == 2

    node.call("RPUSH", "a", 1)
    assert waiting.read() == [b"a", b"1"]
    info = node.client().info("clients")
    assert (info["blocked_clients"], info["total_blocking_keys"]) == (1, 1)


def test_a_waiting_command_is_counted_once_when_it_ends(node, crowd):
    node.call("CONFIG", "RESETSTAT")
    node.call("CONFIG", "SET", "slowlog-log-slower-than", 0)
    node.call("SLOWLOG", "RESET")
    waiting = crowd.waiting("BRPOP", "a", 0)
    assert "cmdstat_brpop" not in node.client().info("commandstats")

    node.call("RPUSH", "a", 1)
    waiting.read()

    stats = node.client().info("commandstats")["cmdstat_brpop"]
    assert (stats["calls"], stats["failed_calls"]) == (1, 0) and stats["usec"] < 100_000
    logged = [entry[3] for entry in node.call("SLOWLOG", "GET", -1)]
    assert logged.count([b"BRPOP", b"a", b"0"]) == 1
    node.call("CONFIG", "SET", "slowlog-log-slower-than", 10_000)


def test_no_reply_is_written_where_none_is_wanted(node, crowd):
    for keys in (["a"], ["a", "b", "c"]):
        client = crowd.client()
        client.send(command("CLIENT", "REPLY", "SKIP") + command("BLPOP", *keys, 0) + command("PING"))
        wait_for(lambda: crowd.blocked() == 1, what="the client waits")

        node.call("RPUSH", "a", 1)

        assert client.read() == "PONG"


def test_flushing_serves_nobody(node, crowd):
    waiting = crowd.waiting("BLPOP", "a", "b", 0)

    node.call("FLUSHALL")
    node.call("FLUSHDB")
    assert waiting.is_quiet(0.05)
    node.call("RPUSH", "b", 1)

    assert waiting.read() == [b"b", b"1"]


def test_large_replies_before_a_wait_arrive(node, crowd):
    """What the socket does not take at once is sent while the client waits."""
    node.call("SET", "large", b"x" * 8_000_000)
    client = crowd.client()
    client.send(command("GET", "large") + command("BLPOP", "a", 0))
    wait_for(lambda: crowd.blocked() == 1, what="the client waits")

    assert client.read() == b"x" * 8_000_000
    node.call("RPUSH", "a", 1)
    assert client.read() == [b"a", b"1"]


@pytest.mark.parametrize("seed", range(3))
def test_every_element_goes_to_one_client_whatever_happens(node, seed):
    """Producers and consumers at once, over keys of all shards; some consumers leave, some are sent away."""
    chance = random.Random(seed)
    total, taken = 300, []
    with Crowd(node) as crowd:
        consumers = [crowd.client() for _ in range(12)]
        for consumer in consumers:
            consumer.send(command("BLPOP", *chance.sample(KEYS, chance.randint(1, 4)), 0))
        producers = [crowd.client() for _ in range(3)]
        for number in range(total):
            producers[number % 3].send(command("RPUSH", chance.choice(KEYS), number))
            if number % 10 == 0:
                consumer = chance.choice(consumers)
                consumer.send(command("BLPOP", *chance.sample(KEYS, 2), 0))
        for producer, count in zip(producers, [100, 100, 100]):
            for _ in range(count):
                producer.read()
        for consumer in consumers:
            consumer.socket.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while True:
                    taken.append(consumer.read()[1])
        left = [value for key in KEYS for value in node.call("LRANGE", key, 0, -1)]

        assert sorted(map(int, taken + left)) == list(range(total))


@pytest.fixture
def cluster(start, shards):
    nodes = [start("apus", "--cluster-node-timeout", "15000", shards=shards, cluster=True) for _ in range(2)]
    nodes[0].meet(nodes[1])
    give_out_slots(nodes)
    wait_for_cluster(nodes)
    return nodes


@pytest.mark.apus_only
def test_a_wait_for_a_slot_that_moves_away_is_redirected(cluster):
    source, target = cluster
    with Crowd(source) as crowd:
        slot = source.call("CLUSTER", "KEYSLOT", "b")
        assert slot < 8192
        waiting = crowd.waiting("BLPOP", "b", 0)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        # A slot on the move is served still.
        assert waiting.is_quiet(0.3)
        for node in (target, source):
            assert node.call("CLUSTER", "SETSLOT", slot, "NODE", target.id) == "OK"

        assert waiting.read() == Error(f"MOVED {slot} 127.0.0.1:{target.port}")
        assert crowd.blocked() == 0


@pytest.mark.apus_only
def test_a_wait_ends_when_the_cluster_is_down(cluster):
    source, _ = cluster
    with Crowd(source) as crowd:
        waiting = crowd.waiting("BLPOP", "b", 0)

        assert source.call("CLUSTER", "DELSLOTS", 0) == "OK"

        assert waiting.read() == Error("CLUSTERDOWN The cluster is down")


@pytest.mark.apus_only
def test_a_move_to_a_key_in_transit_waits_for_its_arrival(start, shards):
    """A waiting BLMOVE must not write to a key that MIGRATE has copied and is about to remove."""
    source, target = (start("apus", "--enable-debug-command", "yes", shards=shards) for _ in range(2))
    source.call("RPUSH", "b", "old")
    with Crowd(source) as crowd:
        mover = crowd.waiting("BLMOVE", "a", "b", "LEFT", "RIGHT", 0)
        sleeper, carrier = target.wire(), crowd.client()
        sleepers = [target.wire() for _ in range(shards or 1)]
        for wire in [sleeper, *sleepers]:
            wire.send(command("DEBUG", "SLEEP", 0.3))
        carrier.send(command("MIGRATE", "127.0.0.1", target.port, "b", 0, 5000))
        time.sleep(0.05)

        source.call("RPUSH", "a", "new")
        assert mover.is_quiet(0.1)

        assert carrier.read() == "OK"
        assert mover.read() == b"new"
        assert source.call("LRANGE", "b", 0, -1) == [b"new"]
        assert target.call("LRANGE", "b", 0, -1) == [b"old"]
        assert source.call("EXISTS", "a") == 0
