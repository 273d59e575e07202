"""XREADGROUP with CLAIM, as Redis 8.4 documents it: what is idle comes first, and is waited for. No peer has it."""

import time

import pytest

from wire import Error, Null, command, wait_for

pytestmark = pytest.mark.apus_only


@pytest.fixture
def node(lasting_server):
    lasting_server.call("FLUSHALL")
    for key in "ab":  # keys of two shards
        lasting_server.call("XGROUP", "CREATE", key, "g", "0", "MKSTREAM")
    return lasting_server


def blocked(node):
    return node.client().info("clients")["blocked_clients"]


def waiting(node, wire, *words):
    """Sends a command that has to wait."""
    before = blocked(node)
    wire.send(command("XREADGROUP", "GROUP", "g", *words))
    wait_for(lambda: blocked(node) == before + 1, what=f"{words!r} waits")


def hand_out(node, key, *ids):
    """Adds entries, which a consumer then has."""
    for entry in ids:
        node.call("XADD", key, entry, "f", "v")
    node.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", key, ">")


@pytest.mark.parametrize("version", [2, 3])
def test_the_reply_tells_how_long_and_how_often(node, version):
    hand_out(node, "a", "1-0")
    time.sleep(0.05)
    node.call("XADD", "a", "2-0", "f", "w")
    with node.wire() as wire:
        if version == 3:
            wire.call("HELLO", 3)
        reply = wire.call("XREADGROUP", "GROUP", "g", "d", "CLAIM", 40, "STREAMS", "a", "b", ">", ">")

    entries = dict(reply)[b"a"]
    idle = entries[0][2]
    assert entries == [[b"1-0", [b"f", b"v"], idle, 1], [b"2-0", [b"f", b"w"], 0, 0]]
    assert 40 <= idle < 5000
    assert [(entry[0], entry[1], entry[3]) for entry in node.call("XPENDING", "a", "g", "-", "+", 9)] == [(b"1-0", b"d", 2), (b"2-0", b"d", 1)]


def test_a_wait_ends_when_an_entry_has_been_idle_for_long_enough(node):
    hand_out(node, "a", "1-0", "2-0")
    start = time.monotonic()
    with node.wire() as wire:
        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 400, "STREAMS", "a", "b", ">", ">")
        reply = wire.read()

    assert 0.3 < time.monotonic() - start < 5
    assert [entry[0] for entry in reply[0][1]] == [b"1-0", b"2-0"]
    assert all(400 <= entry[2] < 5000 and entry[3] == 1 for entry in reply[0][1])


def test_it_ends_without_any_at_its_deadline(node):
    hand_out(node, "a", "1-0")
    with node.wire() as wire:
        start = time.monotonic()
        assert wire.call("XREADGROUP", "GROUP", "g", "d", "BLOCK", 150, "CLAIM", 100_000, "STREAMS", "a", ">") == Null("null array")
        assert 0.1 < time.monotonic() - start < 5


def test_a_new_entry_ends_it_before(node):
    hand_out(node, "a", "1-0")
    with node.wire() as wire:
        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", ">")
        node.call("XADD", "a", "2-0", "f", "v")
        assert wire.read() == [[b"a", [[b"2-0", [b"f", b"v"], 0, 0]]]]


def test_so_does_what_is_given_back_or_made_to_have_been_idle(node):
    hand_out(node, "b", "1-0", "2-0", "3-0")
    with node.wire() as wire:
        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", "b", ">", ">")
        node.call("XNACK", "b", "g", "FAIL", "IDS", 2, "3-0", "1-0")
        assert wire.read() == [[b"b", [[b"3-0", [b"f", b"v"], -1, 1], [b"1-0", [b"f", b"v"], -1, 1]]]]

        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", "b", ">", ">")
        node.call("XCLAIM", "b", "g", "c", 0, "2-0", "IDLE", 200_000)
        assert [entry[0] for entry in wire.read()[0][1]] == [b"2-0"]


def test_who_came_first_is_served_first_and_the_next_gets_what_that_one_leaves(node):
    with node.wire() as first, node.wire() as second, node.wire() as third:
        waiting(node, first, "d", "BLOCK", 0, "CLAIM", 300, "STREAMS", "a", ">")
        waiting(node, second, "e", "BLOCK", 0, "CLAIM", 300, "STREAMS", "a", ">")
        waiting(node, third, "e", "BLOCK", 0, "STREAMS", "a", ">")
        node.call("XADD", "a", "1-0", "f", "v")

        assert first.read() == [[b"a", [[b"1-0", [b"f", b"v"], 0, 0]]]]
        reply = second.read()
        assert reply[0][1][0][3] == 1 and reply[0][1][0][2] >= 300
        assert third.is_quiet()
        node.call("XADD", "a", "2-0", "f", "v")
        assert third.read() == [[b"a", [[b"2-0", [b"f", b"v"]]]]]


def test_it_ends_with_its_group(node):
    hand_out(node, "a", "1-0")
    with node.wire() as wire:
        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", ">")
        node.call("XGROUP", "DESTROY", "a", "g")
        assert isinstance(wire.read(), Error)


def test_in_a_transaction_nobody_waits(node):
    hand_out(node, "a", "1-0")
    with node.wire() as wire:
        wire.call("MULTI")
        wire.call("XREADGROUP", "GROUP", "g", "d", "BLOCK", 0, "CLAIM", 0, "STREAMS", "a", ">")
        wire.call("XREADGROUP", "GROUP", "g", "d", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", ">")
        claimed, nothing = wire.call("EXEC")

    assert [entry[0] for entry in claimed[0][1]] == [b"1-0"] and nothing == Null("null array")


def test_clients_that_leave_or_are_unblocked_leave_nothing_behind(node):
    hand_out(node, "a", "1-0")
    with node.wire() as wire, node.wire() as other:
        number = wire.call("CLIENT", "ID")
        waiting(node, wire, "d", "BLOCK", 0, "CLAIM", 200, "STREAMS", "a", "b", ">", ">")
        waiting(node, other, "e", "BLOCK", 0, "CLAIM", 100_000, "STREAMS", "a", "b", ">", ">")
        assert node.call("CLIENT", "UNBLOCK", number) == 1
        assert wire.read() == Null("null array")
    wait_for(lambda: blocked(node) == 0, what="nobody waits")
    assert node.client().info("clients")["clients_in_timeout_table"] == 0
    assert node.call("XREADGROUP", "GROUP", "g", "d", "CLAIM", 0, "STREAMS", "a", ">")[0][1][0][3] == 1
