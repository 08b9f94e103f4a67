"""link_events: what the kernel tells of links, through floods and losses, in an own namespace."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import os
import resource
import socket
import struct
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.link_events import SO_RCVBUFFORCE, SOL_SOCKET, LinkEvents
from namespaces import Namespace, a_pair, as_nobody, live

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import TypeVar

    from accelnet_probes.rtnetlink import Link

    T = TypeVar("T")

SECONDS = 30.0  # in which what is waited for has come, on a machine that is busy
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1  # <linux/sockios.h>, <linux/if.h>
SMALL = 4096  # bytes of a buffer that overflows


class Heard:
    """Listens, and remembers what it was told."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.losses: list[str | None] = []
        self.errors: list[OSError] = []
        self.events = LinkEvents(self.links.append, self.losses.append, self.errors.append)

    async def until(self, condition: Callable[[], object], what: str = "it was not told") -> None:
        """Let the loop run until that is so."""
        until = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < until, (what, self.links[-5:], self.losses, self.errors)
            await asyncio.sleep(0.002)

    async def until_up(self, name: str, *, up: bool) -> None:
        """Until it was told that it is up, or down."""
        await self.until(lambda: self.is_up(name) is up)

    async def until_losses(self, count: int) -> None:
        """Until so many were told, the end of each included."""
        await self.until(lambda: len(self.losses) >= count)

    async def listening(self) -> Heard:
        """From here on nothing is missed."""
        self.events.start()
        await self.until_losses(1)
        return self

    def shrink(self) -> None:
        """Leave the socket that it has now next to no buffer."""
        assert self.events._socket is not None
        self.events._socket.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, SMALL)

    def last(self, name: str) -> Link | None:
        """What was told of it last."""
        return next((link for link in reversed(self.links) if link.name == name), None)

    def is_up(self, name: str) -> bool | None:
        """Whether it was told so last; None where nothing was told."""
        link = self.last(name)
        return link.flags & IFF_UP != 0 if link is not None else None

    def runs(self, name: str) -> bool:
        """It was told to be up with a carrier."""
        link = self.last(name)
        return link is not None and link.is_running

    def master(self, name: str) -> int | None:
        """What was told last to be above it."""
        link = self.last(name)
        return link.master if link is not None else None


class Hasty(asyncio.SelectorEventLoop):
    """Its seconds are a twentieth of one: pauses pass sooner, as long as something wakes it."""

    def time(self) -> float:
        """Twenty seconds for one."""
        return super().time() * 20


def _in(namespace: Namespace, scenario: Callable[[], Awaitable[T]]) -> T:
    """Run it on a loop in there."""
    return namespace.inside(lambda: _on_a_loop(scenario))


def _on_a_loop(scenario: Callable[[], Awaitable[T]]) -> T:
    loop = Hasty()

    async def run() -> T:
        found = await scenario()
        await asyncio.sleep(0.2)  # what was closed comes to its end
        return found

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()
        gc.collect()  # a descriptor that nobody closed would warn now


def _set_up(name: str, *, up: bool) -> None:
    """SIOCSIFFLAGS, as `ip link set` does it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("16s24x", name.encode())
        (flags,) = struct.unpack_from("=H", fcntl.ioctl(asking, SIOCGIFFLAGS, request), 16)
        wanted = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), wanted))


def _toggle(times: int) -> None:
    """Up and down, so often; it ends up."""
    for number in range(times):
        _set_up("v0", up=(times - number) % 2 == 1)


def _fds() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """A pair of veths, of which v1 is up."""
    with a_pair("events") as found:
        found.ip("link", "set", "v1", "up")
        yield found


# --- what is told --------------------------------------------------------------------------------


@live
def test_up_and_down_are_told(namespace: Namespace) -> None:
    """With the carrier that comes and goes with it."""

    async def scenario() -> None:
        heard = await Heard().listening()
        for up in (True, False, True):
            _set_up("v0", up=up)
            await heard.until_up("v0", up=up)
            if up:
                await heard.until(lambda: heard.runs("v0"))
        link = heard.last("v0")
        assert link is not None
        assert (link.ifindex, link.gone) == (socket.if_nametoindex("v0"), False)
        assert link.carrier_up is not None
        heard.events.close()

    _in(namespace, scenario)


@live
def test_a_new_name_is_told(namespace: Namespace) -> None:
    """Of the same number."""

    async def scenario() -> None:
        _set_up("v0", up=False)
        heard = await Heard().listening()
        index = socket.if_nametoindex("v0")
        for old, new in (("v0", "w0"), ("w0", "v0")):
            namespace.ip("link", "set", old, "name", new)
            await heard.until_up(new, up=False)
            told = heard.last(new)  # its peer's carrier may be told of later
            assert told is not None
            assert told.ifindex == index
        heard.events.close()

    _in(namespace, scenario)


@live
def test_a_link_that_comes_and_goes_is_told(namespace: Namespace) -> None:
    """By RTM_NEWLINK and RTM_DELLINK."""

    async def scenario() -> None:
        heard = await Heard().listening()
        namespace.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
        await heard.until(lambda: heard.last("x0"))
        index = socket.if_nametoindex("x0")
        assert not any(link.gone for link in heard.links)
        namespace.ip("link", "delete", "x0")
        await heard.until(lambda: [link for link in heard.links if link.gone and link.name == "x0"])
        assert {link.ifindex for link in heard.links if link.name == "x0"} == {index}
        assert {link.name for link in heard.links if link.gone} == {"x0", "x1"}
        heard.events.close()

    _in(namespace, scenario)


@live
def test_a_port_that_leaves_its_bridge_is_not_gone(namespace: Namespace) -> None:
    """The bridge says RTM_DELLINK of it, in a family of its own."""
    try:
        namespace.ip("link", "add", "br0", "type", "bridge")
    except AssertionError as error:
        pytest.skip(f"this kernel has no bridge: {error}")

    async def scenario() -> None:
        heard = await Heard().listening()
        bridge = socket.if_nametoindex("br0")
        namespace.ip("link", "set", "v1", "master", "br0")
        await heard.until(lambda: heard.master("v1") == bridge)
        namespace.ip("link", "set", "v1", "nomaster")
        await heard.until(lambda: heard.master("v1") is None)
        namespace.ip("link", "delete", "br0")
        await heard.until(lambda: any(link.gone for link in heard.links))
        assert {link.name for link in heard.links if link.gone} == {"br0"}
        heard.events.close()

    _in(namespace, scenario)


@live
def test_what_waits_can_be_taken_at_once(namespace: Namespace) -> None:
    """While the loop is kept from running; in its order, and once."""

    async def scenario() -> None:
        _set_up("v0", up=False)
        heard = await Heard().listening()
        heard.events.drain()
        heard.links.clear()
        _set_up("v0", up=True)
        assert heard.links == []
        heard.events.drain()
        told = len(heard.links)
        assert heard.is_up("v0")
        heard.events.drain()
        await asyncio.sleep(0)
        assert len(heard.links) == told
        heard.events.close()

    _in(namespace, scenario)


@live
def test_a_flood_that_fits_is_told_whole(namespace: Namespace) -> None:
    """3,000 times, while the loop is busy with something else."""

    async def scenario() -> None:
        _set_up("v0", up=False)
        heard = await Heard().listening()
        heard.links.clear()
        for _ in range(10):
            _toggle(300)
            heard.events.drain()
        assert heard.losses == [None]
        flags = [link.flags & IFF_UP for link in heard.links if link.name == "v0"]
        ups = sum(new > old for old, new in zip([0, *flags], flags, strict=False))
        assert ups == 1500
        assert heard.is_up("v0")
        heard.events.close()

    _in(namespace, scenario)


# --- losses --------------------------------------------------------------------------------------


@live
@pytest.mark.parametrize("drains", [False, True], ids=["found-by-the-loop", "found-by-draining"])
def test_a_loss_is_told_and_it_listens_again(namespace: Namespace, drains: bool) -> None:
    """pyroute2's own socket would raise ENOBUFS for ever."""

    async def scenario() -> None:
        heard = await Heard().listening()
        heard.shrink()
        _toggle(3000)
        if drains:
            heard.events.drain()
            assert heard.losses == [None, "ENOBUFS"]
        await heard.until_losses(3)
        heard.links.clear()
        _set_up("v0", up=False)
        await heard.until_up("v0", up=False)
        assert heard.losses == [None, "ENOBUFS", None]
        assert heard.errors == []
        heard.events.close()

    _in(namespace, scenario)


@live
def test_losses_leave_no_descriptor(namespace: Namespace) -> None:
    """Twenty in a row, found in both ways; nothing is left to be closed by chance."""

    async def scenario() -> None:
        before = _fds()
        heard = await Heard().listening()
        held = len(_fds())
        for number in range(20):
            told = len(heard.losses)
            heard.shrink()
            _toggle(60)
            if number % 2:
                heard.events.drain()
            await heard.until_losses(told + 2)
            assert heard.losses[told:] == ["ENOBUFS", None]
            assert len(_fds()) <= held + 1  # the one that is being closed
        await heard.until(lambda: len(_fds()) == held)
        heard.events.close()
        await heard.until(lambda: _fds() == before)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _in(namespace, scenario)
    assert [str(warning.message) for warning in caught] == []


@live
def test_a_loss_while_nothing_is_read_is_one_loss(namespace: Namespace) -> None:
    """Whoever drains and the loop both come upon it."""

    async def scenario() -> None:
        heard = await Heard().listening()
        heard.shrink()
        _toggle(300)
        for _ in range(3):
            heard.events.drain()
        assert heard.losses == [None, "ENOBUFS"]
        await heard.until(lambda: heard.losses[-1] is None)
        assert heard.losses == [None, "ENOBUFS", None]
        heard.events.close()

    _in(namespace, scenario)


@live
def test_where_no_socket_can_be_had_it_is_told_and_tried_again(namespace: Namespace) -> None:
    """No descriptor was left for a while."""

    async def scenario() -> None:
        heard = Heard()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        for more in (0, 1):  # pyroute2 takes two for a moment
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, limits[1]))
            try:
                heard.errors.clear()
                heard.events.start()
                await heard.until(lambda: heard.errors, "it has a socket")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert [error.errno for error in heard.errors] == [errno.EMFILE]
            heard.events.drain()  # there is nothing to drain
            await heard.until(lambda: heard.losses == [None], "it does not listen again")
            heard.events.close()
            heard.losses.clear()

    _in(namespace, scenario)


# --- its beginning and its end -------------------------------------------------------------------


@live
@pytest.mark.parametrize("steps", range(6))
def test_it_may_be_closed_at_any_moment(namespace: Namespace, steps: int) -> None:
    """While it opens its socket, too; nothing is left open, and nothing is told afterwards."""

    async def scenario() -> None:
        before = _fds()
        heard = Heard()
        heard.events.start()
        for _ in range(steps):
            await asyncio.sleep(0)
        heard.events.close()
        told = len(heard.losses)
        await heard.until(lambda: _fds() == before, "a descriptor is left")
        _set_up("v0", up=True)
        _set_up("v0", up=False)
        heard.events.drain()
        await asyncio.sleep(0.2)
        assert (heard.links, heard.errors, len(heard.losses)) == ([], [], told)

    _in(namespace, scenario)


@live
def test_it_may_be_closed_twice(namespace: Namespace) -> None:
    """Or without ever having begun."""

    async def scenario() -> None:
        Heard().events.close()
        heard = await Heard().listening()
        heard.events.close()
        heard.events.close()
        assert heard.losses == [None]

    _in(namespace, scenario)


@live
def test_it_may_be_closed_while_it_waits_for_a_socket(namespace: Namespace) -> None:
    """After a loss, before the next one is opened."""

    async def scenario() -> None:
        before = _fds()
        heard = await Heard().listening()
        heard.shrink()
        _toggle(300)
        heard.events.drain()
        heard.events.close()
        await heard.until(lambda: _fds() == before, "a descriptor is left")
        await asyncio.sleep(1)
        assert heard.losses == [None, "ENOBUFS"]

    _in(namespace, scenario)


@live
def test_an_unprivileged_user_is_told_the_same(namespace: Namespace) -> None:
    """No capability is needed; the buffer is as large as net.core.rmem_max lets it."""
    _in_root = ThreadPoolExecutor(1)
    _in_root.submit(int).result()  # its thread is started by root, and remains root's

    async def scenario() -> None:
        with pytest.raises(PermissionError), socket.socket() as asking:
            asking.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        heard = await Heard().listening()
        loop = asyncio.get_running_loop()
        for state, up in (("down", False), ("up", True)):
            await loop.run_in_executor(_in_root, namespace.ip, "link", "set", "v0", state)
            await heard.until_up("v0", up=up)
        assert heard.errors == []
        heard.events.close()

    with _in_root:
        namespace.ip("link", "set", "v0", "up")
        namespace.inside(lambda: as_nobody(lambda: _on_a_loop(scenario)))


# --- any datagram --------------------------------------------------------------------------------


@given(
    st.binary(max_size=300)
    | st.sampled_from([2, 16, 17]).flatmap(
        lambda kind: st.binary(max_size=100).map(
            lambda body: struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
        )
    )
)
def test_any_datagram_is_taken(data: bytes) -> None:
    """No exception; an error that belongs to no socket is none."""
    heard = Heard()
    heard.events._datagram(data)
    assert (heard.losses, heard.errors) == ([], [])
