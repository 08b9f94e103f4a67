"""RTM_GETADDR: the addresses of every interface (rtnetlink(7), <linux/if_addr.h>).

Own code because a library's import alone (psutil 25 ms, pyroute2 175 ms) costs
more than the whole command; the tests hold it against psutil.
"""

from __future__ import annotations

import errno
import struct

from accelnet_probes.files import failure

NLMSG_ERROR, NLMSG_DONE = 2, 3  # <linux/netlink.h>
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
RTM_NEWADDR, RTM_GETADDR = 20, 22  # <linux/rtnetlink.h>
IFA_ADDRESS, IFA_LOCAL = 1, 2  # <linux/if_addr.h>
AF_INET, AF_INET6 = 2, 10
ATTEMPTS = 3


def addresses() -> list[tuple[int, str]]:
    """(ifindex, "10.0.0.4/24") of every address; OSError, EAGAIN if it does not settle."""
    import _socket  # see ethtool.EthtoolSocket

    for _ in range(ATTEMPTS):
        socket = _socket.socket(
            _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _socket.NETLINK_ROUTE
        )
        try:
            # struct nlmsghdr, struct ifaddrmsg of family AF_UNSPEC
            socket.send(struct.pack("=IHHII8x", 24, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0))
            found: list[tuple[int, str]] = []
            state = "more"
            while state == "more":
                state = _decode(socket.recv(1 << 18), found)
            if state == "done":
                return found
        finally:
            socket.close()
    raise failure(errno.EAGAIN, "RTM_GETADDR")


def _decode(message: bytes, found: list[tuple[int, str]]) -> str:
    """Append what one datagram holds; "more", "done", or "interrupted" by a change."""
    at = 0
    while at + 16 <= len(message):
        length, kind, flags = struct.unpack_from("=IHH", message, at)
        if flags & NLM_F_DUMP_INTR:
            return "interrupted"
        if kind == NLMSG_DONE:
            return "done"
        if kind == NLMSG_ERROR:
            raise failure(-struct.unpack_from("=i", message, at + 16)[0], "RTM_GETADDR")
        if kind == RTM_NEWADDR:
            found.extend(decode_address(message[at + 16 : at + length]))
        at += max((length + 3) & ~3, 16)
    return "more"


def decode_address(body: bytes) -> list[tuple[int, str]]:
    """struct ifaddrmsg and its attributes: one address, or none of another family."""
    import _socket

    if len(body) < 8:
        return []
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", body)
    attributes: dict[int, bytes] = {}
    at = 8
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        attributes[kind] = body[at + 4 : at + length]
        at += max((length + 3) & ~3, 4)
    raw = attributes.get(IFA_LOCAL, attributes.get(IFA_ADDRESS, b""))
    if family not in (AF_INET, AF_INET6) or len(raw) != (4 if family == AF_INET else 16):
        return []
    return [(index, f"{_socket.inet_ntop(family, raw)}/{prefix}")]
