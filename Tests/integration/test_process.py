"""The server as a process: its command line, its log, signals, sockets and limits, as an administrator meets them."""

import os
import pathlib
import pty
import re
import signal
import socket
import stat
import subprocess

import pytest

from nodes import IS_APUS, commands_of, free_port
from wire import Closed, Error, Wire, command, wait_for

#: `pid:role day month year time level text`
LOG_LINE = re.compile(r"^\d+:[CMSX] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] \S.*$")


def run(kind, *arguments, folder, stdin=b"", seconds=10):
    """Runs a server that is expected to end by itself; gives exit code, standard output and standard error."""
    done = subprocess.run(
        commands_of(kind) + list(map(str, arguments)), cwd=folder, input=stdin, capture_output=True, timeout=seconds
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class TestCommandLine:
    MISTAKES = {
        "unknown directive": ["--nosuch", "1"],
        "unknown directive alone": ["--nosuch"],
        "no value": ["--port"],
        "two values": ["--port", "6379", "6380"],
        "value with dashes": ["--port", "--bla"],
        "enumeration": ["--loglevel", "--bla"],
        "several words": ["--shutdown-on-sigint", "now bad"],
        "primary's port": ["--replicaof", "127.0.0.1", "abc"],
        "user twice": ["--user", "foo", "--user", "foo"],
        "name and value in one": ["--timeout 5 --loglevel verbose"],
        "out of range": ["--maxclients", "0"],
        "memory": ["--maxmemory", "1x"],
        "boolean": ["--appendonly", "maybe"],
        "folder": ["--dir", "/nonexistent/folder"],
        "replica in a cluster": ["--replicaof", "a", "1", "--cluster-enabled", "yes"],
        "second of two": ["--timeout", "5", "--hz", "x"],
    }

    @pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES.keys())
    def test_mistakes_end_the_process_in_the_words_of_redis(self, tmp_path, arguments):
        ours, theirs = (run(kind, *arguments, folder=tmp_path) for kind in ("apus", "redis"))

        assert ours[0] == theirs[0] == 1
        assert "*** FATAL CONFIG FILE ERROR (" in ours[2]
        assert after_title(ours[2]) == after_title(theirs[2])

    FILES = {
        "value": "timeout 5\n\n# comment\nport a\n",
        "quotes": 'timeout 5\nrequirepass "a\n',
        "included": "timeout 5\ninclude inc.conf\n",
        "save": "save 900\n",
        "limits": "client-output-buffer-limit nosuch 1 1 1\n",
        "renamed": "rename-command nosuch x\n",
        "unknown": "nosuch\n",
    }

    @pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
    def test_mistakes_in_files_name_the_line(self, tmp_path, text):
        (tmp_path / "a.conf").write_text(text)
        (tmp_path / "inc.conf").write_text("hz 10\nhz x\n")

        ours, theirs = (run(kind, "a.conf", folder=tmp_path) for kind in ("apus", "redis"))
        from_input = run("apus", "-", folder=tmp_path, stdin=text.encode())

        assert ours[0] == theirs[0] == 1
        assert after_title(ours[2]) == after_title(theirs[2]) == after_title(from_input[2])

    def test_a_missing_file_is_named(self, tmp_path):
        code, output, errors = run("apus", "nosuch.conf", folder=tmp_path)

        assert code == 1
        assert "can't open config file" in output + errors
        assert "nosuch.conf': No such file or directory" in output + errors

    def test_file_input_and_options_add_up_in_this_order(self, start, tmp_path):
        (tmp_path / "a.conf").write_text("timeout 1\nhz 20\nmaxclients 50\nmasteruser 'a b'\n")
        (tmp_path / "input").write_text("timeout 2\nhz 30\n")
        node = start("apus", "--timeout", "3", "-", start=False)
        node.options = [str(tmp_path / "a.conf")] + node.options

        node.start(stdin=open(tmp_path / "input"))

        settings = node.client().config_get("timeout", "hz", "maxclients", "masteruser")
        assert settings == {"timeout": "3", "hz": "30", "maxclients": "50", "masteruser": "a b"}

    OPTIONS = {
        "pairs": (["--timeout", "7"], "timeout", "7"),
        "one argument": (["--timeout 7"], "timeout", "7"),
        "quotes in one argument": (["--maxmemory '700mb'"], "maxmemory", "734003200"),
        "save twice": (["--save", "900", "1", "--save", "300", "10"], "save", "900 1 300 10"),
        "save alone": (["--save"], "save", ""),
        "save before another": (["--save", "--timeout", "7"], "timeout", "7"),
        "dashes in a value": (["--masteruser", "--abc"], "masteruser", "--abc"),
        "quotes in a value": (["--masteruser", "a\"b'"], "masteruser", "a\"b'"),
        "several words": (["--shutdown-on-sigint", "save now"], "shutdown-on-sigint", "save now"),
        "old names": (["--slave-priority", "50"], "replica-priority", "50"),
        "case": (["--LOGLEVEL", "Verbose"], "loglevel", "verbose"),
    }

    @pytest.mark.parametrize("arguments, name, value", OPTIONS.values(), ids=OPTIONS.keys())
    def test_options_are_read_as_by_redis(self, start, arguments, name, value):
        ours, theirs = start("apus", *arguments), start("redis", *arguments)

        assert ours.client().config_get(name) == theirs.client().config_get(name) == {name: value}

    def test_version_and_help_are_told(self, tmp_path):
        for option, word in (("--version", "v="), ("-v", "v="), ("--help", "Usage"), ("-h", "Usage")):
            code, output, errors = run("apus", option, folder=tmp_path)

            assert code == (0 if option in ("--version", "-v") or IS_APUS else 1)
            assert word in output + errors

    @pytest.mark.apus_only
    def test_a_stock_configuration_starts_and_what_has_no_effect_is_said_once(self, start, tmp_path):
        stock = pathlib.Path("/etc/redis/redis.conf")
        if not stock.exists() or not os.access(stock, os.R_OK):
            pytest.skip("there is no stock redis.conf here")
        text = re.sub(r"(?m)^(daemonize|pidfile|logfile|dir|supervised|unixsocket)\b.*$", "", stock.read_text())
        (tmp_path / "redis.conf").write_text(text)
        node = start("apus", start=False)
        node.options = [str(tmp_path / "redis.conf")] + node.options

        node.start()

        named = [line for line in node.log().splitlines() if "not built yet" in line]
        assert len(named) == 1
        assert "appendfsync" in named[0] and "timeout" not in re.findall(r"[\w-]+", named[0])


def after_title(errors):
    """What a fatal message says behind its title, which names the server."""
    lines = errors.strip().splitlines()
    title = next(i for i, line in enumerate(lines) if "FATAL CONFIG FILE ERROR" in line)
    return lines[title + 1 :]


def read_until_hang_up(terminal):
    """What a process wrote to its terminal; nothing where it and its terminal are gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


class TestLog:
    def test_lines_have_the_form_and_the_words_that_tools_wait_for(self, start, shards):
        node = start("apus", "--loglevel", "notice", "--always-show-logo", "yes", shards=shards)
        node.stop()

        lines = node.log().splitlines()
        assert f" PID: {node.process.pid}" in node.log() or f"pid={node.process.pid}" in node.log()
        for text in ("Ready to accept connections", "bye bye"):
            line = next(line for line in lines if text in line)
            assert LOG_LINE.match(line), line
            assert line.startswith(f"{node.process.pid}:M ")

    def logo_of(self, node):
        """What a server's logo says of it, each fact by what it is named by."""
        return {
            name: re.findall(pattern, node.log())
            for name, pattern in {
                "mode": r"Running in (\w+) mode", "port": r"Port: (\d+)", "process": r"(?m)PID: (\d+)$", "bits": r"(\d+) bit\b",
                "line instead": r"Running mode=(\w+), port=(\d+)",
            }.items()
        }

    @pytest.mark.parametrize("is_cluster", [False, True], ids=["standalone", "cluster"])
    def test_a_logo_is_shown_when_told_so(self, start, shards, is_cluster):
        node = start("apus", "--always-show-logo", "yes", shards=shards, cluster=is_cluster)

        logo = self.logo_of(node)

        assert (logo["mode"], logo["port"], logo["line instead"]) == (["cluster" if is_cluster else "standalone"], [str(node.port)], [])
        assert logo["process"] == [str(node.process.pid)] and "64" in logo["bits"]

    def test_a_line_says_it_where_no_logo_is_wanted(self, start, shards):
        node = start("apus", "--always-show-logo", "no", shards=shards)

        logo = self.logo_of(node)

        assert logo["line instead"] == [("standalone", str(node.port))]
        assert logo["mode"] == logo["port"] == []

    @pytest.mark.parametrize("options, is_shown", [((), True), (("--logfile", "log.txt"), False), (("--loglevel", "warning"), False)])
    def test_a_terminal_is_shown_the_logo(self, start, options, is_shown):
        node = start("apus", *options, start=False)
        terminal, other_end = pty.openpty()
        process = subprocess.Popen(commands_of("apus") + node.options, cwd=node.folder, stdin=subprocess.DEVNULL, stdout=other_end)
        try:
            wait_for(lambda: reachable(node), what="the server answers")
        finally:
            process.terminate()
            process.wait()
        os.close(other_end)
        shown = b"".join(iter(lambda: read_until_hang_up(terminal), b""))
        os.close(terminal)

        assert (b"Running in standalone mode" in shown) is is_shown
        assert b"Running mode=" not in shown

    def test_goes_to_a_file_when_told_so(self, start):
        node = start("apus", "--logfile", "log.txt", start=False)
        node.launch()
        log = node.folder / "log.txt"

        wait_for(lambda: log.exists() and "Ready to accept connections" in log.read_text(), what="the log file")

    def test_keeps_to_its_level(self, start):
        quiet = start("apus", "--loglevel", "warning", start=False)
        quiet.launch()
        wait_for(lambda: reachable(quiet), what="the server answers")
        assert "Ready to accept" not in quiet.log()

        quiet.client().config_set("loglevel", "notice")
        quiet.stop()
        assert "bye bye" in quiet.log()


class TestEnd:
    @pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_process_cleanly(self, start, shards, sign):
        node = start("apus", shards=shards)
        with node.wire() as wire:
            assert wire.call("PING") == "PONG"

            assert node.stop(sign, seconds=5) == 0
            assert wire.is_closed()
        assert f"Received {sign.name} scheduling shutdown..." in node.log()
        assert "ready to exit, bye bye" in node.log()

    def test_the_command_ends_the_process_without_a_reply(self, start, shards):
        node = start("apus", shards=shards)
        with node.wire() as wire:
            wire.send(command("SHUTDOWN", "NOSAVE"))

            assert wire.until_closed() == b""
        assert node.wait(5) == 0

    def test_a_process_that_was_stopped_ends_once_it_goes_on(self, start):
        node = start("apus")
        node.process.send_signal(signal.SIGSTOP)
        node.process.send_signal(signal.SIGTERM)
        node.process.send_signal(signal.SIGCONT)

        assert node.wait(5) == 0

    @pytest.mark.apus_only  # a sleeping redis-server is woken by the first signal
    def test_a_second_signal_forces_the_end_of_a_busy_server(self, start, shards):
        node = start("apus", "--enable-debug-command", "yes", shards=shards)
        with node.wire() as wire:
            wire.send(command("DEBUG", "SLEEP", "30"))
            assert wire.is_quiet(0.3)
            node.process.send_signal(signal.SIGINT)
            node.wait_for_log("Received SIGINT")

            assert node.stop(signal.SIGINT, seconds=5) == 1

    def test_the_pid_file_is_there_as_long_as_the_process(self, start):
        node = start("apus", "--pidfile", "server.pid")
        file = node.folder / "server.pid"

        assert file.read_text() == f"{node.process.pid}\n"
        node.stop()
        assert not file.exists()

    def test_a_daemon_leaves_its_parent_at_once(self, start):
        node = start("apus", "--daemonize", "yes", "--pidfile", "server.pid", "--logfile", "log.txt", start=False)
        node.launch()

        assert node.wait(5) == 0
        pid = int(wait_for(lambda: (node.folder / "server.pid").exists() and (node.folder / "server.pid").read_text()))
        try:
            wait_for(lambda: reachable(node), what="the daemon answers")
            assert node.client().info("server")["process_id"] == pid != node.process.pid
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not reachable(node), what="the daemon has ended")


    def test_the_title_says_where_it_listens(self, start, shards):
        node = start("apus", "--proc-title-template", "{{x}} {server-mode} {listen-addr} {unixsocket}", "--unixsocket", "s", shards=shards)

        assert title(node) == f"{{x}}}}  *:{node.port} s"  # only an opening brace is doubled
        assert node.call("CONFIG", "SET", "proc-title-template", "p{port}") == "OK"
        assert title(node) == f"p{node.port}"
        assert "template format is invalid" in node.call("CONFIG", "SET", "proc-title-template", "{nonsense}")
        assert node.call("CONFIG", "SET", "proc-title-template", "x" * 100_000) == "OK"
        assert node.call("PING") == "PONG"

    @pytest.mark.apus_only  # redis-server reads the directive, too, but shows its own words on its command line
    def test_the_title_is_left_alone_where_that_is_said(self, start):
        node = start("apus", "--set-proc-title", "no")

        assert title(node) == node.process.args[0]


def title(node):
    """What `ps` shows, up to the end of the first word or of the whole title."""
    return pathlib.Path(f"/proc/{node.process.pid}/cmdline").read_bytes().partition(b"\0")[0].decode()


def reachable(node):
    try:
        return node.call("PING") == "PONG"
    except (OSError, Closed):  # a server that is about to end may still accept, and then close without an answer
        return False


class TestSockets:
    BINDS = {
        "one": (["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]),
        "two": (["127.0.0.1", "127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.3"]),
        "IPv6": (["127.0.0.1", "::1"], ["127.0.0.1", "::1"], ["127.0.0.2"]),
        "all": (["*"], ["127.0.0.1", "127.0.0.2"], []),
        "optional and missing": (["127.0.0.1", "-203.0.113.7"], ["127.0.0.1"], ["127.0.0.2"]),
        "optional and there": (["-127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]),
        "default": (["*", "-::*"], ["127.0.0.1", "::1"], []),
    }

    @pytest.mark.parametrize("binds, open_at, closed_at", BINDS.values(), ids=BINDS.keys())
    def test_are_opened_where_bind_says(self, start, shards, binds, open_at, closed_at):
        if any(":" in bind for bind in binds) and not has_ipv6():
            pytest.skip("this machine has no IPv6")
        node = start("apus", "--bind", *binds, shards=shards)

        for host in open_at:
            assert connects(host, node.port)
        for host in closed_at:
            assert not connects(host, node.port)

    def test_that_must_be_there_and_cannot_end_the_process(self, tmp_path):
        code, output, errors = run("apus", "--port", free_port(), "--bind", "203.0.113.7", folder=tmp_path)

        assert code == 1
        assert "Could not create server TCP listening socket 203.0.113.7" in output
        assert "Failed listening on port" in output

    def test_whose_port_is_taken_end_the_second_process(self, start, tmp_path):
        first = start("apus", "--bind", "127.0.0.1")

        code, output, errors = run("apus", "--port", first.port, "--bind", "127.0.0.1", folder=tmp_path)

        assert code == 1
        assert f"Failed listening on port {first.port}" in output
        assert first.call("PING") == "PONG"

    def test_of_unix_have_the_mode_that_was_asked_for(self, start, shards):
        node = start("apus", "--unixsocket", "s.sock", "--unixsocketperm", "700", shards=shards)
        path = node.folder / "s.sock"

        with Wire(str(path)) as wire:
            assert wire.call("SET", "k", "v") == "OK"
            assert b" addr=" in wire.call("CLIENT", "INFO") or f"{path.name}:0".encode() in wire.call("CLIENT", "INFO")
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        node.stop()
        assert not path.exists()

    def test_of_unix_are_enough_without_a_port(self, start, shards):
        node = start("apus", "--unixsocket", "s.sock", port=0, shards=shards)

        with Wire(str(node.folder / "s.sock")) as wire:
            assert wire.call("PING") == "PONG"

    def test_move_with_config_set_port(self, start, shards):
        node = start("apus", shards=shards)
        old, new = node.port, free_port()
        with node.wire() as wire:
            assert wire.call("CONFIG", "SET", "port", new) == "OK"
            assert wire.call("PING") == "PONG"

        assert connects("127.0.0.1", new)
        assert not connects("127.0.0.1", old)

    def test_stay_when_config_set_cannot_move_them(self, start, shards):
        node, other = start("apus", shards=shards), start("redis")
        refusal = "ERR CONFIG SET failed (possibly related to argument '{}') - {}"

        taken = node.call("CONFIG", "SET", "timeout", "9", "port", other.port)
        foreign = node.call("CONFIG", "SET", "timeout", "9", "bind", "203.0.113.7")

        assert taken == Error(refusal.format("port", "Unable to listen on this port. Check server logs."))
        assert foreign == Error(refusal.format("bind", "Failed to bind to specified addresses."))
        assert node.client().config_get("timeout", "bind") == {"timeout": "0", "bind": "* -::*"}
        assert connects("127.0.0.1", node.port)


def connects(host, port):
    try:
        with Wire((host, port), timeout=2) as wire:
            return wire.call("PING") == "PONG"
    except OSError:
        return False


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def outside_address():
    """An address of this machine that is not the loopback's, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.7", 9))  # sends nothing
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class TestLimits:
    def test_one_client_too_many_is_told_so_and_closed(self, start, shards):
        node = start("apus", "--maxclients", "5", shards=shards)
        wires = [node.wire() for _ in range(5)]
        assert all(wire.call("PING") == "PONG" for wire in wires)

        with node.wire() as wire:
            assert wire.until_closed() == b"-ERR max number of clients reached\r\n"

        wires.pop().close()
        wait_for(lambda: reachable(node), what="there is room again")

    def test_strangers_are_kept_out_in_protected_mode(self, start, shards):
        address = outside_address()
        if not address:
            pytest.skip("this machine has only its loopback")
        ours, theirs = start("apus", "--protected-mode", "yes", shards=shards), start("redis", "--protected-mode", "yes")

        with Wire((address, ours.port)) as our_wire, Wire((address, theirs.port)) as their_wire:
            our_words, their_words = our_wire.until_closed(), their_wire.until_closed()

        assert our_words.startswith(b"-DENIED")
        assert their_words.startswith(b"-DENIED")
        assert b"requirepass" in our_words and b"protected-mode no" in our_words  # what to do is said in our own words
        ours.client().config_set("requirepass", "secret")
        with Wire((address, ours.port)) as wire:
            assert wire.call("AUTH", "secret") == "OK"

    def test_idle_clients_are_let_go_after_the_timeout(self, start, shards):
        node = start("apus", "--timeout", "1", shards=shards)
        with node.wire() as idle, node.wire() as busy:
            for _ in range(30):
                assert busy.call("PING") == "PONG"
                if idle.is_closed(within=0.1):
                    break
            else:
                pytest.fail("the idle client was not let go")

    def test_clients_may_idle_for_ever_by_default(self, start, shards):
        node = start("apus", shards=shards)
        with node.wire() as idle:
            assert idle.is_quiet(2.5)
            assert idle.call("PING") == "PONG"

    def test_more_clients_than_files_allow_are_not_promised(self, start):
        def refusal(node):
            return node.call("CONFIG", "SET", "maxclients", "100000000")

        ours, theirs = refusal(start("apus")), refusal(start("redis"))

        pattern = (
            r"ERR CONFIG SET failed \(possibly related to argument 'maxclients'\) - "
            r"The operating system is not able to handle the specified number of clients, try with \d+"
        )
        assert re.fullmatch(pattern, ours) and re.fullmatch(pattern, theirs)


class TestConfiguration:
    SETTINGS = [
        ("timeout", "5"), ("TIMEOUT", "6"), ("maxmemory", "1gb"), ("loglevel", "DEBUG"), ("nosuch", "1"), ("daemonize", "yes"),
        ("dir", "/tmp"), ("save", "900"), ("save", "900 1"), ("hz", "1000"), ("slave-priority", "x"), ("maxmemory-clients", "5%"),
        ("client-output-buffer-limit", "normal 1 2 3"), ("notify-keyspace-events", "KEA"), ("appendfsync", "never"),
        ("timeout", "-1"), ("latency-tracking-info-percentiles", "50 101"), ("proto-max-bulk-len", "1"),
    ]

    @pytest.mark.parametrize("name, value", SETTINGS)
    def test_is_set_and_shown_as_by_redis(self, start, name, value):
        ours, theirs = start("apus"), start("redis")

        assert ours.call("CONFIG", "SET", name, value) == theirs.call("CONFIG", "SET", name, value)
        if name != "dir":
            assert ours.call("CONFIG", "GET", name) == theirs.call("CONFIG", "GET", name)

    def test_is_rewritten_and_found_again_after_a_restart(self, start, tmp_path, shards):
        file = tmp_path / "server.conf"
        file.write_text("# mine\ntimeout 5\n\nloglevel notice\n")
        node = start("apus", start=False, shards=shards)
        node.options = [str(file)] + node.options
        node.start()

        node.client().config_set("timeout", "9")
        node.client().config_set("maxmemory", "100mb")
        assert node.call("CONFIG", "REWRITE") == "OK"

        text = file.read_text()
        assert text.startswith("# mine\ntimeout 9\n\nloglevel notice\n")
        assert "\n# Generated by CONFIG REWRITE\n" in text
        assert "\nmaxmemory 100mb\n" in text
        node.restart()
        assert node.client().config_get("timeout", "maxmemory") == {"timeout": "9", "maxmemory": "104857600"}

    def test_is_not_rewritten_without_a_file(self, start):
        assert start("apus").call("CONFIG", "REWRITE") == Error("ERR The server is running without a config file")
