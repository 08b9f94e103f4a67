"""A child that makes every call that may hang, again and again, for a daemon.

`worker.Worker` forks for each sample, which is right for a command.  A daemon
asks for years: its child is forked once, early, while the process is small, and
is never joined by a second while a call of its own hangs.  It waits in read(2)
between two questions and ends when its parent does.
"""

from __future__ import annotations

import os
import signal

from accelnet_probes.ethtool import REPLIES, EthtoolSocket, read_settings, read_statistics
from accelnet_probes.files import errno_name
from accelnet_probes.record import Record, replace
from accelnet_probes.rtnetlink import RouteSocket, decode_link
from accelnet_probes.worker import Board, keep_only, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from accelnet_probes.ethtool import Reply, Tables
    from accelnet_probes.rtnetlink import Link
    from accelnet_probes.worker import Emit


_MOST_LINKS = 64


class Answers(Record):
    """What the kernel answered; a part that is missing did not come in time."""

    ethtool: dict[str, dict[str, Reply]]
    addresses: tuple[tuple[int, str], ...] | str | None = None  # (ifindex, address), or an errno
    links: tuple[Link, ...] | str | None = None
    complete: bool = False  # all has come
    whole: bool = True  # addresses and settings are of this question too


class Asker:
    """The child, seen from the daemon."""

    def __init__(self, ask: Callable[[Any, Emit], None] | None = None) -> None:
        """Fork it; OSError where no memory, descriptor or process is left.

        `ask` makes the calls; by default those of `_KernelAsker`.
        """
        # A question is left in memory too, and a pipe tells of it: to write more than a pipe
        # holds would have to wait for the child.
        self._questions, self._board = Board(), Board()
        self._tables: dict[str, bytes] = {}
        self._settings = Answers(ethtool={})  # of the last whole question
        self._settled: dict[str, int | None] = {}  # what that was about
        self._asked: tuple[dict[str, int | None], bool] = ({}, True)
        self._links: dict[bytes, list[Link]] = {}
        self._read = True  # all that the child has answered
        self._ended = False
        self.busy = False
        question, self._question, self._done, done = _two_pipes()
        try:
            self.pid = os.fork()
        except OSError:
            for fd in (question, self._question, self._done, done):
                os.close(fd)
            raise
        if self.pid == 0:
            _serve(ask or _KernelAsker(), self._questions, self._board, (question, done))
        os.close(question)
        os.close(done)
        os.set_blocking(self._done, False)

    def fileno(self) -> int:
        """Readable when it has answered, or has ended."""
        return self._done

    def ask(self, interfaces: Mapping[str, int | None], *, whole: bool = True) -> None:
        """Ask about these (name to ifindex); only where it is not busy.

        Not `whole`: about links and statistics alone, where the rest is known of a moment ago.
        BrokenPipeError where it has ended.
        """
        whole = whole or self._settled != interfaces
        self._asked = (dict(interfaces), whole)
        self._board.clear()
        if not self._read:
            self._tables.clear()  # the child may have sent others, and has these no more
        for name in set(self._tables).difference(interfaces):
            del self._tables[name]
        self._questions.clear()
        self._questions.emit((dict(interfaces), list(self._tables), whole))
        try:
            os.write(self._question, b"?")
        except BrokenPipeError:
            self._ended = True
            raise
        self.busy, self._read = True, False

    def settle(self) -> bool:
        """Take note that it has answered; False where it has ended instead."""
        try:
            found = os.read(self._done, 16)
        except BlockingIOError:
            return True
        if found:
            self.busy = False
        else:
            self._ended = True
        return not self._ended

    def answers(self) -> Answers:
        """What has come of the last question, by now.

        A number that is another interface's answers for none: /sys may be of another network
        namespace than we are in (a container that was given the host's), and names change.
        """
        found: dict[str, dict[str, Reply]] = {}
        is_elsewhere = False
        self._read = not self.busy
        asked, whole = self._asked
        result = Answers(ethtool=found, complete=self._read, whole=whole)
        if not whole:
            found.update({name: dict(known) for name, known in self._settings.ethtool.items()})
            result = replace(result, addresses=self._settings.addresses)
        for interface, name, value in self._board.messages():
            if interface is not None:
                replies = found.setdefault(interface, {})
                for reply, content in zip(name, value, strict=True):
                    replies[reply] = self._reply(interface, reply, content)
            elif name == "addresses":
                result = replace(
                    result, addresses=value if isinstance(value, str) else tuple(value)
                )
            elif isinstance(value, str):
                result = replace(result, links=value)
            else:
                links = tuple([link for body in value for link in self._link(body)])
                names = {index: name for name, index in asked.items()}
                own = tuple([link for link in links if names.get(link.ifindex) == link.name])
                is_elsewhere, result = own != links, replace(result, links=own)
        if is_elsewhere and whole and result.addresses is not None:
            result = replace(result, addresses="ENODEV")
        if whole:
            self._settings, self._settled = result, asked if self._read else {}
        return result

    def _link(self, body: bytes) -> list[Link]:
        """Decoded once: without counters it is the same each time."""
        if body not in self._links:
            if len(self._links) >= _MOST_LINKS:
                self._links.clear()
            self._links[body] = decode_link(body, gone=False)
        return self._links[body]

    def _reply(self, interface: str, name: str, value: Reply | None) -> Reply:
        if name != "stats-strings":
            return value if value is not None else "EIO"
        if value is None:
            return self._tables.get(interface, "EIO")
        if isinstance(value, bytes):
            self._tables[interface] = value
        return value

    def close(self) -> None:
        """Let it end: it reads the end of our questions.  One that hangs ends when it can."""
        os.close(self._question)
        os.close(self._done)
        self._questions.close()
        self._board.close()

    def reap(self) -> None:
        """Take note of its end; one that hangs is left, and is init's after us."""
        reap(self.pid, ended=self._ended)


def _two_pipes() -> tuple[int, int, int, int]:
    first = os.pipe()
    try:
        return (*first, *os.pipe())
    except OSError:
        for fd in first:
            os.close(fd)
        raise


def _serve(
    ask: Callable[[Any, Emit], None], questions: Board, board: Board, pipes: tuple[int, int]
) -> None:
    """The child: answers until its parent is gone."""
    try:
        for number in (signal.SIGINT, signal.SIGHUP):  # of a terminal: our parent ends us
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        question, done = keep_only(*pipes)
        while os.read(question, 1):
            (asked,) = questions.messages()
            board.clear()
            ask(asked, board.emit)
            os.write(done, b".")
    finally:
        os._exit(0)


class _KernelAsker:
    """In the child: one socket and the tables of names, kept from one question to the next."""

    def __init__(self) -> None:
        self._ethtool: EthtoolSocket | None = None
        self._route: RouteSocket | None = None
        self._tables: Tables = {}

    def __call__(self, question: tuple[dict[str, int | None], list[str], bool], emit: Emit) -> None:
        """Emit (None, "links", …), (None, "addresses", …), (interface, its replies' names, these).

        A later message about an interface stands for an earlier one.
        """
        interfaces, known, whole = question
        for name in set(self._tables).difference(known):
            del self._tables[name]  # our parent has not got that table
        # A tree that was made up may say that an interface has a number that none can have.
        indexes = [index for index in interfaces.values() if index and 0 < index < 1 << 31]
        asked = (("links", _links), ("addresses", _addresses))
        for name, ask in asked if whole else asked[:1]:
            try:
                self._route = self._route or RouteSocket()
                emit((None, name, ask(self._route, indexes)))
            except OSError as error:
                self._route = None  # what is left in its buffer belongs to no later question
                emit((None, name, errno_name(error)))
        try:
            self._ethtool = self._ethtool or EthtoolSocket(self._tables)
        except OSError as error:
            for name in interfaces:
                emit(_refused(name, error))
            return
        for name, index in interfaces.items():
            kept = self._tables.get(name)
            replies = _Replies(name, kept[1] if kept is not None else None, emit)
            if whole:
                read_settings(self._ethtool, name, replies.take)
            read_statistics(self._ethtool, name, replies.take)
            try:
                self._ethtool.verify(name, index)
            except OSError as error:
                emit(_refused(name, error))


def _links(route: RouteSocket, indexes: list[int]) -> list[bytes]:
    found = [route.link(index) for index in indexes]
    return [body for body in found if body is not None]


def _addresses(route: RouteSocket, indexes: list[int]) -> list[tuple[int, str]]:
    return route.addresses(indexes)


def _refused(interface: str, error: OSError) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return interface, REPLIES, (errno_name(error),) * len(REPLIES)


class _Replies:
    """Gathers the replies about one interface: emitted in two parts, the slow one last."""

    def __init__(self, interface: str, table: bytes | None, emit: Emit) -> None:
        """`table`: the names that our parent has got already; for these it is sent None."""
        self._interface, self._table, self._emit = interface, table, emit
        self._names: list[str] = []
        self._values: list[Reply | None] = []

    def take(self, message: tuple[str, str, Reply]) -> None:
        """One reply."""
        _, name, value = message
        self._names.append(name)
        self._values.append(None if value is self._table else value)
        if name in ("permaddr", "stats"):
            self._emit((self._interface, self._names, self._values))
            self._names, self._values = [], []
