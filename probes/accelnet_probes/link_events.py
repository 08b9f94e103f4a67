"""RTM_NEWLINK and RTM_DELLINK as they happen, through pyroute2.

pyroute2 makes, binds and reads the socket (its asyncio API); each datagram is
decoded by `rtnetlink`, a twentieth of what pyroute2's own parser costs, so that a
flood is read faster than the kernel makes it.  After one ENOBUFS a pyroute2
socket raises it for ever: it is dropped, a new one is opened, and whoever listens
is told that messages were lost.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import importlib.util
import struct
import sys
from types import ModuleType

from accelnet_probes.rtnetlink import NLMSG_ERROR, RTM_DELLINK, RTM_NEWLINK, decode_link, messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from accelnet_probes.rtnetlink import Link

RECEIVE_BUFFER = (
    8 << 20
)  # bytes; the kernel takes at most net.core.rmem_max of an unprivileged user
SOL_SOCKET, SO_RCVBUFFORCE = 1, 33  # <asm-generic/socket.h>
NETLINK_ROUTE, RTMGRP_LINK = 0, 1  # <linux/netlink.h>, <linux/rtnetlink.h>
MSG_DONTWAIT = 0x40  # <linux/socket.h>
MOST_AT_ONCE = 20_000  # messages: more than any buffer holds, so a flood ends it and no loop
_DATAGRAM = 1 << 16  # bytes
REOPEN = 5.0  # seconds between two tries where no socket can be had
STORM = 0.2  # seconds between two sockets where one after the other overflows


def _only(name: str) -> Any:
    """A module of pyroute2 without the rest of it.

    `import pyroute2` imports all there is: a database with sqlite3, nftables, DHCP, unittest;
    9 MiB and some 150 ms more than its netlink sockets need.  So the package's own file is
    not run for them; whoever imports pyroute2 later gets it whole.
    """
    spec = importlib.util.find_spec("pyroute2")
    if "pyroute2" in sys.modules or spec is None or not spec.submodule_search_locations:
        return importlib.import_module(name)
    package = sys.modules["pyroute2"] = ModuleType("pyroute2")
    package.__path__ = list(spec.submodule_search_locations)
    try:
        return importlib.import_module(name)
    except ImportError:  # of a release that is made otherwise
        return None
    finally:
        del sys.modules["pyroute2"]


_NLSOCKET = "pyroute2.netlink.nlsocket"
if TYPE_CHECKING:

    class _Base:
        """What of AsyncNetlinkSocket, which has no types, is used here."""

        local: Any

        def __init__(self, *, family: int, groups: int, rcvbuf: int) -> None: ...
        async def bind(self, *, groups: int) -> None: ...
        def setsockopt(self, level: int, name: int, value: int) -> None: ...
        def recv(self, size: int, flags: int) -> bytes: ...
        def close(self) -> None: ...

else:
    _Base = (_only(_NLSOCKET) or importlib.import_module(_NLSOCKET)).AsyncNetlinkSocket


class _Socket(_Base):
    """Hands over each datagram where pyroute2 would queue it for its parser."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__(family=NETLINK_ROUTE, groups=RTMGRP_LINK, rcvbuf=RECEIVE_BUFFER)
        self._take = take

    def enqueue(self, data: bytes, addr: object) -> None:  # noqa: ARG002  as pyroute2 calls it
        self._take(data)


class LinkEvents:
    """Calls `on_link` for each link message.

    `on_loss` is told that some were lost, with the errno's name, and None once a socket
    listens: what happened before has to be found by looking.  `on_error` is told why no
    socket could be had; it is tried again.
    """

    def __init__(
        self,
        on_link: Callable[[Link], None],
        on_loss: Callable[[str | None], None],
        on_error: Callable[[OSError], None],
    ) -> None:
        self._on_link, self._on_loss, self._on_error = on_link, on_loss, on_error
        self._socket: _Socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened = 0.0

    def start(self) -> None:
        """Open the socket, again and again where that fails."""
        self._task = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._opened < STORM:
            await asyncio.sleep(STORM)
        while True:
            self._opened = loop.time()
            socket: _Socket | None = None
            try:
                socket = _Socket(self._datagram)
                await socket.bind(groups=RTMGRP_LINK)
                self._socket = socket
                self._force_buffer(socket)
            except (OSError, KeyError) as error:  # KeyError: pyroute2 found no free address
                _close(socket)
                self._socket = None
                self._on_error(error if isinstance(error, OSError) else OSError(str(error)))
                await asyncio.sleep(REOPEN)
            except asyncio.CancelledError:
                _close(socket)
                raise
            else:
                self._on_loss(None)
                return

    @staticmethod
    def _force_buffer(socket: _Socket) -> None:
        try:
            socket.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            pass  # needs CAP_NET_ADMIN

    def drain(self) -> None:
        """Take at once what the event loop has not come to yet: then what is known is of now."""
        for _ in range(MOST_AT_ONCE):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_DATAGRAM, MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error.errno or errno.EIO)
                return
            self._datagram(data)

    def _datagram(self, data: bytes) -> None:
        for kind, _, body in messages(data):
            if kind in (RTM_NEWLINK, RTM_DELLINK):
                for link in decode_link(body, gone=kind == RTM_DELLINK):
                    self._on_link(link)
            elif kind == NLMSG_ERROR and len(body) >= 4:
                self._failed(abs(struct.unpack_from("=i", body)[0]))

    def _failed(self, number: int) -> None:
        """The socket is of no more use."""
        socket, self._socket = self._socket, None
        if socket is None:
            return  # it is being closed
        _close(socket)
        self._on_loss(errno.errorcode.get(number, str(number)))
        self.start()

    def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
        socket, self._socket = self._socket, None
        _close(socket)


def _close(socket: _Socket | None) -> None:
    if socket is None:
        return
    socket.close()
    first = getattr(socket.local, "prime", None)
    if first is not None:
        first.close()  # where it could not be duplicated pyroute2 forgets it
