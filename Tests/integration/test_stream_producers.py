"""Messages that producers send twice and streams take in once, as Redis 8.6 and 8.8 document it: no peer has it."""

import random
import time

import pytest

from differential import SEED
from wire import Error, Null

pytestmark = pytest.mark.apus_only
LIMITS = (b"idmp-duration", b"idmp-maxsize", b"pids-tracked", b"iids-tracked", b"iids-added", b"iids-duplicates")


@pytest.fixture
def wire(server):
    with server.wire() as wire:
        yield wire


def told(wire, key="s", *words):
    """What XINFO STREAM says of messages, in the order of `LIMITS`; None where it says nothing."""
    reply = wire.call("XINFO", "STREAM", key, *words)
    facts = dict(zip(reply[::2], reply[1::2]))
    return tuple(facts[name] for name in LIMITS) if LIMITS[0] in facts else None


def test_a_message_is_taken_in_once(wire):
    first = wire.call("XADD", "s", "IDMP", "p", "order-1", "*", "amount", 100)

    assert wire.call("XADD", "s", "IDMP", "p", "order-1", "*", "amount", 200) == first
    assert wire.call("XADD", "s", "IDMP", "q", "order-1", "*", "amount", 100) != first
    assert wire.call("XADD", "s", "IDMP", "p", "order-2", "MAXLEN", "~", 100, "*", "amount", 100) != first
    assert wire.call("XLEN", "s") == 3
    assert wire.call("XRANGE", "s", first, first)[0][1] == [b"amount", b"100"]
    assert told(wire) == told(wire, "s", "FULL") == (100, 100, 2, 3, 3, 1)


def test_a_message_may_be_known_by_what_it_says(wire):
    first = wire.call("XADD", "s", "IDMPAUTO", "p", "*", "user", "alice", "action", "login")

    assert wire.call("XADD", "s", "IDMPAUTO", "p", "*", "action", "login", "user", "alice") == first
    assert wire.call("XADD", "s", "IDMPAUTO", "p", "*", "action", "alice", "user", "login") != first
    assert wire.call("XADD", "s", "IDMPAUTO", "q", "*", "user", "alice", "action", "login") != first
    assert wire.call("XLEN", "s") == 3


@pytest.mark.parametrize("name", [b"\x00\x01\xff", b"x" * 65536, "hello世界".encode(), b"*", b"IDMP", b"1-1", b" "])
def test_names_are_any_bytes(wire, name):
    first = wire.call("XADD", "s", "IDMP", name, name, "*", "f", "v")

    assert wire.call("XADD", "s", "IDMP", name, name, "*", "f", "w") == first
    assert wire.call("XADD", "s", "IDMP", name, name + b"\x00", "*", "f", "w") != first


def test_messages_are_forgotten_in_time(wire):
    wire.call("XADD", "s", "1-0", "f", "v")
    assert told(wire) is None
    assert wire.call("XCFGSET", "s", "IDMP-DURATION", 1) == "OK"
    first = wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v")
    assert wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v") == first
    assert told(wire) == (1, 100, 1, 1, 1, 1)

    time.sleep(1.1)

    assert told(wire) == (1, 100, 0, 0, 1, 1)
    assert wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v") != first


def test_the_last_messages_of_each_producer_are_remembered(wire):
    wire.call("XADD", "s", "1-0", "f", "v")
    assert wire.call("XCFGSET", "s", "IDMP-MAXSIZE", 3) == "OK"
    sent = {(producer, name): wire.call("XADD", "s", "IDMP", producer, name, "*", "f", "v") for name in range(5) for producer in "pq"}

    assert told(wire) == (100, 3, 2, 6, 10, 0)
    for (producer, name), entry in sent.items():
        if name >= 2:
            assert wire.call("XADD", "s", "IDMP", producer, name, "*", "f", "v") == entry
    assert wire.call("XADD", "s", "IDMP", "p", 1, "*", "f", "v") != sent["p", 1]


def test_other_limits_begin_anew_and_the_same_do_not(wire):
    first = wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v")

    wire.call("XCFGSET", "s", "IDMP-DURATION", 100, "IDMP-MAXSIZE", 100)
    assert wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v") == first
    wire.call("XCFGSET", "s", "IDMP-MAXSIZE", 101)
    assert told(wire) == (100, 101, 0, 0, 1, 1)
    assert wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v") != first


def test_directives_say_what_holds_for_new_streams(wire):
    assert wire.call("CONFIG", "SET", "stream-idmp-duration", 7, "stream-idmp-maxsize", 2) == "OK"
    try:
        wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v")
        assert told(wire)[:2] == (7, 2)
        wire.call("CONFIG", "SET", "stream-idmp-maxsize", 9)
        assert told(wire)[:2] == (7, 2)
    finally:
        wire.call("CONFIG", "SET", "stream-idmp-duration", 100, "stream-idmp-maxsize", 100)
    for name, most in (("duration", 86400), ("maxsize", 10000)):
        for number in (0, most + 1):
            assert isinstance(wire.call("CONFIG", "SET", f"stream-idmp-{name}", number), Error)


def test_xidmprecord_notes_what_an_entry_was(wire):
    wire.call("XADD", "s", "1-0", "f", "v")
    wire.call("XADD", "s", "2-0", "f", "v")

    assert [wire.call("XIDMPRECORD", "s", "p", "m", "1-0") for _ in range(2)] == ["OK", "OK"]
    assert isinstance(wire.call("XIDMPRECORD", "s", "p", "m", "2-0"), Error)
    assert isinstance(wire.call("XIDMPRECORD", "s", "p", "n", "3-0"), Error)
    assert wire.call("XADD", "s", "IDMP", "p", "m", "*", "f", "v") == b"1-0"


def test_messages_are_copied_but_not_dumped(wire):
    first = wire.call("XADD", "{s}", "IDMP", "p", "m", "*", "f", "v")
    wire.call("COPY", "{s}", "{s}copy")
    wire.call("RESTORE", "{s}restored", 0, wire.call("DUMP", "{s}"))

    assert wire.call("XADD", "{s}copy", "IDMP", "p", "m", "*", "f", "v") == first
    assert told(wire, "{s}restored") is None


def test_what_is_remembered_is_counted_and_given_back(wire):
    wire.call("XADD", "s", "1-0", "f", "v")
    before = wire.call("MEMORY", "USAGE", "s")
    wire.call("XCFGSET", "s", "IDMP-MAXSIZE", 10)
    for number in range(40):
        wire.call("XIDMPRECORD", "s", "p", f"{number:0100}", "1-0")
    full = wire.call("MEMORY", "USAGE", "s")
    for number in range(40, 80):
        wire.call("XIDMPRECORD", "s", "p", f"{number:0100}", "1-0")

    assert before + 10 * 100 < full == wire.call("MEMORY", "USAGE", "s")


def test_a_transaction_knows_its_own_messages(wire):
    wire.call("MULTI")
    for name in ("a", "b", "a"):
        wire.call("XADD", "s", "IDMP", "p", name, "*", "f", "v")
    first, second, again = wire.call("EXEC")

    assert first == again != second


@pytest.mark.parametrize("seed", range(SEED, SEED + 4))
def test_whatever_is_sent_is_there_once(server, seed):
    """Streams beside dictionaries of what was sent to each."""
    chance = random.Random(seed)
    keys, sent, lengths = [f"r:{number}" for number in range(4)], {}, {}
    with server.wire() as wire:
        wire.call("DEL", *keys)
        for _ in range(1500):
            key, producer = chance.choice(keys), chance.choice(["p", "q", "r"])
            if chance.random() < 0.01 and key in lengths:
                wire.call("XCFGSET", key, "IDMP-MAXSIZE", chance.randint(1, 9999))
                maximum = told(wire, key)[1]
                if sent.get((key, "maximum")) != maximum:
                    sent = {name: value for name, value in sent.items() if name[0] != key} | {(key, "maximum"): maximum}
                continue
            words = ["IDMP", producer, chance.randint(1, 60)] if chance.random() < 0.6 else ["IDMPAUTO", producer]
            fields = [("a", chance.randint(1, 8)), ("b", chance.randint(1, 4))]
            name = (words[2],) if words[0] == "IDMP" else tuple(fields)
            chance.shuffle(fields)
            entry = wire.call("XADD", key, *words, "*", *[word for field in fields for word in field])
            messages = sent.setdefault((key, producer), {})
            if name in messages:
                assert entry == messages[name]
                continue
            messages[name] = entry
            lengths[key] = lengths.get(key, 0) + 1
            for old in list(messages)[: -sent.get((key, "maximum"), 100)]:
                del messages[old]
        for key in keys:
            assert wire.call("XLEN", key) == lengths.get(key, 0)
        wire.call("DEL", *keys)


WRONG = Error("WRONGTYPE Operation against a key holding the wrong kind of value")


@pytest.mark.parametrize("line, reply", [
    ("XADD s IDMP p m 9-9 f v", Error("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs")),
    ("XADD s IDMP p m IDMPAUTO q * f v", Error("ERR IDMP/IDMPAUTO specified multiple times")),
    ("XADD s IDMP p * f v", Error("ERR Invalid stream ID specified as stream command argument")), ("XADD none NOMKSTREAM IDMPAUTO p * f v", Null("null bulk")),
    ("XADD str IDMP p m * f v", WRONG), ("XCFGSET str IDMP-DURATION 1", WRONG), ("XIDMPRECORD str p m 1-0", WRONG),
    ("XCFGSET s", Error("ERR At least one parameter must be specified")), ("XCFGSET s IDMP-DURATION", Error("ERR syntax error")),
    ("XCFGSET none IDMP-DURATION 5", Error("ERR no such key")), ("XCFGSET s IDMP-MAXSIZE 10001", Error("ERR IDMP-MAXSIZE must be between 1 and 10000 entries")),
    ("XCFGSET s IDMP-DURATION 000", Error("ERR value is not an integer or out of range")), ("XIDMPRECORD s p m", Error("ERR wrong number of arguments for 'xidmprecord' command")),
])
def test_words_are_checked(wire, line, reply):
    wire.call("SET", "str", "v")
    wire.call("XADD", "s", "1-0", "f", "v")

    assert wire.call(*line.split()) == reply
    assert wire.call("XLEN", "s") == 1
