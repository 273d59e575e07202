"""The administrator's tools, as they come with redis-cli: each against clusters of this project's nodes alone and mixed ones."""

import pathlib
import re

import pytest
import redis

from nodes import IS_APUS, commands_of, slot_owners, wait_for_cluster
from wire import wait_for

SLOTS = 16384
MAKES = {"alike": ["apus"] * 3, "mixed": [kind for kind in ("apus", "redis", "valkey") if commands_of(kind)]}


@pytest.fixture(params=MAKES if IS_APUS else ["alike"], scope="module")
def makes(request):
    """The kinds of three nodes: all of this project, or one of each make."""
    return MAKES[request.param]


@pytest.fixture(scope="module")
def lasting_cluster(lasting, makes, shards):
    nodes = [lasting(kind, cluster=True, shards=shards) for kind in makes]
    created = manage(nodes[0], "create", *map(address, nodes), "--cluster-yes")
    assert "[OK] All 16384 slots covered." in created
    wait_for_cluster(nodes)
    return nodes


@pytest.fixture
def cluster(lasting_cluster, request):
    """Three nodes with all slots and no keys, as the test before has left them."""
    request.node.watched = lasting_cluster
    for node in lasting_cluster:
        node.call("FLUSHALL")
    return lasting_cluster


def address(node):
    return f"127.0.0.1:{node.port}"


def manage(node, command, *arguments, check=True, said=""):
    """redis-cli --cluster; everything it says."""
    return node.cli("--cluster", command, *arguments, check=check, said=said)


def fill(nodes, count=1000):
    client = redis.RedisCluster(host="127.0.0.1", port=nodes[0].port, decode_responses=True)
    for number in range(count):
        client.set(f"key:{number}", f"value:{number}")
    client.close()


def assert_filled(nodes, count=1000):
    client = redis.RedisCluster(host="127.0.0.1", port=nodes[0].port, decode_responses=True)
    assert [client.get(f"key:{number}") for number in range(count)] == [f"value:{number}" for number in range(count)]
    assert sum(node.call("DBSIZE") for node in nodes) == count
    client.close()


def assert_sound(nodes):
    """No slot is open, all agree, and redis-cli finds nothing to mend."""
    wait_for_cluster(nodes)
    checked = manage(nodes[0], "check", address(nodes[0]))
    assert "[OK] All nodes agree about slots configuration." in checked
    assert "[OK] All 16384 slots covered." in checked
    assert "WARNING" not in checked and "ERR" not in checked, checked


def owned(node):
    """How many slots the node has, as it says itself."""
    count = 0
    for word in node.nodes()[node.id][8:]:
        if not word.startswith("["):
            first, _, last = word.partition("-")
            count += int(last or first) - int(first) + 1
    return count


def test_create_check_info_and_call(cluster):
    fill(cluster, 100)

    assert_sound(cluster)
    told = manage(cluster[1], "info", address(cluster[1]))
    assert "[OK] 100 keys in 3 masters." in told
    asked = manage(cluster[1], "call", address(cluster[1]), "SET", "nosuch", "v", check=False)
    assert len(re.findall(r"MOVED|OK", asked.split("Calling", 1)[1])) >= 3
    asked = manage(cluster[1], "call", address(cluster[1]), "PING")
    assert asked.count("PONG") == 3


@pytest.mark.parametrize("direction", [1, -1], ids=["there", "back"])
def test_reshard_moves_slots_with_their_keys(cluster, direction):
    fill(cluster)
    giver, taker = cluster[:2][::direction]
    before = owned(giver), owned(taker)

    moved = manage(
        giver, "reshard", address(giver), "--cluster-from", giver.id, "--cluster-to", taker.id, "--cluster-slots", 300,
        "--cluster-yes", "--cluster-pipeline", 7,
    )

    assert moved.count("Moving slot") >= 300
    assert (owned(giver), owned(taker)) == (before[0] - 300, before[1] + 300)
    assert_sound(cluster)
    assert_filled(cluster)


def test_rebalance_makes_them_equal_by_weight(cluster):
    """A node of less weight gets fewer slots. What Valkey dumps, Redis does not read: nothing goes that way."""
    fill(cluster)
    nodes = {node.kind: node for node in cluster}
    light = nodes.get("redis", cluster[0])

    said = manage(cluster[0], "rebalance", address(cluster[0]), "--cluster-weight", f"{light.id}=0.9", "--cluster-threshold", 1)

    assert "ERR" not in said, said
    wait_for_cluster(cluster)
    assert abs(owned(light) - SLOTS * 0.9 / 2.9) <= 3
    assert_sound(cluster)
    assert_filled(cluster)


def test_a_node_is_added_filled_emptied_and_removed(cluster, start, shards):
    fill(cluster)
    newcomer = start("apus", cluster=True, shards=shards)

    added = manage(cluster[0], "add-node", address(newcomer), address(cluster[0]))
    assert "[OK] New node added correctly." in added
    wait_for_cluster(cluster + [newcomer])
    # By these weights all give to the newcomer, and nobody else gets any: what Valkey dumps, Redis does not read.
    weights = [f"{node.id}={owned(node)}" for node in cluster] + [f"{newcomer.id}=300"]
    manage(cluster[0], "rebalance", address(cluster[0]), "--cluster-use-empty-masters", "--cluster-weight", *weights)
    wait_for_cluster(cluster + [newcomer])
    assert abs(owned(newcomer) - SLOTS * 300 / (SLOTS + 300)) <= 3
    assert_sound(cluster + [newcomer])
    assert_filled(cluster + [newcomer])

    heir = cluster[0]
    manage(
        heir, "reshard", address(heir), "--cluster-from", newcomer.id, "--cluster-to", heir.id, "--cluster-slots", owned(newcomer),
        "--cluster-yes",
    )
    wait_for_cluster(cluster + [newcomer])
    gone = newcomer.id
    removed = manage(heir, "del-node", address(heir), gone)
    assert "ERR" not in removed, removed
    wait_for(lambda: all(gone not in node.nodes() for node in cluster), what="nobody knows the removed node")
    assert_sound(cluster)
    assert_filled(cluster)
    assert len(newcomer.nodes()) == 1


class TestFix:
    def test_closes_a_slot_that_was_left_open_in_the_middle(self, cluster):
        fill(cluster)
        giver, taker = cluster[0], cluster[1]
        slot = next(s for s in range(SLOTS) if giver.call("CLUSTER", "COUNTKEYSINSLOT", s) >= 1)
        taker.call("CLUSTER", "SETSLOT", slot, "IMPORTING", giver.id)
        giver.call("CLUSTER", "SETSLOT", slot, "MIGRATING", taker.id)
        (key, *_) = giver.call("CLUSTER", "GETKEYSINSLOT", slot, 1)
        assert giver.call("MIGRATE", "127.0.0.1", taker.port, key, 0, 5000) == "OK"

        fixed = manage(cluster[0], "fix", address(cluster[0]))

        assert "Fixing open slot" in fixed
        assert_sound(cluster)
        assert_filled(cluster)

    def test_closes_slots_that_are_open_on_one_end_only(self, cluster):
        fill(cluster)
        first, second = cluster[0], cluster[1]
        second.call("CLUSTER", "SETSLOT", 1, "IMPORTING", first.id)
        first.call("CLUSTER", "SETSLOT", 2, "MIGRATING", second.id)

        manage(cluster[0], "fix", address(cluster[0]))

        assert_sound(cluster)
        assert_filled(cluster)

    def test_covers_slots_that_nobody_serves(self, cluster):
        for node in cluster:
            assert node.call("CLUSTER", "DELSLOTSRANGE", 100, 120) == "OK"

        fixed = manage(cluster[0], "fix", address(cluster[0]), said="yes\n" * 3)

        assert "Covering slot 100" in fixed
        assert_sound(cluster)

    def test_gives_the_slots_of_a_dead_member_to_the_living(self, start, makes, shards):
        victim, *living = cluster = [start(kind, cluster=True, shards=shards) for kind in makes]
        for node, slots in zip(cluster, ((0, 99), (100, 8191), (8192, SLOTS - 1))):
            node.add_slots(*slots)
            victim.meet(node)
        wait_for_cluster(cluster)
        identifier = victim.id
        victim.kill()
        for node in living:
            wait_for(lambda: "fail" in node.flags(identifier), 20, what=f"{node} declares {victim} failed")

        manage(
            living[0], "fix", address(living[0]), "--cluster-fix-with-unreachable-masters", check=False, said="yes\n" * 3
        )
        wait_for(lambda: slot_owners(living[0]) == slot_owners(living[1]), what="the living agree")

        assert sum(map(owned, living)) == SLOTS
        for node in living:
            assert node.call("CLUSTER", "FORGET", identifier) == "OK"
        assert_sound(living)


@pytest.mark.parametrize("kind", [kind for kind in ("redis", "apus") if IS_APUS or kind == "redis"])
def test_import_takes_the_keys_of_a_server(cluster, start, shards, kind):
    source = start(kind, shards=shards)
    for number in range(300):
        source.call("SET", f"key:{number}", f"value:{number}")
    source.call("SET", "mortal", "v", "EX", "1000")

    said = manage(cluster[0], "import", address(cluster[0]), "--cluster-from", address(source))

    assert "ERR" not in said, said
    assert source.call("DBSIZE") == 0
    client = redis.RedisCluster(host="127.0.0.1", port=cluster[0].port)
    assert 900 < client.ttl("mortal") <= 1000
    client.delete("mortal")
    client.close()
    assert_filled(cluster, 300)


def test_import_can_copy_and_replace(cluster, start):
    source = start("redis")
    source.call("SET", "key:0", "value:0")
    client = redis.RedisCluster(host="127.0.0.1", port=cluster[0].port, decode_responses=True)
    client.set("key:0", "old")

    manage(
        cluster[0], "import", address(cluster[0]), "--cluster-from", address(source), "--cluster-copy", "--cluster-replace"
    )

    assert source.call("GET", "key:0") == b"value:0"
    assert client.get("key:0") == "value:0"
    client.close()


def test_set_timeout_reaches_every_node_and_its_file(start, shards):
    nodes = []
    for kind in MAKES["mixed"] if IS_APUS else ["apus"] * 3:
        node = start(kind, cluster=True, shards=shards, start=False)
        file = node.folder / "redis.conf"
        file.write_text("cluster-node-timeout 2000\n")
        node.options.insert(0, str(file))
        place = node.options.index("--cluster-node-timeout")
        del node.options[place : place + 2]
        nodes.append(node.start())
    manage(nodes[0], "create", *map(address, nodes), "--cluster-yes")
    wait_for_cluster(nodes)

    said = manage(nodes[0], "set-timeout", address(nodes[0]), 3456)

    assert "3 OK, 0 ERR" in said
    for node in nodes:
        assert node.call("CONFIG", "GET", "cluster-node-timeout") == [b"cluster-node-timeout", b"3456"]
        assert "cluster-node-timeout 3456" in pathlib.Path(node.options[0]).read_text()


@pytest.mark.apus_only
def test_backup_takes_a_file_of_each_node(cluster, tmp_path):
    fill(cluster, 100)

    said = manage(cluster[0], "backup", address(cluster[0]), tmp_path)

    assert "[OK] Backup created into" in said
    assert len(list(tmp_path.glob("redis-node-*.rdb"))) == 3
    assert (tmp_path / "nodes.json").exists()
