"""/dev/kmsg, read whole or as it grows (Documentation/ABI/testing/dev-kmsg).

A daemon that may read the kernel's ring buffer at all keeps its descriptor, and
so its place, and of what it reads the lines that concern VFs.
"""

from __future__ import annotations

import errno
import os

from accelnet_probes.kernel_log import keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KMSG = "dev/kmsg"
MAX_LINES = 2000
MOST_AT_ONCE = 200_000  # records: more than any ring holds, so a flood ends it and no loop
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_RECORD = 8192  # CONSOLE_EXT_LOG_MAX, kernel/printk


def line_of(record: bytes) -> bytes | None:
    """A record as dmesg prints it: "[    1.234567] text"; None for what is no record."""
    head, _, text = record.partition(b"\n")[0].partition(b";")
    fields = head.split(b",")
    if len(fields) < 3 or not fields[2].isdigit() or len(fields[2]) > 18:
        return None
    seconds, micros = divmod(int(fields[2]), 1_000_000)
    return b"[%5d.%06d] %s\n" % (seconds, micros, text)


def new_lines(fd: int, read: Callable[[int, int], bytes] = os.read) -> tuple[list[bytes], bool]:
    """What the descriptor, which does not block, has not given yet.

    And whether something before it was overwritten, so that what was read earlier is no part
    of the same log.
    """
    lines: list[bytes] = []
    lost = False
    for _ in range(MOST_AT_ONCE):
        try:
            record = read(fd, _RECORD)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            lines, lost = [], True  # overwritten while we read: on with the oldest
            continue
        if not record:
            break
        line = line_of(record)
        if line is not None:
            lines.append(line)
    return lines, lost


def read_all(path: str) -> bytes:
    """The whole ring buffer; OSError where it may not be read."""
    fd = os.open(path, _FLAGS)
    try:
        return b"".join(new_lines(fd)[0])
    finally:
        os.close(fd)


class KernelRing:
    """The kernel log's lines about VFs, oldest first, as they are by now.

    Before them the log's first line, whatever it is about: it says when the log begins.  Where
    lines were overwritten or are too many, the log begins later.
    """

    def __init__(self, prefix: str = "/") -> None:
        self._path = prefix.rstrip("/") + "/" + KMSG
        self._fd: int | None = None
        self._lines: list[bytes] = []
        self._joined: bytes | None = None

    def read(self) -> bytes:
        """All kept lines; OSError where the log may not be read."""
        new, lost = self._new_lines()
        if lost:
            self._lines = []
        if new or lost or self._joined is None:
            kept = keep(new) if self._lines else [*new[:1], *keep(new[1:])]
            self._lines = (self._lines + kept)[-MAX_LINES:]
            self._joined = b"".join(self._lines)
        return self._joined

    def _new_lines(self) -> tuple[list[bytes], bool]:
        if self._fd is None:
            self._fd = os.open(self._path, _FLAGS)
        return new_lines(self._fd)
