"""What values made of elements cost: a row for each load, and one for each value whose size in memory is asked.

A family adds rows to LOADS and SIZES; nothing else knows of it.
"""

import dataclasses
import random
import socket

from load import encode

REQUESTS = 300_000


@dataclasses.dataclass(frozen=True)
class Load:
    """One command, many times, at pipeline 32."""

    title: str
    #: The commands that come before each round, on an empty server.
    preparation: list
    #: For redis-benchmark; `__rand_int__` is drawn from `keyspace` numbers.
    arguments: list
    requests: int = REQUESTS
    keyspace: int = 10_000


@dataclasses.dataclass(frozen=True)
class Size:
    """Values that are alike, and how many elements they have together."""

    title: str
    elements: int
    commands: list


def pushes(key, count, size=100):
    """RPUSHes of a list of `count` elements of 8 bytes."""
    return [["RPUSH", key, *(f"e{number:07}" for number in range(start, min(count, start + size)))] for start in range(0, count, size)]


def members(key, count, size=100, form="member:{:09}"):
    """SADDs of a set of `count` members, of 16 bytes if nothing else is said."""
    return [["SADD", key, *map(form.format, range(start, min(count, start + size)))] for start in range(0, count, size)]


def scores(key, count, size=100):
    """ZADDs of a sorted set of `count` members of 16 bytes, whose scores come in no order."""
    order = random.Random(1).sample(range(count), count)
    return [
        ["ZADD", key, *(word for number in order[start:start + size] for word in (number, f"member:{number:09}"))]
        for start in range(0, count, size)
    ]


def pairs(key, count, size=100):
    """HSETs of a hash of `count` fields of 16 bytes with values of 8."""
    return [
        ["HSET", key, *(word for number in range(start, min(count, start + size)) for word in (f"fld:{number:012}", f"v{number:07}"))]
        for start in range(0, count, size)
    ]


def entries(key, count):
    """XADDs of a stream of `count` entries of two fields, with a number and 8 bytes."""
    return [["XADD", key, f"{number}-1", "sensor", number % 100, "reading", f"v{number:07}"] for number in range(1, count + 1)]


def handed_out(key, count, size=1000):
    """The same, all of it pending with one of ten consumers of a group."""
    reading = [
        ["XREADGROUP", "GROUP", "g", f"c{number % 10}", "COUNT", size, "STREAMS", key, ">"] for number in range(count // size)
    ]
    return [*entries(key, count), ["XGROUP", "CREATE", key, "g", "0"], *reading]


MILLION = 1_000_000

LOADS = [
    Load("LPUSH, 10,000 lists", [], ["LPUSH", "list:__rand_int__", "xxxxxxxx"]),
    Load("LPUSH, one list", [], ["LPUSH", "list", "xxxxxxxx"]),
    Load("RPUSH, one list", [], ["RPUSH", "list", "xxxxxxxx"]),
    Load("LPOP, one list", pushes("list", REQUESTS), ["LPOP", "list"]),
    Load("RPOP, one list", pushes("list", REQUESTS), ["RPOP", "list"]),
    Load("LRANGE of 100, list of 1000", pushes("list", 1000), ["LRANGE", "list", "0", "99"], requests=30_000),
    Load("LINDEX in the middle, list of 100,000", pushes("list", 100_000), ["LINDEX", "list", "50000"]),
    Load("SADD, set of 10, a member that is there", members("s", 10), ["SADD", "s", "member:000000005"]),
    Load("SADD, set of 1,000,000, new members", members("s", MILLION), ["SADD", "s", "new:__rand_int__"], keyspace=MILLION),
    Load("SISMEMBER, set of 1,000,000", members("s", MILLION), ["SISMEMBER", "s", "member:__rand_int__"], keyspace=MILLION),
    Load("SPOP, set of 1,000,000", members("s", MILLION), ["SPOP", "s"]),
    Load("SINTER of two sets of 100", [*members("s", 100), *members("t", 100)], ["SINTER", "s", "t"], requests=30_000),
    Load("SORT, list of 100 numbers", [["RPUSH", "list", *(number * 37 % 100 for number in range(100))]], ["SORT", "list"], requests=30_000),
    Load("SORT ALPHA LIMIT 0 10, set of 1000", members("s", 1000), ["SORT", "s", "ALPHA", "LIMIT", "0", "10"], requests=10_000),
    Load("ZADD, set of 10, another score", scores("z", 10), ["ZADD", "z", "__rand_int__", "member:000000005"]),
    Load("ZSCORE, set of 10", scores("z", 10), ["ZSCORE", "z", "member:000000005"]),
    Load("ZSCORE, set of 1,000,000", scores("z", MILLION), ["ZSCORE", "z", "member:__rand_int__"], keyspace=MILLION),
    Load("ZRANK, set of 10", scores("z", 10), ["ZRANK", "z", "member:000000005"]),
    Load("ZRANGE 0 -1, set of 10", scores("z", 10), ["ZRANGE", "z", "0", "-1"]),
    Load("ZRANGEBYSCORE of 6, set of 10", scores("z", 10), ["ZRANGEBYSCORE", "z", "2", "7"]),
    Load("ZADD, set of 1,000,000, new members", scores("z", MILLION), ["ZADD", "z", "__rand_int__", "new:__rand_int__"], keyspace=MILLION),
    Load("ZRANGE of 10 in the middle, set of 1,000,000", scores("z", MILLION), ["ZRANGE", "z", "500000", "500009"]),
    Load(
        "ZRANGEBYSCORE LIMIT 0 10, set of 1,000,000", scores("z", MILLION),
        ["ZRANGEBYSCORE", "z", "__rand_int__", "+inf", "LIMIT", "0", "10"], keyspace=MILLION,
    ),
    Load("HSET, hash of 10, another value", pairs("h", 10), ["HSET", "h", "fld:000000000005", "v__rand_int__"]),
    Load("HSET, 10,000 hashes", [], ["HSET", "hash:__rand_int__", "field", "xxxxxxxx"]),
    Load("HGET, hash of 10", pairs("h", 10), ["HGET", "h", "fld:000000000005"]),
    Load("HGETALL, hash of 10", pairs("h", 10), ["HGETALL", "h"]),
    Load("HINCRBY, hash of 10", [*pairs("h", 10), ["HSET", "h", "n", "1"]], ["HINCRBY", "h", "n", "1"]),
    Load("HSET, hash of 1,000,000, another value", pairs("h", MILLION), ["HSET", "h", "fld:__rand_int__", "xxxxxxxx"], keyspace=MILLION),
    Load("HGET, hash of 1,000,000", pairs("h", MILLION), ["HGET", "h", "fld:__rand_int__"], keyspace=MILLION),
    Load("XADD, one stream", [], ["XADD", "s", "*", "sensor", "17", "reading", "xxxxxxxx"]),
    Load("XADD MAXLEN ~ 1000, one stream", [], ["XADD", "s", "MAXLEN", "~", "1000", "*", "sensor", "17", "reading", "xxxxxxxx"]),
    Load("XRANGE COUNT 10, stream of 100,000", entries("s", 100_000), ["XRANGE", "s", "__rand_int__", "+", "COUNT", "10"], requests=100_000, keyspace=90_000),
    Load(
        "XREADGROUP COUNT 1, one consumer", [*entries("s", REQUESTS), ["XGROUP", "CREATE", "s", "g", "0"]],
        ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">"],
    ),
    Load("PFADD, dense", [["PFADD", "h", *(f"e{number}" for number in range(20_000))]], ["PFADD", "h", "e__rand_int__"]),
    Load("PFADD, sparse, seen before", [["PFADD", "h", "a", "b", "c"]], ["PFADD", "h", "a"]),
    Load("PFCOUNT, unchanged", [["PFADD", "h", "a", "b", "c"]], ["PFCOUNT", "h"]),
]

SIZES = [
    Size("lists of 10 elements of 8 bytes", 500_000, [c for number in range(50_000) for c in pushes(f"list:{number:06}", 10)]),
    Size("lists of 100 elements of 8 bytes", 500_000, [c for number in range(5_000) for c in pushes(f"list:{number:06}", 100)]),
    Size("a list of 1,000,000 elements of 8 bytes", 1_000_000, pushes("list", 1_000_000)),
    Size("hashes of 10 fields of 16 bytes with values of 8", 500_000, [c for number in range(50_000) for c in pairs(f"h:{number:06}", 10)]),
    Size("a hash of 1,000,000 fields of 16 bytes with values of 8", MILLION, pairs("h", MILLION)),
    Size("sets of 10 members of 16 bytes", 500_000, [c for number in range(50_000) for c in members(f"s:{number:06}", 10)]),
    Size("sets of 10 integers", 500_000, [c for number in range(50_000) for c in members(f"s:{number:06}", 10, form="{}")]),
    Size("a set of 1,000,000 members of 16 bytes", MILLION, members("s", MILLION)),
    Size("sorted sets of 10 members of 16 bytes", 500_000, [c for number in range(50_000) for c in scores(f"z:{number:06}", 10)]),
    Size("a sorted set of 1,000,000 members of 16 bytes", MILLION, scores("z", MILLION)),
    Size("streams of 10 entries of two fields", 500_000, [c for number in range(50_000) for c in entries(f"s:{number:06}", 10)]),
    Size("a stream of 1,000,000 entries of two fields", MILLION, entries("s", MILLION)),
    Size("a stream of 500,000 entries of two fields, all pending", 500_000, handed_out("s", 500_000)),
]


def send(port, commands, batch=1000):
    """Sends commands, some at a time, and passes over their replies; all of them must succeed."""
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as replies:
        for start in range(0, len(commands), batch):
            part = commands[start:start + batch]
            connection.sendall(b"".join(encode(*(str(word).encode() for word in words)) for words in part))
            for words in part:
                pass_over(replies, words)


def pass_over(replies, words):
    """Reads a reply to `words`."""
    line = replies.readline()
    if not line or line.startswith(b"-"):
        raise RuntimeError(f"{words[:3]} was not taken: {line!r}")
    if line.startswith(b"$"):
        replies.read(max(0, int(line[1:]) + 2))
    elif line.startswith(b"*"):
        for _ in range(int(line[1:])):
            pass_over(replies, words)
