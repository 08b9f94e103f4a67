"""/dev/kmsg, read whole or as it grows (Documentation/ABI/testing/dev-kmsg).

A daemon that may read the kernel's ring buffer at all keeps its descriptor, and
so its place, and of what it reads the lines that concern VFs.
"""

from __future__ import annotations

import errno
import os

from accelnet_probes.kernel_log import keep

KMSG = "dev/kmsg"
MAX_LINES = 2000
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_RECORD = 8192  # CONSOLE_EXT_LOG_MAX, kernel/printk


def line_of(record: bytes) -> bytes | None:
    """A record as dmesg prints it: "[    1.234567] text"; None for what is no record."""
    head, _, text = record.partition(b"\n")[0].partition(b";")
    fields = head.split(b",")
    if len(fields) < 3 or not fields[2].isdigit():
        return None
    seconds, micros = divmod(int(fields[2]), 1_000_000)
    return b"[%5d.%06d] %s\n" % (seconds, micros, text)


def new_lines(fd: int) -> list[bytes]:
    """What the descriptor, which does not block, has not given yet."""
    lines: list[bytes] = []
    while True:
        try:
            record = os.read(fd, _RECORD)
        except BlockingIOError:
            return lines
        except OSError as error:
            if error.errno == errno.EPIPE:  # overwritten while we read: on with the oldest
                continue
            raise
        if not record:
            return lines
        line = line_of(record)
        if line is not None:
            lines.append(line)


def read_all(path: str) -> bytes:
    """The whole ring buffer; OSError where it may not be read."""
    fd = os.open(path, _FLAGS)
    try:
        return b"".join(new_lines(fd))
    finally:
        os.close(fd)


class KernelRing:
    """The kernel log's lines about VFs, oldest first, as they are by now."""

    def __init__(self, prefix: str = "/") -> None:
        self._path = prefix.rstrip("/") + "/" + KMSG
        self._fd: int | None = None
        self._first: list[bytes] = []  # says when the log begins
        self._lines: list[bytes] = []
        self._joined: bytes | None = None

    def read(self) -> bytes:
        """All kept lines; OSError where the log may not be read."""
        if self._fd is None:
            self._fd = os.open(self._path, _FLAGS)
        new = new_lines(self._fd)
        if new or self._joined is None:
            if not self._first:
                self._first = new[:1]
            self._lines = (self._lines + keep(new))[-MAX_LINES:]
            self._joined = b"".join(self._first + self._lines)
        return self._joined
