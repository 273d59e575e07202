"""Where memory is short, keys go as `maxmemory-policy` says, or commands are refused as by Valkey 9.1; and large clients go."""

import time

import pytest

from differential import Pair
from wire import Error, command, wait_for

VOLATILE_POLICIES = [
    "volatile-lru", "volatile-lfu", pytest.param("volatile-lrm", marks=pytest.mark.apus_only), "volatile-random", "volatile-ttl",
]
POLICIES = ["allkeys-lru", "allkeys-lfu", pytest.param("allkeys-lrm", marks=pytest.mark.apus_only), "allkeys-random", *VOLATILE_POLICIES]


#: Hash tags in an even and an odd slot, which two shards share out, and how many keys get each.
TAGS = {"{a}": 36_000, "{b}": 9_000}


@pytest.fixture(scope="module")
def lasting_node(lasting, shards):
    return lasting("apus", "--enable-debug-command", "yes", shards=shards)


@pytest.fixture(scope="module")
def lasting_valkey(lasting):
    return lasting("valkey", "--enable-debug-command", "yes")


def fresh(node):
    for name, value in {"maxmemory": 0, "maxmemory-policy": "noeviction", "maxmemory-clients": 0, "maxmemory-eviction-tenacity": 10}.items():
        node.call("CONFIG", "SET", name, value)
    node.call("FLUSHALL", "SYNC")
    node.call("CONFIG", "RESETSTAT")
    return node


@pytest.fixture
def node(lasting_node):
    return fresh(lasting_node)


@pytest.fixture
def valkey(lasting_valkey):
    return fresh(lasting_valkey)


@pytest.fixture
def both(node, valkey):
    pair = Pair(node, valkey)
    yield pair
    pair.close()


def info(node, field):
    return node.client().info()[field]


def limit(node, more, policy):
    """Lets the node use so many bytes more than it does."""
    maximum = info(node, "used_memory") + more
    node.call("CONFIG", "SET", "maxmemory", maximum, "maxmemory-policy", policy)
    return maximum


def pipeline(node, commands):
    """The replies to many commands."""
    with node.wire(timeout=60) as wire:
        return wire.pipeline(commands)


def is_out_of_memory(reply):
    return isinstance(reply, Error) and str(reply).startswith("OOM")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_limit_is_kept_by_giving_keys_up(node, policy):
    maximum = limit(node, 2 << 20, policy)

    replies = pipeline(node, [["SETEX", f"key:{number}", "100000", "x" * 100] for number in range(40_000)])

    assert set(replies) == {"OK"}
    assert info(node, "used_memory") <= maximum + 4096
    assert 5_000 < node.call("DBSIZE") < 20_000
    assert info(node, "evicted_keys") == 40_000 - node.call("DBSIZE")


@pytest.mark.parametrize("policy", VOLATILE_POLICIES)
def test_keys_without_expiry_stay_where_only_others_may_go(node, policy):
    limit(node, 2 << 20, policy)
    pipeline(node, [["SET", f"kept:{number}", "x" * 100] for number in range(4000)])

    replies = pipeline(node, [["SETEX", f"key:{number}", "100000", "x" * 100] for number in range(30_000)])

    assert set(replies) == {"OK"}
    assert all(pipeline(node, [["EXISTS", f"kept:{number}"] for number in range(4000)]))
    # Once none of them is left, a write is refused.
    replies = pipeline(node, [["SET", f"more:{number}", "x" * 100] for number in range(30_000)])
    assert is_out_of_memory(replies[-1])
    assert node.client().info("keyspace")["db0"]["expires"] == 0


@pytest.mark.apus_only
def test_with_lrm_reads_save_no_key_and_changes_do(node):
    for tag in TAGS:
        pipeline(node, [["SET", f"{tag}{kind}:{number}", "x" * 100] for number in range(2000) for kind in ("read", "changed")])
    last = [f"{tag}read:1999" for tag in TAGS]
    wait_for(lambda: min(node.call("OBJECT", "IDLETIME", key) for key in last) >= 2, what="the keys have been idle")
    node.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lrm", "maxmemory-samples", 20)
    for tag in TAGS:
        pipeline(node, [["GET", f"{tag}read:{number}"] for number in range(2000)])
        pipeline(node, [["APPEND", f"{tag}changed:{number}", ""] for number in range(2000)])
        pipeline(node, [["SETRANGE", f"{tag}changed:{number}", "0", "y"] for number in range(2000)])

    node.call("CONFIG", "SET", "maxmemory", info(node, "used_memory") - 300_000)
    wait_for(lambda: info(node, "evicted_keys") > 1500, what="keys are given up")

    for tag in TAGS:
        left = {kind: sum(pipeline(node, [["EXISTS", f"{tag}{kind}:{number}"] for number in range(2000)])) for kind in ("read", "changed")}
        assert left["read"] < 1700 and left["changed"] > 1950, left
    node.call("CONFIG", "SET", "maxmemory-samples", 5)


@pytest.mark.apus_only
def test_with_lrm_the_idle_time_is_that_since_the_last_change(node):
    """By the documentation of Redis 8.6; what of a stream's groups changes is a change, too."""
    assert str(node.call("CONFIG", "SET", "maxmemory-policy", "lrm")).count("lrm") >= 2
    assert node.call("CONFIG", "SET", "maxmemory-policy", "volatile-lrm") == "OK"
    assert node.call("CONFIG", "GET", "maxmemory-policy") == [b"maxmemory-policy", b"volatile-lrm"]
    for make, reads, changes in (
        ("SET k 12", ("GET k", "TOUCH k", "STRLEN k", "SET k 1 NX"), ("INCR k", "APPEND k x", "SETRANGE k 0 y", "SET k 7", "EXPIRE k 1000", "PERSIST k")),
        ("RPUSH k a b", ("LRANGE k 0 -1", "LINSERT k BEFORE none x"), ("LPUSH k c", "LSET k 0 d", "LPOP k")),
        ("SADD k a b", ("SMEMBERS k", "SADD k a"), ("SADD k c", "SREM k c")),
        ("HSET k f v", ("HGETALL k",), ("HSET k f w", "HEXPIRE k 100 FIELDS 1 f", "HINCRBY k n 1")),
        ("ZADD k 1 a 2 b", ("ZRANGE k 0 -1", "ZADD k 1 a"), ("ZADD k 3 a", "ZINCRBY k 1 b", "ZPOPMIN k")),
        ("XADD k 1-1 f v", ("XRANGE k - +", "XLEN k"), ("XADD k * f v", "XGROUP CREATE k g 0", "XREADGROUP GROUP g c STREAMS k >", "XCLAIM k g d 0 1-1", "XACK k g 1-1", "XDEL k 1-1")),
    ):
        node.call("DEL", "k")
        node.call(*make.split())
        payload = node.call("DUMP", "k")
        for line in reads + changes:
            # A change goes on from where the one before it has come.
            payload = node.call("DUMP", "k") if line in changes else payload
            assert node.call("RESTORE", "k", 0, payload, "REPLACE", "IDLETIME", 1000) == "OK"
            if line == "PERSIST k":
                node.call("PEXPIRE", "k", 100_000)
                assert node.call("OBJECT", "IDLETIME", "k") < 10, "EXPIRE is a change"
            node.call(*line.split())
            idle = node.call("OBJECT", "IDLETIME", "k")
            assert idle < 10 if line in changes else idle >= 1000, line
    assert str(node.call("OBJECT", "FREQ", "k")).startswith("ERR An LFU maxmemory policy is not selected")


def test_without_eviction_writes_are_refused_and_reads_are_not(node):
    maximum = limit(node, 1 << 20, "noeviction")

    replies = pipeline(node, [["SET", f"key:{number}", "x" * 100] for number in range(20_000)])

    assert replies[0] == "OK" and is_out_of_memory(replies[-1])
    assert node.call("GET", "key:1") == b"x" * 100
    assert info(node, "used_memory") < maximum + 4096
    assert info(node, "evicted_keys") == 0
    assert info(node, "current_eviction_exceeded_time") <= info(node, "total_eviction_exceeded_time")
    assert node.call("DEL", *(f"key:{number}" for number in range(1000))) == 1000
    assert node.call("SET", "key:1", "x") == "OK"
    wait_for(lambda: info(node, "current_eviction_exceeded_time") == 0, what="memory is enough again")


def test_commands_are_refused_as_by_valkey(both):
    both("SET", "text", "x")
    both("RPUSH", "list", "1", "2")
    both("CONFIG", "SET", "maxmemory", "1")
    for line in (
        "SET a 1", "GET text", "DEL none", "RPUSH list 3", "LPOP list", "LPUSH", "INCR n", "EXPIRE text 100", "SADD s 1", "SREM s 1",
        "ZADD z 1 a", "COPY text other", "RENAME text other", "PFADD h 1", "SORT list", "SORT_RO list", "APPEND text x", "GETSET text y",
        "GETDEL text", "SETRANGE text 5 x", "LMPOP 1 list LEFT", "BLPOP list 0.01", "HSET h f v", "HDEL h f", "HGET h f", "XADD s * f v", "XLEN s", "XGROUP CREATE s g $ MKSTREAM", "FLUSHDB", "PING", "ECHO x", "SUBSTR text 0 1",
    ):
        both(*line.split())
    for lines in (
        ["MULTI", "GET text", "SET a 1", "EXEC"], ["MULTI", "PING", "GET text", "EXEC"], ["MULTI", "DISCARD"],
        ["MULTI", "SET a 1", "DISCARD", "EXEC"], ["WATCH text", "MULTI", "GET text", "EXEC"],
    ):
        for line in lines:
            both(*line.split())
    both("CONFIG", "SET", "maxmemory", "0")
    both("SET", "a", "1")


def test_a_transaction_is_refused_as_a_whole(node, valkey):
    for server in (node, valkey):
        with server.wire() as wire:
            wire.call("MULTI")
            wire.call("SET", "x", "1")
            server.call("CONFIG", "SET", "maxmemory", "1")

            assert str(wire.call("EXEC")) == (
                "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."
            )
            assert str(wire.call("EXEC")) == "ERR EXEC without MULTI"
            assert server.call("EXISTS", "x") == 0
        errors = server.client().info("errorstats")
        assert errors["errorstat_EXECABORT"] == {"count": 1}


def test_a_lower_limit_is_reached_without_a_command(node):
    pipeline(node, [["SET", f"key:{number}", "x" * 100] for number in range(40_000)])
    before = info(node, "used_memory")
    node.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random")

    node.call("CONFIG", "SET", "maxmemory", before - (3 << 20))

    wait_for(lambda: info(node, "used_memory") <= before - (3 << 20), what="enough keys are gone")
    assert info(node, "evicted_keys") > 1000
    assert node.call("DBSIZE") > 5000
    assert "is smaller than the current memory usage" in node.log()


def test_all_shards_give_up_their_part(node, shards):
    """The same tag is the same slot, and so the same shard: two tags, one shard each."""
    for tag, count in TAGS.items():
        pipeline(node, [["SET", f"{tag}{number}", "x" * 100] for number in range(count)])
    before = info(node, "used_memory")

    node.call("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", before - (3 << 20))
    wait_for(lambda: info(node, "used_memory") <= before - (3 << 20), what="enough keys are gone")

    for tag, count in TAGS.items():
        left = sum(pipeline(node, [["EXISTS", f"{tag}{number}"] for number in range(count)]))
        assert count * 0.3 < left < count * 0.9, f"of {count} keys of {tag} {left} are left"


@pytest.mark.apus_only
def test_a_shard_without_keys_to_give_up_has_the_others_do_it(node, shards):
    if shards == 1:
        pytest.skip("there are no others")
    volatile, other = TAGS
    limit(node, 4 << 20, "volatile-lru")
    pipeline(node, [["SETEX", f"{volatile}{number}", "100000", "x" * 100] for number in range(10_000)])

    replies = pipeline(node, [["SET", f"{other}{number}", "x" * 100] for number in range(28_000)])

    assert replies.count("OK") > 15_000
    assert info(node, "evicted_keys") > 5_000


def test_a_watched_key_that_is_given_up_voids_the_transaction(node):
    node.call("SET", "watched", "x" * 1000)
    with node.wire() as wire:
        wire.call("WATCH", "watched")
        node.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "1")
        wait_for(lambda: node.call("DBSIZE") == 0, what="all keys are gone")
        node.call("CONFIG", "SET", "maxmemory", "0")
        wire.call("MULTI")
        wire.call("SET", "x", "1")

        assert wire.call("EXEC") is None or wire.call("EXISTS", "x") == 0


# MARK: Clients


class Crowd:
    """Clients that have sent a part of a command, and wait."""

    def __init__(self, node):
        self.node = node
        self.control = node.client()
        self.control.client_setname("control")
        self.control.client_no_evict("ON")
        self.wires = []

    def add(self, name, size):
        wire = self.node.wire()
        wire.call("CLIENT", "SETNAME", name)
        wire.send(b"*2\r\n$%d\r\n" % size + b"v" * size)
        self.wires.append(wire)
        wait_for(lambda: any(client["name"] == name and int(client["qbuf"]) >= size for client in self.control.client_list()), what="all is sent")
        return wire

    def names(self):
        return sorted(client["name"] for client in self.control.client_list() if client["name"] != "control")

    def memory(self, name="control"):
        return next(int(client["tot-mem"]) for client in self.control.client_list() if client["name"] == name)

    def close(self):
        # Else whoever comes next goes at once.
        self.control.config_set("maxmemory-clients", 0)
        for wire in self.wires:
            wire.close()
        self.control.close()


@pytest.fixture
def crowd(node):
    crowd = Crowd(node)
    yield crowd
    crowd.close()


def test_the_largest_clients_go_first(crowd):
    sizes = {"small": 128 << 10, "medium": 1 << 20, "large": 3 << 20}
    for name, size in sizes.items():
        for _ in range(3):
            crowd.add(name, size)
    left = dict.fromkeys(sizes, 3)
    total = sum(3 * crowd.memory(name) for name in sizes)

    for name in reversed(sizes):
        total -= 3 * crowd.memory(name)
        crowd.control.config_set("maxmemory-clients", max(total + crowd.memory(), 128 << 10))
        del left[name]
        wait_for(lambda: crowd.names() == sorted(kind for kind in left for _ in range(3)), what=f"{name} clients are gone")
    assert crowd.control.info()["evicted_clients"] == 9


def test_only_as_many_clients_go_as_must(crowd):
    for number in range(10):
        crowd.add("client", 1 << 20)
    each = crowd.memory("client")

    crowd.control.config_set("maxmemory-clients", 5 * each + each // 2)

    wait_for(lambda: len(crowd.names()) == 5, what="half of them are gone")


def test_a_client_that_may_not_go_stays(crowd):
    crowd.control.config_set("maxmemory-clients", 1 << 20)
    with crowd.node.wire() as wire:
        wire.call("CLIENT", "NO-EVICT", "ON")
        wire.call("CLIENT", "SETNAME", "protected")
        wire.send(b"*2\r\n$2000000\r\n" + b"v" * 2_000_000)
        wait_for(lambda: crowd.memory("protected") > 2_000_000, what="all is sent")
        time.sleep(0.3)

        assert "protected" in crowd.names()


@pytest.mark.parametrize("words", [["GET", "k"], ["SET", "x", "v" * 200_000]], ids=["owed", "queued"])
def test_what_is_still_owed_and_what_is_queued_counts(crowd, words):
    if crowd.node.kind == "valkey" and words[0] == "GET":
        pytest.skip("Valkey lends long strings to its clients, and does not count them")
    crowd.control.setrange("k", 200_000, "v")
    crowd.control.config_set("maxmemory-clients", 3 << 20)
    with crowd.node.wire() as wire:
        wire.call("CLIENT", "SETNAME", "victim")
        if words[0] == "SET":
            wire.call("MULTI")

        def is_gone():
            if "victim" not in crowd.names():
                return True
            try:
                wire.send(command(*words))
            except (BrokenPipeError, ConnectionResetError):
                pass
            return False

        wait_for(is_gone, what="the client is gone")
    assert crowd.control.info()["evicted_clients"] == 1


def test_a_share_of_the_memory_can_be_the_limit(crowd):
    crowd.control.config_set("maxmemory", 100 << 20)
    crowd.control.config_set("maxmemory-clients", "2%")
    crowd.add("below", 200_000)

    with crowd.node.wire() as wire:
        wire.call("CLIENT", "SETNAME", "above")
        try:
            wire.send(b"*2\r\n$3000000\r\n" + b"v" * 3_000_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        wait_for(lambda: crowd.names() == ["below"], what="the client is gone")
