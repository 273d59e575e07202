"""Keys: every command of the family answers as Redis 7.0.15 does, alone and between several shards."""

import random
import time

import pytest

from differential import INTEGERS, SEED, Stream, compare, number
from wire import Error, Null, wait_for

KEYS = [f"key:{number}" for number in range(12)] + ["", "{k}1", "{k}2", "h?llo", "k" * 300]

#: The text of a value that DUMP gave, and some that it could not have given. A word: Redis has keys of one small number share
#: an object, and with it the idle time.
PAYLOADS = ["\x00\x05hello\x0a\x00cr\xdfve4 \x0a", "\x00\x05hello\x0a\x00cr\xdfve4 \x0b", "\x00\x05he", "", "x" * 50]


def time_to_live(g):
    return g.one_of("1000", "0", "-1", str(g.random.randint(1 << 20, 1 << 40)), g.integer())


def moment(g):
    return g.one_of("4102444800", "4102444801", "4102444800000", "0", "-5", "1", g.integer())


def conditions(g):
    return g.some("NX", "XX", "GT", "LT", "gt", "bogus")


COMMANDS = [
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.value(), "EX", "1000"],
    lambda g: ["SET", g.key(), g.value(), "PXAT", "4102444800000"],
    lambda g: ["APPEND", g.key(), "x"],
    lambda g: ["GET", g.key()],
    lambda g: ["DEL", *(g.key() for _ in range(g.random.randint(1, 3)))],
    lambda g: ["UNLINK", g.key(), g.key()],
    lambda g: ["EXISTS", g.key(), g.key()],
    lambda g: ["TOUCH", g.key(), g.key()],
    lambda g: ["TYPE", g.key()],
    lambda g: ["EXPIRE", g.key(), time_to_live(g), *conditions(g)],
    lambda g: ["PEXPIRE", g.key(), g.one_of("1000000", str(g.random.randint(1 << 32, 1 << 60)), g.integer()), *conditions(g)],
    lambda g: ["EXPIREAT", g.key(), moment(g), *conditions(g)],
    lambda g: ["PEXPIREAT", g.key(), moment(g), *conditions(g)],
    lambda g: ["PERSIST", g.key()],
    lambda g: [g.one_of("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), g.key()],
    lambda g: [g.one_of("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"), g.key()],
    lambda g: [g.one_of("RENAME", "RENAMENX"), g.key(), g.key()],
    lambda g: ["COPY", g.key(), g.key(), *g.some(("DB", g.one_of("0", "1", "15", "16", g.integer())), "REPLACE", "x")],
    lambda g: ["MOVE", g.key(), g.one_of("0", "1", "2", g.integer())],
    lambda g: ["SELECT", g.one_of("0", "0", "1", "2")],
    lambda g: ["SWAPDB", g.one_of("0", "1", "2", "x"), g.one_of("0", "1", "2", g.integer())],
    lambda g: ["KEYS", g.one_of("*", "key:?", "h\\?llo", "h?llo", "*1", "", "[k]*[^0-9]", "nothing*", "k*")],
    lambda g: ["OBJECT", g.one_of("ENCODING", "REFCOUNT", "FREQ", "IDLETIME", "bogus"), g.key()],
    lambda g: ["DUMP", g.key()],
    lambda g: [
        "RESTORE", g.key(), g.one_of("0", "1000", "-1", g.integer()), g.one_of(*PAYLOADS[:1] * 4, *PAYLOADS),
        *g.some("REPLACE", "ABSTTL", ("IDLETIME", g.small(-1, 1)), ("FREQ", g.small()), "x"),
    ],
    lambda g: ["SCAN", g.one_of("x", "-", "18446744073709551616", "1.5", " 0"), "COUNT", "5"],
    lambda g: ["SCAN", "0", *g.one_of(("COUNT", "0"), ("COUNT", "x"), ("MATCH",), ("bogus", "1"), ("COUNT", "-1", "x"))],
]
FLUSHES = [lambda g: [g.one_of("FLUSHDB", "FLUSHALL"), *g.some("ASYNC", "SYNC", "x")]]


def same(words, ours, theirs):
    """Two clocks tick, and a table has no order."""
    name = str(words[0]).upper()
    if name in ("TTL", "EXPIRETIME", "PTTL", "PEXPIRETIME"):
        our, their = number(ours), number(theirs)
        return min(our, their) >= 0 and abs(our - their) <= (5000 if name[0] == "P" else 5)
    if name == "OBJECT" and str(words[1]).upper() == "REFCOUNT":
        # Redis shares small integers, but not the copies that COPY makes of them.
        return {number(ours), number(theirs)} == {1, (1 << 31) - 1}
    if name == "DUMP":
        # There are many ways to compress; that each reads the other's is shown below.
        return all(b"\r\n\x00\xc3" in payload for payload in (ours, theirs))
    if name == "SCAN":  # its errors are compared here, what it finds below
        return ours[:1] == theirs[:1] == b"*"
    if name == "KEYS":
        return sorted(ours.split(b"\r\n")) == sorted(theirs.split(b"\r\n"))
    if name == "OBJECT" and str(words[1]).upper() == "IDLETIME":
        return number(ours) is not None and number(theirs) is not None and abs(number(ours) - number(theirs)) <= 5
    return False


def what_is_kept(key):
    return [["GET", key], ["PTTL", key], ["OBJECT", "ENCODING", key], ["DUMP", key]]


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_redis(server, peer, version):
    makers = COMMANDS * 5 + FLUSHES
    compare(server, peer, makers, KEYS, version=version, same=same, epilogue=what_is_kept)


def scan_all(wire, *options):
    """The keys of a whole scan, and how many steps it took."""
    cursor, found, steps = b"0", [], 0
    while True:
        cursor, keys = wire.call("SCAN", cursor, *options)
        found += keys
        steps += 1
        if cursor == b"0":
            return found, steps


def test_a_scan_finds_every_key_once_while_nothing_changes(server):
    names = {f"scan:{index}".encode() for index in range(3000)}
    with server.wire() as wire:
        for name in names:
            wire.call("SET", name, "x")

        found, steps = scan_all(wire, "COUNT", 100)
        fitting, _ = scan_all(wire, "MATCH", "scan:1?", "COUNT", 500)
        strings, _ = scan_all(wire, "TYPE", "STRING")
        lists, _ = scan_all(wire, "TYPE", "list")

    assert sorted(found) == sorted(names)
    assert 20 <= steps <= 60
    assert sorted(fitting) == sorted(b"scan:1%d" % digit for digit in range(10))
    assert (len(strings), lists) == (3000, [])


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_scan_misses_no_key_that_stays_while_the_table(server, change):
    generator = random.Random(SEED)
    lasting = {f"lasting:{index}".encode() for index in range(500)}
    with server.wire() as wire:
        for name in lasting:
            wire.call("SET", name, "x")
        passing = [f"passing:{index}" for index in range(8000)]
        if change == "shrinks":
            for name in passing:
                wire.send(b"SET %s x\r\n" % name.encode())
            for _ in passing:
                wire.read()
        generator.shuffle(passing)

        cursor, found = b"0", set()
        while True:
            cursor, keys = wire.call("SCAN", cursor, "COUNT", 30)
            found.update(keys)
            if cursor == b"0":
                break
            for _ in range(min(200, len(passing))):
                if change == "grows":
                    wire.call("SET", passing.pop(), "x")
                else:
                    wire.call("DEL", passing.pop())

    assert lasting <= found, f"seed {SEED}"


def test_what_is_expired_is_nowhere_to_be_seen(server):
    with server.wire() as wire:
        wire.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        for index in range(20):
            wire.call("SET", f"short:{index}", "x", "PX", 20)
        wire.call("SET", "long", "x")
        time.sleep(0.05)

        assert wire.call("KEYS", "*") == [b"long"]
        assert wire.call("EXISTS", *(f"short:{index}" for index in range(20))) == 0
        assert scan_all(wire)[0] == [b"long"]
        assert wire.call("RANDOMKEY") == b"long"
        assert wire.call("DBSIZE") == 1
        wire.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")


def test_random_keys_come_from_all_shards(server):
    with server.wire() as wire:
        assert wire.call("RANDOMKEY") == Null("null bulk")
        names = {f"key:{index}".encode() for index in range(20)}
        for name in names:
            wire.call("SET", name, "x")

        # Each of 20 keys stays away from 600 draws once in 10^12 runs.
        assert {wire.call("RANDOMKEY") for _ in range(600)} == names


def test_large_values_move_between_keys_and_shards(server):
    value = bytes(random.Random(SEED).randbytes(300_000))
    with server.wire() as wire:
        wire.call("SET", "a", value, "EX", 1000)
        for source, target in zip("abcdefgh", "bcdefghi"):
            assert wire.call("RENAME", source, target) == "OK"
            assert wire.call("COPY", target, source + "-copy") == 1

        assert wire.call("GET", "i") == value
        assert wire.call("MGET", "b-copy", "h-copy", "a") == [value, value, Null("null bulk")]
        assert 990 <= wire.call("TTL", "i") <= 1000
        assert 990 <= wire.call("TTL", "c-copy") <= 1000
        assert wire.call("UNLINK", "i", "b-copy", "nothing") == 2
        assert wire.call("DBSIZE") == 7


def test_what_redis_dumps_is_restored_and_the_other_way_round(server, peer):
    values = [b"", b"1", b"-70000", b"x" * 10_000, bytes(range(256)) * 20, b"9223372036854775807", b"01"]
    for number, value in enumerate(values):
        for source, target in ((server, peer), (peer, server)):
            source.call("SET", f"{{v}}{number}", value)

            payload = source.call("DUMP", f"{{v}}{number}")

            assert target.call("RESTORE", f"{{v}}{number}", 0, payload, "REPLACE") == "OK"
            assert target.call("GET", f"{{v}}{number}") == value


@pytest.mark.parametrize("cut", range(12))
def test_a_payload_that_was_cut_or_changed_is_refused(server, cut):
    server.call("SET", "key", "value")
    payload = server.call("DUMP", "key")
    broken = payload[:cut] if cut else payload[:3] + b"!" + payload[4:]

    assert server.call("RESTORE", "other", 0, broken) == "ERR DUMP payload version or checksum are wrong"
    assert server.call("EXISTS", "other") == 0


def test_use_is_recorded_by_the_policy_and_restored(start, shards):
    server = start("apus", shards=shards)
    with server.wire() as wire:
        wire.call("SET", "key", "value")
        payload = wire.call("DUMP", "key")
        assert wire.call("RESTORE", "idle", 0, payload, "IDLETIME", 1000) == "OK"
        assert 1000 <= wire.call("OBJECT", "IDLETIME", "idle") <= 1002
        assert wire.call("OBJECT", "FREQ", "idle").startswith("ERR An LFU maxmemory policy is not selected")
        wire.call("TOUCH", "idle")
        assert wire.call("OBJECT", "IDLETIME", "idle") <= 1

        wire.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        # The shards learn of the policy at their next tick.
        wait_for(lambda: isinstance(wire.call("OBJECT", "FREQ", "key"), int), what="frequencies are recorded")
        assert wire.call("RESTORE", "often", 0, payload, "FREQ", 200) == "OK"
        assert wire.call("OBJECT", "FREQ", "often") == 200
        assert wire.call("OBJECT", "IDLETIME", "often").startswith("ERR An LFU maxmemory policy is selected")


def test_one_database_is_all_that_a_cluster_has(start, shards):
    nodes = start("apus", shards=shards, cluster=True), start("redis", cluster=True)
    for node in nodes:
        node.add_slots(0, 16383)
        wait_for(lambda: node.info()["cluster_state"] == "ok", what="the cluster is up")
    commands = [
        ("SET", "{a}1", "x"), ("MOVE", "{a}1", "1"), ("MOVE", "{a}1", "x"), ("SWAPDB", "0", "1"), ("SWAPDB", "0", "0"),
        ("COPY", "{a}1", "{a}2", "DB", "1"), ("COPY", "{a}1", "{a}2", "DB", "0"), ("COPY", "{a}1", "{a}2", "DB", "x"),
        ("COPY", "{a}1", "b"), ("RENAME", "{a}1", "b"), ("RENAME", "{a}1", "{a}3"), ("DEL", "{a}2", "{a}3", "c"),
        ("MSET", "{a}1", "x", "b", "y"), ("MGET", "{a}2", "{a}3"), ("DBSIZE",), ("KEYS", "*"), ("FLUSHALL",), ("DBSIZE",),
    ]

    ours, theirs = ([node.call(*words) for words in commands] for node in nodes)

    for words, our, their in zip(commands, ours, theirs):
        assert our == their or sorted(our) == sorted(their), words


def test_a_flush_or_an_exchange_breaks_the_watch_of_keys_that_are_there(server, peer):
    cases = [
        ([("SET", "a", "1")], "a", ("FLUSHDB",)), ([], "a", ("FLUSHDB",)), ([("SET", "a", "1")], "b", ("FLUSHALL",)),
        ([("SET", "a", "1")], "a", ("SWAPDB", "0", "1")), ([], "a", ("SWAPDB", "0", "1")),
        ([("SELECT", "1"), ("SET", "a", "1"), ("SELECT", "0")], "a", ("SWAPDB", "1", "0")),
        ([("SET", "a", "1")], "a", ("EXPIRE", "a", "-1")), ([("SET", "a", "1")], "a", ("PERSIST", "a")),
        ([("SET", "a", "1")], "a", ("COPY", "a", "b")), ([("SET", "a", "1")], "b", ("COPY", "a", "b")),
        ([("SET", "a", "1")], "b", ("RENAME", "a", "b")), ([("SET", "a", "1")], "a", ("MOVE", "a", "1")),
        ([("SET", "a", "1")], "a", ("SETRANGE", "a", "0", "")), ([("SET", "a", "1")], "a", ("SETBIT", "a", "0", "0")),
        ([("SET", "a", "1")], "a", ("SETBIT", "a", "0", "1")), ([("SET", "a", "1")], "a", ("GETEX", "a", "EX", "10")),
        ([("SET", "a", "1")], "a", ("BITFIELD", "a", "SET", "u8", "0", "49")), ([], "a", ("BITOP", "NOT", "a", "b")),
        ([("SET", "a", "1")], "a", ("GETEX", "a", "PERSIST")), ([("SET", "a", "1")], "a", ("DEL", "b")),
    ]
    for preparation, watched, change in cases:
        outcomes = []
        for node in (server, peer):
            node.call("FLUSHALL")
            with node.wire() as watcher, node.wire() as other:
                for words in preparation:
                    other.call(*words)
                watcher.call("WATCH", watched)
                other.call(*change)
                for words in (("MULTI",), ("PING",)):
                    watcher.call(*words)
                outcomes.append(watcher.call("EXEC"))
        assert outcomes[0] == outcomes[1], (preparation, watched, change)
