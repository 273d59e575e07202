"""Entries of streams that consumers give back, as Redis 8.8 documents XNACK: no peer has it, but what others make of them can be seen."""

import random

import pytest

from differential import SEED
from wire import Error

pytestmark = pytest.mark.apus_only
MOST = 2 ** 63 - 1
NOBODY = b""


@pytest.fixture
def wire(server):
    """A stream of six entries, of which a consumer was handed four."""
    with server.wire() as wire:
        for number in range(1, 7):
            wire.call("XADD", "s", f"{number}-0", "f", number)
        wire.call("XGROUP", "CREATE", "s", "g", "0")
        wire.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 4, "STREAMS", "s", ">")
        yield wire


def pending(wire, key="s", *filters):
    """Of each pending entry its number, who has it, and how often it was delivered."""
    return [(int(entry[0].split(b"-")[0]), entry[1], entry[3]) for entry in wire.call("XPENDING", key, "g", "-", "+", 99, *filters)]


@pytest.mark.parametrize("mode, count", [("SILENT", 0), ("FAIL", 1), ("FATAL", MOST)])
def test_a_mode_says_what_the_delivery_counts(wire, mode, count):
    assert wire.call("XNACK", "s", "g", mode, "IDS", 3, "2-0", "3-0", "9-0") == 2

    assert pending(wire) == [(1, b"c", 1), (2, NOBODY, count), (3, NOBODY, count), (4, b"c", 1)]
    assert [entry[2] for entry in wire.call("XPENDING", "s", "g", "2", "3", 9)] == [-1, -1]
    assert wire.call("XPENDING", "s", "g") == [4, b"1-0", b"4-0", [[b"c", b"2"]]]


def test_given_back_entries_are_no_news_but_can_be_claimed_at_once(wire):
    wire.call("XNACK", "s", "g", "FAIL", "IDS", 2, "1-0", "2-0")

    new = wire.call("XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">")
    assert [entry[0] for entry in new[0][1]] == [b"5-0", b"6-0"]
    assert wire.call("XCLAIM", "s", "g", "d", 10 ** 9, "1-0", "3-0", "JUSTID") == [b"1-0"]
    assert wire.call("XAUTOCLAIM", "s", "g", "d", 10 ** 9, "0", "JUSTID") == [b"0-0", [b"2-0"], []]
    assert pending(wire, "s", "d") == [(1, b"d", 1), (2, b"d", 1), (5, b"d", 1), (6, b"d", 1)]


def test_they_are_told_of_by_xinfo(wire):
    plain = dict(zip(*[iter(wire.call("XINFO", "STREAM", "s", "FULL"))] * 2))[b"groups"][0]
    wire.call("XNACK", "s", "g", "FAIL", "IDS", 1, "2-0")

    group = dict(zip(*[iter(wire.call("XINFO", "STREAM", "s", "FULL"))] * 2))[b"groups"][0]
    told = dict(zip(*[iter(group)] * 2))

    assert b"nacked-count" not in plain
    assert told[b"nacked-count"] == 1 and told[b"pel-count"] == 4
    assert told[b"pending"][1] == [b"2-0", NOBODY, 0, 1]
    assert wire.call("XINFO", "CONSUMERS", "s", "g")[0][3] == 3


def test_force_gives_back_what_nobody_had(wire):
    assert wire.call("XNACK", "s", "g", "SILENT", "IDS", 2, "5-0", "9-0") == 0
    assert wire.call("XNACK", "s", "g", "SILENT", "IDS", 2, "5-0", "9-0", "FORCE") == 1
    assert wire.call("XNACK", "s", "g", "FATAL", "IDS", 1, "6-0", "FORCE", "RETRYCOUNT", 3) == 1

    assert pending(wire)[4:] == [(5, NOBODY, 0), (6, NOBODY, 3)]


@pytest.mark.parametrize("end", ["delconsumer", "copy", "dump"])
def test_they_outlive_their_consumer_and_follow_their_stream(wire, end):
    wire.call("XNACK", "s", "g", "FAIL", "IDS", 1, "2-0", "RETRYCOUNT", 7)
    if end == "delconsumer":
        assert wire.call("XGROUP", "DELCONSUMER", "s", "g", "c") == 3
    elif end == "copy":
        assert wire.call("COPY", "s", "t") == 1
    else:
        assert wire.call("RESTORE", "t", 0, wire.call("DUMP", "s")) == "OK"

    if end == "delconsumer":
        assert pending(wire) == [(2, NOBODY, 7)]
    else:
        assert pending(wire, "t") == pending(wire) == [(1, b"c", 1), (2, NOBODY, 7), (3, b"c", 1), (4, b"c", 1)]
        assert [consumer[1] for consumer in wire.call("XINFO", "CONSUMERS", "t", "g")] == [b"c"]


@pytest.mark.parametrize("nameless", [False, True])
def test_others_find_them_with_a_consumer_without_a_name(wire, server, lasting, peer, nameless):
    """The format that is written has nobody else; from there they come back as what they were."""
    if nameless:
        wire.call("XREADGROUP", "GROUP", "g", "", "COUNT", 1, "STREAMS", "s", ">")
    wire.call("XNACK", "s", "g", "FAIL", "IDS", 2, "2-0", "3-0")
    expected, payload = pending(wire), wire.call("DUMP", "s")

    for other in (lasting("valkey"), peer):
        with other.wire() as theirs:
            assert theirs.call("RESTORE", "s", 0, payload, "REPLACE") == "OK"
            assert pending(theirs) == expected
            assert pending(theirs, "s", "") == [entry for entry in expected if entry[1] == NOBODY]
            assert wire.call("RESTORE", "back", 0, theirs.call("DUMP", "s"), "REPLACE") == "OK"
            assert theirs.call("XCLAIM", "s", "g", "d", 10 ** 9, "2-0", "JUSTID") == [b"2-0"]
        assert pending(wire, "back") == expected
        idle = {int(entry[0].split(b"-")[0]): entry[2] for entry in wire.call("XPENDING", "back", "g", "-", "+", 99)}
        assert [number for number in sorted(idle) if idle[number] == -1] == [2, 3]


@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_whatever_happens_every_entry_is_with_one_or_with_nobody(server, seed):
    """A group beside a dictionary of what is pending: of each entry who has it and how often it was delivered."""
    chance = random.Random(seed)
    model = {}
    with server.wire() as wire:
        for number in range(1, 41):
            wire.call("XADD", "r", f"{number}-0", "f", number)
        wire.call("XGROUP", "CREATE", "r", "g", "0")
        for _ in range(600):
            name, numbers = chance.choice("cde"), sorted(chance.sample(range(1, 45), chance.randint(1, 4)))
            ids = [f"{number}-0" for number in numbers]
            known = [number for number in numbers if number in model]
            action = chance.choice(["nack", "nack", "claim", "automatic", "ack", "forget", "read", "copy"])
            if action == "nack":
                mode, force = chance.choice(["SILENT", "FAIL", "FATAL"]), chance.choice([[], ["FORCE"]])
                retry = chance.choice([[], [], ["RETRYCOUNT", chance.randint(0, 9)]])
                given = [number for number in numbers if number in model or force and number <= 40]
                assert wire.call("XNACK", "r", "g", mode, *retry, "IDS", len(ids), *ids, *force) == len(given)
                for number in given:
                    count = model.get(number, (None, 0))[1]
                    count = {"SILENT": max(count - 1, 0), "FAIL": count, "FATAL": MOST}[mode]
                    model[number] = (b"", retry[1] if retry else count)
            elif action == "claim":
                free = [number for number in known if model[number][0] == b""]
                assert wire.call("XCLAIM", "r", "g", name, 10 ** 9, *ids, "JUSTID") == [f"{number}-0".encode() for number in free]
                model |= {number: (name.encode(), model[number][1]) for number in free}
            elif action == "automatic":
                free = [number for number in sorted(model) if model[number][0] == b"" and number >= numbers[0]][:2]
                reply = wire.call("XAUTOCLAIM", "r", "g", name, 10 ** 9, ids[0], "COUNT", 2)
                assert [entry[0] for entry in reply[1]] == [f"{number}-0".encode() for number in free] or len(model) > 20
                taken = [int(entry[0].split(b"-")[0]) for entry in reply[1]]
                model |= {number: (name.encode(), min(model[number][1] + 1, MOST)) for number in taken}
            elif action == "ack":
                assert wire.call("XACK", "r", "g", *ids) == len(known)
                for number in known:
                    del model[number]
            elif action == "forget" and chance.random() < 0.2:
                wire.call("XGROUP", "DELCONSUMER", "r", "g", name)
                model = {number: entry for number, entry in model.items() if entry[0] != name.encode()}
            elif action == "read":
                reply = wire.call("XREADGROUP", "GROUP", "g", name, "COUNT", 2, "STREAMS", "r", ">")
                for entry in reply[0][1] if isinstance(reply, list) else []:
                    model[int(entry[0].split(b"-")[0])] = (name.encode(), 1)
            elif action == "copy":
                wire.call("RESTORE", "r", 0, wire.call("DUMP", "r"), "REPLACE")
            assert pending(wire, "r") == [(number, *model[number]) for number in sorted(model)]
        wire.call("DEL", "r")


def test_watched_streams_are_not_changed_by_giving_back(wire, server):
    with server.wire() as other:
        other.call("WATCH", "s")
        wire.call("XNACK", "s", "g", "FAIL", "IDS", 1, "1-0")
        other.call("MULTI")
        other.call("PING")
        assert other.call("EXEC") == ["PONG"]


@pytest.mark.parametrize("line, reply", [
    ("XNACK s none FAIL IDS 1 1", Error("NOGROUP No such key 's' or consumer group 'none'")),
    ("XNACK str g FAIL IDS 1 1", Error("WRONGTYPE Operation against a key holding the wrong kind of value")),
    ("XNACK s g FAIL IDS 1", Error("ERR wrong number of arguments for 'xnack' command")), ("XNACK s g OTHER IDS 1 1", Error("ERR syntax error")),
    ("XNACK s g FAIL IDS 2 1", Error("ERR The `numids` parameter must match the number of arguments")),
])
def test_words_are_checked(wire, line, reply):
    wire.call("SET", "str", "v")

    assert wire.call(*line.split()) == reply
