"""The two clocks that happenings are dated by, and which boot this is."""

from __future__ import annotations

import time

from accelnet_agent.tracks import Moment

BOOT_ID = "/proc/sys/kernel/random/boot_id"  # proc(5)


def moment() -> Moment:
    """Now."""
    return Moment(wall=time.time(), boot=time.clock_gettime(time.CLOCK_BOOTTIME))


def boot_id(path: str = BOOT_ID) -> str:
    """The kernel's id of this boot; one of no boot where it can not be read."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
