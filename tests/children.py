"""The children of the process that tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable


def living() -> set[int]:
    """Not those that have ended, and are only not waited for yet."""
    return {
        child.pid
        for child in psutil.Process().children()
        if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    }


def soon(holds: Callable[[], bool]) -> bool:
    """Within 5 seconds: a killed child may need a while on a busy CPU."""
    give_up = time.monotonic() + 5
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.01)
    return holds()
