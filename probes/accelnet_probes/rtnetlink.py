"""RTM_GETADDR and RTM_GETLINK: addresses and links of this network namespace.

rtnetlink(7), <linux/if_addr.h>, <linux/if_link.h>.  Own code because a library's
import alone (psutil 25 ms, pyroute2 175 ms) costs more than the whole command, and
because a flood of link messages wants a decoder of some microseconds; the tests
hold it against psutil and against pyroute2.
"""

from __future__ import annotations

import errno
import struct

from accelnet_probes.files import failure
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import TypeVar

    T = TypeVar("T")

NLMSG_ERROR, NLMSG_DONE = 2, 3  # <linux/netlink.h>
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18  # <linux/rtnetlink.h>
RTM_NEWADDR, RTM_GETADDR = 20, 22
IFA_ADDRESS, IFA_LOCAL = 1, 2  # <linux/if_addr.h>
AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 10, 18  # <linux/if_link.h>
IFLA_EXT_MASK, IFLA_CARRIER_UP_COUNT, IFLA_CARRIER_DOWN_COUNT = 29, 47, 48
IFLA_PERM_ADDRESS, IFLA_INFO_KIND = 54, 1
RTEXT_FILTER_SKIP_STATS = 8  # <linux/rtnetlink.h>
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12  # <linux/socket.h>, <linux/netlink.h>
IFF_UP, IFF_LOWER_UP = 0x1, 0x10000  # <linux/if.h>
ATTEMPTS = 3
# Bytes: the kernel sends 32 KiB at most (netlink_dump); more would be mapped anew each time.
_DATAGRAM = 1 << 16


class Link(Record):
    """One RTM_NEWLINK or RTM_DELLINK: struct ifinfomsg and the attributes that matter here."""

    ifindex: int
    name: str  # IFLA_IFNAME
    flags: int  # IFF_*, as dev_get_flags() makes them
    mac: str | None = None  # IFLA_ADDRESS
    permanent_mac: str | None = None  # IFLA_PERM_ADDRESS (5.6 and later)
    master: int | None = None  # IFLA_MASTER: the upper device's ifindex
    is_virtual: bool = False  # IFLA_INFO_KIND: made by software (veth, bridge, VLAN)
    carrier_up: int | None = None  # IFLA_CARRIER_UP_COUNT (4.16 and later), of its whole life
    carrier_down: int | None = None  # IFLA_CARRIER_DOWN_COUNT
    gone: bool = False  # RTM_DELLINK

    @property
    def is_running(self) -> bool:
        """Up with a carrier: what hv_netvsc asks before it sends by a VF (netvsc_start_xmit)."""
        return self.flags & IFF_UP != 0 and self.flags & IFF_LOWER_UP != 0


def addresses() -> list[tuple[int, str]]:
    """(ifindex, "10.0.0.4/24") of every address; OSError, EAGAIN if it does not settle."""
    # struct ifaddrmsg of family AF_UNSPEC
    return _dump("RTM_GETADDR", RTM_GETADDR, bytes(8), RTM_NEWADDR, decode_address)


class RouteSocket:
    """Asks about single interfaces, again and again: a node of containers has a thousand others."""

    def __init__(self) -> None:
        import _socket  # see ethtool.EthtoolSocket

        self._socket = _socket.socket(
            _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _socket.NETLINK_ROUTE
        )
        try:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
            self._filters = True
        except OSError:  # before 4.20: the kernel lists the addresses of all interfaces
            self._filters = False
        self._sequence = 0

    def link(self, ifindex: int) -> bytes | None:
        """struct ifinfomsg and attributes of the link; None where there is none; OSError."""
        # Without counters, which would cost a call into each driver.
        mask = struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
        self._send(RTM_GETLINK, NLM_F_REQUEST, struct.pack("=4xi8x", ifindex) + mask)
        try:
            found = self._receive("RTM_GETLINK", RTM_NEWLINK, lambda body: [body], single=True)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return found[0] if found else None

    def addresses(self, indexes: Collection[int]) -> list[tuple[int, str]]:
        """(ifindex, "10.0.0.4/24") of every address of these; OSError, EAGAIN if it changes."""
        if not self._filters:
            return [found for found in addresses() if found[0] in indexes]
        result: list[tuple[int, str]] = []
        for index in indexes:
            self._send(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, struct.pack("=4xI", index))
            try:
                result += self._receive("RTM_GETADDR", RTM_NEWADDR, decode_address)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
        return result

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        header = struct.pack("=IHHII", 16 + len(body), kind, flags, self._sequence, 0)
        self._socket.send(header + body)

    def _receive(
        self, name: str, wanted: int, decode: Callable[[bytes], list[T]], *, single: bool = False
    ) -> list[T]:
        found: list[T] = []
        state = "more"
        while state == "more":
            datagram = self._socket.recv(_DATAGRAM)
            if struct.unpack_from("=I", datagram, 8)[0] == self._sequence:
                state = _decode(name, datagram, wanted, decode, found)
                if single:
                    break
        if state == "interrupted":
            raise failure(errno.EAGAIN, name)
        return found


def _dump(
    name: str, kind: int, body: bytes, wanted: int, decode: Callable[[bytes], list[T]]
) -> list[T]:
    """What the kernel lists: each message of kind `wanted`, decoded."""
    import _socket  # see ethtool.EthtoolSocket

    header = struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    for _ in range(ATTEMPTS):
        socket = _socket.socket(
            _socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _socket.NETLINK_ROUTE
        )
        try:
            socket.send(header + body)
            found: list[T] = []
            state = "more"
            while state == "more":
                state = _decode(name, socket.recv(_DATAGRAM), wanted, decode, found)
            if state == "done":
                return found
        finally:
            socket.close()
    raise failure(errno.EAGAIN, name)


def messages(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(kind, flags, body) of each message in a datagram (struct nlmsghdr)."""
    at = 0
    while at + 16 <= len(datagram):
        length, kind, flags = struct.unpack_from("=IHH", datagram, at)
        yield kind, flags, datagram[at + 16 : at + length]
        at += max((length + 3) & ~3, 16)


def _decode(
    name: str, datagram: bytes, wanted: int, decode: Callable[[bytes], list[T]], found: list[T]
) -> str:
    """Append what one datagram holds; "more", "done", or "interrupted" by a change."""
    for kind, flags, body in messages(datagram):
        if flags & NLM_F_DUMP_INTR:
            return "interrupted"
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            # Both begin with an errno (netlink_dump_done, struct nlmsgerr): a dump that was
            # refused, or broke off, ends with NLMSG_DONE like one that is whole.
            number = -struct.unpack_from("=i", body)[0] if len(body) > 3 else 0
            if number > 0 or kind == NLMSG_ERROR:
                raise failure(number if number > 0 else errno.EIO, name)
            return "done"
        if kind == wanted:
            found.extend(decode(body))
    return "more"


def _attributes(body: bytes, at: int) -> dict[int, bytes]:
    """The attributes from `at` on (struct rtattr), without the flag bits of their kinds."""
    found: dict[int, bytes] = {}
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        found[kind & 0x3FFF] = body[at + 4 : at + length]
        at += max((length + 3) & ~3, 4)
    return found


def decode_address(body: bytes) -> list[tuple[int, str]]:
    """struct ifaddrmsg and its attributes: one address, or none of another family."""
    import _socket

    if len(body) < 8:
        return []
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", body)
    attributes = _attributes(body, 8)
    raw = attributes.get(IFA_LOCAL, attributes.get(IFA_ADDRESS, b""))
    if family not in (AF_INET, AF_INET6) or len(raw) != (4 if family == AF_INET else 16):
        return []
    return [(index, f"{_socket.inet_ntop(family, raw)}/{prefix}")]


def decode_link(body: bytes, *, gone: bool) -> list[Link]:
    """struct ifinfomsg and its attributes: one link, or none of another family.

    A bridge tells of its ports by the same messages with family AF_BRIDGE
    (br_ifinfo_notify): their RTM_DELLINK does not mean that the link is gone.
    """
    if len(body) < 16:
        return []
    family, _, index, flags = struct.unpack_from("=BxHiI", body)
    if family != AF_UNSPEC:
        return []
    attributes = _attributes(body, 16)
    name = attributes.get(IFLA_IFNAME, b"").split(b"\0", 1)[0]
    # What is enslaved to a bridge or bond has IFLA_LINKINFO too, without a kind of its own.
    info = _attributes(attributes.get(IFLA_LINKINFO, b""), 0)
    return [
        Link(
            ifindex=index,
            name=name.decode("utf-8", "surrogateescape"),  # as os.listdir() gives it
            flags=flags,
            mac=_mac(attributes.get(IFLA_ADDRESS)),
            permanent_mac=_mac(attributes.get(IFLA_PERM_ADDRESS)),
            master=_u32(attributes.get(IFLA_MASTER)),
            is_virtual=IFLA_INFO_KIND in info,
            carrier_up=_u32(attributes.get(IFLA_CARRIER_UP_COUNT)),
            carrier_down=_u32(attributes.get(IFLA_CARRIER_DOWN_COUNT)),
            gone=gone,
        )
    ]


def _mac(raw: bytes | None) -> str | None:
    return raw.hex(":") if raw and any(raw) else None


def _u32(raw: bytes | None) -> int | None:
    found: int | None = struct.unpack("=I", raw)[0] if raw is not None and len(raw) == 4 else None
    return found
