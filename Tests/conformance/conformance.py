"""Runs the Tcl test suite of Redis 7.0.15 with another server in redis-server's place, and keeps record of what passes.

A test that the record names must pass; one that passes and is not named there is reported, and added with --update.
Tests of parts that are still to come are left out, each by name and with the part it waits for: later.txt.
The suite itself is not part of this project: it is taken from Debian's source package of redis at the first run.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORD = HERE / "record.txt"
LATER = HERE / "later.txt"
# What stands before a tag, where a name stands otherwise.
TAG = "tag "
SUITE = ROOT / ".cache" / "redis-suite"

# What the server covers today, each with the seconds that the suite may take on two slow cores.
FILES = {
    "unit/type/string": 240,
    "unit/type/incr": 60,
    "unit/type/list": 120,
    "unit/type/list-2": 120,
    "unit/type/list-3": 180,
    "unit/type/set": 240,
    "unit/type/zset": 600,
    "unit/type/hash": 300,
    "unit/type/stream": 240,
    "unit/type/stream-cgroups": 240,
    "unit/expire": 180,
    "unit/keyspace": 120,
    "unit/scan": 240,
    "unit/sort": 240,
    "unit/maxmemory": 240,
    "unit/lazyfree": 60,
    "unit/client-eviction": 180,
    "unit/memefficiency": 180,
    "unit/bitops": 180,
    "unit/bitfield": 60,
    "unit/geo": 300,
    "unit/hyperloglog": 300,
    "unit/multi": 180,
    "unit/protocol": 60,
    "unit/querybuf": 60,
    "unit/networking": 120,
    "unit/auth": 60,
    "unit/introspection": 240,
    "unit/introspection-2": 120,
    "unit/limits": 60,
    "unit/info": 120,
    "unit/slowlog": 60,
    "unit/other": 240,
    "unit/dump": 120,
    "unit/info-command": 60,
    "unit/latency-monitor": 60,
    "unit/obuf-limits": 120,
    "unit/pause": 120,
    "unit/quit": 60,
    "integration/redis-benchmark": 120,
    "unit/cluster": 120,
    "unit/cluster/announced-endpoints": 90,
    "unit/cluster/links": 120,
    "unit/cluster/misc": 90,
    # Of runtest-cluster, what needs no replicas: twenty nodes each.
    "cluster/18-info": 120,
    "cluster/24-links": 120,
    "cluster/29-slot-migration-response": 120,
}
DEFAULT_LIMIT = 240

# The ports of one run: a test with a dozen nodes takes as many pairs.
PORT_COUNT = 400

# A line of the suite's output that tells how a test ended.
OUTCOME = re.compile(r"^\[(ok|err|exception|skip|ignore)\]: (.*)$")
# The same of runtest-cluster, which writes in colours.
CLUSTER_OUTCOME = re.compile(r"^\d\d:\d\d:\d\d> (.*): (?:\x1b\[[0-9;]*m)?(OK|FAILED)")


def fetch_suite():
    """Unpacks the suite, which needs Debian's source index; the system's own apt lists stay as they are."""
    if (SUITE / "runtest").exists():
        return
    work = ROOT / ".cache" / "apt"
    for folder in ("lists/partial", "archives/partial", "sources"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    sources = source_indexes()
    if not sources:
        sys.exit("conformance: found no Debian archive in /etc/apt, and so nowhere to get the redis source package from")
    for name, text in sources.items():
        (work / "sources" / name).write_text(text)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": work / "sources",
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q"] + [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    subprocess.run(apt + ["update"], check=True, cwd=work)
    subprocess.run(apt + ["source", "--download-only", "redis"], check=True, cwd=work)
    archive = next(work.glob("redis_7.0.15.orig.tar.gz"))
    unpacked = pathlib.Path(tempfile.mkdtemp(dir=work))
    subprocess.run(["tar", "-xzf", archive, "-C", unpacked, "--strip-components=1"], check=True)
    shutil.rmtree(SUITE, ignore_errors=True)
    unpacked.rename(SUITE)


def source_indexes():
    """The machine's Debian archives, asked for sources instead of packages, as files for apt."""
    found = {}
    modern = pathlib.Path("/etc/apt/sources.list.d/debian.sources")
    if modern.exists():
        found["debian.sources"] = re.sub(r"(?m)^Types:.*$", "Types: deb-src", modern.read_text())
    classic = pathlib.Path("/etc/apt/sources.list")
    if classic.exists():
        lines = re.findall(r"(?m)^deb\s.*debian.*$", classic.read_text())
        if lines:
            found["debian.list"] = "".join(re.sub(r"^deb\b", "deb-src", line) + "\n" for line in lines)
    return found


def install_server(command, options):
    """Puts the server under test, and Debian's tools, where the suite looks for its own."""
    source = SUITE / "src"
    server = source / "redis-server"
    server.unlink(missing_ok=True)
    # The shell's process becomes the server, so that the id that the suite sees is the server's; and so does its name.
    if command[1:] == ["server"]:
        command = command[:1]
    # Options of ours go behind all others; where there is no configuration file, a test is about the command line itself.
    server.write_text(
        f'#!/bin/bash\n[ -f "$1" ] && set -- "$@" {shlex.join(options)}\nexec -a "$0" {shlex.join(command)} "$@"\n'
    )
    server.chmod(0o755)
    for tool in ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"):
        link = source / tool
        link.unlink(missing_ok=True)
        if path := shutil.which(tool):
            link.symlink_to(path)


def read_later():
    """What is left out, by file: tests by name or tag, or "*" for the whole file, each with the part it waits for."""
    later = {}
    for line in LATER.read_text().splitlines():
        if line and not line.startswith("#"):
            part, file, name = line.split("\t", 2)
            later.setdefault(file, {})[name] = part
    return later


def unit_command(name, limit, port):
    command = ["tclsh", "tests/test_helper.tcl", "--single", name, "--clients", "1", "--durable"]
    return command + ["--baseport", str(port), "--portcount", str(PORT_COUNT), "--timeout", str(limit)]


def cluster_command(name, port):
    """The cluster's runner has no option for its ports: it gets a script of its own that sets them."""
    script = SUITE / "tests/cluster/run.tcl"
    anchor = "set ::instances_count 20"
    text = script.read_text().replace(anchor, f"set ::redis_base_port {port}\n{anchor}", 1)
    script.with_name("run-at-port.tcl").write_text(text)
    return ["tclsh", "tests/cluster/run-at-port.tcl", "--single", name.removeprefix("cluster/")]


def run_file(name, limit, port, left_out=()):
    """The outcome of each test of one file by test name, and how the file as a whole ended."""
    is_cluster = name.startswith("cluster/")
    command = cluster_command(name, port) if is_cluster else unit_command(name, limit, port)
    log = ROOT / ".cache" / "conformance" / (name.replace("/", "-") + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name in left_out if not name.startswith(TAG)]
    if names and not is_cluster:
        list_of_names = log.with_suffix(".later")
        list_of_names.write_text("\n".join(names))
        command += ["--skipfile", str(list_of_names)]
    for tag in set(left_out).difference(names):
        command += ["--tags", "-" + tag.removeprefix(TAG)]
    environment = {**os.environ, "TERM": "dumb"}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, cwd=SUITE, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
            start_new_session=True,
        )
        try:
            process.wait(limit)
            ending = "" if process.returncode == 0 else f"exit {process.returncode}"
        except subprocess.TimeoutExpired:
            ending = f"stopped after {limit} s"
        finally:
            # The servers that the suite started are of its session, and so of its process group.
            stop_group(process)
    text = log.read_text(errors="replace")
    return (parse_cluster(text, left_out) if is_cluster else parse(text, name)), ending


def stop_group(process):
    for sign in (signal.SIGTERM, signal.SIGCONT, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        time.sleep(0.2)
    process.wait()


def parse(text, file):
    """Outcome by test name; of tests that share a name the worst counts."""
    rank = ["skip", "ignore", "ok", "err", "exception"]
    outcomes = {}
    for line in text.splitlines():
        match = OUTCOME.match(line)
        if not match:
            continue
        outcome, name = match[1], match[2]
        if outcome == "ok":
            name = re.sub(r" \(\d+ ms\)$", "", name)
        elif outcome in ("err", "exception"):
            name = name.removesuffix(f" in tests/{file}.tcl")
        name = stable(name)
        if name not in outcomes or rank.index(outcome) > rank.index(outcomes[name]):
            outcomes[name] = outcome
    return outcomes


def parse_cluster(text, left_out):
    """The same for the cluster's runner, which stops at the first failure: what is left out is known by its name only."""
    outcomes = {}
    for line in text.splitlines():
        if match := CLUSTER_OUTCOME.match(line):
            name = stable(match[1])
            failed = "skip" if match[1] in left_out else "err"
            outcomes[name] = "ok" if match[2] == "OK" and outcomes.get(name, "ok") == "ok" else failed
    return outcomes


def stable(name):
    """The name without what differs from run to run (random sizes, ports, times)."""
    return re.sub(r"\d{4,}|\d+\.\d+", "#", name.strip())


def read_record(path):
    if not path.exists():
        return set()
    lines = path.read_text().splitlines()
    return {tuple(line.split("\t", 1)) for line in lines if line and not line.startswith("#")}


def write_record(path, passing):
    opening = "# Tests of the Redis 7.0.15 suite that pass: file, tab, name. Kept by ./test conformance --update.\n"
    path.write_text(opening + "".join(f"{file}\t{name}\n" for file, name in sorted(passing)))


def server_command(shards):
    command = shlex.split(os.environ.get("APUS_SERVER", str(ROOT / ".build/release/apus") + " server"))
    found = shutil.which(command[0])
    if not found:
        sys.exit(f"conformance: there is no server {command[0]}")
    command[0] = os.path.abspath(found)
    # Redis 7.0, whose suite this is, keeps no set as a listpack, and does not know the directive.
    options = ["--set-max-listpack-entries", "0"] if "apus" in os.path.basename(command[0]) else []
    return command, options + (["--shards", str(shards)] if shards else [])


def main():
    parser = argparse.ArgumentParser(prog="./test conformance", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help=f"files of the suite, such as unit/expire; all {len(FILES)} if none")
    parser.add_argument("--update", action="store_true", help="adds to the record what passes now")
    parser.add_argument("--all", action="store_true", help="also runs the tests that later.txt leaves out")
    parser.add_argument("--record", type=pathlib.Path, default=RECORD, help="another record file")
    parser.add_argument("--shards", type=int, help="runs the servers with this number of shards")
    parser.add_argument("--port", type=int, default=21200, help=f"the first of {PORT_COUNT} ports to use")
    arguments = parser.parse_args()

    fetch_suite()
    command, options = server_command(arguments.shards)
    install_server(command, options)

    recorded = read_record(arguments.record)
    later = {} if arguments.all else read_later()
    passing, lost, total, waiting = set(), [], 0, 0
    for file in arguments.files or FILES:
        left_out = later.get(file, {})
        if "*" in left_out:
            print(f"{file:34} all of it waits for {left_out['*']}", flush=True)
            continue
        started = time.monotonic()
        outcomes, ending = run_file(file, FILES.get(file, DEFAULT_LIMIT), arguments.port, left_out)
        ok = {name for name, outcome in outcomes.items() if outcome == "ok"}
        failed = [name for name, outcome in outcomes.items() if outcome in ("err", "exception")]
        passing |= {(file, name) for name in ok}
        lost += sorted((f, name) for f, name in recorded if f == file and name not in ok)
        total += len(ok) + len(failed)
        skipped = {name for name, outcome in outcomes.items() if outcome == "skip"}
        waiting += len(skipped)
        seconds = time.monotonic() - started
        print(f"{file:34} {len(ok):4} ok {len(failed):4} failed {len(skipped):4} later {seconds:6.0f} s  {ending}", flush=True)
        for name in failed:
            print(f"    failed: {name.splitlines()[0]}")
        for name in left_out:
            if stable(name) not in skipped and not name.startswith(TAG):
                print(f"    not met, though {LATER.name} names it: {name}")

    for file, name in lost:
        print(f"no longer passes: {file}: {name}")
    new = passing - recorded
    if arguments.update:
        write_record(arguments.record, recorded | passing)
    print(
        f"{len(passing)} of {total} tests pass, {waiting} are left for later, "
        f"{len(lost)} no longer pass, {len(new)} are new"
        + (" and recorded" if arguments.update else "")
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
