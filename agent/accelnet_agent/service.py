"""What systemd and its services say to one another: sd_notify(3), sd_listen_fds(3)."""

from __future__ import annotations

import os
import time

from accelnet_agent.report import UsageError

FIRST_FD = 3  # SD_LISTEN_FDS_START
WATCHDOG = "WATCHDOG=1"  # all is well


class Notifier:
    """Tells systemd, where it wants to be told."""

    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", None)
        micros = os.environ.pop("WATCHDOG_USEC", "")
        pid = os.environ.pop("WATCHDOG_PID", str(os.getpid()))
        mine = micros.isascii() and micros.isdecimal() and pid == str(os.getpid())
        # Seconds after which systemd takes silence for death; None: it does not watch.
        self.watchdog = int(micros) / 1e6 if mine and int(micros) else None

    def __call__(self, *states: str) -> None:
        """Send assignments such as "READY=1"; silence where nobody listens."""
        if self._address is None:
            return
        import socket

        address = self._address
        if address.startswith("@"):  # an abstract socket (unix(7))
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                # Its queue may be full.  The watchdog is fed again; the rest is said but once.
                out.settimeout(0 if states == (WATCHDOG,) else 1)
                out.sendto("\n".join(states).encode(), address)
        except OSError:
            pass  # systemd then goes by its own deadlines

    def reloading(self) -> None:
        """A reload begins: RELOADING=1 with the moment that Type=notify-reload wants."""
        self("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def passed_sockets() -> list[int]:
    """The descriptors of socket activation, none where they are for another process; UsageError."""
    count = os.environ.pop("LISTEN_FDS", "")
    pid = os.environ.pop("LISTEN_PID", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not (count.isascii() and count.isdecimal()):
        return []
    found: list[int] = []
    for fd in range(FIRST_FD, FIRST_FD + int(count[:9])):
        try:
            os.set_inheritable(fd, False)  # noqa: FBT003  so it is defined
        except OSError as error:
            raise UsageError(f"LISTEN_FDS={count}: descriptor {fd}: {error.strerror}") from error
        found.append(fd)
    return found
