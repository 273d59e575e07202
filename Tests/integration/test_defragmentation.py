"""Active defragmentation: the memory that values lie too far apart in goes back, and who reads them meanwhile notices nothing."""

import random
import time

import pytest

from wire import command, wait_for

pytestmark = pytest.mark.apus_only

STRINGS = 300_000
#: Of as many keys of each kind, and as many strings, one stays.
KEPT = 5
COLLECTIONS = 10
ELEMENTS = 4000

OFF = {
    "activedefrag": "no", "active-defrag-ignore-bytes": "2mb", "active-defrag-threshold-lower": 10,
    "active-defrag-cycle-min": 10, "active-defrag-cycle-max": 25,
}


@pytest.fixture(scope="module")
def lasting_node(lasting, shards):
    return lasting("apus", "--enable-debug-command", "yes", shards=shards)


@pytest.fixture
def node(lasting_node):
    """Empty, with the directives as in OFF."""
    lasting_node.call("FLUSHALL", "SYNC")
    for name, value in OFF.items():
        assert lasting_node.call("CONFIG", "SET", name, value) == "OK"
    lasting_node.call("CONFIG", "RESETSTAT")
    return lasting_node


def value(number):
    return b"%d " % number + b"x" * (number * 7 % 250)


def element(kind, collection, number):
    return b"%s %d of %d" % (kind, number, collection)


def send(wire, commands):
    for start in range(0, len(commands), 2000):
        part = commands[start : start + 2000]
        wire.send(b"".join(command(*words) for words in part))
        for _ in part:
            wire.read()


def fill(node):
    """Strings, and collections of every kind that grow side by side, of which one in KEPT is left."""
    commands = [["SET", f"string:{number}", value(number)] for number in range(STRINGS)]
    for number in range(ELEMENTS):
        for collection in range(COLLECTIONS):
            for kind in (b"list", b"set", b"zset", b"hash", b"stream"):
                key, item = b"%s:%d" % (kind, collection), element(kind, collection, number)
                match kind:
                    case b"list":
                        commands.append(["RPUSH", key, item])
                    case b"set":
                        commands.append(["SADD", key, item])
                    case b"zset":
                        commands.append(["ZADD", key, number, item])
                    case b"hash":
                        commands.append(["HSET", key, item, number])
                    case b"stream":
                        commands.append(["XADD", key, f"{number + 1}-0", "item", item])
    commands += [["DEL", f"string:{number}"] for number in range(STRINGS) if number % KEPT]
    commands += [
        ["DEL", f"{kind}:{collection}"]
        for kind in ("list", "set", "zset", "hash", "stream") for collection in range(COLLECTIONS) if collection % KEPT
    ]
    with node.wire(timeout=60) as wire:
        send(wire, commands)


def a_read(draw):
    """Something to read that is left, and what it must be."""
    number, collection = draw.randrange(ELEMENTS), draw.randrange(0, COLLECTIONS, KEPT)
    match draw.randrange(10):
        case 0:
            return ["LINDEX", f"list:{collection}", number], element(b"list", collection, number)
        case 1:
            return ["SISMEMBER", f"set:{collection}", element(b"set", collection, number)], 1
        case 2:
            return ["ZRANK", f"zset:{collection}", element(b"zset", collection, number)], number
        case 3:
            return ["HGET", f"hash:{collection}", element(b"hash", collection, number)], b"%d" % number
        case 4:
            entry = [[b"%d-0" % (number + 1), [b"item", element(b"stream", collection, number)]]]
            return ["XRANGE", f"stream:{collection}", f"{number + 1}", f"{number + 1}"], entry
        case _:
            string = draw.randrange(0, STRINGS, KEPT)
            return ["GET", f"string:{string}"], value(string)


def memory(node):
    return node.client().info("memory")


def stats(node):
    return {name: count for name, count in node.client().info("stats").items() if "active_defrag" in name}


def test_values_move_together_while_they_are_read(node):
    fill(node)
    wait_for(lambda: memory(node)["lazyfree_pending_objects"] == 0, what="nothing is left to be freed")
    before, digest = memory(node), node.call("DEBUG", "DIGEST")
    assert before["allocator_frag_ratio"] > 1.5
    node.call("CONFIG", "SET", "latency-monitor-threshold", 10)
    node.call("LATENCY", "RESET")
    draw, times = random.Random(4711), []

    assert node.call("CONFIG", "SET", "activedefrag", "yes") == "OK"
    with node.wire() as wire:
        limit, ran = time.monotonic() + 60, False
        while not ran or node.client().info("memory")["active_defrag_running"]:
            for _ in range(300):
                words, expected = a_read(draw)
                start = time.perf_counter()
                assert wire.call(*words) == expected
                times.append(time.perf_counter() - start)
            ran = ran or memory(node)["active_defrag_running"] > 0
            assert time.monotonic() < limit, f"still at it: {memory(node)}"

    wait_for(lambda: memory(node)["used_memory_rss"] < before["used_memory_rss"] * 3 / 4, what="pages went back")
    after, moved = memory(node), stats(node)
    assert after["allocator_frag_ratio"] < 1.2, after
    assert after["allocator_frag_bytes"] < before["allocator_frag_bytes"] / 4
    assert moved["active_defrag_hits"] > 10_000 and moved["active_defrag_key_hits"] > 10_000
    assert moved["total_active_defrag_time"] > 0 and moved["current_active_defrag_time"] == 0
    assert node.call("DEBUG", "DIGEST") == digest
    # A slice has half a millisecond; who reads may also have to wait for others who use the machine.
    assert not [event for event in node.call("LATENCY", "LATEST") if event[0] == b"active-defrag-cycle"]
    assert sorted(times)[len(times) * 99 // 100] < 0.005


def test_all_kinds_of_changes_go_on_meanwhile(node):
    """One writes and removes all the time, without pause between passes; the sum of all data is then that of the same writes."""
    node.call("CONFIG", "SET", "active-defrag-threshold-lower", 0)
    node.call("CONFIG", "SET", "active-defrag-ignore-bytes", 1)
    node.call("CONFIG", "SET", "active-defrag-cycle-min", 50)
    node.call("CONFIG", "SET", "active-defrag-cycle-max", 50)
    digests = []
    for setting in ("no", "yes"):
        node.call("FLUSHALL", "SYNC")
        node.call("CONFIG", "SET", "activedefrag", setting)
        draw = random.Random(815)
        with node.wire(timeout=60) as wire:
            for turn in range(60):
                send(wire, [a_change(draw, turn * 2000 + number + 1) for number in range(2000)])
                if setting == "yes":
                    time.sleep(0.05)  # so that there are several passes
        digests.append(node.call("DEBUG", "DIGEST"))

    assert digests[0] == digests[1]
    assert stats(node)["active_defrag_hits"] > 0


def a_change(draw, serial):
    number, name = draw.randrange(300), draw.randrange(40)
    item = b"item %d" % number + b"y" * draw.randrange(0, 200, 40)
    return draw.choice(
        [
            ["SET", f"s:{number}", item * draw.randrange(1, 9)], ["DEL", f"s:{number}"], ["APPEND", f"s:{number}", item],
            ["RPUSH", f"l:{name}", item], ["LPUSH", f"l:{name}", item], ["LPOP", f"l:{name}", number // 4 + 1],
            ["SADD", f"m:{name}", item], ["SADD", f"i:{name}", number], ["SREM", f"m:{name}", item],
            ["ZADD", f"z:{name}", number, item], ["ZREM", f"z:{name}", item], ["ZPOPMIN", f"z:{name}", number // 8 + 1],
            ["HSET", f"h:{name}", item, item], ["HDEL", f"h:{name}", item], ["HEXPIREAT", f"h:{name}", 4_000_000_000, "FIELDS", 1, item],
            ["XADD", f"x:{name}", f"{serial}-1", "f", item], ["XTRIM", f"x:{name}", "MAXLEN", 0], ["DEL", f"{draw.choice('lmizhx')}:{name}"],
            ["EXPIREAT", f"s:{number}", 4_000_000_000], ["RENAME", f"z:{name}", f"z:{(name + 1) % 40}"], ["PERSIST", f"s:{number}"],
        ]
    )


def test_it_ends_when_it_is_switched_off(node):
    fill(node)
    node.call("CONFIG", "SET", "active-defrag-cycle-min", 1)
    node.call("CONFIG", "SET", "active-defrag-cycle-max", 1)

    node.call("CONFIG", "SET", "activedefrag", "yes")
    wait_for(lambda: memory(node)["active_defrag_running"] == 1, every=0.001, what="it begins")
    node.call("CONFIG", "SET", "activedefrag", "no")

    assert memory(node)["active_defrag_running"] == 0
    wait_for(lambda: stats(node)["current_active_defrag_time"] == 0, what="the pass is over")
    hits = stats(node)["active_defrag_hits"]
    time.sleep(1.5)
    assert stats(node)["active_defrag_hits"] == hits
    assert memory(node)["allocator_frag_ratio"] > 1.5

    node.call("CONFIG", "RESETSTAT")
    assert set(stats(node).values()) == {0}


def test_little_is_left_as_it_is(node):
    node.call("CONFIG", "SET", "active-defrag-ignore-bytes", "100mb")
    node.call("CONFIG", "SET", "activedefrag", "yes")
    fill(node)

    time.sleep(1.5)

    assert memory(node)["active_defrag_running"] == 0
    assert stats(node)["active_defrag_misses"] == 0


def test_the_doctor_says_so(node):
    fill(node)
    wait_for(lambda: memory(node)["lazyfree_pending_objects"] == 0, what="nothing is left to be freed")

    assert "activedefrag" in node.call("MEMORY", "DOCTOR").decode()


def test_the_allocator_is_asked_by_its_own_names(node):
    assert node.call("DEBUG", "MALLCTL", "arenas.page") == 4096
    assert node.call("DEBUG", "MALLCTL-STR", "thread.tcache.flush", "VOID") == "OK"
    assert node.call("DEBUG", "MALLCTL", "no.such") == "ERR No such file or directory"
