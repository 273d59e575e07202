"""SORT and SORT_RO answer as Valkey 9.1 does, whatever holds the elements and wherever the keys of the patterns lie."""

import pytest

from differential import Pair, compare, same_elements
from nodes import give_out_slots, wait_for_cluster
from wire import Error, command, wait_for

KEYS = [f"sort:{number}" for number in range(6)] + ["{t}a", "{t}b"]
NUMBERS = [str(number) for number in range(-3, 9)] + ["1.5", "-2.25", "1e3", "inf", "-inf", "+4", ".5", "10", "010"]
WORDS = NUMBERS + list("abcdxyz") + ["", "ab", "abcdefgh", "abcdefghi", "abcdefgi", "A", "\xff", "x" * 70, "nan", "1e400", " 1", "0x10"]
WEIGHTS = [f"weight_{word}" for word in NUMBERS + list("abcd")]
HASHES = [f"hash_{word}" for word in NUMBERS + list("abcd")]


@pytest.fixture(scope="module")
def valkey(lasting):
    return lasting("valkey", "--enable-debug-command", "yes")


@pytest.fixture(scope="module")
def compared(lasting, shards):
    return lasting("apus", "--enable-debug-command", "yes", shards=shards)


@pytest.fixture
def both(compared, valkey):
    pair = Pair(compared, valkey)
    yield pair
    pair.close()


def members(g):
    pool = NUMBERS if g.random.random() < 0.7 else WORDS
    return [g.random.choice(pool) for _ in range(g.random.randint(1, 12))]


def scored(g):
    return [word for member in members(g) for word in (g.one_of("0", "1", "2", "-1"), member)]


def options(g, *more):
    return g.some(
        "ALPHA", "DESC", "ASC", ("BY", "weight_*"), ("BY", "nosort"), ("BY", g.one_of("weight_*", "*", "w*_x", "sort:*", "x*->f", "hash_*->f")),
        ("LIMIT", g.small(-3, 6), g.small(-3, 6)), ("GET", "#"), ("GET", "weight_*"), ("GET", g.one_of("none_*", "x", "sort:*", "weight_*->f", "hash_*->f", "hash_*->", "*->")),
        *more,
    )


COMMANDS = [
    lambda g: ["RPUSH", g.key(), *members(g)],
    lambda g: ["RPUSH", g.key(), *members(g)],
    lambda g: ["SADD", g.key(), *members(g)],
    lambda g: ["ZADD", g.key(), *scored(g)],
    lambda g: ["ZADD", g.key(), *scored(g)],
    lambda g: ["SET", g.random.choice(WEIGHTS), g.one_of(*NUMBERS)],
    lambda g: ["SET", g.random.choice(WEIGHTS), g.one_of(*WORDS)],
    lambda g: ["HSET", g.random.choice(HASHES), g.one_of("f", "f", "f", "other", ""), g.one_of(*WORDS)],
    lambda g: ["HSET", g.random.choice(HASHES), "f", g.one_of(*NUMBERS)],
    lambda g: ["DEL", g.random.choice(WEIGHTS + HASHES)],
    lambda g: ["DEL", g.key()],
    lambda g: ["SORT", g.key(), *options(g)],
    lambda g: ["SORT", g.key(), *options(g)],
    lambda g: ["SORT", g.key(), "ALPHA", *options(g)],
    lambda g: ["SORT", g.key(), "ALPHA", *options(g)],
    lambda g: ["SORT_RO", g.key(), *options(g, ("STORE", g.key()))],
    lambda g: ["SORT", g.key(), *options(g), "STORE", g.key()],
    lambda g: ["SORT", g.key(), "ALPHA", *options(g), "STORE", g.key()],
    lambda g: ["SORT", g.key(), g.one_of("FOO", "LIMIT", "GET", "BY", "STORE")],
    lambda g: ["LRANGE", g.key(), "0", "-1"],
    lambda g: ["TYPE", g.key()],
]


def without_order(words, ours, theirs):
    """Sets are in each server's own order where nothing sorts them, and so is what has equal weights without being equal."""
    words = [word.upper() if isinstance(word, str) else word.decode("latin-1").upper() for word in words]
    if words[0] not in ("SORT", "SORT_RO") or "LIMIT" in words:
        return False
    return "BY" in words and ours[:1] == theirs[:1] == b"*" and same_elements(ours, theirs)


def leaves_chance_behind(words):
    """Elements that nothing tells apart are stored, or cut off, in each server's own order; for Valkey a word ends at a zero."""
    words = [word.upper() for word in words]
    if any("\x00" in word for word in words):
        return True
    return words[0].startswith("SORT") and "BY" in words and ("STORE" in words or "LIMIT" in words)


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(compared, valkey, version):
    for node in (compared, valkey):
        node.call("FLUSHALL")
    compare(
        compared, valkey, COMMANDS, KEYS, version=version, same=without_order, avoid=leaves_chance_behind,
        epilogue=lambda key: [["TYPE", key], ["LRANGE", key, "0", "-1"]],
    )


CALLS = [
    "SORT l", "SORT l DESC", "SORT l ASC DESC", "SORT l DESC ASC", "SORT l ALPHA", "SORT l ALPHA DESC", "SORT words", "SORT words ALPHA",
    "SORT words ALPHA DESC", "SORT words BY nosort", "SORT none", "SORT none STORE d", "SORT text", "SORT text FOO", "SORT l FOO", "SORT",
    "SORT l LIMIT 1", "SORT l LIMIT x 1", "SORT l LIMIT 1 x", "SORT l LIMIT 0 99999999999999999999", "SORT l LIMIT -1 2",
    "SORT l LIMIT 2 -5", "SORT l LIMIT 4 10", "SORT l LIMIT 5 1", "SORT l LIMIT 9223372036854775807 9223372036854775807",
    "SORT l LIMIT 1 2", "SORT l DESC LIMIT 1 2", "SORT l BY nosort", "SORT l BY nosort DESC", "SORT l BY nosort LIMIT 1 2",
    "SORT l BY nosort DESC LIMIT 1 2", "SORT l BY nosort LIMIT 9 2", "SORT z BY nosort", "SORT z BY nosort DESC", "SORT z BY nosort LIMIT 1 1",
    "SORT z BY nosort DESC LIMIT 1 5", "SORT z", "SORT z DESC LIMIT 0 1", "SORT s", "SORT s DESC", "SORT s BY nosort STORE d",
    "SORT s BY nosort LIMIT 1 2 STORE d", "SORT l BY w_*", "SORT l BY w_* DESC", "SORT l BY w_* ALPHA", "SORT l BY w_* LIMIT 1 2",
    "SORT l BY w_* GET #", "SORT l BY w_* GET # GET w_* GET none_*", "SORT l GET x", "SORT l GET w_*", "SORT l GET * ", "SORT l GET w_*->",
    "SORT l GET w_*->f", "SORT l BY w_*->f", "SORT l BY nosort BY w_*", "SORT l BY w_* BY nosort", "SORT l BY words_*", "SORT l BY words_* ALPHA",
    "SORT l BY words_* ALPHA DESC", "SORT l GET", "SORT l BY", "SORT l STORE", "SORT l STORE d", "SORT l STORE l", "SORT l STORE text",
    "SORT l STORE d STORE e", "SORT l GET none_* STORE d", "SORT l GET w_* GET # STORE d", "SORT l LIMIT 9 9 STORE d", "SORT words STORE d",
    "SORT_RO l", "SORT_RO l STORE d", "SORT_RO l BY w_* GET #", "SORT_RO text", "SORT_RO", "SORT l BY l GET l", "SORT l GET text*", "SORT l BY l*",
]


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("line", CALLS)
def test_odd_calls_are_answered_as_by_valkey(both, line, version):
    both.hello(version)
    both("RPUSH", "l", "3", "10", "-1", "2.5")
    both("RPUSH", "words", "b", "a", "c", "B", "")
    both("SADD", "s", "3", "1", "2")
    both("ZADD", "z", "3", "1", "2", "2", "1", "3")
    both("MSET", "text", "x", "d", "old", "w_3", "1", "w_10", "0.5", "w_2.5", "7", "words_3", "q", "words_10", "abcdefghij", "words_-1", "abcdefghik")

    both(*line.split())

    for key in ("d", "l", "e"):
        both("TYPE", key)
        both("LRANGE", key, "0", "-1")


@pytest.mark.parametrize("depth", [0, 1])
def test_long_lists_are_sorted_also_where_they_are_compressed(both, depth):
    for wire in both.wires:
        wire.call("CONFIG", "SET", "list-compress-depth", depth)
    numbers = [str(number * 7919 % 10007) for number in range(10007)]
    both("RPUSH", "l", *numbers)

    assert both("SORT", "l") == [str(number).encode() for number in range(10007)]
    both("SORT", "l", "DESC", "LIMIT", "10", "20")
    both("SORT", "l", "ALPHA", "LIMIT", "4000", "5")
    both("SORT", "l", "BY", "nosort", "DESC", "LIMIT", "9990", "100")
    both("SORT", "l", "STORE", "d")
    both("LRANGE", "d", "0", "-1")
    for wire in both.wires:
        wire.call("CONFIG", "SET", "list-compress-depth", "0")


def test_what_is_stored_wakes_those_who_wait_for_it(compared):
    compared.call("FLUSHALL")
    compared.call("RPUSH", "l", "2", "1")
    with compared.wire() as waiting:
        waiting.send(command("BLPOP", "d", "0"))
        wait_for(lambda: compared.client().info("clients")["blocked_clients"] == 1, what="BLPOP waits")
        compared.call("SORT", "l", "STORE", "d")

        assert waiting.read() == [b"d", b"1"]


def test_a_transaction_sorts_by_keys_of_any_shard(both):
    both("RPUSH", "l", "1", "2", "3")
    for number, weight in enumerate(("30", "20", "10"), start=1):
        both("SET", f"weight_{number}", weight)
    for words in (["MULTI"], ["SORT", "l", "BY", "weight_*", "GET", "weight_*"], ["SORT", "l", "DESC", "STORE", "d"], ["EXEC"]):
        both(*words)
    both("LRANGE", "d", "0", "-1")


CLUSTER_CALLS = [
    "SORT {a}l BY w*", "SORT {a}l GET w*", "SORT {a}l BY {a}w* GET {a}w* GET #", "SORT {a}l BY {a}w*->x{b}", "SORT {a}l BY {a*}w",
    "SORT {a}l BY nosort", "SORT {a}l GET x", "SORT a BY a*", "SORT {a}l STORE b", "SORT x BY a* STORE {x}y", "SORT x GET a", "SORT {a}l GET {*}",
    "SORT {a}l BY x{a}*", "SORT {a}l BY *{a}", "SORT_RO {a}l BY w*", "SORT {a}l GET {a}", "SORT {a}l GET ?{a}*", "SORT {a}l GET [{a}*",
    "SORT {a}l GET a{a?}*", "SORT {a}l GET \\{a}*", "SORT {a}l GET x{a}[*", "SORT foo GET foo", "SORT {}a GET {}a", "SORT {}a GET {}a*",
    "SORT {a}l GET {{a}*", "SORT {a}l GET {a}}*", "SORT {a}l GET w* FOO", "SORT {a}l FOO GET w*", "SORT {a}l STORE {a}d",
]


def test_patterns_of_a_cluster_stay_in_the_slot_of_the_key(start, shards):
    nodes = [start("apus", shards=shards, cluster=True), start("valkey", cluster=True)]
    for node in nodes:
        give_out_slots([node])
        wait_for_cluster([node])
    pair = Pair(*nodes)
    pair("RPUSH", "{a}l", "3", "1", "2")
    pair("MSET", "{a}w1", "4", "{a}w2", "3")

    for line in CLUSTER_CALLS:
        pair(*line.split())

    assert isinstance(pair("SORT", "{a}l", "BY", "w*"), Error)
    pair.close()
