"""How far a long run has come: one line on a terminal, which goes when it ends.

Not a library's: tqdm or rich cost more to import than 1,000 reports take to read
(docs/dependencies.md), for one line.
"""

from __future__ import annotations

import os
import time

AFTER, EVERY = 0.5, 0.1  # seconds: what is done by then needs no line; between two
_CELLS = 24
_ERASE = b"\r\x1b[K"


class Progress:
    """A line on `fd`, if that is a terminal which can erase one."""

    def __init__(self, total: int, fd: int = 2, after: float | None = None) -> None:
        can = os.environ.get("TERM") not in (None, "", "dumb")
        self._fd, self._total = fd, total
        self._shows = can and os.isatty(fd)
        self._began = time.monotonic()
        self._next = self._began + (AFTER if after is None else after)
        self._shown = False

    def at(self, done: int, reports: int) -> None:
        """Tell that so many files have been read, and so many reports in them."""
        if not self._shows:
            return
        now = time.monotonic()
        if now >= self._next:
            self._next, self._shown = now + EVERY, True
            self._write(_ERASE + line(done, self._total, reports, now - self._began).encode())

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(_ERASE)

    def _write(self, data: bytes) -> None:
        try:
            os.write(self._fd, data)
        except OSError:
            self._shows = self._shown = False  # it decorates; the summary goes on


def line(done: int, total: int, reports: int, seconds: float) -> str:
    """ "[######......] 4,000 of 10,000 files, 1 s left": at most 79 columns."""
    if total == 1:  # a stream, whose end nobody knows
        return f"{reports:,} reports"
    cells = _CELLS * done // total
    bar = "#" * cells + "." * (_CELLS - cells)
    left = f", {round(seconds * (total - done) / done):,} s left" if done else ""
    return f"[{bar}] {done:,} of {total:,} files{left}"
