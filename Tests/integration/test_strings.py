"""Strings: every command of the family answers as Valkey 9.1 does."""

import pytest

from differential import compare, same_encoding

LIMIT = 1 << 20  # of strings, so that limits can be met without gigabytes
KEYS = [f"key:{number}" for number in range(12)] + ["", "{t}1", "{t}2", "with space", "k" * 300]


@pytest.fixture(scope="module")
def limited(lasting, shards):
    return lasting("apus", "--proto-max-bulk-len", LIMIT, shards=shards)


@pytest.fixture(scope="module")
def valkey(lasting):
    return lasting("valkey", "--proto-max-bulk-len", LIMIT)


def expiry(g):
    """Times to live that end long after the test, or lie in the past, or are no times."""
    return g.one_of(
        ("EX", g.one_of("1000", "0", "-1", g.integer())), ("PX", g.one_of("1000000", "0", "9223372036854775807")),
        ("EXAT", g.one_of("4102444800", "0", "9223372036854775")), ("PXAT", g.one_of("4102444800000", "x")), "KEEPTTL",
    )


def options(g):
    return g.some(expiry(g), expiry(g), "NX", "XX", "GET", "get", "bogus")


def offset(g):
    return g.one_of(g.small(0, 100), g.small(0, 1000), "1048575", "1048576", "1048570", g.integer())


COMMANDS = [
    lambda g: ["GET", g.key()],
    lambda g: ["GET", g.key()],
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.value(), *options(g)],
    lambda g: ["SET", g.key(), g.value(), *options(g)],
    lambda g: ["DEL", g.key()],
    lambda g: ["SETNX", g.key(), g.value()],
    lambda g: ["SETEX", g.key(), g.one_of("1000", g.integer()), g.value()],
    lambda g: ["PSETEX", g.key(), g.one_of("1000000", "0", "-1", "9223372036854775807", "x"), g.value()],
    lambda g: ["GETSET", g.key(), g.value()],
    lambda g: ["GETDEL", g.key()],
    lambda g: ["GETEX", g.key(), *g.some(expiry(g), "PERSIST", "persist", "EX")],
    lambda g: ["APPEND", g.key(), g.value()],
    lambda g: ["STRLEN", g.key()],
    lambda g: ["SETRANGE", g.key(), offset(g), g.value()],
    lambda g: ["GETRANGE", g.key(), g.small(-60, 60), g.small(-60, 60)],
    lambda g: ["SUBSTR", g.key(), g.small(), g.small()],
    lambda g: ["INCR", g.key()],
    lambda g: ["DECR", g.key()],
    lambda g: ["INCRBY", g.key(), g.integer()],
    lambda g: ["DECRBY", g.key(), g.integer()],
    lambda g: ["INCRBYFLOAT", g.key(), g.float()],
    lambda g: ["SET", g.key(), g.float()],
    lambda g: ["MGET", *(g.key() for _ in range(g.random.randint(1, 5)))],
    lambda g: ["MSET", *(word for _ in range(g.random.randint(1, 4)) for word in (g.key(), g.value()))],
    lambda g: ["MSETNX", *(word for _ in range(g.random.randint(1, 3)) for word in (g.key(), g.value()))],
    lambda g: [
        "LCS", g.key(), g.key(),
        *g.some("LEN", "IDX", ("MINMATCHLEN", g.small()), "WITHMATCHLEN", ("IDX", "WITHMATCHLEN"), "bogus"),
    ],
    lambda g: ["TTL", g.key()],
    lambda g: ["SET", g.key(), g.value(), *g.some(("IFEQ", g.value()), "GET", "NX", "XX", expiry(g))],
    lambda g: ["SET", g.key(), g.one_of("a", "1"), "IFEQ", g.one_of("a", "1"), *g.some("GET", expiry(g))],
    lambda g: ["SET", g.key(), g.one_of("a", "1")],
    lambda g: ["DELIFEQ", g.key(), g.value()],
    lambda g: ["DELIFEQ", g.key(), g.one_of("a", "1")],
    lambda g: [
        "MSETEX", g.one_of("2", "2", "2", "1", "3", g.integer()), g.key(), g.value(), g.key(), g.value(),
        *g.some("NX", "XX", expiry(g), "IFEQ", "GET"),
    ],
]


def same(words, ours, theirs):
    """Two clocks tick: a TTL may differ by a second."""
    return same_encoding(words, ours, theirs) or words[0].upper() == "TTL" and abs(int(ours[1:]) - int(theirs[1:])) <= 1 and b":-" not in ours + theirs


def what_is_kept(key):
    return [["GET", key], ["TTL", key], ["OBJECT", "ENCODING", key]]


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(limited, valkey, version):
    for node in (limited, valkey):
        node.call("FLUSHALL")
    compare(limited, valkey, COMMANDS, KEYS, version=version, same=same, epilogue=what_is_kept)
