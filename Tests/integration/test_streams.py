"""Streams: what is appended, read, deleted and trimmed, as Valkey 9.1 does it, in both protocol versions."""

import random

import pytest

import differential
from differential import SEED, Stream, assert_same_replies
from streams import as_told, same
from wire import Error, Null, command, wait_for

KEYS = [f"s:{number}" for number in range(5)] + ["{s}1", "{s}2", "string"]

SETTING = [
    "SET str v", "XADD s 1-1 a 1 b 2", "XADD s 1-2 a 3 b 4", "XADD s 2-0 other field", "XADD s 5-18446744073709551615 a 1 b -7",
    "XADD e 1-1 a b", "XTRIM e MAXLEN 0", "XADD d 1-1 a b", "XADD d 2-1 a b", "XADD d 3-1 a b",
]
CALLS = [
    "XADD s", "XADD s *", "XADD s * a", "XADD s 9-9 a b c", "XADD s 5-* a b", "XADD s 4-* a b", "XADD s 5 a b", "XADD s 0-0 a b",
    "XADD n 0-0 a b", "XADD n 0-* a b", "XADD n 0-* a b", "XADD s - a b", "XADD s + a b", "XADD s 1-1-1 a b", "XADD s *-1 a b",
    "XADD s x a b", "XADD s 7- a b", "XADD s -7 a b", "XADD s 07-01 a b", "XADD s +8-+1 a b", "XADD s ** a b", "XADD s 18446744073709551616 a b",
    "XADD str 1 a b", "XADD no NOMKSTREAM 1 a b", "XADD no NOMKSTREAM 1 a", "XADD no nomkstream nomkstream 1-1 a b", "EXISTS no",
    "XADD s MAXLEN", "XADD s MAXLEN 1", "XADD s MAXLEN ~ 9 a b", "XADD s MAXLEN = 1 LIMIT 1 9 a b", "XADD s LIMIT 1 9 a b",
    "XADD s LIMIT 0 9 a b", "XADD s LIMIT 1 x a b", "XADD s MAXLEN -1 9 a b", "XADD s MAXLEN x 9 a b", "XADD s MAXLEN 1 MINID 1 9 a b",
    "XADD s MINID x 9 a b", "XADD s MAXLEN ~ 1 LIMIT -1 9 a b", "XADD s MAXLEN ~ 1 LIMIT x 9 a b", "XADD s MAXLEN = 9 a b", "XADD s MINID ~ 9 a b",
    "XADD s LIMIT 5 MAXLEN ~ 100 9-1 a b", "XADD s MAXLEN 4 9-2 a b", "XADD s MINID 2 9-* a b", "XADD s NOMKSTREAM MINID = 2-1 10-* x y",
    "XRANGE s - +", "XRANGE s - + COUNT 2", "XRANGE s - + COUNT 0", "XRANGE s - + COUNT -1", "XRANGE s - + COUNT", "XRANGE s - + COUNT x",
    "XRANGE s - + COUNT 1 COUNT 2", "XRANGE s - + FOO 1", "XRANGE s 2 9", "XRANGE s 2-0 2-0", "XRANGE s (2-0 (9-2", "XRANGE s (2 +",
    "XRANGE s (- +", "XRANGE s - (+", "XRANGE s ( +", "XRANGE s (18446744073709551615-18446744073709551615 +", "XRANGE s - (0-0",
    "XRANGE s - (0", "XRANGE s + -", "XRANGE s x +", "XRANGE s - x", "XRANGE none - + COUNT 0", "XRANGE none x +", "XRANGE str - +", "XRANGE s -",
    "XREVRANGE s + -", "XREVRANGE s + - COUNT 1", "XREVRANGE s (9-2 (2-0", "XREVRANGE s - +", "XREVRANGE s 9 2", "XREVRANGE e + -",
    "XLEN s", "XLEN none", "XLEN str", "XLEN e", "XDEL s x", "XDEL none x", "XDEL s -", "XDEL str 1", "XDEL s 1-1 7-7 1-1", "XDEL s 9-2",
    "XRANGE s - +", "XINFO STREAM s", "XDEL d 1-1", "XINFO STREAM d", "XDEL d 3-1", "XINFO STREAM d", "XDEL d 2-1", "XINFO STREAM d", "EXISTS d",
    "XTRIM s", "XTRIM s MAXLEN", "XTRIM s MAXLEN 1 x", "XTRIM s FOO 1", "XTRIM s NOMKSTREAM MAXLEN 1", "XTRIM s LIMIT 1", "XTRIM s LIMIT 0 x",
    "XTRIM s LIMIT 1 MAXLEN ~ 1", "XTRIM s LIMIT 1 MAXLEN 1", "XTRIM s MAXLEN 1 LIMIT 1", "XTRIM s MAXLEN 1 MAXLEN 1", "XTRIM str MAXLEN 1",
    "XTRIM none MAXLEN 1", "XTRIM s MAXLEN ~ 1", "XTRIM s MINID ~ 100", "XTRIM s MINID 2-1", "XTRIM s MAXLEN 2", "XTRIM s MAXLEN 2", "XINFO STREAM s",
    "XSETID s", "XSETID s x", "XSETID s -", "XSETID s 1-0", "XSETID none 1-0", "XSETID str 1-0", "XSETID s 1-0 FOO 1", "XSETID s 99-0 ENTRIESADDED",
    "XSETID s 99-0 ENTRIESADDED x", "XSETID s 99-0 ENTRIESADDED -1", "XSETID s 99-0 ENTRIESADDED 1", "XSETID s 99-0 MAXDELETEDID 100-0",
    "XSETID s 99-0 MAXDELETEDID x", "XSETID s 99-0 ENTRIESADDED 20 MAXDELETEDID 3-3", "XINFO STREAM s", "XSETID s 99-1 MAXDELETEDID 0-0", "XINFO STREAM s",
    "XSETID e 0-1", "XADD e 0-2 a b", "XINFO STREAM e", "XSETID e 1 ENTRIESADDED 9223372036854775807", "XADD e 2 a b", "XINFO STREAM e",
    "XREAD STREAMS s 0", "XREAD COUNT 1 STREAMS s e 0 0", "XREAD COUNT 1 STREAMS s none e $ 0 0-2", "XREAD STREAMS s $", "XREAD STREAMS s +",
    "XREAD STREAMS none +", "XREAD STREAMS e d + +", "XREAD COUNT 0 STREAMS s 2", "XREAD COUNT -1 STREAMS s 2", "XREAD COUNT x STREAMS s 0",
    "XREAD COUNT 1", "XREAD COUNT 1 STREAMS s", "XREAD STREAMS s 0 BLOCK 1", "XREAD BLOCK 1 STREAMS", "XREAD STREAMS s e 0", "XREAD STREAMS s x",
    "XREAD STREAMS s >", "XREAD STREAMS s -", "XREAD STREAMS str 0", "XREAD STREAMS s str 0 0", "XREAD GROUP g c STREAMS s 0", "XREAD NOACK STREAMS s 0",
    "XREAD FOO STREAMS s 0", "XREAD BLOCK x STREAMS s $", "XREAD BLOCK -1 STREAMS s $", "XREAD BLOCK 9223372036854775807 STREAMS s $",
    "XREAD BLOCK 1 STREAMS s e $ $", "XREAD BLOCK 1 COUNT 1 STREAMS s e $ 0", "XREAD streams streams 0", "XREAD STREAMS s s 0 0",
    "XADD s 18446744073709551615-18446744073709551614 a b", "XADD s * a b", "XADD s * a b", "XADD s 18446744073709551615-* a b",
    "XADD full 3-18446744073709551615 a b", "XADD full 3-* a b", "XADD full 4-* a b", "XREAD STREAMS full 18446744073709551615-18446744073709551615",
    "XINFO STREAM none", "XINFO STREAM str", "XINFO STREAM s FULL", "XINFO STREAM s FULL COUNT 1", "XINFO STREAM s FULL COUNT 0",
    "XINFO STREAM s FULL COUNT -1", "XINFO STREAM s FULL COUNT", "XINFO STREAM s FULL COUNT x", "XINFO STREAM s FULL FOO 1", "XINFO STREAM s COUNT 1",
    "XINFO STREAM", "XINFO", "XINFO FOO s", "XINFO HELP x", "OBJECT ENCODING s", "TYPE s", "GET s", "APPEND s x", "SADD s x", "XADD a{t} 1-1 m n",
    "COPY a{t} b{t}", "XADD b{t} 2-1 m n", "XRANGE a{t} - +", "XRANGE b{t} - +", "RENAME b{t} c{t}", "XLEN c{t}", "MOVE c{t} 1", "EXISTS c{t}",
]


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey", "--enable-debug-command", "yes")


@pytest.fixture(params=[(4096, 100), (4096, 3), (60, 0)], ids=lambda limits: "-".join(map(str, limits)))
def pair(request, lasting_server, lasting_valkey):
    """Apus and Valkey, empty, with blocks of so many bytes and entries."""
    request.node.watched = [lasting_server]
    for node in (lasting_server, lasting_valkey):
        node.call("FLUSHALL")
        for name, limit in zip(("bytes", "entries"), request.param):
            assert node.call("CONFIG", "SET", f"stream-node-max-{name}", limit) == "OK"
    return lasting_server, lasting_valkey


@pytest.mark.parametrize("version", [2, 3])
def test_calls_are_answered_as_by_valkey(pair, version):
    assert_same_replies(pair, SETTING + CALLS, version, same)


def entry_id(g):
    """Mostly one that is there, or the next."""
    return g.one_of(f"{g.random.randint(1, 60)}-{g.random.randint(0, 3)}", f"{g.random.randint(1, 60)}", f"{g.random.randint(20, 90)}-*")


def range_end(g):
    return g.one_of("-", "+", "-", "+", entry_id(g), "(" + entry_id(g))


def fields(g):
    if g.random.random() < 0.6:
        return ["field", g.value(), "other", g.one_of("1", "x" * 30, "value")]
    return [word for _ in range(g.random.randint(1, 4)) for word in (g.one_of("a", "b", "field", "17"), g.value())]


def trimming(g):
    goal = g.one_of(["MAXLEN", g.small(0, 30)], ["MINID", entry_id(g)])
    sign = g.one_of([], ["="], ["~"], ["~"])
    return [goal[0], *sign, goal[1], *(["LIMIT", g.small(0, 20)] if sign == ["~"] and g.random.random() < 0.5 else [])]


COMMANDS = [
    *[lambda g: ["XADD", g.key(), entry_id(g), *fields(g)]] * 8,
    lambda g: ["XADD", g.key(), *g.some("NOMKSTREAM", trimming(g)), entry_id(g), *fields(g)],
    lambda g: ["XDEL", g.key(), *(entry_id(g) for _ in range(g.random.randint(1, 6)))],
    lambda g: ["XTRIM", g.key(), *trimming(g)],
    lambda g: ["XRANGE", g.key(), range_end(g), range_end(g), *g.some(["COUNT", g.small(-1, 9)])],
    lambda g: ["XREVRANGE", g.key(), range_end(g), range_end(g), *g.some(["COUNT", g.small(-1, 9)])],
    lambda g: ["XLEN", g.key()],
    lambda g: ["XREAD", *g.some(["COUNT", g.small(0, 5)]), "STREAMS", g.key(), g.one_of("0", "$", "+", entry_id(g))],
    lambda g: ["XREAD", "STREAMS", g.key(), g.key(), g.key(), entry_id(g), "+", "0"],
    lambda g: ["XREAD", "BLOCK", "1", "STREAMS", g.key(), g.key(), g.one_of("$", "+"), entry_id(g)],
    lambda g: ["XSETID", g.key(), entry_id(g), *g.some(["ENTRIESADDED", g.small(0, 90)], ["MAXDELETEDID", entry_id(g)])],
    lambda g: ["XINFO", "STREAM", g.key(), *g.one_of([], [], ["FULL"], ["FULL", "COUNT", g.small(0, 4)])],
    lambda g: ["DEL", g.key()] if g.random.random() < 0.2 else ["XLEN", g.key()],
    lambda g: ["COPY", g.key(), g.key(), *g.some("REPLACE")],
    lambda g: ["RENAME", g.key(), g.key()],
    lambda g: ["SET", "string", "value"],
]


def hangs_on_time(words):
    """An id from the clock, or a wait."""
    upper = [word.upper() for word in words]
    if "BLOCK" in upper[:-1] and upper[upper.index("BLOCK") + 1] not in ("1", "", "ABC", "-1", "1.5"):
        return True
    return upper[0] == "XADD" and "*" in words


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(pair, version):
    differential.compare(
        *pair, COMMANDS, KEYS, version=version, same=same, avoid=hangs_on_time,
        epilogue=lambda key: [["XRANGE", key, "-", "+"], ["XREVRANGE", key, "+", "-"], ["XINFO", "STREAM", key]],
    )


def test_ids_of_their_own_rise(server):
    with server.wire() as wire:
        wire.send(b"".join(command("XADD", "s", "*", "field", number) for number in range(2000)))
        ids = [tuple(map(int, wire.read().decode().split("-"))) for _ in range(2000)]
        milliseconds = int(wire.call("TIME")[0]) * 1000

    assert ids == sorted(set(ids))
    assert abs(ids[-1][0] - milliseconds) < 60_000


def test_an_id_of_the_clock_lies_behind_one_of_the_future(server):
    with server.wire() as wire:
        wire.call("XADD", "s", "99999999999999-7", "a", "b")

        assert wire.call("XADD", "s", "*", "a", "b") == b"99999999999999-8"


def fill(stream, key, count):
    """Entries with the fields of the first and with others, some deleted."""
    adding = [
        ["XADD", key, f"{number // 3 + 1}-{number % 3}", "field", str(number), *(["other", "x" * 9] if number % 7 == 0 else [])]
        for number in range(count)
    ]
    stream.exchange(adding + [["XDEL", key, f"{number // 3 + 1}-{number % 3}"] for number in range(0, count, 5)])


@pytest.mark.parametrize("count", [1, 3, 200, 5000])
def test_payloads_are_exchanged_both_ways(pair, peer, count):
    """DUMP of each is RESTOREd by the others; Redis 7.0 reads what Apus writes."""
    server, valkey = pair
    streams = {node: Stream(node, 2) for node in (server, valkey, peer)}
    for stream in streams.values():
        fill(stream, "key", count)
    questions = [["XRANGE", "{}", "-", "+"], ["XINFO", "STREAM", "{}"]]

    for source, target in [(server, valkey), (server, peer), (valkey, server), (peer, server), (server, server)]:
        with source.wire() as wire:
            payload = wire.call("DUMP", "key")
        name = f"from-{source.port}"
        assert target.call("RESTORE", name, "0", payload, "REPLACE") == "OK"
        for words in questions:
            asked, expected = ([word.replace("{}", key) for word in words] for key in (name, "key"))
            found = streams[target].exchange([asked])[0], streams[source].exchange([expected])[0]
            assert as_told(words, found[0]) == as_told(words, found[1])
        # What was read is written on.
        assert target.call("XADD", name, "*", "a", "b") != Null("null bulk")
    for stream in streams.values():
        stream.close()


#: From the reference of the formats: taken from Redis 7 and Valkey 9, the last one made by hand.
OLD_PAYLOADS = {
    "1301100000000000000001000000000000000128280000000f00020100010101816602000102010001000181760204010201010100018177020401ff0202010101000002000a002da9efbff1e87992": [
        [b"1-1", [b"f", b"v"]], [b"2-1", [b"f", b"w"]],
    ],
    "1501100000000000000001000000000000000128280000000f00020100010101816602000102010001000181760204010201010100018177020401ff02020101010000020050007d0e28f5e2958bc6": [
        [b"1-1", [b"f", b"v"]], [b"2-1", [b"f", b"w"]],
    ],
    "130110000000000000000100000000000000012d2d00000011000101010101018166020001030100010001817602040100010101000101018167028177020601ff0102010201010102000a006dd1cb14fd980fd1": [
        [b"2-1", [b"g", b"w"]],
    ],
    "0f0110000000000000000100000000000000011d1d0000000a0001010001010181660200010201000100018176020401ff0101010101670101000009005625427d66de1f1e": [
        [b"1-1", [b"f", b"v"]],
    ],
}


@pytest.mark.parametrize("payload", OLD_PAYLOADS)
def test_older_payloads_are_read(server, payload):
    with server.wire() as wire:
        assert wire.call("RESTORE", "key", "0", bytes.fromhex(payload)) == "OK"
        assert wire.call("XRANGE", "key", "-", "+") == OLD_PAYLOADS[payload]


def test_digests_do_not_hang_on_the_blocks(server):
    with server.wire() as wire:
        for key, limit in (("one", 100), ("several", 1)):
            wire.call("CONFIG", "SET", "stream-node-max-entries", limit)
            for number in range(1, 9):
                wire.call("XADD", key, number, "a", number)
        wire.call("CONFIG", "SET", "stream-node-max-entries", 100)
        one, several = wire.call("DEBUG", "DIGEST-VALUE", "one", "several")
        wire.call("XDEL", "one", 3)

        assert one == several != wire.call("DEBUG", "DIGEST-VALUE", "one")[0]


@pytest.mark.apus_only
def test_memory_of_streams_is_counted_to_the_last_byte(server):
    """When all is gone, the shards' count is what it was."""
    with server.wire() as wire:
        before = server.client().info("memory")["used_memory_dataset"]
        for number in range(20):
            fill(Stream(server, 2), f"key:{number}", 2000)
            wire.call("XGROUP", "CREATE", f"key:{number}", "g", 0)
            wire.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 500, "STREAMS", f"key:{number}", ">")
        for number in range(0, 20, 2):
            wire.call("COPY", f"key:{number}", f"copy:{number}")
            wire.call("RENAME", f"key:{number}", f"elsewhere:{number}")
        assert wire.call("MEMORY", "USAGE", "copy:0") > 2000 * 8
        wire.call("FLUSHALL")
        after = server.client().info("memory")["used_memory_dataset"]

    assert abs(after - before) < 1 << 20


# MARK: Copies


@pytest.mark.apus_only
@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_real_server_starts_from_a_copy(start, server, kind, tmp_path):
    stream = Stream(server, 2)
    for number in range(20):
        fill(stream, f"key:{number}", 100 * number + 1)
    stream.exchange([["XGROUP", "CREATE", "key:3", "g", "0"], ["XREADGROUP", "GROUP", "g", "c", "COUNT", "50", "STREAMS", "key:3", ">"]])

    server.cli("--rdb", tmp_path / "dump.rdb")

    peer = start(kind, "--dir", tmp_path, "--dbfilename", "dump.rdb")
    asked = [[name, f"key:{number}", "-", "+"] for number in range(20) for name in ("XRANGE", "XREVRANGE")]
    asked += [["XPENDING", "key:3", "g"], ["XINFO", "GROUPS", "key:3"]]
    assert Stream(peer, 2).exchange(asked) == stream.exchange(asked)


def test_migrate_takes_streams_along(server, start, shards):
    target = start("apus", shards=shards)
    stream = Stream(server, 2)
    fill(stream, "key", 500)
    stream.exchange([["XGROUP", "CREATE", "key", "g", "0"], ["XREADGROUP", "GROUP", "g", "c", "COUNT", "50", "STREAMS", "key", ">"]])
    asked = [["XRANGE", "key", "-", "+"], ["XPENDING", "key", "g"], ["XINFO", "GROUPS", "key"]]
    before = stream.exchange(asked)

    assert server.call("MIGRATE", "127.0.0.1", target.port, "key", 0, 5000) == "OK"

    assert Stream(target, 2).exchange(asked) == before
    assert server.call("EXISTS", "key") == 0
