"""RESP2, RESP3 and inline commands, byte for byte as Redis answers them, however they arrive and wherever they break."""

import socket

import pytest

from wire import Error, Map, Null, Status, command, wait_for

END = b"$3\r\nend\r\n"
ASK_END = command("ECHO", "end")


def answer(node, data):
    """All that a server answers to `data` on a new connection, up to the answer to a last ECHO or the close."""
    with node.wire() as wire:
        wire.send(data)
        try:
            wire.send(ASK_END)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return wire.until(END)


# Whole commands, right and wrong, that leave the connection open.
COMMANDS = {
    "array": command("SET", "k", "v") + command("GET", "k"),
    "lower case": b"*1\r\n$4\r\nping\r\n",
    "empty argument": command("SET", "", "") + command("GET", ""),
    "binary argument": command("SET", b"\x00\r\n\xff", b"$5\r\n\r\n") + command("GET", b"\x00\r\n\xff"),
    "no arguments": b"*0\r\n*-1\r\n*-10\r\nPING\r\n",
    "empty lines": b"\r\n\n\r\nPING\r\n",
    "inline": b"SET k v\r\nGET k\r\n",
    "inline, only a line feed": b"PING\nECHO hi\n",
    "inline, blanks": b"   ECHO \t  hi   \r\n",
    "inline, double quotes": b'ECHO "a b\\x41\\n\\"c"\r\n',
    "inline, single quotes": b"ECHO 'a \\' \\n b'\r\n",
    "inline, empty argument": b'ECHO ""\r\n',
    "inline and array mixed": b"PING\r\n" + command("PING") + b"ECHO x\r\n" + command("ECHO", "y"),
    "unknown command": command("NOSUCH", "a", "b") + b"nosuch inline args\r\n",
    "unknown command, long": command("NOSUCH", *["x" * 50] * 10),
    "unknown command, line end in it": command("NO\r\nSUCH", "a\r\nb"),
    "unknown subcommand": command("CONFIG", "NOSUCH") + command("CLIENT", "nosuch", "x"),
    "wrong number of arguments": command("GET") + command("GET", "a", "b") + command("CONFIG", "GET"),
    "ping": command("PING") + command("PING", "hello") + command("PING", "a", "b"),
    "MULTI and WATCH inside MULTI": b"MULTI\r\nSET k v\r\nMULTI\r\nWATCH k\r\nEXEC\r\nGET k\r\n",
    "CLIENT REPLY inside MULTI": b"MULTI\r\nCLIENT REPLY ON\r\nEXEC\r\n",
    "reply skipped once": b"CLIENT REPLY SKIP\r\nPING\r\nECHO seen\r\n",
    "reply skipped, and on": b"CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n",
    "reply skipped twice": b"CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO seen\r\n",
    "reply to a mistake skipped": b"CLIENT REPLY SKIP\r\nGET\r\nCLIENT REPLY SKIP\r\nnosuch\r\nECHO seen\r\n",
    "reply to a queued command skipped": b"MULTI\r\nCLIENT REPLY SKIP\r\nEXEC\r\nSET k v\r\nECHO seen\r\n",
    "reply off and on": b"CLIENT REPLY OFF\r\nPING\r\nnosuch\r\nCLIENT REPLY ON\r\nECHO seen\r\n",
    "DEBUG in COMMAND": b"COMMAND INFO debug debug|sleep\r\n",
    "zero-length name": command("") + b'""\r\n',
}


@pytest.mark.parametrize("data", COMMANDS.values(), ids=COMMANDS.keys())
def test_commands_are_answered_as_by_redis(server, peer, data):
    assert answer(server, data) == answer(peer, data)


# What ends the connection, with what is said before that.
BREACHES = {
    "count too large": b"*2147483648\r\n",
    "count far too large": b"*99999999999999999999\r\n",
    "count not a number": b"*x\r\n",
    "count empty": b"*\r\n",
    "count with plus": b"*+1\r\n",
    "count with blank": b"* 1\r\n",
    "length missing": b"*1\r\n\r\n",
    "length of another type": b"*1\r\n:1\r\n",
    "length of a control byte": b"*1\r\n\x01\r\n",
    "length not a number": b"*1\r\n$x\r\n",
    "length empty": b"*1\r\n$\r\n",
    "length negative": b"*1\r\n$-1\r\n",
    "length over the limit": b"*1\r\n$536870913\r\n",
    "length over 64 bits": b"*1\r\n$99999999999999999999\r\n",
    "length with blank": b"*1\r\n$ 4\r\n",
    "count line too long": b"*" + b"1" * 70000,
    "length line too long": b"*1\r\n$" + b"1" * 70000,
    "length missing, line too long": b"*1\r\n" + b"x" * 70000,
    "inline too long": b"x" * 70000,
    "inline, quotes open": b'SET k "v\r\n',
    "inline, single quotes open": b"SET k 'v\r\n",
    "inline, byte after quotes": b'SET k "v"x\r\n',
    "after good ones": command("PING") * 3 + b"*x\r\n" + command("PING"),
    "http post": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "http header": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("data", BREACHES.values(), ids=BREACHES.keys())
def test_breaches_of_the_protocol_end_the_connection_in_the_words_of_redis(server, peer, data):
    def ending(node):
        with node.wire() as wire:
            wire.send(data)
            return wire.until_closed()

    assert ending(server) == ending(peer)


def test_bytes_after_a_bulk_string_are_taken_for_its_line_end(compare):
    """Redis skips the two bytes behind a bulk string without looking at them."""
    for wire in (compare.ours, compare.theirs):
        wire.send(b"*2\r\n$4\r\nECHO\r\n$2\r\nhiXXPING\r\n")

    assert compare.ours.read() == compare.theirs.read() == b"hi"
    assert compare.ours.read() == compare.theirs.read() == Status("PONG")


PIPELINE = (
    command("SET", "k", "v" * 20) + b"GET k\r\n" + command("INCR", "n") + b'SET q "a b"\r\n' + command("MGET", "k", "n", "q")
)


@pytest.mark.parametrize("at", range(1, len(PIPELINE)))
def test_a_pipeline_may_be_split_at_any_byte(server, at):
    with server.wire() as wire:
        wire.send(PIPELINE[:at])
        wire.send(PIPELINE[at:])

        replies = [wire.read() for _ in range(5)]

    assert replies == ["OK", b"v" * 20, 1, "OK", [b"v" * 20, b"1", b"a b"]]


def test_a_pipeline_may_arrive_byte_by_byte(server):
    with server.wire() as wire:
        for byte in PIPELINE:
            wire.send(bytes([byte]))

        replies = [wire.read() for _ in range(5)]

    assert replies == ["OK", b"v" * 20, 1, "OK", [b"v" * 20, b"1", b"a b"]]


def test_a_pipeline_over_all_slots_is_answered_in_its_order(server):
    """Keys of one pipeline lie in different shards; their replies must not overtake one another."""
    count = 2000
    with server.wire() as wire:
        for round in range(5):
            wire.send(b"".join(command("SET", f"key:{i}", f"{round}:{i}") + command("GET", f"key:{i}") for i in range(count)))

            for i in range(count):
                assert wire.read() == "OK"
                assert wire.read() == f"{round}:{i}".encode()


def test_a_transaction_within_a_pipeline_is_answered_in_its_order(server):
    with server.wire() as wire:
        for i in range(200):
            wire.send(command("SET", f"a{i}", i) + command("MULTI") + command("INCR", f"a{i}") + command("INCR", f"b{i}"))
            wire.send(command("EXEC") + command("GET", f"a{i}"))

        for i in range(200):
            assert [wire.read() for _ in range(6)] == ["OK", "OK", "QUEUED", "QUEUED", [i + 1, 1], str(i + 1).encode()]


def test_many_connections_with_pipelines_each_get_their_own_replies(server):
    wires = [server.wire() for _ in range(50)]
    for number, wire in enumerate(wires):
        wire.send(b"".join(command("APPEND", f"c{number}", "x") + command("STRLEN", f"c{number}") for _ in range(100)))

    for wire in wires:
        assert [wire.read() for _ in range(200)] == [n for i in range(1, 101) for n in (i, i)]
        wire.close()


def test_a_client_that_says_it_has_sent_all_still_gets_its_replies(server, peer):
    for node in (server, peer):
        with node.wire() as wire:
            wire.send(command("SET", "k", "v") + command("GET", "k"))
            wire.finish()

            assert wire.until_closed() == b"+OK\r\n$1\r\nv\r\n"


def test_a_client_that_leaves_in_the_middle_of_a_command_leaves_nothing_behind(server):
    with server.wire() as wire:
        wire.send(command("SET", "k", "v" * 1000)[:-500])

    assert server.call("EXISTS", "k") == 0
    wait_for(lambda: server.client().info("clients")["connected_clients"] <= 2, what="the connection is gone")


def test_values_of_many_megabytes_go_in_and_out(compare):
    value = bytes(range(256)) * (128 << 10)

    compare("SET", "k", value)

    assert compare("GET", "k") == value
    assert compare("STRLEN", "k") == 32 << 20


def test_a_command_may_have_a_hundred_thousand_arguments(compare):
    compare("MSET", *[f"k{i}" for i in range(100_000)])

    assert compare("DBSIZE") == 50_000
    assert len(compare("MGET", *[f"k{i}" for i in range(50_000)])) == 50_000


def test_a_slow_reader_does_not_hold_up_the_others(server):
    server.call("SET", "big", b"x" * (1 << 20))
    with server.wire() as slow, server.wire() as other:
        slow.send(command("GET", "big") * 100)

        for _ in range(100):
            assert other.call("PING") == "PONG"

        slow.socket.settimeout(60)
        for _ in range(100):
            assert len(slow.read()) == 1 << 20


def test_a_reader_too_slow_for_the_hard_limit_is_let_go(start, shards):
    node = start("apus", "--client-output-buffer-limit", "normal 4mb 0 0", shards=shards)
    node.call("SET", "big", b"x" * (1 << 20))
    with node.wire() as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.send(command("GET", "big") * 100)

        node.wait_for_log("for overcoming of output buffer limits")
        assert len(slow.until_closed()) < 100 << 20
    assert node.call("PING") == "PONG"


def test_a_reader_too_slow_for_the_soft_limit_is_let_go_after_its_seconds(start, shards):
    node = start("apus", "--client-output-buffer-limit", "normal 0 1mb 2", shards=shards)
    node.call("SET", "big", b"x" * (1 << 20))
    with node.wire() as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.send(command("GET", "big") * 40)

        assert "overcoming" not in node.log()
        node.wait_for_log("for overcoming of output buffer limits")


def test_a_query_beyond_the_buffer_limit_ends_the_connection(start, shards):
    node = start("apus", "--client-query-buffer-limit", "1mb", shards=shards)
    with node.wire() as wire:
        try:
            for _ in range(64):
                wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\n" if _ == 0 else b"x" * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass

        assert wire.until_closed() == b""
    assert node.call("EXISTS", "k") == 0


def test_a_bulk_string_may_be_limited(start, shards):
    node = start("apus", "--proto-max-bulk-len", "1mb", shards=shards)
    with node.wire() as wire:
        assert wire.call("SET", "k", b"x" * (1 << 20)) == "OK"
        wire.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")

        assert wire.until_closed() == b"-ERR Protocol error: invalid bulk length\r\n"


class TestBeforeAuthentication:
    """A stranger may say little."""

    @pytest.fixture(params=["server", "peer"])
    def locked(self, request, start, shards):
        return start("apus" if request.param == "server" else "redis", "--requirepass", "secret", shards=shards)

    def test_commands_are_refused_but_those_that_let_one_in(self, locked):
        with locked.wire() as wire:
            assert wire.call("GET", "k") == Error("NOAUTH Authentication required.")
            assert wire.call("PING") == Error("NOAUTH Authentication required.")
            assert wire.call("NOSUCH").startswith("ERR unknown command")
            assert wire.call("HELLO", "3").startswith("NOAUTH HELLO must be called with the client already authenticated")
            wrong = Error("WRONGPASS invalid username-password pair or user is disabled.")
            assert wire.call("AUTH", "wrong") == wrong
            assert wire.call("AUTH", "nobody", "secret") == wrong
            assert wire.call("AUTH", "secret") == "OK"
            assert wire.call("GET", "k") == Null("null bulk")
            assert wire.call("RESET") == "RESET"
            assert wire.call("PING") == Error("NOAUTH Authentication required.")
            assert wire.call("AUTH", "default", "secret") == "OK"

    def test_more_than_ten_arguments_end_the_connection(self, locked):
        with locked.wire() as wire:
            wire.send(b"*11\r\n")

            assert wire.until_closed() == b"-ERR Protocol error: unauthenticated multibulk length\r\n"

    def test_an_argument_above_16_kilobytes_ends_the_connection(self, locked):
        with locked.wire() as wire:
            wire.send(b"*1\r\n$16385\r\n")

            assert wire.until_closed() == b"-ERR Protocol error: unauthenticated bulk length\r\n"

    def test_both_are_free_afterwards(self, locked):
        with locked.wire() as wire:
            wire.call("AUTH", "secret")

            assert wire.call("MSET", *[f"k{i}" for i in range(20)]) == "OK"
            assert wire.call("SET", "k", "x" * 20000) == "OK"


class TestRESP3:
    def test_hello_answers_as_redis_but_for_name_version_and_identifier(self, server, peer):
        with server.wire() as ours, peer.wire() as theirs:
            replies = [wire.call("HELLO", *version) for wire in (ours, theirs) for version in ([], ["2"], ["3"], [])]

        plain, as_map = replies[0], replies[2]
        assert plain[::2] == replies[4][::2]
        assert [name for name, _ in as_map] == [name for name, _ in replies[6]]
        varying = (b"server", b"version", b"id")
        for ours, theirs in zip(replies[2:4], replies[6:8]):
            assert isinstance(ours, Map)
            assert [p for p in ours if p[0] not in varying] == [p for p in theirs if p[0] not in varying]

    @pytest.mark.apus_only
    def test_hello_tells_the_availability_zone_as_valkey(self, start, shards):
        greetings = [start(kind, "--availability-zone", "z1", **options).call("HELLO", "2") for kind, options in (("apus", {"shards": shards}), ("valkey", {}))]

        assert [greeting[-2:] for greeting in greetings] == [[b"availability_zone", b"z1"]] * 2

    HELLOS = {
        "version too new": ["4"],
        "version too old": ["1"],
        "not a number": ["x"],
        "name": ["3", "SETNAME", "tester"],
        "name with blanks": ["3", "SETNAME", "a b"],
        "unknown option": ["3", "NOSUCH"],
        "half an option": ["3", "AUTH", "default"],
        "wrong user": ["3", "AUTH", "nobody", "x"],
    }

    @pytest.mark.parametrize("arguments", HELLOS.values(), ids=HELLOS.keys())
    def test_hello_fails_as_in_redis(self, server, peer, arguments):
        def kind(node):
            with node.wire() as wire:
                reply = wire.call("HELLO", *arguments)
                return (reply if isinstance(reply, Error) else type(reply)), wire.call("CLIENT", "GETNAME")

        assert kind(server) == kind(peer)

    CALLS = {
        "missing string": [("GET", "nosuch")],
        "missing strings": [("MGET", "a", "b")],
        "float": [("INCRBYFLOAT", "f", "1.5")],
        "settings": [("CONFIG", "GET", "maxclients")],
        "matches": [("MSET", "a", "ohmytext", "b", "mynewtext"), ("LCS", "a", "b", "IDX")],
        "client information": [("CLIENT", "GETNAME"), ("CLIENT", "SETNAME", "x"), ("CLIENT", "GETNAME")],
        "aborted transaction": [("MULTI",), ("NOSUCH",), ("EXEC",)],
        "transaction": [("MULTI",), ("SET", "k", "v"), ("GET", "k"), ("GET", "nosuch"), ("EXEC",)],
        "flags": [("COMMAND", "INFO", "get", "nosuch")],
        "keys of a command": [("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2")],
        "keys and flags": [("COMMAND", "GETKEYSANDFLAGS", "SET", "a", "1")],
    }

    @pytest.mark.parametrize("version", ["2", "3"])
    @pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS.keys())
    def test_replies_have_the_types_that_redis_gives_them(self, compare, calls, version):
        compare.ours.call("HELLO", version)
        compare.theirs.call("HELLO", version)

        for call in calls:
            compare(*call)

    KINDS = ["string", "integer", "double", "null", "array", "set", "map", "attrib", "push", "verbatim", "true", "false", "bignum"]

    @pytest.mark.parametrize("version", ["2", "3"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_type_is_written_as_redis_writes_it(self, server, peer, kind, version):
        data = command("HELLO", version) + command("DEBUG", "PROTOCOL", kind)

        def after_hello(node):
            with node.wire() as wire:
                wire.send(data)
                wire.read()
                wire.send(ASK_END)
                return wire.until(END)

        assert after_hello(server) == after_hello(peer)


def test_quit_is_answered_and_then_obeyed(server, peer):
    for node in (server, peer):
        with node.wire() as wire:
            wire.send(command("QUIT") + command("PING"))

            assert wire.until_closed() == b"+OK\r\n"


def test_client_reply_is_obeyed(server, peer):
    for node in (server, peer):
        with node.wire() as wire:
            wire.send(command("CLIENT", "REPLY", "OFF") + command("PING") + command("CLIENT", "REPLY", "ON"))
            wire.send(command("CLIENT", "REPLY", "SKIP") + command("PING") + command("ECHO", "x"))

            assert [wire.read(), wire.read()] == ["OK", b"x"]
