"""The servers that tests get: the one under test with one and with two shards, and its peers to compare with.

APUS_SERVER names another server to run the tests against (APUS_SERVER=redis-server shows that they hold for Redis);
what only Apus has is then left out. APUS_TEST_PORTS=21000-21999 keeps to a range of ports.
"""

import shutil

import pytest

from differential import Pair
from nodes import IS_APUS, ClusterNode, Node, commands_of

SHARDS = [1, 2] if IS_APUS else [None]


def pytest_configure(config):
    config.addinivalue_line("markers", "apus_only: about what the peers do not have; left out when testing one of them")


#: The files that wait longest come first, so that no worker is left alone with one of them in the end.
LONGEST = ("test_mixed_cluster", "test_failover", "test_administration", "test_cluster_extensions", "test_cluster_slots")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if not IS_APUS:
        for item in items:
            if item.get_closest_marker("apus_only"):
                item.add_marker(pytest.mark.skip(reason="only Apus has this"))


class Starter:
    """Starts servers, each in a folder of its own, and ends them all."""

    def __init__(self, folder):
        self.folder = folder
        self.nodes = []

    def __call__(self, kind="apus", *options, start=True, cluster=False, **keywords):
        if not commands_of(kind):
            pytest.skip(f"{kind} is not installed")
        made = ClusterNode if cluster else Node
        node = made(kind, self.folder / f"{kind}-{len(self.nodes)}", *options, **keywords)
        node.folder.mkdir(parents=True)
        self.nodes.append(node)
        return node.start() if start else node

    def end(self):
        for node in self.nodes:
            node.kill()


@pytest.fixture(params=SHARDS, ids=lambda shards: f"shards{shards}", scope="module")
def shards(request):
    """The number of shards that a server under test runs with."""
    return request.param


@pytest.fixture
def start(tmp_path_factory, request):
    """Starts a server: start("apus", "--timeout", 1), start("redis"), start("valkey", cluster=True)."""
    starter = Starter(tmp_path_factory.mktemp("nodes"))
    request.node.starter = starter
    yield starter
    starter.end()
    shutil.rmtree(starter.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """Like start, but what it starts lives as long as the module's tests."""
    starter = Starter(tmp_path_factory.mktemp("lasting"))
    yield starter
    starter.end()
    shutil.rmtree(starter.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def lasting_server(lasting, shards):
    return lasting("apus", "--enable-debug-command", "yes", shards=shards)


@pytest.fixture(scope="module")
def lasting_peer(lasting):
    return lasting("redis", "--enable-debug-command", "yes")


@pytest.fixture
def server(lasting_server, request):
    """The server under test, empty."""
    request.node.watched = [lasting_server]
    lasting_server.call("FLUSHALL")
    return lasting_server


@pytest.fixture
def peer(lasting_peer):
    """A redis-server, empty."""
    lasting_peer.call("FLUSHALL")
    return lasting_peer


@pytest.fixture(scope="module")
def limited(lasting, shards, request):
    """The server under test with the LIMITS of the module, low enough that random commands meet them from both sides."""
    return lasting("apus", *request.module.LIMITS, "--enable-debug-command", "yes", shards=shards)


@pytest.fixture(scope="module")
def valkey(lasting, request):
    """A valkey-server with the same."""
    return lasting("valkey", *request.module.LIMITS, "--enable-debug-command", "yes")


@pytest.fixture
def both(limited, valkey):
    """Both, to be sent the same."""
    pair = Pair(limited, valkey)
    yield pair
    pair.close()


class Comparison:
    """Two connections that get the same and must answer the same."""

    def __init__(self, server, peer):
        self.ours, self.theirs = server.wire(), peer.wire()

    def __call__(self, *arguments):
        """Sends one command to both; gives the reply, which must be the same."""
        ours, theirs = self.ours.call(*arguments), self.theirs.call(*arguments)
        assert (type(ours), ours) == (type(theirs), theirs), f"{arguments!r}: ours {ours!r}, theirs {theirs!r}"
        return ours

    def close(self):
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def compare(server, peer):
    """compare("SET", "key", "value") sends the command to the server under test and to Redis, and compares."""
    comparison = Comparison(server, peer)
    yield comparison
    comparison.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.failed:
        starter = getattr(item, "starter", None)
        for node in (starter.nodes if starter else []) + getattr(item, "watched", []):
            lines = node.log().splitlines()[-40:]
            report.sections.append((f"log of {node}", "\n".join(lines)))
    return report
