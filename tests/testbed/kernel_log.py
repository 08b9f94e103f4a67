"""The kernel's own stamps: /dev/kmsg (Documentation/ABI/testing/dev-kmsg)."""

from __future__ import annotations

import os
import select
import time

_MARK = b"accelnet: a mark for its clock\n"


class KernelLog:
    """Reads what is logged from now on; all moments are those of time.monotonic()."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDWR | os.O_NONBLOCK)
        self.skip()
        begun = time.monotonic()
        os.write(self._fd, _MARK)
        # The kernel stamps by a clock of its own, some milliseconds off.
        self._offset = 0.0
        self._offset = self.moment("a mark for its clock") - begun

    def skip(self) -> None:
        """Pass over what is logged so far."""
        os.lseek(self._fd, 0, os.SEEK_END)

    def moment(self, text: str, seconds: float = 30.0) -> float:
        """When a message with this text was, or will be logged; RuntimeError where it is not."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        until = time.monotonic() + seconds
        while poll.poll(max(0.0, until - time.monotonic()) * 1000):
            head, _, line = os.read(self._fd, 8192).partition(b";")
            if text.encode() in line:
                return int(head.split(b",")[2]) / 1e6 - self._offset
        raise RuntimeError(f"the kernel did not say {text!r}")

    @staticmethod
    def wall(moment: float) -> float:
        """The same moment in seconds since the epoch."""
        return time.time() - time.monotonic() + moment
