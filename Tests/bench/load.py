"""Load for the benchmark: filling a server with keys, closed loops by redis-benchmark, and an open loop at a fixed rate."""

import csv
import dataclasses
import io
import selectors
import socket
import subprocess
import time


def key(number):
    """A key of 16 bytes, as redis-benchmark spells the ones it draws."""
    return b"key:%012d" % number


def encode(*arguments):
    return b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments)


def fill(port, count, value, expires=False, tag=b""):
    """Sets `count` keys, ten thousand to a batch."""
    tail = [b"EX", b"1000000"] if expires else []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for start in range(0, count, 10_000):
            batch = range(start, min(start + 10_000, count))
            connection.sendall(b"".join(encode(b"SET", tag + key(number), value, *tail) for number in batch))
            expected, received = 5 * len(batch), b""
            while len(received) < expected:
                data = connection.recv(1 << 16)
                if not data or b"-" in data:
                    raise RuntimeError(f"port {port} did not take a key: {data[:200]!r}")
                received += data


@dataclasses.dataclass(frozen=True)
class ClosedLoop:
    """Commands per second, and how long one took, in microseconds."""

    rate: float
    p50: float
    p99: float


def closed_loop(port, arguments, requests, clients, pipeline, keyspace):
    """Runs redis-benchmark; gives what it tells."""
    command = ["redis-benchmark", "-p", port, "-n", requests, "-c", clients, "-P", pipeline, "-r", keyspace, "--csv"]
    done = subprocess.run(
        [str(part) for part in command] + arguments, capture_output=True, text=True, timeout=600, check=True
    )
    rows = list(csv.DictReader(line for line in io.StringIO(done.stdout) if line.startswith('"')))
    if not rows or "error" in done.stderr.lower():
        raise RuntimeError(f"redis-benchmark on port {port}: {done.stdout[-500:]}{done.stderr[-500:]}")
    row = rows[-1]
    return ClosedLoop(float(row["rps"]), float(row["p50_latency_ms"]) * 1000, float(row["p99_latency_ms"]) * 1000)


def fixed_rate(port, rate, seconds, clients, keyspace):
    """Sends GETs when they are due, whether or not earlier ones were answered; gives their sorted latencies in seconds.

    A latency counts from when the request was due, so that a stall is felt by all that were due during it.
    """
    selector = selectors.DefaultSelector()
    waiting = []
    connections = []
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, len(connections))
        connections.append(connection)
        waiting.append([])
    requests = [encode(b"GET", key(number * 7919 % keyspace)) for number in range(1000)]
    reply_length = None
    partial = [0] * clients
    latencies = []
    total, sent = int(rate * seconds), 0
    started = time.perf_counter()
    while len(latencies) < total:
        now = time.perf_counter() - started
        while sent < total and sent / rate <= now:
            turn = sent % clients
            connections[turn].send(requests[sent % 1000])
            waiting[turn].append(sent / rate)
            sent += 1
        pause = max(0, min(sent / rate - (time.perf_counter() - started), 0.05)) if sent < total else 0.05
        for ready, _ in selector.select(pause):
            data = ready.fileobj.recv(1 << 16)
            if not data:
                raise RuntimeError(f"port {port} closed a connection")
            now = time.perf_counter() - started
            if reply_length is None:
                reply_length = len(data)  # all values are of one size, and the first reply comes alone
            partial[ready.data] += len(data)
            while partial[ready.data] >= reply_length:
                partial[ready.data] -= reply_length
                latencies.append(now - waiting[ready.data].pop(0))
    for connection in connections:
        connection.close()
    return sorted(latencies)
