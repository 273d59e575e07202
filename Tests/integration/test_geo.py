"""Geo: every command of the family answers as Valkey 9.1 does, digit for digit."""

import pytest

import differential
from differential import assert_same_replies

KEYS = ["g:1", "g:2", "{g}3", "string"]
MEMBERS = ["a", "b", "c", "Palermo", "Catania", "far", "near"] + [f"p{n}" for n in range(30)]
UNITS = ["m", "km", "ft", "mi", "KM", "xx"]

SETTING = [
    "SET s v", "ZADD odd -5 negative 1e300 big inf endless 1.5 fraction",
    "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -122.4194 37.7749 SF 0 0 zero 180 85.05112878 far "
    "-180 -85.05112878 near",
]
CALLS = [
    "GEOADD g 1 2", "GEOADD g 181 2 a", "GEOADD g 1 86 a", "GEOADD g x 1 a", "GEOADD g 1 x a", "GEOADD g 1 1 a 2",
    "GEOADD g NX XX 1 1 a", "GEOADD g XX CH 1 1 zero", "GEOADD s 1 1 a", "GEOADD s 181 1 a", "GEOADD g NX CH 1 1 b",
    "GEOADD g GT 1 1 b", "GEOADD g nan 1 b", "GEOADD g inf 1 b", "GEOADD g NX", "GEOADD g CH 1 1", "GEOADD new XX 1 1 b",
    "GEOADD g 1.123456789012345 -2.5 c", "ZSCORE g c",
    "GEODIST g Palermo Catania", "GEODIST g Palermo Catania km", "GEODIST g Palermo Catania ft", "GEODIST g Palermo Catania MI",
    "GEODIST g Palermo Catania xx", "GEODIST g Palermo q", "GEODIST nokey a b", "GEODIST s a b", "GEODIST g Palermo Catania km x",
    "GEODIST s a b xx", "GEODIST g Palermo Palermo", "GEODIST g far near", "GEODIST odd negative big",
    "GEOHASH g Palermo q SF far near zero", "GEOHASH g", "GEOHASH nokey a", "GEOHASH s a", "GEOHASH odd negative big endless fraction",
    "GEOPOS g Palermo q far near zero", "GEOPOS g", "GEOPOS nokey a b", "GEOPOS s a", "GEOPOS odd negative big endless fraction",
    "GEORADIUS g 15 37 200 km", "GEORADIUS g 15 37 200 km WITHDIST WITHCOORD WITHHASH", "GEORADIUS g 15 37 200 km WITHHASH ASC",
    "GEORADIUS g 15 37 200 km DESC COUNT 1", "GEORADIUS g 15 37 200 km COUNT 0", "GEORADIUS g 15 37 200 km COUNT x",
    "GEORADIUS g 15 37 200 km COUNT 1 ANY", "GEORADIUS g 15 37 200 km ANY", "GEORADIUS g 15 37 200 xx", "GEORADIUS g 15 37 -1 km",
    "GEORADIUS g 15 37 x km", "GEORADIUS g 15 x 1 km", "GEORADIUS g 181 37 1 km", "GEORADIUS nokey 15 37 1 km",
    "GEORADIUS nokey 15 37 1 km STORE d", "GEORADIUS s 15 37 1 km", "GEORADIUS s x 37 1 km", "GEORADIUS g 15 37 200 km STORE d",
    "ZRANGE d 0 -1 WITHSCORES", "GEORADIUS g 15 37 200 km STOREDIST d", "ZRANGE d 0 -1 WITHSCORES",
    "GEORADIUS g 15 37 200 km STORE d WITHDIST", "GEORADIUS g 15 37 200 km FOO", "GEORADIUS_RO g 15 37 200 km STORE d",
    "GEORADIUS_RO g 15 37 200 km", "GEORADIUSBYMEMBER g Palermo 200 km WITHDIST", "GEORADIUSBYMEMBER g q 200 km",
    "GEORADIUSBYMEMBER g q x km", "GEORADIUSBYMEMBER nokey q x km", "GEORADIUSBYMEMBER nokey q 200 km",
    "GEORADIUSBYMEMBER_RO g Palermo 200 km STORE d", "GEORADIUS g 15 37 200 km STORE", "GEORADIUS nokey 15 37 200 km COUNT 0",
    "GEORADIUS g 15 37 0 km", "GEORADIUS g 15 37 30000 km", "GEORADIUS g 179 85 30000 km ASC WITHDIST",
    "GEORADIUS g 15 37 200 km STORE d STOREDIST e", "ZRANGE e 0 -1 WITHSCORES",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC", "GEOSEARCH g FROMMEMBER Palermo BYBOX 400 400 km DESC WITHDIST WITHCOORD",
    "GEOSEARCH g FROMMEMBER q BYBOX 400 400 km", "GEOSEARCH g BYRADIUS 200 km", "GEOSEARCH g FROMLONLAT 15 37",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km BYBOX 1 1 km", "GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 200 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX -1 2 km", "GEOSEARCH g FROMLONLAT 15 37 BYBOX 2 -1 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 km", "GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x km",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 xx", "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 xx", "GEOSEARCH g FROMLONLAT 15 BYRADIUS 1 km",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km STORE x",
    "GEOSEARCH g ASC ASC ASC ASC ASC", "GEOSEARCH g FROMLONLAT 1 1 ASC ASC", "GEOSEARCH g BYRADIUS 1 km ASC ANY",
    "GEOSEARCHSTORE d g ASC ASC ASC ASC ASC ASC", "GEOSEARCHSTORE d g FROMLONLAT 1 1 ANY WITHDIST ASC",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", "ZRANGE d 0 -1 WITHSCORES",
    "GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST", "GEOSEARCHSTORE d nokey FROMLONLAT 15 37 BYRADIUS 200 km",
    "EXISTS d", "GEOSEARCH nokey FROMMEMBER q BYRADIUS 1 km", "GEOSEARCH nokey FROMLONLAT 1 1 BYRADIUS x km",
    "GEOSEARCH nokey FROMLONLAT 1 1", "GEOSEARCH s FROMLONLAT 1 1 BYRADIUS 1 m", "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY ASC",
    "GEOSEARCH g FROMLONLAT 15 37 BYPOLYGON 3 10 35 20 35 15 40 WITHDIST", "GEOSEARCH g BYPOLYGON 3 10 35 20 35 15 40 WITHDIST WITHCOORD",
    "GEOSEARCH g BYPOLYGON 4 10 35 20 35 17 40 11 39 WITHDIST ASC", "GEOSEARCH g BYPOLYGON 2 10 35 20 35", "GEOSEARCH g BYPOLYGON x 10 35 20 35",
    "GEOSEARCH g BYPOLYGON 3 10 35 20 35", "GEOSEARCH g BYPOLYGON 3 10 35 20 35 15 x", "GEOSEARCH g BYPOLYGON 3 10 35 20 35 15 400",
    "GEOSEARCH g FROMMEMBER Palermo BYPOLYGON 3 10 35 20 35 15 40", "GEOSEARCH g BYPOLYGON 3 10 35 20 35 15 40 BYRADIUS 1 km",
    "GEOSEARCH g BYPOLYGON 3 10 35 20 35 15 40 FROMMEMBER Palermo",
    "GEOSEARCHSTORE d g BYPOLYGON 3 10 35 20 35 15 40 STOREDIST", "ZRANGE d 0 -1 WITHSCORES", "GEOSEARCH g BYPOLYGON 0",
    "GEOSEARCH g BYPOLYGON -1 1 1 1", "GEOSEARCH g BYPOLYGON 2147483648 10 35 20 35 15 40",
    "GEOSEARCH g BYRADIUS 1 km ASC FROMMEMBER Palermo COUNT", "GEOSEARCH nokey BYPOLYGON 3 10 35 20 35 15 40",
    "GEOSEARCH g FROMLONLAT 181 37 BYRADIUS 1 km", "GEOSEARCH g FROMLONLAT 15 37 BYBOX 40000 40000 km ASC WITHDIST WITHHASH",
    "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS inf km ASC", "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1e300 km ASC",
    "GEOSEARCH g FROMLONLAT 15 37 BYBOX inf inf km ASC", "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 9223372036854775808",
]


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey")


@pytest.fixture(params=[128, 0], ids=lambda limit: f"listpack{limit}")
def pair(request, lasting_server, lasting_valkey):
    request.node.watched = [lasting_server]
    for node in (lasting_server, lasting_valkey):
        node.call("FLUSHALL")
        node.call("CONFIG", "SET", "zset-max-listpack-entries", request.param)
    return lasting_server, lasting_valkey


@pytest.mark.parametrize("version", [2, 3])
def test_calls_are_answered_as_by_valkey(pair, version):
    assert_same_replies(pair, SETTING + CALLS, version)


def longitude(g):
    return g.one_of(repr(g.random.uniform(-180, 180)), repr(g.random.uniform(10, 20)), g.random.randint(-185, 185), "180", "-180")


def latitude(g):
    return g.one_of(repr(g.random.uniform(-85, 85)), repr(g.random.uniform(35, 45)), g.random.randint(-87, 87), "85.05112878")


def place(g):
    return [longitude(g), latitude(g)]


def member(g):
    return g.one_of(*MEMBERS)


def length(g):
    return g.one_of(g.random.randint(0, 500), repr(g.random.uniform(0, 20_000)), g.random.randint(0, 30_000), "0", "-1", "x")


def options(g):
    # Without a sort, equal distances would leave the order to chance.
    return [g.one_of("ASC", "DESC"), *g.some("WITHDIST", "WITHCOORD", "WITHHASH")]


def origin(g):
    return g.one_of(["FROMLONLAT", *place(g)], ["FROMMEMBER", member(g)])


def area(g):
    return g.one_of(["BYRADIUS", length(g), g.one_of(*UNITS)], ["BYBOX", length(g), length(g), g.one_of(*UNITS)])


def polygon(g):
    """Away from the poles: where its centre lies beyond the grid, Valkey finds nothing in a polygon."""
    count = g.random.randint(3, 6)
    corners = [(repr(g.random.uniform(-60, 60)), repr(g.random.uniform(-60, 60))) for _ in range(count)]
    return ["BYPOLYGON", count, *(number for corner in corners for number in corner)]


def is_far_north(words):
    """Whether a bent polygon may reach beyond the grid."""
    words = [word.upper() for word in words]
    return "BYPOLYGON" in words and any(word in ("180", "-180", "85.05112878") for word in words)


COMMANDS = [
    *[lambda g: ["GEOADD", g.key(), *g.some("NX", "XX", "CH"), *place(g), member(g), *place(g), member(g)]] * 4,
    lambda g: ["GEODIST", g.key(), member(g), member(g), *g.one_of((), (g.one_of(*UNITS),))],
    lambda g: ["GEOHASH", g.key(), member(g), member(g)],
    lambda g: ["GEOPOS", g.key(), member(g), member(g)],
    lambda g: ["GEORADIUS", g.key(), *place(g), length(g), g.one_of(*UNITS), *options(g)],
    lambda g: ["GEORADIUSBYMEMBER", g.key(), member(g), length(g), g.one_of(*UNITS), *options(g)],
    lambda g: ["GEORADIUS", g.key(), *place(g), length(g), "km", g.one_of("STORE", "STOREDIST"), g.key()],
    lambda g: ["GEOSEARCH", g.key(), *origin(g), *area(g), *options(g)],
    lambda g: ["GEOSEARCH", g.key(), *origin(g), *area(g)],
    lambda g: ["GEOSEARCH", g.key(), *polygon(g), *options(g)],
    lambda g: ["GEOSEARCHSTORE", g.key(), g.key(), *g.one_of([*origin(g), *area(g)], polygon(g)), *g.some("STOREDIST")],
    lambda g: ["ZREM", g.key(), member(g)],
    lambda g: ["DEL", g.key()],
    lambda g: ["SET", "string", "value"],
]


@pytest.mark.parametrize("version", [2, 3])
def test_random_commands_are_answered_as_by_valkey(pair, version):
    differential.compare(
        *pair, COMMANDS, KEYS, version=version, avoid=is_far_north,
        epilogue=lambda key: [["ZRANGE", key, "0", "-1", "WITHSCORES"], ["OBJECT", "ENCODING", key]],
    )
