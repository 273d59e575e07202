"""What is large is removed at once and freed in slices: nobody waits for it, and INFO counts it as Valkey 9.1 does."""

import pytest

from wire import command, wait_for

MEMBERS = 300_000


@pytest.fixture(scope="module")
def node(lasting, shards):
    return lasting("apus", shards=shards)


@pytest.fixture(scope="module", params=["apus", "valkey"])
def lasting_either(request, lasting, shards):
    """The server under test, and Valkey, which the same test must hold for."""
    return lasting(request.param, shards=shards)


@pytest.fixture
def either(lasting_either):
    """Empty, with its counters at zero."""
    server = lasting_either
    server.call("FLUSHALL", "SYNC")
    freed(server, None)
    server.call("CONFIG", "RESETSTAT")
    for kind in ("user-del", "user-flush", "server-del", "expire"):
        server.call("CONFIG", "SET", f"lazyfree-lazy-{kind}", "yes")
    return server


def lazyfree(server):
    info = server.client().info()
    return info["lazyfree_pending_objects"], info["lazyfreed_objects"]


def freed(server, count):
    """Waits until nothing is left to be freed; as many objects must have been."""
    wait_for(lambda: lazyfree(server)[0] == 0, what="nothing is left to be freed")
    if count is not None:
        assert lazyfree(server)[1] == count


def fill(server, name, kind, count):
    """Puts `count` elements into the collection `name`."""
    commands = []
    for start in range(0, count, 1000):
        numbers = range(start, min(count, start + 1000))
        elements = [f"element:{number}:of a {kind}" for number in numbers]
        match kind:
            case "set" | "list":
                commands.append([{"set": "SADD", "list": "RPUSH"}[kind], name, *elements])
            case "zset":
                commands.append(["ZADD", name, *(word for number, element in zip(numbers, elements) for word in (number, element))])
            case "hash":
                commands.append(["HSET", name, *(word for element in elements for word in (element, "value"))])
            case "stream":
                commands += [["XADD", name, "*", "field", element] for element in elements]
    with server.wire(timeout=60) as wire:
        wire.send(b"".join(command(*words) for words in commands))
        for _ in commands:
            wire.read()


@pytest.mark.parametrize("kind", ["set", "list", "zset", "hash", "stream"])
def test_a_large_value_counts_as_one_object(either, kind):
    fill(either, "k", kind, 40_000)

    assert either.call("UNLINK", "k") == 1

    assert either.call("EXISTS", "k") == 0
    freed(either, 1)


def test_what_is_small_or_a_string_is_freed_at_once(either):
    either.call("SADD", "set", *range(60))
    either.call("ZADD", "zset", 1, "one")
    either.call("SET", "string", "x" * 1_000_000)
    either.call("SADD", "table", *(f"member:{number}" for number in range(200)))
    either.call("SPOP", "table", 140)

    assert either.call("UNLINK", "set", "zset", "string", "table") == 4

    freed(either, 0)


@pytest.mark.parametrize(
    "remove, setting",
    [
        (["DEL", "k"], "user-del"), (["SET", "k", "x"], "server-del"), (["RENAME", "other", "k"], "server-del"),
        (["SUNIONSTORE", "k", "none"], "server-del"), (["PEXPIRE", "k", "1"], "expire"),
    ],
)
@pytest.mark.parametrize("is_lazy", [True, False])
def test_each_way_to_remove_has_its_setting(either, remove, setting, is_lazy):
    fill(either, "k", "set", 5000)
    either.call("SET", "other", "x")
    either.call("CONFIG", "SET", f"lazyfree-lazy-{setting}", "yes" if is_lazy else "no")

    either.call(*remove)
    wait_for(lambda: either.call("TYPE", "k") != "set", what="the set is gone")

    freed(either, 1 if is_lazy else 0)


@pytest.mark.parametrize("command, count", [("FLUSHALL", 1001), ("FLUSHDB", 1001), ("FLUSHALL ASYNC", 1001), ("FLUSHALL SYNC", 0)])
def test_a_flush_counts_every_key(either, command, count):
    for number in range(1000):
        either.call("SET", f"key:{number}", "x")
    fill(either, "set", "set", 5000)

    either.call(*command.split())

    assert either.call("DBSIZE") == 0
    freed(either, count)


def microseconds(node, kind, *words):
    """The server's own time for a command that removes a large collection `k`: the best of five, as others use the machine, too."""
    times = []
    for _ in range(5):
        fill(node, "k", kind, MEMBERS)
        freed(node, None)
        node.call("CONFIG", "RESETSTAT")
        node.call(*words)
        times.append(node.client().info("commandstats")[f"cmdstat_{words[0].lower()}"]["usec"])
        node.call("UNLINK", "k")
    freed(node, None)
    return min(times)


@pytest.mark.apus_only
@pytest.mark.parametrize("kind", ["set", "zset"])
def test_nobody_waits_while_a_large_value_is_freed(node, kind):
    node.call("FLUSHALL", "SYNC")
    node.call("CONFIG", "SET", "lazyfree-lazy-user-del", "no")
    at_once = microseconds(node, kind, "DEL", "k")
    node.call("CONFIG", "SET", "lazyfree-lazy-user-del", "yes")

    for words in (["UNLINK", "k"], ["DEL", "k"], ["SET", "k", "x"], ["FLUSHALL"]):
        # FLUSHALL waits until all shards are awake, which may take a busy machine a millisecond or two.
        least = 2 if words == ["FLUSHALL"] else 10
        assert microseconds(node, kind, *words) < at_once / least, f"{words} takes long"
