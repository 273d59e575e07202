"""The same random commands to two servers: their replies must be the same, byte for byte.

A run is made from a seed, which a failure prints, with the shortest sequence of commands that was found to show it.
DIFFERENTIAL_SEED=… replays a run, DIFFERENTIAL_ROUNDS=… makes it longer.
"""

import os
import random
import time

from wire import command

#: Kept in the environment for the processes that pytest-xdist starts: all must collect the same tests.
SEED = int(os.environ.setdefault("DIFFERENTIAL_SEED", str(random.SystemRandom().randrange(1 << 32))))
ROUNDS = int(os.environ.get("DIFFERENTIAL_ROUNDS", 40))
BATCH = 100

#: Numbers at which parsers and limits break, as clients would write them.
INTEGERS = [
    "0", "1", "-1", "2", "-2", "7", "8", "9", "31", "63", "64", "100", "-100", "1048575", "1048576", "8388607", "8388608",
    "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "", "abc", "1.5", "+1", "01", "-0", " 1", "1 ", "1e3", "0x10", "١",
]
#: Seconds or milliseconds that keys are given more than once.
USUAL_LIFETIMES = {"1000", "1000000", *(word for word in INTEGERS if word.isascii() and word.isdigit())}
FLOATS = INTEGERS + [
    "0.1", "-0.1", "3.14159265358979323846", "1e17", "1e-17", "1.7e308", "1e4000", "1e5000", "-1e4932", "inf", "-inf",
    "nan", ".5", "5.", "1e", "0x1p3", "1e-400", "123456789.123456789", "1_0",
]
VALUES = ["", "a", "foobar", "ohmytext", "mynewtext", "x" * 44, "y" * 45, "z" * 200, "\x00\x01\xff", "\xff" * 9] + INTEGERS


class Stream:
    """A connection whose replies are read as the bytes that they are."""

    def __init__(self, node, version):
        self.wire = node.wire(timeout=60)
        self.file = self.wire.socket.makefile("rb")
        if version == 3:
            self.exchange([["HELLO", "3"]])

    def exchange(self, commands):
        self.wire.send(b"".join(command(*words) for words in commands))
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), f"the connection broke off after {line!r}"
        kind, count = line[:1], line[1:-2]
        if kind in b"$=":
            return line + self.file.read(max(0, int(count) + 2)) if count != b"-1" else line
        if kind in b"*~>%":
            elements = int(count) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(elements))
        return line

    def close(self):
        self.file.close()
        self.wire.close()


class Generator:
    """Makes commands of a family: mostly right ones, and some that are bent."""

    def __init__(self, seed, makers, keys, avoid=None):
        self.random = random.Random(seed)
        self.makers = makers
        self.keys = keys
        self.avoid = avoid

    def key(self):
        return self.random.choice(self.keys)

    def one_of(self, *choices):
        return self.random.choice(choices)

    def some(self, *choices):
        """Some of the choices, in any order; a choice may be a word, or words that go together."""
        chosen = self.random.sample(choices, min(len(choices), self.random.choice([0, 0, 1, 1, 1, 2, 3])))
        return [word for choice in chosen for word in ([choice] if isinstance(choice, str) else choice)]

    def integer(self):
        return self.random.choice(INTEGERS) if self.random.random() < 0.5 else str(self.random.randint(-20, 200))

    def small(self, low=-12, high=12):
        return str(self.random.randint(low, high)) if self.random.random() < 0.8 else self.integer()

    def value(self):
        return self.random.choice(VALUES) if self.random.random() < 0.8 else str(self.random.randint(-99999, 99999))

    def float(self):
        return self.random.choice(FLOATS) if self.random.random() < 0.6 else repr(self.random.uniform(-1000, 1000))

    def command(self):
        """One command whose effect does not hang on how fast the test runs."""
        while True:
            words = self.bent_command()
            if not hangs_on_speed(words) and not (self.avoid and self.avoid(words)):
                return [as_bytes(word) for word in words]

    def bent_command(self):
        words = [str(word) for word in self.random.choice(self.makers)(self)]
        bend = self.random.random()
        if bend < 0.03 and len(words) > 1:
            del words[self.random.randrange(1, len(words))]
        elif bend < 0.06:
            words.insert(self.random.randrange(1, len(words) + 1), self.one_of("x", "0", "NX", "GET", self.value()))
        elif bend < 0.10 and len(words) > 1:
            words[self.random.randrange(1, len(words))] = self.random.choice(VALUES)
        if self.random.random() < 0.1:
            words[0] = words[0].lower()
        return words


def as_bytes(word):
    """The characters as bytes where each is one, so that any bytes can be written in this file."""
    return word if word.isascii() else word.encode("latin-1" if max(word) < "\u0100" else "utf-8")


#: Commands that may wait, for as long as their first or last argument says.
WAITING = ("BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP")


def waits_long(word):
    """Whether a time-out in seconds is for ever, or longer than a test has time for."""
    try:
        return float(word) == 0 or float(word) > 0.01
    except ValueError:
        return False


def hangs_on_speed(words):
    """Whether the milliseconds between the two servers may decide the reply, or a later one.

    A short life may, or may not, end during the test; and GT and LT compare with a life that may be equally long.
    """
    words = [word.upper() for word in words]
    if words[0] in WAITING and any(waits_long(word) for word in (*words[1:2], words[-1])):
        return True
    lifetimes = [word for option, word in zip(words, words[1:]) if option in ("EX", "PX")]
    if words[0] in ("SETEX", "PSETEX", "EXPIRE", "PEXPIRE", "RESTORE"):
        lifetimes += words[2:3]
    if words[0] in ("EXPIRE", "PEXPIRE") and {"GT", "LT"} & set(words) and words[2] in USUAL_LIFETIMES:
        return True
    return any(word.isascii() and word.isdigit() and 0 < int(word) < 600_000 and word != "1000" for word in lifetimes)


class Contest:
    """Two servers that are sent the same, each over one connection, and must answer the same."""

    def __init__(self, nodes, version, same=None):
        self.streams = [Stream(node, version) for node in nodes]
        self.same = same

    def mismatch(self, commands):
        """The place of the first command that is answered differently, with both replies; None where none is."""
        ours, theirs = (stream.exchange(commands) for stream in self.streams)
        for place, (words, our, their) in enumerate(zip(commands, ours, theirs)):
            if our != their and not (self.same and self.same(words, our, their)):
                return place, our, their
        return None

    def replay(self, commands):
        """The same, beginning with empty databases."""
        for stream in self.streams:
            stream.exchange([["FLUSHALL"], ["SELECT", "0"]])
        return self.mismatch(commands)

    def close(self):
        for stream in self.streams:
            stream.close()


def compare(server, peer, makers, keys, *, seed=SEED, version=2, same=None, avoid=None, epilogue=()):
    """Sends ROUNDS batches of random commands to both, which are empty; `same(words, ours, theirs)` forgives what may differ.

    `avoid(words)` says of a command that it must not be sent, as chance would decide what it leaves behind.

    `epilogue(key)` gives the commands that compare, at the end, what has become of each key.
    """
    generator = Generator(seed, makers, keys, avoid)
    contest = Contest((server, peer), version, same)
    history = []

    def exchange(commands):
        found = contest.mismatch(commands)
        if found:
            place, our, their = found
            history.extend(commands[:place + 1])
            raise AssertionError(
                f"{commands[place]!r} with seed {seed}, RESP{version}:\nours   {our[:400]!r}\ntheirs {their[:400]!r}\n"
                + reproducer(contest, history)
            )
        history.extend(commands)

    try:
        for _ in range(ROUNDS):
            exchange([generator.command() for _ in range(BATCH)])
        exchange([words for key in keys for words in epilogue(key)] if epilogue else [["PING"]])
    finally:
        contest.close()


def reproducer(contest, history):
    """The shortest way that was found from empty servers to replies that differ, as redis-cli would be told it."""
    name = history[-1][0].upper()

    def fails(commands):
        found = contest.replay(commands)
        return found and commands[found[0]][0].upper() == name

    if not fails(history):
        return f"which the same {len(history)} commands, sent again, do not show"
    commands = shortened(history, fails)
    place, our, their = contest.replay(commands)
    lines = [" ".join(map(quoted, words)) for words in commands]
    return "\n".join(["to reproduce:", *lines, f"ours   {our[:400]!r}", f"theirs {their[:400]!r}"])


def shortened(commands, fails):
    """As few of the commands, with as few and as short words, as still fail; ever smaller parts are tried without."""

    def without(items, rebuild):
        size = max(1, len(items) // 2)
        while size and time.monotonic() < deadline:
            start = 0
            while start < len(items):
                fewer = items[:start] + items[start + size:]
                if fails(rebuild(fewer)):
                    items = fewer
                else:
                    start += size
            size //= 2
        return items

    deadline = time.monotonic() + 60
    commands = without(commands, lambda fewer: fewer)
    for place in range(len(commands)):
        before, after = commands[:place], commands[place + 1:]
        name, *words = commands[place]
        words = without(words, lambda fewer: [*before, [name, *fewer], *after])
        for index, word in enumerate(words):
            shorter = [*words[:index], word[:1], *words[index + 1:]]
            if len(word) > 1 and fails([*before, [name, *shorter], *after]):
                words = shorter
        commands = [*before, [name, *words], *after]
    return commands


def quoted(word):
    """A word as redis-cli takes it."""
    data = word if isinstance(word, bytes) else word.encode()
    if data and all(33 <= byte < 127 and byte not in b"\"'\\" for byte in data):
        return data.decode()
    shown = (f"\\x{byte:02x}" if byte < 32 or byte > 126 else "\\" * (byte in b'"\\') + chr(byte) for byte in data)
    return f'"{"".join(shown)}"'


def replies(pair, calls, version=2):
    """Each of the calls with the bytes that the two servers answered."""
    streams = [Stream(node, version) for node in pair]
    try:
        return list(zip(calls, *(stream.exchange(calls) for stream in streams)))
    finally:
        for stream in streams:
            stream.close()


def assert_same_replies(pair, calls, version=2, same=None):
    """Sends the calls, in words or lines, to both; `same(words, ours, theirs)` forgives what may differ."""
    calls = [call.split() if isinstance(call, str) else call for call in calls]
    wrong = [
        (words, our, their) for words, our, their in replies(pair, calls, version)
        if our != their and not (same and same(words, our, their))
    ]
    assert not wrong, "\n".join(str(reply)[:1000] for reply in wrong)


class Pair:
    """Two servers that get the same commands and must answer the same."""

    def __init__(self, server, peer):
        for node in (server, peer):
            node.call("FLUSHALL")
        self.wires = server.wire(), peer.wire()

    def hello(self, version):
        for wire in self.wires:
            wire.call("HELLO", version)

    def __call__(self, *arguments, ordered=True):
        """Sends one command to both; gives the reply, which must be the same, but for the order where there is none."""
        ours, theirs = (wire.call(*arguments) for wire in self.wires)
        if not ordered and isinstance(ours, list) and isinstance(theirs, list):
            ours, theirs = type(ours)(sorted(ours, key=repr)), type(theirs)(sorted(theirs, key=repr))
        assert (type(ours), ours) == (type(theirs), theirs), f"{arguments!r}: ours {ours!r}, theirs {theirs!r}"
        return ours

    def close(self):
        for wire in self.wires:
            wire.close()


def elements(reply):
    """The elements of a flat aggregate reply as bytes, or None where it is none."""
    if reply[:1] not in (b"*", b"~", b"%", b">"):
        return None
    found, rest = [], reply[reply.index(b"\r\n") + 2:]
    while rest:
        end = rest.index(b"\r\n") + 2
        if rest[:1] == b"$" and rest[1:2] != b"-":
            end += int(rest[1:end - 2]) + 2
        found.append(rest[:end])
        rest = rest[end:]
    return found


def same_elements(ours, theirs):
    """Whether two aggregate replies of the same kind have the same elements, in whatever order."""
    heads = ours.partition(b"\r\n")[0] == theirs.partition(b"\r\n")[0]
    return heads and elements(ours) is not None and sorted(elements(ours)) == sorted(elements(theirs))


def same_scan(words, ours, theirs):
    """Two steps of a scan, both of a whole collection: only the order may differ."""
    if words[2] != "0":
        return True  # a cursor from nowhere names any bucket; and some that Redis takes are none for Valkey
    heads = [reply[:reply.index(b"*", 1)] if b"*" in reply[1:] else reply for reply in (ours, theirs)]
    if b"*2\r\n$1\r\n0\r\n" not in heads:
        return True  # at least one goes on: what was seen so far hangs on its buckets
    return heads[0] != heads[1] or same_elements(ours[len(heads[0]):], theirs[len(heads[1]):])


def number(reply):
    """The number of an integer reply, or None."""
    return int(reply[1:]) if reply[:1] == b":" else None


def same_encoding(words, ours, theirs):
    """Where a long string ends to be embedded hangs in Valkey on the key too."""
    is_asked = [word.upper() for word in words[:2]] == ["OBJECT", "ENCODING"]
    return is_asked and {ours, theirs} == {b"$6\r\nembstr\r\n", b"$3\r\nraw\r\n"}
