"""What is left of the keys where memory is short, and how many dead ones are kept.

A cache is asked for keys whose popularity follows Zipf's law, and gets those that it did not have. Each server is given as
much memory as it needs for the same number of keys, so that only the choice of what goes is compared, not what a key takes.
"""

import bisect
import itertools
import random
import socket
import threading
import time

from load import encode

#: How many keys there are to ask for, for each that there is room for.
UNIVERSE = 10
VALUE = b"x" * 64
BATCH = 200


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, commands):
        self.socket.sendall(b"".join(encode(*words) for words in commands))

    def values(self, keys):
        """Which of the keys are there."""
        self.send((b"GET", key) for key in keys)
        found = []
        for _ in keys:
            line = self.file.readline()
            if line[:1] == b"$" and line != b"$-1\r\n":
                self.file.read(int(line[1:]) + 2)
            found.append(line != b"$-1\r\n")
        return found

    def run(self, commands):
        """Runs commands that are answered with one line."""
        commands = list(commands)
        self.send(commands)
        return [self.file.readline() for _ in commands]

    def close(self):
        self.file.close()
        self.socket.close()


def zipf(universe, skew, seed):
    """Numbers below `universe`, the first ones drawn most often."""
    generator = random.Random(seed)
    cumulated = list(itertools.accumulate((rank + 1) ** -skew for rank in range(universe)))
    while True:
        yield bisect.bisect(cumulated, generator.random() * cumulated[-1])


def room_for(node, keys):
    """The memory that the server needs for so many keys."""
    connection = Connection(node.port)
    for start in range(0, keys, BATCH):
        connection.run((b"SET", b"key:%09d" % number, VALUE) for number in range(start, min(keys, start + BATCH)))
    connection.close()
    used = node.client().info("memory")["used_memory"]
    node.call("FLUSHALL", "SYNC")
    return used


def hit_ratio(node, policy, keys, seconds, skew=0.9):
    """The share of requests that find their key, in the second half of a run.

    Idleness is told in seconds: requests come at a rate at which a key lives for some.
    """
    node.call("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", policy)
    node.call("FLUSHALL", "SYNC")
    node.call("CONFIG", "SET", "maxmemory", room_for(node, keys))
    draws = zipf(keys * UNIVERSE, skew, seed=4711)
    connection = Connection(node.port)
    batches = keys * seconds * 2 // 5 // BATCH
    start, found = time.perf_counter(), 0
    for batch in range(batches):
        time.sleep(max(0, start + seconds * batch / batches - time.perf_counter()))
        names = [b"key:%09d" % number for number in itertools.islice(draws, BATCH)]
        present = connection.values(names)
        missing = dict.fromkeys(name for name, is_there in zip(names, present) if not is_there)
        if missing:
            connection.run((b"SET", name, VALUE) for name in missing)
        if batch >= batches // 2:
            found += sum(present)
    connection.close()
    return found / ((batches - batches // 2) * BATCH), node.call("DBSIZE"), time.perf_counter() - start


def stale_share(node, keys, seconds):
    """Of keys that live up to `seconds`: the largest and the mean share of dead ones among those that are kept, and the longest time that a PING took, in seconds."""
    generator = random.Random(4711)
    connection = Connection(node.port)
    # All begin to live at the same time, whenever they came.
    start = time.time() + keys / 50_000 + 1
    deaths = sorted(start + generator.random() * seconds for _ in range(keys))
    for first in range(0, keys, BATCH):
        connection.run(
            (b"SET", b"key:%d" % number, VALUE, b"PXAT", b"%d" % (deaths[number] * 1000))
            for number in range(first, min(keys, first + BATCH))
        )
    pings = Pings(node.port)
    shares = []
    while time.time() < start + seconds:
        now = time.time()
        kept = node.call("DBSIZE")
        alive = keys - bisect.bisect(deaths, now)
        if now > start and kept and alive > keys / 20:
            shares.append(max(0, kept - alive) / kept)
        time.sleep(0.05)
    connection.close()
    return max(shares), sum(shares) / len(shares), pings.end()


class Pings(threading.Thread):
    """Asks again and again, and notes how long that took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.connection = Connection(port)
        self.times = []
        self.is_over = False
        self.start()

    def run(self):
        while not self.is_over:
            began = time.perf_counter()
            self.connection.run([(b"PING",)])
            self.times.append(time.perf_counter() - began)
            time.sleep(0.0005)

    def end(self):
        """The 99.9th percentile."""
        self.is_over = True
        self.join()
        self.connection.close()
        return sorted(self.times)[int(len(self.times) * 0.999)]
