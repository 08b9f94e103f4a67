"""How much of what each NIC sent went by its VF, over the last hour: for the page."""

from __future__ import annotations

from collections import deque

from accelnet_agent.datapath import is_zero, last_statistics, sum_of_queues

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from accelnet_agent.machine import Nic
    from accelnet_agent.report import Report
    from accelnet_agent.tracks import Moment

    # When the interval ended, its length (seconds), packets by the VF and past it
    Point: TypeAlias = tuple[float, float, int | None, int | None]

HOUR = 3600.0
STEP = 15.0  # seconds between two points at the least


class Shares:
    """Points of each NIC, oldest first."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Point]] = {}  # `at` by the boot clock, which nobody sets
        self._before: dict[str, tuple[float, int | None, int | None]] = {}

    def take(self, report: Report, now: Moment) -> None:
        """Add a point for each NIC, where it is time."""
        for nic in report.machine.nics:
            before = self._before.get(nic.name)
            if before is not None and now.boot - before[0] < STEP:
                continue
            sent = _sent(nic)
            self._before[nic.name] = (now.boot, *sent)
            if before is not None:
                vf, past = _growth(before[1], sent[0]), _growth(before[2], sent[1])
                points = self._points.setdefault(nic.name, deque(maxlen=int(HOUR / STEP)))
                points.append((now.boot, now.boot - before[0], vf, past))

    def of_the_last_hour(self, now: Moment) -> dict[str, tuple[Point, ...]]:
        """The points of each NIC, oldest first; `at` in seconds since the epoch, as it is now."""
        return {
            name: tuple(
                (now.wall - (now.boot - at), seconds, vf, past)
                for at, seconds, vf, past in points
                if now.boot - at < HOUR
            )
            for name, points in sorted(self._points.items())
        }


def _sent(nic: Nic) -> tuple[int | None, int | None]:
    """By the VF and past it; None where the driver has no numbers, which reads as zeros."""
    statistics = last_statistics(nic.netdev)
    if is_zero(statistics):
        return None, None
    return statistics.get("vf_tx_packets"), sum_of_queues(statistics, "tx_queue_", "_packets")


def _growth(before: int | None, after: int | None) -> int | None:
    if before is None or after is None or after < before:
        return None
    return after - before
