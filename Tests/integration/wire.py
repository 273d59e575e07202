"""RESP as it is on the wire: sending any bytes, and reading replies with nothing of their type lost."""

import socket
import time


class Status(str):
    """A simple string."""


class Error(str):
    """An error reply; it is compared, not raised."""


class Verbatim(str):
    """A verbatim string, with its format before the colon."""


class Push(list):
    """An out-of-band message."""


class Set(list):
    """A set, in the order in which it came."""


class Map(list):
    """A map, as pairs in the order in which they came."""


class BigNumber(str):
    """An integer of any size."""


NULL = {b"$-1": "null bulk", b"*-1": "null array", b"_": "null"}


class Null:
    """No value; the three spellings differ."""

    def __init__(self, spelling):
        self.spelling = spelling

    def __eq__(self, other):
        return isinstance(other, Null) and other.spelling == self.spelling

    def __repr__(self):
        return f"<{self.spelling}>"


class Closed(Exception):
    """The server has closed the connection; what it had still sent is kept."""


class Wire:
    """A connection without a client library in between."""

    def __init__(self, address, timeout=10):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if family == socket.AF_INET and ":" in address[0]:
            family = socket.AF_INET6
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def finish(self):
        """Says that nothing more will be sent; replies can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def call(self, *arguments):
        """Sends one command, reads one reply."""
        self.send(command(*arguments))
        return self.read()

    def pipeline(self, commands):
        """Sends all at once; gives the replies."""
        self.send(b"".join(command(*words) for words in commands))
        return [self.read() for _ in commands]

    def read(self):
        """One reply, whatever it is made of."""
        line = self._line()
        if line in NULL:
            return Null(NULL[line])
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return Status(rest.decode("utf-8", "surrogateescape"))
            case b"-":
                return Error(rest.decode("utf-8", "surrogateescape"))
            case b":":
                return int(rest)
            case b"$":
                return self._exactly(int(rest) + 2)[:-2]
            case b"=":
                return Verbatim(self._exactly(int(rest) + 2)[:-2].decode())
            case b"*":
                return [self.read() for _ in range(int(rest))]
            case b"~":
                return Set(self.read() for _ in range(int(rest)))
            case b">":
                return Push(self.read() for _ in range(int(rest)))
            case b"%":
                return Map((self.read(), self.read()) for _ in range(int(rest)))
            case b"|":
                attributes = Map((self.read(), self.read()) for _ in range(int(rest)))
                return ("attributes", attributes, self.read())
            case b"#":
                return {b"t": True, b"f": False}[rest]
            case b",":
                return float(rest)
            case b"(":
                return BigNumber(rest.decode())
        raise AssertionError(f"no reply begins like this: {line!r}")

    def until_closed(self):
        """All bytes up to the end of the connection."""
        while self._receive():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def until(self, marker):
        """All bytes up to `marker` and without it, or up to the end of the connection."""
        while marker not in self.buffer and self._receive():
            pass
        data, _, self.buffer = self.buffer.partition(marker)
        return data

    def is_closed(self, within=2.0):
        """Whether the server closes the connection in that time, saying nothing more."""
        self.socket.settimeout(within)
        try:
            return not self._receive()
        except TimeoutError:
            return False

    def is_quiet(self, seconds=0.2):
        """Whether nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            self._receive()
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)

    def _receive(self):
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        return bool(data)

    def _line(self):
        while b"\r\n" not in self.buffer:
            if not self._receive():
                raise Closed(self.buffer)
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _exactly(self, count):
        while len(self.buffer) < count:
            if not self._receive():
                raise Closed(self.buffer)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


def command(*arguments):
    """A command as clients send it."""
    data = [a if isinstance(a, bytes) else str(a).encode() for a in arguments]
    return b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in data)


def wait_for(condition, seconds=10, every=0.02, what="the condition"):
    """Waits until `condition()` gives something true, and gives that; fails with what it gave last."""
    limit = time.monotonic() + seconds
    while True:
        last = condition()
        if last:
            return last
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not come true within {seconds} s; last seen: {last!r}")
        time.sleep(every)
