"""Apus beside redis-server and valkey-server: CPU per command, throughput, latency, memory and start-up, in one run.

Rounds alternate between the servers, so that what else the machine does hits all alike; figures are medians, and ratios
are to the better of the two peers (below 1 is better than it). CPU is the server's own, user and system, of all its
threads, as the kernel accounts for it. The Valkey wheel is built with libc's malloc, so jemalloc is preloaded for it.
"""

import argparse
import ctypes.util
import dataclasses
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import eviction
import instructions
import load
import values
from nodes import Node, commands_of, free_port
from wire import wait_for

KEYS = 100_000
PEERS = ("Redis", "Valkey")


@dataclasses.dataclass(frozen=True)
class Server:
    """One way to run one of the servers."""

    name: str
    kind: str
    shards: int | None = None

    def start(self, folder, cluster=False):
        node = Node(self.kind, folder, shards=self.shards, cluster=cluster).start(**self.surroundings())
        if cluster:
            node.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_for(lambda: b"cluster_state:ok" in node.call("CLUSTER", "INFO"), what="the cluster state is ok")
        return node

    def time_start(self, folder):
        """Milliseconds from the start of the process to its first reply."""
        node = Node(self.kind, folder, shards=self.shards)
        started = time.perf_counter()
        node.launch(**self.surroundings())
        try:
            wait_for(lambda: answers(node), every=0.0005, what="the first reply")
            return (time.perf_counter() - started) * 1000
        finally:
            node.kill()

    def surroundings(self):
        """How the process is to be started."""
        preload = ctypes.util.find_library("jemalloc")
        return {"env": {**os.environ, "LD_PRELOAD": preload}} if self.kind == "valkey" and preload else {}


def answers(node):
    try:
        return node.call("PING") == "PONG"
    except OSError:
        return False


SERVERS = [Server("Apus", "apus", 1), Server("Apus, 2 shards", "apus", 2), Server("Redis", "redis"), Server("Valkey", "valkey")]


@dataclasses.dataclass(frozen=True)
class Workload:
    """One cell of the matrix."""

    command: str
    value: int
    pipeline: int
    clients: int

    @property
    def title(self):
        size = "" if self.command == "INCR" else f" {self.value} B"
        return f"{self.command}{size}, pipeline {self.pipeline}, {self.clients} clients"

    def arguments(self):
        """For redis-benchmark; the keys of an MGET share a hash tag, because they must share a slot in a cluster."""
        match self.command:
            case "GET":
                return ["GET", "key:__rand_int__"]
            case "SET":
                return ["SET", "key:__rand_int__", "x" * self.value]
            case "INCR":
                return ["INCR", "counter:__rand_int__"]
            case "MGET 10":
                return ["MGET"] + ["{t}key:__rand_int__"] * 10
        raise ValueError(self.command)

    def prepare(self, node):
        node.call("FLUSHALL")
        if self.command in ("GET", "SET"):
            load.fill(node.port, KEYS, b"x" * self.value)
        elif self.command == "MGET 10":
            load.fill(node.port, KEYS, b"x" * self.value, tag=b"{t}")


def matrix(quick):
    workloads = []
    for clients in [50] if quick else [50, 500]:
        for pipeline in (1, 32):
            for value in [3] if quick else [3, 512]:
                workloads += [Workload(command, value, pipeline, clients) for command in ("GET", "SET", "MGET 10")]
            workloads.append(Workload("INCR", 0, pipeline, clients))
    return workloads


@dataclasses.dataclass(frozen=True)
class Figures:
    """What a load takes of a server: medians over alternating rounds."""

    #: Microseconds of CPU per command, user and system.
    cpu: float
    #: Of these, the server's own: what the kernel does for a read or a write is the same for all.
    user: float
    #: Commands per second.
    rate: float
    #: How long one took, in microseconds, as its client saw it.
    p50: float
    p99: float

    @classmethod
    def median(cls, rounds):
        return cls(*(statistics.median(values) for values in zip(*map(dataclasses.astuple, rounds))))


def measure_workload(workload, nodes, rounds, requests, keyspace=KEYS):
    """The figures of each server, by its name."""
    found = {name: [] for name in nodes}
    for _ in range(rounds):
        for name, node in nodes.items():
            found[name].append(
                measure_once(node, workload.arguments(), requests, keyspace, workload.clients, workload.pipeline)
            )
    return {name: Figures.median(figures) for name, figures in found.items()}


def measure_once(node, arguments, requests, keyspace, clients=50, pipeline=32):
    """The figures of one round."""
    before, user_before = cpu_nanoseconds(node), user_seconds(node)
    loop = load.closed_loop(node.port, arguments, requests, clients, pipeline, keyspace)
    cpu, user = cpu_nanoseconds(node) - before, user_seconds(node) - user_before
    return Figures(cpu / 1000 / requests, user * 1e6 / requests, loop.rate, loop.p50, loop.p99)


def user_seconds(node):
    """User time of all threads, to the kernel's tick of 10 ms."""
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def cpu_nanoseconds(node):
    """Time that the server's threads have run, to the nanosecond where the kernel keeps it, else to its tick."""
    total = 0
    for task in pathlib.Path(f"/proc/{node.process.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass  # a thread that has just ended, or a kernel without these figures
    return total or int(node.cpu_seconds() * 1e9)


class Report:
    """Prints tables in Markdown as they become ready."""

    def table(self, title, columns, rows):
        print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)

    def compared(self, title, first, measured, unit, lower_is_better=True):
        """One row per measurement, one column per server, and Apus's ratio to the better peer.

        - measured: what was measured → server's name → figure.
        """
        names = list(next(iter(measured.values())))
        ours = [name for name in names if name not in PEERS]
        rows = []
        for what, figures in measured.items():
            best = (min if lower_is_better else max)(figures[name] for name in names if name in PEERS)
            ratios = [f"{figures[name] / best:.2f}" if best else "–" for name in ours]
            rows.append([what] + [f"{figures[name]:{unit}}" for name in names] + ratios)
        self.table(title, [first] + names + [f"{name} : better peer" for name in ours], rows)


class Benchmark:
    def __init__(self, folder, servers, quick):
        self.folder, self.servers, self.quick = folder, servers, quick
        self.report = Report()
        self.started = 0

    def new_folder(self):
        self.started += 1
        folder = self.folder / str(self.started)
        folder.mkdir()
        return folder

    def start(self, server, cluster=False):
        return server.start(self.new_folder(), cluster)

    def start_all(self, servers, cluster=False):
        return {server.name: self.start(server, cluster) for server in servers}

    def throughput(self, cluster):
        """CPU per command and throughput of the whole matrix."""
        rounds = 3 if self.quick else 5
        cpu, user, rate = {}, {}, {}
        nodes = self.start_all(self.servers, cluster)
        try:
            for workload in matrix(self.quick):
                for node in nodes.values():
                    workload.prepare(node)
                requests = {1: 60_000, 32: 600_000}[workload.pipeline] // (5 if workload.command == "MGET 10" else 1)
                figures = measure_workload(workload, nodes, rounds, requests // (2 if self.quick else 1))
                cpu[workload.title] = {name: figure.cpu for name, figure in figures.items()}
                user[workload.title] = {name: figure.user for name, figure in figures.items()}
                rate[workload.title] = {name: figure.rate for name, figure in figures.items()}
        finally:
            end(nodes.values())
        mode = "cluster mode" if cluster else "stand-alone"
        self.report.compared(f"Server CPU per command, µs ({mode})", "load", cpu, ".2f")
        self.report.compared(f"Of which user time, µs ({mode})", "load", user, ".2f")
        self.report.compared(f"Commands per second ({mode})", "load", rate, ",.0f", lower_is_better=False)

    def large(self):
        """GET and SET with more keys than the caches hold; one server at a time, for the memory they take."""
        keys = 1_000_000 if self.quick else 5_000_000
        cpu = {f"{command} 8 B, pipeline 32, 50 clients": {} for command in ("GET", "SET")}
        user = {title: {} for title in cpu}
        for server in self.single_shard():
            node = self.start(server)
            try:
                load.fill(node.port, keys, b"x" * 8)
                for title in cpu:
                    workload = Workload(title.split()[0], 8, 32, 50)
                    figures = measure_workload(workload, {server.name: node}, 3, 1_000_000, keys)
                    cpu[title][server.name] = figures[server.name].cpu
                    user[title][server.name] = figures[server.name].user
            finally:
                end([node])
        self.report.compared(f"Server CPU per command with {keys:,} keys, µs", "load", cpu, ".2f")
        self.report.compared(f"Of which user time, µs ({keys:,} keys)", "load", user, ".2f")

    def floor(self):
        """What of the CPU per command is the kernel's: beside a server that reads, writes and does nothing else."""
        loads = [Workload(command, 3, pipeline, 50) for pipeline in (1, 32) for command in ("GET", "SET")]
        cpu = {}
        nodes = self.start_all(self.single_shard())
        nodes["floor"] = Floor(self.new_folder())
        try:
            for workload in loads:
                for node in list(nodes.values())[:-1]:
                    workload.prepare(node)
                requests = {1: 60_000, 32: 600_000}[workload.pipeline]
                figures = measure_workload(workload, nodes, 3 if self.quick else 7, requests)
                cpu[workload.title] = {name: figure.cpu for name, figure in figures.items()}
        finally:
            end(nodes.values())
        rows = []
        for title, by in cpu.items():
            best = min(by[name] for name in PEERS if name in by)
            figures = [f"{by[name]:.2f}" for name in nodes]
            rows.append([title] + figures + [f"{by['Apus'] / best:.2f}", f"{by['floor'] / best:.2f}"])
        columns = ["load", *nodes, "Apus : better peer", "floor : better peer"]
        self.report.table("Server CPU per command, µs, beside the least that epoll allows", columns, rows)

    def gathering(self):
        """What it is worth to let requests gather: one server with the pause and one without."""
        rows = []
        nodes = {name: self.start(Server("Apus", "apus", 1)) for name in ("with", "without")}
        nodes["without"].call("CONFIG", "SET", "wakeup-gathering-usec", 0)
        try:
            for clients in (1, 10, 50, 500):
                for pipeline in (1, 32):
                    workload = Workload("GET", 3, pipeline, clients)
                    for node in nodes.values():
                        workload.prepare(node)
                    requests = {1: 60_000, 32: 600_000}[pipeline] // (4 if clients == 1 else 1)
                    figures = measure_workload(workload, nodes, 3 if self.quick else 7, requests)
                    pause, none = figures["with"], figures["without"]
                    rows.append(
                        [workload.title, f"{pause.cpu:.2f}", f"{none.cpu:.2f}", f"{pause.cpu / none.cpu:.2f}"]
                        + [f"{pause.rate / none.rate:.2f}"]
                        + [f"{figure:,.0f}" for figure in (pause.p50, none.p50, pause.p99, none.p99)]
                    )
        finally:
            end(nodes.values())
        columns = ["load", "CPU, µs", "without", "ratio", "commands per second, ratio", "p50, µs", "without", "p99, µs", "without"]
        self.report.table("Requests that gather before the first is served", columns, rows)

    def latency(self):
        """Latency of GET at a rate that all servers can bear."""
        rate, seconds, rounds = (3000, 2, 2) if self.quick else (5000, 10, 3)
        percentiles = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        found = {name: {server.name: [] for server in self.servers} for name in percentiles}
        nodes = self.start_all(self.servers)
        try:
            for node in nodes.values():
                load.fill(node.port, KEYS, b"x" * 8)
            for _ in range(rounds):
                for name, node in nodes.items():
                    latencies = load.fixed_rate(node.port, rate, seconds, 50, KEYS)
                    for percentile, share in percentiles.items():
                        found[percentile][name].append(latencies[int(len(latencies) * share)] * 1e6)
        finally:
            end(nodes.values())
        medians = {p: {name: statistics.median(values) for name, values in by.items()} for p, by in found.items()}
        self.report.compared(f"Latency of GET at {rate} per second, µs", "percentile", medians, ".0f")

    def pauses(self):
        """Commands that took longer than a millisecond while a table grew to its full size, by the server's own slow log."""
        keys = 1_000_000 if self.quick else 5_000_000
        slow, longest = {}, {}
        for server in self.single_shard():
            node = self.start(server)
            try:
                node.call("CONFIG", "SET", "slowlog-log-slower-than", "1000", "slowlog-max-len", "10000")
                load.fill(node.port, keys, b"x" * 8)
                entries = node.call("SLOWLOG", "GET", "10000")
            finally:
                end([node])
            slow[server.name] = len(entries)
            longest[server.name] = max((entry[2] for entry in entries), default=0) / 1000
        rows = [
            ["SETs of more than 1 ms"] + [f"{count}" for count in slow.values()],
            ["the longest, ms (0: none above 1)"] + [f"{milliseconds:.1f}" for milliseconds in longest.values()],
        ]
        self.report.table(f"Pauses while {keys:,} keys come in", ["what"] + list(slow), rows)

    def eviction(self):
        """How often a cache has the key that it is asked for, in room for a tenth of the keys that there are."""
        keys, seconds = (20_000, 10) if self.quick else (100_000, 60)
        found = {}
        for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random"):
            for server in self.single_shard():
                node = self.start(server)
                try:
                    ratio, _, _ = eviction.hit_ratio(node, policy, keys, seconds)
                finally:
                    end([node])
                found.setdefault(policy, {})[server.name] = ratio * 100
        self.report.compared(f"Hits, %, of a cache of {keys:,} keys", "policy", found, ".2f", lower_is_better=False)

    def expiry(self):
        """How many dead keys are kept while keys die one after the other, and what it costs those who ask."""
        keys, seconds = (200_000, 10) if self.quick else (1_000_000, 30)
        found = {}
        for server in self.single_shard():
            node = self.start(server)
            try:
                most, mean, longest = eviction.stale_share(node, keys, seconds)
            finally:
                end([node])
            for title, figure in (("most, %", most * 100), ("on average, %", mean * 100), ("p99.9 of PING, ms", longest * 1000)):
                found.setdefault(title, {})[server.name] = figure
        self.report.compared(f"Dead among {keys:,} keys that live up to {seconds} s", "what", found, ".2f")

    def memory(self):
        """Bytes per key, as the kernel sees them (resident memory) and as the server counts them (used_memory)."""
        keys = 200_000 if self.quick else 1_000_000
        found = {}
        for expires in (False, True):
            for server in self.single_shard():
                node = self.start(server)
                try:
                    before = memory(node)
                    load.fill(node.port, keys, b"x" * 8, expires)
                    after = memory(node)
                finally:
                    end([node])
                for kind, start, stop in zip(("resident", "used_memory"), before, after):
                    title = f"{kind}{', with expiry' if expires else ''}"
                    found.setdefault(title, {})[server.name] = (stop - start) / keys
        self.report.compared(f"Bytes per key (16-byte key, 8-byte value, {keys:,} keys)", "memory", found, ".1f")

    def types(self):
        """CPU per command, and bytes per element, of the value types."""
        rounds = 3 if self.quick else 5
        cpu, user = {}, {}
        nodes = self.start_all(self.single_shard())
        try:
            for row in values.LOADS:
                figures = {name: [] for name in nodes}
                for _ in range(rounds):
                    for name, node in nodes.items():
                        node.call("FLUSHALL")
                        values.send(node.port, row.preparation)
                        workload = (row.arguments, row.requests, row.keyspace)
                        figures[name].append(measure_once(node, *workload))
                cpu[row.title] = {name: statistics.median(f.cpu for f in found) for name, found in figures.items()}
                user[row.title] = {name: statistics.median(f.user for f in found) for name, found in figures.items()}
        finally:
            end(nodes.values())
        self.report.compared("Server CPU per command at pipeline 32, µs", "load", cpu, ".2f")
        self.report.compared("Of which user time, µs", "load", user, ".2f")

        counted, resident = {}, {}
        for row in values.SIZES:
            for server in self.single_shard():
                node = self.start(server)
                try:
                    before = memory(node)
                    values.send(node.port, row.commands)
                    after = memory(node)
                finally:
                    end([node])
                for found, start, stop in zip((resident, counted), before, after):
                    found.setdefault(row.title, {})[server.name] = (stop - start) / row.elements
        self.report.compared("Bytes per element, by used_memory", "values", counted, ".1f")
        self.report.compared("Bytes per element, by resident memory", "values", resident, ".1f")

    def start_up(self):
        """From the start of the process to the first PONG."""
        found = {}
        for _ in range(3 if self.quick else 7):
            for server in self.servers:
                found.setdefault(server.name, []).append(server.time_start(self.new_folder()))
        medians = {name: statistics.median(times) for name, times in found.items()}
        self.report.compared("Start-up, ms", "from", {"start of the process to the first reply": medians}, ".0f")

    def instructions(self):
        """Instructions per command, by callgrind: the figures that Tests/bench/thresholds.json bounds."""
        if not instructions.is_possible():
            return print("\nInstructions are counted by valgrind, which is not installed.")
        found = {}
        for name, kind in (("Apus", "apus"), ("Redis", "redis")):
            for command, counts in instructions.measure(commands_of(kind)).items():
                found.setdefault(f"{command}, pipeline 32", {})[name] = counts.instructions
        self.report.compared("Instructions per command", "load", found, ",.0f")

    def single_shard(self):
        return [server for server in self.servers if server.shards in (None, 1)]


class Floor:
    """`Floor.swift`, compiled and started."""

    def __init__(self, folder):
        sources = pathlib.Path(__file__).resolve().parents[2]
        header = sources / "Sources/CSystem/include/CSystem.h"
        (folder / "module.modulemap").write_text(f'module CSystem {{ header "{header}" export * }}')
        program, source = folder / "floor", sources / "Tests/bench/Floor.swift"
        subprocess.run(["swiftc", "-O", "-parse-as-library", "-I", folder, "-o", program, source], check=True)
        self.port = free_port()
        self.process = subprocess.Popen([program, str(self.port)])
        wait_for(self.accepts, what="the floor listens")

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def cpu_seconds(self):
        return Node.cpu_seconds(self)

    def kill(self):
        self.process.kill()
        self.process.wait()


def memory(node):
    """Resident bytes, and the bytes that the server counts."""
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    resident = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024
    return resident, node.client().info("memory")["used_memory"]


def end(nodes):
    for node in nodes:
        node.kill()


PARTS = ("throughput", "cluster", "large", "floor", "gathering", "latency", "pauses", "memory", "types", "eviction", "expiry", "start", "instructions")


def main():
    parser = argparse.ArgumentParser(prog="./bench", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all of them if none")
    parser.add_argument("--quick", action="store_true", help="a smaller matrix and fewer rounds: minutes, not an hour")
    arguments = parser.parse_args()
    servers = [server for server in SERVERS if commands_of(server.kind)]
    if arguments.quick:
        servers = [server for server in servers if server.shards != 2]
    if not any(server.name in PEERS for server in servers):
        sys.exit("bench: neither redis-server nor valkey-server is installed, so there is nothing to compare with")

    with tempfile.TemporaryDirectory(prefix="apus-bench-") as folder:
        benchmark = Benchmark(pathlib.Path(folder), servers, arguments.quick)
        run = {
            "throughput": lambda: benchmark.throughput(cluster=False),
            "cluster": lambda: benchmark.throughput(cluster=True),
            "large": benchmark.large,
            "floor": benchmark.floor,
            "gathering": benchmark.gathering,
            "latency": benchmark.latency,
            "pauses": benchmark.pauses,
            "memory": benchmark.memory,
            "types": benchmark.types,
            "eviction": benchmark.eviction,
            "expiry": benchmark.expiry,
            "start": benchmark.start_up,
            "instructions": benchmark.instructions,
        }
        for part in arguments.parts or PARTS:
            run[part]()


if __name__ == "__main__":
    main()
