"""A cluster of a thousand nodes as one node knows it: a nodes.conf, and what it costs to show it to clients."""

import pathlib
import random
import time

SLOTS = 16384


def nodes_conf(port, count, names_shards):
    """The file of a node on `port` that knows `count` nodes: half of them primaries with a share of the slots each.

    Valkey groups nodes by the names of their shards (`names_shards`), for which Redis's file has no room.
    """
    dice = random.Random(1)
    names = ["".join(dice.choice("0123456789abcdef") for _ in range(40)) for _ in range(count)]
    primaries = count // 2
    lines = []
    for number, name in enumerate(names):
        shard = number % primaries
        # Addresses that nobody listens on, so that nothing but the view is measured.
        address = f"127.{1 + number // 250}.{number % 250 + 1}.1:7000@17000" if number else f"127.0.0.1:{port}@{port + 10000}"
        if names_shards:
            address += f",,tls-port=0,shard-id={names[shard][::-1]}"
        if number < primaries:
            flags = "myself,master" if number == 0 else "master"
            first, last = SLOTS * number // primaries, SLOTS * (number + 1) // primaries - 1
            lines.append(f"{name} {address} {flags} - 0 1 {number + 1} connected {first}-{last}")
        else:
            lines.append(f"{name} {address} slave {names[shard]} 0 1 {shard + 1} connected")
    return "\n".join(lines) + f"\nvars currentEpoch {count} lastVoteEpoch 0\n"


def measure(node, cpu_nanoseconds, calls=300):
    """Milliseconds of CPU per call of each command, without what the node does besides."""
    found = {}
    with node.wire(timeout=30) as wire:
        for command in ("SLOTS", "SHARDS", "NODES"):
            wire.call("CLUSTER", command)
            before = cpu_nanoseconds(node)
            time.sleep(1)
            idle_share = (cpu_nanoseconds(node) - before) / 1e9
            before, started = cpu_nanoseconds(node), time.perf_counter()
            for _ in range(calls):
                wire.call("CLUSTER", command)
            elapsed = time.perf_counter() - started
            found[command] = max(0, (cpu_nanoseconds(node) - before) / 1e6 - idle_share * elapsed * 1000) / calls
    return found


def write(folder, port, names_shards, count=1000):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nodes.conf").write_text(nodes_conf(port, count, names_shards))
