"""MIGRATE: a key moves whole and once, whatever happens to the target, and nobody waits who does not ask for it.

Where a target is said to be a peer's, it is a redis-server or valkey-server; where it must misbehave, a socket of the test's.
"""

import re
import socket
import threading
import time

import pytest

from nodes import IS_APUS, commands_of, free_port
from wire import Closed, Error, Null, command, wait_for

KINDS = [kind for kind in ("apus", "redis", "valkey") if commands_of(kind)]
IOERR_READING = Error("IOERR error or timeout reading to target instance")
IOERR_WRITING = Error("IOERR error or timeout writing to target instance")
BUSY = Error("ERR Target instance replied with error: BUSYKEY Target key name already exists.")


class Target:
    """A server of the test's own that answers as a script says: each step gets the connection."""

    def __init__(self, *steps):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = b""
        self.steps = steps
        self.connections = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        for step in self.steps:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            connection.settimeout(10)
            step(self, connection)

    def receive(self, connection, until=b"REPLACE\r\n"):
        """Reads what the source sends, up to its last word."""
        while not self.received.endswith(until):
            data = connection.recv(1 << 16)
            if not data:
                return
            if not self.received and b"SELECT" in data:
                connection.sendall(b"+OK\r\n")  # Redis always chooses the database, Apus where it is another one
            self.received += data

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def target(request):
    """target(step, ...) starts a server that runs one step per connection."""
    made = []

    def make(*steps):
        made.append(Target(*steps))
        return made[-1]

    yield make
    for one in made:
        one.close()


def silent(target, connection):
    """Takes everything and says nothing."""
    target.receive(connection)


def hangs_up_at_once(target, connection):
    connection.close()


def hangs_up_after_reading(target, connection):
    target.receive(connection)
    connection.close()


def hangs_up_in_the_middle_of_an_answer(target, connection):
    target.receive(connection)
    connection.sendall(b"+O")
    connection.close()


def answers(*lines, after=0):
    def step(target, connection):
        target.receive(connection)
        time.sleep(after)
        connection.sendall(b"".join(lines))
    return step


class TestBetweenServers:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_key_moves_with_its_value_and_its_time(self, server, start, kind):
        other = start(kind)
        server.call("SET", "number", "12345")
        server.call("SET", "text", b"\x00\xff" * 5000)
        server.call("SET", "mortal", "v", "PX", "100000")

        for key in ("number", "text", "mortal"):
            assert server.call("MIGRATE", "127.0.0.1", other.port, key, 0, 5000) == "OK"

        assert server.call("EXISTS", "number", "text", "mortal") == 0
        assert other.call("MGET", "number", "text", "mortal") == [b"12345", b"\x00\xff" * 5000, b"v"]
        assert other.call("PTTL", "number") == -1
        assert 90000 < other.call("PTTL", "mortal") <= 100000

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if IS_APUS or kind != "valkey"])
    def test_keys_come_from_the_peers_too(self, server, start, kind):
        """What Valkey 9 dumps, Redis 7.0 does not read; this server reads both."""
        source = start(kind)
        source.call("SET", "key", "v")

        assert source.call("MIGRATE", "127.0.0.1", server.port, "key", 0, 5000) == "OK"

        assert server.call("GET", "key") == b"v"

    def test_many_keys_of_all_shards_move_together(self, server, start):
        other = start("redis")
        keys = [f"key:{number}" for number in range(500)]
        with server.wire() as wire:
            wire.send(b"".join(command("SET", key, key) for key in keys))
            assert [wire.read() for _ in keys] == ["OK"] * len(keys)

        assert server.call("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", *keys, "nosuch") == "OK"

        assert server.call("DBSIZE") == 0
        assert other.call("MGET", *keys) == [key.encode() for key in keys]

    def test_a_large_value_moves(self, server, start):
        other = start("redis")
        value = bytes(range(256)) * (64 << 10)
        server.call("SET", "large", value)

        assert server.call("MIGRATE", "127.0.0.1", other.port, "large", 0, 5000) == "OK"

        assert other.call("GET", "large") == value

    def test_databases_are_chosen_per_call_on_one_connection(self, start, shards):
        server, other = start("apus", shards=shards), start("redis")
        for number in (0, 9, 9, 0, 3):
            server.call("SET", f"key:{number}", "v")
            assert server.call("MIGRATE", "127.0.0.1", other.port, f"key:{number}", number, 5000, "REPLACE") == "OK"

        assert re.findall(rb"db\d:keys=\d", other.call("INFO", "keyspace")) == [b"db0:keys=1", b"db3:keys=1", b"db9:keys=1"]
        assert "migrate_cached_sockets:1" in server.call("INFO", "stats").decode()

    def test_copy_leaves_the_key_and_replace_overwrites(self, server, start):
        other = start("redis")
        server.call("SET", "key", "new")
        other.call("SET", "key", "old")

        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000) == BUSY
        assert (server.call("GET", "key"), other.call("GET", "key")) == (b"new", b"old")
        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, "COPY", "REPLACE") == "OK"
        assert (server.call("GET", "key"), other.call("GET", "key")) == (b"new", b"new")
        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, "REPLACE") == "OK"
        assert (server.call("EXISTS", "key"), other.call("GET", "key")) == (0, b"new")

    def test_what_the_target_refuses_stays_and_the_rest_goes(self, server, start):
        other = start("redis")
        for key in ("a", "b", "c"):
            server.call("SET", key, "v")
        other.call("SET", "b", "old")

        assert server.call("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", "a", "b", "c") == BUSY

        assert server.call("EXISTS", "a", "b", "c") == server.call("EXISTS", "b") == 1
        assert other.call("MGET", "a", "b", "c") == [b"v", b"old", b"v"]

    @pytest.mark.parametrize("words", [["AUTH", "right"], ["AUTH2", "default", "right"]], ids=" ".join)
    def test_a_password_opens_the_target(self, server, start, words):
        other = start("redis", "--requirepass", "right")
        server.call("SET", "key", "v")
        needed = Error("ERR Target instance replied with error: NOAUTH Authentication required.")
        wrong = Error(
            "ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled."
        )

        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000) == needed
        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, *words[:-1], "wrong") == wrong
        assert server.call("EXISTS", "key") == 1
        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, *words) == "OK"
        assert server.call("EXISTS", "key") == 0

    @pytest.mark.apus_only
    def test_a_refused_password_leaves_no_copy_on_the_target(self, server, start):
        """Redis sends the key together with the password: a target that needs none then has it, and so has the source."""
        other = start("redis")
        server.call("SET", "key", "v")

        reply = server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, "AUTH", "vain")

        assert reply.startswith("ERR Target instance replied with error: ERR AUTH <password> called without any password")
        assert (server.call("EXISTS", "key"), other.call("EXISTS", "key")) == (1, 0)


class TestMistakes:
    CALLS = [
        ["{port}", "nokey", "0", "100"], ["{port}", "key", "0"], ["{port}", "key", "x", "100"], ["{port}", "key", "0", "x"],
        ["{port}", "key", "0", "100", "FOO"], ["{port}", "key", "0", "100", "AUTH"], ["{port}", "key", "0", "100", "AUTH2", "x"],
        ["{port}", "key", "0", "100", "KEYS", "a"], ["{port}", "", "0", "100", "KEYS"], ["{port}", "", "0", "100"],
        ["{port}", "", "0", "100", "KEYS", "no", "none"], ["{port}", "key", "99", "100"], ["{port}", "key", "4294967296", "100"],
        ["{dead}", "key", "0", "100"], ["x", "key", "0", "100"], ["70000", "key", "0", "100"],
        ["{port}", "key", "0", "-5", "COPY", "REPLACE"], ["{port}", "", "0", "100", "COPY", "keys", "auth", "x"],
    ]

    @pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
    def test_are_told_as_in_redis(self, compare, lasting, arguments):
        target = lasting_target(lasting)
        filled = [word.format(port=target.port, dead=free_port()) for word in arguments]
        compare("SET", "key", "v")
        compare("MIGRATE", "127.0.0.1", *filled)
        compare("EXISTS", "key")

    def test_an_unknown_host_is_not_reached(self, compare):
        compare("SET", "key", "v")
        compare("MIGRATE", "nosuch.invalid", "6379", "key", "0", "1000")

    FORMS = [
        ["h", "1", "", "0", "5", "KEYS", "a", "keys", "b"], ["h", "1", "k", "0", "5", "COPY"],
        ["h", "1", "", "0", "5", "AUTH", "keys", "KEYS", "b"], ["h", "1", "k", "0", "5", "KEYS", "b"], ["h", "1", "", "0", "5"],
        ["h", "1", "", "0", "5", "AUTH2", "keys", "keys", "keys", "b"],
    ]

    @pytest.mark.parametrize("arguments", FORMS, ids=" ".join)
    def test_its_keys_are_those_that_redis_finds(self, compare, arguments):
        compare("COMMAND", "GETKEYS", "MIGRATE", *arguments)

    def test_it_is_described_as_in_redis(self, compare):
        compare("COMMAND", "INFO", "migrate")


def lasting_target(lasting):
    for node in lasting.nodes:
        if getattr(node, "is_target", False):
            return node
    node = lasting("redis")
    node.is_target = True
    return node


class TestTargetsThatFail:
    """A key is never lost, and on both ends only where the target's answer was lost."""

    @pytest.mark.parametrize(
        "step, expected", [
            (silent, IOERR_READING), (hangs_up_after_reading, IOERR_READING), (hangs_up_in_the_middle_of_an_answer, IOERR_READING),
            (hangs_up_at_once, (IOERR_READING, IOERR_WRITING)),
            (answers(b"-OOM no\r\n"), Error("ERR Target instance replied with error: OOM no")),
        ], ids=["silent", "hangs up after reading", "hangs up in an answer", "hangs up at once", "refuses"],
    )
    def test_the_key_stays(self, server, target, step, expected):
        other = target(*[step] * 3)
        server.call("SET", "key", "v")

        reply = server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 300, "REPLACE")

        assert reply == expected or reply in expected
        assert server.call("GET", "key") == b"v"
        assert server.call("SET", "key", "w") == "OK"

    def test_what_was_confirmed_before_the_end_has_gone(self, server, target):
        def confirms_two(target, connection):
            target.receive(connection)
            connection.sendall(b"+OK\r\n+OK\r\n")
            connection.close()

        other = target(confirms_two)
        for key in ("{t}a", "{t}b", "{t}c"):
            server.call("SET", key, "v")

        reply = server.call("MIGRATE", "127.0.0.1", other.port, "", 0, 300, "REPLACE", "KEYS", "{t}a", "{t}b", "{t}c")

        assert reply == IOERR_READING
        assert [server.call("EXISTS", key) for key in ("{t}a", "{t}b", "{t}c")] == [0, 0, 1]

    def test_a_target_that_came_back_is_found_by_the_next_call(self, server, start):
        other = start("redis")
        for _ in range(3):
            server.call("SET", "key", "v")
            assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, "REPLACE") == "OK"
            other.restart()

    def test_a_target_that_dies_and_returns_loses_nothing(self, server, start):
        """Whatever the moment, afterwards the key is on one end at least, and a call with REPLACE brings it over."""
        other = start("redis", "--save", "", "--appendonly", "yes", "--appendfsync", "always")
        for round in range(6):
            keys = [f"{{t}}{round}:{number}" for number in range(50)]
            for key in keys:
                server.call("SET", key, key)
            killer = threading.Timer(0.002 * round, other.kill)
            killer.start()
            reply = server.call("MIGRATE", "127.0.0.1", other.port, "", 0, 1000, "KEYS", *keys)
            killer.join()
            left = [key for key in keys if server.call("EXISTS", key)]
            other.start()
            there = [key for key in keys if other.call("EXISTS", key)]
            assert set(left) | set(there) == set(keys), f"round {round}: {reply}"
            assert (reply == "OK") == (not left)

            if left:
                assert server.call("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "REPLACE", "KEYS", *left) == "OK"
            assert other.call("MGET", *keys) == [key.encode() for key in keys]

    def test_a_source_that_dies_leaves_the_key_on_one_end_at_least(self, start, shards, target):
        """It has no persistence yet: what it had is gone with it. What the target has confirmed is there."""
        source, other = start("apus", shards=shards), start("redis")
        source.call("SET", "moved", "v")
        assert source.call("MIGRATE", "127.0.0.1", other.port, "moved", 0, 5000) == "OK"
        source.kill()
        assert other.call("GET", "moved") == b"v"

    def test_the_timeout_is_one_of_silence(self, server, target):
        """A target that answers a little at a time is waited for longer than the timeout in all."""
        def slow(target, connection):
            target.receive(connection)
            for byte in b"+OK\r\n":
                time.sleep(0.15)
                connection.sendall(bytes([byte]))

        other = target(slow)
        server.call("SET", "key", "v")

        assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 400, "REPLACE") == "OK"


@pytest.mark.apus_only
class TestWhileItWaits:
    """In the peers everyone waits; here, who touches the key."""

    @pytest.fixture
    def pending(self, server, target):
        """A MIGRATE of {t}key whose target answers after 0.6 seconds: the connection, and the target."""
        other = target(answers(b"+OK\r\n", after=0.6))
        server.call("SET", "{t}key", "old")
        server.call("SET", "{t}other", "v")
        wire = server.wire()
        wire.send(command("MIGRATE", "127.0.0.1", other.port, "{t}key", 0, 5000, "REPLACE"))
        wait_for(lambda: other.received.endswith(b"REPLACE\r\n"), what="the key was sent")
        yield wire
        wire.close()

    def test_others_are_served(self, server, pending):
        before = time.monotonic()
        with server.wire() as wire:
            for _ in range(100):
                assert wire.call("GET", "{t}other") == b"v"
                assert wire.call("SET", "{t}third", "v") == "OK"
                assert wire.call("DBSIZE") in (2, 3)
            assert sorted(wire.call("KEYS", "*")) == [b"{t}key", b"{t}other", b"{t}third"]

        assert time.monotonic() - before < 0.5
        assert pending.read() == "OK"

    WAITING = [
        ("GET", "{t}key"), ("SET", "{t}key", "new"), ("APPEND", "{t}key", "new"), ("MGET", "{t}other", "{t}key"),
        ("EXISTS", "{t}key"), ("FLUSHALL",), ("SWAPDB", "0", "1"), ("RENAME", "{t}other", "{t}key"),
    ]
    AFTERWARDS = [Null("null bulk"), "OK", 3, [b"v", Null("null bulk")], 0, "OK", "OK", "OK"]

    @pytest.mark.parametrize("arguments, expected", list(zip(WAITING, AFTERWARDS)), ids=[" ".join(call) for call in WAITING])
    def test_who_touches_the_key_waits_and_finds_it_gone(self, server, pending, arguments, expected):
        with server.wire() as wire:
            wire.send(command(*arguments))
            assert wire.is_quiet(0.2)

            assert pending.read() == "OK"
            assert wire.read() == expected

    def test_an_exec_that_touches_the_key_waits_and_a_queue_does_not(self, server, pending):
        with server.wire() as wire:
            assert wire.call("MULTI") == "OK"
            assert wire.call("INCR", "{t}counter") == "QUEUED"
            assert wire.call("SETNX", "{t}key", "new") == "QUEUED"
            wire.send(command("EXEC"))
            assert wire.is_quiet(0.2)

            assert pending.read() == "OK"
            assert wire.read() == [1, 1]

    def test_a_watched_key_that_leaves_voids_the_transaction(self, server, start):
        other = start("redis")
        with server.wire() as wire:
            server.call("SET", "key", "v")
            wire.call("WATCH", "key")
            assert server.call("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000) == "OK"
            wire.call("MULTI")
            wire.call("PING")
            assert wire.call("EXEC") == Null("null array")

    def test_two_calls_for_one_key_send_it_once(self, server, pending, start):
        other = start("redis")

        assert server.call("MIGRATE", "127.0.0.1", other.port, "{t}key", 0, 5000) == "NOKEY"

        assert other.call("DBSIZE") == 0
        assert pending.read() == "OK"

    def test_a_pipeline_behind_it_is_answered_in_order(self, server, pending):
        pending.send(command("SET", "{t}key", "mine") + command("GET", "{t}key") + command("GET", "{t}other") + command("PING"))

        assert [pending.read() for _ in range(5)] == ["OK", "OK", b"mine", b"v", "PONG"]

    def test_its_client_may_go_and_the_key_moves_all_the_same(self, server, pending):
        pending.close()
        with server.wire() as wire:
            assert wire.call("GET", "{t}key") == Null("null bulk")

    def test_its_client_may_be_killed_and_the_key_moves_all_the_same(self, server, pending):
        with server.wire() as wire:
            own = wire.call("CLIENT", "ID")
            for line in wire.call("CLIENT", "LIST").decode().splitlines():
                if "cmd=migrate" in line:
                    identifier = re.search(r"id=(\d+)", line)[1]
                    assert int(identifier) != own
                    assert wire.call("CLIENT", "KILL", "ID", identifier) == 1
            assert wire.call("GET", "{t}key") == Null("null bulk")
        with pytest.raises(Closed):
            pending.read()

    def test_a_client_that_waits_may_go(self, server, pending):
        for _ in range(20):
            with server.wire() as wire:
                wire.send(command("GET", "{t}key"))
        assert pending.read() == "OK"
        assert server.call("GET", "{t}key") == Null("null bulk")

    def test_a_copy_holds_nothing(self, server, target):
        other = target(answers(b"+OK\r\n", after=0.5))
        server.call("SET", "key", "old")
        with server.wire() as wire:
            wire.send(command("MIGRATE", "127.0.0.1", other.port, "key", 0, 5000, "COPY", "REPLACE"))
            wait_for(lambda: other.received.endswith(b"REPLACE\r\n"), what="the key was sent")

            assert server.call("SET", "key", "new") == "OK"
            assert wire.is_quiet(0.1)
            assert wire.read() == "OK"
        assert server.call("GET", "key") == b"new"

    def test_writers_lose_nothing_while_a_key_comes_and_goes(self, server, start):
        """Each increment is answered once and counted once, on this side or on the other."""
        other = start("redis")
        done = threading.Event()
        counts = []

        def count():
            with server.wire() as wire:
                mine = 0
                while not done.is_set():
                    wire.call("INCR", "{t}counter")
                    mine += 1
                counts.append(mine)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        moved = 0
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert server.call("MIGRATE", "127.0.0.1", other.port, "{t}counter", 0, 5000, "REPLACE") in ("OK", "NOKEY")
            moved += int(other.call("GETDEL", "{t}counter") or 0) if other.call("EXISTS", "{t}counter") else 0
        done.set()
        for thread in threads:
            thread.join()
        left = server.call("GET", "{t}counter")
        assert moved + (0 if isinstance(left, Null) else int(left)) == sum(counts)
        assert len(counts) == 4 and moved > 0


class TestInTransactions:
    def test_it_runs_inside_multi_with_its_place_among_the_replies(self, server, start):
        other = start("redis")
        with server.wire() as wire:
            wire.call("MULTI")
            calls = [
                ("SET", "{t}a", "1"), ("MIGRATE", "127.0.0.1", other.port, "{t}a", 0, 5000), ("EXISTS", "{t}a"),
                ("MIGRATE", "127.0.0.1", other.port, "{t}a", 0, 5000), ("SET", "{t}a", "2"),
                ("MIGRATE", "127.0.0.1", other.port, "{t}a", 0, 5000), ("GET", "{t}a"),
            ]
            assert [wire.call(*call) for call in calls] == ["QUEUED"] * len(calls)

            assert wire.call("EXEC") == ["OK", "OK", 0, "NOKEY", "OK", BUSY, b"2"]
        assert other.call("GET", "{t}a") == b"1"

    def test_keys_of_several_shards_move_in_one_transaction(self, server, start):
        other = start("redis")
        keys = [f"key:{number}" for number in range(10)]
        with server.wire() as wire:
            wire.call("MULTI")
            for key in keys:
                wire.call("SET", key, "v")
            wire.call("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", *keys)
            wire.call("DBSIZE")
            assert wire.call("EXEC") == ["OK"] * 11 + [0]
        assert other.call("DBSIZE") == 10


class TestReplies:
    def test_are_muted_when_the_client_wants_none(self, server, start):
        other = start("redis")
        server.call("MSET", "{t}a", "1", "{t}b", "2", "{t}c", "3")
        with server.wire() as wire:
            wire.send(
                command("CLIENT", "REPLY", "SKIP") + command("MIGRATE", "127.0.0.1", other.port, "{t}a", 0, 5000)
                + command("PING") + command("CLIENT", "REPLY", "OFF")
                + command("MIGRATE", "127.0.0.1", other.port, "{t}b", 0, 5000) + command("CLIENT", "REPLY", "ON")
                + command("MIGRATE", "127.0.0.1", other.port, "{t}c", 0, 5000)
            )
            assert [wire.read() for _ in range(3)] == ["PONG", "OK", "OK"]
        assert other.call("DBSIZE") == 3

    def test_failures_are_counted_as_in_redis(self, server, peer):
        dead = free_port()
        for node in (server, peer):
            node.call("CONFIG", "RESETSTAT")
            node.call("SET", "key", "v")
            node.call("MIGRATE", "127.0.0.1", dead, "key", 0, 100)
        ours, theirs = (
            re.findall(r"cmdstat_migrate:calls=(\d+).*failed_calls=(\d+)", node.call("INFO", "commandstats").decode())
            + re.findall(r"errorstat_.*", node.call("INFO", "errorstats").decode()) for node in (server, peer)
        )
        assert ours == theirs and ours

    def test_passwords_are_not_shown(self, server):
        server.call("SLOWLOG", "RESET")
        server.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        server.call("MIGRATE", "127.0.0.1", "1", "key", "9", "5000", "AUTH", "secret")
        server.call("MIGRATE", "127.0.0.1", "1", "", "9", "5000", "AUTH2", "user", "secret", "KEYS", "auth", "b")
        server.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        shown = [entry[3] for entry in server.call("SLOWLOG", "GET", "10") if entry[3][0] == b"MIGRATE"]
        hidden = b"(redacted)"
        assert sorted(shown) == sorted([
            [b"MIGRATE", b"127.0.0.1", b"1", b"key", b"9", b"5000", b"AUTH", hidden],
            [b"MIGRATE", b"127.0.0.1", b"1", b"", b"9", b"5000", b"AUTH2", hidden, hidden, b"KEYS", b"auth", b"b"],
        ])
