"""Slots on the move: opened, asked for, closed and given away, counted and emptied, in the words of the peers.

A pair is two nodes of one make, the first with the lower half of the slots. A script is played on a pair of the server under
test and on one of a peer, and its replies compare when each node's identifier and port are called A or B.
"""

import pytest

from nodes import commands_of, wait_for_cluster
from wire import Error, Null, command, wait_for

SLOTS = 16384
PEERS = [kind for kind in ("redis", "valkey") if commands_of(kind)]


class Pair:
    def __init__(self, start, kind, *options, shards=None):
        self.first, self.second = (start(kind, *options, cluster=True, shards=shards) for _ in range(2))
        self.first.meet(self.second)
        self.first.add_slots(0, SLOTS // 2 - 1)
        self.second.add_slots(SLOTS // 2, SLOTS - 1)
        wait_for_cluster([self.first, self.second])
        self.names = {self.first.id: "A", self.second.id: "B", str(self.first.port): "PA", str(self.second.port): "PB"}
        self.identifiers = {"A": self.first.id, "B": self.second.id}

    def __iter__(self):
        return iter((self.first, self.second))

    def fill_in(self, words):
        return [self.identifiers.get(word, word) for word in words]

    def anonymous(self, reply):
        text = repr(reply)
        for name, short in self.names.items():
            text = text.replace(name, short)
        return text

    def call(self, line):
        """One command on a connection of its own: the first word names the node."""
        node, *words = line.split()
        return self.anonymous((self.first if node == "A" else self.second).call(*self.fill_in(words)))

    def play(self, script):
        """Each line a command, its first word the connection: A and B of the two nodes, A1 and the like further ones."""
        wires = {}
        replies = []
        for line in filter(None, map(str.strip, script.splitlines())):
            name, *words = line.split()
            if name not in wires:
                wires[name] = (self.first if name.startswith("A") else self.second).wire()
            replies.append(f"{line} -> {self.anonymous(wires[name].call(*self.fill_in(words)))}")
        for wire in wires.values():
            wire.close()
        return replies

    def give_back(self, *slots):
        """Makes the first node the owner of slots that went to the second."""
        for slot in slots:
            self.first.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self.second.id)
            for node in (self.first, self.second):
                reply = node.call("CLUSTER", "SETSLOT", slot, "NODE", self.first.id)
                assert reply == "OK", reply
        wait_for_cluster(list(self))

    def tidy(self):
        for node in self:
            for slot in (0, 9000, 3000):
                node.call("CLUSTER", "SETSLOT", slot, "STABLE")


@pytest.fixture(scope="module")
def pair(lasting, shards):
    return Pair(lasting, "apus", shards=shards)


@pytest.fixture(scope="module")
def redis_pair(lasting):
    return Pair(lasting, "redis")


@pytest.fixture(scope="module")
def valkey_pair(lasting):
    return Pair(lasting, "valkey")


def pairs_of(flat):
    """A map of RESP2 as a dictionary."""
    return dict(zip(flat[::2], flat[1::2]))


class TestWords:
    OF_REDIS = [
        "SETSLOT", "SETSLOT 0", "SETSLOT 0 STABLE", "SETSLOT 0 STABLE x", "SETSLOT x STABLE", "SETSLOT 16384 STABLE",
        "SETSLOT -1 FOO", "SETSLOT 0 FOO", "SETSLOT 0 FOO x", "SETSLOT 0 MIGRATING", "SETSLOT 0 MIGRATING zz",
        "SETSLOT 0 MIGRATING B", "SETSLOT 0 MIGRATING B x", "SETSLOT 9000 MIGRATING zz", "SETSLOT 9000 MIGRATING B",
        "SETSLOT 0 IMPORTING", "SETSLOT 0 IMPORTING zz", "SETSLOT 0 IMPORTING B", "SETSLOT 9000 IMPORTING zz",
        "SETSLOT 9000 IMPORTING B", "SETSLOT 0 NODE", "SETSLOT 0 NODE zz", "SETSLOT 0 NODE A", "SETSLOT 0 NODE A x",
        "SETSLOT 9000 STABLE", "SETSLOT 0 migrating B", "LINKS x", "BUMPEPOCH x", "GETKEYSINSLOT 0", "COUNTKEYSINSLOT",
    ]
    OF_VALKEY = [
        "SETSLOT 0 MIGRATING A", "SETSLOT 9000 IMPORTING A", "SETSLOT 0 STABLE TIMEOUT 100", "SETSLOT 0 STABLE TIMEOUT x",
        "SETSLOT 0 STABLE TIMEOUT", "SETSLOT 0 STABLE TIMEOUT -1", "SETSLOT 0 MIGRATING B TIMEOUT 100",
        "SETSLOT 9000 IMPORTING B timeout 0", "SETSLOT 0 NODE A TIMEOUT 100",
        "FLUSHSLOT", "FLUSHSLOT x", "FLUSHSLOT 1", "FLUSHSLOT 1 SYNC", "FLUSHSLOT 1 async", "FLUSHSLOT 1 FOO",
        "FLUSHSLOT 1 SYNC x", "FLUSHSLOT 16384", "FLUSHSLOT 9000",
        "SLOT-STATS", "SLOT-STATS FOO", "SLOT-STATS FOO 1", "SLOT-STATS SLOTSRANGE 0", "SLOT-STATS SLOTSRANGE 0 2",
        "SLOT-STATS SLOTSRANGE 2 0", "SLOT-STATS SLOTSRANGE x 0", "SLOT-STATS SLOTSRANGE 0 16384",
        "SLOT-STATS SLOTSRANGE 8190 8193", "SLOT-STATS SLOTSRANGE 9000 9001", "SLOT-STATS SLOTSRANGE 0 2 3",
        "SLOT-STATS ORDERBY", "SLOT-STATS ORDERBY foo", "SLOT-STATS ORDERBY key-count", "SLOT-STATS ORDERBY key-count LIMIT 2",
        "SLOT-STATS ORDERBY key-count LIMIT 2 ASC", "SLOT-STATS ORDERBY key-count desc LIMIT 2",
        "SLOT-STATS ORDERBY key-count LIMIT 0", "SLOT-STATS ORDERBY key-count LIMIT 16385", "SLOT-STATS ORDERBY key-count LIMIT x",
        "SLOT-STATS ORDERBY key-count LIMIT", "SLOT-STATS ORDERBY key-count ASC DESC LIMIT 1",
        "SLOT-STATS ORDERBY key-count LIMIT 1 LIMIT 2", "SLOT-STATS ORDERBY key-count FOO", "SLOT-STATS ORDERBY cpu-usec LIMIT 1",
        "SLOT-STATS ORDERBY memory-bytes LIMIT 1",
    ]

    @pytest.mark.parametrize("line", OF_REDIS)
    def test_are_those_of_redis(self, pair, redis_pair, line):
        ours, theirs = (one.call(f"A CLUSTER {line}") for one in (pair, redis_pair))
        for one in (pair, redis_pair):
            one.tidy()

        assert ours == theirs

    @pytest.mark.apus_only
    @pytest.mark.parametrize("line", OF_VALKEY)
    def test_are_those_of_valkey(self, pair, valkey_pair, line):
        ours, theirs = (one.call(f"A CLUSTER {line}") for one in (pair, valkey_pair))
        for one in (pair, valkey_pair):
            one.tidy()

        assert ours == theirs

    @pytest.mark.apus_only
    @pytest.mark.parametrize(
        "line", ["MIGRATESLOTS SLOTSRANGE 0 5 NODE B", "CANCELSLOTMIGRATIONS", "GETSLOTMIGRATIONS", "SYNCSLOTS ACK"]
    )
    def test_for_what_is_not_there_are_clear(self, pair, line):
        assert "does not move slots atomically" in pair.call(f"A CLUSTER {line}")

    @pytest.mark.apus_only
    def test_subcommands_are_described_as_in_valkey(self, pair, valkey_pair):
        names = [
            f"cluster|{name}" for name in
            ("setslot", "flushslot", "slot-stats", "migrateslots", "cancelslotmigrations", "getslotmigrations", "syncslots")
        ]
        assert pair.first.call("COMMAND", "INFO", *names) == valkey_pair.first.call("COMMAND", "INFO", *names)


class TestOpenSlots:
    """kk22619, kk33658 and kk52285 are in slot 3000."""

    OPEN = """
        A SET kk22619 here
        B CLUSTER SETSLOT 3000 IMPORTING A
        A CLUSTER SETSLOT 3000 MIGRATING B
    """
    CLOSE = """
        A DEL kk22619
        A CLUSTER SETSLOT 3000 STABLE
        B CLUSTER SETSLOT 3000 STABLE
    """
    SCRIPTS = {
        "single keys": """
            A GET kk22619
            A GET kk33658
            A SET kk33658 v
            B GET kk33658
            B ASKING
            B GET kk33658
            B GET kk33658
        """,
        "several keys": """
            A MGET kk22619 kk33658
            A MGET kk33658 kk52285
            A MGET kk22619 kk22619
            A EXISTS kk33658 kk33658
            B ASKING
            B MGET kk22619 kk33658
            B ASKING
            B MGET kk33658 kk33658
            B MGET kk33658 kk33658
        """,
        "ASKING is good for one command": """
            B ASKING
            B PING
            B GET kk33658
            B ASKING
            B NOSUCH
            B GET kk33658
            B ASKING
            B GET
            B GET kk33658
            B ASKING
            B GET kk52285 
            B GET kk52285
            B ASKING
            B MGET kk22619 kk52285
            B GET kk52285
            B ASKING
            B GET foo
            B GET kk52285
            B ASKING
            B GET a
            B GET kk52285
        """,
        "ASKING before MULTI is good for the transaction": """
            B ASKING
            B MULTI
            B SET kk33658 v
            B GET kk33658
            B DEL kk33658
            B EXEC
            B GET kk33658
        """,
        "ASKING inside MULTI is queued": """
            B MULTI
            B ASKING
            B GET kk33658
            B EXEC
        """,
        "a transaction whose keys are here": """
            A MULTI
            A GET kk22619
            A APPEND kk22619 x
            A EXEC
            A GET kk22619
        """,
        "a transaction without keys": """
            A MULTI
            A PING
            A EXEC
        """,
        "RESTORE-ASKING needs no ASKING": r"""
            B RESTORE-ASKING kk33658 0 x
            B RESTORE kk33658 0 x
        """,
        "closing": """
            A CLUSTER SETSLOT 3000 NODE B
            A CLUSTER COUNTKEYSINSLOT 3000
            A CLUSTER SETSLOT 3000 STABLE
            A GET kk33658
            B CLUSTER SETSLOT 3000 STABLE
            B ASKING
            B GET kk33658
        """,
        "counting": """
            A CLUSTER GETKEYSINSLOT 3000 10
            A CLUSTER COUNTKEYSINSLOT 3000
            B CLUSTER GETKEYSINSLOT 3000 10
        """,
        "watching": """
            A WATCH kk33658
            A WATCH kk22619
            B WATCH kk33658
            B ASKING
            B WATCH kk33658
        """,
    }

    @pytest.mark.parametrize("name", SCRIPTS)
    @pytest.mark.parametrize("kind", PEERS)
    def test_are_asked_for_as_in_the_peers(self, request, pair, kind, name):
        peer = request.getfixturevalue(f"{kind}_pair")

        ours, theirs = (one.play(self.OPEN + self.SCRIPTS[name]) for one in (pair, peer))
        for one in (pair, peer):
            one.play(self.CLOSE)
            one.tidy()

        assert ours == theirs

    @pytest.mark.apus_only
    def test_a_transaction_is_asked_for_as_a_whole_as_in_valkey(self, pair, valkey_pair):
        """Redis asks for each command when it is queued, too: what a transaction makes itself is then missing."""
        script = """
            A MULTI
            A GET kk33658
            A EXEC
            A GET kk22619
            A MULTI
            A GET kk22619
            A GET kk33658
            A EXEC
            A DISCARD
            A MULTI
            A SET kk52285 v
            A GET kk22619
            A EXEC
            B ASKING
            B MULTI
            B GET kk22619
            B GET kk33658
            B EXEC
        """
        ours, theirs = (one.play(self.OPEN + script) for one in (pair, valkey_pair))
        for one in (pair, valkey_pair):
            one.play(self.CLOSE)

        assert ours == theirs

    def test_a_slot_moves_key_by_key_to_its_new_owner(self, pair):
        """What an administrator does by hand, step by step: epochs, states and answers on the way."""
        first, second = pair
        keys = [f"{{kk22619}}:{number}" for number in range(20)] + ["kk22619"]
        for key in keys:
            first.call("SET", key, key)

        assert second.call("CLUSTER", "SETSLOT", 3000, "IMPORTING", first.id) == "OK"
        assert first.call("CLUSTER", "SETSLOT", 3000, "MIGRATING", second.id) == "OK"
        assert f"[3000-<-{first.id}]" in second.nodes()[second.id]
        assert f"[3000->-{second.id}]" in first.nodes()[first.id]
        refusal = Error("ERR Can't assign hashslot 3000 to a different node while I still hold keys for this hash slot.")
        assert first.call("CLUSTER", "SETSLOT", 3000, "NODE", second.id) == refusal
        while batch := first.call("CLUSTER", "GETKEYSINSLOT", 3000, 7):
            assert first.call("MIGRATE", "127.0.0.1", second.port, "", 0, 5000, "KEYS", *batch) == "OK"
        assert first.call("GET", "kk22619") == Error(f"ASK 3000 127.0.0.1:{second.port}")
        for node in (second, first):
            assert node.call("CLUSTER", "SETSLOT", 3000, "NODE", second.id) == "OK"

        # The new owner's claim is the newest of all; if it was that before, it takes no new epoch.
        assert int(second.info()["cluster_my_epoch"]) == int(second.info()["cluster_current_epoch"])
        assert int(second.info()["cluster_my_epoch"]) > int(first.info()["cluster_my_epoch"])
        assert not any(word.startswith("[") for node in pair for word in node.nodes()[node.id])
        assert [second.call("GET", key) for key in keys] == [key.encode() for key in keys]
        assert first.call("GET", "kk22619") == Error(f"MOVED 3000 127.0.0.1:{second.port}")
        wait_for_cluster(list(pair))

        assert second.call("DEL", *keys) == len(keys)
        pair.give_back(3000)

    @pytest.mark.apus_only
    def test_the_claim_of_the_new_owner_closes_the_slot_at_the_old_one(self, pair):
        """As in Valkey: who is told last, or never, learns it from the bus."""
        first, second = pair
        pair.play(self.OPEN)
        assert first.call("MIGRATE", "127.0.0.1", second.port, "kk22619", 0, 5000) == "OK"

        assert second.call("CLUSTER", "SETSLOT", 3000, "NODE", second.id) == "OK"

        wait_for(
            lambda: not any(word.startswith("[") for word in first.nodes()[first.id]), what="the former owner closes the slot"
        )
        wait_for_cluster(list(pair))
        assert second.call("DEL", "kk22619") == 1
        pair.give_back(3000)

    def test_migrate_works_in_an_open_slot_and_nowhere_else(self, pair):
        first, second = pair
        pair.play(self.OPEN)

        assert second.call("MIGRATE", "127.0.0.1", first.port, "kk22619", 0, 1000) == "NOKEY"
        assert first.call("MIGRATE", "127.0.0.1", second.port, "kk33658", 0, 1000) == "NOKEY"
        assert second.call("MIGRATE", "127.0.0.1", first.port, "foo", 0, 1000) == "NOKEY"
        assert first.call("MIGRATE", "127.0.0.1", second.port, "foo", 0, 1000) == Error(f"MOVED 12182 127.0.0.1:{second.port}")
        assert first.call("MIGRATE", "127.0.0.1", second.port, "", 0, 1000, "KEYS", "foo", "bar").startswith("CROSSSLOT")

        pair.play(self.CLOSE)

    def test_keys_of_lost_slots_are_removed_on_all_shards(self, pair):
        """The other node claims slots by a greater epoch, and never asked for their keys."""
        first, second = pair
        keys = [f"key:{number}" for number in range(200)]
        slots = {key: first.call("CLUSTER", "KEYSLOT", key) for key in keys}
        mine = [key for key in keys if slots[key] < SLOTS // 2]
        lost = {slots[key] for key in mine[: len(mine) // 2]}
        for key in mine:
            assert first.call("SET", key, "v") == "OK"
        with first.wire() as watcher:
            watcher.call("WATCH", next(key for key in mine if slots[key] not in lost))

            for slot in lost:
                second.call("CLUSTER", "SETSLOT", slot, "IMPORTING", first.id)
                assert second.call("CLUSTER", "SETSLOT", slot, "NODE", second.id) == "OK"
            wait_for_cluster(list(pair))
            left = [key for key in mine if slots[key] not in lost]
            wait_for(lambda: first.call("DBSIZE") == len(left), what="the keys of lost slots are gone")

            assert [first.call("GET", key) for key in left] == [b"v"] * len(left)
            assert [first.call("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in lost] == [0] * len(lost)
            watcher.call("MULTI")
            watcher.call("PING")
            assert watcher.call("EXEC") == ["PONG"]

        pair.give_back(*lost)
        first.call("FLUSHALL")

    def test_open_slots_survive_a_restart(self, start, shards):
        pair = Pair(start, "apus", shards=shards)
        first, second = pair
        second.call("CLUSTER", "SETSLOT", 3000, "IMPORTING", first.id)
        first.call("CLUSTER", "SETSLOT", 3000, "MIGRATING", second.id)

        for node in pair:
            node.restart()
        wait_for_cluster(list(pair))

        assert f"[3000-<-{first.id}]" in second.nodes()[second.id]
        assert f"[3000->-{second.id}]" in first.nodes()[first.id]
        assert first.call("GET", "kk33658") == Error(f"ASK 3000 127.0.0.1:{second.port}")


@pytest.mark.apus_only
class TestFlushSlot:
    def test_empties_one_slot(self, pair):
        first, _ = pair
        for number in range(10):
            first.call("SET", f"{{kk22619}}:{number}", "v")
            first.call("SET", f"{{kk22619}}:{number}:mortal", "v", "EX", "1000")
        first.call("SET", "bar", "v")
        with first.wire() as one, first.wire() as other:
            one.call("WATCH", "{kk22619}:1")
            other.call("WATCH", "bar")

            assert first.call("CLUSTER", "FLUSHSLOT", 3000, "ASYNC") == "OK"

            for wire, expected in ((one, Null("null array")), (other, ["PONG"])):
                wire.call("MULTI")
                wire.call("PING")
                assert wire.call("EXEC") == expected
        assert first.call("CLUSTER", "COUNTKEYSINSLOT", 3000) == 0
        assert first.call("DBSIZE") == 1
        first.call("DEL", "bar")

    def test_works_in_a_transaction(self, pair):
        first, _ = pair
        with first.wire() as wire:
            wire.call("MULTI")
            for words in (("SET", "bar", "v"), ("CLUSTER", "FLUSHSLOT", "5061"), ("EXISTS", "bar")):
                assert wire.call(*words) == "QUEUED"
            assert wire.call("EXEC") == ["OK", "OK", 0]


@pytest.mark.apus_only
class TestSlotStatistics:
    @pytest.fixture(scope="class")
    def pairs(self, lasting, shards):
        option = ("--cluster-slot-stats-enabled", "yes")
        return Pair(lasting, "apus", *option, shards=shards), Pair(lasting, "valkey", *option)

    @pytest.fixture
    def measured(self, pairs):
        for pair in pairs:
            for node in pair:
                node.call("FLUSHALL")
                node.call("CONFIG", "RESETSTAT")
        return pairs

    def counts(self, pair, slot=3000):
        """Key count, and bytes in and out, of a slot."""
        ((number, values),) = pair.first.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", slot, slot)
        counts = pairs_of(values)
        assert number == slot and list(counts) == [b"key-count", b"cpu-usec", b"network-bytes-in", b"network-bytes-out"]
        return counts[b"key-count"], counts[b"network-bytes-in"], counts[b"network-bytes-out"]

    CALLS = [
        ("SET", "kk22619", "v"), ("GET", "kk22619"), ("GET", "kk33658"), ("INCR", "kk22619"), ("MGET", "kk22619", "kk33658"),
        ("GET", "kk22619", "extra"), ("CLUSTER", "COUNTKEYSINSLOT", "3000"), ("CLUSTER", "KEYSLOT", "kk22619"), ("PING",),
        ("DEL", "kk22619", "kk33658"), ("SET", "kk33658", "x" * 1000), ("GET", "foo"), ("MGET", "foo", "kk22619"), ("NOSUCH",),
    ]

    @pytest.mark.parametrize("words", CALLS, ids=lambda words: " ".join(words)[:40])
    def test_bytes_and_keys_are_counted_as_in_valkey(self, measured, words):
        for pair in measured:
            pair.first.call("SET", "kk22619", "v")
            pair.first.call(*words)

        ours, theirs = map(self.counts, measured)

        assert ours == theirs

    def test_a_transaction_is_counted_with_its_multi_and_exec(self, measured):
        """Bytes in as in Valkey. Bytes out are those of the reply to EXEC; Valkey counts parts of it several times."""
        for pair in measured:
            pair.play("A MULTI\n A SET kk22619 v\n A GET kk22619\n A EXEC")

        (_, ours_in, ours_out), (_, theirs_in, theirs_out) = map(self.counts, measured)

        assert ours_in == theirs_in
        assert ours_out == len("*2\r\n+OK\r\n$1\r\nv\r\n") <= theirs_out

    def test_time_is_counted_where_it_is_spent(self, measured):
        ours, _ = measured
        with ours.first.wire() as wire:
            for number in range(2000):
                wire.call("SETRANGE", "kk22619", "0", "x" * 200)

        ((slot, values),) = ours.first.call("CLUSTER", "SLOT-STATS", "ORDERBY", "cpu-usec", "LIMIT", "1")

        assert slot == 3000
        assert pairs_of(values)[b"cpu-usec"] > 100

    @pytest.mark.parametrize("waiting, serving", [
        ("BLPOP kk22619 0", "RPUSH kk22619 a"), ("XREAD BLOCK 0 STREAMS kk22619 $", "XADD kk22619 1-1 a b"),
        ("BLMOVE kk22619 {kk22619}2 LEFT LEFT 0", "RPUSH kk22619 a"),
    ])
    def test_what_waits_is_counted_when_it_is_served(self, measured, waiting, serving):
        for pair in measured:
            with pair.first.wire() as wire:
                wire.send(command(*waiting.split()))
                wait_for(lambda: pair.first.client().info("clients")["blocked_clients"] == 1, what="the client waits")
                pair.first.call(*serving.split())
                wire.read()

        ours, theirs = map(self.counts, measured)
        ((_, values),) = measured[0].first.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 3000, 3000)

        assert ours == theirs
        assert pairs_of(values)[b"cpu-usec"] > 0

    def test_the_most_and_the_least_are_found(self, measured):
        for pair in measured:
            for key in ("kk22619", "kk33658", "kk52285", "bar", "hello", "{hello}1"):
                pair.first.call("SET", key, "v")

        for order in ("key-count LIMIT 4", "key-count LIMIT 4 ASC", "network-bytes-in LIMIT 3 DESC"):
            ours, theirs = (
                [row[0] for row in pair.first.call("CLUSTER", "SLOT-STATS", "ORDERBY", *order.split())] for pair in measured
            )
            assert ours == theirs

    def test_a_slot_that_went_away_and_came_back_begins_anew(self, measured):
        pair, _ = measured
        pair.first.call("SET", "kk22619", "v")
        pair.first.call("DEL", "kk22619")
        assert self.counts(pair)[1] > 0

        def give(owner):
            for node in (owner, *pair):
                assert node.call("CLUSTER", "SETSLOT", 3000, "NODE", owner.id) == "OK"
            return pair.first.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 3000, 3000)

        assert give(pair.second) == []
        # A heartbeat from before may still claim it for the other.
        wait_for(lambda: give(pair.first), what="the slot has come back")
        assert self.counts(pair) == (0, 0, 0)
        wait_for_cluster(list(pair))

    def test_nothing_is_counted_unless_it_is_asked_for(self, pair):
        pair.first.call("SET", "kk22619", "v")
        assert pair.first.call("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 3000, 3000) == [[3000, [b"key-count", 1]]]
        assert pair.first.call("CONFIG", "SET", "cluster-slot-stats-enabled", "yes") == "OK"
        assert self.counts(pair) == (1, 0, 0)
        pair.first.call("GET", "kk22619")
        assert self.counts(pair)[1] > 0
        pair.first.call("CONFIG", "SET", "cluster-slot-stats-enabled", "no")
        pair.first.call("DEL", "kk22619")
