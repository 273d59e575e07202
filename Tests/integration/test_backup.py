"""Copies of the data: what SYNC hands out is an RDB file that redis-server and valkey-server start from."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.apus_only


def fill(server):
    """Keys of every kind of string, with and without expiry, in two databases."""
    client = server.client()
    client.mset({f"key:{number}": f"value:{number}" for number in range(500)})
    client.mset({"integer": "12345", "negative": "-1", "large": "9" * 30, "empty": "", "long": "ab" * 5000})
    client.set("mortal", "x", px=10_000_000)
    client.sadd("integers", 1, 2, 300)
    client.sadd("members", "a", "b", "c" * 100)
    client.hset("hash", mapping={"f": "v", "n": "5"})
    client.hset("many", mapping={f"field:{number}": "v" * number for number in range(600)})
    client.close()
    other = server.client(db=5)
    other.set("elsewhere", "y", exat=4_000_000_000)
    other.close()


def contents(server):
    """Everything that can be told apart: per database, each key with its payload's value and its expiry."""
    found = {}
    for database in (0, 5):
        client = server.client(db=database)
        for key in sorted(client.keys()):
            read = {"string": client.get, "set": lambda key: sorted(client.smembers(key)), "hash": client.hgetall}
            value = read[client.type(key)](key)
            found[database, key] = (value, client.pexpiretime(key))
        client.close()
    return found


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_real_server_starts_from_a_copy(start, server, shards, kind, tmp_path):
    fill(server)

    server.cli("--rdb", tmp_path / "dump.rdb")

    peer = start(kind, "--dir", tmp_path, "--dbfilename", "dump.rdb")
    assert contents(peer) == contents(server)
    assert len(contents(peer)) == 511


def test_valkey_starts_from_a_copy_with_fields_that_die(start, server, shards, tmp_path):
    server.call("HSET", "hash", "f", "v", "stays", "v")
    server.call("HPEXPIREAT", "hash", 1_900_000_000_000, "FIELDS", 1, "f")

    server.cli("--rdb", tmp_path / "dump.rdb")

    assert (tmp_path / "dump.rdb").read_bytes().startswith(b"VALKEY080")
    peer = start("valkey", "--dir", tmp_path, "--dbfilename", "dump.rdb")
    assert peer.call("HPEXPIRETIME", "hash", "FIELDS", 2, "f", "stays") == [1_900_000_000_000, -1]
    assert peer.call("HLEN", "hash") == 2


@pytest.mark.skipif(not shutil.which("redis-check-rdb"), reason="redis-tools is not installed")
def test_a_copy_passes_the_peers_check(server, tmp_path):
    fill(server)

    server.cli("--rdb", tmp_path / "dump.rdb")

    said = subprocess.run(["redis-check-rdb", tmp_path / "dump.rdb"], capture_output=True, text=True, check=True).stdout
    assert "Checksum OK" in said and "RDB looks OK" in said


def test_the_connection_ends_behind_the_copy(server):
    with server.wire() as wire:
        wire.send(b"SYNC\r\n")
        head, _, file = wire.until_closed().partition(b"\r\n")

    assert head == b"$%d" % len(file) and file.startswith(b"REDIS0010")


def test_who_is_a_replica_is_refused(server):
    with server.wire() as wire:
        assert wire.call("REPLCONF", "listening-port", 7000) == "OK"
        assert "replication is not built yet" in str(wire.call("SYNC"))
        assert wire.call("PING") == "PONG"


@pytest.mark.parametrize("arguments", [["capa"], ["foo", "1"], ["rdb-only", "2"], ["rdb-only", "x"], ["capa", "eof", "bar", "1"]])
def test_replconf_refuses_as_redis_does(compare, arguments):
    compare("REPLCONF", *arguments)
