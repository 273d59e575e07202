"""Which clients CLIENT LIST and CLIENT KILL mean, compared with valkey-server."""

import re

import pytest

from wire import Error, wait_for

#: Every option as Valkey 9.1 has it; `$` stands before what is different on every server.
FILTERS = [
    "", "FOO", "ID", "ID 0", "ID -1", "ID $alpha", "ID $alpha $beta", "ID $alpha 99999 $beta", "ID $beta $alpha", "ID $alpha $alpha",
    "ID $alpha ID $beta", "ID $alpha NAME alpha", "ID $alpha NAME", "ID $alpha x", "ID $alpha 0", "ID $alpha NAME beta",
    "ID $alpha NOT-ID $alpha", "NOT-ID $alpha ID $beta $asker", "NOT-ID $alpha", "NOT-ID $alpha $beta", "NOT-ID $alpha NOT-ID $beta",
    "NOT-ID", "NOT-ID 0", "NAME alpha", "name alpha", "NAME ALPHA", "NAME nosuch", "NAME", "NAME alpha NAME beta", "NAME $empty",
    "NAME alpha FOO", "NAME alpha FOO bar", "NOT-NAME alpha", "NOT-NAME $empty", "NOT-NAME alpha NOT-NAME beta", "NAME alpha NOT-NAME alpha",
    "TYPE normal", "TYPE NORMAL", "TYPE", "TYPE foo", "TYPE pubsub", "TYPE primary", "TYPE master", "TYPE slave", "TYPE replica",
    "TYPE normal TYPE pubsub", "NOT-TYPE normal", "NOT-TYPE pubsub", "NOT-TYPE foo", "NOT-TYPE primary NOT-TYPE normal",
    "TYPE normal NOT-TYPE normal", "ADDR $address", "ADDR x", "NOT-ADDR $address", "LADDR $local", "LADDR x", "NOT-LADDR $local",
    "USER default", "USER DEFAULT", "USER nosuch", "NOT-USER default", "NOT-USER nosuch", "USER nosuch NAME",
    "SKIPME yes", "SKIPME no", "SKIPME x", "SKIPME", "SKIPME YES NAME alpha", "NOT-SKIPME yes",
    "MAXAGE 0", "MAXAGE x", "MAXAGE -1", "MAXAGE 1000", "MAXAGE", "NOT-MAXAGE 5",
    "IDLE 0", "IDLE x", "IDLE -1", "IDLE 1000", "NOT-IDLE 5", "IDLE 9223372036854775808",
    "FLAGS N", "FLAGS e", "FLAGS eT", "FLAGS Te", "FLAGS NT", "FLAGS ?", "FLAGS Nq", "FLAGS $empty", "FLAGS S", "FLAGS z",
    "NOT-FLAGS N", "NOT-FLAGS e", "NOT-FLAGS eT", "NOT-FLAGS NT", "NOT-FLAGS ?", "NOT-FLAGS $empty",
    "LIB-NAME lib", "LIB-NAME x", "LIB-NAME $empty", "NOT-LIB-NAME lib", "NOT-LIB-NAME $empty", "LIB-VER 1.0", "LIB-VER 2",
    "NOT-LIB-VER 1.0", "NOT-LIB-VER 7", "DB 0", "DB 3", "DB -1", "DB 99", "DB x", "DB 3 DB 0", "NOT-DB 3", "NOT-DB 99", "NOT-DB -1", "NOT-DB x",
    "CAPA r", "CAPA x", "CAPA $empty", "NOT-CAPA r", "NOT-CAPA x", "NOT-CAPA $empty", "IP 127.0.0.1", "IP 127.0.0.2", "IP x",
    "IP $empty", "NOT-IP 127.0.0.1", "NOT-IP 1.1.1.1", "id $alpha type normal skipme no",
]

#: With more words than an address has, for KILL.
KILLS = [
    "ID $alpha", "ID $alpha $beta", "NAME alpha", "NAME alpha DB 3", "NAME alpha DB 0", "ID $beta NAME beta", "NOT-ID $asker DB 3",
    "NAME nosuch", "SKIPME maybe", "ID 99999 NAME", "ID 99999 x", "FOO bar", "FLAGS eT", "LADDR $local DB 3", "IP 127.0.0.1 NAME beta",
    "ID $asker", "ID $asker SKIPME no", "IDLE 0", "DB 99", "USER nosuch", "TYPE primary", "MAXAGE 1000 NAME alpha",
]


class Crowd:
    """Three clients that differ in what filters ask for: one that asks, and two others."""

    def __init__(self, node):
        self.node = node
        self.wires = {name: node.wire() for name in ("asker", "alpha", "beta")}
        for setting in (["SETNAME", "alpha"], ["SETINFO", "LIB-NAME", "lib"], ["SETINFO", "LIB-VER", "1.0"]):
            self.wires["alpha"].call("CLIENT", *setting)
        self.wires["alpha"].call("SELECT", "3")
        for setting in (["SETNAME", "beta"], ["NO-EVICT", "on"], ["NO-TOUCH", "on"]):
            self.wires["beta"].call("CLIENT", *setting)
        self.ids = {name: wire.call("CLIENT", "ID") for name, wire in self.wires.items()}
        line = self.wires["alpha"].call("CLIENT", "INFO").decode()
        self.words = {f"${name}": str(number) for name, number in self.ids.items()} | {
            "$empty": "", "$address": re.search(r" addr=(\S+)", line)[1], "$local": re.search(r" laddr=(\S+)", line)[1],
        }

    def ask(self, subcommand, line):
        return self.wires["asker"].call("CLIENT", subcommand, *[self.words.get(word, word) for word in line.split()])

    def listed(self, line):
        """Who of the three is shown, or the error."""
        reply = self.ask("LIST", line)
        return reply if isinstance(reply, Error) else self.named(reply)

    def killed(self, line):
        """The reply, and who of the others is left."""
        reply = self.ask("KILL", line)
        return reply, [name for name in self.named(self.node.call("CLIENT", "LIST")) if name != "asker"]

    def named(self, lines):
        shown = [int(number) for number in re.findall(r"^id=(\d+)", lines.decode(), re.M)]
        return [name for name, number in self.ids.items() if number in shown]

    def close(self):
        for wire in self.wires.values():
            wire.close()


@pytest.fixture
def crowds(server, lasting_valkey):
    found = [Crowd(node) for node in (server, lasting_valkey)]
    yield found
    for crowd in found:
        crowd.close()


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey")


@pytest.mark.apus_only
def test_list_shows_whom_valkey_shows(crowds):
    found = {line: [crowd.listed(line) for crowd in crowds] for line in FILTERS}

    assert not {line: pair for line, pair in found.items() if pair[0] != pair[1]}
    # What would be equal if nothing was filtered at all is not worth much.
    assert len({str(ours) for ours, _ in found.values()}) > 20


@pytest.mark.apus_only
@pytest.mark.parametrize("line", KILLS)
def test_kill_closes_whom_valkey_closes(crowds, line):
    ours, theirs = (crowd.killed(line) for crowd in crowds)

    assert ours == theirs


@pytest.mark.apus_only
def test_who_is_killed_loses_the_connection(crowds):
    for crowd in crowds:
        assert crowd.ask("KILL", "NAME alpha DB 3") == 1

        assert crowd.wires["alpha"].is_closed()
        assert crowd.wires["beta"].call("PING") == "PONG"


@pytest.mark.apus_only
@pytest.mark.parametrize("line", ["ID x", "NOT-ID x", "ID x NAME y"])
def test_an_identifier_that_is_no_number_is_told_as_by_redis(crowds, line):
    assert crowds[0].listed(line) == crowds[0].ask("KILL", f"{line} SKIPME yes") == "ERR client-id should be greater than 0"


@pytest.mark.apus_only
def test_ages_are_whole_seconds_at_least(crowds):
    for crowd in crowds:
        wait_for(lambda: crowd.listed("MAXAGE 1") == ["asker", "alpha", "beta"], what="all are a second old")
        wait_for(lambda: "alpha" in crowd.listed("IDLE 1"), what="one has been idle for a second")

        crowd.wires["beta"].call("PING")

        assert "asker" not in crowd.listed("IDLE 1") and "beta" not in crowd.listed("IDLE 1")
        assert crowd.listed("MAXAGE 1") == ["asker", "alpha", "beta"]
