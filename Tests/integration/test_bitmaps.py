"""Bitmaps: every command of the family answers as Valkey 9.1 does."""

import pytest

from differential import compare, same_encoding

LIMIT = 1 << 20
KEYS = [f"bits:{number}" for number in range(8)] + ["{b}1", "{b}2", "{b}3"]


@pytest.fixture(scope="module")
def limited(lasting, shards):
    return lasting("apus", "--proto-max-bulk-len", LIMIT, shards=shards)


@pytest.fixture(scope="module")
def valkey(lasting):
    return lasting("valkey", "--proto-max-bulk-len", LIMIT)


def bit(g):
    return g.one_of(g.small(0, 200), g.small(0, 64), "8388607", "8388608", g.integer())


def field(g):
    return g.one_of(
        f"{g.one_of('i', 'u')}{g.random.randint(1, 64)}", f"{g.one_of('i', 'u')}{g.one_of(1, 8, 16, 32, 63, 64)}",
        "u0", "i65", "I8", "u", "x8", "i08", "u63",
    )


def place(g):
    return g.one_of(g.small(0, 150), f"#{g.random.randint(0, 12)}", g.integer(), "#-1", "#", "#8388607", "8388600")


def number(g):
    return g.one_of(g.small(-300, 300), g.integer(), "-9223372036854775681", "-9223372036854775680")


def steps(g):
    for _ in range(g.random.randint(0, 4)):
        yield from g.one_of(
            ("GET", field(g), place(g)), ("SET", field(g), place(g), number(g)),
            ("INCRBY", field(g), place(g), number(g)),
            ("OVERFLOW", g.one_of("WRAP", "SAT", "FAIL", "sat", "bogus", "FAIL")),
        )


def part(g):
    return g.one_of(
        (), (g.small(),), (g.small(), g.small()), (g.small(-60, 60), g.small(-60, 60), g.one_of("BIT", "BYTE", "bit")),
        (g.small(-9, 9), g.small(-9, 9), "bogus"), (g.small(), g.small(), "BIT", "x"),
    )


COMMANDS = [
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.value()],
    lambda g: ["SET", g.key(), g.one_of("\xff" * 8, "\xff" * 17, "\x00" * 16 + "\x01", "\xff\xf0\x00", "\xff" * 100)],
    lambda g: ["GET", g.key()],
    lambda g: ["DEL", g.key()],
    lambda g: ["SETBIT", g.key(), bit(g), g.one_of("0", "1", "1", g.integer())],
    lambda g: ["GETBIT", g.key(), bit(g)],
    lambda g: ["BITCOUNT", g.key(), *part(g)],
    lambda g: ["BITCOUNT", g.key()],
    lambda g: ["BITPOS", g.key(), g.one_of("0", "1", g.integer()), *part(g)],
    lambda g: ["BITPOS", g.key(), g.one_of("0", "1"), *part(g)],
    lambda g: ["BITOP", g.one_of("AND", "OR", "XOR", "NOT", "and", "NAND"), *(g.key() for _ in range(g.random.randint(1, 5)))],
    lambda g: ["BITOP", "NOT", g.key(), g.key()],
    lambda g: ["BITFIELD", g.key(), *steps(g)],
    lambda g: ["BITFIELD", g.key(), *steps(g)],
    lambda g: ["BITFIELD", g.key(), "OVERFLOW", g.one_of("WRAP", "SAT", "FAIL"), *steps(g)],
    lambda g: ["BITFIELD_RO", g.key(), *(("GET", field(g), place(g)) if g.random.random() < 0.9 else steps(g))],
    lambda g: ["OBJECT", "ENCODING", g.key()],
]


def has_a_start_alone(words):
    """BITCOUNT so is a mistake as in Redis, but not for Valkey."""
    return words[0].upper() == "BITCOUNT" and len(words) == 3


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(limited, valkey, version):
    for node in (limited, valkey):
        node.call("FLUSHALL")
    compare(
        limited, valkey, COMMANDS, KEYS, version=version, same=same_encoding, avoid=has_a_start_alone,
        epilogue=lambda key: [["GET", key], ["OBJECT", "ENCODING", key]],
    )
