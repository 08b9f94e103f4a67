"""SIOCETHTOOL: the structures of <linux/ethtool.h>, and the calls that fill them.

`decode_*` are pure and take what the kernel left in the buffer of one call,
byte for byte, as a bundle keeps it.  `EthtoolSocket` makes the calls.

The statistics triple (count, names, values) takes the rtnl lock three times,
so the count may change in between.  net/ethtool/ioctl.c before 7b07be1ff1cb
(December 2025, backported to 5.10 and later) writes as many entries as the
driver has whatever length was passed; fixed kernels succeed with a length of
zero.  Hence the exact count, verified in each answer, into a mapping that no
driver overruns, again from the start if it changed, and "not observed" if it
does not settle.
"""

from __future__ import annotations

import errno
import struct
from _collections_abc import Mapping  # of `os`; collections.abc would import collections

from accelnet_probes.files import errno_name, failure
from accelnet_probes.snapshot import Channels, DriverInfo, Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator
    from typing import Any, Literal, TypeAlias, TypeVar

    T = TypeVar("T")

    ByteOrder = Literal["<", ">"]
    Reply: TypeAlias = bytes | str  # what the kernel left in the buffer, or the errno's name
    # interface -> what it is and its count, with the table of names that went with them
    Tables: TypeAlias = dict[str, tuple[tuple[tuple[bytes, bytes], int], bytes]]

SIOCETHTOOL = 0x8946  # <linux/sockios.h>
SIOCGIFINDEX = 0x8933

ETHTOOL_GDRVINFO = 0x03  # <linux/ethtool.h>
ETHTOOL_GRINGPARAM = 0x10
ETHTOOL_GSTRINGS = 0x1B
ETHTOOL_GSTATS = 0x1D
ETHTOOL_GPERMADDR = 0x20
ETHTOOL_GSSET_INFO = 0x37
ETHTOOL_GCHANNELS = 0x3C
ETH_SS_STATS = 1
ETH_GSTRING_LEN = 32
MAX_ADDR_LEN = 32  # <linux/netdevice.h>

DRVINFO_SIZE = 196
NINE_WORDS = 36  # struct ethtool_channels, struct ethtool_ringparam
MAX_STATISTICS = 65_536  # a count was seen to go from 10 to 577 between two calls
ATTEMPTS = 3
MAX_TABLES = 32  # NICs of one driver mostly have the same names
MAX_REPLIES = 512
MAX_SAMPLES = 3  # those that a daemon's window may yet begin with
_WHITE_SPACE = bytes(range(9, 14)) + bytes(range(28, 33))  # what str.split() splits ASCII at

REPLIES = ("drvinfo", "stats-strings", "stats", "channels", "ring", "permaddr")


class DecodeError(ValueError):
    """A reply is not what the kernel can have left there."""


class Names:
    """The names of one table, in the driver's order, and where each stands."""

    __slots__ = ("count", "groups", "index")

    def __init__(self, names: list[str]) -> None:
        self.count = len(names)
        self.index: dict[str, int] = {}
        for at, name in enumerate(names):
            self.index.setdefault(name, at)  # of two with one name the first counts
        # Which of them belong together, once that was asked.
        self.groups: dict[object, tuple[str, ...]] = {}


class Decoded:
    """What has been decoded before, by its bytes: most replies are the same each time."""

    __slots__ = ("replies", "samples", "tables")

    def __init__(self) -> None:
        self.samples: list[tuple[object, dict[str, Any]]] = []
        self.tables: list[tuple[bytes, Names]] = []
        self.replies: dict[tuple[str, bytes], Any] = {}

    def names(self, table: bytes, order: ByteOrder) -> Names:
        """The names in a reply of "stats-strings"."""
        for known, names in self.tables:
            if known == table:
                return names
        found = Names(decode_strings(table, order))
        self.tables.insert(0, (table, found))
        del self.tables[MAX_TABLES:]
        return found

    def of_sample(self, sample: object) -> dict[str, Any]:
        """What is decoded of one sample, by interface: a daemon begins its next window with it."""
        for known, found in self.samples:
            if known is sample:
                return found
        new: dict[str, Any] = {}
        self.samples.insert(0, (sample, new))
        del self.samples[MAX_SAMPLES:]
        return new

    def reply(
        self, name: str, reply: bytes, decode: Callable[[bytes, ByteOrder], T], order: ByteOrder
    ) -> T:
        """Another reply, decoded."""
        if (name, reply) not in self.replies:
            if len(self.replies) >= MAX_REPLIES:
                self.replies.clear()
            self.replies[name, reply] = decode(reply, order)
        found: T = self.replies[name, reply]
        return found


class Statistics(Mapping[str, int]):
    """One interface's statistics.

    The names and the count have been verified; the values are unpacked when the first
    is asked for.  Of most interfaces none ever is, and thousands of entries cost as
    much as the call that read them.
    """

    __slots__ = ("_index", "_order", "_reply", "_unpacked", "groups")

    def __init__(self, names: Names, reply: bytes, order: ByteOrder) -> None:
        self._index, self.groups = names.index, names.groups
        self._reply = reply
        self._order: ByteOrder = order
        self._unpacked: tuple[int, ...] | None = None

    def _values(self) -> tuple[int, ...]:
        if self._unpacked is None:
            self._unpacked = decode_stats(self._reply, self._order)
        return self._unpacked

    def __getitem__(self, name: str) -> int:
        return self._values()[self._index[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return repr(dict(self))

    @property
    def is_zero(self) -> bool:
        """No counter has counted anything."""
        return not any(self._values())


def decode_drvinfo(reply: bytes, order: ByteOrder = "<") -> DriverInfo:
    """struct ethtool_drvinfo, 196 bytes."""
    if len(reply) < DRVINFO_SIZE:
        raise DecodeError(f"drvinfo: {len(reply)} bytes of {DRVINFO_SIZE}")
    driver, version, fw_version, bus_info = struct.unpack_from("32s32s32s32s", reply, 4)
    return DriverInfo(
        driver=_text(driver),
        version=_text(version),
        fw_version=_text(fw_version),
        bus_info=_text(bus_info),
        n_stats=struct.unpack_from(order + "I", reply, 180)[0],
    )


def decode_strings(reply: bytes, order: ByteOrder = "<") -> list[str]:
    """struct ethtool_gstrings: every name, in the driver's order."""
    count = _count("stats-strings", reply, 12, ETH_GSTRING_LEN, order)
    data = reply[12 : 12 + count * ETH_GSTRING_LEN]
    # One operation for all names.  It is right where all is ASCII without white space, no
    # name is empty, none fills its 32 bytes and nothing follows a NUL; else each is cut
    # out for itself.
    each_starts = 0 not in data[::ETH_GSTRING_LEN]
    each_ends = data[ETH_GSTRING_LEN - 1 :: ETH_GSTRING_LEN].count(0) == count
    plain = data.isascii() and len(data.translate(None, _WHITE_SPACE)) == len(data)
    if each_starts and each_ends and plain:
        names = data.replace(b"\0", b" ").decode("ascii").split()
        if len(names) == count:
            return names
    return [_text(data[at : at + ETH_GSTRING_LEN]) for at in range(0, len(data), ETH_GSTRING_LEN)]


def decode_stats(reply: bytes, order: ByteOrder = "<") -> tuple[int, ...]:
    """struct ethtool_stats: every value, in the driver's order."""
    count = _count("stats", reply, 8, 8, order)
    return struct.unpack_from(f"{order}{count}Q", reply, 8)


def decode_statistics(
    strings: bytes, stats: bytes, order: ByteOrder = "<", decoded: Decoded | None = None
) -> Statistics:
    """Values by name; of two with one name the first counts.

    DecodeError where the two replies are not of one count.
    """
    names = (decoded or Decoded()).names(strings, order)
    count = _count("stats", stats, 8, 8, order)
    if names.count != count:
        raise DecodeError(f"{names.count} names and {count} values")
    return Statistics(names, stats, order)


def decode_channels(reply: bytes, order: ByteOrder = "<") -> Channels:
    """struct ethtool_channels, 36 bytes."""
    words = _nine_words("channels", reply, order)
    return Channels(
        max_rx=words[1],
        max_tx=words[2],
        max_other=words[3],
        max_combined=words[4],
        rx=words[5],
        tx=words[6],
        other=words[7],
        combined=words[8],
    )


def decode_ring(reply: bytes, order: ByteOrder = "<") -> Ring:
    """struct ethtool_ringparam, 36 bytes; of hv_netvsc these are buffer sections."""
    words = _nine_words("ring", reply, order)
    return Ring(
        rx_max=words[1],
        rx_mini_max=words[2],
        rx_jumbo_max=words[3],
        tx_max=words[4],
        rx=words[5],
        rx_mini=words[6],
        rx_jumbo=words[7],
        tx=words[8],
    )


def decode_permaddr(reply: bytes, order: ByteOrder = "<") -> str | None:
    """struct ethtool_perm_addr: the address in lower case with colons; None if all zero."""
    size = _count("permaddr", reply, 8, 1, order)
    address = reply[8 : 8 + size]
    return address.hex(":") if any(address) else None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _count(what: str, reply: bytes, header: int, width: int, order: ByteOrder) -> int:
    """The count that stands last in the header, if that many entries follow it."""
    if len(reply) < header:
        raise DecodeError(f"{what}: {len(reply)} bytes, and the header alone has {header}")
    count: int = struct.unpack_from(order + "I", reply, header - 4)[0]
    if len(reply) < header + count * width:
        raise DecodeError(f"{what}: {len(reply)} bytes for {count} entries of {width}")
    return count


def _nine_words(what: str, reply: bytes, order: ByteOrder) -> tuple[int, ...]:
    if len(reply) < NINE_WORDS:
        raise DecodeError(f"{what}: {len(reply)} bytes of {NINE_WORDS}")
    return struct.unpack_from(order + "9I", reply)


class EthtoolSocket:
    """Makes the calls; each raises the kernel's OSError or returns its answer.

    Every call is on the list that needs no capability (net/ethtool/ioctl.c,
    dev_ethtool).  Any of them can hang for ever where the rtnl lock is stuck:
    use it in a process that may be left behind.
    """

    _tables: Tables | None = None

    def __init__(self, tables: Tables | None = None) -> None:
        """`tables` keeps each interface's names, nine tenths of what a triple costs.

        They stand while driver, ifindex and the verified count do.
        """
        # Imported here, in the process that asks: _socket is `socket` without
        # its selectors and enums, a third of what this command may cost.
        import _socket
        import fcntl
        import mmap
        from _ctypes import _SimpleCData, addressof

        # ctypes.c_char without the rest of ctypes; at run time it takes no type argument.
        class Char(_SimpleCData):  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument]
            _type_ = "c"

        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        self._fd = self._socket.fileno()
        self._ioctl = fcntl.ioctl
        self._interface, self._ifreq = "", b""  # of the interface asked last
        self._tables = tables
        # Untouched pages cost nothing.
        self._buffer: mmap.mmap = mmap.mmap(
            -1, 4096 + MAX_STATISTICS * ETH_GSTRING_LEN, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self._address = addressof(Char.from_buffer(self._buffer))

    def ask(self, interface: str, request: bytes) -> None:
        """Put `request` in the buffer and let the kernel overwrite it."""
        self._buffer[: len(request)] = request
        if interface != self._interface:
            # struct ifreq: name, pointer, and the rest of its union
            name = struct.pack("=16s", interface.encode("utf-8", "surrogateescape"))
            self._interface, self._ifreq = interface, name + _pointer(self._address)
        self._ioctl(self._fd, SIOCETHTOOL, self._ifreq)

    def answer(self, size: int) -> bytes:
        """The first `size` bytes that the kernel left."""
        return self._buffer[:size]

    def fixed(self, interface: str, command: int, size: int) -> bytes:
        """A call whose structure has a fixed size."""
        self.ask(interface, struct.pack("=I", command) + bytes(size - 4))
        return self.answer(size)

    def permaddr(self, interface: str) -> bytes:
        """ETHTOOL_GPERMADDR."""
        self.ask(interface, struct.pack("=II", ETHTOOL_GPERMADDR, MAX_ADDR_LEN))
        return self.answer(8 + min(struct.unpack("=I", self.answer(8)[4:])[0], MAX_ADDR_LEN))

    def identity(self, interface: str) -> tuple[bytes, bytes]:
        """What must not change during a triple: ifindex, and driver with bus address."""
        index = self._index(interface)
        info = self.fixed(interface, ETHTOOL_GDRVINFO, DRVINFO_SIZE)
        return index, info[4:36] + info[100:132]

    def verify(self, interface: str, index: int | None) -> None:
        """OSError, ENODEV where the name is another interface's by now than the one of `index`."""
        if index is not None and struct.unpack("=i", self._index(interface))[0] != index:
            raise failure(errno.ENODEV, interface)

    def _index(self, interface: str) -> bytes:
        """SIOCGIFINDEX."""
        name = interface.encode("utf-8", "surrogateescape")
        found: bytes = self._ioctl(self._fd, SIOCGIFINDEX, struct.pack("=16s24x", name))
        return found[16:20]

    def count(self, interface: str) -> int:
        """ETHTOOL_GSSET_INFO for ETH_SS_STATS; 0 where the driver has no statistics."""
        self.ask(interface, struct.pack("=IIQI", ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_STATS, 0))
        _, _, mask, count = struct.unpack("=IIQI", self.answer(20))
        return count if mask else 0

    def statistics(self, interface: str) -> tuple[bytes, bytes]:
        """The two replies of one consistent triple.

        OSError: EOPNOTSUPP without statistics, EAGAIN where it does not settle,
        EOVERFLOW for more entries than any driver has.
        """
        for _ in range(ATTEMPTS):
            before = self.identity(interface)
            count = self.count(interface)
            if count == 0:
                raise failure(errno.EOPNOTSUPP, interface)
            if count > MAX_STATISTICS:
                raise failure(errno.EOVERFLOW, interface)
            kept = self._tables.get(interface) if self._tables is not None else None
            strings = (
                kept[1]
                if kept is not None and kept[0] == (before, count)
                else self._entries(
                    interface,
                    struct.pack("=III", ETHTOOL_GSTRINGS, ETH_SS_STATS, count),
                    count,
                    ETH_GSTRING_LEN,
                )
            )
            stats = strings and self._entries(
                interface, struct.pack("=II", ETHTOOL_GSTATS, count), count, 8
            )
            if strings and stats and self.identity(interface) == before:
                if self._tables is not None:
                    self._tables[interface] = ((before, count), strings)
                return strings, stats
        raise failure(errno.EAGAIN, interface)

    def _entries(self, interface: str, request: bytes, count: int, width: int) -> bytes | None:
        self.ask(interface, request)
        header = len(request)
        returned = struct.unpack("=I", self.answer(header)[-4:])[0]
        return self.answer(header + count * width) if returned == count else None


def _pointer(address: int) -> bytes:
    return struct.pack("@P", address).ljust(24, b"\0")


def read_interface(
    socket: EthtoolSocket, interface: str, emit: Callable[[tuple[str, str, Reply]], None]
) -> None:
    """Emit (interface, reply's name, reply) as each comes; the slowest call is the last."""
    read_settings(socket, interface, emit)
    read_statistics(socket, interface, emit)


def read_settings(
    socket: EthtoolSocket, interface: str, emit: Callable[[tuple[str, str, Reply]], None]
) -> None:
    """All but the statistics: what an operator or a driver sets."""
    for name, command, size in (
        ("drvinfo", ETHTOOL_GDRVINFO, DRVINFO_SIZE),
        ("channels", ETHTOOL_GCHANNELS, NINE_WORDS),
        ("ring", ETHTOOL_GRINGPARAM, NINE_WORDS),
    ):
        try:
            emit((interface, name, socket.fixed(interface, command, size)))
        except OSError as error:
            emit((interface, name, errno_name(error)))
    try:
        emit((interface, "permaddr", socket.permaddr(interface)))
    except OSError as error:
        emit((interface, "permaddr", errno_name(error)))


def read_statistics(
    socket: EthtoolSocket, interface: str, emit: Callable[[tuple[str, str, Reply]], None]
) -> None:
    """The names of the statistics, and their values."""
    try:
        strings, stats = socket.statistics(interface)
        emit((interface, "stats-strings", strings))
        emit((interface, "stats", stats))
    except OSError as error:
        emit((interface, "stats-strings", errno_name(error)))
        emit((interface, "stats", errno_name(error)))
