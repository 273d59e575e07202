"""What INFO, the slow log and the latency monitor say of commands that come in pipelines, where quick ones are timed together."""

import random
import re
import threading

import pytest

from wire import Error


def figures(node):
    """For each command of INFO commandstats what it says as a dictionary."""
    lines = node.call("INFO", "commandstats").decode().split("\r\n")
    found = (re.fullmatch(r"cmdstat_(\S+):(\S+)", line) for line in lines)
    return {m[1]: {k: float(v) for k, v in (pair.split("=") for pair in m[2].split(","))} for m in found if m}


def counts(node):
    """Calls, refusals and failures of each command, without the ones that ask."""
    return {
        name: (stats["calls"], stats["rejected_calls"], stats["failed_calls"])
        for name, stats in figures(node).items() if name not in ("info", "config|resetstat", "flushall")
    }


def draw(random):
    key, number = f"k{random.randrange(20)}", str(random.randrange(1000))
    return random.choice([
        ["GET", key], ["GET", key], ["SET", key, number], ["INCR", key], ["INCR", key], ["LPUSH", key, number],
        ["LPUSH", f"l{number}", "a", "b"], ["HSET", f"h{number}", "f", number], ["GET"], ["SET", key, "1", "BOGUS"],
        ["MGET", key, key], ["STRLEN", key], ["NOSUCH", key], ["DEL", key], ["SETRANGE", key, "5000", "x"], ["GETRANGE", key, "0", "-1"],
        ["MULTI"], ["EXEC"], ["BLPOP", f"l{number}", "0.001"],
    ])


def test_calls_refusals_and_failures_are_counted_as_by_redis(server, peer):
    generator = random.Random(11)
    with server.wire() as ours, peer.wire() as theirs:
        for node in (server, peer):
            node.call("CONFIG", "RESETSTAT")
        for _ in range(60):
            commands = [draw(generator) for _ in range(generator.randint(1, 120))]
            assert ours.pipeline(commands) == theirs.pipeline(commands)
        ours_counted, theirs_counted = counts(server), counts(peer)
    assert ours_counted == theirs_counted
    assert server.call("INFO", "errorstats") == peer.call("INFO", "errorstats")


def test_histograms_count_every_call(server):
    server.call("CONFIG", "RESETSTAT")
    with server.wire() as wire:
        wire.pipeline([["SET", f"k{n % 7}", "x"] for n in range(1000)] + [["GET", f"k{n % 7}"] for n in range(777)])
    histogram = server.call("LATENCY", "HISTOGRAM", "get", "set")
    calls = {histogram[i]: histogram[i + 1][1] for i in range(0, len(histogram), 2)}
    assert calls == {b"get": 777, b"set": 1000}
    times = figures(server)
    assert times["get"]["usec"] > 0 and times["set"]["usec"] > 0


@pytest.mark.parametrize("threshold, logged", [(0, 100), (1_000_000, 0)])
def test_the_slow_log_has_each_command_of_a_pipeline(server, threshold, logged):
    server.call("CONFIG", "SET", "slowlog-log-slower-than", threshold, "slowlog-max-len", 1000)
    try:
        with server.wire() as wire:
            server.call("SLOWLOG", "RESET")
            wire.pipeline([["SET", f"key{n}", "x"] for n in range(100)])
        entries = [entry for entry in server.call("SLOWLOG", "GET", "-1") if entry[3][0] == b"SET"]
        assert sorted(entry[3][1] for entry in entries) == sorted(b"key%d" % n for n in range(logged))
    finally:
        server.call("CONFIG", "SET", "slowlog-log-slower-than", 10_000, "slowlog-max-len", 128)
        server.call("SLOWLOG", "RESET")


def test_time_is_not_given_to_the_command_before(server):
    """Quick commands in front of a slow one are counted before it begins."""
    server.call("CONFIG", "RESETSTAT")
    with server.wire() as wire:
        wire.pipeline([["SET", "k", "x"], ["SET", "k", "x"], ["DEBUG", "SLEEP", "0.2"], ["SET", "k", "x"]])
    stats = figures(server)
    assert stats["debug"]["usec"] >= 200_000
    assert stats["set"]["usec"] < 100_000


@pytest.mark.parametrize("pause", ["0", "30", "1000"])
def test_many_clients_at_once_get_the_replies_of_their_own(server, pause):
    """Enough of them that a shard lets their requests gather, where it may."""
    assert server.call("CONFIG", "SET", "wakeup-gathering-usec", pause) == "OK"
    before = pauses(server)
    wrong = []

    def talk(name):
        with server.wire() as wire:
            for turn in range(300):
                number = b"%d:%d" % (name, turn)
                if wire.pipeline([["SET", f"key{name}", number], ["GET", f"key{name}"]]) != ["OK", number]:
                    wrong.append(number)

    try:
        threads = [threading.Thread(target=talk, args=(name,)) for name in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert pause != "0" or pauses(server) == before
    finally:
        server.call("CONFIG", "SET", "wakeup-gathering-usec", "30")


def pauses(node):
    return int(re.search(rb"wakeup_gathering_pauses:(\d+)", node.call("INFO", "stats"))[1])


def test_the_length_of_the_pause_has_bounds(server):
    for bad in ("-1", "1001", "x"):
        assert isinstance(server.call("CONFIG", "SET", "wakeup-gathering-usec", bad), Error)
    assert server.call("CONFIG", "GET", "wakeup-gathering-usec") == [b"wakeup-gathering-usec", b"30"]
