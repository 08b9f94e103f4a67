"""A forked process for what may hang in the kernel or on the network.

A thread stuck in an ioctl keeps its whole process from ending; a child is left
behind.  It holds none of our descriptors, so whoever reads our output is not
kept waiting by it.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Emit = Callable[[Any], None]

F_SETPIPE_SZ = 1031  # <linux/fcntl.h>
_PIPE_SIZE = 1 << 20  # bytes, the most for a user: fewer turns between the two processes
_HEADER = 4  # bytes of length before each message


class Worker:
    """Runs `task` in a child; what it emits (plain values) is collected here."""

    def __init__(self, task: Callable[[Emit], None]) -> None:
        self._read, write = os.pipe()
        with contextlib.suppress(OSError):  # a user may have no more of these: it is slower then
            fcntl.fcntl(self._read, F_SETPIPE_SZ, _PIPE_SIZE)
        self._pid = os.fork()
        if self._pid == 0:
            _run(task, write)
        os.close(write)

    def collect(self, until: float) -> tuple[list[Any], bool]:
        """All messages, and whether the child ended by itself before `until` (monotonic)."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        data, ended = bytearray(), False
        while not ended:
            left = until - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000 + 1):
                break
            part = os.read(self._read, 1 << 20)
            data += part
            ended = not part
        os.close(self._read)
        # Whoever started us may ignore SIGCHLD: then the kernel has reaped the child.
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            if ended:
                os.waitpid(self._pid, 0)  # its pipe closes as it ends: it is as good as gone
            else:
                self._leave()
        return _messages(bytes(data)), ended

    def _leave(self) -> None:
        os.kill(self._pid, 9)  # stuck in the kernel it stays; init reaps it after us
        for _ in range(20):
            if os.waitpid(self._pid, os.WNOHANG)[0]:
                break
            time.sleep(0.001)


def _run(task: Callable[[Emit], None], write: int) -> None:
    """The child: closes all but its pipe, runs, and ends without any clean-up of ours."""

    def emit(message: Any) -> None:
        data = marshal.dumps(message)
        data = len(data).to_bytes(_HEADER, "little") + data
        while data:
            data = data[os.write(write, data) :]

    status = 1
    try:
        while write < 3:  # our parent was started with its own 0, 1 or 2 closed
            write = os.dup(write)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        _close_all_but(write)
        task(emit)
        status = 0
    finally:
        os._exit(status)


def _close_all_but(kept: int) -> None:
    """Close all from 3 up.  The limit says nothing: it may be lower by now, or a million."""
    try:
        held = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
        return
    for fd in held:
        if fd > 2 and fd != kept:
            os.closerange(fd, fd + 1)  # which passes over the listing's own, closed by now


def _messages(data: bytes) -> list[Any]:
    """What was emitted whole; a message that a killed child left half is dropped."""
    found: list[Any] = []
    at = 0
    while at + _HEADER <= len(data):
        size = int.from_bytes(data[at : at + _HEADER], "little")
        at += _HEADER
        if at + size > len(data):
            break
        found.append(marshal.loads(data[at : at + size]))
        at += size
    return found
