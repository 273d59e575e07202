"""Consumer groups of streams: what is handed out, pending, claimed and acknowledged, as Valkey 9.1 does it; and who waits."""

import contextlib
import random
import time

import pytest

import differential
from differential import Stream, assert_same_replies
from streams import as_told, same
from test_blocking import Crowd
from wire import Error, Map, Null, command, wait_for

KEYS = [f"s:{number}" for number in range(3)] + ["{s}1", "string"]
GROUPS, CONSUMERS = ["g", "h", "readers"], ["c", "d", "e", "alice", ""]

SETTING = [
    "SET str v", *(f"XADD s {number}-0 field {number}" for number in range(1, 10)), "XGROUP CREATE s g 0", "XGROUP CREATE s late $",
    "XADD t 1-1 a b", "XADD t 2-1 a b", "XGROUP CREATE t g 0", "XADD o 1-0 a b",
]
CALLS = [
    "XGROUP CREATE s g 0", "XGROUP CREATE s", "XGROUP CREATE s h", "XGROUP CREATE none h 0", "XGROUP CREATE str h 0", "XGROUP CREATE s h x",
    "XGROUP CREATE s h -", "XGROUP CREATE s h +", "XGROUP CREATE n h x MKSTREAM", "EXISTS n", "XGROUP CREATE n h $ MKSTREAM", "XINFO STREAM n", "XINFO GROUPS n",
    "XGROUP CREATE s h 0 FOO", "XGROUP CREATE s h 0 ENTRIESREAD", "XGROUP CREATE s h 0 ENTRIESREAD x", "XGROUP CREATE s h 0 ENTRIESREAD -2",
    "XGROUP CREATE s h 3 ENTRIESREAD 3", "XGROUP CREATE s i 3 ENTRIESREAD -1 MKSTREAM", "XGROUP CREATE s j 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM",
    "XGROUP CREATE s j 0 ENTRIESREAD 9 ENTRIESREAD 1", "XGROUP CREATE none j 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM", "XINFO GROUPS s",
    "XGROUP SETID s", "XGROUP SETID none g 0", "XGROUP SETID s none 0", "XGROUP SETID s none x", "XGROUP SETID str g 0", "XGROUP SETID s i x",
    "XGROUP SETID s i -", "XGROUP SETID s i +", "XINFO GROUPS s", "XGROUP SETID s i 5 ENTRIESREAD 5", "XGROUP SETID s i 5 MKSTREAM", "XGROUP SETID s i $ ENTRIESREAD -1",
    "XGROUP SETID s i 1 ENTRIESREAD 5 ENTRIESREAD 6", "XINFO GROUPS s", "XGROUP SETID s i 9 ENTRIESREAD 9223372036854775807", "XINFO GROUPS s",
    "XGROUP CREATECONSUMER s g c", "XGROUP CREATECONSUMER s g c", "XGROUP CREATECONSUMER s none c", "XGROUP CREATECONSUMER none g c", "XGROUP CREATECONSUMER str g c",
    "XGROUP CREATECONSUMER s g", "XGROUP DELCONSUMER s g none", "XGROUP DELCONSUMER s none c", "XGROUP DELCONSUMER none g c", "XGROUP DESTROY none g",
    "XGROUP DESTROY s none", "XGROUP DESTROY str g", "XGROUP DESTROY s", "XGROUP", "XGROUP FOO s g", "XGROUP HELP x", "XINFO CONSUMERS s g",
    "XREADGROUP GROUP g c COUNT 2 STREAMS s >", "XREADGROUP GROUP g d COUNT 1 STREAMS s t > >", "XREADGROUP GROUP g c NOACK COUNT 1 STREAMS s >",
    "XREADGROUP GROUP g c STREAMS s 0", "XREADGROUP GROUP g c COUNT 1 STREAMS s 0", "XREADGROUP GROUP g c STREAMS s 1", "XREADGROUP GROUP g new STREAMS s 0",
    "XREADGROUP GROUP g c STREAMS s 9", "XREADGROUP GROUP none c STREAMS s >", "XREADGROUP GROUP g c STREAMS none >", "XREADGROUP GROUP g c STREAMS str >",
    "XREADGROUP GROUP g c STREAMS s x", "XREADGROUP GROUP g c STREAMS s $", "XREADGROUP GROUP g c STREAMS s +", "XREADGROUP GROUP g c STREAMS s -",
    "XREADGROUP GROUP g c STREAMS s s >", "XREADGROUP GROUP g c STREAMS s t > x", "XREADGROUP GROUP g STREAMS s s >", "XREADGROUP COUNT 1 NOACK STREAMS s t 0 0",
    "XREADGROUP GROUP g c COUNT x STREAMS s >", "XREADGROUP GROUP g c BLOCK x STREAMS s >", "XREADGROUP GROUP g c FOO STREAMS s >", "XREADGROUP GROUP g c BLOCK 1 STREAMS s",
    "XREADGROUP GROUP g c STREAMS o >", "XREADGROUP GROUP late c STREAMS s >", "XREADGROUP GROUP late c BLOCK 1 STREAMS s >", "XREADGROUP GROUP g c STREAMS s s > 0",
    "XREADGROUP GROUP g c STREAMS s 18446744073709551615-18446744073709551615", "XREADGROUP STREAMS s GROUP g c >", "XINFO CONSUMERS s g", "XINFO CONSUMERS s late",
    "XINFO GROUPS s", "XDEL s 2", "XREADGROUP GROUP g c STREAMS s 0", "XINFO GROUPS s", "XPENDING s g", "XPENDING s late", "XPENDING s none", "XPENDING none g", "XPENDING str g",
    "XPENDING s g - + 10", "XPENDING s g - + 1", "XPENDING s g - + 0", "XPENDING s g - + -1", "XPENDING s g - + 10 c", "XPENDING s g - + 10 none",
    "XPENDING s g (1 + 10", "XPENDING s g 2 (3 10", "XPENDING s g (- + 1", "XPENDING s g IDLE 100000000 - + 10", "XPENDING s g IDLE 0 - + 10 d", "XPENDING s g IDLE -5 - + 10",
    "XPENDING s g IDLE", "XPENDING s g IDLE 1", "XPENDING s g IDLE x - +", "XPENDING s g IDLE 1 - +", "XPENDING s g IDLE 0 - + x", "XPENDING s g - + x", "XPENDING s g x + 1",
    "XPENDING s g - x 1", "XPENDING s g -", "XPENDING s g - +", "XPENDING s g - + 10 c extra", "XPENDING s g IDLE 0 - + 10 c extra", "XPENDING s none x + 1", "XPENDING s",
    "XCLAIM s g d 0 1", "XPENDING s g - + 10", "XCLAIM s g d 0 1 JUSTID", "XCLAIM s g d 100000000 1", "XCLAIM s g d 0 9-0 99-0", "XCLAIM s g d 0 9-0 99-0 FORCE", "XCLAIM s g d 0 8-0 FORCE JUSTID",
    "XCLAIM s g d 0 2-0", "XPENDING s g - + 10", "XCLAIM s g d 0 1 IDLE 5000000 RETRYCOUNT 7", "XCLAIM s g d 100000 1 TIME 1000", "XCLAIM s g d 100000 1 idle -5 justid",
    "XCLAIM s g d 0 1 TIME 99999999999999 RETRYCOUNT -1", "XCLAIM s g d 0 1 LASTID 9-5", "XINFO GROUPS s", "XCLAIM s g d 0 1 LASTID 3-5", "XCLAIM s g d 0 1 LASTID x",
    "XCLAIM s g d 0 1 IDLE", "XCLAIM s g d 0 1 IDLE x", "XCLAIM s g d 0 1 TIME x", "XCLAIM s g d 0 1 RETRYCOUNT x", "XCLAIM s g d 0 1 FOO", "XCLAIM s g d 0 1 2 x 3",
    "XCLAIM s g d 0 JUSTID", "XCLAIM s g d x 1", "XCLAIM s g d -1 1", "XCLAIM s none d 0 1", "XCLAIM none g d 0 1", "XCLAIM str g d 0 1", "XCLAIM s g d 0", "XCLAIM s g another 0 77-0",
    "XINFO CONSUMERS s g", "XCLAIM s g d -9223372036854775808 1 IDLE -9223372036854775808", "XPENDING s g - + 10",
    "XAUTOCLAIM s g e 0 0 COUNT 2", "XAUTOCLAIM s g e 0 3 COUNT 2 JUSTID", "XAUTOCLAIM s g e 0 (8 COUNT 2", "XAUTOCLAIM s g e 100000000 0", "XAUTOCLAIM s g e 0 +", "XAUTOCLAIM s g e x 0",
    "XAUTOCLAIM s g e 0 x", "XAUTOCLAIM s g e 0 0 FOO", "XAUTOCLAIM s g e 0 0 COUNT", "XAUTOCLAIM s g e 0 0 COUNT 0", "XAUTOCLAIM s g e 0 0 COUNT x", "XAUTOCLAIM s g e 0 0 COUNT 576460752303423488",
    "XAUTOCLAIM s none e 0 0", "XAUTOCLAIM none g e 0 0", "XAUTOCLAIM str g e 0 0", "XAUTOCLAIM s g e 0", "XDEL s 1 3", "XAUTOCLAIM s g f 0 0 COUNT 2", "XAUTOCLAIM s g f 0 0",
    "XINFO CONSUMERS s g", "XPENDING s g", "XACK s g 4 4 77", "XACK s g x", "XACK s none x", "XACK none g x", "XACK str g x", "XACK s g 4 x", "XACK s g", "XPENDING s g",
    "XGROUP DELCONSUMER s g f", "XPENDING s g", "XINFO STREAM s FULL", "XINFO STREAM s FULL COUNT 1", "XINFO STREAM t FULL", "XINFO CONSUMERS s none", "XINFO CONSUMERS none g", "XINFO CONSUMERS str g",
    "XINFO CONSUMERS s", "XINFO GROUPS none", "XINFO GROUPS str", "XINFO GROUPS s x", "XGROUP SETID s g 0", "XREADGROUP GROUP g d STREAMS s >", "XPENDING s g - + 10", "XGROUP DESTROY s g",
    "XINFO GROUPS s", "XREADGROUP GROUP g d STREAMS s >", "XGROUP DESTROY s late", "XINFO STREAM s FULL", "COPY t u", "XINFO STREAM u FULL", "XACK u g 1-1", "XPENDING t g", "XPENDING u g",
]


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey", "--enable-debug-command", "yes")


@pytest.fixture
def pair(request, lasting_server, lasting_valkey):
    request.node.watched = [lasting_server]
    for node in (lasting_server, lasting_valkey):
        node.call("FLUSHALL")
    return lasting_server, lasting_valkey


@pytest.mark.parametrize("version", [2, 3])
def test_calls_are_answered_as_by_valkey(pair, version):
    assert_same_replies(pair, SETTING + CALLS, version, same)


def entry_id(g):
    return g.one_of(f"{g.random.randint(1, 40)}-{g.random.randint(0, 1)}", f"{g.random.randint(1, 40)}")


def group(g):
    return g.one_of(*GROUPS)


def consumer(g):
    return g.one_of(*CONSUMERS)


def least_idle(g):
    """Nothing, or more than a test takes."""
    return g.one_of("0", "0", "0", "5000000", "-1")


def claim_options(g):
    return g.some(["IDLE", g.one_of("0", "10000000")], ["TIME", g.one_of("0", "1000", "99999999999999")], ["RETRYCOUNT", g.small(0, 9)], "FORCE", "JUSTID", ["LASTID", entry_id(g)])


COMMANDS = [
    *[lambda g: ["XADD", g.key(), entry_id(g), "field", g.value()]] * 5,
    lambda g: ["XDEL", g.key(), entry_id(g), entry_id(g)],
    lambda g: ["XTRIM", g.key(), *g.one_of(["MAXLEN", g.small(0, 12)], ["MINID", entry_id(g)])] if g.random.random() < 0.3 else ["XLEN", g.key()],
    *[lambda g: ["XGROUP", "CREATE", g.key(), group(g), g.one_of("0", "$", entry_id(g)), *g.some("MKSTREAM", ["ENTRIESREAD", g.small(-1, 20)])]] * 2,
    lambda g: ["XGROUP", "SETID", g.key(), group(g), g.one_of("0", "$", entry_id(g)), *g.some(["ENTRIESREAD", g.small(-1, 20)])],
    lambda g: ["XGROUP", "DESTROY", g.key(), group(g)] if g.random.random() < 0.2 else ["XINFO", "GROUPS", g.key()],
    lambda g: ["XGROUP", g.one_of("CREATECONSUMER", "CREATECONSUMER", "DELCONSUMER"), g.key(), group(g), consumer(g)],
    *[lambda g: ["XREADGROUP", "GROUP", group(g), consumer(g), *g.some(["COUNT", g.small(1, 4)], "NOACK"), "STREAMS", g.key(), g.one_of(">", ">", "0", entry_id(g))]] * 5,
    lambda g: ["XREADGROUP", "GROUP", group(g), consumer(g), "COUNT", "2", "BLOCK", "1", "STREAMS", g.key(), g.key(), ">", ">"],
    *[lambda g: ["XACK", g.key(), group(g), entry_id(g), entry_id(g), entry_id(g)]] * 2,
    lambda g: ["XPENDING", g.key(), group(g)],
    lambda g: ["XPENDING", g.key(), group(g), *g.some(["IDLE", least_idle(g)]), g.one_of("-", entry_id(g)), g.one_of("+", entry_id(g)), g.small(0, 9), *g.one_of([], [consumer(g)])],
    *[lambda g: ["XCLAIM", g.key(), group(g), consumer(g), least_idle(g), entry_id(g), entry_id(g), *claim_options(g)]] * 2,
    *[lambda g: ["XAUTOCLAIM", g.key(), group(g), consumer(g), least_idle(g), g.one_of("0", "(" + entry_id(g)), *g.some(["COUNT", g.small(1, 4)], "JUSTID")]] * 2,
    lambda g: ["XINFO", "STREAM", g.key(), "FULL", *g.one_of([], ["COUNT", g.small(0, 9)])],
    lambda g: ["XINFO", "CONSUMERS", g.key(), group(g)],
    lambda g: ["COPY", g.key(), g.key(), *g.some("REPLACE")],
    lambda g: ["DEL", g.key()] if g.random.random() < 0.1 else ["XLEN", g.key()],
    lambda g: ["SET", "string", "value"],
]


def hangs_on_time(words):
    """An id from the clock, a wait, or a time that the two servers may see on either side of."""
    upper = [word.upper() for word in words]
    if "BLOCK" in upper[:-1] and upper[upper.index("BLOCK") + 1] != "1":
        return True
    if "COUNT" in upper[:-1] and len(upper[upper.index("COUNT") + 1]) > 9:
        return True
    idles = words[4:5] if upper[0] in ("XCLAIM", "XAUTOCLAIM") else []
    idles += [word for option, word in zip(upper, words[1:]) if option in ("IDLE", "TIME")]
    known = ("0", "-1", "5000000", "10000000", "1000", "99999999999999")
    return any(idle.lstrip("-").isdigit() and idle not in known for idle in idles)


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(pair, version):
    differential.compare(
        *pair, COMMANDS, KEYS, version=version, same=same, avoid=hangs_on_time,
        epilogue=lambda key: [["XINFO", "STREAM", key, "FULL", "COUNT", "0"], ["XINFO", "GROUPS", key]],
    )


def hand_out(stream, key):
    """Groups that have read different parts, with consumers that have acknowledged some of it."""
    stream.exchange([["XADD", key, f"{number}-1", "field", str(number)] for number in range(1, 301)])
    stream.exchange([["XGROUP", "CREATE", key, name, start] for name, start in (("g", "0"), ("h", "100"), ("idle", "$"))])
    stream.exchange([
        ["XREADGROUP", "GROUP", name, consumer, "COUNT", str(count), "STREAMS", key, ">"]
        for name, consumer, count in (("g", "c", 20), ("g", "d", 200), ("g", "c", 30), ("h", "c", 60), ("h", "", 1))
    ])
    stream.exchange([["XACK", key, "g", f"{number}-1"] for number in range(1, 100, 3)])
    stream.exchange([["XGROUP", "CREATECONSUMER", key, "idle", "nobody"], ["XDEL", key, "7-1", "150-1"]])


def test_payloads_are_exchanged_both_ways(pair, peer):
    """DUMP of each is RESTOREd by the others, with who has what pending since when."""
    server, valkey = pair
    streams = {node: Stream(node, 2) for node in (server, valkey, peer)}
    for stream in streams.values():
        hand_out(stream, "key")
    questions = [
        ["XPENDING", "{}", "g", "-", "+", "1000"], ["XPENDING", "{}", "h"], ["XPENDING", "{}", "h", "-", "+", "9", ""], ["XINFO", "GROUPS", "{}"],
        ["XRANGE", "{}", "-", "+"],
    ]

    for source, target in [(server, valkey), (server, peer), (valkey, server), (peer, server), (server, server)]:
        payload = source.call("DUMP", "key")
        name = f"from-{source.port}"
        assert target.call("RESTORE", name, "0", payload, "REPLACE") == "OK"
        for words in questions:
            asked, expected = ([word.replace("{}", key) for word in words] for key in (name, "key"))
            found = streams[target].exchange([asked])[0], streams[source].exchange([expected])[0]
            assert as_told(words, found[0]) == as_told(words, found[1])
    for stream in streams.values():
        stream.close()


def test_active_times_travel_from_valkey(pair):
    server, valkey = pair
    valkey.call("XADD", "key", "1-1", "a", "b")
    valkey.call("XGROUP", "CREATE", "key", "g", "0")
    valkey.call("XGROUP", "CREATECONSUMER", "key", "g", "never")

    assert server.call("RESTORE", "key", 0, valkey.call("DUMP", "key")) == "OK"

    assert server.call("XINFO", "CONSUMERS", "key", "g")[0][7] == -1


@pytest.mark.parametrize("words, voids", [
    ("XREADGROUP GROUP g c STREAMS s >", False), ("XREADGROUP GROUP g c STREAMS s 0", False), ("XACK s g 1-1", False), ("XCLAIM s g d 0 1-1", False),
    ("XAUTOCLAIM s g d 0 0", False), ("XGROUP SETID s g 0", False), ("XGROUP DESTROY s g", False), ("XGROUP CREATE s h 0", False),
    ("XGROUP CREATECONSUMER s g z", False), ("XGROUP DELCONSUMER s g c", False), ("XSETID s 9-9", False), ("XDEL s 1-1", True), ("XDEL s 7-7", False),
    ("XTRIM s MAXLEN 1", True), ("XTRIM s MAXLEN 10", False), ("XADD s 5-5 a b", True), ("XGROUP CREATE n g 0 MKSTREAM", True),
])
def test_watched_streams_are_changed_by_entries_alone(pair, words, voids):
    for node in pair:
        with node.wire() as wire, node.wire() as other:
            for line in ("XADD s 1-1 f v", "XADD s 2-1 f v", "XGROUP CREATE s g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS s >", "WATCH s n"):
                wire.call(*line.split())
            assert not isinstance(other.call(*words.split()), Error)
            wire.call("MULTI")
            wire.call("PING")

            assert wire.call("EXEC") == (Null("null array") if voids else ["PONG"]), node


# MARK: Waiting


@pytest.fixture(params=["apus", "valkey"])
def node(request, lasting_server, lasting_valkey, shards):
    """The server under test, and beside it the one whose behaviour it has."""
    if request.param == "valkey" and shards != 1:
        pytest.skip("Valkey has no shards")
    chosen = lasting_server if request.param == "apus" else lasting_valkey
    chosen.call("FLUSHALL")
    return chosen


@pytest.fixture
def crowd(node):
    with Crowd(node) as crowd:
        yield crowd


def no_group(key, name="g"):
    return Error(f"NOGROUP No such key '{key}' or consumer group '{name}' in XREADGROUP with GROUP option")


WRONG = Error("WRONGTYPE Operation against a key holding the wrong kind of value")


def test_all_readers_get_what_is_added(node, crowd):
    waiting = [crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", "s", "$"), crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", "a", "s", "$", "0")]
    newer = crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", "s", "5", version=3)

    node.call("XADD", "s", "3-1", "f", "v")

    assert [wire.read() for wire in waiting] == [[[b"s", [[b"3-1", [b"f", b"v"]]]]]] * 2
    assert newer.is_quiet(0.05)
    node.call("XADD", "s", "5-1", "f", "v")
    assert newer.read() == Map([(b"s", [[b"5-1", [b"f", b"v"]]])])


def test_an_entry_of_a_group_goes_to_who_came_first(node, crowd):
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    first, second, third = (
        crowd.waiting("XREADGROUP", "GROUP", "g", name, "BLOCK", 0, "STREAMS", "s", ">") for name in ("first", "second", "third")
    )

    node.call("XADD", "s", "1-1", "f", "v")
    assert first.read() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]
    assert second.is_quiet(0.05)
    with crowd.client() as wire:
        for words in (("MULTI",), ("XADD", "s", "2-1", "f", "v"), ("XADD", "s", "3-1", "f", "v"), ("EXEC",)):
            wire.call(*words)

    # All that there is goes to one.
    assert second.read() == [[b"s", [[b"2-1", [b"f", b"v"]], [b"3-1", [b"f", b"v"]]]]]
    assert third.is_quiet(0.05)
    assert [entry[:2] for entry in node.call("XPENDING", "s", "g", "-", "+", 10)] == [[b"1-1", b"first"], [b"2-1", b"second"], [b"3-1", b"second"]]


def test_a_count_leaves_something_to_the_next(node, crowd):
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    readers = [crowd.waiting("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "BLOCK", 0, "STREAMS", "s", ">") for _ in range(2)]

    with crowd.client() as wire:
        for words in (("MULTI",), ("XADD", "s", "2-1", "f", "v"), ("XADD", "s", "3-1", "f", "v"), ("EXEC",)):
            wire.call(*words)

    assert [wire.read()[0][1][0][0] for wire in readers] == [b"2-1", b"3-1"]


def test_dollar_means_what_was_last_when_the_command_came(node, crowd):
    node.call("XADD", "s", "7-7", "f", "old")
    waiting = crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", "a", "s", "$", "$")
    node.call("XADD", "b", "1-1", "f", "v")
    node.call("XDEL", "s", "7-7")
    assert waiting.is_quiet(0.05)

    with crowd.client() as wire:
        for words in (("MULTI",), ("XADD", "s", "8-1", "f", "v"), ("XADD", "s", "9-1", "f", "v"), ("EXEC",)):
            wire.call(*words)

    assert waiting.read() == [[b"s", [[b"8-1", [b"f", b"v"]], [b"9-1", [b"f", b"v"]]]]]


def test_plus_means_the_last_entry_when_it_is_there(node, crowd):
    node.call("XADD", "s", "1-1", "f", "v")
    node.call("XTRIM", "s", "MAXLEN", 0)
    waiting = crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", "s", "+")

    with crowd.client() as wire:
        for words in (("MULTI",), ("XADD", "s", "8-1", "f", "v"), ("XADD", "s", "9-1", "f", "v"), ("EXEC",)):
            wire.call(*words)

    assert waiting.read() == [[b"s", [[b"9-1", [b"f", b"v"]]]]]


@pytest.mark.parametrize("act, error", [
    ("DEL s", no_group("s")), ("UNLINK s", no_group("s")), ("SET s x", WRONG), ("XGROUP DESTROY s g", no_group("s")), ("FLUSHALL", no_group("s")), ("FLUSHDB", no_group("s")),
    ("RENAME s t", no_group("s")), ("PEXPIRE s 20", no_group("s")), ("MOVE s 1", no_group("s")), ("SWAPDB 0 1", no_group("s")), ("COPY string s REPLACE", WRONG),
])
@pytest.mark.parametrize("keys", [["s"], ["s", "a", "b", "c"]])
def test_a_group_that_is_gone_ends_the_wait_of_its_readers(node, crowd, act, error, keys):
    node.call("SET", "string", "x")
    for key in keys:
        node.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
    reader = crowd.waiting("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", *keys, *[">"] * len(keys))
    plain = crowd.waiting("XREAD", "BLOCK", 0, "STREAMS", *keys, *["$"] * len(keys))

    node.call(*act.split())

    assert reader.read() == error
    # Who reads without a group waits on, for a stream that may come.
    assert plain.is_quiet(0.05)
    node.call("DEL", "s")
    node.call("XADD", "s", "99-1", "f", "v")
    assert plain.read() == [[b"s", [[b"99-1", [b"f", b"v"]]]]]


def test_a_group_is_destroyed_and_made_again(node, crowd):
    """What counts is what there is when the transaction is done."""
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    reader = crowd.waiting("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">")

    with crowd.client() as wire:
        for words in (("MULTI",), ("XGROUP", "DESTROY", "s", "g"), ("XGROUP", "CREATE", "s", "g", "0"), ("XADD", "s", "1-1", "f", "v"), ("EXEC",)):
            wire.call(*words)

    assert reader.read() == [[b"s", [[b"1-1", [b"f", b"v"]]]]]


def test_setting_a_group_back_serves_nobody(node, crowd):
    node.call("XADD", "s", "1-1", "f", "v")
    node.call("XGROUP", "CREATE", "s", "g", "$")
    reader = crowd.waiting("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">")

    node.call("XGROUP", "SETID", "s", "g", "0")
    assert reader.is_quiet(0.05)
    node.call("XADD", "s", "2-1", "f", "v")

    assert [entry[0] for entry in reader.read()[0][1]] == [b"1-1", b"2-1"]


def test_history_is_never_waited_for(node, crowd):
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")

    with crowd.client() as wire:
        assert wire.call("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", "0") == [[b"s", []]]


@pytest.mark.parametrize("words, reply", [
    ([], Null("null array")), (["TIMEOUT"], Null("null array")), (["ERROR"], Error("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
])
@pytest.mark.parametrize("reading", ["XREAD BLOCK 0 STREAMS s a b $ $ $", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XREADGROUP GROUP g c BLOCK 0 STREAMS s a b > > >"])
def test_client_unblock_ends_a_wait(node, crowd, reading, words, reply):
    for key in "sab":
        node.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
    client = crowd.client()
    number = client.call("CLIENT", "ID")
    client.send(command(*reading.split()))
    wait_for(lambda: crowd.blocked() == 1, what="the client waits")

    assert node.call("CLIENT", "UNBLOCK", number, *words) == 1

    assert client.read() == reply
    assert client.call("PING") == "PONG"


@pytest.mark.parametrize("version, null", [(2, "null array"), (3, "null")])
@pytest.mark.parametrize("words", ["XREAD BLOCK 30 STREAMS s $", "XREAD COUNT 1 BLOCK 30 STREAMS s a + $", "XREADGROUP GROUP g c BLOCK 30 STREAMS s a > >"])
def test_a_time_out_is_a_null_array_and_comes_in_time(node, crowd, words, version, null):
    for key in "sa":
        node.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
    client = crowd.client(version)
    began = time.monotonic()

    assert client.call(*words.split()) == Null(null)

    assert 0.025 < time.monotonic() - began < 1


def test_nobody_waits_in_a_transaction(node, crowd):
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    with crowd.client() as wire:
        for line in ("MULTI", "XREAD BLOCK 0 STREAMS s $", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >"):
            wire.call(*line.split())

        assert wire.call("EXEC") == [Null("null array")] * 2


def test_a_consumer_that_waits_has_been_seen(node, crowd):
    node.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    waiting = crowd.waiting("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">")
    name, inactive = (node.call("XINFO", "CONSUMERS", "s", "g")[0][index] for index in (1, 7))
    assert (name, inactive) == (b"c", -1)

    node.call("XADD", "s", "1-1", "f", "v")
    waiting.read()

    assert node.call("XINFO", "CONSUMERS", "s", "g")[0][7] >= 0


@pytest.mark.parametrize("seed", range(3))
def test_every_entry_goes_to_one_consumer_whatever_happens(node, seed):
    """Producers and consumers at once, over streams of all shards; some consumers leave."""
    chance = random.Random(seed)
    keys = ["a", "b", "c", "d"]
    for key in keys:
        node.call("XGROUP", "CREATE", key, "g", "0", "MKSTREAM")
    taken, total = [], 200
    with Crowd(node) as crowd:
        consumers = [crowd.client() for _ in range(8)]

        def read(consumer, count):
            chosen = chance.sample(keys, count)
            consumer.send(command("XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "NOACK", "BLOCK", 0, "STREAMS", *chosen, *[">"] * count))

        for consumer in consumers:
            read(consumer, chance.randint(1, 4))
        producers = [crowd.client() for _ in range(2)]
        for number in range(total):
            producers[number % 2].send(command("XADD", chance.choice(keys), "*", "number", number))
            if number % 4 == 0:
                read(chance.choice(consumers), 2)
        for producer in producers:
            for _ in range(total // 2):
                producer.read()
        for consumer in consumers:
            consumer.socket.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while True:
                    taken += [int(entry[1][1]) for _, entries in consumer.read() for entry in entries]
        left = node.call("XREADGROUP", "GROUP", "g", "last", "STREAMS", *keys, *[">"] * 4)
        taken += [int(entry[1][1]) for _, entries in (left if isinstance(left, list) else []) for entry in entries]

        assert sorted(taken) == list(range(total))


# MARK: What Redis 8.2 brought: no peer has it, its documentation says what is expected.


@pytest.fixture
def read_by_two(server):
    """A stream of four entries, which two groups were handed; each has acknowledged another one."""
    with server.wire() as wire:
        for number in range(1, 5):
            wire.call("XADD", "s", f"{number}-0", "f", number)
        for name, acknowledged in (("g", ["1-0", "2-0"]), ("h", ["2-0", "3-0"])):
            wire.call("XGROUP", "CREATE", "s", name, "0")
            wire.call("XREADGROUP", "GROUP", name, "c", "STREAMS", "s", ">")
            wire.call("XACK", "s", name, *acknowledged)
        yield wire


def ids(wire):
    return [entry[0].decode()[0] for entry in wire.call("XRANGE", "s", "-", "+")]


def pending(wire, name):
    return [entry[0].decode()[0] for entry in wire.call("XPENDING", "s", name, "-", "+", 10)]


@pytest.mark.apus_only
@pytest.mark.parametrize("rule, reply, left, of_g, of_h", [
    ([], [1, 1, -1], ["3", "4"], ["3", "4"], ["1", "4"]),
    (["KEEPREF"], [1, 1, -1], ["3", "4"], ["3", "4"], ["1", "4"]),
    (["delref"], [1, 1, -1], ["3", "4"], ["3", "4"], ["4"]),
    (["ACKED"], [2, 1, -1], ["1", "3", "4"], ["3", "4"], ["1", "4"]),
])
def test_xdelex_minds_references(read_by_two, rule, reply, left, of_g, of_h):
    assert read_by_two.call("XDELEX", "s", *rule, "IDS", 3, "1-0", "2-0", "9-0") == reply
    assert (ids(read_by_two), pending(read_by_two, "g"), pending(read_by_two, "h")) == (left, of_g, of_h)


@pytest.mark.apus_only
@pytest.mark.parametrize("rule, reply, left, of_g, of_h", [
    ([], [1, 1, -1, -1], ["1", "2"], [], ["1", "4"]),
    (["DELREF"], [1, 1, -1, -1], ["1", "2"], [], ["1"]),
    (["ACKED"], [1, 2, -1, -1], ["1", "2", "4"], [], ["1", "4"]),
])
def test_xackdel_acknowledges_first(read_by_two, rule, reply, left, of_g, of_h):
    assert read_by_two.call("XACKDEL", "s", "g", "IDS", 4, "3-0", "4-0", "2-0", "9-0", *rule) == reply
    assert (ids(read_by_two), pending(read_by_two, "g"), pending(read_by_two, "h")) == (left, of_g, of_h)


@pytest.mark.apus_only
def test_an_entry_that_a_group_has_not_been_handed_is_not_acked(server):
    with server.wire() as wire:
        wire.call("XADD", "s", "1-0", "f", "v")
        assert wire.call("XDELEX", "s", "ACKED", "IDS", 1, "1-0") == [1]  # no groups, no references
        wire.call("XADD", "s", "2-0", "f", "v")
        wire.call("XGROUP", "CREATE", "s", "g", "0")
        assert wire.call("XDELEX", "s", "ACKED", "IDS", 1, "2-0") == [2]
        wire.call("XGROUP", "SETID", "s", "g", "$")
        assert wire.call("XDELEX", "s", "ACKED", "IDS", 1, "2-0") == [1]


@pytest.mark.apus_only
def test_dangling_references_are_removed(read_by_two):
    read_by_two.call("XDEL", "s", "4-0")

    assert read_by_two.call("XDELEX", "s", "DELREF", "IDS", 1, "4-0") == [-1]
    assert (pending(read_by_two, "g"), pending(read_by_two, "h")) == (["3"], ["1"])


@pytest.mark.apus_only
@pytest.mark.parametrize("words, removed, left, of_g, of_h", [
    ("XTRIM s MAXLEN 1", 3, ["4"], ["3", "4"], ["1", "4"]),
    ("XTRIM s KEEPREF MAXLEN 1", 3, ["4"], ["3", "4"], ["1", "4"]),
    ("XTRIM s MAXLEN 1 DELREF", 3, ["4"], ["4"], ["4"]),
    ("XTRIM s MINID 2 DELREF", 1, ["2", "3", "4"], ["3", "4"], ["4"]),
    ("XTRIM s MAXLEN 1 ACKED", 1, ["1", "3", "4"], ["3", "4"], ["1", "4"]),
    ("XTRIM s MINID 2 ACKED", 0, ["1", "2", "3", "4"], ["3", "4"], ["1", "4"]),
    ("XTRIM s MAXLEN ~ 0 LIMIT 1 ACKED", 1, ["1", "3", "4"], ["3", "4"], ["1", "4"]),
    ("XTRIM s MAXLEN ~ 0 DELREF", 4, [], [], []),
])
def test_trimming_minds_references(read_by_two, words, removed, left, of_g, of_h):
    assert read_by_two.call(*words.split()) == removed
    assert (ids(read_by_two), pending(read_by_two, "g"), pending(read_by_two, "h")) == (left, of_g, of_h)


@pytest.mark.apus_only
def test_adding_trims_with_the_same_rules(read_by_two):
    assert read_by_two.call("XADD", "s", "ACKED", "MAXLEN", 2, "9-0", "f", "v") == b"9-0"
    assert ids(read_by_two) == ["1", "3", "4", "9"]

    assert read_by_two.call("XADD", "s", "MAXLEN", 2, "DELREF", "10-0", "f", "v") == b"10-0"
    assert read_by_two.call("XLEN", "s") == 2
    assert (pending(read_by_two, "g"), pending(read_by_two, "h")) == ([], [])


@pytest.mark.apus_only
@pytest.mark.parametrize("line, reply", [
    ("XDELEX none IDS 2 1 2", [-1, -1]), ("XDELEX str IDS 1 1", WRONG), ("XDELEX s IDS 1 x", Error("ERR Invalid stream ID specified as stream command argument")),
    ("XDELEX s IDS 0 1", Error("ERR Number of IDs must be a positive integer")), ("XDELEX s IDS x 1", Error("ERR Number of IDs must be a positive integer")),
    ("XDELEX s IDS 3 1 2", Error("ERR The `numids` parameter must match the number of arguments")), ("XDELEX s IDS 1 1 2", Error("ERR syntax error")),
    ("XDELEX s KEEPREF ACKED IDS 1 1", Error("ERR syntax error")), ("XDELEX s KEEPREF 1 1", Error("ERR syntax error")), ("XDELEX s IDS 1", Error("ERR wrong number of arguments for 'xdelex' command")),
    ("XDELEX s IDS 1 1 ACKED", [-1]), ("XACKDEL none g IDS 1 1", [-1]), ("XACKDEL s none IDS 2 1 2", [-1, -1]), ("XACKDEL str g IDS 1 1", WRONG),
    ("XACKDEL s g 1 1 1", Error("ERR syntax error")), ("XACKDEL s g IDS 1", Error("ERR wrong number of arguments for 'xackdel' command")),
])
def test_new_commands_check_their_words(server, line, reply):
    with server.wire() as wire:
        wire.call("SET", "str", "v")
        wire.call("XADD", "s", "9-0", "f", "v")

        assert wire.call(*line.split()) == reply
