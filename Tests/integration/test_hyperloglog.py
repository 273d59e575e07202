"""HyperLogLog: every command answers as Valkey 9.1 does, and leaves the same bytes."""

import pytest

import differential
from differential import assert_same_replies, replies

KEYS = ["h:1", "h:2", "h:3", "{h}4", "string", "set"]

CALLS = [
    "SET s v", "ZADD z 1 a", "PFADD s a", "PFADD z a", "PFADD", "PFADD h", "PFADD h", "GET h", "OBJECT ENCODING h", "PFADD h a b", "GET h",
    "PFADD h a b", "PFCOUNT h", "GET h", "PFCOUNT h", "PFCOUNT s", "PFCOUNT h s", "PFCOUNT z", "PFCOUNT nokey", "PFCOUNT nokey h",
    "PFCOUNT", "PFMERGE d h", "GET d", "PFMERGE s h", "PFMERGE z h", "PFMERGE h z", "PFMERGE d2", "GET d2", "PFMERGE d2 nokey",
    "PFDEBUG ENCODING h", "PFDEBUG DECODE h", "PFDEBUG TODENSE h", "GET h", "PFCOUNT h", "PFDEBUG TODENSE h", "PFDEBUG ENCODING h",
    "PFDEBUG DECODE h", "PFDEBUG GETREG h", "PFDEBUG GETREG nokey", "PFDEBUG FOO h", "PFDEBUG FOO nokey", "PFDEBUG DECODE s",
    "PFDEBUG ENCODING h x", "PFDEBUG x", "PFDEBUG ENCODING z", "PFSELFTEST x", "PFADD sparse 1 2 3", "PFDEBUG DECODE sparse",
    "PFDEBUG GETREG sparse", "PFDEBUG ENCODING sparse", "PFMERGE sparse2 sparse", "PFADD mixed x", "PFMERGE mixed h", "GET mixed",
    # The life of a key is not touched.
    "PFADD living a", "PEXPIREAT living 99999999999999", "PFADD living b c d", "PFCOUNT living", "PFMERGE living h",
    "PEXPIRETIME living",
]
#: What is done to a good string, so that it is none: the commands that are then refused.
DAMAGES = {
    "more behind it": ["APPEND", "h", "hello"],
    "another magic": ["SETRANGE", "h", "0", "0123"],
    "an encoding that there is not": ["SETRANGE", "h", "4", "x"],
    "dense, of the wrong length": ["SETRANGE", "h", "4", "\x00"],
    "runs that are too long": ["SETRANGE", "h", "16", "\x7f\xff\x7f\xff"],
    "a run cut in two": ["SETRANGE", "h", "16", "\x00\x40"],
    "too few registers": ["SETRANGE", "h", "16", "\x00\x00\x00\x00\x00\x00\x00\x00\x00"],
}


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey")


@pytest.fixture(params=[3000, 40], ids=lambda limit: f"sparse{limit}")
def pair(request, lasting_server, lasting_valkey):
    request.node.watched = [lasting_server]
    for node in (lasting_server, lasting_valkey):
        node.call("FLUSHALL")
        node.call("CONFIG", "SET", "hll-sparse-max-bytes", request.param)
    return lasting_server, lasting_valkey


@pytest.mark.parametrize("version", [2, 3])
def test_calls_are_answered_as_by_valkey(pair, version):
    assert_same_replies(pair, CALLS, version)


@pytest.mark.parametrize("count", [10, 300, 2000, 20_000])
def test_bytes_and_estimates_are_those_of_valkey(pair, count):
    calls = []
    for start in range(0, count, 10):
        calls.append(["PFADD", "h", *(f"element:{number}" for number in range(start, min(count, start + 10)))])
        if start % 500 == 0:
            calls += [["PFCOUNT", "h"], ["GET", "h"]]
    calls += [["PFCOUNT", "h"], ["PFDEBUG", "ENCODING", "h"], ["PFADD", "other", "x", "y"], ["PFMERGE", "other", "h"], ["GET", "other"]]

    assert [words for words, our, their in replies(pair, calls) if our != their] == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused_as_by_valkey(pair, damage):
    changed = [word.encode("latin-1") for word in DAMAGES[damage]]
    calls = [["PFADD", "h", "a", "b", "c"], changed, ["PFCOUNT", "h"], ["PFCOUNT", "h", "nokey"], ["PFMERGE", "d", "h"], ["PFDEBUG", "TODENSE", "h"]]

    assert [reply for reply in replies(pair, calls) if reply[1] != reply[2]] == []


def test_the_self_test_is_passed(server):
    assert server.call("PFSELFTEST") == "OK"


def element(g):
    return g.one_of("a", "b", g.value(), f"e{g.random.randint(0, 5000)}")


COMMANDS = [
    *[lambda g: ["PFADD", g.key(), *(element(g) for _ in range(g.random.randint(0, 20)))]] * 5,
    lambda g: ["PFCOUNT", g.key()],
    lambda g: ["PFCOUNT", g.key(), g.key(), g.key()],
    lambda g: ["PFMERGE", g.key(), g.key()],
    lambda g: ["PFMERGE", g.key(), g.key(), g.key()],
    lambda g: ["PFDEBUG", g.one_of("ENCODING", "DECODE", "TODENSE", "decode"), g.key()],
    lambda g: ["GET", g.key()],
    lambda g: ["STRLEN", g.key()],
    lambda g: ["DEL", g.key()],
    lambda g: ["COPY", g.key(), g.key(), "REPLACE"],
    lambda g: ["SET", "string", "value"],
    lambda g: ["SADD", "set", "a"],
]


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(pair, version):
    differential.compare(*pair, COMMANDS, KEYS, version=version, epilogue=lambda key: [["GET", key]])
