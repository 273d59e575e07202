"""What replies about streams say, without what time and the shape of a tree decide."""

import re

#: Milliseconds since the last delivery, or since a consumer was seen; and the nodes of a tree of which each server has its own.
FLEETING = re.compile(rb"(seen-time|active-time|idle|inactive|radix-tree-nodes)\r\n:\d+\r\n")
#: The time of a delivery, in Unix milliseconds of these years.
TIME = re.compile(rb":1[5-9]\d{11}\r\n")
#: How long an entry is pending stands before how often it was delivered.
IDLE = re.compile(rb":\d+\r\n(?=:-?\d+\r\n)")


def as_told(words, reply):
    """A reply to `words`, without what cannot be the same on two servers."""
    name = words[0].upper()
    if name in ("XINFO", b"XINFO"):
        return TIME.sub(b":time\r\n", FLEETING.sub(rb"\1\r\n:fleeting\r\n", reply))
    if name in ("XPENDING", b"XPENDING"):
        return IDLE.sub(b":idle\r\n", reply)
    return reply


def same(words, ours, theirs):
    return as_told(words, ours) == as_told(words, theirs)
