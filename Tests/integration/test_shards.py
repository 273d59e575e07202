"""Several shards under many clients at once: whoever runs a command, in its own place or in that of a shard that sleeps, nothing
is lost, nothing comes out of order, and nobody waits for ever."""

import random
import threading
import time

import pytest

from wire import wait_for

SECONDS = 4
COUNTERS = 50


def count(node, seed, end, totals, wrong):
    """Increments counters of all shards in pipelines of many lengths; replies for one counter must grow."""
    generator, total = random.Random(seed), 0
    with node.wire() as wire:
        while time.time() < end:
            names = [generator.randrange(COUNTERS) for _ in range(generator.choice([1, 1, 2, 7, 40, 300]))]
            commands = [["INCR", f"counter:{name}"] for name in names]
            if generator.random() < 0.1:
                commands.insert(generator.randrange(len(commands)), ["ECHO", str(seed)])
            replies = wire.pipeline(commands)
            seen = {}
            for words, reply in zip(commands, replies):
                if words[0] == "ECHO":
                    if reply != str(seed).encode():
                        wrong.append((words, reply))
                elif not isinstance(reply, int) or reply <= seen.get(words[1], 0):
                    wrong.append((words, reply))
                else:
                    seen[words[1]] = reply
                    total += 1
    totals.append(total)


def disturb(node, seed, end, totals, wrong):
    """Asks for all shards at once, waits for keys, and queues transactions over several shards."""
    generator = random.Random(seed)
    with node.wire() as wire:
        while time.time() < end:
            one, two = f"k{generator.randrange(9)}", f"k{generator.randrange(9)}"
            replies = wire.pipeline(generator.choice([
                [["MSET", one, "1", two, "2"], ["MGET", one, two]],
                [["CLIENT", "LIST"], ["DBSIZE"]],
                [["MULTI"], ["INCR", "counter:0"], ["DECR", "counter:0"], ["SET", two, "x"], ["EXEC"]],
                [["CONFIG", "SET", "maxmemory-samples", "5"]],
                [["LPUSH", f"{{{one}}}list", "a"], ["BLPOP", f"{{{one}}}list", f"{{{two}}}list", "1"]],
                [["BLPOP", "nothing:1", "nothing:2", "0.01"]],
                [["WATCH", one], ["SET", two, "y"], ["UNWATCH"]],
                [["KEYS", "counter:*"], ["SCAN", "0"]],
            ]))
            if any(type(reply).__name__ == "Error" for reply in replies):
                wrong.append(replies)


@pytest.mark.parametrize("count_of_shards", [2, 4])
def test_counters_of_many_clients_add_up(start, count_of_shards):
    node = start("apus", shards=count_of_shards)
    end, totals, wrong = time.time() + SECONDS, [], []
    threads = [threading.Thread(target=count, args=(node, seed, end, totals, wrong)) for seed in range(8)]
    threads += [threading.Thread(target=disturb, args=(node, seed, end, totals, wrong)) for seed in range(100, 103)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 30)
    assert not any(thread.is_alive() for thread in threads), "a client waits for ever"
    assert wrong == []
    assert len(totals) == 8
    with node.wire() as wire:
        values = wire.pipeline([["GET", f"counter:{name}"] for name in range(COUNTERS)])
    assert sum(int(value) for value in values) == sum(totals)


def test_one_client_at_a_time_changes_places(start):
    """Shards that sleep: every command is run in another's place, and each kind that may not be is run by its own."""
    node = start("apus", shards=4)
    with node.wire() as wire:
        for turn in range(50):
            names = [f"key:{turn}:{n}" for n in range(40)]
            replies = wire.pipeline([[*w, n] if w[0] != "SET" else ["SET", n, n] for n in names for w in (["SET"], ["GET"], ["SORT"], ["DEL"])])
            assert replies[1::4] == [name.encode() for name in names]
            assert all("WRONGTYPE" in reply for reply in replies[2::4])
            assert replies[3::4] == [1] * 40
            time.sleep(0.002)
    calls = node.call("INFO", "commandstats").decode()
    for name in ("set", "get", "sort", "del"):
        assert f"cmdstat_{name}:calls=2000," in calls


def test_a_node_knows_at_once_that_a_sleeping_shard_has_keys(start):
    """CLUSTER RESET asks whether there are keys; the shard that has got one had no turn since."""
    node = start("apus", shards=2, cluster=True)
    node.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for(lambda: b"cluster_state:ok" in node.call("CLUSTER", "INFO"), what="the cluster state is ok")
    with node.wire() as wire:
        for number in range(40):
            for key in ("a", "b"):  # of an even slot and of an odd one
                replies = wire.pipeline([["SET", key, "x"], ["CLUSTER", "RESET"], ["DEL", key]])
                assert replies[0] == "OK" and "can't be called with master nodes containing keys" in replies[1], (number, replies)
