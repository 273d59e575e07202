"""Hashes: every command of the family answers as Valkey 9.1 does, in any encoding; what is in no order is compared sorted."""

import itertools

import pytest

from differential import compare, elements, same_elements, same_encoding, same_scan
from wire import Error

KEYS = [f"hash:{number}" for number in range(8)] + ["{t}a", "{t}b", ""]
#: Low enough that random commands meet them from both sides.
LIMITS = ["--hash-max-listpack-entries", "8", "--hash-max-listpack-value", "20"]
FIELDS = [str(number) for number in range(-2, 6)] + list("abcdefg") + [
    "", "01", "-0", "32767", "9223372036854775807", "9223372036854775808", "\x00\xff", "x" * 20, "x" * 21, "y" * 130, "z" * 5000,
]


def field(g):
    return g.random.choice(FIELDS) if g.random.random() < 0.4 else g.one_of(*FIELDS[:15])


def value(g):
    return g.random.choice([g.value, g.integer, g.float, lambda: "short", lambda: "x" * g.random.randint(15, 25)])()


def fields(g, most=5):
    return [field(g) for _ in range(g.random.randint(1, most))]


def pairs(g, most=4):
    return [word for _ in range(g.random.randint(1, most)) for word in (field(g), value(g))]


def keys(g, most=3):
    return [g.key() for _ in range(g.random.randint(1, most))]


COMMANDS = [
    lambda g: ["HSET", g.key(), *pairs(g)],
    lambda g: ["HSET", g.key(), *pairs(g)],
    lambda g: ["HSET", g.key(), *pairs(g, 12)],
    lambda g: ["HMSET", g.key(), *pairs(g)],
    lambda g: ["HSETNX", g.key(), field(g), value(g)],
    lambda g: ["HGET", g.key(), field(g)],
    lambda g: ["HMGET", g.key(), *fields(g)],
    lambda g: ["HDEL", g.key(), *fields(g)],
    lambda g: ["HDEL", g.key(), *fields(g, 12)],
    lambda g: ["HLEN", g.key()],
    lambda g: ["HSTRLEN", g.key(), field(g)],
    lambda g: ["HEXISTS", g.key(), field(g)],
    lambda g: ["HGETALL", g.key()],
    lambda g: ["HKEYS", g.key()],
    lambda g: ["HVALS", g.key()],
    lambda g: ["HINCRBY", g.key(), field(g), g.integer()],
    lambda g: ["HINCRBY", g.key(), field(g), g.small()],
    lambda g: ["HINCRBYFLOAT", g.key(), field(g), g.float()],
    lambda g: ["HINCRBYFLOAT", g.key(), field(g), g.one_of("1.5", "-0.25", "3", "1e2")],
    lambda g: ["HSCAN", g.key(), g.one_of("0", "0", "0", g.integer()), *g.some(("MATCH", g.one_of("*", "[0-9]*", "?")), "TYPE", "COUNT", "NOVALUES")],
    lambda g: ["HSCAN", g.key(), "0", "COUNT", g.one_of("1000", "0", "-1", "x"), *g.some("NOVALUES")],
    lambda g: ["HRANDFIELD", g.key(), *g.some(g.one_of("3", "-3", "100", "0", "x"))],
    lambda g: ["HRANDFIELD", g.key(), g.one_of("3", "-3", "100", "0", g.integer()), *g.some("WITHVALUES")],
    lambda g: ["OBJECT", "ENCODING", g.key()],
    lambda g: ["SET", g.one_of(*KEYS[:2]), "text"],
    lambda g: ["DEL", *keys(g)],
    lambda g: ["COPY", g.key(), g.key(), *g.some("REPLACE")],
    lambda g: ["RENAME", g.key(), g.key()],
    lambda g: ["EXPIRE", g.key(), "100000"],
    lambda g: ["TYPE", g.key()],
]


def same_hash(words, ours, theirs):
    """Hashes have no order; what is drawn by chance is only counted; a scan's cursors are each server's own."""
    name = words[0].upper() if isinstance(words[0], str) else words[0].decode().upper()
    if name in ("HKEYS", "HVALS"):
        return same_elements(ours, theirs)
    if name == "HGETALL":
        return same_pairs(ours, theirs)
    if name == "HRANDFIELD":
        return ours[:1] == theirs[:1] and (ours[:1] == b"$" or ours.partition(b"\r\n")[0] == theirs.partition(b"\r\n")[0])
    return same_encoding(words, ours, theirs) or name == "HSCAN" and same_scan(words, ours, theirs)


def same_pairs(ours, theirs):
    """Whether two flat replies of the same kind have the same fields with the same values, in whatever order."""
    heads = ours.partition(b"\r\n")[0] == theirs.partition(b"\r\n")[0]
    our, their = elements(ours), elements(theirs)
    return heads and our is not None and sorted(zip(our[::2], our[1::2])) == sorted(zip(their[::2], their[1::2]))


def draws_too_much(words, name="HRANDFIELD"):
    """A draw that may repeat and is refused here; see compatibility.md."""
    return words[0].upper() == name and words[2:3] and words[2].startswith("-") and len(words[2]) > 6


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(limited, valkey, version):
    for node in (limited, valkey):
        node.call("FLUSHALL")
    compare(
        limited, valkey, COMMANDS, KEYS, version=version, same=same_hash, avoid=draws_too_much,
        epilogue=lambda key: [["HGETALL", key], ["HLEN", key], ["OBJECT", "ENCODING", key], ["TYPE", key]],
    )


CALLS = [
    "HSET", "HSET k", "HSET k a", "HSET k a 1 b", "HSET text a", "HSET text a 1", "HMSET k a 1 b", "HMSET text a 1", "HMSET k a",
    "HSETNX k a", "HSETNX k a 1 b", "HSETNX text a 1", "HGET k", "HGET k a b", "HGET text a", "HGET none a", "HMGET k", "HMGET none a b",
    "HMGET text a", "HDEL k", "HDEL none a", "HDEL text a", "HDEL k a a", "HDEL k a n x", "HLEN", "HLEN none", "HLEN text", "HSTRLEN none a",
    "HSTRLEN k n", "HSTRLEN text a", "HEXISTS none a", "HEXISTS text a", "HKEYS none", "HKEYS text", "HVALS none", "HVALS text",
    "HGETALL none", "HGETALL text", "HGETALL k a", "HINCRBY k a", "HINCRBY k a 1", "HINCRBY k a x", "HINCRBY k n 1.5", "HINCRBY k n 1",
    "HINCRBY k n 9223372036854775807", "HINCRBY k n -9223372036854775808", "HINCRBY k new 9223372036854775807", "HINCRBY text a 1",
    "HINCRBY text a x", "HINCRBY none a x", "HINCRBYFLOAT k n 1.5", "HINCRBYFLOAT k a 1", "HINCRBYFLOAT k n x", "HINCRBYFLOAT k n inf",
    "HINCRBYFLOAT k n nan", "HINCRBYFLOAT text a inf", "HINCRBYFLOAT k n 1e5000", "HINCRBYFLOAT text a 1", "HINCRBYFLOAT none a x",
    "HINCRBYFLOAT k n -5", "HINCRBYFLOAT none a 3.0e3", "HRANDFIELD", "HRANDFIELD none", "HRANDFIELD text", "HRANDFIELD none 1",
    "HRANDFIELD none -1 WITHVALUES", "HRANDFIELD k x", "HRANDFIELD text x", "HRANDFIELD k x WITHVALUES", "HRANDFIELD k 1 foo",
    "HRANDFIELD k WITHVALUES", "HRANDFIELD k 1 WITHVALUES x", "HRANDFIELD k 0 WITHVALUES", "HRANDFIELD k 10 WITHVALUES", "HRANDFIELD k 10",
    "HRANDFIELD k 9223372036854775807 WITHVALUES", "HRANDFIELD k -9223372036854775808", "HRANDFIELD k -9223372036854775807 WITHVALUES",
    "HRANDFIELD k 9223372036854775807", "HRANDFIELD k 4611686018427387903 WITHVALUES",
    "HSCAN k", "HSCAN k x", "HSCAN none 0 COUNT 0", "HSCAN text 0", "HSCAN k 0 COUNT x", "HSCAN k 0 COUNT", "HSCAN k 0 TYPE hash",
    "HSCAN k 0 NOVALUES", "HSCAN k 0 NOSCORES", "HSCAN k 0 MATCH", "HSCAN k 0 MATCH a NOVALUES", "HSCAN k 0 MATCH a COUNT 1",
    "HSCAN none 0 NOVALUES", "SCAN 0 NOVALUES",
]


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("line", CALLS)
def test_odd_calls_are_answered_as_by_valkey(both, line, version):
    both.hello(version)
    both("HSET", "k", "a", "b", "n", "5")
    both("SET", "text", "x")

    both(*line.split(), ordered=False)

    both("HGETALL", "k", ordered=False)
    both("EXISTS", "none")


@pytest.mark.parametrize(
    "words",
    [
        ["HSET", "k", "f", "x" * 20], ["HSET", "k", "f", "x" * 21], ["HSET", "k", "x" * 20, "v"], ["HSET", "k", "x" * 21, "v"],
        ["HSETNX", "k", "f", "x" * 21], ["HSETNX", "k", "0", "x" * 21], ["HMSET", "k", "f", "x" * 21],
        ["HSET", "k", *(word for n in range(8) for word in (n, n))], ["HSET", "k", *(word for n in range(9) for word in (n, n))],
        ["HSET", "k", *(word for n in range(9) for word in ("0", n))], ["HINCRBY", "k", "x" * 21, "1"], ["HINCRBY", "k", "8", "1"],
        ["HINCRBYFLOAT", "k", "0", "0.1"], ["HINCRBYFLOAT", "k", "0", "1e30"], ["HSETEX", "k", "FIELDS", "1", "8", "x"],
        ["HSETEX", "k", "FIELDS", "1", "0", "x" * 21], ["HSETEX", "k", "FIELDS", "9", *("0" for n in range(18))],
    ],
    ids=itertools.count(),
)
@pytest.mark.parametrize("count", [1, 8])
def test_encodings_change_where_those_of_valkey_do(both, words, count):
    both("HSET", "k", *(word for number in range(count) for word in (number, number)))
    both("OBJECT", "ENCODING", "k")

    both(*words)

    both("OBJECT", "ENCODING", "k")
    both("COPY", "k", "copy")
    both("OBJECT", "ENCODING", "copy")
    both("HDEL", "k", *range(8))
    both("OBJECT", "ENCODING", "k")


@pytest.mark.parametrize("count", [3, 8, 200])
@pytest.mark.parametrize("prefix", ["", "f"])
def test_what_is_drawn_are_fields_with_their_values(limited, count, prefix):
    limited.call("FLUSHALL")
    everything = {f"{prefix}{number}".encode(): f"v{number}".encode() for number in range(count)}
    limited.call("HSET", "k", *(word for pair in everything.items() for word in pair))

    assert limited.call("HRANDFIELD", "k") in everything
    for wanted in (count // 3, count - 1):
        drawn = limited.call("HRANDFIELD", "k", wanted)
        assert len(set(drawn)) == wanted and set(drawn) <= everything.keys()
        drawn = limited.call("HRANDFIELD", "k", wanted, "WITHVALUES")
        drawn = dict(zip(drawn[::2], drawn[1::2]))
        assert len(drawn) == wanted and drawn.items() <= everything.items()
    drawn = limited.call("HRANDFIELD", "k", -3 * count)
    assert len(drawn) == 3 * count and set(drawn) <= everything.keys()
    with limited.wire() as wire:
        wire.call("HELLO", "3")
        drawn = wire.call("HRANDFIELD", "k", -count, "WITHVALUES")
        assert len(drawn) == count and all(everything[field] == value for field, value in drawn)


@pytest.mark.apus_only
def test_a_draw_that_would_take_all_memory_is_refused(limited):
    limited.call("HSET", "k", "a", "b")

    assert limited.call("HRANDFIELD", "k", "-9223372036854775807") == Error("ERR value is out of range")
    assert len(limited.call("HRANDFIELD", "k", "-100000")) == 100_000


def test_a_scan_sees_every_field_that_stays(limited):
    limited.call("FLUSHALL")
    staying = {f"stays:{number}".encode() for number in range(500)}
    limited.call("HSET", "k", *(word for field in staying for word in (field, field)))
    cursor, seen, step = b"0", {}, 0
    while True:
        cursor, found = limited.call("HSCAN", "k", cursor, "COUNT", 7)
        seen.update(zip(found[::2], found[1::2]))
        if cursor == b"0":
            break
        if step % 40 < 20:
            limited.call("HSET", "k", *(word for number in range(60) for word in (f"goes:{step % 20}:{number}", "x")))
        else:
            limited.call("HDEL", "k", *(f"goes:{step % 20}:{number}" for number in range(60)))
        step += 1

    assert seen.keys() >= staying
    assert all(seen[field] == field for field in staying)


@pytest.mark.apus_only
def test_hashes_are_imported_with_fields_that_were_named_before(limited):
    limited.call("FLUSHALL")
    with limited.wire() as wire, limited.wire() as other:
        assert wire.call("HIMPORT", "PREPARE", "user", "name", "age") == "OK"
        for number in range(20):
            assert wire.call("HIMPORT", "SET", f"u:{number}", "user", f"name {number}", number) == "OK"
        assert all(limited.call("HGETALL", f"u:{n}") == [b"name", f"name {n}".encode(), b"age", str(n).encode()] for n in range(20))

        limited.call("HSETEX", "u:0", "EX", 100, "FIELDS", 1, "old", "x")
        limited.call("EXPIRE", "u:0", 100)
        limited.call("SET", "text", "x")
        assert wire.call("HIMPORT", "SET", "u:0", "user", "new", "1") == "OK"
        assert limited.call("HGETALL", "u:0") == [b"name", b"new", b"age", b"1"]
        assert limited.call("TTL", "u:0") == -1
        assert str(wire.call("HIMPORT", "SET", "text", "user", "a", "b")).startswith("WRONGTYPE")
        assert limited.call("GET", "text") == b"x"

        assert str(wire.call("HIMPORT", "SET", "k", "user", "one")).startswith("ERR value count does not match")
        assert wire.call("HIMPORT", "PREPARE", "twice", "a", "b", "a") == Error("ERR duplicate field name")
        assert wire.call("HIMPORT", "SET", "k", "twice", "1", "2", "3") == Error("ERR no such fieldset")
        assert other.call("HIMPORT", "SET", "k", "user", "1", "2") == Error("ERR no such fieldset")
        assert limited.call("EXISTS", "k") == 0

        assert wire.call("HIMPORT", "PREPARE", "", *(f"f{n}" for n in range(30))) == "OK"
        assert wire.call("HIMPORT", "SET", "k", "", *range(30)) == "OK"
        assert (limited.call("HLEN", "k"), limited.call("OBJECT", "ENCODING", "k")) == (30, b"hashtable")
        assert wire.call("HIMPORT", "DISCARD", "user") == 1
        assert wire.call("HIMPORT", "DISCARD", "user") == 0
        wire.call("MULTI")
        wire.call("HIMPORT", "PREPARE", "p", "a")
        wire.call("HIMPORT", "SET", "in a transaction", "p", "b")
        assert wire.call("EXEC") == ["OK", "OK"]
        assert limited.call("HGET", "in a transaction", "a") == b"b"
        assert wire.call("HIMPORT", "DISCARDALL") == 2
        wire.call("HIMPORT", "PREPARE", "p", "a")
        wire.call("RESET")
        assert wire.call("HIMPORT", "SET", "k", "p", "1") == Error("ERR no such fieldset")


PAYLOADS = {
    "a listpack": "1012120000000400816602817602816e020501ff50004bba5a0ec9e69436",
    "a listpack of Redis": "1012120000000400816602817602816e020501ff0a008490939f57b4f3c2",
    "one by one": "040101660176500062d88ac72fd46908",
    "a zipmap": "090d020166010076016702007777ff03001d23a4d94f6a834f",
    "a ziplist": "0d161600000013000000040000016603017603016e03f6ff0600d95341f9b4afee7e",
    "volatile": "160201660176ffffffffffffffff016701770038d360ba0100005000f24f5d4432e36d7a",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_payloads_of_redis_and_valkey_are_read(both, payload):
    both("RESTORE", "k", "0", bytes.fromhex(payload))
    both("HGETALL", "k", ordered=False)
    both("OBJECT", "ENCODING", "k")
    both("HPEXPIRETIME", "k", "FIELDS", "3", "f", "g", "x")


@pytest.mark.parametrize("pairs", [{"f": "v"}, {"1": "2", "f": "-70000"}, {str(n): str(n * n) for n in range(50)}, {"f": "x" * 300}])
def test_dumps_are_read_by_redis_and_valkey(limited, valkey, peer, pairs):
    for node in (limited, valkey):
        node.call("FLUSHALL")
    words = [word for pair in pairs.items() for word in pair]
    limited.call("HSET", "k", *words)

    dump = limited.call("DUMP", "k")
    for node in (valkey, peer, limited):
        assert node.call("RESTORE", "copy", "0", dump, "REPLACE") == "OK"
        found = node.call("HGETALL", "copy")
        assert sorted(zip(found[::2], found[1::2])) == sorted((f.encode(), v.encode()) for f, v in pairs.items())
    for node in (valkey, peer):
        node.call("HSET", "theirs", *words)
        assert limited.call("RESTORE", "theirs", "0", node.call("DUMP", "theirs"), "REPLACE") == "OK"
        assert limited.call("DEBUG", "DIGEST-VALUE", "k")[0] == limited.call("DEBUG", "DIGEST-VALUE", "theirs")[0]
    if len(words) == 2 and len(words[1]) == 1:
        assert dump == peer.call("DUMP", "theirs")


@pytest.mark.apus_only
def test_memory_of_a_hash_follows_its_fields(limited):
    limited.call("FLUSHALL")
    for key, count in (("small", 5), ("large", 1000)):
        limited.call("HSET", key, *(word for number in range(count) for word in (f"field:{number}", f"value:{number}")))
    small, large = limited.call("MEMORY", "USAGE", "small"), limited.call("MEMORY", "USAGE", "large")

    assert 5 * 14 < small < 5 * 60
    assert 1000 * 20 < large < 1000 * 60
