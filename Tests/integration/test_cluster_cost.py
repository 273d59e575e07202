"""What cluster commands cost: a slot's in proportion to its keys, views of a thousand nodes little and from a cache.

Times are the servers' own, of INFO commandstats: microseconds per call. `./test integration -k cluster_cost -s` prints them.
"""

import random
import re

import pytest

from nodes import commands_of
from wire import command, wait_for

SLOTS = 16384
NODES = 1000


def measure(node, calls, rounds=15):
    """Microseconds per call of each of some commands, by their names in INFO; the best of three."""
    best = {}
    for _ in range(3):
        node.call("CONFIG", "RESETSTAT")
        with node.wire(timeout=60) as wire:
            for _ in range(rounds):
                for words in calls:
                    reply = wire.call(*words)
                    assert not str(reply).startswith("ERR"), reply
        stats = node.call("INFO", "commandstats").decode()
        for name, time in re.findall(r"cmdstat_(cluster\|[a-z]+):.*usec_per_call=([0-9.]+)", stats):
            best[name] = min(best.get(name, 1e9), float(time))
    return best


def configuration(kind):
    """A nodes.conf of a thousand primaries with some sixteen slots each; the first is the node itself."""
    rng = random.Random(1)
    lines = []
    for number in range(NODES):
        address = f"127.1.{number // 250}.{number % 250 + 1}:7000@17000"
        if kind != "redis":
            address += f",,tls-port=0,shard-id={rng.getrandbits(160):040x}"
        flags = "myself,master" if number == 0 else "master"
        slots = f"{SLOTS * number // NODES}-{SLOTS * (number + 1) // NODES - 1}"
        lines.append(f"{rng.getrandbits(160):040x} {address} {flags} - 0 0 {number + 1} connected {slots}")
    return "\n".join(lines) + f"\nvars currentEpoch {NODES} lastVoteEpoch 0\n"


class TestAThousandNodes:
    VIEWS = [("CLUSTER", "SLOTS"), ("CLUSTER", "SHARDS"), ("CLUSTER", "NODES")]

    @pytest.fixture
    def known(self, start, shards):
        def begin(kind):
            # Nobody listens at those addresses: with a long timeout they stay as they are for the test's length.
            node = start(kind, "--cluster-node-timeout", "600000", cluster=True, shards=shards, start=False)
            (node.folder / "nodes.conf").write_text(configuration(kind))
            node.start()
            assert len(node.nodes()) == NODES
            return node
        return begin

    def test_are_shown_in_less_than_five_milliseconds(self, known, shards):
        kinds = ("apus", "redis", "valkey") if shards == 1 else ("apus",)
        figures = {kind: measure(known(kind), self.VIEWS) for kind in kinds if commands_of(kind)}

        for kind, times in figures.items():
            print(f"\n{kind:7}", *(f"{name} {time:8.1f} us" for name, time in sorted(times.items())), end="")
        assert figures["apus"].keys() == {"cluster|slots", "cluster|shards", "cluster|nodes"}
        assert all(time < 5000 for time in figures["apus"].values()), figures["apus"]

    @pytest.mark.apus_only
    def test_are_shown_as_they_are_now(self, known):
        """The cache knows what its replies hang on: a change shows at once, to clients of both versions of the protocol."""
        node = known("apus")
        identifier = node.id
        with node.wire() as two, node.wire() as three:
            three.call("HELLO", "3")
            for _ in range(2):
                for wire in (two, three):
                    ranges = [entry[:2] for entry in wire.call("CLUSTER", "SLOTS")]
                    assert ranges[0] == [0, 15] and len(ranges) == NODES
            with_three = three.call("CLUSTER", "SHARDS")
            assert len(with_three) == len(two.call("CLUSTER", "SHARDS")) == NODES
            assert type(with_three[0]) is not type(two.call("CLUSTER", "SHARDS")[0])

            # In one pipeline: what a command changes is seen by the next.
            two.send(
                command("CLUSTER", "DELSLOTS", "0") + command("CLUSTER", "SLOTS") + command("CLUSTER", "NODES")
                + command("CLUSTER", "ADDSLOTS", "0") + command("CLUSTER", "SLOTS")
            )
            assert two.read() == "OK"
            assert two.read()[0][:2] == [1, 15]
            assert re.search(rf"{identifier} .* connected 1-15\n".encode(), two.read())
            assert two.read() == "OK"
            assert two.read()[0][:2] == [0, 15]
            assert three.call("CLUSTER", "SLOTS")[0][:2] == [0, 15]

            assert node.call("CONFIG", "SET", "cluster-announce-ip", "127.0.0.9") == "OK"
            wait_for(lambda: two.call("CLUSTER", "SLOTS")[0][2][0] == b"127.0.0.9", what="the new address is shown")
            assert f"{identifier} 127.0.0.9:" in three.call("CLUSTER", "NODES")
            other = next(name for name in node.nodes() if name != identifier)
            assert node.call("CLUSTER", "FORGET", other) == "OK"
            assert len(two.call("CLUSTER", "NODES").splitlines()) == len(two.call("CLUSTER", "SHARDS")) == NODES - 1


@pytest.mark.apus_only
class TestSlots:
    """A slot of ten keys costs the same among a few keys and among a hundred thousand, on one shard and on two."""

    FEW, MANY, REST = 10, 20_000, 100_000

    @pytest.fixture(scope="class")
    def node(self, lasting, shards):
        node = lasting("apus", cluster=True, shards=shards)
        node.add_slots(0, SLOTS - 1)
        wait_for(lambda: node.info()["cluster_state"] == "ok", what="the state is ok")
        return node

    def fill(self, node, template, count):
        with node.wire(timeout=60) as wire:
            for start in range(0, count, 1000):
                batch = range(start, min(start + 1000, count))
                wire.send(b"".join(command("SET", template.format(number), "v") for number in batch))
                assert [wire.read() for _ in batch] == ["OK"] * len(batch)

    def test_cost_in_proportion_to_their_own_keys(self, node):
        few = node.call("CLUSTER", "KEYSLOT", "{few}")
        many = node.call("CLUSTER", "KEYSLOT", "{many}")
        self.fill(node, "{{few}}:{}", self.FEW)
        listing = [("CLUSTER", "COUNTKEYSINSLOT", few), ("CLUSTER", "GETKEYSINSLOT", few, SLOTS)]
        alone = measure(node, listing, 500)

        self.fill(node, "key:{}", self.REST)
        for slot in (few, many):
            node.call("CLUSTER", "FLUSHSLOT", slot)
        rest = node.call("DBSIZE")
        self.fill(node, "{{few}}:{}", self.FEW)
        self.fill(node, "{{many}}:{}", self.MANY)
        among = measure(node, listing, 500)
        # Apart: behind a reply of many keys, a command finds the caches full of them.
        large = measure(node, [("CLUSTER", "COUNTKEYSINSLOT", many)], 500)
        large |= measure(node, [("CLUSTER", "GETKEYSINSLOT", many, self.MANY)], 5)
        removed = self.removal(node, few), self.removal(node, many)

        print(f"\nalone {alone}, among others {among}, large {large}, removed {removed}", end="")
        for name in alone:
            assert among[name] < 3 * alone[name] + 2, "others' keys do not count"
        assert large["cluster|countkeysinslot"] < 3 * among["cluster|countkeysinslot"] + 2, "counting is reading a number"
        assert large["cluster|getkeysinslot"] > 50 * among["cluster|getkeysinslot"], "and listing is proportional"
        assert removed[1] > 20 * removed[0], "as removing is"
        assert node.call("DBSIZE") == rest

    def removal(self, node, slot):
        node.call("CONFIG", "RESETSTAT")
        assert node.call("CLUSTER", "FLUSHSLOT", slot, "SYNC") == "OK"
        stats = node.call("INFO", "commandstats").decode()
        return float(re.search(r"cmdstat_cluster\|flushslot:.*usec_per_call=([0-9.]+)", stats)[1])
