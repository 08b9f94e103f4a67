"""A forked process for what may hang in the kernel or on the network.

A thread stuck in an ioctl keeps its whole process from ending; a child is left
behind.  It holds none of our descriptors, so whoever reads our output is not
kept waiting by it.  What it finds it leaves in memory that both share: a pipe
would cost as much again as the calls themselves (docs/performance.md).
"""

from __future__ import annotations

import marshal
import mmap
import os
import select
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    Emit = Callable[[Any], None]

# Bytes, for a hundred NICs of 4,000 statistics each; untouched pages cost nothing.
_SHARED = 16 << 20
# Before each message: its length (0 where none follows), and that of the bytes that are the
# message's last part, if they are: these are copied as they are.  Each header begins at a multiple
# of its size, so that a length is written in one piece.
_HEADER = struct.Struct("=II")
_LENGTH = struct.Struct("=I")


class Board:
    """Memory that two processes share: one emits messages, the other reads those that are whole."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _SHARED)
        self._at = 0

    def clear(self) -> None:
        """Begin anew; the length of the first message says that there is none."""
        self._at = 0
        _HEADER.pack_into(self._shared, 0, 0, 0)

    def emit(self, message: Any) -> None:
        """Add a message, and after it the mark that no other follows; MemoryError when full."""
        last: object = message[-1] if message.__class__ is tuple and message else None
        raw = last if isinstance(last, bytes) else b""
        data = marshal.dumps(message[:-1] if raw else message)
        start = self._at + _HEADER.size
        middle = start + len(data)
        end = _aligned(middle + len(raw))
        if end + _HEADER.size > _SHARED:
            raise MemoryError("no room is left in what is shared")
        shared = self._shared
        shared[start:middle] = data
        shared[middle : middle + len(raw)] = raw
        _HEADER.pack_into(shared, end, 0, 0)
        _HEADER.pack_into(shared, self._at, 0, len(raw))
        _LENGTH.pack_into(shared, self._at, len(data))  # last and alone: now it is whole
        self._at = end

    def messages(self) -> list[Any]:
        """What was emitted whole."""
        found: list[Any] = []
        at = 0
        while True:
            size, raw = _HEADER.unpack_from(self._shared, at)
            if not size:
                return found
            middle = at + _HEADER.size + size
            message = marshal.loads(self._shared[at + _HEADER.size : middle])
            found.append((*message, self._shared[middle : middle + raw]) if raw else message)
            at = _aligned(middle + raw)

    def close(self) -> None:
        """Give the memory back."""
        self._shared.close()


def _aligned(at: int) -> int:
    return (at + _HEADER.size - 1) & -_HEADER.size


class Worker:
    """Runs `task` in a child; what it emits (plain values) is collected here."""

    def __init__(self, task: Callable[[Emit], None]) -> None:
        """OSError where no memory, descriptor or process is left."""
        self._board = Board()
        self._read, write = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._read)
            os.close(write)
            raise
        if self._pid == 0:
            _run(task, self._board, write)
        os.close(write)

    def fileno(self) -> int:
        """Readable (hung up) as soon as the child has ended."""
        return self._read

    def collect(self, until: float) -> tuple[list[Any], bool]:
        """All messages, and whether the child ended by itself before `until` (monotonic)."""
        poll = select.poll()
        poll.register(self._read, 0)  # POLLHUP: its end of the pipe closes as it ends
        ended = bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
        os.close(self._read)
        if not ended:
            try:
                os.kill(self._pid, 9)  # stuck in the kernel it stays; init reaps it after us
            except ProcessLookupError:
                pass
        reap(self._pid, ended=ended)
        messages = self._board.messages()
        self._board.close()
        return messages, ended


_left: list[int] = []  # children that had not ended in time


def reap(pid: int, *, ended: bool) -> None:
    """Take note of the end of a child; of one that has not ended, if it does so in some ms.

    Its pipes close before it can be waited for: to look once and at once would be too early.
    One that takes longer (it hangs, or the CPU is busy) is looked for again with the next: a
    daemon would gather zombies.
    """
    _left[:] = [left for left in _left if not _is_over(left)]
    try:
        if ended:
            os.waitpid(pid, 0)
            return
    except ChildProcessError:
        return
    for _ in range(20):
        if _is_over(pid):
            return
        time.sleep(0.001)
    _left.append(pid)


def _is_over(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True  # whoever started us ignores SIGCHLD: the kernel has reaped it


def _run(task: Callable[[Emit], None], board: Board, write: int) -> None:
    """The child: closes all but its pipe, runs, and ends without any clean-up of ours."""
    status = 1
    try:
        keep_only(write)
        task(board.emit)
        status = 0
    finally:
        os._exit(status)


def keep_only(*kept: int) -> tuple[int, ...]:
    """In a child: /dev/null for 0, 1 and 2, and nothing else open but `kept`, as they are now."""
    above: list[int] = []
    for fd in kept:
        moved = fd
        while moved < 3:  # our parent was started with its own 0, 1 or 2 closed
            moved = os.dup(moved)
        above.append(moved)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    _close_all_but(above)
    return tuple(above)


def _close_all_but(kept: Collection[int]) -> None:
    """Close all from 3 up.  The limit says nothing: it may be lower by now, or a million."""
    try:
        held = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        first = 3
        for fd in sorted(kept):
            os.closerange(first, fd)
            first = fd + 1
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))
        return
    for fd in held:
        if fd > 2 and fd not in kept:
            os.closerange(fd, fd + 1)  # which passes over the listing's own, closed by now
