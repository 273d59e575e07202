"""Fields of hashes that die: HEXPIRE and its kin, HSETEX, HGETEX and HGETDEL answer as Valkey 9.1 does, before and after."""

import itertools
import time

import pytest

import test_hashes
from differential import compare
from test_hashes import KEYS, LIMITS, draws_too_much, fields, pairs, same_hash
from wire import wait_for

FAR = 1_900_000_000_000


@pytest.fixture
def both(both, limited, valkey):
    yield both
    for node in (limited, valkey):
        node.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")


# Random commands: times are so far, or so long past, that it does not matter how fast the test runs.


def counted(fields, step=1):
    return ["FIELDS", len(fields) // step, *fields]


def far(g):
    return g.random.choice([FAR + g.random.randint(0, 9) * 1000, g.random.randint(0, 2000)])


def condition(g):
    return g.some("NX", "XX", "GT", "LT")[:g.random.choice([0, 1, 1, 1, 2])]


def expiration(g, other):
    choices = [("PXAT", str(far(g))), ("EXAT", str(far(g) // 1000)), ("EX", "0"), ("PX", "0"), other]
    return g.some(*choices)[:g.random.choice([2, 2, 2, 4])]


COMMANDS = [
    lambda g: ["HPEXPIREAT", g.key(), far(g), *condition(g), *counted(fields(g))],
    lambda g: ["HPEXPIREAT", g.key(), far(g), *counted(fields(g))],
    lambda g: ["HEXPIREAT", g.key(), far(g) // 1000, *condition(g), *counted(fields(g))],
    lambda g: ["HEXPIRE", g.key(), g.one_of("0", "-1", "x", "9223372036854775807", "9223372036854775"), *condition(g), *counted(fields(g))],
    lambda g: ["HPEXPIRE", g.key(), g.one_of("0", "-1", "", "9223372036854775807"), *condition(g), *counted(fields(g))],
    lambda g: ["HEXPIRETIME", g.key(), *counted(fields(g))],
    lambda g: ["HPEXPIRETIME", g.key(), *counted(fields(g))],
    lambda g: ["HTTL", g.key(), *counted(fields(g))],
    lambda g: ["HPTTL", g.key(), *counted(fields(g))],
    lambda g: ["HPERSIST", g.key(), *counted(fields(g))],
    lambda g: ["HGETDEL", g.key(), *counted(fields(g))],
    lambda g: ["HGETEX", g.key(), *expiration(g, "PERSIST"), *counted(fields(g))],
    lambda g: ["HSETEX", g.key(), *g.some("NX", "XX", "FNX", "FXX"), *expiration(g, "KEEPTTL"), *counted(pairs(g), 2)],
    lambda g: ["HSETEX", g.key(), *expiration(g, "KEEPTTL"), *counted(pairs(g, 10), 2)],
]


def same_life(words, ours, theirs):
    name = words[0].upper() if isinstance(words[0], str) else words[0].decode().upper()
    if name in ("HTTL", "HPTTL"):
        ours, theirs = ([int(line[1:]) for line in reply.split() if line[:1] == b":"] for reply in (ours, theirs))
        return same_moment(ours, theirs)
    return same_hash(words, ours, theirs)


def same_moment(ours, theirs):
    """Whether two replies are the same, but for times from now on, which one server tells a little later."""
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return (type(ours), ours) == (type(theirs), theirs)
    return len(ours) == len(theirs) and all(
        our == their or isinstance(our, int) and isinstance(their, int) and min(our, their) > 2 and abs(our - their) < 5000
        for our, their in zip(ours, theirs)
    )


def ask(both, *words):
    ours, theirs = (wire.call(*words) for wire in both.wires)
    assert same_moment(ours, theirs), f"{words!r}: ours {ours!r}, theirs {theirs!r}"


def hangs_on_speed(words):
    """GT and LT with a life that counts from now, as those with EX do, or one that is bent to a short one."""
    name, words = words[0].upper(), [word.upper() for word in words]
    relative = name in ("HEXPIRE", "HPEXPIRE")
    if not name.startswith("H"):
        return False
    if words[1:2] == ["FIELDS"]:
        return True  # Valkey takes the key for the word; see compatibility.md
    if draws_too_much(words) or relative and len(words) > 2 and words[2].isascii() and words[2].isdigit() and int(words[2]) > 0:
        return True
    lives = [word for option, word in zip(words, words[1:]) if option in ("EX", "PX")]
    return any(word.isascii() and word.isdigit() and word != "0" for word in lives)


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(limited, valkey, version):
    for node in (limited, valkey):
        node.call("FLUSHALL")
    compare(
        limited, valkey, test_hashes.COMMANDS + 2 * COMMANDS, KEYS, version=version, same=same_life, avoid=hangs_on_speed,
        epilogue=lambda key: [["HGETALL", key], ["HLEN", key], ["OBJECT", "ENCODING", key], ["TYPE", key]],
    )


CALLS = [
    "HEXPIRE h 100 FIELDS 1 f", "HEXPIRE h 100 FIELDS 3 f n x", "HEXPIRE none 100 FIELDS 2 a b", "HEXPIRE text 100 FIELDS 1 a",
    "HEXPIRE h x FIELDS 1 a", "HEXPIRE h -1 FIELDS 1 f", "HEXPIRE none -1 FIELDS 1 f", "HEXPIRE none x FIELDS 1 f", "HEXPIRE h 0 FIELDS 1 f",
    "HEXPIRE h 100 FIELDS 2 n", "HEXPIRE h 100 FIELDS 1 n m", "HEXPIRE h 100 FIELDS 0 n", "HEXPIRE h 100 FIELDS -1 n",
    "HEXPIRE h 100 FIELDS x n", "HEXPIRE h 100 foo 1 n", "HEXPIRE h 100 NX FIELDS 1 n", "HEXPIRE h 100 XX FIELDS 1 n",
    "HEXPIRE h 100 XX FIELDS 1 v", "HEXPIRE h 100 NX FIELDS 1 v", "HEXPIRE h 100 GT FIELDS 2 n v", "HEXPIRE h 900000000 GT FIELDS 2 n v",
    "HEXPIRE h 100 LT FIELDS 2 n v", "HEXPIRE h 900000000 LT FIELDS 2 n v", "HEXPIRE h 100 NX XX FIELDS 1 n", "HEXPIRE h 100 NX NX FIELDS 1 n",
    "HEXPIRE h 100 GT LT FIELDS 1 n", "HEXPIRE h 100 NX LT FIELDS 1 n", "HEXPIRE h 100 XX LT FIELDS 1 v", "HEXPIRE h 100 FIELDS 1 n NX",
    "HEXPIRE h 100 FIELDS 2 n n", "HEXPIRE h 0 FIELDS 2 n n", "HEXPIRE h 0 GT FIELDS 2 n v", "HEXPIRE h 0 LT FIELDS 2 n v",
    "HEXPIRE h 0 FIELDS 4 f n v v", "HEXPIRE h 9223372036854775807 FIELDS 1 n", "HEXPIRE h 9223372036854775 FIELDS 1 n",
    "HEXPIRE h -9223372036854775807 FIELDS 1 n", "HPEXPIRE h 9223372036854775807 FIELDS 1 n", "HPEXPIREAT h 9223372036854775807 FIELDS 1 n",
    "HEXPIREAT h 9223372036854775 FIELDS 1 n", "HPEXPIREAT h 1 FIELDS 1 n", "HPEXPIREAT h 0 FIELDS 1 n", "HPEXPIREAT h -1 FIELDS 1 n",
    "HEXPIRE h 100 FIELDS 1", "HEXPIRE h 100 FIELDS", "HEXPIRE h 100", "HEXPIRE h 100 NX FIELDS 1", "HEXPIRE h 100 NX XX FIELDS",
    "HEXPIRE h 100 foo bar baz", "HEXPIRE h 100 foo FIELDS 1 n", "HEXPIRE h x foo FIELDS 1 n", "HEXPIRE text 100 foo FIELDS 1 n",
    "HEXPIRE text x FIELDS 1 n", "HEXPIRE text x FIELDS 2 n", "HEXPIRE text 1 NX XX FIELDS 2 n", "HEXPIRE h 100 FIELDS FIELDS 1 n",
    "HEXPIRE h 100 NX XX FIELDS x n", "HEXPIRE h 100 foo FIELDS x n", "HEXPIRE h 100 fields 1 n", "HEXPIRE h 100 FIELDS 9223372036854775807 n",
    "HTTL h", "HTTL h FIELDS 1", "HTTL h FIELDS 2 a", "HTTL h FIELDS 1 a b", "HTTL h foo 1 a", "HTTL h FIELDS 0 a", "HTTL h FIELDS x a",
    "HTTL text foo 1 a", "HTTL text FIELDS 2 a", "HTTL text FIELDS 1 a", "HTTL none FIELDS 2 a b", "HTTL h FIELDS 4 f v x v",
    "HPTTL none FIELDS 1 a", "HEXPIRETIME h FIELDS 3 f v x", "HPEXPIRETIME h FIELDS 3 f v x", "HPEXPIRETIME none FIELDS 1 a",
    "HPERSIST h FIELDS 3 f v x", "HPERSIST none FIELDS 2 a b", "HPERSIST h FIELDS 0 a", "HPERSIST h foo 1 a", "HPERSIST h FIELDS x a",
    "HPERSIST text foo 1 a", "HPERSIST text FIELDS 2 a", "HPERSIST text FIELDS 1 a", "HPERSIST h FIELDS 2 v v", "HPERSIST h FIELDS 1",
    "HSETEX h", "HSETEX h FIELDS 1 f", "HSETEX h EX 100 FIELDS 1 f w", "HSETEX h EX 100 FIELDS 2 f w", "HSETEX h EX 100 FIELDS 1 f w g w",
    "HSETEX h EX 100 FIELDS 0 f w", "HSETEX h EX 100 FIELDS x f w", "HSETEX h EX 0 FIELDS 1 f w", "HSETEX h EX -1 FIELDS 1 f w",
    "HSETEX h EX x FIELDS 1 f w", "HSETEX h EXAT 1 FIELDS 2 f w new w", "HSETEX h PXAT 0 FIELDS 1 f w", "HSETEX none EXAT 1 FIELDS 1 f w",
    "HSETEX h EXAT 1 FIELDS 3 f w n w v w", "HSETEX h FIELDS 1 v w", "HSETEX h KEEPTTL FIELDS 2 v w f w", "HSETEX h FNX FIELDS 1 f w",
    "HSETEX h FNX FIELDS 2 f w new w", "HSETEX h FNX FIELDS 2 new w new x", "HSETEX h FXX FIELDS 2 f w new w", "HSETEX h FXX FIELDS 2 f w n w",
    "HSETEX h FNX FXX FIELDS 1 f w", "HSETEX h NX FIELDS 1 f w", "HSETEX h XX FIELDS 1 f w", "HSETEX none XX FIELDS 1 f w",
    "HSETEX none NX FIELDS 1 f w", "HSETEX h NX XX FIELDS 1 f w", "HSETEX h XX FNX FIELDS 1 new w", "HSETEX h FXX XX EX 10 FIELDS 1 f w",
    "HSETEX h EX 1 PX 1 FIELDS 1 f w", "HSETEX h EX 1000 KEEPTTL FIELDS 1 f w", "HSETEX h EX 1000 EX 2000 FIELDS 1 f w",
    "HSETEX h KEEPTTL KEEPTTL FIELDS 1 f w", "HSETEX h PERSIST FIELDS 1 f w", "HSETEX h FIELDS 1 f w EX 100", "HSETEX h foo FIELDS 1 f w",
    "HSETEX h EX FIELDS 1 f w", "HSETEX text EX 10 FIELDS 1 f w", "HSETEX text EX x FIELDS 1 f w", "HSETEX text NX FIELDS 1 f w",
    "HSETEX none XX EX x FIELDS 1 f w", "HSETEX none FXX EX x FIELDS 1 f w", "HSETEX none EX x FIELDS 1 f w", "HSETEX none FXX EX 0 FIELDS 1 f w",
    "HSETEX h EX 9223372036854775807 FIELDS 1 f w", "HSETEX h EX 9223372036854775 FIELDS 1 f w", "HSETEX h PX 9223372036854775807 FIELDS 1 f w",
    "HSETEX h PXAT 9223372036854775807 FIELDS 1 f w", "HSETEX h EX 10 a b c d", "HSETEX h EX 10 FXX XX KEEPTTL", "HSETEX h foo FIELDS x f w",
    "HSETEX h FIELDS 9223372036854775807 f w", "HSETEX h FIELDS 4611686018427387905 f w", "HSETEX h FIELDS -1 f w", "HSETEX h EX 10 FIELDS 1 f",
    "HSETEX h EX 10 FIELDS 2 f w f", "HSETEX h IFEQ 1 FIELDS 1 f w",
    "HGETEX h FIELDS 2 f x", "HGETEX h EX 100 FIELDS 2 f x", "HGETEX h PERSIST FIELDS 3 f v x", "HGETEX h EX 0 FIELDS 1 f",
    "HGETEX h EX -5 FIELDS 1 f", "HGETEX none EX -5 FIELDS 1 f", "HGETEX h EXAT 1 FIELDS 2 f f", "HGETEX h EXAT 1 FIELDS 3 f n v",
    "HGETEX none FIELDS 2 a b", "HGETEX none EX 10 FIELDS 2 a b", "HGETEX text FIELDS 1 a", "HGETEX h FIELDS 0 a", "HGETEX h FIELDS 2 a",
    "HGETEX h FIELDS 1 a b", "HGETEX h EX 10 PERSIST FIELDS 1 a", "HGETEX h KEEPTTL FIELDS 1 a", "HGETEX h FNX FIELDS 1 a",
    "HGETEX h NX FIELDS 1 a", "HGETEX h foo FIELDS 1 a", "HGETEX h EX FIELDS 1 a", "HGETEX h PERSIST PERSIST FIELDS 1 f",
    "HGETEX h EX 1000 EX 2000 FIELDS 1 f", "HGETEX text foo FIELDS 1 a", "HGETEX text EX x FIELDS 1 f", "HGETEX h EX x FIELDS 1 f",
    "HGETEX h FIELDS x f", "HGETEX h foo FIELDS x f", "HGETEX h EX 10 EX 20", "HGETEX h EX 10 a b c", "HGETEX h EX 10 FIELDS",
    "HGETEX h PERSIST a FIELDS 1 f", "HGETEX h EX FIELDS FIELDS 1 f", "HGETEX h EX 1 FIELDS FIELDS f", "HGETEX h PXAT 0 FIELDS 1 f",
    "HGETDEL h FIELDS 2 f x", "HGETDEL h FIELDS 2 n n", "HGETDEL h FIELDS 3 f n v", "HGETDEL none FIELDS 2 a b", "HGETDEL text FIELDS 1 a",
    "HGETDEL h FIELDS 0 a", "HGETDEL h FIELDS 2 a", "HGETDEL h FIELDS 1 a b", "HGETDEL h FIELDS x a", "HGETDEL h foo 1 a",
    "HGETDEL text foo 1 a", "HGETDEL text FIELDS 2 a", "HGETDEL h FIELDS 1",
]


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("line", CALLS)
def test_odd_calls_are_answered_as_by_valkey(both, line, version):
    both.hello(version)
    both("HSET", "h", "f", "w", "n", "5")
    both("HSETEX", "h", "PXAT", FAR, "FIELDS", "1", "v", "w")
    both("SET", "text", "x")

    ask(both, *line.split())

    both("HGETALL", "h", ordered=False)
    ask(both, "HPTTL", "h", "FIELDS", "4", "f", "n", "v", "new")
    both("EXISTS", "none")
    both("HLEN", "h")


ENCODINGS = [
    "HEXPIRE h 100 FIELDS 1 none", "HEXPIRE h 0 FIELDS 1 none", "HEXPIRE h 0 FIELDS 1 f", "HEXPIRE h 100 XX FIELDS 1 f",
    "HEXPIRE h 100 FIELDS 1 f", "HPERSIST h FIELDS 1 f", "HGETEX h FIELDS 1 f", "HGETEX h PERSIST FIELDS 1 f",
    "HGETEX h EX 100 FIELDS 1 none", "HGETEX h EX 100 FIELDS 1 f", "HGETEX h EX 0 FIELDS 1 f", "HSETEX h FIELDS 1 z y",
    "HSETEX h KEEPTTL FIELDS 1 z y", "HSETEX h FXX EX 10 FIELDS 1 z y", "HSETEX h EX 10 FIELDS 1 z y", "HSETEX h EX 0 FIELDS 1 z y",
    "HSETEX h EXAT 1 FIELDS 1 f y", "HTTL h FIELDS 1 f",
]


@pytest.mark.parametrize("line", ENCODINGS)
def test_a_hash_is_a_table_from_its_first_volatile_field_on(both, line):
    both("HSET", "h", "f", "v", "g", "w")

    both(*line.split())

    both("OBJECT", "ENCODING", "h")
    both("HPERSIST", "h", "FIELDS", "2", "f", "z")
    both("OBJECT", "ENCODING", "h")
    for node_keys in ("h", "copy"):
        both("COPY", "h", "copy", "REPLACE")
        both("OBJECT", "ENCODING", node_keys)


#: What is asked of, or done to, fields whose time has come while nobody has removed them.
ON_STALE = [
    "HLEN h", "HGETALL h", "HKEYS h", "HVALS h", "HGET h a", "HMGET h a b c", "HEXISTS h a", "HSTRLEN h a", "HTTL h FIELDS 2 a c",
    "HPEXPIRETIME h FIELDS 2 a c", "HEXPIRE h 100 FIELDS 1 a", "HEXPIRE h 0 FIELDS 1 a", "HPERSIST h FIELDS 1 a", "HRANDFIELD h",
    "HRANDFIELD h 5", "HRANDFIELD h -5", "HRANDFIELD h 5 WITHVALUES", "HSCAN h 0", "HSCAN h 0 NOVALUES", "HDEL h a", "HDEL h a b c",
    "HSETNX h b new", "HSET h b new", "HSET h b new c new", "HINCRBY h a 5", "HINCRBY h d 5", "HINCRBYFLOAT h a 2.5", "HSETEX h FNX FIELDS 1 a new",
    "HSETEX h FXX FIELDS 1 a new", "HSETEX h KEEPTTL FIELDS 2 a new c new", "HSETEX h EX 1000 FIELDS 1 a new", "HSETEX h EX 0 FIELDS 1 a new",
    "HGETEX h FIELDS 2 a c", "HGETEX h PERSIST FIELDS 1 a", "HGETEX h EX 1000 FIELDS 1 a", "HGETDEL h FIELDS 1 a", "HGETDEL h FIELDS 2 a c",
    "EXISTS h", "TYPE h", "OBJECT ENCODING h", "RENAME h other", "COPY h other", "DEL h", "HSETEX h NX FIELDS 1 x y", "HSETEX h XX FIELDS 1 x y",
]


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("all_stale", [False, True], ids=["some", "all"])
@pytest.mark.parametrize("line", ON_STALE)
def test_a_field_whose_time_has_come_is_gone_for_all_who_ask(both, line, all_stale, version):
    both("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    both.hello(version)
    both("HSETEX", "h", "PX", "1", "FIELDS", "2", "a", "1", "b", "2")
    if not all_stale:
        both("HSET", "h", "c", "3")
    time.sleep(0.005)

    both(*line.split(), ordered=False)

    for key in ("h", "other"):
        both("HGETALL", key, ordered=False)
        ask(both, "HPTTL", key, "FIELDS", "3", "a", "b", "c")
        both("HEXISTS", key, "a")
        if "COPY" not in line:
            both("HLEN", key)  # what is copied: see compatibility.md
            both("EXISTS", key)


def info(node, section):
    client = node.client()
    try:
        return client.info(section)
    finally:
        client.close()


@pytest.mark.parametrize("count", [3, 500])
def test_fields_die_by_themselves_and_the_last_takes_its_key(limited, count):
    limited.call("FLUSHALL")
    limited.call("CONFIG", "RESETSTAT")
    for number in range(10):
        words = [word for field in range(count) for word in (f"f{field}", "v")]
        limited.call("HSETEX", f"h{number}", "PX", "300", "FIELDS", count, *words)
        if number % 2:
            limited.call("HSET", f"h{number}", "stays", "v")
    assert info(limited, "keyspace")["db0"]["keys_with_volatile_items"] == 10

    wait_for(lambda: limited.call("DBSIZE") == 5, what="the keys whose last field has died to go")
    wait_for(lambda: info(limited, "stats")["expired_fields"] == 10 * count, what="all volatile fields to be counted as expired")

    assert all(limited.call("HLEN", f"h{number}") == number % 2 for number in range(10))
    assert info(limited, "keyspace")["db0"]["keys_with_volatile_items"] == 0


def test_volatile_hashes_are_counted_as_by_valkey(both, limited, valkey):
    def counts():
        found = [info(node, "keyspace") for node in (limited, valkey)]
        counts = [{database: fields["keys_with_volatile_items"] for database, fields in info.items()} for info in found]
        assert counts[0] == counts[1]
        return counts[0]

    both("HSET", "plain", "f", "v")
    assert counts() == {"db0": 0}
    both("HSETEX", "{t}h", "EX", "1000", "FIELDS", "2", "f", "v", "g", "v")
    both("HSETEX", "other", "EX", "1000", "FIELDS", "1", "f", "v")
    assert counts() == {"db0": 2}
    for words, expected in [
        (["RENAME", "{t}h", "{t}i"], 2), (["COPY", "{t}i", "{t}h"], 3), (["HDEL", "{t}h", "f"], 3), (["HPERSIST", "{t}h", "FIELDS", "1", "g"], 2),
        (["HSET", "{t}i", "f", "v", "g", "v"], 1), (["HEXPIRE", "plain", "100", "FIELDS", "1", "f"], 2), (["SET", "plain", "text"], 1),
        (["HGETEX", "other", "PERSIST", "FIELDS", "1", "f"], 0), (["HGETEX", "other", "EX", "100", "FIELDS", "1", "f"], 1),
        (["DUMP", "other"], 1), (["DEL", "other"], 0), (["HSETEX", "{t}h", "EX", "100", "FIELDS", "1", "f", "v"], 1),
    ]:
        both(*words) if words[0] != "DUMP" else None
        assert counts()["db0"] == expected, words
    both("SWAPDB", "0", "3")
    assert counts() == {"db3": 1}
    both("FLUSHALL")
    assert counts() == {}


def test_a_volatile_hash_travels_with_the_lives_of_its_fields(both, limited, valkey):
    both("HSET", "h", "stays", "v", "1", "2")
    both("HPEXPIREAT", "h", FAR, "FIELDS", "1", "1")
    both("HSETEX", "h", "PXAT", FAR + 1, "FIELDS", "1", "long", "x" * 300)

    ours, theirs = limited.call("DUMP", "h"), valkey.call("DUMP", "h")

    assert (ours[:1], ours[-10:-8]) == (theirs[:1], theirs[-10:-8]) == (b"\x16", b"\x50\x00")
    for source, target in ((ours, valkey), (theirs, limited), (ours, limited)):
        assert target.call("RESTORE", "copy", "0", source, "REPLACE") == "OK"
        assert target.call("HPEXPIRETIME", "copy", "FIELDS", "4", "stays", "1", "long", "none") == [-1, FAR, FAR + 1, -2]
        found = target.call("HGETALL", "copy")
        assert dict(zip(found[::2], found[1::2])) == {b"stays": b"v", b"1": b"2", b"long": b"x" * 300}
        assert target.call("OBJECT", "ENCODING", "copy") == b"hashtable"
    assert limited.call("DEBUG", "DIGEST-VALUE", "copy") == limited.call("DEBUG", "DIGEST-VALUE", "h")


def test_a_volatile_hash_migrates_to_who_knows_such(limited, valkey, peer):
    for node in (limited, valkey, peer):
        node.call("FLUSHALL")
    limited.call("HSET", "h", "f", "v", "stays", "v")
    limited.call("HPEXPIREAT", "h", FAR, "FIELDS", 1, "f")

    refusal = limited.call("MIGRATE", "127.0.0.1", peer.port, "h", 0, 5000)
    assert str(refusal) == "ERR Target instance replied with error: ERR DUMP payload version or checksum are wrong"
    assert limited.call("HLEN", "h") == 2
    for source, target in ((limited, valkey), (valkey, limited)):
        assert source.call("MIGRATE", "127.0.0.1", target.port, "h", 0, 5000) == "OK"
        assert source.call("EXISTS", "h") == 0
        assert target.call("HPEXPIRETIME", "h", "FIELDS", 2, "f", "stays") == [FAR, -1]
    assert info(limited, "keyspace")["db0"]["keys_with_volatile_items"] == 1


@pytest.mark.parametrize(
    "content",
    ["160201660176e80300000000000001670177ffffffffffffffff", "1601016601760000000000000000", "160101660176fbffffffffffffff", "1600"],
    ids=itertools.count(),
)
def test_payloads_with_odd_lives_are_read_as_by_valkey(both, valkey, content):
    both("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    both("RESTORE", "h", "0", sealed(bytes.fromhex(content)))
    both("HLEN", "h")
    both("HGETALL", "h")
    both("HPEXPIRETIME", "h", "FIELDS", "2", "f", "g")


def sealed(content):
    """A payload with the footer of Valkey's RDB version."""
    content += (80).to_bytes(2, "little")
    checksum = 0
    for byte in content:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x95AC9329AC4BC9B5 if checksum & 1 else 0)
    return content + checksum.to_bytes(8, "little")
