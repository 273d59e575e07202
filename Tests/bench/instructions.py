"""Instructions per command, and calls of the allocator and of Swift's reference counting, counted by callgrind.

Counts do not depend on what else the machine does: two runs of a server that differ by so many commands differ by what
these commands cost. Commands come in batches of 32 on one connection, keys have 16 bytes and values 3.

    instructions.py [--collections] [--profile] [SERVER ...]    a server is a kind (apus, redis, valkey) or a command line
"""

import argparse
import collections
import dataclasses
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from nodes import commands_of, free_port
from wire import wait_for

KEYS = 500
BATCH = 32
BATCHES = 1000
WARMING_BATCHES = 40
DEADLINE = 60

ALLOCATOR = re.compile(r"^(je_)?(malloc|calloc|realloc|mallocx|rallocx|aligned_alloc|posix_memalign)$")
REFERENCES = re.compile(r"^swift_(bridgeObject)?(retain|release)(_n)?$|^swift_(begin|end)Access$")


@dataclasses.dataclass(frozen=True)
class Command:
    name: str
    """Makes the words of the request with this number."""
    words: "collections.abc.Callable[[int], list[str]]"
    """Lines of the reply, a mean where requests take turns."""
    lines: float
    """Requests that make what it works on, each of which has a reply of one line."""
    setup: tuple = ()


def key(number, kind="key"):
    return f"{kind}:{number % KEYS:0{15 - len(kind)}}"


COMMANDS = [
    Command("SET", lambda number: ["SET", key(number), "abc"], 1),
    Command("GET", lambda number: ["GET", key(number)], 2),
    Command("INCR", lambda number: ["INCR", key(number, "counter")], 1),
    Command("MGET of 10", lambda number: ["MGET", *(key(number + index) for index in range(10))], 21),
]


def member(number):
    return f"member:{number:09}"


def filled(name, key, count, *, of=lambda number: [member(number)]):
    """A request that fills a collection."""
    return [name, key, *(word for number in range(count) for word in of(number))]


def scored(number):
    return [str(number), member(number)]


def valued(number):
    return [member(number), "abc"]


#: What a command costs on a collection of ten, and on one of ten thousand. A pair leaves it as it was.
COLLECTIONS = [
    Command("LINDEX of 10", lambda n: ["LINDEX", "list:10", str(n % 10)], 2, (filled("RPUSH", "list:10", 10),)),
    Command("LINDEX of 10,000", lambda n: ["LINDEX", "list", str(n * 7919 % 10_000)], 2, (filled("RPUSH", "list", 10_000),)),
    Command("LRANGE of 100", lambda n: ["LRANGE", "list:100", "0", "-1"], 201, (filled("RPUSH", "list:100", 100),)),
    Command("LMOVE, 100", lambda n: ["LMOVE", "ring", "ring", "LEFT", "RIGHT"], 2, (filled("RPUSH", "ring", 100),)),
    Command("RPUSH/LPOP, 100", lambda n: (["RPUSH", "queue", member(n)], ["LPOP", "queue"])[n % 2], 1.5, (filled("RPUSH", "queue", 100),)),
    Command("SORT of 100 numbers", lambda n: ["SORT", "numbers"], 201, (["RPUSH", "numbers", *(str(n * 7919 % 1000) for n in range(100))],)),
    Command("SISMEMBER of 10", lambda n: ["SISMEMBER", "set:10", member(n % 10)], 1, (filled("SADD", "set:10", 10),)),
    Command("SADD of 10, there", lambda n: ["SADD", "set:10", member(n % 10)], 1),
    Command("SISMEMBER of 10,000", lambda n: ["SISMEMBER", "set", member(n * 7919 % 10_000)], 1, (filled("SADD", "set", 10_000),)),
    Command("SADD/SREM, 10,000", lambda n: [("SADD", "SREM")[n % 2], "set", member(10_000 + n // 2)], 1),
    Command("SINTER of 10 and 10,000", lambda n: ["SINTER", "set:10", "set"], 21),
    Command("ZADD of 10", lambda n: ["ZADD", "zset:10", str(n), member(n % 10)], 1, (filled("ZADD", "zset:10", 10, of=scored),)),
    Command("ZADD of 10,000", lambda n: ["ZADD", "zset", str(n * 7919 % 10_000), member(n % 10_000)], 1, (filled("ZADD", "zset", 10_000, of=scored),)),
    Command("ZSCORE of 10,000", lambda n: ["ZSCORE", "zset", member(n * 7919 % 10_000)], 2),
    Command("ZRANGE of 10 in 10,000", lambda n: ["ZRANGE", "zset", *map(str, (n * 7919 % 9000, n * 7919 % 9000 + 9))], 21),
    Command("HSET of 10", lambda n: ["HSET", "hash:10", member(n % 10), "abc"], 1, (filled("HSET", "hash:10", 10, of=valued),)),
    Command("HGET of 10", lambda n: ["HGET", "hash:10", member(n % 10)], 2),
    Command("HGETALL of 10", lambda n: ["HGETALL", "hash:10"], 41),
    Command("HSET of 10,000", lambda n: ["HSET", "hash", member(n * 7919 % 10_000), "abc"], 1, (filled("HSET", "hash", 10_000, of=valued),)),
    Command("HGET of 10,000", lambda n: ["HGET", "hash", member(n * 7919 % 10_000)], 2),
    Command("XADD, 10,000", lambda n: ["XADD", "stream", "MAXLEN", "~", "10000", "*", "field", "abc"], 2, tuple([["XTRIM", "stream", "MAXLEN", "0"]])),
    Command("PFADD", lambda n: ["PFADD", "sketch", member(n % 10_000)], 1, (filled("PFADD", "sketch", 10_000),)),
    Command("PFADD, sparse", lambda n: ["PFADD", "sparse", member(n % 100)], 1, (filled("PFADD", "sparse", 100),)),
    Command("PFCOUNT", lambda n: ["PFCOUNT", "sketch"], 1),
]


@dataclasses.dataclass
class Counts:
    """What a run, or a command, took; fractions where it is a mean."""

    instructions: float
    allocations: float
    references: float
    """Instructions by function, those of what it calls not counted."""
    functions: dict


def is_possible():
    return bool(shutil.which("valgrind") and shutil.which("strip"))


def measure(command_line, commands=COMMANDS):
    """The counts per command of a server, by the command's name."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # Valgrind does not understand all that Swift writes about its sources.
        stripped = folder / "server"
        subprocess.run(["strip", "-g", "-o", stripped, shutil.which(command_line[0])], check=True)
        line = [str(stripped), *command_line[1:]]
        base = run(line, folder, commands, None)
        return {command.name: per_command(run(line, folder, commands, command), base) for command in commands}


def per_command(counts, base):
    count = BATCH * BATCHES
    functions = {name: (cost - base.functions.get(name, 0)) / count for name, cost in counts.functions.items()}
    return Counts(
        (counts.instructions - base.instructions) / count,
        (counts.allocations - base.allocations) / count,
        (counts.references - base.references) / count,
        functions,
    )


def run(line, folder, commands, command):
    """One life of a server: all commands some times, so that nothing is new, and then `command` many times."""
    out = folder / "callgrind.out"
    port = free_port()
    options = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    process = subprocess.Popen(valgrind + line + options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(port, process) as connection:
            for each in commands:
                for request in each.setup:
                    exchange(connection, [request], 1)
                send(connection, each, WARMING_BATCHES)
            if command:
                send(connection, command, BATCHES)
        process.terminate()
        process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()
    return read_counts(out)


def connect(port, process):
    def attempt():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode} instead of starting under valgrind")
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        except OSError:
            return None

    return wait_for(attempt, seconds=DEADLINE, what="the server listens under valgrind")


def send(connection, command, batches):
    for batch in range(batches):
        requests = [command.words(batch * BATCH + index) for index in range(BATCH)]
        exchange(connection, requests, BATCH * command.lines)


def exchange(connection, requests, lines):
    """Sends the requests, and waits for so many lines of replies, none of which may be an error."""
    connection.sendall("".join(map(encoded, requests)).encode())
    while lines:
        received = connection.recv(1 << 16)
        if not received:
            raise RuntimeError("the server hung up")
        if received.startswith(b"-") or b"\n-ERR" in received:
            raise RuntimeError(f"{requests[0][0]}: {received[:100]!r}")
        lines -= received.count(b"\n")


def encoded(words):
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)


def read_counts(path):
    """Reads callgrind's own format: `fn=` opens a function, lines of a position and a cost follow; the one behind `calls=`
    is the called function's."""
    names, functions, calls = {}, collections.Counter(), collections.Counter()
    function = called = ""
    is_called = False
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line):
            kind, number, name = match.groups()
            if name:
                names[number] = name.removesuffix("'2")
            if kind == "fn":
                function = names[number]
            else:
                called = names[number]
        elif line.startswith("calls="):
            calls[called] += int(line[6:].split()[0])
            is_called = True
        elif re.match(r"[-+*\d]\S* \d+$", line):
            if not is_called:
                functions[function] += int(line.split()[1])
            is_called = False
    return Counts(
        sum(functions.values()),
        sum(count for name, count in calls.items() if ALLOCATOR.match(name)),
        sum(count for name, count in calls.items() if REFERENCES.match(name)),
        functions,
    )


def show_profile(counts):
    rows = sorted(counts.functions.items(), key=lambda item: -item[1])[:30]
    names = [name for name, _ in rows]
    if shutil.which("swift"):
        names = subprocess.run(
            ["swift", "demangle", "--compact", "--simplified"], input="\n".join(names), capture_output=True, text=True
        ).stdout.splitlines()
    for name, (_, cost) in zip(names, rows):
        if cost >= 1:
            print(f"    {cost:8.1f}  {name[:150]}")


def main():
    parser = argparse.ArgumentParser(description="Instructions per command, counted by callgrind.")
    parser.add_argument("--profile", action="store_true", help="also by function")
    parser.add_argument("--collections", action="store_true", help="commands on lists, sets, sorted sets, hashes and streams")
    parser.add_argument("server", nargs="*", help="apus, redis, valkey, or a command line")
    options = parser.parse_args()
    if not is_possible():
        sys.exit("valgrind and strip are needed")
    for name in options.server or ["apus", "redis"]:
        line = commands_of(name) if name in ("apus", "redis", "valkey") else shlex.split(name)
        for command, counts in measure(line, COLLECTIONS if options.collections else COMMANDS).items():
            print(
                f"{name:8} {command:24} {counts.instructions:8.0f} instructions"
                f" {counts.allocations:8.2f} allocations {counts.references:8.2f} retains and releases",
                flush=True,
            )
            if options.profile:
                show_profile(counts)


if __name__ == "__main__":
    main()
